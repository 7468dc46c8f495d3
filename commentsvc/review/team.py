"""Who holds which role on the site."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Permission, Role
from commentsvc.accounts.roles import (
    GRANTED,
    find_user_by_email,
    grant_role,
    list_roles,
    revoke_role,
)
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

ROLE_MEANINGS: dict[Role, str] = {
    Role.EXPERT: "Writes with a badge, and is screened like everybody",
    Role.COMMUNITY_MANAGER: "Reviews comments, closes articles, writes with a badge",
    Role.ADMIN: "All that, and the settings and the team",
}


@review.get("/<site_key>/team")
def team(site_key: str) -> Any:
    """Everybody with a role, and the form to add somebody."""
    return _team_page(site_for(site_key, Permission.MANAGE_ROLES))


@review.post("/<site_key>/team")
def grant(site_key: str) -> Any:
    """Give the owner of an account a role, in place of any other she has here."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    email = request.form.get("email", "").strip()
    try:
        role = _role()
        grant_role(site, _owner(email), role, by=signed_in())
    except (Invalid, Conflict) as error:
        return _refused(site, error, email=email)
    db.session.commit()
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/<int:grant_id>/change")
def change(site_key: str, grant_id: int) -> Any:
    """Give a member of the team another role, or none."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    held = db.session.scalar(
        select(SiteRole)
        .where(SiteRole.id == grant_id, SiteRole.site_id == site.id)
        .options(joinedload(SiteRole.user))
    )
    if held is None:
        raise NotFound("This person no longer holds a role on this site.")
    person = held.user
    try:
        if request.form.get("remove"):
            revoke_role(site, person, by=signed_in())
        else:
            grant_role(site, person, _role(), by=signed_in())
    except (Invalid, Conflict) as error:
        return _refused(site, error)
    db.session.commit()
    if person.id == signed_in().id:  # she may have locked herself out of this page
        return redirect(url_for("review.home"))
    return redirect(url_for("review.team", site_key=site.key))


def _owner(email: str) -> User:
    """The account's owner. An admin may learn that there is none; nobody else reaches this page."""
    if not email:
        raise Invalid("Write the e-mail address of an account.", field="email")
    person = find_user_by_email(email)
    if person is None:
        raise Invalid(
            "No account has this address yet. Ask the person to sign up with it first, then add them here.",
            field="email",
        )
    return person


def _role() -> Role:
    text = request.form.get("role", "")
    if text not in set(GRANTED):
        raise Invalid("Choose one of the roles.", field="role")
    return Role(text)


def _refused(site: Site, error: Invalid | Conflict, *, email: str = "") -> Any:
    db.session.rollback()
    return _team_page(site, error=error, email=email, role=request.form.get("role", "")), error.status


def _team_page(site: Site, *, error: Invalid | Conflict | None = None, email: str = "", role: str = "") -> str:
    return page(
        "team.html", site, here="team", grants=list_roles(site), roles=ROLE_MEANINGS,
        error=error, email=email, role=role or Role.COMMUNITY_MANAGER.value,
    )
