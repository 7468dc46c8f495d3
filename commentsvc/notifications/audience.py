"""Whom somebody may be told of, and who may be told: the one place that says so, asked when a notification is born and again when it is read or mailed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from commentsvc.accounts.models import User
from commentsvc.comments import hiding
from commentsvc.moderation.people_models import Sanction
from commentsvc.moderation.sanctions import BLOCKING, in_force

Column = Any  # a column, or a value


def hides(reader: Column, author: Column) -> ColumnElement[bool]:
    """Whether the reader hides the author: who hides somebody hears nothing of her here either."""
    return hiding.hides(reader, author)


def barred(person: Column, site: Column, now: dt.datetime) -> ColumnElement[bool]:
    """Whether the person is suspended or banned there: who cannot answer is not called into a conversation."""
    return exists(
        select(Sanction.id).where(
            Sanction.user_id == person, or_(Sanction.site_id == site, Sanction.site_id.is_(None)),
            Sanction.kind.in_([kind.value for kind in BLOCKING]), in_force(now),
        )
    )


def exists_still() -> ColumnElement[bool]:
    """Whether an account has an owner: not where it was erased, merged or imported."""
    return User.email.is_not(None)
