"""Votes and flags of many new accounts: all are kept, few are counted. The rule, with its reasons, is in docs/moderating.md.

A vote or flag of an account younger than NEW_FOR is counted unless

1. another that is counted came to the same comment from the same network, of a new account as well, or
2. so many counted ones of new accounts came to it within AT_ONCE.

That is found out once, under the article's lock, and written beside the vote: whatever is recounted later comes out the
same, and votes of all others cost nothing more.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, func, select, update

from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.extensions import db

NEW_FOR: Final = dt.timedelta(days=7)  # most brigades make their accounts for the day
AT_ONCE: Final = dt.timedelta(minutes=10)
VOTES_AT_ONCE: Final = 20  # a story with so many new readers who all vote on one comment is rare; so are their ten minutes
FLAGS_AT_ONCE: Final = 3  # as many as say clearly enough that somebody should look
# How long it is known which votes and flags on a comment came from one network: as long as their accounts are new.
KEPT: Final = NEW_FOR
FORGOTTEN_AT_ONCE: Final = 500
MARK_BYTES: Final = 16


@dataclass(frozen=True)
class Weight:
    """Of a vote or flag: the mark of its network (None: not of a new account), and whether it is counted."""

    network: bytes | None = None
    counted: bool = True


def mark_of(comment_id: int, network: str) -> bytes:
    """What tells that two votes on one comment came from one network, and nothing else: not which, and not of two comments.

    Empty where the network is not known.
    """
    if not network:
        return b""
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.digest(key, f"commentsvc network {comment_id} {network}".encode(), "sha256")[:MARK_BYTES]


def weigh(
    table: Any, comment_id: int, user: User, network: str, at_once: int, *where: ColumnElement[bool], discount: bool = True
) -> Weight:
    """Whether the user's vote or flag, about to be made, is counted; `where` says which others count. The article is locked.

    No statement for an account that is not new, or where the site does not `discount`.
    """
    now = utcnow()
    if not discount or now - user.created_at >= NEW_FOR:
        return Weight()
    mark = mark_of(comment_id, network)
    of_network, of_all = db.session.execute(
        select(func.count().filter(table.network == mark), func.count().filter(table.created_at > now - AT_ONCE)).where(
            table.comment_id == comment_id, table.network.is_not(None), table.counted, *where
        )
    ).one()
    return Weight(mark, not (mark and of_network) and of_all < at_once)


def forget(table: Any) -> bool:
    """Forget the networks of some votes or flags that are older than KEPT; whether there may be more. Flushes."""
    old = select(table.id).where(table.network.is_not(None), table.created_at < utcnow() - KEPT).order_by(table.created_at).limit(FORGOTTEN_AT_ONCE)
    gone: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        update(table).where(table.id.in_(old)).values(network=None).execution_options(synchronize_session=False)
    )
    return gone.rowcount == FORGOTTEN_AT_ONCE


class Given(Protocol):
    """A flag, as far as this looks at it."""

    created_at: dt.datetime
    network: bytes | None
    counted: bool


@dataclass(frozen=True)
class Crowd:
    """Some of new accounts that count as one."""

    number: int
    minutes: int  # between the first and the last, rounded up; at least 1


@dataclass(frozen=True)
class Sum:
    """How many were given and how many of them count; those of one network, and others that are not counted."""

    given: int
    counted: int
    crowds: tuple[Crowd, ...] = ()
    rest: int = 0


def sum_up(given: Iterable[Given]) -> Sum:
    """What to tell of a comment's open flags. Pure."""
    found = list(given)
    groups: dict[bytes, list[Given]] = {}
    for one in found:
        if one.network:
            groups.setdefault(one.network, []).append(one)
    crowds, in_crowds = [], 0
    for group in groups.values():
        if len(group) > 1 and any(one.counted for one in group):
            times = [one.created_at for one in group]
            crowds.append(Crowd(len(group), max(1, -((min(times) - max(times)) // dt.timedelta(minutes=1)))))
            in_crowds += sum(not one.counted for one in group)
    counted = sum(one.counted for one in found)
    crowds.sort(key=lambda crowd: -crowd.number)
    return Sum(len(found), counted, tuple(crowds), len(found) - counted - in_crowds)
