from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from commentsvc import database
from commentsvc.accounts import api_keys, registration, resets, sessions
from commentsvc.accounts.models import User
from tests.accounts.browsing import count_hashings, make_known


@pytest.fixture
def known(app: Flask) -> User:
    return make_known()


@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_hashings(monkeypatch)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Has the accounts' clock show that many hours more than the machine's."""

    def advance(number: float) -> None:
        def later() -> dt.datetime:
            return database.utcnow() + dt.timedelta(hours=number)

        for module in (registration, resets, sessions, api_keys):
            monkeypatch.setattr(module, "utcnow", later)

    return advance
