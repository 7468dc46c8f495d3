"""How far an author is trusted on a site: one formula over her record, written down in docs/people.md."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

# Counting stops here: more good comments say nothing more, and cost reading.
PUBLISHED_COUNTED = 50
# What was rejected longer ago is forgiven.
FORGIVEN_AFTER = dt.timedelta(days=90)

MEMBER_PUBLISHED = 3
TRUSTED_PUBLISHED = 20
# From the first comment that stands; what is farmed in an afternoon earns nothing.
TRUSTED_AFTER = dt.timedelta(days=30)
# So many marks against her, and at least one for so many comments that stand.
WATCHED_MARKS = 3
WATCHED_SHARE = 10


class Level(enum.StrEnum):
    """From the least trusted to the most."""

    WATCHED = "watched"
    NEW = "new"
    MEMBER = "member"
    TRUSTED = "trusted"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True)
class Standing:
    """What of an author's record on one site the formula looks at.

    Nothing here can be given to her by other readers: no votes, no replies, no flags that she made. Readers' flags
    count against her where a community manager agreed, by comment, so that many accounts say no more than one.
    """

    published: int = 0  # comments that stand, up to PUBLISHED_COUNTED
    first_published: dt.datetime | None = None  # when the oldest of them was posted
    rejected: int = 0  # comments of the last FORGIVEN_AFTER, also those she withdrew once rejected
    upheld: int = 0  # of these: rejected by a community manager after readers had flagged them


def level_of(standing: Standing, now: dt.datetime) -> Level:
    """The level of trust.

    marks = rejected + upheld. Watched: 3 marks or more, and more than one for 10 published. Trusted: 20 published, the
    first 30 days ago, no marks. Member: 3 published. Else new.
    """
    marks = standing.rejected + standing.upheld
    if marks >= WATCHED_MARKS and marks * WATCHED_SHARE > standing.published:
        return Level.WATCHED
    if (
        marks == 0 and standing.published >= TRUSTED_PUBLISHED
        and standing.first_published is not None and now - standing.first_published >= TRUSTED_AFTER
    ):
        return Level.TRUSTED
    return Level.MEMBER if standing.published >= MEMBER_PUBLISHED else Level.NEW
