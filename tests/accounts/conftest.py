from __future__ import annotations

from collections import Counter

import pytest
from argon2 import PasswordHasher
from flask import Flask

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from tests.accounts.browsing import PASSWORD, Browser
from tests.factories import make_user


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def known(app: Flask) -> User:
    """Somebody with an account and a password."""
    return make_user("Ada Known", email="known@example.org", password_hash=hash_password(PASSWORD))


@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often argon2 ran, by what it did."""
    ran: Counter[str] = Counter()
    for name in ("hash", "verify"):
        real = getattr(PasswordHasher, name)

        def counted(*given: object, _real: object = real, _name: str = name, **kw: object) -> object:
            ran[_name] += 1
            return _real(*given, **kw)  # type: ignore[operator]

        monkeypatch.setattr(PasswordHasher, name, counted)
    return ran


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> object:
    """hours(3) has the accounts' clock show three hours more than the machine's."""
    import datetime as dt

    from commentsvc import database
    from commentsvc.accounts import api_keys, registration, resets, sessions

    def advance(number: float) -> None:
        def later() -> dt.datetime:
            return database.utcnow() + dt.timedelta(hours=number)

        for module in (registration, resets, sessions, api_keys):
            monkeypatch.setattr(module, "utcnow", later)

    return advance
