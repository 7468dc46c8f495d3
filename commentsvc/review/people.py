"""The site's people: found, looked at, noted about, sanctioned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from flask import Response, redirect, request, session, url_for

from commentsvc.accounts.models import BioState, SiteBadge, User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.accounts.public_ids import public_id
from commentsvc.comments.authors import give_badges
from commentsvc.comments.threads import MAX_LIMIT
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError, Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.bios import bio_reason, decide_bio, profile_of
from commentsvc.moderation.models import REJECT_REASONS, Reason
from commentsvc.moderation.notes import add_note, delete_note, edit_note, note_on, notes_on
from commentsvc.moderation.people import (
    Filter,
    find_person,
    masked,
    merges_of,
    page_of_people,
    page_of_sanctions,
    parse_filter,
    person_of,
    sanction_on,
    sanctions_of,
    sweeps_of,
    timeline,
)
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.sanctions import admin_of_all, end, impose
from commentsvc.pages import utc_words
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.review.presenting import excerpt
from commentsvc.review.words import LEVEL_NAMES, REASON_NAMES, SANCTION_NAMES, SYSTEM, Words
from commentsvc.sites.models import Site
from commentsvc.web import reader, signed_in

DONE = "review_people_done"
REFUSED = (Invalid, Conflict, NotAllowed)
FILTERS = Words({Filter.ALL: N_("Everybody"), Filter.SANCTIONED: N_("Sanctioned"), Filter.NEW: N_("New this week"), Filter.REJECTED: N_("Often rejected"), Filter.BIO: N_("Bio to read")})
TABS = Words({"all": N_("Everything"), "comments": N_("Comments"), "decisions": N_("Decisions"), "sanctions": N_("Sanctions"), "notes": N_("Notes")})
# How long a sanction lasts, as the form offers it; "" is until somebody ends it.
LASTS = Words({"1": N_("1 day"), "3": N_("3 days"), "7": N_("7 days"), "30": N_("30 days"), "90": N_("90 days"), "": N_("Until somebody ends it")})
TIMED = {SanctionKind.SUSPEND, SanctionKind.ALWAYS_REVIEW, SanctionKind.SHADOW}
BIO_STATES = Words({
    BioState.PENDING: N_("The model has not read this yet."), BioState.HELD: N_("This waits for you."), BioState.REJECTED: N_("This was not accepted."),
})
BIO_DONE = {
    "approve": N_("Others read it now."), "reject": N_("Not accepted. The person is told, with the reason."),
    "take_down": N_("Others read it no more. The person is told, with the reason."),
}
CSV_HEAD = ("id", "name", "account_since", "trust", "published", "rejected", "held", "withdrawn", "flagged", "sanctions")
SANCTIONS_HEAD = (
    "id", "person", "person_id", "what", "reason", "by", "since", "until", "ended_at", "ended_by", "all_sites", "refused", "note", "message", "end_note",
)


def sees_addresses(site: Site) -> bool:
    """Whether e-mail addresses are shown to whoever asks."""
    return allowed(reader(), Permission.MANAGE_ROLES, site.id)


def _asked(site: Site) -> tuple[str, str]:
    """The name, or the exact address, that is looked for."""
    text = " ".join(request.args.get("q", "").replace("\x00", "").split())[:254]
    return ("", text) if "@" in text and sees_addresses(site) else (text, "")


@review.get("/<site_key>/people")
def people(site_key: str) -> Any:
    """A page of the people; `q` finds some by name (admins: by a whole e-mail address), `filter` narrows them."""
    site = site_for(site_key)
    name, email = _asked(site)
    chosen = parse_filter(request.args.get("filter", ""))
    after = request.args.get("after") or None
    found, following = page_of_people(site, name, chosen, after, email=email)
    return page(
        "people.html", site, here="people", found=found, more=following, after=after, q=name or email, chosen=chosen.value,
        filters=FILTERS, addresses=sees_addresses(site), masked=masked,
    )


@review.get("/<site_key>/people.csv")
def people_csv(site_key: str) -> Response:
    """Everybody whom the page's search and filter find."""
    site = site_for(site_key)
    name, email = _asked(site)
    chosen = parse_filter(request.args.get("filter", ""))
    head = (*CSV_HEAD, "email") if sees_addresses(site) else CSV_HEAD
    return csv_response(f"people-{site.key}.csv", head, _people_rows(site, name, chosen, email, addresses=sees_addresses(site)))


def _people_rows(site: Site, name: str, chosen: Filter, email: str, *, addresses: bool) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        found, after = page_of_people(site, name, chosen, after, MAX_LIMIT, email=email)
        for row in found:
            r = row.record
            yield (
                row.user.id, row.user.display_name, row.user.created_at.isoformat(timespec="seconds"), LEVEL_NAMES[row.level],
                r.published, r.rejected, r.held, r.withdrawn, r.flagged, "; ".join(SANCTION_NAMES[s.kind] for s in row.sanctions),
                *((row.user.email or "",) if addresses else ()),
            )
        if after is None:
            return


