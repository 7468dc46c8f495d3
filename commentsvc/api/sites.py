"""Sites and who is what on them."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, Role, allowed
from commentsvc.accounts.roles import find_user_by_email, grant_role, list_roles, revoke_role
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.present import person_values
from commentsvc.api.schemas.sites import (
    NAME_LENGTH,
    RoleByEmailSchema,
    RoleSchema,
    SiteChangesSchema,
    SiteInputSchema,
    SiteRoleSchema,
    SiteRolesSchema,
    SiteSchema,
)
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.figures.days import check_zone
from commentsvc.markup import render
from commentsvc.screening.policy import Policy, check_policy
from commentsvc.sites.models import WELCOME, Site
from commentsvc.sites.origins import check_origin
from commentsvc.web import reader

sites = Blueprint("sites", "Sites: what readers see, what admins set, and who is what.")


@sites.route("/sites", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("createSite", errors=(403, 409))
@for_user()
@sites.arguments(SiteInputSchema, example={"key": "evening-post", "name": "Evening Post", "origins": ["https://post.example"]})
@sites.response(201, SiteSchema)
def create_site(given: dict[str, Any], user: User) -> Any:
    """Open another site.

    For whoever is admin of a site already; she becomes the new one's admin.
    """
    if user.key_site_id is not None or not any(allowed(user, Permission.MANAGE_SITE, g.site_id) for g in user.roles):
        raise NotAllowed("Only an admin of a site can open another.")
    site = Site(
        key=given["key"], name=clean_name(given["name"], field="name", least=1, most=NAME_LENGTH), welcome=WELCOME,
        guidelines="", origins=_origins(given["origins"]), policy_data=Policy().to_data(), version=1,
    )
    try:
        with db.session.begin_nested():
            db.session.add(site)
    except IntegrityError:
        raise Conflict("There is a site with this key already.", code="key_taken") from None
    grant_role(site, user, Role.ADMIN)
    db.session.commit()
    return _site_values(site, user), 201, {"Location": f"/api/v1/sites/{site.key}"}


@sites.route("/sites/<site_key:site_key>")
@limited("LIMIT_READ")
@operation("getSite")
@on_site(Permission.READ)
@sites.response(200, SiteSchema)
def get_site(site: Site) -> Any:
    """A site: its name, its words to readers; to those who manage it, everything they can change."""
    return _site_values(site, reader())


@sites.route("/sites/<site_key:site_key>", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("updateSite", errors=(409,))
@on_site(Permission.MANAGE_SITE)
@sites.arguments(
    SiteChangesSchema,
    example={"guidelines": "Be kind. *Stay on topic.*", "policy": {"max_links": 1, "hold_at": {"threat": 0.2}}, "version": 4},
)
@sites.response(200, SiteSchema)
def update_site(given: dict[str, Any], site: Site) -> Any:
    """Change what is given, and leave the rest as it is.

    With `version`, nothing is changed when somebody else was first (409, with the version that
    holds now).
    """
    # Locked, so that of two who save at once the second sees what the first did.
    site = db.session.scalars(
        select(Site).where(Site.id == site.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if given["version"] is not None and given["version"] != site.version:
        raise Conflict("Somebody else changed this site since you saw it.", current={"version": site.version})
    if "name" in given:
        site.name = clean_name(given["name"], field="name", least=1, most=NAME_LENGTH)
    for text in ("welcome", "guidelines"):
        if text in given:
            setattr(site, text, given[text].strip())
    if "origins" in given:
        site.origins = _origins(given["origins"])
    if "timezone" in given:
        site.timezone = check_zone(given["timezone"])
    if "policy" in given:
        site.policy_data = _policy(site.policy, given["policy"]).to_data()
    site.version += 1
    db.session.commit()
    return _site_values(site, reader())


@sites.route("/sites/<site_key:site_key>/roles")
@limited("LIMIT_READ")
@operation("listRoles")
@on_site(Permission.MANAGE_ROLES)
@sites.response(200, SiteRolesSchema)
def roles(site: Site) -> Any:
    """List who holds a role on the site; admins first."""
    return {"roles": [{"user": person_values(g.user), "role": g.role} for g in list_roles(site)]}


@sites.route("/sites/<site_key:site_key>/roles", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("grantRoleByEmail", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@sites.arguments(RoleByEmailSchema, example={"email": "tom@example.org", "role": "community_manager"})
@sites.response(200, SiteRoleSchema)
def grant_by_email(given: dict[str, Any], site: Site) -> Any:
    """Give the owner of an address a role, in place of any other there."""
    user = find_user_by_email(given["email"])
    if user is None:
        raise Invalid("No account has this address yet; ask its owner to sign up first.", field="email", code="account_unknown")
    return _grant(site, user, given["role"])


@sites.route("/sites/<site_key:site_key>/roles/<row_id:user_id>", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("grantRole", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@sites.arguments(RoleSchema, example={"role": "expert"})
@sites.response(200, SiteRoleSchema)
def grant(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Give somebody a role, in place of any other there."""
    return _grant(site, _person(user_id), given["role"])


@sites.route("/sites/<site_key:site_key>/roles/<row_id:user_id>", methods=["DELETE"])
@operation("revokeRole", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@sites.response(204)
def revoke(site: Site, user_id: int) -> Response:
    """Make somebody a plain member again; a site's last admin stays."""
    revoke_role(site, _person(user_id))
    db.session.commit()
    return no_content()


def _grant(site: Site, user: User, role: str) -> dict[str, Any]:
    granted = grant_role(site, user, Role(role))
    db.session.commit()
    return {"user": person_values(user), "role": granted.role}


def _person(user_id: int) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _origins(given: list[str]) -> list[str]:
    return list(dict.fromkeys(check_origin(origin) for origin in given))


def _policy(current: Policy, changes: dict[str, Any]) -> Policy:
    data = current.to_data()
    hold_at = {**data["hold_at"], **changes.get("hold_at", {})}
    return check_policy(Policy.from_data({**data, **changes, "hold_at": hold_at}))


def _site_values(site: Site, user: User | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": site.key, "name": site.name, "welcome_text": site.welcome_text,
        "guidelines_html": render(site.guidelines) if site.guidelines else "",
    }
    if allowed(user, Permission.MANAGE_SITE, site.id):
        values |= {
            "welcome": site.welcome, "guidelines": site.guidelines, "origins": site.origins,
            "policy": site.policy.to_data(), "timezone": site.timezone, "version": site.version,
        }
    return values
