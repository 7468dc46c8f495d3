from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.test import TestResponse

from commentsvc.accounts.api_keys import create_key
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.extensions import db
from commentsvc.sites.models import Article, Site
from tests.factories import make_article, make_site, make_user


class Answer(TestResponse):
    """A response whose JSON is taken as it is found."""

    json: Any


class Caller:
    """A program that calls the API; each request runs in a context of its own, as in service."""

    def __init__(self, app: Flask, token: str = "") -> None:
        self.app = app
        self.token = token

    def call(self, method: str, path: str, json: Any = None, **kw: Any) -> Answer:
        # The test's own transaction would hold SQLite's write lock, and see old rows afterwards.
        db.session.commit()
        db.session.expire_all()
        headers = dict(kw.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if json is not None:
            kw["json"] = json
        address = path if path.startswith("/api/") else f"/api/v1{path}"
        response = contextvars.Context().run(
            self.app.test_client().open, address, method=method, headers=headers, **kw
        )
        return cast("Answer", response)

    def get(self, path: str, **kw: Any) -> Answer:
        return self.call("GET", path, **kw)

    def post(self, path: str, json: Any = None, **kw: Any) -> Answer:
        return self.call("POST", path, json, **kw)

    def put(self, path: str, json: Any = None, **kw: Any) -> Answer:
        return self.call("PUT", path, json, **kw)

    def patch(self, path: str, json: Any = None, **kw: Any) -> Answer:
        return self.call("PATCH", path, json, **kw)

    def delete(self, path: str, **kw: Any) -> Answer:
        return self.call("DELETE", path, **kw)


def problem(response: Answer) -> dict[str, Any]:
    """The problem document; fails when the answer is none."""
    assert response.mimetype == "application/problem+json", response.text
    document: dict[str, Any] = response.json
    assert document["status"] == response.status_code
    assert document["type"] == f"urn:commentsvc:problem:{document['code']}"
    assert document["instance"] == response.headers["X-Request-Id"]
    assert document["detail"].strip()
    assert document["title"]
    return document


@pytest.fixture
def anyone(app: Flask) -> Caller:
    return Caller(app)


@pytest.fixture
def session_of(app: Flask) -> Callable[[User], Caller]:
    """Signs somebody in."""

    def sign_in(user: User) -> Caller:
        token = start_session(user, device="a test")
        db.session.commit()
        return Caller(app, token)

    return sign_in


@pytest.fixture
def key_of(app: Flask) -> Callable[..., Caller]:
    """A program that acts with a key of somebody."""

    def make(user: User, *scopes: str, site: Site | None = None) -> Caller:
        _, secret = create_key(user, "a test", list(scopes), site)
        db.session.commit()
        return Caller(app, secret)

    return make


@dataclass
class Paper:
    """A site with an article and somebody in every role."""

    site: Site
    article_id: int
    reader: Caller
    member: Caller
    expert: Caller
    manager: Caller
    second_manager: Caller
    admin: Caller
    stranger: Caller  # a community manager of another site
    people: dict[str, User]

    @property
    def comments(self) -> str:
        return f"/articles/{self.article_id}/comments"

    @property
    def article(self) -> Article:
        """The article as the database has it now."""
        return db.session.scalars(
            select(Article)
            .where(Article.id == self.article_id)
            .options(joinedload(Article.site))
            .execution_options(populate_existing=True)
        ).one()


@pytest.fixture
def paper(app: Flask, anyone: Caller, session_of: Callable[[User], Caller]) -> Paper:
    site, elsewhere = make_site(), make_site()
    people = {
        "member": make_user("Mia Member"),
        "expert": make_user("Eve Expert", role=Role.EXPERT, site=site),
        "manager": make_user("Max Manager", role=Role.COMMUNITY_MANAGER, site=site),
        "second_manager": make_user("Sue Second", role=Role.COMMUNITY_MANAGER, site=site),
        "admin": make_user("Ann Admin", role=Role.ADMIN, site=site),
        "stranger": make_user("Stan Stranger", role=Role.ADMIN, site=elsewhere),
    }
    return Paper(
        site=site, article_id=make_article(site).id, reader=anyone, people=people,
        **{name: session_of(user) for name, user in people.items()},
    )
