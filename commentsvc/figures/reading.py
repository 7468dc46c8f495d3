"""Rows for counting: streamed, as plain values, without taking anything's lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Executable, select

from commentsvc.database import write_intent
from commentsvc.extensions import db
from commentsvc.figures.stories import Step, Story, tell
from commentsvc.moderation.models import Decision

BATCH = 2000  # rows in memory at a time


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection to read with; no transaction is open before or after. SQLite's writers are not held up."""
    token = write_intent.set(False)
    db.session.rollback()
    try:
        yield db.session.connection()
    finally:
        db.session.rollback()
        write_intent.reset(token)


def stream(connection: Connection, query: Executable) -> Iterator[Any]:
    """The rows of a query, a few at a time."""
    yield from connection.execute(query, execution_options={"yield_per": BATCH})


def stories(connection: Connection, comment_ids: Any) -> Iterator[tuple[int, Story]]:
    """What became of each of the comments that a subquery names; those without any decision are left out."""
    query = (
        select(
            Decision.comment_id, Decision.id, Decision.from_status, Decision.to_status, Decision.actor_id, Decision.reason,
            Decision.undoes_id, Decision.created_at, Decision.revision,
        )
        .where(Decision.comment_id.in_(comment_ids))
        .order_by(Decision.comment_id, Decision.id)
    )
    for comment_id, rows in groupby(stream(connection, query), key=lambda row: row[0]):
        yield comment_id, tell(_steps(rows))


def _steps(rows: Iterable[Any]) -> Iterator[Step]:
    return (Step(*row[1:]) for row in rows)
