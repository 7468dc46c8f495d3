"""One's own account: name, password, devices, API keys."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by
from commentsvc.account_pages.devices import device_name
from commentsvc.accounts.api_keys import create_key, list_keys, revoke_key
from commentsvc.accounts.identity import choose_language
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.accounts.resets import change_password
from commentsvc.accounts.roles import revoke_role, roles_of
from commentsvc.accounts.sessions import is_session_of, list_sessions, revoke_others, revoke_session
from commentsvc.comments.authors import rename_author
from commentsvc.database import utcnow
from commentsvc.extensions import client_network, db
from commentsvc.i18n import LANGUAGES, N_, gettext, ngettext
from commentsvc.moderation.models import REJECT_REASONS
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import (
    acknowledge,
    in_words,
    own_sanction,
    sanctions_shown_to,
    told_in_one,
)
from commentsvc.moderation.statements import statements_of_sanctions
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site
from commentsvc.web import form_sent, signed_in, speak_to_reader

# What a scope means to the person who grants it.
SCOPES = {
    Permission.READ: N_("Read conversations"),
    Permission.POST: N_("Post and withdraw comments in my name"),
    Permission.VOTE: N_("Vote in my name"),
    Permission.FLAG: N_("Flag comments in my name"),
    Permission.SKIP_SCREENING: N_("Post without being screened"),
    Permission.REVIEW: N_("Read the review queue and decide"),
    Permission.MANAGE_ARTICLES: N_("Register, close and pre-moderate articles"),
    Permission.MANAGE_SITE: N_("Change a site's texts, origins and policy"),
    Permission.MANAGE_ROLES: N_("Grant and revoke roles"),
    Permission.ANALYZE: N_("Have texts scored through the Perspective-compatible API"),
}


SANCTIONS = {
    SanctionKind.WARN: N_("Warning"), SanctionKind.SUSPEND: N_("Suspended"), SanctionKind.BAN: N_("Banned"),
    SanctionKind.ALWAYS_REVIEW: N_("Read before publishing"), SanctionKind.SHADOW: N_("Shown late"),
}


def draw_settings(*, secret: str = "", **_path: object) -> str:
    """The whole page; `secret` is a new key's, shown this once."""
    user = signed_in()
    sessions = [
        {"row": row, "device": device_name(row.device), "here": is_session_of(row, user.session_token)}
        for row in list_sessions(user)
    ]
    sessions.sort(key=lambda entry: not entry["here"])
    return render_template(
        "account/settings.html", user=user, sanctioned=sanctions_shown_to(user.id), sessions=sessions, keys=list_keys(user), grants=roles_of(user),
        scopes=_grantable(user), languages=LANGUAGES, chosen=form_sent().getlist("scopes"), secret=secret, role_names=ROLE_NAMES,
    )


ROLE_NAMES = {Role.EXPERT: N_("Expert"), Role.COMMUNITY_MANAGER: N_("Community Manager"), Role.ADMIN: N_("Admin")}


def _grantable(user: User) -> list[tuple[str, str]]:
    held = PERMISSIONS[Role.MEMBER].union(*(PERMISSIONS[Role(grant.role)] for grant in user.roles))
    return [(scope.value, label) for scope, label in SCOPES.items() if scope in held]


@account.get("/sanctions")
def sanctions() -> str:
    """What was ever imposed on one's account, why, and what still holds."""
    user = signed_in()
    now = utcnow()
    found = sanctions_shown_to(user.id)
    puids = statements_of_sanctions([s.id for s in found])
    shown = [
        {"row": s, "statement": puids.get(s.id), "holds": s.active(now), "site": db.session.get(Site, s.site_id) if s.site_id else None}
        for s in found
    ]
    return render_template(
        "account/sanctions.html", user=user, sanctions=shown, kinds=SANCTIONS, reasons=REJECT_REASONS, told_in_one=told_in_one, in_words=in_words,
    )


@account.post("/sanctions/<int:sanction_id>/read")
def read_sanction(sanction_id: int) -> Response:
    """Say that one has read a warning, or that something is over."""
    user = signed_in()
    acknowledge(own_sanction(user, sanction_id), user)
    db.session.commit()
    flash(gettext("Thank you. You can go on."))
    return redirect(url_for("account.sanctions"), 303)


@account.get("/")
def settings() -> str:
    """The account."""
    return draw_settings()


@account.post("/name")
@redrawn_by(draw_settings)
@account_limit
def change_name() -> Response:
    """Take another name."""
    rename_author(signed_in(), request.form.get("display_name", ""))
    db.session.commit()
    flash(gettext("Your name is changed."))
    return redirect(url_for("account.settings"), 303)


@account.post("/language")
@redrawn_by(draw_settings)
@account_limit
def change_language() -> Response:
    """Have one's own pages and mails in another language."""
    user = signed_in()
    choose_language(user, request.form.get("language") or None)
    db.session.commit()
    speak_to_reader()
    flash(gettext("Your language is changed."))
    return redirect(url_for("account.settings", _anchor="language"), 303)


@account.post("/password")
@redrawn_by(draw_settings)
@account_limit
def change_password_view() -> Response:
    """Take another password; other devices are signed out."""
    user = signed_in()
    change_password(
        user, request.form.get("current_password", ""), request.form.get("password", ""),
        keep_token=user.session_token, network=client_network(),
    )
    db.session.commit()
    flash(gettext("Your password is changed, and every other device is signed out."))
    return redirect(url_for("account.settings"), 303)


@account.post("/roles/<site_key>/leave")
@redrawn_by(draw_settings)
def leave(site_key: str) -> Response:
    """Give one's own role on a site back."""
    user, site = signed_in(), get_site(site_key)
    revoke_role(site, user, by=user)
    db.session.commit()
    flash(gettext("You are off the team of %(site)s.", site=site.name))
    return redirect(url_for("account.settings"), 303)


@account.post("/sessions/<int:session_id>/revoke")
@redrawn_by(draw_settings)
def end_session(session_id: int) -> Response:
    """Sign one device out."""
    revoke_session(signed_in(), session_id)
    db.session.commit()
    flash(gettext("That device is signed out."))
    return redirect(url_for("account.settings"), 303)


@account.post("/sessions/revoke-others")
@redrawn_by(draw_settings)
def end_other_sessions() -> Response:
    """Sign all other devices out."""
    user = signed_in()
    count = revoke_others(user, user.session_token)
    db.session.commit()
    flash(ngettext("%(num)s other device is signed out.", "%(num)s other devices are signed out.", count))
    return redirect(url_for("account.settings"), 303)


@account.post("/keys")
@redrawn_by(draw_settings)
@account_limit
def make_key() -> tuple[str, int]:
    """Answers with the page itself, not a redirect: the secret must not be kept anywhere."""
    site = get_site(request.form["site"]) if request.form.get("site") else None
    _key, secret = create_key(signed_in(), request.form.get("name", ""), request.form.getlist("scopes"), site)
    db.session.commit()
    return draw_settings(secret=secret), 201


@account.post("/keys/<int:key_id>/revoke")
@redrawn_by(draw_settings)
def end_key(key_id: int) -> Response:
    """Revoke a key."""
    revoke_key(signed_in(), key_id)
    db.session.commit()
    flash(gettext("The key is revoked; programs that used it are refused from now on."))
    return redirect(url_for("account.settings"), 303)
