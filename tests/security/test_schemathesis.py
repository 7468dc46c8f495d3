"""The whole API, asked by a machine that has read its document: nothing breaks, and what it promises holds."""

from __future__ import annotations

import contextvars
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS
from schemathesis.config import (
    AnalysisConfig,
    ChecksConfig,
    ConstantsConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.generation import GenerationMode

from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve
from tests.factories import make_article, make_comment, make_site, make_user
from tests.kept import filled

pytestmark = pytest.mark.slow

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods if method != "parameters"]
# Who asks, and how many requests of each kind: whoever gets further meets more. A few hashes of passwords
# take more time than all the others together.
EXAMPLES = {"anonymous": 1, "reader": 3, "admin": 6}
# Where a request that fits its schema may still be refused for what it means, which the document says in
# words: passwords too weak, cursors and codes that are not ours, roles one does not hold, a reason missing.
MEANING = {
    ("/api/v1/registrations", "post"), ("/api/v1/registrations/{handle}/verification", "post"), ("/api/v1/registrations/{handle}/resend", "post"),
    ("/api/v1/password-resets", "post"), ("/api/v1/password-resets/{token}", "put"), ("/api/v1/sessions", "post"), ("/api/v1/me", "patch"),
    ("/api/v1/comments/{comment_id}/questions", "post"), ("/api/v1/invitations/{token}", "get"), ("/api/v1/invitations/{token}/accept", "post"),
    ("/api/v1/invitations/{token}/account", "post"), ("/api/v1/me/second-factor/app", "put"), ("/api/v1/me/statements", "get"),
    ("/api/v1/me/statements/{puid}/appeal", "post"), ("/api/v1/appeals/{appeal_id}/decision", "post"), ("/api/v1/me/hidden", "get"), ("/api/v1/sites/{site_key}/people/{user_id}/bio", "post"), ("/api/v1/comments/{comment_id}/notes", "post"), ("/api/v1/me/hidden/{user_id}", "put"), ("/api/v1/queues/{queue}", "get"), ("/api/v1/sessions/current/confirmation", "post"),
    ("/api/v1/me/notifications", "get"), ("/api/v1/me/notifications/read", "post"), ("/api/v1/me/follows", "get"),
    ("/api/v1/me/consents/{purpose}", "put"), ("/api/v1/me/data", "post"), ("/api/v1/me/deletion", "post"),
    ("/api/v1/api-keys", "post"), ("/api/v1/sites", "post"), ("/api/v1/sites/{site_key}", "patch"), ("/api/v1/sites/{site_key}/roles", "put"),
    ("/api/v1/sites/{site_key}/articles", "post"), ("/api/v1/sites/{site_key}/articles", "get"), ("/api/v1/sites/{site_key}/counts", "get"),
    ("/api/v1/articles/{article_id}", "patch"), ("/api/v1/articles/{article_id}/comments", "get"), ("/api/v1/articles/{article_id}/comments", "post"),
    ("/api/v1/comments/{comment_id}/replies", "get"), ("/api/v1/comments/{comment_id}/flags", "post"), ("/api/v1/comments/{comment_id}/legal-notices", "post"), ("/api/v1/comments/{comment_id}/decisions", "post"),
    ("/api/v1/sites/{site_key}/queues/{queue}", "get"), ("/api/v1/sites/{site_key}/modlog", "get"), ("/api/v1/decisions/{decision_id}/undo", "post"),
}
# Any text will do as its one parameter, so that nothing about it can be made invalid; or a text is
# measured after it was cleaned, so that a long one may fit; or what is empty in a query narrows nothing.
UNBREAKABLE = {
    ("/api/v1/registrations/{handle}/resend", "post"), ("/api/v1/invitations/{token}", "get"), ("/api/v1/api-keys", "post"),
    ("/api/v1/me", "patch"), ("/api/v1/queues/{queue}", "get"), ("/api/v1/sites/{site_key}/queues/{queue}", "get"),
}
HASHING = {
    ("/api/v1/sessions", "post"), ("/api/v1/registrations", "post"), ("/api/v1/me/data", "post"), ("/api/v1/me/deletion", "post"),
}


@dataclass
class Asked:
    """Who asks, and what there is."""

    role: str
    headers: dict[str, str]
    ids: dict[str, str]


@pytest.fixture(params=EXAMPLES)
def asked(app: Flask, request: pytest.FixtureRequest) -> Asked:
    role: str = request.param
    token, ids = filled(f"asked by {role}", lambda: _make(role))
    return Asked(role, {"Authorization": f"Bearer {token}"} if token else {}, ids)


def _make(role: str) -> tuple[str, dict[str, str]]:
    site = make_site()
    article = make_article(site)
    person: User | None = None
    if role != "anonymous":
        person = make_user(role=Role(role), site=site) if role != "reader" else make_user()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    make_user(role=Role.ADMIN, site=site)
    judged = make_comment(article, status=Status.HELD)
    decision = approve(judged, actor=manager, seen=judged.version)
    comment = make_comment(article, person) if person else make_comment(article)
    make_comment(article, status=Status.HELD)
    token = start_session(person, device="x") if person else ""
    if person:
        start_session(person, device="y")
    db.session.commit()
    ids = {
        "site_key": site.key, "article_id": article.id, "comment_id": comment.id, "decision_id": decision.id,
        "user_id": manager.id, "session_id": db.session.query(UserSession.id).limit(1).scalar() or 1, "key_id": 1, "queue": "held",
    }
    return token, {name: str(value) for name, value in ids.items()}


def document(app: Flask, parameters: dict[str, str], *, meaning: bool) -> Any:
    accepted = PositiveDataAcceptanceConfig(expected_statuses=["2xx", 304, 401, 403, 404, 409, *([422] if meaning else [])])
    without = AnalysisConfig(constants=ConstantsConfig(enabled=False))  # to read our source for literals takes longer than to ask
    project = ProjectConfig(parameters=parameters, checks=ChecksConfig(positive_data_acceptance=accepted), analysis=without)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return contextvars.Context().run(schemathesis.openapi.from_wsgi, "/api/v1/openapi.json", app, config=config)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_api_keeps_what_its_document_promises(app: Flask, asked: Asked, path: str, method: str) -> None:
    operation = document(app, asked.ids, meaning=(path, method) in MEANING)[path][method.upper()]
    for mode in (GenerationMode.POSITIVE, *(() if (path, method) in UNBREAKABLE else (GenerationMode.NEGATIVE,))):
        examples = min(EXAMPLES[asked.role], 3 if (path, method) in HASHING else 10)

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            db.session.remove()
            # A context of its own, in which nobody has signed in yet; checks ask again, without a token and with a wrong one.
            contextvars.Context().run(case.call_and_validate, headers=asked.headers, checks=CHECKS.get_all())

        ask()
