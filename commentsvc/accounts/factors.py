"""The second factor: an authenticator app, passkeys, and recovery codes for when all of these are lost."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, func, select, update

from commentsvc.accounts.audit import record_by_command, record_own
from commentsvc.accounts.guessing import CODES, check_guesses, count_guess
from commentsvc.accounts.identity import token_hash
from commentsvc.accounts.models import Passkey, RecoveryCode, Totp, User, UserSession
from commentsvc.accounts.sealing import seal, unseal
from commentsvc.accounts.steps import end_steps
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db

log = structlog.get_logger()

ISSUER = "Comments"
DIGITS = 6
STEP_SECONDS = 30
SKEW = 1  # steps that a telephone's clock may be off, each way
# No 0 and O, 1 and I: people copy them by hand. 16 of 32 characters have 80 bits, which no guesser of hashes tries out.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 16
CODES_AT_ONCE = 10


@dataclass(frozen=True)
class Factors:
    """What a person can prove herself with beside her password."""

    totp: Totp | None
    passkeys: Sequence[Passkey]
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.totp is not None or bool(self.passkeys)


def factors_of(user: User) -> Factors:
    """What the person has set up; an app whose first code was never given does not count."""
    return Factors(
        totp=db.session.scalar(select(Totp).where(Totp.user_id == user.id, Totp.confirmed_at.is_not(None))),
        passkeys=db.session.scalars(select(Passkey).where(Passkey.user_id == user.id).order_by(Passkey.id)).all(),
        recovery_codes=db.session.scalar(select(func.count()).where(RecoveryCode.user_id == user.id)) or 0,
    )


# The authenticator app.


@dataclass(frozen=True)
class Setup:
    """What goes into the app: the secret as people type it, and as the QR code has it."""

    secret: str
    uri: str


def begin_totp(user: User) -> Setup:
    """A new secret, which counts once `confirm_totp` has seen a code of it; flushes.

    Conflict while an app is set up: it goes on counting until it is removed.
    """
    import pyotp

    existing = db.session.get(Totp, user.id, with_for_update=True, populate_existing=True)
    if existing is not None and existing.confirmed_at is not None:
        raise Conflict("An authenticator app is set up already. Remove it first.", code="totp_exists")
    row = existing or Totp(user_id=user.id, last_step=0)
    row.sealed, row.created_at = seal(f"{user.id}:{pyotp.random_base32()}"), utcnow()
    db.session.add(row)
    db.session.flush()
    setup = pending_totp(user)
    if setup is None:
        raise NotFound("The authenticator app could not be set up.")
    return setup


def pending_totp(user: User) -> Setup | None:
    """What `begin_totp` made, until it is confirmed."""
    import pyotp

    row = db.session.get(Totp, user.id, populate_existing=True)
    secret = _secret_of(row) if row is not None and row.confirmed_at is None else None
    if secret is None:
        return None
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email or user.display_name, issuer_name=ISSUER)
    return Setup(" ".join(secret[i:i + 4] for i in range(0, len(secret), 4)), uri)


def confirm_totp(user: User, code: str, *, keep_token: str, network: str) -> list[str]:
    """Have the app count from now on, as its first code is right; flushes.

    Returns new recovery codes where this is the first factor. Invalid names `code`.
    """
    check_guesses(_name(user), network, CODES)
    row = db.session.get(Totp, user.id, with_for_update=True, populate_existing=True)
    if row is None or row.confirmed_at is not None:
        raise Invalid("Nothing is being set up. Begin again.", code="totp_not_begun")
    if not _take_totp(row, _digits(code)):
        raise _wrong(user, network)
    row.confirmed_at = utcnow()
    record_own(user, "factor.added", kind="app")
    return added(user, keep_token=keep_token)


def remove_totp(user: User) -> None:
    """The app's codes count no longer; flushes. NotFound where there is none."""
    gone = db.session.execute(
        delete(Totp).where(Totp.user_id == user.id, Totp.confirmed_at.is_not(None)).returning(Totp.user_id)
        .execution_options(synchronize_session=False)
    ).first()
    if gone is None:
        raise NotFound("No authenticator app is set up.")
    record_own(user, "factor.removed", kind="app")
    removed(user)


def check_code(user: User, code: str, network: str) -> None:
    """Take a code of the app, or a recovery code, which is then used up; flushes.

    Invalid names `code`; TooSoon after too many wrong ones, counted apart from passwords.
    """
    check_guesses(_name(user), network, CODES)
    row = db.session.get(Totp, user.id, populate_existing=True)
    digits = _digits(code)
    if len(digits) == DIGITS and row is not None and row.confirmed_at is not None and _take_totp(row, digits):
        return
    if len(digits) != DIGITS and _take_recovery(user, code):
        return
    raise _wrong(user, network)


