"""The site's phrases: looked through, added one by one or as a list, and taken off."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request, url_for

from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, NP_, comma, gettext, ngettext, number
from commentsvc.moderation.phrase_lists import (
    BANNED,
    CSV_HEAD,
    IMPORT_BYTES,
    LISTS,
    NOTE_LENGTH,
    SUSPECT,
    Tally,
    adding,
    named,
    phrase_rows,
    read_phrases,
    removing,
)
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.review.blueprint import review
from commentsvc.review.csv_export import csv_response
from commentsvc.review.settings_form import typed_text
from commentsvc.review.settings_pages import managed, remember_saved, settings_page, why
from commentsvc.review.words import Words
from commentsvc.screening.policy import MAX_PHRASES
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

PER_PAGE = 100
QUERY_LENGTH = 100
LIST_NAMES: Words[str, str] = Words({BANNED: NP_("phrase", "Banned"), SUSPECT: N_("Suspect")})


@review.get("/<site_key>/settings/phrases")
def phrases(site_key: str) -> Any:
    """A page of the phrases, in the order of the alphabet; `q` and `list` find some."""
    return _phrases_page(managed(site_key))


@review.post("/<site_key>/settings/phrases")
def add_phrases(site_key: str) -> Any:
    """Add what is typed or uploaded; nothing of it where a line is wrong."""
    asked = managed(site_key)
    try:
        given = read_phrases(_sent(), _list() or SUSPECT, _note())
        site = lock_site(asked.id)
        values, tally = adding(site, given)
    except Invalid as error:
        db.session.rollback()
        return _phrases_page(managed(site_key), problem=error.told), 422
    change_settings(site, values, actor=signed_in(), via="console", comment=why())
    db.session.commit()
    remember_saved(site, _in_words(tally))
    return redirect(url_for("review.phrases", site_key=site.key))


@review.post("/<site_key>/settings/phrases/remove")
def remove_phrases(site_key: str) -> Any:
    """Take the chosen phrases off their lists."""
    site = lock_site(managed(site_key).id)
    values, count = removing(site, request.form.getlist("phrase"))
    if not count:
        db.session.rollback()
        return _phrases_page(managed(site_key), nothing_chosen=True), 422
    change_settings(site, values, actor=signed_in(), via="console", comment=why())
    db.session.commit()
    remember_saved(site, ngettext("%(number)s phrase removed. History takes you back.", "%(number)s phrases removed. History takes you back.", count, number=number(count)))
    return redirect(url_for("review.phrases", site_key=site.key, q=_query() or None, list=_list() or None))


@review.get("/<site_key>/settings/phrases.csv")
def phrases_csv(site_key: str) -> Response:
    """The phrases that the page's filter finds; the same file can be brought back."""
    site = managed(site_key)
    found = named(phrase_rows(site, _query(), _list()))
    rows = ((r.phrase, r.list, r.note, r.by, r.at.isoformat(timespec="seconds") if r.at else "") for r in found)
    return csv_response(f"phrases-{site.key}.csv", (*CSV_HEAD, "added_by", "added_at"), rows)


def _sent() -> str:
    text = typed_text(request.form, "phrases")
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return text
    data = sent.stream.read(IMPORT_BYTES + 1)
    if len(data) > IMPORT_BYTES:
        raise Invalid("The file has more than %(most)s kB; bring it in parts.", field="file", values={"most": IMPORT_BYTES // 1000})
    try:
        read = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The file is not UTF-8 text; save it as “CSV UTF-8” or as plain text.", field="file") from None
    # A CSV names its columns in its first line; so does nothing that stands before it.
    return f"{read}\n{text}" if text.strip() else read


def _list() -> str:
    name = request.values.get("list", "")
    return name if name in LISTS else ""


def _note() -> str:
    note = " ".join(typed_text(request.form, "note").split())
    if len(note) > NOTE_LENGTH:
        raise Invalid("The note is %(over)s characters too long.", field="note", values={"over": len(note) - NOTE_LENGTH})
    return note


def _query() -> str:
    return " ".join(request.values.get("q", "").replace("\x00", "").split())[:QUERY_LENGTH]


def _in_words(tally: Tally) -> str:
    parts = [
        words for number, words in (
            (tally.added, ngettext("%(count)s added", "%(count)s added", tally.added, count=number(tally.added))),
            (tally.moved, ngettext("%(count)s moved to the other list", "%(count)s moved to the other list", tally.moved, count=number(tally.moved))),
            (tally.noted, ngettext("%(count)s got another note", "%(count)s got another note", tally.noted, count=number(tally.noted))),
            (tally.known, ngettext("%(count)s known already", "%(count)s known already", tally.known, count=number(tally.known))),
        )
        if number
    ]
    return gettext("Phrases: %(list)s.", list=comma().join(parts))


def _phrases_page(site: Site, *, problem: str = "", nothing_chosen: bool = False) -> str:
    found = phrase_rows(site, _query(), _list())
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(max(request.args.get("page", 1, type=int), 1), pages)
    policy = site.policy
    return settings_page(
        "settings_phrases.html", site, "review.phrases", rows=named(found[(number - 1) * PER_PAGE : number * PER_PAGE]),
        found=len(found), number=number, page_count=pages, q=_query(), only=_list(), problem=problem, nothing_chosen=nothing_chosen,
        names=LIST_NAMES, sizes={name: len(getattr(policy, field)) for name, field in LISTS.items()}, most=MAX_PHRASES,
        typed=typed_text(request.form, "phrases"), typed_note=typed_text(request.form, "note"), note_length=NOTE_LENGTH,
        import_kb=IMPORT_BYTES // 1000, chosen=set(request.form.getlist("phrase")),
    )
