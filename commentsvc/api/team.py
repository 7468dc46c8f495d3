"""A site's team: invitations, the audit log, and whether a second factor is asked for."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response

from commentsvc.accounts import invitations as verbs
from commentsvc.accounts.audit_pages import PER_PAGE, AuditFilter, Line, page_of_audit
from commentsvc.accounts.models import Invitation, User
from commentsvc.accounts.permissions import Permission, Role
from commentsvc.accounts.requiring import allow_without_second_factor, require_second_factor
from commentsvc.accounts.roles import end_sessions_of_staff, revoke_role
from commentsvc.accounts.sessions import start_session
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.examples import SIGNED_IN
from commentsvc.api.present import person_values, user_values
from commentsvc.api.registrations import device
from commentsvc.api.schemas.accounts import SignedInSchema
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.team import (
    AcceptedSchema,
    AuditQuery,
    AuditSchema,
    InvitationInputSchema,
    InvitationSchema,
    InvitationsSchema,
    NewMemberSchema,
    OfferSchema,
    RequirementInputSchema,
    RequirementSchema,
)
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

team = Blueprint("team", "Invitations to a site's team, and what the team did.")


@team.route("/sites/<site_key:site_key>/invitations")
@limited("LIMIT_READ")
@operation("listInvitations")
@on_site(Permission.MANAGE_ROLES)
@team.arguments(NoQuery, location="query")
@team.response(200, InvitationsSchema)
def invitations(_given: dict[str, Any], site: Site) -> Any:
    """List the invitations that wait, latest first; expired ones too, for a month."""
    return {"invitations": [_invitation_values(one) for one in verbs.list_invitations(site)]}


@team.route("/sites/<site_key:site_key>/invitations", methods=["POST"])
@limited("LIMIT_ACCOUNT", by_account=True)
@operation("invite", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@team.arguments(InvitationInputSchema, example={"email": "tom@example.org", "role": "community_manager"})
@team.response(201, InvitationSchema)
def invite(given: dict[str, Any], site: Site) -> Any:
    """Mail an address an invitation to a role, in place of an earlier one.

    The answer is the same whether or not the address has an account.
    """
    invited = verbs.invite(site, given["email"], Role(given["role"]), by=signed_in())
    db.session.commit()
    return _invitation_values(invited, signed_in())


@team.route("/sites/<site_key:site_key>/invitations/<row_id:invitation_id>/mail", methods=["POST"])
@limited("LIMIT_ACCOUNT", by_account=True)
@operation("resendInvitation")
@on_site(Permission.MANAGE_ROLES)
@team.response(204)
def resend(site: Site, invitation_id: int) -> Response:
    """Mail an invitation once more, with a new link that is good for another week; at most once a minute."""
    verbs.resend_invitation(site, invitation_id, by=signed_in())
    db.session.commit()
    return no_content()


@team.route("/sites/<site_key:site_key>/invitations/<row_id:invitation_id>", methods=["DELETE"])
@operation("withdrawInvitation")
@on_site(Permission.MANAGE_ROLES)
@team.response(204)
def withdraw(site: Site, invitation_id: int) -> Response:
    """Take an invitation back; its link is dead."""
    verbs.withdraw_invitation(site, invitation_id, by=signed_in())
    db.session.commit()
    return no_content()


@team.route("/invitations/<token>")
@limited("LIMIT_ACCOUNT")
@operation("getInvitation", errors=(404,))
@team.response(200, OfferSchema)
def offer(token: str) -> Any:
    """What an invitation offers; `token` is the last part of the link in the mail."""
    found = verbs.find_invitation(token)
    if found is None:
        raise NotFound("This invitation has been used, withdrawn or has expired.")
    return {
        "site_key": found.site.key, "site_name": found.site.name, "role": found.role, "email": found.email,
        "expires_at": found.expires_at,
    }


@team.route("/invitations/<token>/accept", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("acceptInvitation", errors=(409, 422))
@for_user(person=True)
@team.response(200, AcceptedSchema)
def accept(token: str, user: User) -> Any:
    """Accept with the account that is signed in; it has to have the address that was invited."""
    site = verbs.accept_invitation(token, user)
    db.session.commit()
    return {"site_key": site.key, "role": next(grant.role for grant in user.roles if grant.site_id == site.id)}


@team.route("/invitations/<token>/account", methods=["POST"])
@limited("LIMIT_ACCOUNT")
@operation("acceptWithNewAccount", errors=(409,))
@team.arguments(NewMemberSchema, example={"display_name": "Tom Okafor", "password": "seven green umbrellas"})
@team.response(201, SignedInSchema, example=SIGNED_IN)
def accept_with_account(given: dict[str, Any], token: str) -> Any:
    """Make the account of the address that was invited, which the link verifies; accept, and sign in."""
    user, _site = verbs.accept_with_new_account(token, given["display_name"], given["password"])
    session_token = start_session(user, device=device())
    db.session.commit()
    return {"token": session_token, "user": user_values(user)}


@team.route("/me/roles/<site_key:site_key>", methods=["DELETE"])
@operation("leaveTeam", errors=(404, 409))
@for_user(person=True)
@team.response(204)
def leave(site_key: str, user: User) -> Response:
    """Give one's own role on a site back; its last admin stays."""
    revoke_role(get_site(site_key), user, by=user)
    db.session.commit()
    return no_content()


