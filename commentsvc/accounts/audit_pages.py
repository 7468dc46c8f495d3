"""The audit log as a site's admins read it: latest first, by person, kind and time."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select

from commentsvc.accounts.models import AuditEntry, User
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.pagination import Cursors, SortKey, page
from commentsvc.sites.models import Site

PER_PAGE = 50
MOST = 100
COMMAND_LINE = "command"  # in place of a person's id


@dataclass(frozen=True)
class AuditFilter:
    """Which rows; what is empty does not narrow. Days are whole ones of UTC, both included."""

    actor: str = ""  # a person's id, or COMMAND_LINE
    action: str = ""  # a code such as role.granted, or the part before its first dot
    since: dt.date | None = None
    until: dt.date | None = None

    @property
    def any(self) -> bool:
        return self != AuditFilter()


@dataclass(frozen=True)
class Line:
    """A row with the names of whom it is about, as they are now."""

    entry: AuditEntry
    actor: str  # empty for the command line
    about: str  # the person it was done to, where there is one
    facts: dict[str, Any]


def page_of_audit(site: Site, wanted: AuditFilter, after: str | None = None, limit: int = PER_PAGE) -> tuple[list[Line], str | None]:
    """The site's rows, latest first, and the cursor of the next page; two statements."""
    if not 1 <= limit <= MOST:
        raise Invalid("Ask for 1 to %(most)s rows at once.", field="limit", values={"most": MOST})
    scope = f"audit:{site.id}:{wanted.actor}:{wanted.action}:{wanted.since}:{wanted.until}"
    cursors = Cursors(current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])
    position = cursors.read(scope, after)[:2] if after else None
    query = select(AuditEntry).where(AuditEntry.site_id == site.id)
    if wanted.actor == COMMAND_LINE:
        query = query.where(AuditEntry.actor_id.is_(None))
    elif wanted.actor:
        query = query.where(AuditEntry.actor_id == _id(wanted.actor))
    if "." in wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    elif wanted.action:
        query = query.where(AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True))
    if wanted.since:
        query = query.where(AuditEntry.at >= dt.datetime.combine(wanted.since, dt.time(), dt.UTC))
    if wanted.until and wanted.until < dt.date.max:
        query = query.where(AuditEntry.at < dt.datetime.combine(wanted.until + dt.timedelta(days=1), dt.time(), dt.UTC))
    rows, more = page(query, SortKey(AuditEntry.id), AuditEntry.id, position=position, limit=limit)
    entries = [row[0] for row in rows]
    return _named(entries), cursors.write(scope, entries[-1].id, entries[-1].id) if more else None


def _named(entries: Sequence[AuditEntry]) -> list[Line]:
    subjects = {entry.id: int(number) for entry in entries for kind, _, number in [entry.subject.partition(":")] if kind == "user" and number.isdecimal()}
    wanted = {entry.actor_id for entry in entries if entry.actor_id is not None} | set(subjects.values())
    names: dict[int, str] = {
        row.id: row.display_name for row in db.session.execute(select(User.id, User.display_name).where(User.id.in_(wanted)))
    } if wanted else {}
    return [
        Line(
            entry,
            actor="" if entry.actor_id is None else names.get(entry.actor_id, gettext("Account %(number)s", number=entry.actor_id)),
            about=names.get(subjects[entry.id], gettext("Account %(number)s", number=subjects[entry.id])) if entry.id in subjects else "",
            facts=json.loads(entry.facts),
        )
        for entry in entries
    ]


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Invalid("Name a person by her id, or the command line.", field="actor")
    return int(text)