@review.get("/<site_key>/people/<int:user_id>")
def person(site_key: str, user_id: int) -> Any:
    """One person: record, what happened, what holds; `what` narrows the timeline."""
    site = site_for(site_key)
    return person_page(site, find_person(site, user_id))


def person_page(site: Site, user: User, *, error: CommentsvcError | None = None, form: str = "", status: int = 200) -> Any:
    """The page; with the form at fault open, what was typed in it, and the error beside its field."""
    what = request.args.get("what", "all")
    after = request.args.get("after") or None
    what = what if what in TABS else "all"
    events, following = timeline(site, user, after, what=what)
    note = request.form.get("note_id", type=int)
    html = page(
        "person.html", site, here="people", them=person_of(site, user), user=user, events=events, more=following, after=after,
        what=what, tabs=TABS, effects=sanctions_of(site, user), notes=notes_on(site, user.id), sweeps=sweeps_of(site, user),
        merges=merges_of(user), addresses=sees_addresses(site), masked=masked, everywhere=admin_of_all(signed_in()), error=error,
        form=form, typed=request.form if error is not None else {}, typed_note=note, reasons=Words(REJECT_REASONS), lasts=LASTS, now=utcnow(),
        badges=db.session.get(SiteBadge, (site.id, user.id)), profile=profile_of(user.id), bio_states=BIO_STATES, bio_reason=bio_reason, public=_public_page(site, user),
        done=session.pop(DONE, None), excerpt=excerpt, in_words=utc_words, staff=_is_staff(site, user),
    )
    return (html, status) if status != 200 else html


def _public_page(site: Site, user: User) -> str:
    """Where others see her; "" where they do not."""
    if user.guest_since is not None or user.erased_at is not None:
        return ""
    return url_for("profiles.profile", site_key=site.key, profile_id=public_id(site.id, user.id))


def _is_staff(site: Site, user: User) -> bool:
    return allowed(user, Permission.REVIEW, site.id)


def back_to(site: Site, user_id: int, done: str, anchor: str | None = None) -> Any:
    """The person's page again, saying what was done."""
    session[DONE] = done
    return redirect(url_for("review.person", site_key=site.key, user_id=user_id, _anchor=anchor), 303)


def refused(site: Site, user_id: int, error: CommentsvcError, form: str) -> Any:
    """The person's page with what was typed and why nothing was saved."""
    db.session.rollback()
    return person_page(site, find_person(site, user_id), error=error, form=form, status=error.status)


# ---- What stands beside her name, and what she says about herself


@review.post("/<site_key>/people/<int:user_id>/badges")
def badges(site_key: str, user_id: int) -> Any:
    """Say with the site's authority that somebody is an expert, or a member."""
    site = site_for(site_key)
    user = find_person(site, user_id)
    expert = request.form.get("expert", "") if request.form.get("is_expert") else None
    try:
        changed = give_badges(site, user, expert=expert, member=bool(request.form.get("member")), by=signed_in())
    except REFUSED as error:
        return refused(site, user_id, error, "badges")
    db.session.commit()
    return back_to(site, user_id, gettext("Saved. It stands beside the name now, on earlier comments too.") if changed else gettext("Nothing was changed."), "badges")


@review.post("/<site_key>/people/<int:user_id>/bio")
def bio(site_key: str, user_id: int) -> Any:
    """Let others read what a person says about herself, or not."""
    site = site_for(site_key)
    user = find_person(site, user_id)
    outcome = request.form.get("outcome", "")
    try:
        decide_bio(site, user, request.form.get("number", -1, int), outcome, request.form.get("reason", ""), actor=signed_in())
    except REFUSED as error:
        return refused(site, user_id, error, "bio-down" if outcome == "take_down" else "bio")
    db.session.commit()
    return back_to(site, user_id, gettext(BIO_DONE[outcome]), "bio")


# ---- Sanctions


@review.post("/<site_key>/people/<int:user_id>/sanctions")
def sanction(site_key: str, user_id: int) -> Any:
    """Impose a sanction, for a reason that the person is told."""
    site = site_for(site_key)
    user = find_person(site, user_id)
    try:
        kind = _kind()
        impose(
            user, kind, actor=signed_in(), site=None if request.form.get("all_sites") else site, reason=reason_sent(),
            message=request.form.get("message", ""), note=request.form.get("note", ""), ends_at=_ends_at(kind),
        )
    except REFUSED as error:
        return refused(site, user_id, error, "sanction")
    db.session.commit()
    return back_to(site, user_id, _imposed(kind))


