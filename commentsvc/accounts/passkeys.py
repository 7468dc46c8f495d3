"""Passkeys (WebAuthn): a key that a device or password manager holds for this service's own address alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.audit import record_own
from commentsvc.accounts.factors import added, removed
from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import Passkey, SignInStep, User
from commentsvc.accounts.steps import PASSKEY, REGISTER, begin_step, finish_step, try_step
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.sites.origins import origin_of

NAME_LENGTH = 100
MAX_PASSKEYS = 20
_CREDENTIAL_LENGTH = 20_000  # what a browser sends has a few hundred to some thousand characters
_TRANSPORT = re.compile(r"[a-z-]{1,20}")


@dataclass(frozen=True)
class Party:
    """Whom a browser makes passkeys for: the host of BASE_URL, and its origin."""

    id: str
    origin: str


def relying_party() -> Party | None:
    """None where the service has no name: browsers make no passkeys for a bare IP address."""
    settings: Settings = current_app.config["SETTINGS"]
    host, origin = urlsplit(settings.BASE_URL).hostname or "", origin_of(settings.BASE_URL)
    try:
        ip_address(host)
    except ValueError:
        return Party(host, origin) if host and origin else None
    return None


def creation_options(user: User) -> tuple[str, str]:
    """The ticket of a new passkey and what the browser needs to make it, as JSON; flushes."""
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    existing = passkeys_of(user)
    if len(existing) >= MAX_PASSKEYS:
        raise Conflict("You have %(most)s passkeys. Remove one that is no longer used first.", code="too_many_passkeys", values={"most": MAX_PASSKEYS})
    ticket, step = begin_step(REGISTER, user)
    options = webauthn.generate_registration_options(
        rp_id=_party().id, rp_name="Comments", user_id=_handle(user), user_name=user.email or user.display_name,
        user_display_name=user.display_name, challenge=step.challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(existing),
    )
    return ticket, webauthn.options_to_json(options)


def add_passkey(user: User, ticket: str, credential: str, name: str, *, keep_token: str) -> list[str]:
    """Keep what the browser made; flushes. Ends the caller's transaction.

    Returns new recovery codes where this is the first factor. Invalid says what is wrong.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    name = clean_name(name, field="name", least=1, most=NAME_LENGTH)
    step = try_step(ticket, REGISTER)
    made = _read(credential)
    if step.user_id != user.id:
        raise _refused()
    try:
        verified = webauthn.verify_registration_response(
            credential=made, expected_challenge=step.challenge, expected_rp_id=_party().id, expected_origin=_party().origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _refused() from error
    finish_step(step)
    told = made.get("response", {}).get("transports")
    transports = [t for t in told if isinstance(t, str) and _TRANSPORT.fullmatch(t)][:8] if isinstance(told, list) else []
    passkey = Passkey(
        user_id=user.id, credential_id=verified.credential_id, public_key=verified.credential_public_key,
        sign_count=verified.sign_count, transports=" ".join(transports), name=name,
    )
    try:
        with db.session.begin_nested():
            db.session.add(passkey)
    except IntegrityError:
        raise Conflict("This passkey is known already.", code="passkey_known") from None
    record_own(user, "factor.added", kind="passkey", passkey=passkey.id)
    return added(user, keep_token=keep_token)


def remove_passkey(user: User, passkey_id: int) -> None:
    """One of the person's own counts no longer; NotFound for any other. Flushes."""
    gone = db.session.execute(
        delete(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user.id).returning(Passkey.id)
        .execution_options(synchronize_session=False)
    ).first()
    if gone is None:
        raise NotFound("You have no such passkey.")
    record_own(user, "factor.removed", kind="passkey", passkey=passkey_id)
    removed(user)


def passkeys_of(user: User) -> Sequence[Passkey]:
    """The person's passkeys, oldest first."""
    return db.session.scalars(select(Passkey).where(Passkey.user_id == user.id).order_by(Passkey.id)).all()


def request_options(step: SignInStep, allowed: Sequence[Passkey] = ()) -> str:
    """What the browser needs to prove a passkey, as JSON; without `allowed` it shows all it has for us.

    As a second factor a touch will do; alone, the device has to know whose finger it is.
    """
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    alone = step.purpose == PASSKEY
    return webauthn.options_to_json(webauthn.generate_authentication_options(
        rp_id=_party().id, challenge=step.challenge, allow_credentials=_descriptors(allowed) or None,
        user_verification=UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.DISCOURAGED,
    ))


def check_passkey(step: SignInStep, credential: str) -> User:
    """Whose passkey this proves; flushes. Invalid when it proves nothing, or is another's than the step's."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    made = _read(credential)
    try:
        credential_id = webauthn.base64url_to_bytes(str(made.get("rawId", "")))
    except ValueError:
        raise _refused() from None
    passkey = db.session.scalar(
        select(Passkey).where(Passkey.credential_id == credential_id).with_for_update().execution_options(populate_existing=True)
    )
    if passkey is None or step.user_id not in {None, passkey.user_id}:
        raise _refused()
    try:
        verified = webauthn.verify_authentication_response(
            credential=made, expected_challenge=step.challenge, expected_rp_id=_party().id, expected_origin=_party().origin,
            credential_public_key=passkey.public_key, credential_current_sign_count=passkey.sign_count,
            require_user_verification=step.purpose == PASSKEY,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise _refused() from error
    passkey.sign_count, passkey.last_used_at = verified.new_sign_count, utcnow()
    return db.session.get_one(User, passkey.user_id)


def _party() -> Party:
    party = relying_party()
    if party is None:
        raise Conflict("Passkeys need a host name: COMMENTSVC_BASE_URL has none.", code="no_host_name")
    return party


def _descriptors(passkeys: Sequence[Passkey]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    known = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id,
            transports=[AuthenticatorTransport(t) for t in passkey.transports.split() if t in known] or None,
        )
        for passkey in passkeys
    ]


def _handle(user: User) -> bytes:
    """What the device keeps of the account: its number, which stands beside each comment anyway."""
    return str(user.id).encode()


def _read(credential: str) -> dict[str, Any]:
    if len(credential) > _CREDENTIAL_LENGTH:
        raise _refused()
    try:
        found = orjson.loads(credential)
    except ValueError:
        raise _refused() from None
    if not isinstance(found, dict) or not isinstance(found.get("response"), dict):
        raise _refused()
    return found


def _refused() -> Invalid:
    return Invalid("This passkey was not accepted. Try again, or use another way.", code="passkey_refused")
