"""A browser without a screen: cookies, forms with their tokens, and the mails it gets."""

from __future__ import annotations

import contextvars
import re
from collections import Counter
from html import unescape
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from tests.factories import make_user

PASSWORD = "seven green umbrellas"


class Browser:
    """Each request runs in a context of its own, as in service: nothing of the last one lingers."""

    def __init__(self, app: Flask, *, agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0") -> None:
        self.client = app.test_client()
        self.agent = agent

    def open(self, path: str, **kw: Any) -> TestResponse:
        # The test's own transaction would hold SQLite's write lock, and see old rows afterwards.
        db.session.commit()
        db.session.expire_all()
        headers = {"User-Agent": self.agent} | kw.pop("headers", {})
        response: TestResponse = contextvars.Context().run(self.client.open, path, headers=headers, **kw)
        return response

    def get(self, path: str, **kw: Any) -> TestResponse:
        return self.open(path, method="GET", **kw)

    def token(self, path: str) -> str:
        """The CSRF token of the page's first form."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, path
        return unescape(found.group(1))

    def post(self, path: str, data: dict[str, Any] | None = None, *, page: str = "/account/sign-up", **kw: Any) -> TestResponse:
        """Send a form with the token of `page`."""
        return self.open(path, method="POST", data={"csrf_token": self.token(page), **(data or {})}, **kw)

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/account/sign-in", {"email": email, "password": password}, page="/account/sign-in")


def mails() -> list[Mail]:
    """All mails, oldest first."""
    return list(db.session.scalars(select(Mail).order_by(Mail.id).execution_options(populate_existing=True)))


def code_in(mail: Mail) -> str:
    found = re.search(r"^\s+(\d{6})$", mail.text, re.MULTILINE)
    assert found, mail.text
    return found.group(1)


def link_in(mail: Mail) -> str:
    """The path of the mail's link."""
    found = re.search(r"http://localhost(?::[0-9]+)?(/account/(?:verify|reset|invitation)/\S+)", mail.text)
    assert found, mail.text
    return found.group(1)


def error_beside(page: str, field: str) -> str:
    """The message a field's aria-describedby leads to."""
    found = re.search(rf'id="{field}-error"[^>]*>([^<]*)<', page)
    assert found, page
    assert re.search(rf'aria-describedby="[^"]*{field}-error', page)
    return unescape(found.group(1))


def make_known() -> User:
    """Somebody with an account and a password."""
    return make_user("Ada Known", email="known@example.org", password_hash=hash_password(PASSWORD))


def count_hashings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often argon2 runs from now on, by what it does."""
    ran: Counter[str] = Counter()
    for name in ("hash", "verify"):
        real = getattr(PasswordHasher, name)

        def counted(*given: object, _real: Any = real, _name: str = name, **kw: object) -> object:
            ran[_name] += 1
            return _real(*given, **kw)

        monkeypatch.setattr(PasswordHasher, name, counted)
    return ran
