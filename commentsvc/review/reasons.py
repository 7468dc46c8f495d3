"""The site's own list of reasons, and the messages it keeps ready for authors."""

from __future__ import annotations

import re
from typing import Any

from flask import redirect, request, url_for

from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.moderation.models import REJECT_REASONS
from commentsvc.moderation.reasons import (
    MAX_REASONS,
    MESSAGE_LENGTH,
    PLACEHOLDERS,
    WORDS_LENGTH,
    SiteReason,
    canned_messages,
    check_messages,
    check_reasons,
    reasons_of,
)
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.review.blueprint import review
from commentsvc.review.settings_form import typed_text
from commentsvc.review.settings_pages import managed, remember_saved, settings_page, why
from commentsvc.review.words import Words
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

# Empty rows offered; the next page has as many again.
SPARE_REASONS = 2
SPARE_MESSAGES = 1
_ROW = re.compile(r"(reasons|messages)\.(\d{1,3})\.[a-z]+")

Row = dict[str, Any]


@review.get("/<site_key>/settings/reasons")
def reasons(site_key: str) -> Any:
    """Reasons and messages, as saved, with empty rows for more."""
    site = managed(site_key)
    return _reasons_page(site, _saved_reasons(site), _saved_messages(site), {})


@review.post("/<site_key>/settings/reasons")
def save_reasons(site_key: str) -> Any:
    """All rows at once: a row that is emptied goes, one that is filled in comes."""
    asked = managed(site_key)
    typed_reasons, typed_messages = _typed("reasons"), _typed("messages")
    site = lock_site(asked.id)
    if request.form.get("version", type=int) != site.version:
        return _reasons_page(site, typed_reasons, typed_messages, {}, theirs=True), 409
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    try:
        kept = check_reasons(_ordered(typed_reasons))
        values["reasons"] = kept if kept != [SiteReason(r.value, words, r).to_data() for r, words in REJECT_REASONS.items()] else None
        keys = reasons_of(Site(reasons=kept))
    except Invalid as error:
        errors[_at(error.field, _ordered(typed_reasons))] = error.told
        keys = reasons_of(site)
    try:
        wanted = [row for row in typed_messages if row["text"].strip()]
        values["messages"] = check_messages(wanted, keys) or None
    except Invalid as error:
        errors[_at(error.field, wanted)] = error.told
    if errors:
        return _reasons_page(site, typed_reasons, typed_messages, errors), 422
    change_settings(site, values, actor=signed_in(), via="console", comment=why())
    db.session.commit()
    remember_saved(site, gettext("Saved."))
    return redirect(url_for("review.reasons", site_key=site.key))


def _typed(kind: str) -> list[Row]:
    """The rows of the form in their order there, as they were typed."""
    numbers = {int(found[2]) for name in request.form if (found := _ROW.fullmatch(name)) and found[1] == kind}
    fields = ("key", "words", "category", "order") if kind == "reasons" else ("reason", "language", "text")
    rows: list[Row] = []
    for number in sorted(numbers):
        row: Row = {name: typed_text(request.form, f"{kind}.{number}.{name}") for name in fields}
        row |= {"number": number, "hidden": f"{kind}.{number}.hidden" in request.form}
        rows.append(row)
    return rows


def _ordered(rows: list[Row]) -> list[Row]:
    """The reasons that are filled in, by the numbers typed beside them; rows with equal ones stay as they were."""
    filled = [row for row in rows if row["key"].strip() or row["words"].strip()]
    return sorted(filled, key=lambda row: (_order(row["order"]), row["number"]))


def _order(text: str) -> float:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return 1e9
    return value if abs(value) < 1e9 else 1e9


def _at(field: str | None, rows: list[Row]) -> str:
    """The form's name of the field at fault: rows were left out and put in order since it was typed."""
    kind, _, rest = (field or "").partition(".")
    number, _, name = rest.partition(".")
    return f"{kind}.{rows[int(number)]['number']}.{name}" if number.isdecimal() else kind


def _saved_reasons(site: Site) -> list[Row]:
    return [{**r.to_data(), "order": str(n), "number": n} for n, r in enumerate(reasons_of(site), 1)]


def _saved_messages(site: Site) -> list[Row]:
    return [{**m.to_data(), "number": n} for n, m in enumerate(canned_messages(site), 1)]


def _reasons_page(site: Site, rows: list[Row], messages: list[Row], errors: dict[str, str], *, theirs: bool = False) -> str:
    spare_reasons = [{"key": "", "words": "", "category": "", "order": "", "hidden": False}] * SPARE_REASONS
    spare_messages = [{"reason": "", "language": site.language, "text": ""}] * SPARE_MESSAGES
    rows, messages = _with_spare(rows, spare_reasons, "words"), _with_spare(messages, spare_messages, "text")
    return settings_page(
        "settings_reasons.html", site, "review.reasons", rows=rows, messages=messages, errors=errors, theirs=theirs,
        categories=Words(REJECT_REASONS), placeholders=Words(PLACEHOLDERS), most=MAX_REASONS, words_length=WORDS_LENGTH, message_length=MESSAGE_LENGTH,
        choices=[(r.key, r.words) for r in reasons_of(site)],
    )


def _with_spare(rows: list[Row], spare: list[Row], name: str) -> list[Row]:
    empty = sum(1 for row in rows if not row[name].strip())
    first = max((row["number"] for row in rows), default=0) + 1
    return [*rows, *({**row, "number": first + n} for n, row in enumerate(spare[: max(0, len(spare) - empty)]))]
