"""Statements of reasons as the DSA Transparency Database takes them, and what a transparency report counts.

Version 2 of the database's schema, in force since 1 July 2025; docs/statements.md says which of its fields are used.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select

from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.legal_notices import CATEGORIES
from commentsvc.moderation.models import (
    Appeal,
    AppealStatus,
    Flag,
    LegalNotice,
    NoticeKind,
    NoticeStatus,
    Reason,
    Statement,
)
from commentsvc.moderation.statements import BY_PROGRAM, ILLEGAL, RULES
from commentsvc.sites.models import Site

CHUNK = 500

EU = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL",
    "PT", "RO", "SE", "SI", "SK",
)
EEA = tuple(sorted((*EU, "IS", "LI", "NO")))

# In the order of the database's documentation; what does not apply to a statement is left out of it.
FIELDS = (
    "puid", "decision_visibility", "decision_provision", "decision_account", "account_type", "decision_ground",
    "illegal_content_legal_ground", "illegal_content_explanation", "incompatible_content_ground", "incompatible_content_explanation",
    "content_type", "category", "category_specification", "territorial_scope", "content_date", "application_date",
    "end_date_visibility_restriction", "end_date_service_restriction", "end_date_account_restriction", "decision_facts",
    "source_type", "automated_detection", "automated_decision",
)


def territory(named: Sequence[str]) -> list[str]:
    """Country codes, with EU and EEA spelled out; Invalid for what the database does not take."""
    codes: set[str] = set()
    for name in named:
        wanted = {"EU": EU, "EEA": EEA}.get(name.upper(), (name.upper(),))
        if not set(wanted) <= set(EEA):
            raise Invalid("%(name)s is no country of the European Economic Area; give its two letters, EU or EEA.", field="territory", values={"name": name})
        codes.update(wanted)
    return sorted(codes)


def record_of(statement: Statement, scope: Sequence[str]) -> dict[str, Any]:
    """A statement by the database's field names; dates without the time, as it wants them. Pure."""
    illegal = statement.decision_ground == ILLEGAL
    kind = "illegal_content" if illegal else "incompatible_content"
    end = statement.ended_at or statement.end_date
    rule = RULES.get(Reason(statement.reason)) if statement.reason in set(Reason) else None
    values: dict[str, Any] = {
        "puid": statement.puid,
        "decision_visibility": [statement.decision_visibility] if statement.decision_visibility else None,
        "decision_provision": statement.decision_provision, "decision_account": statement.decision_account,
        "account_type": "ACCOUNT_TYPE_PRIVATE" if statement.decision_account or statement.decision_provision else None,
        "decision_ground": statement.decision_ground,
        f"{kind}_{'legal_ground' if illegal else 'ground'}": statement.ground, f"{kind}_explanation": statement.explanation,
        "content_type": ["CONTENT_TYPE_TEXT"], "category": statement.category,
        "category_specification": [rule.keyword] if rule is not None and rule.keyword else None,
        "territorial_scope": list(scope) or None,
        "content_date": _date(statement.content_date or statement.created_at), "application_date": _date(statement.created_at),
        "decision_facts": statement.decision_facts, "source_type": statement.source_type,
        "automated_detection": "Yes" if statement.automated_detection else "No", "automated_decision": statement.automated_decision,
    }
    for restriction, name in (("decision_visibility", "visibility"), ("decision_provision", "service"), ("decision_account", "account")):
        if values[restriction] is not None and end is not None:
            values[f"end_date_{name}_restriction"] = _date(end)
    return {name: values[name] for name in FIELDS if values.get(name) is not None}


def _date(moment: dt.datetime) -> str:
    return moment.date().isoformat()


def statements_between(site: Site | None, start: dt.datetime, end: dt.datetime) -> Iterator[Statement]:
    """The statements of a period, of one site or all, in their order; read a few at a time."""
    after = 0
    while True:
        query = select(Statement).where(Statement.id > after, *_within(Statement.created_at, start, end), *_of(Statement.site_id, site))
        found = db.session.scalars(query.order_by(Statement.id).limit(CHUNK)).all()
        if not found:
            return
        after = found[-1].id
        yield from found
        for statement in found:
            db.session.expunge(statement)  # years of them must not pile up in memory


