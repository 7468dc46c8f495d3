"""A site's lists of phrases: shown, added to from text or CSV, and taken from."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.screening.policy import MAX_PHRASES, PHRASE_LENGTH, Policy, is_phrase
from commentsvc.sites.models import Site

BANNED, SUSPECT = "banned", "suspect"
# List -> the policy's field.
LISTS: dict[str, str] = {BANNED: "banned_phrases", SUSPECT: "suspect_phrases"}
NOTE_LENGTH = 300
# As much as a form may carry; 20,000 phrases take about 300 kB.
IMPORT_BYTES = 900_000
CSV_HEAD = ("phrase", "list", "note")
# Named in an error; whoever has more wrong lines than this has the wrong file.
PROBLEMS_NAMED = 5


@dataclass(frozen=True)
class PhraseRow:
    """A phrase of a list: why it is there, who added it and when, as far as anybody knows."""

    phrase: str
    list: str
    note: str = ""
    by_id: int | None = None
    by: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True)
class Given:
    """A phrase to add."""

    phrase: str
    list: str
    note: str = ""


@dataclass(frozen=True)
class Tally:
    """What adding did: new ones, those that changed lists, those that got another note, those known already."""

    added: int = 0
    moved: int = 0
    noted: int = 0
    known: int = 0


def phrase_rows(site: Site, text: str = "", only: str = "") -> list[PhraseRow]:
    """The site's phrases in the order of the alphabet, with `text` in phrase or note, of one list or both."""
    wanted = text.casefold()
    policy, notes = site.policy, site.phrase_notes or {}
    found = [
        _row(phrase, name, notes.get(phrase, {}))
        for name, field in LISTS.items()
        if only in {"", name}
        for phrase in getattr(policy, field)
        if wanted in phrase.casefold() or wanted in str(notes.get(phrase, {}).get("note", "")).casefold()
    ]
    return sorted(found, key=lambda row: (row.phrase.casefold(), row.list))


def named(rows: Sequence[PhraseRow]) -> list[PhraseRow]:
    """The rows with the names of who added them; one statement."""
    ids = {row.by_id for row in rows if row.by_id is not None}
    if not ids:
        return list(rows)
    names = {row.id: row.display_name for row in db.session.execute(select(User.id, User.display_name).where(User.id.in_(ids)))}
    return [replace(row, by=names.get(row.by_id, "") if row.by_id else "") for row in rows]


def _row(phrase: str, name: str, note: Mapping[str, Any]) -> PhraseRow:
    at = note.get("at")
    return PhraseRow(phrase, name, str(note.get("note", "")), note.get("by"), "", dt.datetime.fromisoformat(at) if at else None)


def read_phrases(text: str, name: str, note: str = "") -> list[Given]:
    """The phrases of a text, one a line, or of a CSV whose first line names a column `phrase` and another.

    Those whose line names no list go into `name`, those without a note have `note`. Invalid says which lines are wrong.
    """
    text = text.removeprefix("\ufeff").replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    if len(text.encode("utf-8", "surrogatepass")) > IMPORT_BYTES:
        raise Invalid("This is more than %(most)s kB; bring it in parts.", field="phrases", values={"most": IMPORT_BYTES // 1000})
    found: list[Given] = []
    problems: list[str] = []
    for number, row in enumerate(_lines(text), 1):
        phrase, where, why = (" ".join(cell.encode("utf-8", "ignore").decode().split()) for cell in row)
        if not phrase:
            continue
        where, why = where.casefold() or name, why or note
        if not is_phrase(phrase):
            problems.append(gettext("“%(phrase)s” (phrase %(number)s) needs a letter or digit and has at most %(most)s characters", phrase=_short(phrase), number=number, most=PHRASE_LENGTH))
        elif where not in LISTS:
            problems.append(gettext("“%(phrase)s” (phrase %(number)s) is no list: banned or suspect", phrase=_short(where), number=number))
        elif len(why) > NOTE_LENGTH:
            problems.append(gettext("the note of “%(phrase)s” has more than %(most)s characters", phrase=_short(phrase), most=NOTE_LENGTH))
        else:
            found.append(Given(phrase, where, why))
    if problems:
        more = len(problems) - PROBLEMS_NAMED
        raise Invalid(
            N_("Nothing was added: %(problems)s; and %(more)s more.") if more > 0 else N_("Nothing was added: %(problems)s."),
            field="phrases", values={"problems": "; ".join(problems[:PROBLEMS_NAMED]), "more": more},
        )
    if not found:
        raise Invalid("Write at least one phrase.", field="phrases")
    return found


def _lines(text: str) -> Iterable[tuple[str, str, str]]:
    first, _, _ = text.partition("\n")
    columns = [c.strip().casefold() for c in next(csv.reader([first]), [])]
    if "phrase" not in columns or len(columns) < 2:
        return ((line, "", "") for line in text.splitlines())
    return _csv(text, columns)


def _csv(text: str, columns: list[str]) -> Iterable[tuple[str, str, str]]:
    try:
        for cells in list(csv.reader(io.StringIO(text)))[1:]:
            row = dict(zip(columns, cells, strict=False))
            yield _plain(row.get("phrase", "")), _plain(row.get("list", "")), _plain(row.get("note", ""))
    except csv.Error as error:
        raise Invalid("This CSV cannot be read: %(problem)s.", field="phrases", values={"problem": error}) from None


def _plain(cell: str) -> str:
    """A cell without the apostrophe that our own export puts before what a spreadsheet would run."""
    return cell[1:] if cell[:1] == "'" and not cell[1:2].isalnum() else cell


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def adding(site: Site, given: Iterable[Given], policy: Policy | None = None) -> tuple[dict[str, Any], Tally]:
    """What to set on a locked site so that it has these phrases, each on one list; and what that comes to.

    A phrase that is on the other list moves; one that is known keeps its note unless another is given. `policy` is
    what to go on from, if it is not the site's.
    """
    policy, notes = policy or site.policy, dict(site.phrase_notes or {})
    where = {phrase: name for name, field in reversed(LISTS.items()) for phrase in getattr(policy, field)}
    added = moved = noted = known = 0
    for one in given:
        before = where.get(one.phrase)
        note = notes.get(one.phrase, {})
        again = one.note and one.note != note.get("note", "")
        if before is None:
            added += 1
        elif before != one.list:
            moved += 1
        elif again:
            noted += 1
        else:
            known += 1
        where[one.phrase] = one.list
        if again or before is None:
            notes[one.phrase] = {**note, "note": one.note}
    lists: dict[str, Any] = {field: tuple(p for p, at in where.items() if at == name) for name, field in LISTS.items()}
    for name, field in LISTS.items():
        if len(lists[field]) > MAX_PHRASES:
            raise Invalid(
                N_("Nothing was added: the banned list would have %(number)s phrases; it takes %(most)s.") if name == "banned"
                else N_("Nothing was added: the suspect list would have %(number)s phrases; it takes %(most)s."),
                field="phrases", values={"number": len(lists[field]), "most": MAX_PHRASES},
            )
    return {"policy": replace(policy, **lists), "phrase_notes": notes}, Tally(added, moved, noted, known)


def removing(site: Site, phrases: Iterable[str]) -> tuple[dict[str, Any], int]:
    """What to set on a locked site so that these phrases are on no list; and how many that are."""
    gone = set(phrases)
    policy = site.policy
    lists: dict[str, Any] = {field: tuple(p for p in getattr(policy, field) if p not in gone) for field in LISTS.values()}
    count = sum(len(getattr(policy, field)) - len(kept) for field, kept in lists.items())
    return {"policy": replace(policy, **lists)}, count
