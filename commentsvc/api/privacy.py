"""One's own data: consents, a copy of everything, deletion of the account."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.accounts.resets import confirm_password
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.privacy import (
    ConsentAnswerSchema,
    ConsentSchema,
    ConsentsSchema,
    DeletionInputSchema,
    DeletionSchema,
    PresentPasswordSchema,
    TakeoutSchema,
)
from commentsvc.errors import Invalid
from commentsvc.extensions import client_network, db
from commentsvc.privacy.consents import TEXTS, Purpose, consents_of, parse_purpose, record_consent
from commentsvc.privacy.erasure import ask_erasure, take_back
from commentsvc.privacy.takeout import takeout
from commentsvc.privacy.training import exports_with

privacy = Blueprint("privacy", "One's own data: consents, a copy of everything, deleting the account.")


@privacy.route("/me/consents")
@limited("LIMIT_READ")
@operation("listConsents")
@for_user(person=True)
@privacy.response(200, ConsentsSchema)
def list_consents(user: User) -> Any:
    """What one is asked, and what one answered; nothing answered is a no."""
    return {"consents": [_values(user, purpose) for purpose in Purpose]}


@privacy.route("/me/consents/<purpose>", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("answerConsent", errors=(409,))
@for_user(person=True)
@privacy.arguments(ConsentAnswerSchema, example={"granted": True})
@privacy.response(200, ConsentSchema)
def answer_consent(given: dict[str, Any], purpose: str, user: User) -> Any:
    """Say yes or no to one purpose; every change is an entry in the ledger.

    Only what a person has seen is consent: show her question and explanation of `listConsents` first.
    """
    chosen = parse_purpose(purpose)
    record_consent(user, chosen, granted=given["granted"])
    db.session.commit()
    return _values(user, chosen)


@privacy.route("/me/data", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("takeOut")
@for_user(person=True)
@privacy.arguments(PresentPasswordSchema, example={"password": "seven green umbrellas"})
@privacy.response(200, TakeoutSchema)
def take_out(given: dict[str, Any], user: User) -> Any:
    """A copy of everything the service knows of oneself."""
    return takeout(_confirmed(user, given["password"]))


@privacy.route("/me/deletion", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("askDeletion", errors=(409,))
@for_user(person=True)
@privacy.arguments(DeletionInputSchema, example={"password": "seven green umbrellas", "comments": "keep"})
@privacy.response(202, DeletionSchema)
def ask_deletion(given: dict[str, Any], user: User) -> Any:
    """Have the account deleted in two weeks; until then it can be taken back."""
    erasure = ask_erasure(_confirmed(user, given["password"]), remove_comments=given["comments"] == "remove")
    db.session.commit()
    return {"due_at": erasure.due_at, "comments": given["comments"]}


@privacy.route("/me/deletion", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("takeDeletionBack")
@for_user(person=True)
@privacy.response(204)
def take_deletion_back(user: User) -> Response:
    """Keep the account after all."""
    take_back(user)
    db.session.commit()
    return no_content()


def _confirmed(user: User, password: str) -> User:
    try:
        return confirm_password(user, password, network=client_network())
    except Invalid as error:
        raise Invalid(error.message, field="password", code=error.code) from None


def _values(user: User, purpose: Purpose) -> dict[str, Any]:
    text, answer = TEXTS[purpose], consents_of(user)[purpose]
    return {
        "purpose": purpose, "granted": answer is not None and answer.granted and answer.text_version == text.version,
        "question": text.question, "explanation": text.explanation, "text_version": text.version,
        "answered_at": answer.created_at if answer else None, "entry": answer.hash if answer else None,
        "exports": exports_with(user),
    }
