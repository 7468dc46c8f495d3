"""A publisher signs its own readers on, with tokens that it has signed: who they are on its site, and nowhere else.

What a token says is believed of the site whose key signed it alone. Its subject is a person of that site; an address
in it joins no account, for a site could otherwise become anybody by naming her address. A sanction stands on the
account and so meets whoever comes back with a new token.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from flask import current_app
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts import tokens
from commentsvc.accounts.audit import changed, record
from commentsvc.accounts.badges import EXPERT, MEMBER, clean_field
from commentsvc.accounts.fetching import FetchFailed
from commentsvc.accounts.identity import clean_name, lookup_email
from commentsvc.accounts.models import (
    EMAIL_LENGTH,
    ISSUER_LENGTH,
    SUBJECT_LENGTH,
    ExternalIdentity,
    SsoKey,
    SsoSettings,
    SsoToken,
    User,
)
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_of, grant_role, revoke_role
from commentsvc.accounts.sealing import seal, unseal
from commentsvc.accounts.tokens import (
    ALGORITHMS,
    PUBLIC,
    BadToken,
    check_claims,
    header_of,
    text_claim,
)
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound, NotSignedIn, Unavailable
from commentsvc.extensions import db
from commentsvc.sites.models import Site

log = structlog.get_logger()

VIA: Final = "sso"
LONGEST = dt.timedelta(hours=1)  # that a token may be good
# Never admin: whoever holds a publisher's key must not be able to change who holds it.
GIVEN = (Role.EXPERT, Role.COMMUNITY_MANAGER)
MAX_KEYS = 10
_KID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


@dataclass(frozen=True)
class Claims:
    """What a token says of a person, checked."""

    subject: str
    name: str
    email: str | None  # None: none, or not verified
    role: str
    jti: str
    expires: float
    badges: frozenset[str] = frozenset()  # "expert", "member"
    expert: str = ""  # in what


def exchange(site: Site, token: str) -> tuple[User, Claims]:
    """The person of this token, made or brought up to date but for her name; flushes.

    NotSignedIn(`sso_refused`) says what is wrong with the token; a token is good once. NotFound where the site has
    no single sign-on, Unavailable where its public keys cannot be fetched.
    """
    settings = settings_of_site(site)
    if settings is None:
        raise NotFound("This site has no single sign-on.", code="sso_off")
    try:
        claims = _read(site, settings, token)
    except BadToken as error:
        log.info("token refused", site=site.key, why=str(error))
        raise NotSignedIn("The publisher's token was refused: %(why)s.", code="sso_refused", values={"why": error}) from None
    except FetchFailed as error:
        log.warning("no public keys", site=site.key, why=str(error))
        raise Unavailable("The publisher's keys cannot be reached just now. Try again in a minute.", code="sso_keys_unreachable") from None
    _use_up(site, claims)
    user = _person(site, claims)
    _bring_role(site, settings, user, claims.role)
    return user, claims


def _read(site: Site, settings: SsoSettings, token: str) -> Claims:
    header = header_of(token)
    algorithm, kid = header["alg"], header.get("kid", "")
    if algorithm not in ALGORITHMS:
        raise BadToken("its algorithm is not one of " + ", ".join(ALGORITHMS))
    claims = tokens.read(token, _key(site, settings, algorithm, kid), algorithm)
    check_claims(claims, issuer=settings.issuer, audience=site.key)
    if claims["exp"] - max(claims.get("iat", 0), time.time() - tokens.SKEW) > LONGEST.total_seconds() + tokens.SKEW:
        raise BadToken("it is good for more than an hour")
    subject, jti = text_claim(claims, "sub", SUBJECT_LENGTH), text_claim(claims, "jti", SUBJECT_LENGTH)
    if not subject or not jti:
        raise BadToken("it has no sub or no jti")
    try:
        name = clean_name(text_claim(claims, "name", 1000), field="name")
    except Invalid as error:
        raise BadToken(f"its name does not do: {error.message.rstrip('.')}") from None
    email = lookup_email(text_claim(claims, "email", EMAIL_LENGTH)) if claims.get("email_verified") is True else ""
    given, expert = _badges(claims)
    return Claims(subject, name, email or None, text_claim(claims, "role", 40), jti, float(claims["exp"]), given, expert)


def _badges(claims: Mapping[str, Any]) -> tuple[frozenset[str], str]:
    """The badges that a token gives, and what it says of the expert's."""
    given = claims.get("badges", [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadToken("its badges are no list of texts")
    if unknown := [one for one in given if one not in {EXPERT, MEMBER}]:
        raise BadToken(f"it gives a badge that is neither expert nor member: {unknown[0][:40]}")
    try:
        return frozenset(given), clean_field(text_claim(claims, "expert_in", 1000))
    except Invalid as error:
        raise BadToken(f"its expert_in does not do: {error.message.rstrip('.')}") from None


def _key(site: Site, settings: SsoSettings, algorithm: str, kid: str) -> Key:
    """The key that this token must be signed with: of that id where it names one, and of its algorithm."""
    kept = [key for key in keys_of(site) if key.algorithm == algorithm and (not kid or key.kid == kid)]
    if len(kept) == 1:
        return _opened(kept[0])
    if kept:
        raise BadToken("it has no kid, and the site has several keys for its algorithm")
    if settings.jwks_url and algorithm in PUBLIC:
        return tokens.published_key(settings.jwks_url, kid, algorithm, private=_private())
    raise BadToken("the site has no such key")


def _opened(key: SsoKey) -> Key:
    opened = unseal(key.sealed)
    if opened is None:
        log.warning("a key for single sign-on was sealed with another secret key", site=key.site_id, kid=key.kid)
        raise BadToken("the key cannot be opened; add it again")
    text, fresh = opened
    if not fresh:
        key.sealed = seal(text)
    return import_key(json.loads(text))


def _use_up(site: Site, claims: Claims) -> None:
    """Note that the token was used; NotSignedIn where it was before."""
    used = SsoToken(
        site_id=site.id, jti_hash=hashlib.sha256(claims.jti.encode("utf-8", "surrogatepass")).digest(),
        expires_at=dt.datetime.fromtimestamp(claims.expires + tokens.SKEW, dt.UTC),
    )
    try:
        with db.session.begin_nested():
            db.session.add(used)
    except IntegrityError:
        raise NotSignedIn("The publisher's token was refused: it was used before.", code="sso_refused") from None


def _person(site: Site, claims: Claims) -> User:
    issuer, now = f"{VIA}:{site.id}", utcnow()
    known = select(ExternalIdentity).where(ExternalIdentity.issuer == issuer, ExternalIdentity.subject == claims.subject)
    identity = db.session.scalar(known)
    if identity is None:
        user = User(email=None, display_name=claims.name, password_hash=None, created_at=now, roles=[])
        try:
            with db.session.begin_nested():
                db.session.add(user)
                db.session.flush()
                db.session.add(ExternalIdentity(
                    issuer=issuer, subject=claims.subject, site_id=site.id, user_id=user.id, email=claims.email, created_at=now, last_used_at=now,
                ))
        except IntegrityError:  # two first tokens at once
            identity = db.session.scalars(known).one()
        else:
            return user
    identity.email, identity.last_used_at = claims.email, now
    db.session.flush()
    return db.session.get_one(User, identity.user_id)


def _bring_role(site: Site, settings: SsoSettings, user: User, role: str) -> None:
    """Give or take what the token says, as far as the site lets tokens; what a person gave stays."""
    grant = grant_of(site, user)
    if grant is not None and grant.via != VIA:
        return
    wanted = role if role in settings.roles and role in GIVEN else ""
    if wanted and (grant is None or grant.role != wanted):
        grant_role(site, user, Role(wanted), via=VIA)
    elif not wanted and grant is not None:
        revoke_role(site, user, via=VIA)


# What admins set.


def settings_of_site(site: Site) -> SsoSettings | None:
    """How the site signs on; None where it does not."""
    return db.session.get(SsoSettings, site.id)


def keys_of(site: Site) -> Sequence[SsoKey]:
    """The site's own keys, newest first; those it publishes elsewhere are not among them."""
    return db.session.scalars(select(SsoKey).where(SsoKey.site_id == site.id).order_by(SsoKey.id.desc())).all()


def set_sso(site: Site, issuer: str, *, roles: Sequence[str] = (), jwks_url: str = "", by: User | None) -> SsoSettings:
    """Switch single sign-on on, or change it; flushes. `by` None is the command line. Invalid names the field."""
    issuer, jwks_url = issuer.strip(), jwks_url.strip()
    if not issuer or len(issuer) > ISSUER_LENGTH or "\x00" in issuer:
        raise Invalid("Say who issues the tokens, in at most %(most)s characters: the same as their iss.", field="issuer", values={"most": ISSUER_LENGTH})
    if bad := [role for role in roles if role not in GIVEN]:
        raise Invalid("A token can give expert or community_manager, not %(role)s.", field="roles", values={"role": bad[0][:40]})
    if jwks_url and (not jwks_url.startswith("http://" if _private() and jwks_url.startswith("http:") else "https://") or len(jwks_url) > 500):
        raise Invalid("The address of the keys begins with https:// and has at most 500 characters.", field="jwks_url")
    settings = settings_of_site(site)
    before = _told(settings) if settings else {}
    if settings is None:
        settings = SsoSettings(site_id=site.id)
        db.session.add(settings)
    settings.issuer, settings.roles, settings.jwks_url = issuer, [role.value for role in GIVEN if role in roles], jwks_url
    settings.changed_at = utcnow()
    record(by, "sso.changed", site_id=site.id, subject=f"site:{site.id}", **changed(before, _told(settings)))
    db.session.flush()
    return settings


def _told(settings: SsoSettings) -> dict[str, object]:
    return {"issuer": settings.issuer, "roles": list(settings.roles), "jwks_url": settings.jwks_url}


def drop_sso(site: Site, *, by: User | None) -> None:
    """Switch it off and forget the keys; flushes. Who came by it keeps her account and what she wrote, and her open sessions."""
    settings = settings_of_site(site)
    if settings is None:
        raise NotFound("This site has no single sign-on.", code="sso_off")
    db.session.delete(settings)
    db.session.execute(delete(SsoKey).where(SsoKey.site_id == site.id))
    record(by, "sso.dropped", site_id=site.id, subject=f"site:{site.id}")
    db.session.flush()


def add_key(site: Site, kid: str, algorithm: str, material: str, *, by: User | None) -> SsoKey:
    """Believe tokens signed with this key from now on; flushes. Invalid names the field, Conflict for a kid that is taken.

    `material` is a JWK, a PEM of a public key or certificate, or for HS256 a secret of SHORTEST_SECRET bytes. Of a
    private key only the public half is kept.
    """
    if settings_of_site(site) is None:
        raise NotFound("Say first who issues the tokens.", code="sso_off")
    if not _KID.fullmatch(kid):
        raise Invalid("A key id has letters, digits and . _ : - and at most 100 of them.", field="kid")
    if algorithm not in ALGORITHMS:
        raise Invalid("An algorithm is one of %(names)s.", field="algorithm", values={"names": ", ".join(ALGORITHMS)})
    if (db.session.scalar(select(func.count()).where(SsoKey.site_id == site.id)) or 0) >= MAX_KEYS:
        raise Conflict("A site has at most %(most)s keys. Remove one that is no longer used.", code="too_many_keys", values={"most": MAX_KEYS})
    key = _material(material, algorithm)
    made = SsoKey(
        site_id=site.id, kid=kid, algorithm=algorithm, sealed=seal(json.dumps(key.as_dict(private=algorithm not in PUBLIC))),
        added_at=utcnow(), added_by_id=by.id if by else None,
    )
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except IntegrityError:
        raise Conflict("There is a key with this id already.", code="kid_taken") from None
    record(by, "sso.key_added", site_id=site.id, subject=f"sso_key:{made.id}", kid=kid, algorithm=algorithm)
    db.session.flush()
    return made


def _material(text: str, algorithm: str) -> Key:
    text = text.strip()
    key: Key
    try:
        if text.startswith("{"):
            key = import_key(json.loads(text))
        else:
            key = tokens.import_text(text, algorithm)
    except (JoseError, ValueError, TypeError, KeyError):
        raise Invalid("This is no key: paste a JWK, or a public key that begins with -----BEGIN.", field="material", code="key_unreadable") from None
    if not tokens.fits(key, algorithm):
        raise Invalid(
            "This key does not go with %(algorithm)s: RS256 takes RSA of 2048 bits or more, ES256 the curve P-256, EdDSA Ed25519, "
            "HS256 a secret of at least %(least)s characters.", field="material", code="key_unfit",
            values={"algorithm": algorithm, "least": tokens.SHORTEST_SECRET},
        )
    return key


def remove_key(site: Site, kid: str, *, by: User | None) -> None:
    """Believe tokens of this key no longer; flushes. NotFound where there is none."""
    key = db.session.scalar(select(SsoKey).where(SsoKey.site_id == site.id, SsoKey.kid == kid))
    if key is None:
        raise NotFound("This site has no such key.")
    record(by, "sso.key_removed", site_id=site.id, subject=f"sso_key:{key.id}", kid=kid, algorithm=key.algorithm)
    db.session.delete(key)
    db.session.flush()


def _private() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.PRIVATE_PROVIDERS