def _wrong(user: User, network: str) -> Invalid:
    count_guess(_name(user), network, CODES)
    return Invalid("This code is not right, or was used already. Take the next one that the app shows.", field="code", code="code_wrong")


def _name(user: User) -> str:
    return f"account {user.id}"


def _digits(code: str) -> str:
    """The digits as the app shows them, however they are grouped; nothing for what is no such code."""
    plain = "".join(code.split())
    return plain if plain.isascii() and plain.isdecimal() else ""


def _take_totp(row: Totp, digits: str) -> bool:
    """Whether it is a code of now, or one step off; the same code and older ones count no more."""
    import pyotp

    secret = _secret_of(row)
    if secret is None or len(digits) != DIGITS:
        return False
    now = int(utcnow().timestamp()) // STEP_SECONDS
    app = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    matching = [step for step in range(now - SKEW, now + SKEW + 1) if hmac.compare_digest(app.generate_otp(step), digits)]
    if not matching:
        return False
    # In one statement: two requests with the same code cannot both be first.
    taken = db.session.execute(
        update(Totp).where(Totp.user_id == row.user_id, Totp.last_step < max(matching)).values(last_step=max(matching))
        .returning(Totp.user_id).execution_options(synchronize_session=False)
    ).first()
    return taken is not None


def _secret_of(row: Totp) -> str | None:
    """The shared secret, sealed anew where a former key had sealed it; None where its key is gone."""
    found = unseal(row.sealed)
    owner, _, secret = found[0].partition(":") if found else ("", "", "")
    if found is None or owner != str(row.user_id):  # a row that was put in another's place opens nothing
        log.warning("an authenticator app's secret cannot be opened: was the secret key changed?", user=row.user_id)
        return None
    return secret


def reseal(former: list[str], key: str) -> int:
    """Seal every app's secret that one of the former keys opens with a new one; returns how many. Flushes."""
    done = 0
    for row in db.session.scalars(select(Totp).with_for_update()):
        found = unseal(row.sealed, keys=former)
        if found is not None:
            row.sealed = seal(found[0], key=key)
            done += 1
    db.session.flush()
    return done


# Recovery codes.


def new_recovery_codes(user: User) -> list[str]:
    """Codes in place of all former ones, shown this once; flushes. Conflict where there is no factor to recover."""
    if not factors_of(user).any:
        raise Conflict("Set up an authenticator app or a passkey first.", code="no_factor")
    record_own(user, "recovery_codes.made")
    return _make_codes(user)


def _make_codes(user: User) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id).execution_options(synchronize_session=False))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES_AT_ONCE)]
    db.session.add_all([RecoveryCode(user_id=user.id, code_hash=_code_hash(user.id, code)) for code in codes])
    db.session.flush()
    return ["-".join(code[i:i + 4] for i in range(0, CODE_LENGTH, 4)) for code in codes]


def _take_recovery(user: User, code: str) -> bool:
    plain = "".join(char for char in code.upper() if char.isalnum())
    taken = db.session.execute(
        delete(RecoveryCode).where(RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _code_hash(user.id, plain))
        .returning(RecoveryCode.id).execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        return False
    record_own(user, "recovery_code.used")
    return True


def _code_hash(user_id: int, code: str) -> bytes:
    return token_hash(f"recovery {user_id}:{code}")


# What follows from having one, and from having none any more.


def added(user: User, *, keep_token: str) -> list[str]:
    """After a factor was added: recovery codes if it is the first, and only sign-ins with it go on; flushes."""
    if user.second_factor_at is not None:
        db.session.flush()
        return []
    user.second_factor_at = utcnow()
    # Whoever is signed in elsewhere was not asked for it.
    db.session.execute(
        update(UserSession)
        .where(UserSession.user_id == user.id, UserSession.revoked_at.is_(None), UserSession.token_hash != token_hash(keep_token))
        .values(revoked_at=utcnow()).execution_options(synchronize_session=False)
    )
    end_steps(user)
    return _make_codes(user)


def removed(user: User) -> None:
    """After a factor was removed: with the last one the recovery codes go too; flushes."""
    end_steps(user)
    if not factors_of(user).any:
        _forget(user)
    db.session.flush()


def reset_factors(user: User) -> None:
    """Remove every factor, for somebody who lost them all: by whoever has the command line. Flushes."""
    for kind in (Totp, Passkey):
        db.session.execute(delete(kind).where(kind.user_id == user.id).execution_options(synchronize_session=False))
    _forget(user)
    end_steps(user)
    record_by_command(user, "factor.reset")
    db.session.flush()


def _forget(user: User) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id).execution_options(synchronize_session=False))
    user.second_factor_at = None
