"""Single sign-on of the site: who issues the tokens, what they may give, and the keys."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for

from commentsvc.accounts import sso as verbs
from commentsvc.accounts.tokens import ALGORITHMS
from commentsvc.errors import CommentsvcError
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.review.blueprint import review
from commentsvc.review.settings_form import typed_text
from commentsvc.review.settings_pages import managed, remember_saved, settings_page
from commentsvc.sites.models import Site
from commentsvc.web import signed_in


@review.get("/<site_key>/settings/sso")
def sso(site_key: str) -> Any:
    """What holds, and the keys; never the keys themselves."""
    return _page(managed(site_key))


@review.post("/<site_key>/settings/sso")
def save_sso(site_key: str) -> Any:
    """Switch it on, or change it."""
    site = managed(site_key)
    try:
        verbs.set_sso(
            site, typed_text(request.form, "issuer"), roles=request.form.getlist("roles"), jwks_url=typed_text(request.form, "jwks_url"), by=signed_in(),
        )
    except CommentsvcError as error:
        return _refused(site, error)
    return _done(site, gettext("Saved."))


@review.post("/<site_key>/settings/sso/keys")
def add_sso_key(site_key: str) -> Any:
    """Believe tokens of one more key."""
    site, form = managed(site_key), request.form
    try:
        verbs.add_key(
            site, typed_text(form, "kid").strip(), typed_text(form, "algorithm"), typed_text(form, "material"), by=signed_in()
        )
    except CommentsvcError as error:
        return _refused(site, error)
    return _done(site, gettext("The key is added: tokens signed with it are believed from now on."))


@review.post("/<site_key>/settings/sso/keys/<kid>/remove")
def remove_sso_key(site_key: str, kid: str) -> Any:
    """Believe a key no longer."""
    site = managed(site_key)
    verbs.remove_key(site, kid, by=signed_in())
    return _done(site, gettext("The key is removed."))


@review.post("/<site_key>/settings/sso/off")
def drop_sso(site_key: str) -> Any:
    """Switch it off."""
    site = managed(site_key)
    verbs.drop_sso(site, by=signed_in())
    return _done(site, gettext("Single sign-on is off."))


def _done(site: Site, said: str) -> Any:
    db.session.commit()
    remember_saved(site, said)
    return redirect(url_for("review.sso", site_key=site.key))


def _refused(site: Site, error: CommentsvcError) -> Any:
    site_id = site.id
    db.session.rollback()
    return _page(db.session.get_one(Site, site_id), {error.field or "": error.told}), error.status


def _page(site: Site, errors: dict[str, str] | None = None) -> str:
    found = verbs.settings_of_site(site)
    values: dict[str, Any] = {"issuer": found.issuer, "jwks_url": found.jwks_url} if found else {"issuer": next(iter(site.origins), ""), "jwks_url": ""}
    values |= {"kid": "", "material": "", "algorithm": "EdDSA"}
    roles = found.roles if found else []
    if errors:
        values |= {name: typed_text(request.form, name) for name in values if name in request.form and (name, values["algorithm"]) != ("material", "HS256")}
        roles = request.form.getlist("roles") if "issuer" in request.form else roles
    return settings_page(
        "settings_sso.html", site, "review.sso", on=found is not None, values=values, roles=roles, errors=errors or {}, keys=verbs.keys_of(site),
        given=verbs.GIVEN, algorithms=ALGORITHMS,
    )
