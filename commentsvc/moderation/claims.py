"""Which comment is screened next, and who has it meanwhile."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, update

from commentsvc.comments.models import Comment, EditStatus, Status
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db

# SQLite takes a partial index only when its WHERE stands in the statement to the letter; with a
# parameter it would read all comments there are.
PENDING: ColumnElement[bool] = Comment.status == literal_column(f"'{Status.PENDING.value}'")
EDITED: ColumnElement[bool] = Comment.edit_status == literal_column(f"'{EditStatus.PENDING.value}'")
POSTED: ColumnElement[bool] = Comment.external_id.is_(None)

# After that a comment is a part of what piled up: while no worker ran, or in a rush. Else the lane for fresh ones
# would work off the pile from its other end, eight at a time, and who has just posted would wait for those.
FRESH_FOR = dt.timedelta(minutes=1)
FRESH_BATCH = 8  # they are decided together: the first should not wait for many others
# A batch's texts together, unless one alone has more: half a second to a second of a core, so
# that a lane is never away for long, and well within the lease on a slow machine.
BATCH_CHARACTERS = 20_000
# Claims of a comment that ended without a decision, until a person gets it. More than the two or
# three that a worker restarted by force costs an innocent one.
MAX_ATTEMPTS = 3
# A claim that ends later than any that is made now was made by a clock that was ahead; its worker may be dead, and the
# comment would wait for as long as that was wrong.
CLOCKS_DIFFER = dt.timedelta(minutes=10)


class Lane(enum.Enum):
    """A list that workers take comments from.

    The rule: what readers post never waits behind what was imported or piled up, and what piled
    up is never starved by what readers post. So every worker has a lane of its own for the
    newest posted comments (`FRESH`: newest first, few at a time) beside one or more that take
    everything in the order it came (`BACKLOG`). The newest goes first because its author is
    looking; the oldest never waits behind it, because the other lane takes nothing but the oldest.
    Last comes what was published unscored while the model was away (`AGAIN`). Edits of published comments (`EDITS`) come
    after the newest ones: their authors are looking too, but nobody misses what is to be read meanwhile.
    """

    FRESH = "fresh"
    BACKLOG = "backlog"
    AGAIN = "again"
    EDITS = "edits"


@dataclass(frozen=True, slots=True)
class Claim:
    """A comment that is ours for the length of the lease; `attempts` includes this one."""

    comment_id: int
    version: int
    attempts: int

    @property
    def suspect(self) -> bool:
        """An earlier claim ended badly: it may be this text that crashes or hangs the model."""
        return self.attempts > 1

    @property
    def hopeless(self) -> bool:
        return self.attempts > MAX_ATTEMPTS


def waiting(lane: Lane, lease: int) -> bool:
    """Whether there is anything to claim; takes no lock, and leaves no transaction open."""
    reading = write_intent.set(False)
    try:
        found = db.session.execute(_free(lane, select(Comment.id), utcnow(), lease).limit(1)).first()
        db.session.rollback()
    finally:
        write_intent.reset(reading)
    return found is not None


def claim(lane: Lane, limit: int, lease: int) -> list[Claim]:
    """Take up to `limit` comments for `lease` seconds, in the lane's order; the caller commits.

    Pending rows are the truth: a worker that dies with a claim lets it run out, and another takes
    the comments over. One whose claim ended badly before comes alone, so that nobody is blamed
    for a neighbour.
    """
    now = utcnow()
    query = select(Comment.id, func.length(Comment.body), Comment.screen_attempts)
    # PostgreSQL's workers pass over each other's rows; SQLite has one writer anyway.
    rows = db.session.execute(_free(lane, query, now, lease).limit(limit).with_for_update(skip_locked=True)).all()
    ids = _batch([(row[0], row[1], row[2]) for row in rows])
    if not ids:
        return []
    taken = db.session.execute(
        update(Comment)
        .where(Comment.id.in_(ids))
        .values(claimed_until=now + dt.timedelta(seconds=lease), screen_attempts=Comment.screen_attempts + 1)
        .returning(Comment.id, Comment.version, Comment.screen_attempts)
        .execution_options(synchronize_session=False)
    ).all()
    place = {comment_id: n for n, comment_id in enumerate(ids)}
    return sorted((Claim(*row) for row in taken), key=lambda c: place[c.comment_id])


def release(claims: Sequence[Claim], *, blame: bool) -> None:
    """Give comments back at once; without `blame` the attempt does not count. The caller commits."""
    values: dict[str, object] = {"claimed_until": None}
    if not blame:
        values["screen_attempts"] = Comment.screen_attempts - 1
    db.session.execute(
        update(Comment)
        .where(Comment.id.in_([c.comment_id for c in claims]), Comment.claimed_until.is_not(None))
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _free(lane: Lane, query: Select[Any], now: dt.datetime, lease: int) -> Select[Any]:
    until = Comment.claimed_until
    query = query.where(or_(until.is_(None), until < now, until > now + dt.timedelta(seconds=lease) + CLOCKS_DIFFER))
    if lane is Lane.FRESH:
        posted_now = Comment.created_at > now - FRESH_FOR
        return query.where(PENDING, POSTED, posted_now, Comment.screen_attempts == 0).order_by(Comment.id.desc())
    if lane is Lane.AGAIN:
        return query.where(Comment.screen_again).order_by(Comment.id)
    if lane is Lane.EDITS:
        return query.where(EDITED).order_by(Comment.id)
    return query.where(PENDING).order_by(Comment.id)


def _batch(found: Sequence[tuple[int, int, int]]) -> list[int]:
    """The ids to take together: a suspect alone, others up to the next one and to what fits."""
    ids: list[int] = []
    characters = 0
    for comment_id, size, attempts in found:
        characters += size
        if ids and (attempts or characters > BATCH_CHARACTERS):
            break
        ids.append(comment_id)
        if attempts:
            break
    return ids
