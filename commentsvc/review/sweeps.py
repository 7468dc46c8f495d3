"""Everything of a person's rejected at once, and taken back at once; and two accounts made one."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from jinja2_fragments.flask import render_block

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.errors import CommentsvcError, Conflict, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import gettext, ngettext
from commentsvc.moderation.people import find_person, page_of_people, person_rows
from commentsvc.moderation.sanctions import admin_of_all
from commentsvc.moderation.sweeps import advance, start_sweep, sweep_on, undo_sweep
from commentsvc.notifications.merging import merge
from commentsvc.review.blueprint import by_htmx, page, review, site_for
from commentsvc.review.people import REFUSED, back_to, reason_sent, refused
from commentsvc.sites.models import Site
from commentsvc.web import row_id, signed_in


@review.post("/<site_key>/people/<int:user_id>/sweeps")
def sweep(site_key: str, user_id: int) -> Any:
    """Reject all that the person has published or waiting here; the first few at once, the rest by the worker."""
    site = site_for(site_key)
    user = find_person(site, user_id)
    try:
        begun = start_sweep(site, user, actor=signed_in(), reason=reason_sent(), note=request.form.get("note", ""))
    except REFUSED as error:
        return refused(site, user_id, error, "sweep")
    db.session.commit()
    advance(begun.id)
    return redirect(url_for("review.sweep_progress", site_key=site.key, sweep_id=begun.id), 303)


@review.get("/<site_key>/sweeps/<int:sweep_id>")
def sweep_progress(site_key: str, sweep_id: int) -> Any:
    """How far a sweep is; a fragment for htmx, which asks again while it is under way."""
    site = site_for(site_key)
    found = sweep_on(site, sweep_id)
    user = db.session.get_one(User, found.user_id)
    if by_htmx():
        return render_block("review/sweep.html", "progress", site=site, sweep=found, user=user)
    return page("sweep.html", site, here="people", sweep=found, user=user)


@review.post("/<site_key>/sweeps/<int:sweep_id>/undo")
def take_sweep_back(site_key: str, sweep_id: int) -> Any:
    """Give every comment the status it had; what somebody decided since stays."""
    site = site_for(site_key)
    found = sweep_on(site, sweep_id)
    try:
        undo_sweep(found, actor=signed_in())
    except Conflict:  # pressed twice, or by two
        db.session.rollback()
    else:
        db.session.commit()
        advance(sweep_id)
    return redirect(url_for("review.sweep_progress", site_key=site.key, sweep_id=sweep_id), 303)


@review.get("/<site_key>/people/<int:user_id>/duplicates")
def merge_form(site_key: str, user_id: int) -> Any:
    """Look for the person's other account."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    return _merge_page(site, find_person(site, user_id))


@review.post("/<site_key>/people/<int:user_id>/merge")
def merge_accounts(site_key: str, user_id: int) -> Any:
    """Give all of the other account to this one, and close that; for good."""
    site = site_for(site_key, Permission.MANAGE_ROLES)
    kept = find_person(site, user_id)
    try:
        other = find_person(site, _merged_id())
        done = merge(kept, other, actor=signed_in(), typed_name=request.form.get("typed_name", ""))
    except CommentsvcError as error:
        db.session.rollback()
        return _merge_page(site, find_person(site, user_id), error), error.status
    db.session.commit()
    return back_to(site, user_id, gettext(
        "The accounts are one now: %(comments)s and %(votes)s moved here.",
        comments=ngettext("%(num)d comment", "%(num)d comments", done.comments), votes=ngettext("%(num)d vote", "%(num)d votes", done.votes),
    ))


def _merged_id() -> int:
    try:
        return row_id(request.values.get("other", ""))
    except ValueError:
        return 0


def _merge_page(site: Site, kept: User, error: CommentsvcError | None = None) -> str:
    if not admin_of_all(signed_in()):
        raise NotAllowed("Only somebody who is admin of every site can merge accounts.", code="not_all_sites")
    q = " ".join(request.values.get("q", "").replace("\x00", "").split())[:200]
    name, email = ("", q) if "@" in q else (q, "")
    found = [row for row in page_of_people(site, name, email=email, limit=20)[0] if row.user.id != kept.id] if q else []
    other = None
    if _merged_id():
        other = person_rows(site, [find_person(site, _merged_id())])[0]
    return page(
        "merge.html", site, here="people", kept=person_rows(site, [kept])[0], found=found, other=other, q=q, error=error,
        typed=request.form.get("typed_name", ""),
    )