@team.route("/sites/<site_key:site_key>/roles/<row_id:user_id>/sessions", methods=["DELETE"])
@operation("signMemberOut")
@on_site(Permission.MANAGE_ROLES)
@team.response(204)
def sign_out(site: Site, user_id: int) -> Response:
    """End all sessions of somebody with a role on the site: after a lost laptop."""
    person = db.session.get(User, user_id)
    if person is None:
        raise NotFound("This person holds no role on this site.")
    end_sessions_of_staff(site, person, by=signed_in())
    db.session.commit()
    return no_content()


@team.route("/sites/<site_key:site_key>/second-factor", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("requireSecondFactor", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@team.arguments(RequirementInputSchema, example={"required": True, "days": 14})
@team.response(200, RequirementSchema)
def requirement(given: dict[str, Any], site: Site) -> Any:
    """Ask the site's staff for a second factor from some days on, or no longer; who asks for it has one."""
    if given["required"]:
        require_second_factor(site, by=signed_in(), days=given["days"])
    else:
        allow_without_second_factor(site, by=signed_in())
    db.session.commit()
    return {"required_from": site.second_factor_from}


@team.route("/sites/<site_key:site_key>/audit")
@limited("LIMIT_READ")
@operation("listAuditLog")
@on_site(Permission.MANAGE_ROLES)
@team.arguments(AuditQuery, location="query")
@team.response(200, AuditSchema)
def audit(given: dict[str, Any], site: Site) -> Any:
    """What the team and the command line did on the site, latest first."""
    wanted = AuditFilter(given["actor"], given["action"], _day(given["since"], "since"), _day(given["until"], "until"))
    lines, following = page_of_audit(site, wanted, given.get("after") or None, given.get("limit") or PER_PAGE)
    return {"entries": [_line_values(line) for line in lines], "next": following}


def _line_values(line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "id": entry.id, "at": entry.at, "actor": {"id": entry.actor_id, "name": line.actor} if entry.actor_id else None,
        "via": entry.via, "action": entry.action, "subject": entry.subject, "facts": entry.facts, "position": entry.position,
        "hash": entry.hash.hex() if entry.hash else None,
    }


def _invitation_values(invited: Invitation, by: User | None = None) -> dict[str, Any]:
    return {
        "id": invited.id, "email": invited.email, "role": invited.role, "invited_by": person_values(by or invited.invited_by),
        "sent_at": invited.sent_at, "expires_at": invited.expires_at,
    }


def _day(text: str, field: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid("Write a day as 2026-11-26.", field=field) from None