@review.post("/<site_key>/sanctions/<int:sanction_id>/end")
def end_sanction(site_key: str, sanction_id: int) -> Any:
    """End a sanction before its time; the person is told."""
    site = site_for(site_key)
    found = sanction_on(site, sanction_id)
    user_id = found.user_id
    try:
        end(found, actor=signed_in(), note=request.form.get("note", ""))
    except REFUSED as error:
        return refused(site, user_id, error, f"end-{sanction_id}")
    db.session.commit()
    return back_to(site, user_id, gettext("Ended. The person is told."), "sanctions")


@review.get("/<site_key>/sanctions")
def sanctions(site_key: str) -> Any:
    """Every sanction that concerns the site, latest first; `holding=1`: those in force."""
    site = site_for(site_key)
    after = request.args.get("after") or None
    holding = bool(request.args.get("holding"))
    found, following = page_of_sanctions(site, after, holding=holding)
    return page(
        "sanctions.html", site, here="modlog", found=found, more=following, after=after, holding=holding, now=utcnow(), in_words=utc_words,
    )


@review.get("/<site_key>/sanctions.csv")
def sanctions_csv(site_key: str) -> Response:
    """All sanctions, under the same filter as the page."""
    site = site_for(site_key)
    return csv_response(f"sanctions-{site.key}.csv", SANCTIONS_HEAD, _sanction_rows(site, holding=bool(request.args.get("holding"))))


def _sanction_rows(site: Site, *, holding: bool) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        found, after = page_of_sanctions(site, after, MAX_LIMIT, holding=holding)
        yield from map(_sanction_row, found)
        if after is None:
            return


def _sanction_row(s: Sanction) -> tuple[object, ...]:
    def moment(at: dt.datetime | None) -> str:
        return at.isoformat(timespec="seconds") if at else ""

    return (
        s.id, s.user.display_name, s.user_id, SANCTION_NAMES[s.kind], REASON_NAMES.get(s.reason, s.reason),
        s.actor.display_name if s.actor else gettext(SYSTEM), moment(s.starts_at), moment(s.ends_at), moment(s.ended_at),
        s.ended_by.display_name if s.ended_by else "", "yes" if s.site_id is None else "no", s.refused, s.note, s.message, s.end_note,
    )


def _imposed(kind: SanctionKind) -> str:
    if kind == SanctionKind.SHADOW:
        return gettext("%(sanction)s. The person is told when it ends.", sanction=SANCTION_NAMES[kind])
    return gettext("%(sanction)s. The person is told by mail and on her next visit.", sanction=SANCTION_NAMES[kind])


def reason_sent() -> Reason:
    """The reason that was chosen; Invalid without one."""
    text = request.form.get("reason", "")
    if text not in set(REJECT_REASONS):
        raise Invalid("Choose a reason: the person is told.", field="reason")
    return Reason(text)


def _kind() -> SanctionKind:
    text = request.form.get("kind", "")
    if text not in set(SanctionKind):
        raise Invalid("Choose what should happen.", field="kind")
    return SanctionKind(text)


def _ends_at(kind: SanctionKind) -> dt.datetime | None:
    """When it ends: the time that was typed, else so many days from now."""
    if kind not in TIMED:  # the form's other kinds show no duration
        return None
    typed = request.form.get("until", "").strip()
    if typed:
        try:
            return dt.datetime.fromisoformat(typed).replace(tzinfo=dt.UTC)
        except ValueError:
            raise Invalid("Write a time like 2026-12-24T18:00.", field="ends_at") from None
    days = request.form.get("days", "")
    if days not in LASTS:
        raise Invalid("Choose how long.", field="ends_at")
    return utcnow() + dt.timedelta(days=int(days)) if days else None


# ---- Notes


@review.post("/<site_key>/people/<int:user_id>/notes")
def note(site_key: str, user_id: int) -> Any:
    """Note something for colleagues."""
    site = site_for(site_key)
    user = find_person(site, user_id)
    try:
        add_note(site, user, request.form.get("body", ""), author=signed_in())
    except REFUSED as error:
        return refused(site, user_id, error, "note")
    db.session.commit()
    return back_to(site, user_id, gettext("Noted."), "notes")


@review.post("/<site_key>/notes/<int:note_id>")
def change_note(site_key: str, note_id: int) -> Any:
    """Say one's own note differently, or delete it."""
    site = site_for(site_key)
    found = note_on(site, note_id)
    user_id = found.user_id
    try:
        if request.form.get("delete"):
            delete_note(found, author=signed_in())
        else:
            edit_note(found, request.form.get("body", ""), author=signed_in())
    except REFUSED as error:
        return refused(site, user_id, error, f"note-{note_id}")
    db.session.commit()
    return back_to(site, user_id, gettext("The note is deleted.") if request.form.get("delete") else gettext("The note is changed."), "notes")
