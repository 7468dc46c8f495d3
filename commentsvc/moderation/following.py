"""What changed on a site since a console last asked: who decided what, and who has which comment before her.

Four statements, all of them on indexes: the counts, the decisions since the cursor, the claims, and the
questions. The cursor stays behind by OVERLAP: a decision gets its number before it is committed, so one with
a lower number may come into sight later. What is repeated for that changes nothing the second time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.desk import asked_count, claims_on
from commentsvc.moderation.featuring import STEPS
from commentsvc.moderation.models import Decision
from commentsvc.sites.models import Site

# Longer than a transaction takes, bulk decisions and slow disks included.
OVERLAP = dt.timedelta(seconds=15)
# Whoever was away for more than this reloads her list.
CHANGES_LIMIT = 200


@dataclass(frozen=True)
class Changed:
    """A decision of a person on a comment."""

    comment: int
    status: str
    by: str
    mine: bool


@dataclass(frozen=True)
class Changes:
    """What happened after the cursor, oldest first; `cursor` is for the next time."""

    cursor: int
    decisions: list[Changed]
    claims: list[tuple[int, str]]
    asked: int


def newest_decision(site: Site) -> int:
    """Where a page that is made now begins to follow."""
    return db.session.scalar(select(func.max(Decision.id)).where(Decision.site_id == site.id)) or 0


def changes_since(site: Site, cursor: int, person: User) -> Changes:
    """What people decided on the site after the cursor, and who is where."""
    settled = utcnow() - OVERLAP
    rows = db.session.execute(
        select(Decision.id, Decision.comment_id, Decision.to_status, Decision.reason, Decision.created_at, Decision.actor_id, User.display_name)
        .join(User, User.id == Decision.actor_id)
        .where(Decision.site_id == site.id, Decision.id > cursor)
        .order_by(Decision.id.desc())
        .limit(CHANGES_LIMIT)
    ).all()
    old = [row.id for row in rows if row.created_at < settled]
    return Changes(
        cursor=max(old, default=cursor),
        decisions=[
            Changed(row.comment_id, row.to_status, row.display_name, row.actor_id == person.id)
            for row in reversed(rows)
            if row.reason not in STEPS
        ],
        claims=claims_on(site.id, person), asked=asked_count(site.id, person.id),
    )
