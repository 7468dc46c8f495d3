"""Who holds which role on the site, who is invited, and whether the site asks for a second factor."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.invitations import (
    invite,
    list_invitations,
    resend_invitation,
    withdraw_invitation,
)
from commentsvc.accounts.models import SiteRole
from commentsvc.accounts.permissions import STAFF, Permission, Role
from commentsvc.accounts.requiring import (
    GRACE_DAYS,
    MOST_DAYS,
    allow_without_second_factor,
    require_second_factor,
)
from commentsvc.accounts.roles import (
    GRANTED,
    end_sessions_of_staff,
    grant_role,
    list_team,
    revoke_role,
)
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError, Conflict, Invalid, NotFound, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, ngettext
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.words import Words
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

ROLE_MEANINGS: Words[Role, str] = Words({
    Role.EXPERT: N_("Writes with a badge, and is screened like everybody"),
    Role.COMMUNITY_MANAGER: N_("Reviews comments, closes articles, writes with a badge"),
    Role.ADMIN: N_("All that, and the settings and the team"),
})


@review.get("/<site_key>/team")
def team(site_key: str) -> Any:
    """Everybody with a role, who is invited, and the form to invite somebody."""
    return _team_page(site_for(site_key, Permission.MANAGE_ROLES))


@review.post("/<site_key>/team")
def send_invitation(site_key: str) -> Any:
    """Mail an address an invitation to a role; the answer is the same whether or not it has an account."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    email = request.form.get("email", "").strip()
    try:
        invited = invite(site, email, _role(), by=signed_in())
    except (Invalid, Conflict, TooSoon) as error:
        return _refused(site, error, email=email)
    db.session.commit()
    flash(gettext("The invitation to %(address)s is on its way.", address=invited.email))
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/invitations/<int:invitation_id>/resend")
def send_again(site_key: str, invitation_id: int) -> Any:
    """Mail an invitation once more; the former link is dead."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    try:
        invited = resend_invitation(site, invitation_id, by=signed_in())
    except (NotFound, TooSoon) as error:
        return _refused(site, error)
    db.session.commit()
    flash(gettext("The invitation to %(address)s is on its way again, with a new link.", address=invited.email))
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/invitations/<int:invitation_id>/withdraw")
def withdraw(site_key: str, invitation_id: int) -> Any:
    """Take an invitation back."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    try:
        withdraw_invitation(site, invitation_id, by=signed_in())
    except NotFound as error:
        return _refused(site, error)
    db.session.commit()
    flash(gettext("The invitation is withdrawn; its link is dead."))
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/<int:grant_id>/change")
def change(site_key: str, grant_id: int) -> Any:
    """Give a member of the team another role, or none."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    person = _grant(site, grant_id).user
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
    flash(
        gettext("%(name)s is off the team.", name=person.display_name) if request.form.get("remove")
        else gettext("The role of %(name)s is changed.", name=person.display_name)
    )
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/<int:grant_id>/sign-out")
def sign_member_out(site_key: str, grant_id: int) -> Any:
    """End all sessions of a member of the team, after a lost laptop."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    person = _grant(site, grant_id).user
    ended = end_sessions_of_staff(site, person, by=signed_in())
    db.session.commit()
    flash(ngettext(
        "%(name)s is signed out everywhere: %(num)d session ended.", "%(name)s is signed out everywhere: %(num)d sessions ended.", ended,
        name=person.display_name,
    ))
    return redirect(url_for("review.team", site_key=site.key))


@review.post("/<site_key>/team/second-factor")
def ask_for_second_factor(site_key: str) -> Any:
    """Ask the team for a second factor from some days on, or no longer."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    try:
        if request.form.get("lift"):
            allow_without_second_factor(site, by=signed_in())
        else:
            require_second_factor(site, by=signed_in(), days=request.form.get("days", GRACE_DAYS, type=int))
    except (Invalid, Conflict) as error:
        return _refused(site, error)
    db.session.commit()
    return redirect(url_for("review.team", site_key=site.key, _anchor="second-factor"))


def _grant(site: Site, grant_id: int) -> SiteRole:
    held = db.session.scalar(
        select(SiteRole)
        .where(SiteRole.id == grant_id, SiteRole.site_id == site.id)
        .options(joinedload(SiteRole.user))
    )
    if held is None:
        raise NotFound("This person no longer holds a role on this site.")
    return held


def _role() -> Role:
    text = request.form.get("role", "")
    if text not in set(GRANTED):
        raise Invalid("Choose one of the roles.", field="role")
    return Role(text)


def _refused(site: Site, error: CommentsvcError, *, email: str = "") -> Any:
    db.session.rollback()
    return _team_page(site, error=error, email=email, role=request.form.get("role", "")), error.status


def _team_page(site: Site, *, error: CommentsvcError | None = None, email: str = "", role: str = "") -> str:
    members = list_team(site)
    return page(
        "team.html", site, here="team", members=members, invitations=list_invitations(site), roles=ROLE_MEANINGS, now=utcnow(),
        error=error, email=email, role=role or Role.COMMUNITY_MANAGER.value, staff=STAFF, most_days=MOST_DAYS, grace_days=GRACE_DAYS,
        without=[m for m in members if not m.second_factor and Role(m.grant.role) in STAFF],
    )
