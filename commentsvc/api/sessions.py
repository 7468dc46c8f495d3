"""Signing in and out, and the account itself."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import select

from commentsvc.accounts import sessions as verbs
from commentsvc.accounts.api_keys import create_key, list_keys, revoke_key
from commentsvc.accounts.identity import choose_language
from commentsvc.accounts.models import ApiKey, User
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.examples import CREDENTIALS, SIGNED_IN, USER
from commentsvc.api.present import user_values
from commentsvc.api.registrations import device
from commentsvc.api.schemas.accounts import (
    ApiKeyInputSchema,
    ApiKeysSchema,
    CredentialsSchema,
    NewApiKeySchema,
    ProfileChangesSchema,
    SessionsSchema,
    SignedInSchema,
    UserSchema,
)
from commentsvc.comments.authors import rename_author
from commentsvc.extensions import client_network, db
from commentsvc.moderation.bios import set_bio, set_history_private
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site

sessions = Blueprint("sessions", "Sign in and out; see and end sessions.")
account = Blueprint("me", "Oneself, and keys for programs.")


@sessions.route("/sessions", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("signIn", errors=(401,))
@sessions.arguments(CredentialsSchema, example=CREDENTIALS)
@sessions.response(201, SignedInSchema, example=SIGNED_IN)
def sign_in(given: dict[str, Any]) -> Any:
    """Sign in with address and password.

    Send the token as `Authorization: Bearer`. It works until it is revoked or was not used for
    SESSION_DAYS. The error is the same whether the address is unknown or the password wrong. Who has
    a second factor is answered 401, `second_factor_required`, until `code` is given too.
    """
    user, token = verbs.sign_in(
        given["email"], given["password"], device=device(), network=client_network(), code=given["code"]
    )
    db.session.commit()
    return {"token": token, "user": user_values(user)}


@sessions.route("/sessions")
@limited("LIMIT_READ")
@operation("listSessions")
@for_user(person=True)
@sessions.response(200, SessionsSchema)
def list_sessions(user: User) -> Any:
    """List one's sessions, last seen first."""
    return {
        "sessions": [
            {
                "id": s.id, "device": s.device, "created_at": s.created_at, "last_seen_at": s.last_seen_at,
                "expires_at": s.expires_at, "current": verbs.is_session_of(s, user.session_token),
            }
            for s in verbs.list_sessions(user)
        ]
    }


@sessions.route("/sessions/current", methods=["DELETE"])
@operation("signOut")
@for_user(person=True)
@sessions.response(204)
def sign_out(user: User) -> Response:
    """Sign out: end the session of this token."""
    verbs.end_session(user.session_token)
    db.session.commit()
    return no_content()


@sessions.route("/sessions/<row_id:session_id>", methods=["DELETE"])
@operation("revokeSession", errors=(404,))
@for_user(person=True)
@sessions.response(204)
def revoke_session(session_id: int, user: User) -> Response:
    """End one of one's sessions."""
    verbs.revoke_session(user, session_id)
    db.session.commit()
    return no_content()


@account.route("/me")
@limited("LIMIT_READ")
@operation("getMe")
@for_user()
@account.response(200, UserSchema, example=USER)
def me(user: User) -> Any:
    """Who the token belongs to, and her roles."""
    return user_values(user)


@account.route("/me", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("updateMe")
@for_user(person=True)
@account.arguments(ProfileChangesSchema, example={"display_name": "Ada Byron"})
@account.response(200, UserSchema, example=USER)
def update_me(given: dict[str, Any], user: User) -> Any:
    """Change one's display name (on earlier comments too), the language of one's own pages and mails, or one's public page.

    A name that reads like a badge of the site is refused. A bio is screened before others read it; see `bio_offered`.
    """
    if "display_name" in given:
        rename_author(user, given["display_name"])
    if "language" in given:
        choose_language(user, given["language"])
    if "bio" in given:
        set_bio(user, given["bio"])
    if "history_private" in given:
        set_history_private(user, given["history_private"])
    db.session.commit()
    return user_values(user)


@account.route("/api-keys")
@limited("LIMIT_READ")
@operation("listApiKeys")
@for_user(person=True)
@account.response(200, ApiKeysSchema)
def api_keys(user: User) -> Any:
    """List one's keys, newest first; their secrets are not kept."""
    keys = list_keys(user)
    tied_to = {key.site_id for key in keys if key.site_id is not None}
    site_keys: dict[int | None, str] = {
        row.id: row.key for row in db.session.execute(select(Site.id, Site.key).where(Site.id.in_(tied_to)))
    }
    return {"api_keys": [_key_values(key, site_keys.get(key.site_id)) for key in keys]}


@account.route("/api-keys", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("createApiKey", errors=(404, 409))
@for_user(person=True)
@account.arguments(
    ApiKeyInputSchema, example={"name": "article importer", "scopes": ["read", "manage_articles"], "site_key": "courier"}
)
@account.response(201, NewApiKeySchema)
def create_api_key(given: dict[str, Any], user: User) -> Any:
    """Make a key for a program.

    `scopes` are permissions that you hold yourself: on `site_key`, to which the key is then tied,
    or on any site. The answer carries its `secret`, once.
    """
    site = get_site(given["site_key"]) if given["site_key"] is not None else None
    key, secret = create_key(user, given["name"], given["scopes"], site)
    db.session.commit()
    return _key_values(key, site.key if site else None) | {"secret": secret}


@account.route("/api-keys/<row_id:key_id>", methods=["DELETE"])
@operation("revokeApiKey", errors=(404,))
@for_user(person=True)
@account.response(204)
def revoke_api_key(key_id: int, user: User) -> Response:
    """End one of one's keys, at once."""
    revoke_key(user, key_id)
    db.session.commit()
    return no_content()


def _key_values(key: ApiKey, site_key: str | None) -> dict[str, Any]:
    return {
        "id": key.id, "name": key.name, "prefix": key.prefix, "scopes": key.scopes.split(), "site_key": site_key,
        "created_at": key.created_at, "last_used_at": key.last_used_at,
    }
