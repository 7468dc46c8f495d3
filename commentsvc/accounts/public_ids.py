"""The name of a person's public profile on a site: nobody can count through these, and one site's say nothing of another's."""

from __future__ import annotations

import base64
import binascii
import hmac
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flask import current_app

LENGTH: Final = 22  # characters
_PURPOSE: Final = b"commentsvc public ids"


def public_id(site_id: int, user_id: int) -> str:
    """The same for good, while the secret key is; 22 letters, digits, - and _."""
    return _written(current_app.config["SECRET_KEY"], site_id, user_id)


def read_public_id(site_id: int, text: str) -> int | None:
    """Whose it is on this site; None for what is no name of ours there. Written with a former secret key it holds too."""
    try:
        block = base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(text) != LENGTH or len(block) != 2 * _HALF:
        return None
    for key in (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]):
        opened = _cipher(key).decryptor().update(block)
        # Of what we did not write 2^64 texts go to one that says this site.
        if int.from_bytes(opened[:_HALF]) == site_id and base64.urlsafe_b64encode(block)[:LENGTH] == text.encode():
            return int.from_bytes(opened[_HALF:])
    return None


_HALF: Final = 8  # bytes


@lru_cache(50_000)
def _written(key: str, site_id: int, user_id: int) -> str:
    block = _cipher(key).encryptor().update(site_id.to_bytes(_HALF) + user_id.to_bytes(_HALF))
    return base64.urlsafe_b64encode(block)[:LENGTH].decode()


@lru_cache(8)
def _cipher(key: str) -> Cipher[modes.ECB]:
    # One block, each for one person of one site: as a keyed permutation is used, not as a mode for messages.
    return Cipher(algorithms.AES(hmac.digest(key.encode(), _PURPOSE, "sha256")[:16]), modes.ECB())  # noqa: S305