def _within(column: Any, start: dt.datetime, end: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return column >= start, column < end


def _of(column: Any, site: Site | None) -> tuple[ColumnElement[bool], ...]:
    return () if site is None else (column == site.id,)


def report(site: Site | None, start: dt.datetime, end: dt.datetime) -> Iterator[tuple[str, str, str, str | int]]:
    """(section, indicator, scope, value) for a transparency report, by the indicators of Regulation (EU) 2024/2835.

    Counted of what was decided in the period; an appeal belongs to the period in which it was lodged.
    """
    within = (*_within(Statement.created_at, start, end), *_of(Statement.site_id, site))
    kinds = ("decision_visibility", "decision_provision", "decision_account")
    for automated in (False, True):
        how = "solely by automated means" if automated else "not solely by automated means"
        means = (Statement.automated_decision == BY_PROGRAM) == automated
        for kind in kinds:
            column = getattr(Statement, kind)
            yield from (
                ("own initiative and notices", f"restrictions, {how}", code, number)
                for code, number in db.session.execute(
                    select(column, func.count()).where(column.is_not(None), means, *within).group_by(column).order_by(column)
                )
            )
    for name in ("category", "decision_ground", "source_type", "automated_detection"):
        column = getattr(Statement, name)
        for value, number in db.session.execute(select(column, func.count()).where(*within).group_by(column).order_by(column)):
            yield ("restrictions", name, str(value), number)
    flags = select(func.count()).select_from(Flag).where(*_within(Flag.created_at, start, end), *_of(Flag.site_id, site))
    yield ("notices", "flags by readers", "all", db.session.scalar(flags) or 0)
    yield from _notices((*_within(LegalNotice.created_at, start, end), *_of(LegalNotice.site_id, site)))
    lodged = (*_within(Appeal.created_at, start, end), *_of(Appeal.site_id, site))
    counted = {status: number for status, number in db.session.execute(select(Appeal.status, func.count()).where(*lodged).group_by(Appeal.status))}  # noqa: C416 - rows
    yield ("internal complaints", "submitted", "all", sum(counted.values()))
    yield from (("internal complaints", "outcome", status.value, counted.get(status.value, 0)) for status in AppealStatus)
    yield ("internal complaints", "median time to the decision, hours", "all", _median_hours(Appeal, lodged))
    ended = (Statement.ending == "taken_back") & Statement.ended_at.is_not(None)
    yield ("restrictions", "reversed", "without a complaint", db.session.scalar(select(func.count()).select_from(Statement).where(ended, *within)) or 0)


def _notices(sent: tuple[ColumnElement[bool], ...]) -> Iterator[tuple[str, str, str, str | int]]:
    """Notices under article 16 by what they claim, and what became of them."""
    kinds = db.session.execute(select(LegalNotice.kind, func.count()).where(*sent).group_by(LegalNotice.kind))
    claimed: Counter[str] = Counter()
    for kind, number in kinds:
        claimed[CATEGORIES[NoticeKind(kind)]] += number
    yield from (("notices", "article 16, submitted", category, number) for category, number in sorted(claimed.items()))
    became = db.session.execute(select(LegalNotice.status, func.count()).where(*sent).group_by(LegalNotice.status))
    counted = {status: number for status, number in became}  # noqa: C416 - rows
    yield from (("notices", "article 16, outcome", status.value, counted.get(status.value, 0)) for status in NoticeStatus)
    by_program = (LegalNotice.decided_by_id.is_(None), LegalNotice.status == NoticeStatus.UPHELD)
    number = db.session.scalar(select(func.count()).select_from(LegalNotice).where(*by_program, *sent)) or 0
    yield ("notices", "article 16, decided solely by automated means", "all", number)
    yield ("notices", "article 16, median time to the decision, hours", "all", _median_hours(LegalNotice, sent))


def _median_hours(table: type[Appeal | LegalNotice], made: tuple[ColumnElement[bool], ...]) -> int | str:
    """Of those that a person decided; empty when there are none."""
    times = sorted(
        decided - made for made, decided in db.session.execute(
            select(table.created_at, table.decided_at).where(table.decided_by_id.is_not(None), *made)
        ) if decided is not None
    )
    return round(times[len(times) // 2].total_seconds() / 3600) if times else ""
