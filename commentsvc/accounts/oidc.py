"""Signing in with an identity provider: OpenID Connect's code flow with PKCE, each answer checked before it is believed.

The providers are the operator's own choice (`OIDC_PROVIDERS`), so that none of a site's making can say who somebody is.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import current_app, url_for
from sqlalchemy import delete

from commentsvc.accounts import tokens
from commentsvc.accounts.fetching import FetchFailed, fetch_json
from commentsvc.accounts.identity import lookup_email, token_hash
from commentsvc.accounts.models import (
    EMAIL_LENGTH,
    ISSUER_LENGTH,
    SUBJECT_LENGTH,
    ExternalSignIn,
    User,
)
from commentsvc.accounts.tokens import PUBLIC, BadToken, check_claims, header_of, text_claim
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError, Invalid, NotFound, Unavailable
from commentsvc.extensions import db

log = structlog.get_logger()

LIFETIME: Final = dt.timedelta(minutes=15)  # long enough to sign up at the provider
KEPT = 3600  # seconds for which a provider's own description is not asked for again
SCOPE = "openid profile email"
_KEY = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True)
class Provider:
    """An identity provider, as the operator has configured it."""

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Identity:
    """Who a provider says somebody is."""

    issuer: str
    subject: str
    name: str  # "" where it does not say
    email: str | None  # None: none, or not verified


def providers() -> tuple[Provider, ...]:
    """Those that are configured, in the operator's order."""
    return _parsed(_settings().OIDC_PROVIDERS)


@cache
def _parsed(text: str) -> tuple[Provider, ...]:
    return parse_providers(text)


def parse_providers(text: str) -> tuple[Provider, ...]:
    """The providers of the setting; ValueError says what is wrong with it and quotes no secret."""
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)
        found = tuple(Provider(**row) for row in rows)
    except (ValueError, TypeError):
        raise ValueError(
            "COMMENTSVC_OIDC_PROVIDERS must be a JSON list of objects with key, name, issuer, client_id and client_secret"
        ) from None
    for one in found:
        if not all(isinstance(value, str) for value in (one.key, one.name, one.issuer, one.client_id, one.client_secret)):
            raise ValueError("COMMENTSVC_OIDC_PROVIDERS: every value must be a text")
        if not _KEY.fullmatch(one.key) or not one.name or not one.client_id:
            raise ValueError("COMMENTSVC_OIDC_PROVIDERS: a provider has a key of lower-case letters, digits and hyphens, a name and a client_id")
        if not one.issuer.startswith(("https://", "http://")) or len(one.issuer) > ISSUER_LENGTH:
            raise ValueError(f"COMMENTSVC_OIDC_PROVIDERS: the issuer of {one.key} is no address")
    if len({one.key for one in found}) < len(found):
        raise ValueError("COMMENTSVC_OIDC_PROVIDERS: two providers have one key")
    return found


def provider_of(key: str) -> Provider:
    """The provider with this key; NotFound where there is none."""
    for one in providers():
        if one.key == key:
            return one
    raise NotFound("There is no such way to sign in.")


def begin(provider: Provider, *, target: str, user: User | None = None) -> tuple[str, str]:
    """The address of the provider's own sign-in, and the state that the browser has to bring back; flushes.

    `user` links it to her account, instead of signing in. Unavailable where the provider does not answer.
    """
    about = _about(provider)
    state, verifier, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    db.session.add(ExternalSignIn(
        state_hash=token_hash(state), provider=provider.key, nonce=nonce, verifier=verifier, next=target, user_id=user.id if user else None,
        expires_at=utcnow() + LIFETIME,
    ))
    db.session.flush()
    address: str = prepare_grant_uri(
        about["authorization_endpoint"], provider.client_id, "code", redirect_uri=_redirect(), scope=SCOPE, state=state, nonce=nonce,
        code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
    )
    return address, state


def take_back(state: str) -> ExternalSignIn:
    """What was begun with this state, used up; Invalid(`sign_in_expired`) where it is over, or was used. Ends the caller's transaction."""
    row = db.session.execute(
        delete(ExternalSignIn).where(ExternalSignIn.state_hash == token_hash(state), ExternalSignIn.expires_at > utcnow())
        .returning(ExternalSignIn.provider, ExternalSignIn.nonce, ExternalSignIn.verifier, ExternalSignIn.next, ExternalSignIn.user_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    db.session.commit()  # used up whatever follows, and nothing is held while the provider is asked
    if row is None:
        raise expired()
    return ExternalSignIn(provider=row.provider, nonce=row.nonce, verifier=row.verifier, next=row.next, user_id=row.user_id)


def expired() -> Invalid:
    """What is said of a sign-in that is over."""
    return Invalid("This sign-in was begun elsewhere, was used already, or took too long. Begin it again.", code="sign_in_expired")


def finish(provider: Provider, begun: ExternalSignIn, code: str, *, issuer: str = "") -> Identity:
    """Who came back with this code; asks the provider. Invalid(`sign_in_refused`) where its answer is not believed.

    `issuer` is what the browser brought as `iss` (RFC 9207), if anything. Unavailable where the provider does not answer.
    """
    about = _about(provider)
    try:
        return _believed(provider, about, begun, code, issuer)
    except BadToken as error:
        log.warning("an identity provider's answer was refused", provider=provider.key, why=str(error))
        raise Invalid(
            "%(name)s's answer could not be believed. Begin again; if it happens again, tell whoever runs this site.",
            code="sign_in_refused", values={"name": provider.name},
        ) from None
    except FetchFailed as error:
        raise _unreachable(provider, error) from None


def _believed(provider: Provider, about: dict[str, Any], begun: ExternalSignIn, code: str, issuer: str) -> Identity:
    if issuer and issuer != provider.issuer:
        raise BadToken("the answer is another provider's")
    answer = _token(provider, about, begun, code)
    id_token = answer.get("id_token")
    if not isinstance(id_token, str):
        raise BadToken("there is no id_token")
    claims = _claims(provider, about, id_token)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), begun.nonce.encode()):
        raise BadToken("its nonce is another one")
    return _identity(provider, claims, _more(about, claims, answer.get("access_token")))


