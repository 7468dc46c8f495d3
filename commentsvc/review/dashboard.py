"""The dashboard: a site's figures over a period, plotted, with the table behind each plot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, request, session, url_for
from markupsafe import Markup
from sqlalchemy import select

from commentsvc.accounts.permissions import Permission
from commentsvc.database import utcnow
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.figures.dashboard import AGES, Figures, figures_of, today_of
from commentsvc.figures.days import (
    DAYS,
    Period,
    check_zone,
    last_days,
    read_period,
    zone_names,
    zone_of,
)
from commentsvc.figures.durations import DAY, HOUR, MINUTE, percent, short_time
from commentsvc.figures.morning import want_mail, wants_mail
from commentsvc.figures.stories import OUTCOMES
from commentsvc.figures.tables import Cell, Column, Kind, Table
from commentsvc.i18n import N_, comma, gettext, ngettext, score
from commentsvc.i18n import number as number_words
from commentsvc.pages import day_words
from commentsvc.review import plots
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.review.plots import Look, Series
from commentsvc.review.words import LABEL_NAMES, PHASE_NAMES, Words
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

# More bars than this are put together by weeks, so that each can still be seen.
MOST_BARS = 45
SAVED = "review_dashboard_saved"
# About four to five times apart, in units that people count in.
TIME_MARKS: tuple[float, ...] = (1, 10, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 4 * HOUR, DAY, 4 * DAY, 14 * DAY, 60 * DAY, 365 * DAY, 3650 * DAY)
PERIOD_NAMES = Words({1: N_("Today"), 7: N_("7 days"), 30: N_("30 days"), 90: N_("90 days")})


@dataclass(frozen=True)
class Section:
    """A plot, what to see in it, and the table it was drawn from."""

    heading: str
    caption: str
    table: Table
    plot: Markup | None = None
    key: Sequence[tuple[str, str, str]] = ()  # class, title, number
    wide: bool = False
    open: bool = False  # the table is what there is to see
    empty: str = ""  # said in place of both


@review.get("/<site_key>/dashboard")
def dashboard(site_key: str) -> Any:
    """The figures of the last days, or of the days that `from` and `to` name."""
    site = site_for(site_key)
    period, error = _period(site)
    return _dashboard_page(site, period, error)


@review.get("/<site_key>/dashboard/<table>.csv")
def dashboard_csv(site_key: str, table: str) -> Response:
    """One of its tables, with shares and seconds as plain numbers."""
    site = site_for(site_key)
    period = read_period(request.args, today_of(site))
    found = figures_of(site, period).tables.get(table)
    if found is None:
        raise NotFound("There is no such table.")
    name = f"{site.key}-{found.key}-{period.first}-{period.last}.csv"
    return csv_response(name, [c.name for c in found.columns], [[_plain(cell) for cell in row] for row in found.rows])


@review.post("/<site_key>/dashboard/mail")
def morning_mail(site_key: str) -> Any:
    """Begin or stop sending the morning mail to whoever asks."""
    site = site_for(site_key)
    want_mail(site, signed_in(), wanted="wanted" in request.form)
    db.session.commit()
    session[SAVED] = "mail"
    return redirect(url_for("review.dashboard", site_key=site.key, **_asked()) + "#for-you")


@review.post("/<site_key>/dashboard/timezone")
def timezone(site_key: str) -> Any:
    """Choose at whose midnights the site's days begin; all of them are then counted anew."""
    asked = site_for(site_key, Permission.MANAGE_SITE)
    site = db.session.scalars(select(Site).where(Site.id == asked.id).with_for_update().execution_options(populate_existing=True)).one()
    typed = request.form.get("timezone", "").strip()[:64]
    try:
        site.timezone = check_zone(typed)
    except Invalid as error:
        period, _ = _period(site)
        return _dashboard_page(site, period, zone_error=error.told, zone_typed=typed), 422
    db.session.commit()
    session[SAVED] = "timezone"
    return redirect(url_for("review.dashboard", site_key=site.key, **_asked()) + "#for-you")


def _dashboard_page(site: Site, period: Period, error: Invalid | None = None, **more: Any) -> str:
    figures = figures_of(site, period)
    context = {
        "figures": figures, "period": period, "sections": sections_of(figures), "days": DAYS, "period_names": PERIOD_NAMES,
        "cell": show_cell, "short_time": short_time, "percent": percent, "error": error,
        "typed": {name: request.args.get(name, "")[:20] for name in ("from", "to")} if error else {},
        "wants_mail": wants_mail(site, signed_in()), "zones": zone_names(), "saved": session.pop(SAVED, None),
        "now": utcnow().astimezone(zone_of(site.timezone)), "zone": zone_of(site.timezone), "zone_error": None,
        "zone_typed": site.timezone,
    }
    return page("dashboard.html", site, here="dashboard", **context | more)


