"""The whole API, asked by a machine that has read its document: nothing breaks, and what it promises holds."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode

from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.slow

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods if method != "parameters"]
ROLES = ("anonymous", "reader", "community_manager", "admin")
# Each a request; a few hashes of passwords take more time than all the others together.
EXAMPLES = 12
HASHING = {("/api/v1/sessions", "post"), ("/api/v1/registrations", "post")}


@dataclass
class Asked:
    """Who asks, and what there is."""

    headers: dict[str, str]
    ids: dict[str, str]


@pytest.fixture(params=ROLES)
def asked(app: Flask, request: pytest.FixtureRequest) -> Asked:
    role: str = request.param
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
    return Asked({"Authorization": f"Bearer {token}"} if token else {}, {name: str(value) for name, value in ids.items()})


def document(app: Flask, parameters: dict[str, str], mode: GenerationMode) -> Any:
    generation = GenerationConfig(modes=[mode], allow_x00=True)
    project = ProjectConfig(generation=generation, parameters=parameters)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return contextvars.Context().run(schemathesis.openapi.from_wsgi, "/api/v1/openapi.json", app, config=config)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_api_keeps_what_its_document_promises(app: Flask, asked: Asked, path: str, method: str) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        operation = document(app, asked.ids, mode)[path][method.upper()]
        examples = 3 if (path, method) in HASHING else EXAMPLES

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            db.session.remove()
            answer = contextvars.Context().run(case.call, headers=asked.headers)
            case.validate_response(answer, checks=CHECKS.get_all())

        ask()