def _token(provider: Provider, about: dict[str, Any], begun: ExternalSignIn, code: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": _redirect(), "code_verifier": begun.verifier,
        "client_id": provider.client_id,
    }
    headers: dict[str, str] = {}
    methods = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if provider.client_secret:
        if "client_secret_basic" in methods:
            both = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form["client_secret"] = provider.client_secret
    try:
        return fetch_json(about["token_endpoint"], private=_private(), form=form, headers=headers)
    except FetchFailed as error:
        if error.status in {400, 401, 403}:  # a code that was used, is another client's, or was made up
            raise BadToken(f"the code was refused ({error.status})") from None
        raise


def _claims(provider: Provider, about: dict[str, Any], id_token: str) -> dict[str, Any]:
    header = header_of(id_token)
    algorithm = header["alg"]
    if algorithm not in PUBLIC:
        raise BadToken("its algorithm is not one of " + ", ".join(PUBLIC))
    key = tokens.published_key(about["jwks_uri"], header.get("kid", ""), algorithm, private=_private())
    claims = tokens.read(id_token, key, algorithm)
    check_claims(claims, issuer=provider.issuer, audience=provider.client_id)
    if not isinstance(claims.get("iat"), int | float):
        raise BadToken("it does not say when it was made")
    audience = claims["aud"]
    if ((isinstance(audience, list) and len(audience) > 1) or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise BadToken("it was made for another client")
    return claims


def _more(about: dict[str, Any], claims: dict[str, Any], access_token: object) -> dict[str, Any]:
    """What the provider says of the same person elsewhere, where her token says neither name nor address."""
    address = about.get("userinfo_endpoint")
    if ("email" in claims and "name" in claims) or not isinstance(address, str) or not isinstance(access_token, str) or not access_token.isascii():
        return {}
    try:
        found = fetch_json(address, private=_private(), headers={"Authorization": f"Bearer {access_token}"})
    except (FetchFailed, ValueError):
        return {}  # who she is, is known; what she is called, she can say herself
    return found if found.get("sub") == claims.get("sub") else {}


def _identity(provider: Provider, claims: dict[str, Any], more: dict[str, Any]) -> Identity:
    subject = text_claim(claims, "sub", SUBJECT_LENGTH)
    if not subject:
        raise BadToken("it has no sub")
    told = more | claims
    proved = claims if "email" in claims else more  # an address and its proof come from one place
    email = lookup_email(text_claim(proved, "email", EMAIL_LENGTH)) if proved.get("email_verified") is True else ""
    name = text_claim(told, "name", 1000) or text_claim(told, "preferred_username", 1000)
    return Identity(provider.issuer, subject, name, email or None)


_described: dict[str, tuple[float, dict[str, Any]]] = {}


def _about(provider: Provider) -> dict[str, Any]:
    """The provider's description of itself, checked and kept for a while; Unavailable where there is none to use."""
    kept = _described.get(provider.issuer)
    if kept is not None and time.monotonic() - kept[0] < KEPT:
        return kept[1]
    try:
        found = _described_by(provider)
    except FetchFailed as error:
        raise _unreachable(provider, error) from None
    _described[provider.issuer] = (time.monotonic(), found)
    return found


def _described_by(provider: Provider) -> dict[str, Any]:
    found = fetch_json(provider.issuer.rstrip("/") + "/.well-known/openid-configuration", private=_private())
    if found.get("issuer") != provider.issuer:
        raise FetchFailed("its description names another issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        address = found.get(name)
        if not isinstance(address, str) or not address.startswith(("https://", "http://") if _private() else "https://"):
            raise FetchFailed(f"its description has no {name} to use")
    return found


def forget_providers() -> None:
    """Ask every provider anew what it is like."""
    _described.clear()
    tokens.forget_keys()


def _unreachable(provider: Provider, error: FetchFailed) -> CommentsvcError:
    log.warning("an identity provider does not answer", provider=provider.key, why=str(error))
    return Unavailable(
        "%(name)s does not answer just now. Try again in a minute, or sign in another way.", code="provider_unreachable", values={"name": provider.name}
    )


def names_of(issuers: Sequence[str]) -> dict[str, str]:
    """What the providers with these issuers are called, as far as they are configured."""
    return {one.issuer: one.name for one in providers() if one.issuer in issuers}


def _redirect() -> str:
    return _settings().BASE_URL.rstrip("/") + url_for("account.external_callback")


def _private() -> bool:
    return _settings().PRIVATE_PROVIDERS


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
