"""All nodes on one database sign with one secret key: one that would sign with another does not start.

A second host whose COMMENTSVC_SECRET_KEY was forgotten makes a key of its own and seems to work. Yet readers
lose their sign-in whenever the balancer sends them to the other node, forms and cursors are refused at random, and
nothing in any log says why.
"""

from __future__ import annotations

import hmac
from typing import Final, cast

from sqlalchemy import NullPool, Table, create_engine, select, update
from sqlalchemy.dialects.postgresql import insert

from commentsvc.accounts.models import SigningKey
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import Conflict
from commentsvc.extensions import db

ROW: Final = 1

_KEYS = cast("Table", SigningKey.__table__)  # by Core, in a process that has not loaded the other models


def fingerprint(secret: str) -> str:
    """What tells one key from another and gives none away."""
    return hmac.digest(secret.encode(), b"commentsvc signing key", "sha256").hex()


def check_signing_key(settings: Settings) -> bool:
    """Conflict when this database's nodes sign with a key that we do not know; True when we are the first.

    Where theirs is among our former keys, the key is being changed: from now on ours is theirs. A SQLite database belongs to one machine, whose key may change as its owner likes.
    """
    if settings.database_url.startswith("sqlite"):
        return False
    ours, *former = [fingerprint(key) for key in settings.secret_keys()]
    engine = create_engine(settings.database_url, poolclass=NullPool, connect_args=settings.connect_args)
    try:
        with engine.begin() as connection:
            # Two first nodes that start together: one of them writes the row, both read it.
            made = connection.execute(
                insert(_KEYS).values(id=ROW, fingerprint=ours, since=utcnow()).on_conflict_do_nothing().returning(_KEYS.c.id)
            ).first()
            theirs, since = connection.execute(select(_KEYS.c.fingerprint, _KEYS.c.since).where(_KEYS.c.id == ROW)).one()
            if theirs in former:
                connection.execute(update(_KEYS).where(_KEYS.c.id == ROW).values(fingerprint=ours, since=utcnow()))
                return False
    finally:
        engine.dispose()
    if hmac.compare_digest(ours, theirs):
        return made is not None
    whose = (
        "the one in COMMENTSVC_SECRET_KEY" if settings.SECRET_KEY
        else f"COMMENTSVC_SECRET_KEY is not set, so this node made its own in {settings.secret_path}"
    )
    raise Conflict(
        f"This database belongs to nodes that sign with another secret key, since {since:%Y-%m-%d %H:%M} UTC; ours is not it ({whose}). "
        "Readers would lose their sign-in from one request to the next. Set COMMENTSVC_SECRET_KEY to the key of the other nodes; where "
        "none was set there, it is in secret_key in their instance folder. To change the key for all nodes: commentsvc db rekey"
    )


def adopt_signing_key(settings: Settings) -> None:
    """From now on this database's nodes sign with our key. The caller commits."""
    row = db.session.get(SigningKey, ROW) or SigningKey(id=ROW)
    row.fingerprint, row.since = fingerprint(settings.secret_key()), utcnow()
    db.session.add(row)
    db.session.flush()
