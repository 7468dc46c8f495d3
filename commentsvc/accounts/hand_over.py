"""From a window of our own back to the frame that opened it: a browser that keeps third parties' cookies apart knows nobody in the frame.

The frame makes a secret and opens the window with its hash. Once somebody is signed in there, the window gets a code and
posts it to its opener, if that is of our own origin. The frame sends code and secret and gets a session of its own. A window that
somebody else opened, with a hash of theirs, tells its code to nobody.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import secrets

from sqlalchemy import delete

from commentsvc.accounts.identity import token_hash
from commentsvc.accounts.models import HandOver, User
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db

LIFETIME = dt.timedelta(seconds=60)


def parse_challenge(text: str) -> bytes:
    """The 32 bytes of a hash in base64url; Invalid for anything else."""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text.isascii() and len(text) == 43 else b""
    except binascii.Error:
        found = b""
    if len(found) != 32:
        raise Invalid("This window was not opened by a conversation. Close it and try again there.", code="hand_over_unknown")
    return found


def offer(user: User, challenge: bytes) -> str:
    """A code that whoever knows the secret of this hash can sign in with, once and for LIFETIME; flushes."""
    code = secrets.token_urlsafe(32)
    db.session.add(HandOver(code_hash=token_hash(code), challenge=challenge, user_id=user.id, expires_at=utcnow() + LIFETIME))
    db.session.flush()
    return code


def take_over(code: str, secret: str) -> User:
    """The person who was offered; Invalid(`hand_over_expired`) where code or secret is wrong, used or late. Flushes.

    The code is used up by whoever brings it, with the right secret or not.
    """
    row = db.session.execute(
        delete(HandOver).where(HandOver.code_hash == token_hash(code)).returning(HandOver.user_id, HandOver.challenge, HandOver.expires_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    made = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    if row is None or row.expires_at <= utcnow() or not secrets.compare_digest(row.challenge, made):
        db.session.commit()
        raise Invalid("This took too long. Sign in again.", code="hand_over_expired")
    return db.session.get_one(User, row.user_id)