def _period(site: Site) -> tuple[Period, Invalid | None]:
    """The period asked for; the usual one, with what was wrong, where it is none."""
    today = today_of(site)
    try:
        return read_period(request.args, today), None
    except Invalid as error:
        return last_days(7, today), error


def _asked() -> dict[str, Any]:
    return {name: value for name in ("days", "from", "to") if (value := request.form.get(name, "")[:20])}


def _plain(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell


def show_cell(column: Column, cell: Cell) -> str:
    """What a table says in a cell."""
    if column.name == "label" and str(cell) in LABEL_NAMES:
        return LABEL_NAMES[str(cell)][0]
    if column.name == "rule":
        return PHASE_NAMES.get(str(cell), str(cell).replace("_", " "))
    if cell is None:
        return "–"
    shown: dict[Kind, Callable[[Any], str]] = {
        Kind.SHARE: percent, Kind.SECONDS: short_time, Kind.SCORE: score, Kind.NUMBER: plots.plain_number, Kind.DAY: _long_day,
    }
    return shown[column.kind](cell) if column.kind in shown else str(cell)


# What stands on the page


def sections_of(figures: Figures) -> list[Section]:
    """The plots in the order in which a community manager asks."""
    parts = (_volume, _waits, _backlog, _hours, _people, _agreement, _rules, _missed, _appeals, _notices, _flags, _reporters)
    return [part(figures) for part in parts]


def _volume(figures: Figures) -> Section:
    table, names = figures.volume, [name for name in OUTCOMES if figures.outcomes[name]]
    automatic = figures.outcomes["published_model"] + figures.outcomes["rejected_model"]
    heading = gettext("Comments and what became of them")
    if not figures.posted:
        return Section(heading, "", table, wide=True, empty=gettext("Nobody posted anything in these days."))
    labels, columns = _buckets(table, names)
    weeks = len(figures.period) > MOST_BARS
    share = percent(automatic / figures.posted)
    caption = (
        gettext("%(share)s needed nobody. Posted comments by week, by how they stand now. The first and the last week may be parts of one.", share=share)
        if weeks else gettext("%(share)s needed nobody. Posted comments by day, by how they stand now.", share=share)
    )
    key = [(name, gettext(OUTCOMES[name]), f"{number_words(figures.outcomes[name])} · {percent(figures.outcomes[name] / figures.posted)}") for name in names]
    series = [Series(name, gettext(OUTCOMES[name]), values) for name, values in zip(names, columns, strict=True)]
    said = (gettext("%(heading)s, by week:", heading=heading) if weeks else gettext("%(heading)s, by day:", heading=heading)) + " " + comma().join(f"{title} {number}" for _, title, number in key)
    return Section(heading, caption, table, plots.stacked(labels, series, said, Look(broad=True)), key, wide=True)


def _waits(figures: Figures) -> Section:
    table, heading = figures.decided, gettext("Time to decision")
    if not figures.waits:
        return Section(heading, "", table, empty=gettext("No held comment was decided by a person in these days."))
    caption = gettext(
        "Half of the %(number)s held comments that people decided on waited up to %(median)s; 19 of 20 up to %(p95)s. Exact to one per cent.",
        number=number_words(figures.waits.total()), median=short_time(figures.median), p95=short_time(figures.p95),
    )
    if len(figures.period) == 1:
        return Section(heading, caption, table, open=True)
    named = (("median", gettext("Median")), ("p95", gettext("95th percentile")))
    values = {name: [None if v is None else max(float(v), 1.0) for v in table.column(name)] for name, _ in named}
    series = [Series(name, title, values[name]) for name, title in named]
    look = Look(unit=short_time, ticks=_time_ticks([v for some in values.values() for v in some if v is not None]), logarithmic=True, dots=len(figures.period) <= MOST_BARS)
    labels = [_short_day(str(d)) for d in table.column("day")]
    key = [(name, title, short_time(span)) for (name, title), span in zip(named, (figures.median, figures.p95), strict=True)]
    return Section(heading, " ".join((caption, gettext("By day, on a scale that grows in multiples."))), table, plots.lines(labels, series, caption, look), key)


def _time_ticks(seconds: Sequence[float]) -> list[float]:
    """From the mark below the shortest to the one above the longest."""
    below = [mark for mark in TIME_MARKS if mark <= min(seconds)][-1:] or list(TIME_MARKS[:1])
    above = next((mark for mark in TIME_MARKS if mark >= max(seconds) and mark > below[0]), TIME_MARKS[-1])
    return [mark for mark in TIME_MARKS if below[0] <= mark <= above]


def _backlog(figures: Figures) -> Section:
    table, heading = figures.backlog, gettext("Backlog")
    waiting = table.column("waiting")
    if not any(waiting):
        return Section(heading, "", table, empty=gettext("At the end of each of these days, nothing was waiting."))
    count = number_words(figures.waiting)
    if figures.period.last.isoformat() == figures.today:
        waits = ngettext("%(count)s comment waits now.", "%(count)s comments wait now.", figures.waiting, count=count)
    else:
        waits = ngettext("%(count)s comment waits at the end.", "%(count)s comments wait at the end.", figures.waiting, count=count)
    caption = " ".join((waits, gettext("Held comments at the end of each day, by how long they had waited.")))
    if len(figures.period) == 1:
        return Section(heading, caption, table, open=True)
    names = [(name, gettext(title)) for _, name, title in AGES]
    # The end of a week is a week's backlog: sums of days would count a comment many times.
    every = 1 if len(figures.period) <= MOST_BARS else 7
    rows = [i for i in range(len(table.rows)) if (len(table.rows) - 1 - i) % every == 0]
    series = [Series(f"age-{name}", title, [float(table.column(name)[i] or 0) for i in rows]) for name, title in names]
    labels = [_short_day(str(table.column("day")[i])) for i in rows]
    last = table.rows[-1][2:]
    key = [(f"age-{name}", title, number_words(float(number or 0))) for (name, title), number in zip(names, last, strict=True)]
    return Section(heading, caption, table, plots.stacked(labels, series, caption), key)


def _hours(figures: Figures) -> Section:
    table, heading = figures.hours, gettext("By hour of the day")
    posted, decided = _floats(table.column("posted")), _floats(table.column("decided"))
    if not sum(posted) + sum(decided):
        return Section(heading, "", table, empty=gettext("Nothing was posted and nothing decided."))
    caption = (
        gettext("Most comments come between %(posted)s; most decisions are made between %(decided)s.", posted=_busiest(posted), decided=_busiest(decided))
        if sum(decided) else gettext("Most comments come between %(posted)s; nobody decided anything.", posted=_busiest(posted))
    )
    series = [Series("posted", gettext("Posted"), posted), Series("decided", gettext("Decided by people"), decided)]
    labels = [str(hour)[:2] for hour in table.column("hour")]
    key = [("posted", gettext("Posted"), number_words(sum(posted))), ("decided", gettext("Decided by people"), number_words(sum(decided)))]
    return Section(heading, caption, table, plots.grouped(labels, series, caption), key)


def _people(figures: Figures) -> Section:
    caption = gettext("“Taken back” are undone by who made them, and not counted as decisions; “overturned” were undone or decided otherwise by a colleague.")
    return Section(gettext("Who decided"), caption, figures.people, open=True, empty="" if figures.people.rows else gettext("Nobody decided anything in these days."))


def _agreement(figures: Figures) -> Section:
    table, heading = figures.labels, gettext("Do people agree with the model?")
    approved, rejected = figures.held
    if not approved + rejected:
        return Section(heading, "", table, wide=True, empty=gettext("No comment of these days was held and then judged by a person."))
    caption = gettext(
        "Of %(number)s held comments that people judged, they rejected %(share)s. By label and score, of those held for a score; "
        "one held for several labels stands under each.",
        number=number_words(approved + rejected), share=percent(rejected / (approved + rejected)),
    )
    drawn = []
    by_label = {label: [row for row in table.rows if row[0] == label] for label in dict.fromkeys(row[0] for row in table.rows)}
    most = max((float(row[2] or 0) + float(row[3] or 0) for row in table.rows), default=0)
    bands = [score(n / 10, 1) for n in range(10)]
    for label, rows in by_label.items():
        found = {str(row[1])[:3]: row for row in rows}
        series = [
            Series(name, title, [float(found[band][place] or 0) if band in found else 0.0 for band in bands])
            for name, title, place in (("rejected", gettext("Rejected"), 3), ("approved", gettext("Approved"), 2))
        ]
        total, bad = (sum(float(row[p] or 0) for row in rows) for p in (2, 3))
        name = LABEL_NAMES[str(label)][0]
        said = gettext("%(label)s: of %(number)s held, %(rejected)s were rejected", label=name, number=number_words(total + bad), rejected=number_words(bad))
        drawn.append(Markup('<div class="multiple"><h3>{}</h3><p class="quiet small">{}</p>{}</div>').format(
            name, gettext("%(share)s rejected of %(number)s", share=percent(bad / (total + bad)), number=number_words(total + bad)), plots.small(bands, series, said, most)
        ))
    key = [("rejected", gettext("Rejected by a person"), number_words(rejected)), ("approved", gettext("Approved"), number_words(approved))]
    plot = Markup('<div class="multiples">{}</div>').format(Markup("").join(drawn)) if drawn else None
    return Section(heading, caption, table, plot, key, wide=True, open=not drawn)


def _rules(figures: Figures) -> Section:
    return Section(
        gettext("Which rules held them"),
        gettext("A rule whose comments nearly all are approved costs your time; a comment held by several stands under each."), figures.phases,
        open=True, empty="" if figures.phases.rows else gettext("No comment of these days was held and then judged."),
    )


def _missed(figures: Figures) -> Section:
    confirmed = sum(data["confirmed"] for data in figures.data())
    looked = confirmed + figures.missed
    caption = gettext(
        "%(missed)s of the comments that were published automatically were rejected by a person later; people looked at %(looked)s of them.",
        missed=number_words(figures.missed), looked=number_words(looked),
    )
    return Section(gettext("What the model let through"), caption, figures.missed_reasons, open=True, empty="" if figures.missed else gettext("None was rejected by a person later."))


def _appeals(figures: Figures) -> Section:
    total = sum(int(n or 0) for n in figures.appeals.column("appeals"))
    caption = ngettext("%(count)s appeal was lodged.", "%(count)s appeals were lodged.", total, count=number_words(total))
    if figures.overturned_share is not None:
        caption = " ".join((caption, gettext("Of those that were judged, %(share)s were overturned.", share=percent(figures.overturned_share))))
    return Section(gettext("Appeals"), caption, figures.appeals, open=True, empty="" if total else gettext("Nobody appealed in these days."))


def _notices(figures: Figures) -> Section:
    total = sum(int(n or 0) for n in figures.notices.column("received"))
    caption = ngettext("%(count)s legal notice came; decided: %(decided)s.", "%(count)s legal notices came; decided: %(decided)s.", total, count=number_words(total), decided=number_words(figures.notices_decided))
    if figures.notices_median is not None:
        caption = " ".join((caption, gettext("Half of those that people decided waited up to %(median)s.", median=short_time(figures.notices_median))))
    return Section(gettext("Legal notices"), caption, figures.notices, wide=True, open=True, empty="" if total else gettext("Nobody sent a legal notice in these days."))


def _flags(figures: Figures) -> Section:
    total = sum(int(n or 0) for n in figures.flags.column("flags"))
    return Section(gettext("Flags"), ngettext("Readers flagged %(count)s time.", "Readers flagged %(count)s times.", total, count=number_words(total)), figures.flags, open=True, empty="" if total else gettext("No reader flagged anything in these days."))


def _reporters(figures: Figures) -> Section:
    caption = gettext("Right: the comment was then rejected. Of those that were decided.")
    return Section(gettext("Who flagged, and was right"), caption, figures.reporters, open=True, empty="" if figures.reporters.rows else gettext("No reader flagged anything in these days."))


def _buckets(table: Table, names: Sequence[str]) -> tuple[list[str], list[list[float]]]:
    """A day's or a week's numbers each; a week is named for its first day, and the first may be a part of one."""
    days = [str(d) for d in table.column("day")]
    columns = [_floats(table.column(name)) for name in names]
    if len(days) <= MOST_BARS:
        return [_short_day(d) for d in days], columns
    begins = [i for i in range(len(days)) if i == 0 or dt.date.fromisoformat(days[i]).weekday() == 0]
    spans = [(b, e) for b, e in zip(begins, [*begins[1:], len(days)], strict=True)]
    return [_short_day(days[b]) for b, _ in spans], [[sum(column[b:e]) for b, e in spans] for column in columns]


def _floats(cells: Sequence[Cell]) -> list[float]:
    return [float(cell or 0) for cell in cells]


def _busiest(numbers: Sequence[float]) -> str:
    """The three hours in a row in which most happens, over midnight if need be."""
    first = max(range(24), key=lambda h: sum(numbers[(h + n) % 24] for n in range(3)))
    return gettext("%(from)s and %(to)s", **{"from": f"{first:02}:00", "to": f"{(first + 3) % 24:02}:00"})


def _short_day(day: str) -> str:
    return day_words(dt.date.fromisoformat(day), "MMMd")


def _long_day(day: str) -> str:
    return day_words(dt.date.fromisoformat(day), "yMMMEd").replace(",", "")
