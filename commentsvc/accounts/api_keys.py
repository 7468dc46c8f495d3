"""API keys: a person's authority, or part of it, for a program."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record_own
from commentsvc.accounts.identity import clean_name, token_hash
from commentsvc.accounts.models import ApiKey, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role, allowed
from commentsvc.database import begin_writing, utcnow, write_intent
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.sites.models import Site

PREFIX = "ck_"
SHOWN = 9  # characters of the secret a person recognises it by; the rest has 216 bits
NAME_LENGTH = 100
MAX_KEYS = 50
TOUCH_AFTER = dt.timedelta(hours=1)


def create_key(user: User, name: str, scopes: list[str], site: Site | None) -> tuple[ApiKey, str]:
    """A new key and its secret, which nothing can show again; flushes.

    Each scope is a permission that the person herself holds: on `site`, to which the key is then
    tied, or with None on any site. Invalid names the field at fault; NotAllowed to a key.
    """
    if user.scopes is not None:
        raise NotAllowed("A key cannot make keys; sign in to do this.")
    name = clean_name(name, field="name", least=1, most=NAME_LENGTH)
    wanted = sorted(set(scopes))
    if not wanted:
        raise Invalid("Choose at least one thing the key may do.", field="scopes", code="scope_missing")
    for scope in wanted:
        if scope not in Permission.__members__.values():
            raise Invalid("There is no permission called “%(name)s”.", field="scopes", code="scope_unknown", values={"name": scope[:40]})
        if not _holds(user, Permission(scope), site):
            raise Invalid(
                N_("You do not hold %(scope)s on %(site)s yourself.") if site else N_("You do not hold %(scope)s on any site yourself."),
                field="scopes", code="scope_not_held", values={"scope": scope, "site": site.name if site else ""},
            )
    if len(list_keys(user)) >= MAX_KEYS:
        raise Conflict("You have %(most)s keys. Revoke one that is no longer used first.", code="too_many_keys", values={"most": MAX_KEYS})
    key, secret = issue_key(user, name, wanted, site)
    record_own(user, "key.made", site_id=key.site_id, subject=f"key:{key.id}", scopes=wanted)
    return key, secret


def issue_key(user: User, name: str, scopes: Sequence[str], site: Site | None = None) -> tuple[ApiKey, str]:
    """A key with these scopes, no questions asked: for `create_key` and the command line; flushes."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        token_hash=token_hash(secret), prefix=secret[:SHOWN], user_id=user.id,
        site_id=site.id if site else None, name=name, scopes=" ".join(scopes),
    )
    db.session.add(key)
    db.session.flush()
    return key, secret


def list_keys(user: User) -> Sequence[ApiKey]:
    """The person's keys that work, newest first."""
    return db.session.scalars(
        select(ApiKey).where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None)).order_by(ApiKey.id.desc())
    ).all()


def revoke_key(user: User, key_id: int) -> None:
    """End one of the person's own keys; NotFound for any other. Flushes."""
    revoked = db.session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=utcnow()).returning(ApiKey.site_id)
    ).all()
    if not revoked:
        raise NotFound("You have no such key.")
    record_own(user, "key.revoked", site_id=revoked[0].site_id, subject=f"key:{key_id}")
    db.session.flush()


def revoke_keys(user: User | None) -> int:
    """End all keys of a person, or with None of everybody; returns how many. Flushes."""
    statement = update(ApiKey).where(ApiKey.revoked_at.is_(None))
    if user is not None:
        statement = statement.where(ApiKey.user_id == user.id)
    return len(db.session.execute(statement.values(revoked_at=utcnow()).returning(ApiKey.id)).all())


def find_key(secret: str) -> ApiKey | None:
    """The key of this secret with its owner, if it works; None for any other text."""
    if not secret.startswith(PREFIX):
        return None
    return db.session.scalar(
        select(ApiKey)
        .where(ApiKey.token_hash == token_hash(secret), ApiKey.revoked_at.is_(None))
        .options(joinedload(ApiKey.user, innerjoin=True))
        .execution_options(populate_existing=True)
    )


def long_unused(key: ApiKey) -> bool:
    """Whether its use should be noted again: at most once in TOUCH_AFTER."""
    return key.last_used_at is None or utcnow() - key.last_used_at > TOUCH_AFTER


def user_by_key(secret: str) -> User | None:
    """The owner of a key that works, limited to its scopes and site; None for any other text."""
    key = find_key(secret)
    if key is None:
        return None
    if write_intent.get() and long_unused(key):
        begin_writing(db.session)
        key.last_used_at = utcnow()
    user = key.user
    user.session_token = ""
    user.scopes = frozenset(key.scopes.split())
    user.key_site_id = key.site_id
    user.key_id = key.id
    return user


def _holds(user: User, permission: Permission, site: Site | None) -> bool:
    if site is not None:
        return allowed(user, permission, site.id)
    return permission in PERMISSIONS[Role.MEMBER] or any(
        permission in PERMISSIONS[Role(grant.role)] for grant in user.roles
    )
