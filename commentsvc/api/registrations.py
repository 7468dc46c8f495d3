"""Signing up and forgotten passwords."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from commentsvc.accounts.registration import resend_code, start_registration, verify_by_code
from commentsvc.accounts.resets import request_reset, reset_password
from commentsvc.accounts.sessions import start_session
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.examples import CREDENTIALS, SIGNED_IN
from commentsvc.api.present import user_values
from commentsvc.api.schemas.accounts import (
    CodeSchema,
    NewPasswordSchema,
    RegistrationInputSchema,
    ResetRequestSchema,
    SignedInSchema,
    StartedRegistrationSchema,
)
from commentsvc.extensions import db

registrations = Blueprint("registrations", "Sign up, confirm the address, and choose a new password.")


@registrations.route("/registrations", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("startRegistration")
@registrations.arguments(RegistrationInputSchema, example={**CREDENTIALS, "display_name": "Ada Byron"})
@registrations.response(201, StartedRegistrationSchema, description="A mail with a code is on its way")
def start(given: dict[str, Any]) -> Any:
    """Sign up.

    Sends one mail with a six-digit code and a link. The answer is the same whether or not the
    address already has an account; only its mailbox tells.
    """
    started = start_registration(given["email"], given["display_name"], given["password"])
    db.session.commit()
    return started


@registrations.route("/registrations/<handle>/verification", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("verifyRegistration")
@registrations.arguments(CodeSchema, example={"code": "314159"})
@registrations.response(201, SignedInSchema, example=SIGNED_IN, description="The account exists and is signed in")
def verify(given: dict[str, Any], handle: str) -> Any:
    """Confirm the address with the code from the mail.

    Makes the account and signs it in. After five wrong codes the sign-up is closed.
    """
    user = verify_by_code(handle, given["code"])
    token = start_session(user, device=device())
    db.session.commit()
    return {"token": token, "user": user_values(user)}


@registrations.route("/registrations/<handle>/resend", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("resendCode", errors=(422,))
@registrations.response(204)
def resend(handle: str) -> Response:
    """Send the mail once more.

    At most once a minute; `Retry-After` says when.
    """
    resend_code(handle)
    db.session.commit()
    return no_content()


@registrations.route("/password-resets", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("requestPasswordReset")
@registrations.arguments(ResetRequestSchema, example={"email": "ada@example.org"})
@registrations.response(202, description="A mail is on its way")
def ask_for_reset(given: dict[str, Any]) -> Response:
    """Ask for a mail with a link to choose a new password.

    The answer is the same whether or not the address has an account.
    """
    request_reset(given["email"])
    db.session.commit()
    return Response(status=202)


@registrations.route("/password-resets/<token>", methods=["PUT"])
@limited("LIMIT_ACCOUNT")
@operation("resetPassword")
@registrations.arguments(NewPasswordSchema, example={"password": "nine brass doorbells"})
@registrations.response(204, description="The password is changed; every session has ended")
def choose_password(given: dict[str, Any], token: str) -> Response:
    """Choose a new password.

    `token` is the last part of the link in the mail. It works once; a refused password leaves it good.
    """
    reset_password(token, given["password"])
    db.session.commit()
    return no_content()


def device() -> str:
    """What the sessions list calls the caller."""
    return request.user_agent.string
