"""The second factor of one's own account. Passkeys are made in a browser, on the account page."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts import factors as verbs
from commentsvc.accounts.models import User
from commentsvc.accounts.passkeys import remove_passkey
from commentsvc.accounts.sessions import confirm, require_confirmed
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.team import (
    AppSchema,
    FactorCodeSchema,
    FactorsSchema,
    PasswordSchema,
    RecoveryCodesSchema,
)
from commentsvc.extensions import client_network, db

factors = Blueprint("second_factor", "What one signs in with beside the password.")


@factors.route("/sessions/current/confirmation", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("confirmSession")
@for_user(person=True)
@factors.arguments(PasswordSchema, example={"password": "seven green umbrellas"})
@factors.response(204)
def confirm_session(given: dict[str, Any], user: User) -> Response:
    """Give the password once more: for 15 minutes this session may change the second factor.

    A sign-in counts as that too.
    """
    confirm(user, given["password"], network=client_network())
    db.session.commit()
    return no_content()


@factors.route("/me/second-factor")
@limited("LIMIT_READ")
@operation("getSecondFactor")
@for_user(person=True)
@factors.response(200, FactorsSchema)
def get_factors(user: User) -> Any:
    """What is set up."""
    found = verbs.factors_of(user)
    return {
        "app": found.totp is not None, "recovery_codes": found.recovery_codes,
        "passkeys": [
            {"id": key.id, "name": key.name, "created_at": key.created_at, "last_used_at": key.last_used_at} for key in found.passkeys
        ],
    }


@factors.route("/me/second-factor/app", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("beginAuthenticatorApp", errors=(409,))
@for_user(person=True)
@factors.response(201, AppSchema)
def begin_app(user: User) -> Any:
    """Make a secret for an authenticator app; it counts once a code of it was given."""
    require_confirmed(user)
    setup = verbs.begin_totp(user)
    db.session.commit()
    return {"secret": setup.secret, "uri": setup.uri}


@factors.route("/me/second-factor/app", methods=["PUT"])
@limited("LIMIT_ACCOUNT")
@operation("confirmAuthenticatorApp")
@for_user(person=True)
@factors.arguments(FactorCodeSchema, example={"code": "492039"})
@factors.response(200, RecoveryCodesSchema)
def confirm_app(given: dict[str, Any], user: User) -> Any:
    """Give the first code: from now on the app counts, and other sessions have ended."""
    require_confirmed(user)
    codes = verbs.confirm_totp(user, given["code"], keep_token=user.session_token, network=client_network())
    db.session.commit()
    return {"recovery_codes": codes}


@factors.route("/me/second-factor/app", methods=["DELETE"])
@operation("removeAuthenticatorApp", errors=(404,))
@for_user(person=True)
@factors.response(204)
def remove_app(user: User) -> Response:
    """The app's codes count no longer."""
    require_confirmed(user)
    verbs.remove_totp(user)
    db.session.commit()
    return no_content()


@factors.route("/me/second-factor/passkeys/<row_id:passkey_id>", methods=["DELETE"])
@operation("removePasskey", errors=(404,))
@for_user(person=True)
@factors.response(204)
def end_passkey(passkey_id: int, user: User) -> Response:
    """A passkey counts no longer."""
    require_confirmed(user)
    remove_passkey(user, passkey_id)
    db.session.commit()
    return no_content()


@factors.route("/me/second-factor/recovery-codes", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("makeRecoveryCodes", errors=(409,))
@for_user(person=True)
@factors.response(201, RecoveryCodesSchema)
def recovery_codes(user: User) -> Any:
    """Make new recovery codes; the former ones count no longer."""
    require_confirmed(user)
    codes = verbs.new_recovery_codes(user)
    db.session.commit()
    return {"recovery_codes": codes}
