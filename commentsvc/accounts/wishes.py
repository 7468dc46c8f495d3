"""How a person wants to be told of what: in the widget or not, by mail at once, in a digest, or never."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from commentsvc.accounts.models import NotificationWish
from commentsvc.config import Settings
from commentsvc.errors import Invalid
from commentsvc.extensions import db


class Kind(enum.StrEnum):
    """What somebody can be told of."""

    REPLY = "reply"
    MENTION = "mention"
    DECISION = "decision"  # on a comment of hers
    FEATURED = "featured"
    FOLLOWED = "followed"  # a new comment in a conversation she follows


class How(enum.StrEnum):
    """When a mail about it goes out."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


DIGESTS = (How.DAILY, How.WEEKLY)


@dataclass(frozen=True)
class Wish:
    widget: bool
    mail: How


# What is said to a person herself comes at once; what is merely pleasant waits for the morning. A followed
# conversation may bring hundreds: mails about it are for who asks for them.
DEFAULTS: dict[Kind, Wish] = {
    Kind.REPLY: Wish(True, How.AT_ONCE),
    Kind.MENTION: Wish(True, How.AT_ONCE),
    Kind.DECISION: Wish(True, How.AT_ONCE),
    Kind.FEATURED: Wish(True, How.DAILY),
    Kind.FOLLOWED: Wish(True, How.NEVER),
}


def wishes_of(user_id: int) -> dict[Kind, Wish]:
    """All of a person's wishes; one statement."""
    rows = db.session.scalars(
        select(NotificationWish).where(NotificationWish.user_id == user_id).execution_options(populate_existing=True)
    )
    return DEFAULTS | {Kind(row.kind): Wish(row.widget, How(row.mail)) for row in rows}


def wish_of(user_id: int, kind: Kind) -> Wish:
    """What a person wants of one kind."""
    row = db.session.get(NotificationWish, (user_id, kind.value), populate_existing=True)
    return DEFAULTS[kind] if row is None else Wish(row.widget, How(row.mail))


def set_wish(user_id: int, kind: Kind, wish: Wish) -> None:
    """Keep a person's wish; flushes. The caller holds her row."""
    row = db.session.get(NotificationWish, (user_id, kind.value), populate_existing=True)
    if row is None:
        db.session.add(NotificationWish(user_id=user_id, kind=kind.value, widget=wish.widget, mail=wish.mail.value))
    else:
        row.widget, row.mail = wish.widget, wish.mail.value
    db.session.flush()


def parse_how(text: str, field: str) -> How:
    """One of How; Invalid names the field."""
    try:
        return How(text)
    except ValueError:
        raise Invalid("Choose at once, daily, weekly or never.", field=field) from None


# Stopping mails from a mail itself


def _signer() -> URLSafeSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"][::-1], current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="notifications", signer_kwargs={"digest_method": hashlib.sha256})


def unsubscribe_url(user_id: int, what: Kind | How) -> str:
    """An address that stops one kind of mails, or a digest, for whoever has it; it can do nothing else."""
    settings: Settings = current_app.config["SETTINGS"]
    token = _signer().dumps([user_id, what.value])
    return f"{settings.BASE_URL.rstrip('/')}/account/unsubscribe/{token if isinstance(token, str) else token.decode()}"


def read_token(token: str) -> tuple[int, Kind | How] | None:
    """Whose mails of what a token of ours stops; None for any other."""
    try:
        user_id, what = _signer().loads(token)
        return int(user_id), How(what) if what in {how.value for how in DIGESTS} else Kind(what)
    except (BadSignature, ValueError, TypeError):
        return None
