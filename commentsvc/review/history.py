"""What was set when and by whom, what that changed, and the way back."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import redirect, request, url_for

from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, comma, gettext, number
from commentsvc.moderation.differences import Difference
from commentsvc.moderation.models import PolicyVersion
from commentsvc.moderation.settings import (
    BEFORE_THE_HISTORY,
    change_made,
    change_of_going_back,
    get_version,
    go_back,
    lock_site,
    versions_of,
)
from commentsvc.review.blueprint import review
from commentsvc.review.settings_form import FIELD, LABELLED
from commentsvc.review.settings_pages import managed, remember_saved, settings_page, why
from commentsvc.review.words import REASON_NAMES, Words
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

PER_PAGE = 50
# Named in the list; the version's own page has them all.
NAMED = 4
# Shown of a list; whoever wants all of ten thousand phrases has the CSV.
LISTED = 200
# A text with more lines is shown as it was and as it is.
LINES_COMPARED = 400
VIA_NAMES = Words({"console": N_("in the console"), "api": N_("through the API"), "command": N_("by a command")})
_NAMES: Words[tuple[str, ...], str] = Words({
    ("policy", "banned_phrases"): N_("Banned phrases"), ("policy", "suspect_phrases"): N_("Suspect phrases"),
    ("reason_order",): N_("Order of the reasons"),
    # On the page of the rules about people.
    ("policy", "trust_offset_new"): N_("Limits for new and watched authors lower by"),
    ("policy", "trust_offset_trusted"): N_("Limits for trusted authors higher by"),
    ("policy", "trust_hold_watched"): N_("Read every comment of watched authors first"),
    ("policy", "trust_links_from"): N_("Links pass from the level"),
    ("policy", "trust_pace"): N_("Seconds that new and watched authors wait"),
    ("policy", "repeat_rejections"): N_("Repeat offenders: rejected comments"),
    ("policy", "repeat_days"): N_("Repeat offenders: within days"),
    ("policy", "repeat_action"): N_("Repeat offenders: what happens"),
    ("policy", "repeat_hours"): N_("Repeat offenders: for hours"),
})
_PARTS = Words({"words": N_("words for the author"), "category": N_("counts as"), "hidden": N_("hidden")})


@dataclass(frozen=True)
class Line:
    """A line of a text in comparison; sign is "+", "-" or " "."""

    sign: str
    text: str


@dataclass(frozen=True)
class Shown:
    """A difference as the page shows it: values in words, or a list, or a text line by line."""

    name: str
    before: str = ""
    after: str = ""
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    more_added: int = 0
    more_removed: int = 0
    lines: Sequence[Line] = ()


@review.get("/<site_key>/settings/history")
def history(site_key: str) -> Any:
    """The versions, latest first."""
    site = managed(site_key)
    before = request.args.get("before", type=int)
    found = versions_of(site, before=before if before and 0 < before < 2**31 else None, limit=PER_PAGE + 1)
    return settings_page(
        "settings_history.html", site, "review.history", versions=found[:PER_PAGE], more=found[PER_PAGE - 1].number if len(found) > PER_PAGE else None,
        summary=summary, noted=noted, via=VIA_NAMES,
    )


@review.get("/<site_key>/settings/history/<int:number>")
def version(site_key: str, number: int) -> Any:
    """What one version changed, and what going back to it would."""
    site = managed(site_key)
    return _version_page(site, _version(site, number))


@review.post("/<site_key>/settings/history/<int:number>/restore")
def restore(site_key: str, number: int) -> Any:
    """Make a new version equal to this one; 409 where the settings have changed since the page showed what would happen."""
    asked = managed(site_key)
    wanted = _version(asked, number)
    site = lock_site(asked.id)
    if request.form.get("version", type=int) != site.version:
        return _version_page(site, wanted, problem=gettext("Nothing was changed: somebody else changed the settings meanwhile. This is what would happen now.")), 409
    try:
        made = go_back(site, wanted, actor=signed_in(), via="console", comment=why())
    except (Conflict, Invalid) as error:
        db.session.rollback()
        return _version_page(managed(site_key), wanted, problem=" ".join((gettext("Nothing was changed."), error.told))), error.status
    db.session.commit()
    remember_saved(site, gettext("Version %(former)d holds again, as version %(number)d.", former=wanted.number, number=made.number))
    return redirect(url_for("review.history", site_key=site.key))


def _version(site: Site, number: int) -> PolicyVersion:
    return get_version(site, min(number, 2**31 - 1))


def noted(version: PolicyVersion) -> str:
    """What was said of a change: by whoever made it, or by the service in the reader's language."""
    return gettext(BEFORE_THE_HISTORY) if version.comment == BEFORE_THE_HISTORY else version.comment


