"""Databases that are filled once and copied afterwards: many tests begin with the same rows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

from commentsvc.extensions import db

T = TypeVar("T")
FRESH_S = 60  # what is claimed or may still be undone or edited stays so


class Kept(NamedTuple):
    at: float
    copy: sqlite3.Connection
    value: Any


_kept: dict[str, Kept] = {}


def filled(name: str, fill: Callable[[], T]) -> T:
    """What `fill` writes into an empty database and returns, which is no object of the database.

    With SQLite it runs once a minute and process; a copy of its rows takes a tenth of the time.
    """
    if db.engine.dialect.name != "sqlite":
        return fill()
    if name in _kept and time.monotonic() - _kept[name].at < FRESH_S:
        with closing(db.engine.raw_connection()) as connection:
            _kept[name].copy.backup(connection.driver_connection)  # type: ignore[arg-type]
        return _kept[name].value  # type: ignore[no-any-return]
    value = fill()
    db.session.commit()
    db.session.remove()
    copy = sqlite3.connect(":memory:")
    with closing(db.engine.raw_connection()) as connection:
        connection.driver_connection.backup(copy)  # type: ignore[union-attr]
    _kept[name] = Kept(time.monotonic(), copy, value)
    return value
