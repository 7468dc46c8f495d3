"""A browser without a screen: cookies, forms with their tokens, and the mails it gets."""

from __future__ import annotations

import contextvars
import re
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from commentsvc.delivery.models import Mail
from commentsvc.extensions import db

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
    found = re.search(r"^\s+(\d{6})$", mail.text, re.M)
    assert found, mail.text
    return found.group(1)


def link_in(mail: Mail) -> str:
    """The path of the mail's link."""
    found = re.search(r"http://localhost(/account/(?:verify|reset)/\S+)", mail.text)
    assert found, mail.text
    return found.group(1)


def error_beside(page: str, field: str) -> str:
    """The message a field's aria-describedby leads to."""
    found = re.search(rf'id="{field}-error"[^>]*>([^<]*)<', page)
    assert found, page
    assert re.search(rf'aria-describedby="[^"]*{field}-error', page)
    return unescape(found.group(1))