def _version_page(site: Site, found: PolicyVersion, *, problem: str = "") -> str:
    current = found.number == site.policy_version
    back = [] if current else [shown(d) for d in change_of_going_back(site, found)]
    return settings_page(
        "settings_version.html", site, "review.history", found=found, made=[shown(d) for d in change_made(site, found)], back=back,
        current=current, problem=problem, noted=noted, via=VIA_NAMES,
    )


def summary(found: PolicyVersion) -> str:
    """What a version changed, in a line."""
    parts: list[str] = []
    for change in found.changes:
        name = name_of(tuple(change["path"]))
        counts = " ".join(f"{sign}{number(change[key])}" for sign, key in (("+", "added"), ("−", "removed")) if change[key])
        parts.append(f"{name} {counts}".strip())
    named = list(dict.fromkeys(parts))
    more = len(named) - NAMED
    listed = comma().join(named[:NAMED])
    return gettext("%(list)s and %(number)d more", list=listed, number=more) if more > 0 else listed


def name_of(path: tuple[str, ...]) -> str:  # noqa: PLR0911 - one for each place
    """What the console calls a field."""
    if path in _NAMES:
        return _NAMES[path]
    match path:
        case ("policy", "sections", section, *rest):
            inner = name_of(("policy", *rest)) if rest else ""
            return f"{section}: {inner}" if inner else str(section)
        case ("policy", "email_rules", domain, *_):
            return gettext("E-mail domain %(domain)s", domain=domain)
        case ("policy", "hold_at" | "reject_at" as kind, label):
            return LABELLED.get(f"{kind.removesuffix('_at')}_{label}", label)
        case ("policy", name):
            return LABELLED.get(name, name)
        case ("reasons", key, *part):
            words = REASON_NAMES.get(key, key)
            name = gettext("Reason “%(words)s”", words=words)
            return f"{name}: {_PARTS.get(part[0], part[0])}" if part else name
        case ("messages", about):
            reason, _, language = str(about).rpartition(" ")
            return (
                gettext("Message for %(reason)s (%(language)s)", reason=REASON_NAMES.get(reason, reason), language=language) if reason
                else gettext("Message for any reason (%(language)s)", language=language)
            )
        case ("phrase_notes", phrase):
            return gettext("Note of “%(phrase)s”", phrase=phrase)
        case (name,):
            return LABELLED.get(name, name)
    return " ".join(path)


def shown(difference: Difference) -> Shown:
    """A difference in words."""
    name = name_of(difference.path)
    if difference.listed:
        return Shown(
            name, added=difference.added[:LISTED], removed=difference.removed[:LISTED],
            more_added=max(0, len(difference.added) - LISTED), more_removed=max(0, len(difference.removed) - LISTED),
        )
    before, after = _value(difference.path, difference.before), _value(difference.path, difference.after)
    if "\n" in before or "\n" in after:
        old, new = str(difference.before or "").splitlines(), str(difference.after or "").splitlines()
        if len(old) + len(new) <= LINES_COMPARED:
            return Shown(name, lines=_compared(old, new))
    return Shown(name, before, after)


def _compared(old: list[str], new: list[str]) -> list[Line]:
    lines: list[Line] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            lines += [Line(" ", text) for text in old[a:b]]
        else:
            lines += [Line("-", text) for text in old[a:b]] + [Line("+", text) for text in new[c:d]]
    return lines


def _value(path: tuple[str, ...], value: Any) -> str:
    if value is None or value == "":
        return gettext("as the site") if path[:2] == ("policy", "sections") else gettext("nothing")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, (int, float)):
        f = FIELD.get(path[-1])
        return f"{number(value / f.scale)} {f.unit_words}".strip() if f is not None else number(value)
    if path[-1] == "category":
        return REASON_NAMES.get(value, str(value))
    return str(value)
