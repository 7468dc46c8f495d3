"""Sites and who is what on them."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.audit import record
from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, Role, allowed
from commentsvc.accounts.roles import Member, grant_role, list_team, revoke_role
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.present import person_values
from commentsvc.api.schemas.sites import (
    NAME_LENGTH,
    RoleSchema,
    SiteChangesSchema,
    SiteInputSchema,
    SiteRoleSchema,
    SiteSchema,
    SiteTeamSchema,
)
from commentsvc.errors import Conflict, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.figures.days import check_zone
from commentsvc.markup import render
from commentsvc.moderation.reasons import check_messages, check_reasons, reasons_of
from commentsvc.moderation.settings import change_settings, first_version, lock_site
from commentsvc.screening.policy import Policy, check_policy
from commentsvc.sites.languages import check_language
from commentsvc.sites.models import WELCOME, Site
from commentsvc.sites.origins import check_origin
from commentsvc.web import reader, signed_in

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
    first_version(site, actor=user, via="api")
    record(user, "site.created", site_id=site.id, subject=f"site:{site.id}")
    grant_role(site, user, Role.ADMIN, by=user)
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
    site = lock_site(site.id)
    if given["version"] is not None and given["version"] != site.version:
        raise Conflict("Somebody else changed this site since you saw it.", current={"version": site.version})
    change_settings(site, _changes(site, given), actor=signed_in(), via="api", comment=given["comment"].strip())
    db.session.commit()
    return _site_values(site, reader())


@sites.route("/sites/<site_key:site_key>/roles")
@limited("LIMIT_READ")
@operation("listRoles")
@on_site(Permission.MANAGE_ROLES)
@sites.response(200, SiteTeamSchema)
def roles(site: Site) -> Any:
    """List who holds a role on the site, admins first; whom you want to add by address, invite."""
    return {"roles": [_role_values(member) for member in list_team(site)]}


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
    revoke_role(site, _person(user_id), by=signed_in())
    db.session.commit()
    return no_content()


def _grant(site: Site, user: User, role: str) -> dict[str, Any]:
    granted = grant_role(site, user, Role(role), by=signed_in())
    db.session.commit()
    return {"user": person_values(user), "role": granted.role}


def _role_values(member: Member) -> dict[str, Any]:
    grant = member.grant
    return {
        "user": person_values(grant.user), "role": grant.role, "granted_at": grant.granted_at,
        "granted_by": member.granted_by or None, "second_factor": member.second_factor, "last_active_at": member.last_seen_at,
    }


def _person(user_id: int) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _changes(site: Site, given: dict[str, Any]) -> dict[str, Any]:
    """What is given, checked, by the site's columns."""
    values: dict[str, Any] = {text: given[text].strip() for text in ("welcome", "guidelines") if text in given}
    if "name" in given:
        values["name"] = clean_name(given["name"], field="name", least=1, most=NAME_LENGTH)
    if "language" in given:
        values["language"] = check_language(given["language"])
    if "timezone" in given:
        values["timezone"] = check_zone(given["timezone"])
    if "origins" in given:
        values["origins"] = _origins(given["origins"])
    if "policy" in given:
        values["policy"] = changed_policy(site.policy, given["policy"])
    if "reasons" in given:
        values["reasons"] = check_reasons(given["reasons"]) if given["reasons"] else None
    if "messages" in given:
        reasons = reasons_of(Site(reasons=values.get("reasons", site.reasons)))
        values["messages"] = check_messages(given["messages"], reasons) or None
    return values


def _origins(given: list[str]) -> list[str]:
    return list(dict.fromkeys(check_origin(origin) for origin in given))


def changed_policy(current: Policy, changes: dict[str, Any]) -> Policy:
    """The policy with what is given in place; thresholds to hold at label by label. Invalid names the field at fault."""
    data = current.to_data()
    hold_at = {**data["hold_at"], **changes.get("hold_at", {})}
    return check_policy(Policy.from_data({**data, **changes, "hold_at": hold_at}))


def _site_values(site: Site, user: User | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": site.key, "name": site.name, "welcome_text": site.welcome_text,
        "guidelines_html": render(site.guidelines) if site.guidelines else "", "language": site.language,
    }
    if allowed(user, Permission.MANAGE_SITE, site.id):
        values |= {
            "welcome": site.welcome, "guidelines": site.guidelines, "origins": site.origins,
            "policy": site.policy.to_data(), "timezone": site.timezone, "version": site.version, "policy_version": site.policy_version,
        }
    return values
