"""The audit log of a site, for its admins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, request

from commentsvc.accounts.audit_pages import (
    COMMAND_LINE,
    MOST,
    AuditFilter,
    Line,
    page_of_audit,
)
from commentsvc.accounts.permissions import Permission
from commentsvc.accounts.roles import list_roles
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, arrow, comma, gettext
from commentsvc.pages import utc_words
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.review.history import name_of
from commentsvc.review.words import (
    LABEL_NAMES,
    REASON_NAMES,
    ROLE_NAMES,
    SANCTION_NAMES,
    STATUS_NAMES,
    Words,
)
from commentsvc.sites.models import Site

# What is done with what, in the order the filter offers it.
GROUPS: Words[str, str] = Words({
    "comment": N_("Comments"), "article": N_("Articles"), "settings": N_("Settings"), "role": N_("Roles"), "invitation": N_("Invitations"),
    "session": N_("Sign-ins"), "sessions": N_("Ended sessions"), "password": N_("Passwords"), "factor": N_("Second factors"), "key": N_("API keys"),
    "site": N_("The site itself"), "comments": N_("Imports and rescoring"), "sanction": N_("Sanctions"), "appeal": N_("Appeals"),
    "note": N_("Notes about people"), "sweep": N_("Comments rejected at once"), "sso": N_("Single sign-on"),
    "badges": N_("Badges"), "bio": N_("Bios"),
})
ACTION_NAMES: Words[str, str] = Words({
    "comment.decided": N_("Decided on a comment"), "comment.undone": N_("Took a decision back"), "article.changed": N_("Changed an article"),
    "settings.changed": N_("Changed the settings"), "role.granted": N_("Gave a role"), "role.revoked": N_("Took a role away"),
    "badges.changed": N_("Changed somebody’s badges"), "bio.approved": N_("Let others read a bio"), "bio.rejected": N_("Did not accept a bio"),
    "bio.taken_down": N_("Took a bio down"),
    "invitation.sent": N_("Sent an invitation"), "invitation.resent": N_("Sent an invitation again"),
    "invitation.withdrawn": N_("Withdrew an invitation"), "invitation.accepted": N_("Accepted an invitation"),
    "session.started": N_("Signed in"), "sessions.ended": N_("Ended all sessions"), "password.changed": N_("Changed the password"),
    "password.reset": N_("Chose a new password by mail"), "factor.added": N_("Set up a second factor"),
    "factor.removed": N_("Removed a second factor"), "factor.reset": N_("Took all second factors off"),
    "recovery_codes.made": N_("Made new recovery codes"), "recovery_code.used": N_("Used a recovery code"),
    "key.made": N_("Made an API key"), "key.revoked": N_("Revoked an API key"), "site.created": N_("Created the site"),
    "comments.imported": N_("Imported comments"), "comments.rescored": N_("Scored old comments anew"),
    "account.created": N_("Created an account"), "account.merged": N_("Merged two accounts"), "appeal.decided": N_("Decided an appeal"),
    "appeal.reopened": N_("Opened an appeal again"), "comment.marked": N_("Marked a comment"), "identity.linked": N_("Linked another way to sign in"),
    "identity.unlinked": N_("Removed another way to sign in"), "note.added": N_("Wrote a note about a person"), "note.changed": N_("Changed a note about a person"),
    "note.deleted": N_("Deleted a note about a person"), "sanction.imposed": N_("Sanctioned a person"), "sanction.ended": N_("Ended a sanction"),
    "sso.changed": N_("Changed single sign-on"), "sso.dropped": N_("Switched single sign-on off"), "sso.key_added": N_("Added a key of single sign-on"),
    "sso.key_removed": N_("Removed a key of single sign-on"), "sweep.begun": N_("Began to reject all of a person's comments"),
    "sweep.undone": N_("Took the rejection of a person's comments back"), "secret.adopted": N_("Took over another secret key"),
    "secret.rotated": N_("Changed the secret key"), "backup.written": N_("Wrote a backup"), "backup.restored": N_("Restored a backup"),
})
FACT_NAMES: Words[str, str] = Words({
    "algorithm": N_("algorithm"), "appeal": N_("appeal"), "apps": N_("authenticator apps"), "closed": N_("closed"), "comments": N_("comments"),
    "format": N_("format"), "hold": N_("hold from"), "imported": N_("imported"), "into": N_("into"), "issuer": N_("issuer"), "jwks_url": N_("address of the keys"),
    "made_at": N_("made"), "replaced": N_("replaced what was there"), "text": N_("text"),
    "key": N_("API key"), "number": N_("number of the text"), "keys": N_("keys"), "kid": N_("name of the key"), "kind": N_("kind"), "language": N_("language"), "mark": N_("mark"),
    "messages": N_("prepared messages"), "model": N_("model"), "models": N_("models"), "note": N_("note"), "at": N_("at"), "by": N_("by"), "on": N_("on"), "origins": N_("origins"), "outcome": N_("outcome"),
    "own_decision": N_("one's own decision"), "phrase_notes": N_("notes on phrases"), "policy_version": N_("version of the settings"),
    "premoderated": N_("read before publishing"), "quota": N_("quota"), "read": N_("read"), "reason": N_("reason"), "reasons": N_("reasons"), "restores": N_("goes back to version"),
    "role": N_("role"), "roles": N_("roles"), "rows": N_("rows"), "sanction": N_("sanction"), "scopes": N_("permissions"), "second_factor_from": N_("second factor from"),
    "secret": N_("with the secret key"), "section": N_("section"), "sessions": N_("sessions"), "since": N_("since"), "status": N_("status"), "sweep": N_("sweep"),
    "title": N_("title"), "until": N_("until"), "votes": N_("votes"),
})
CSV_HEAD = ("at", "by", "by_id", "via", "action", "subject", "about", "facts", "id", "position", "hash")


@review.get("/<site_key>/audit")
def audit(site_key: str) -> Any:
    """A page of the log."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    after = request.args.get("after") or None
    error = None
    try:
        wanted = _wanted()
        lines, following = page_of_audit(site, wanted, after)
    except Invalid as invalid:
        error, wanted, lines, following = invalid, AuditFilter(), [], None
    return page(
        "audit.html", site, here="audit", lines=lines, more=following, after=after, wanted=wanted, error=error, groups=GROUPS,
        people=[grant.user for grant in list_roles(site)], command_line=COMMAND_LINE, named=action_name, told=told,
        query={name: value for name, value in request.args.items() if value and name in {"actor", "action", "since", "until"}},
    ), error.status if error else 200


