"""Single sign-on of a publisher: its token for a session, and its keys."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts import sso as verbs
from commentsvc.accounts.models import SsoKey, SsoSettings
from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.examples import SIGNED_IN
from commentsvc.api.present import user_values
from commentsvc.api.registrations import device
from commentsvc.api.schemas.accounts import SignedInSchema
from commentsvc.api.schemas.sso import (
    SsoInputSchema,
    SsoKeyInputSchema,
    SsoKeySchema,
    SsoSchema,
    SsoTokenSchema,
)
from commentsvc.comments.authors import sign_on
from commentsvc.errors import NotFound
from commentsvc.extensions import client_network, db
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

sso = Blueprint("sso", "Single sign-on: a publisher's own readers are signed in with its tokens.")


@sso.route("/sites/<site_key:site_key>/sso/sessions", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("signOn", errors=(401, 404))
@on_site(Permission.READ)
@sso.arguments(SsoTokenSchema, example={"token": "eyJhbGciOiJFZERTQSIs…"})
@sso.response(201, SignedInSchema, example=SIGNED_IN)
def exchange(given: dict[str, Any], site: Site) -> Any:
    """Sign in with a publisher's token.

    The person is made when her first token comes, and keeps her account by its `sub`. A token is good once; see
    the documentation on single sign-on for what it has to say.
    """
    user, token = sign_on(site, given["token"], device=device(), network=client_network(), code=given["code"])
    db.session.commit()
    db.session.refresh(user, ["roles"])
    return {"token": token, "user": user_values(user)}


@sso.route("/sites/<site_key:site_key>/sso")
@limited("LIMIT_READ")
@operation("getSso", errors=(404,))
@on_site(Permission.MANAGE_SITE)
@sso.response(200, SsoSchema)
def settings(site: Site) -> Any:
    """How the site signs its readers on; 404 while it does not."""
    found = verbs.settings_of_site(site)
    if found is None:
        raise NotFound("This site has no single sign-on.", code="sso_off")
    return _values(site, found)


@sso.route("/sites/<site_key:site_key>/sso", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("setSso")
@on_site(Permission.MANAGE_SITE)
@sso.arguments(SsoInputSchema, example={"issuer": "https://courier.example", "roles": ["expert"]})
@sso.response(200, SsoSchema)
def change(given: dict[str, Any], site: Site) -> Any:
    """Switch single sign-on on, or change it."""
    found = verbs.set_sso(site, given["issuer"], roles=given["roles"], jwks_url=given["jwks_url"], by=signed_in())
    db.session.commit()
    return _values(site, found)


@sso.route("/sites/<site_key:site_key>/sso", methods=["DELETE"])
@operation("dropSso", errors=(404,))
@on_site(Permission.MANAGE_SITE)
@sso.response(204)
def drop(site: Site) -> Response:
    """Switch it off, and forget its keys. Who came by it keeps her account."""
    verbs.drop_sso(site, by=signed_in())
    db.session.commit()
    return no_content()


@sso.route("/sites/<site_key:site_key>/sso/keys", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("addSsoKey", errors=(404, 409))
@on_site(Permission.MANAGE_SITE)
@sso.arguments(SsoKeyInputSchema, example={"kid": "2026-11", "algorithm": "EdDSA", "material": "-----BEGIN PUBLIC KEY-----…"})
@sso.response(201, SsoKeySchema)
def add_key(given: dict[str, Any], site: Site) -> Any:
    """Believe tokens that this key has signed. To rotate, add the next, sign with it, then remove the former."""
    key = verbs.add_key(site, given["kid"], given["algorithm"], given["material"], by=signed_in())
    db.session.commit()
    return _key_values(key)


@sso.route("/sites/<site_key:site_key>/sso/keys/<kid>", methods=["DELETE"])
@operation("removeSsoKey", errors=(404,))
@on_site(Permission.MANAGE_SITE)
@sso.response(204)
def remove_key(site: Site, kid: str) -> Response:
    """Believe this key no longer, at once; who is signed in stays so."""
    verbs.remove_key(site, kid, by=signed_in())
    db.session.commit()
    return no_content()


def _values(site: Site, found: SsoSettings) -> dict[str, Any]:
    return {
        "issuer": found.issuer, "audience": site.key, "roles": found.roles, "jwks_url": found.jwks_url,
        "keys": [_key_values(key) for key in verbs.keys_of(site)],
    }


def _key_values(key: SsoKey) -> dict[str, Any]:
    return {"kid": key.kid, "algorithm": key.algorithm, "added_at": key.added_at}
