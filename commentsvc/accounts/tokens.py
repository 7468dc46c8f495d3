"""Signed tokens of others: read with the keys they publish, believed only as far as the key's own algorithm goes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key

from commentsvc.accounts.fetching import FetchFailed, fetch_json

SKEW = 60  # seconds that two clocks may differ
TOKEN_LENGTH = 8192
SHORTEST_SECRET = 32  # bytes, of HS256: as long as its hash
SHORTEST_RSA = 2048
KEPT = 600  # seconds for which fetched keys are not asked for again
AGAIN_AFTER = 60  # unless a token names one that is not among them, and then not more often than this

# The kind of key each algorithm takes, and its curve. There is no "none".
_KINDS: Final[dict[str, tuple[type[RSAKey | ECKey | OKPKey | OctKey], str | None]]] = {
    "RS256": (RSAKey, None), "ES256": (ECKey, "P-256"), "EdDSA": (OKPKey, "Ed25519"), "HS256": (OctKey, None),
}
PUBLIC = ("RS256", "ES256", "EdDSA")
ALGORITHMS = tuple(_KINDS)


class BadToken(Exception):  # noqa: N818
    """A token that is not believed; the text says why and quotes nothing of it."""


def fits(key: Key, algorithm: str) -> bool:
    """Whether the key is of the kind that the algorithm takes, and strong enough."""
    kind, curve = _KINDS[algorithm]
    if not isinstance(key, kind):
        return False
    if isinstance(key, RSAKey):
        return key.raw_value.key_size >= SHORTEST_RSA
    if isinstance(key, OctKey):
        return len(key.raw_value) >= SHORTEST_SECRET
    return curve is None or key.curve_name == curve


def import_text(text: str, algorithm: str) -> Key:
    """The key in a PEM, or for HS256 the secret itself; an error of joserfc's or ValueError where it is none for the algorithm."""
    return _KINDS[algorithm][0].import_key(text)


def header_of(token: str) -> dict[str, Any]:
    """What the token says of its own signature, not believed yet; BadToken where there is nothing to read."""
    head = token.split(".", 1)[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        raise BadToken("it is no signed token") from None
    if len(token) > TOKEN_LENGTH or token.count(".") != 2 or not isinstance(found, dict):
        raise BadToken("it is no signed token")
    if not isinstance(found.get("alg"), str) or not isinstance(found.get("kid", ""), str):
        raise BadToken("its header has no algorithm, or a key id that is no text")
    return found


def read(token: str, key: Key, algorithm: str) -> dict[str, Any]:
    """The token's claims, its signature right by this key and algorithm alone; BadToken otherwise."""
    if not fits(key, algorithm):
        raise BadToken("the key is not of its algorithm")
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError):
        raise BadToken("its signature is not right") from None
    if not isinstance(claims, dict):
        raise BadToken("it has no claims")
    return claims


def check_claims(claims: Mapping[str, Any], *, issuer: str, audience: str, now: float | None = None) -> None:
    """BadToken unless the token is of this issuer, for this audience, and good now, give or take SKEW."""
    now = time.time() if now is None else now
    if claims.get("iss") != issuer:
        raise BadToken("another issuer made it")
    given = claims.get("aud")
    if audience not in (given if isinstance(given, list) else [given]):
        raise BadToken("it is for another audience")
    if not _is_time(claims.get("exp")):
        raise BadToken("it does not say when it expires")
    for name in ("nbf", "iat"):
        if name in claims and not _is_time(claims[name]):
            raise BadToken(f"its {name} is no time")
    if claims["exp"] <= now - SKEW:
        raise BadToken("it has expired")
    if claims.get("nbf", 0) > now + SKEW or claims.get("iat", 0) > now + SKEW:
        raise BadToken("it is not good yet")


def text_claim(claims: Mapping[str, Any], name: str, most: int) -> str:
    """A claim that is a text of at most so many characters; "" where there is none. BadToken for anything else."""
    found = claims.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > most or "\x00" in found:
        raise BadToken(f"its {name} is no text, or too long")
    return found


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**11


@dataclass(frozen=True)
class _Kept:
    at: float
    keys: list[dict[str, Any]]


_kept: dict[str, _Kept] = {}
_lock = Lock()


def published_key(url: str, kid: str, algorithm: str, *, private: bool) -> Key:
    """The key that the set at `url` has under this id and for this algorithm; BadToken where it has none.

    The set is kept for a while in the process, and asked for again for an id that is new. FetchFailed where nobody answers.
    """
    for again in (False, True):
        for data in _key_set(url, again=again, private=private):
            if (kid and data.get("kid") != kid) or data.get("use", "sig") != "sig" or data.get("alg", algorithm) != algorithm:
                continue
            try:
                key = import_key(data)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            if fits(key, algorithm):
                return key
    raise BadToken("no published key has signed it")


def _key_set(url: str, *, again: bool, private: bool) -> list[dict[str, Any]]:
    now = time.monotonic()
    with _lock:
        kept = _kept.get(url)
    if kept is not None and now - kept.at < (AGAIN_AFTER if again else KEPT):
        return kept.keys
    try:
        found = fetch_json(url, private=private).get("keys")
    except FetchFailed:
        if kept is None or again:
            raise
        return kept.keys  # rather old keys than nobody signed in while the publisher's server is away
    keys = [data for data in found if isinstance(data, dict)] if isinstance(found, list) else []
    with _lock:
        _kept[url] = _Kept(now, keys)
    return keys


def forget_keys() -> None:
    """Ask for every set of keys anew."""
    with _lock:
        _kept.clear()
