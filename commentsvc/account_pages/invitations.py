"""Accepting an invitation to a site's team: with the account that has the address, or with a new one."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, device, redrawn_by
from commentsvc.accounts.invitations import (
    ROLE_WORDS,
    accept_invitation,
    accept_with_new_account,
    find_invitation,
    has_account,
)
from commentsvc.accounts.permissions import STAFF, Role
from commentsvc.accounts.sessions import login, start_session
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.sites.models import Site
from commentsvc.web import reader, signed_in


def draw_invitation(token: str) -> str:
    """What is offered, and what the holder of the link has to do for it; or that the link is used up."""
    invitation = find_invitation(token)
    if invitation is None:
        return render_template("account/invitation.html", invitation=None)
    person = reader()
    return render_template(
        "account/invitation.html", invitation=invitation, role=ROLE_WORDS[Role(invitation.role)], person=person,
        own=person is not None and person.email == invitation.email, known=has_account(invitation),
    )


@account.get("/invitation/<token>")
def invitation_form(token: str) -> tuple[str, int]:
    """Only asks: programs that scan mails follow every link in them. 410 when the link is used up."""
    return draw_invitation(token), 200 if find_invitation(token) else 410


@account.post("/invitation/<token>")
@redrawn_by(draw_invitation)
@account_limit
def accept(token: str) -> Response:
    """Take the role with the account that is signed in."""
    person = signed_in()
    site = accept_invitation(token, person)
    db.session.commit()
    db.session.refresh(person, ["roles"])
    return _on_the_team(site, person.role_on(site.id))


@account.post("/invitation/<token>/account")
@redrawn_by(draw_invitation)
@account_limit
def accept_with_account(token: str) -> Response:
    """Make an account, whose address the link verifies, and take the role with it."""
    user, site = accept_with_new_account(token, request.form.get("display_name", ""), request.form.get("password", ""))
    session_token = start_session(user, device=device())
    db.session.commit()
    login(user, session_token)
    return _on_the_team(site, user.role_on(site.id))


def _on_the_team(site: Site, role: Role) -> Response:
    flash(gettext("You are on the team of %(site)s.", site=site.name))
    # Where the site asks for a second factor, the console leads to it.
    return redirect(url_for("review.site_home", site_key=site.key) if role in STAFF else url_for("account.settings"), 303)