@review.get("/<site_key>/audit.csv")
def audit_csv(site_key: str) -> Response:
    """All rows that the page's filter finds."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    return csv_response(f"audit-{site.key}.csv", CSV_HEAD, _rows(site, _wanted()))


def action_name(action: str) -> str:
    """The action in words; the code, spelt out, of one that has none."""
    return ACTION_NAMES.get(action) or action.replace("_", " ").replace(".", ": ")


_VALUES: Mapping[str, Mapping[str, str]] = {
    "status": STATUS_NAMES, "role": ROLE_NAMES, "reason": REASON_NAMES,
    "kind": Words({"app": N_("authenticator app"), "passkey": N_("passkey")}), "sanction_kind": SANCTION_NAMES,
    "outcome": Words({"upheld": N_("upheld"), "overturned": N_("overturned")}), "mark": Words({"featured": N_("featured"), "pinned": N_("pinned")}),
}
_MOMENTS = {"at", "made_at", "until", "since", "second_factor_from"}
# Numbers for programs, which say nothing to a person.
_QUIET = {"version", "passkey"}


def told(line: Line) -> list[str]:
    """The facts in words, one each: “role: Expert → Admin”."""
    return [f"{_fact_name(name)}: {_fact(name, value)}" for name, value in line.facts.items() if name not in _QUIET]


def _fact_name(name: str) -> str:
    """As the settings' pages call it, if they have it."""
    if name in FACT_NAMES:
        return FACT_NAMES[name]
    if name in LABEL_NAMES:
        return LABEL_NAMES[name][0]
    called = name_of(("policy", name))
    return called if called != name else name.replace("_", " ")


def _fact(name: str, value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:  # before and after
        return f" {arrow()} ".join(_one(name, one) for one in value)
    return _one(name, value)


def _one(name: str, value: Any) -> str:  # noqa: PLR0911 - one for each kind of value
    if value is None or value in ("", [], {}):
        return gettext("none")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict) and value.keys() == {"length", "sha256"}:
        return gettext("%(length)s long, %(digest)s…", length=value["length"], digest=value["sha256"][:8])
    if isinstance(value, dict):
        return comma().join(f"{_fact_name(key)}: {_one(key, one)}" for key, one in value.items())
    if isinstance(value, list):
        return comma().join(_one(name, one) for one in value)
    if name in _MOMENTS and isinstance(value, str):
        return utc_words(dt.datetime.fromisoformat(value))
    if name == "kind" and value in SANCTION_NAMES:
        name = "sanction_kind"
    return _VALUES.get(name, {}).get(str(value), str(value))


def _wanted() -> AuditFilter:
    args = request.args
    actor, action = args.get("actor", "").strip(), args.get("action", "").replace("\x00", "").strip()
    return AuditFilter(actor=actor, action=action[:60], since=_day("since"), until=_day("until"))


def _day(name: str) -> dt.date | None:
    text = request.args.get(name, "").strip()
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid("Write the day as 2026-03-31.", field=name) from None


def _rows(site: Site, wanted: AuditFilter) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        lines, after = page_of_audit(site, wanted, after, MOST)
        for line in lines:
            entry = line.entry
            yield (
                entry.at.isoformat(timespec="seconds"), line.actor or "the command line", entry.actor_id, entry.via, entry.action,
                entry.subject, line.about, entry.facts, entry.id, entry.position, entry.hash.hex() if entry.hash else "",
            )
            db.session.expunge(entry)
        if after is None:
            return
