"""Secrets that the service has to read again: encrypted with a key made from the secret key.

Passwords, tokens and codes are only compared, so their hashes do. What an authenticator app counts with has to be
known on both sides.
"""

from __future__ import annotations

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken
from flask import current_app

_PURPOSE = b"commentsvc sealed secrets"


def seal(text: str, *, key: str | None = None) -> str:
    """The text encrypted and signed, with the secret key of this service or the one given."""
    return _box(key or current_app.config["SECRET_KEY"]).encrypt(text.encode()).decode()


def unseal(sealed: str, *, keys: list[str] | None = None) -> tuple[str, bool] | None:
    """The text, and whether it was sealed with the present key; None where no key of ours opens it."""
    ours = keys or [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    for number, key in enumerate(ours):
        try:
            return _box(key).decrypt(sealed.encode()).decode(), number == 0
        except InvalidToken:
            continue
    return None


def _box(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hmac.digest(key.encode(), _PURPOSE, "sha256")))
