"""Who may ask: keys that carry the permission `analyze`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limits import parse_many
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.api_keys import NAME_LENGTH, find_key, issue_key, long_unused
from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import ApiKey, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.database import utcnow, write_intent
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.perspective.refusals import key_blocked, key_invalid, key_missing


@dataclass(frozen=True)
class Caller:
    """Who asks. `key_id` is None where no key is needed."""

    key_id: int | None
    quota: str | None = None  # the key's own, in place of the setting

    @property
    def consumer(self) -> str:
        """What errors call it."""
        return f"project_number:{self.key_id or 0}"


def caller_by_key(secret: str | None) -> Caller:
    """The caller with this key; Refusal without one, with a wrong one, or one for other things.

    Leaves no transaction open: scoring takes longer than a database should be kept waiting.
    """
    if not secret:
        raise key_missing()
    write_intent.set(False)
    key = find_key(secret)
    if key is None:
        db.session.rollback()
        raise key_invalid()
    key_id = key.id
    caller = Caller(key_id, key.quota)
    may, stale = may_analyze(key), long_unused(key)
    db.session.rollback()
    if not may:
        raise key_blocked(caller.consumer)
    if stale:
        _note_use(key_id)
    return caller


def may_analyze(key: ApiKey) -> bool:
    """Whether the key's scopes and its owner's roles let it.

    An owner without an address is a program's own account, which only the command line makes.
    """
    if Permission.ANALYZE not in key.scopes.split():
        return False
    if key.user.email is None:
        return True
    return any(
        Permission.ANALYZE in PERMISSIONS[Role(grant.role)] and key.site_id in (None, grant.site_id) for grant in key.user.roles
    )


def create_program_key(name: str, *, owner: User | None = None, quota: str | None = None) -> tuple[ApiKey, str]:
    """A key for scoring alone, and its secret; without an owner it gets an account of its own. Flushes."""
    name = clean_name(name, field="name", least=1, most=NAME_LENGTH)
    if quota is not None:
        check_quota(quota)
    if owner is None:
        owner = User(email=None, display_name=name, password_hash=None)
        db.session.add(owner)
        db.session.flush()
    elif not any(Permission.ANALYZE in PERMISSIONS[Role(grant.role)] for grant in owner.roles):
        raise Invalid(f"{owner.email} is admin of no site, so her keys may not do this.", field="owner")
    key, secret = issue_key(owner, name, [Permission.ANALYZE.value])
    key.quota = quota
    db.session.flush()
    return key, secret


def list_program_keys() -> Sequence[ApiKey]:
    """The keys that may be used for scoring, with their owners, newest first."""
    keys = db.session.scalars(
        select(ApiKey)
        .where(ApiKey.revoked_at.is_(None), ApiKey.scopes.contains(Permission.ANALYZE.value))
        .options(joinedload(ApiKey.user, innerjoin=True))
        .order_by(ApiKey.id.desc())
    ).all()
    return [key for key in keys if Permission.ANALYZE in key.scopes.split()]


def revoke_program_key(prefix: str) -> ApiKey:
    """End the scoring key whose secret begins like this; NotFound, or Conflict when several do. Flushes."""
    found = [key for key in list_program_keys() if prefix and key.prefix == prefix[: len(key.prefix)]]
    if not found:
        raise NotFound(f"No key for scoring begins with {prefix}. List them: commentsvc perspective keys")
    if len(found) > 1:
        raise Conflict(f"{len(found)} keys begin with {prefix}. Revoke yours on the account page.")
    found[0].revoked_at = utcnow()
    db.session.flush()
    return found[0]


def check_quota(quota: str) -> str:
    """The quota, if it is one in Flask-Limiter's notation and fits; Invalid otherwise."""
    try:
        parse_many(quota)
    except ValueError:
        raise Invalid(f"{quota!r} is no quota. It reads like: 20 per second; 5000 per day", field="quota") from None
    if len(quota) > NAME_LENGTH:
        raise Invalid(f"A quota has at most {NAME_LENGTH} characters.", field="quota")
    return quota


def _note_use(key_id: int) -> None:
    """Write when the key was used, in a transaction of its own."""
    write_intent.set(True)
    db.session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=utcnow()))
    db.session.commit()
    write_intent.set(False)
