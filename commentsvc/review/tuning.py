"""Threshold tuning: a site's own decisions against the stored scores, and what other limits would have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, jsonify, request, url_for
from markupsafe import Markup

from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.errors import Invalid, NotFound
from commentsvc.figures.dashboard import today_of
from commentsvc.figures.days import DAYS, Period, last_days, read_period
from commentsvc.figures.durations import percent
from commentsvc.figures.tuning import (
    SHOWN_BINS,
    USUAL,
    Curve,
    Queue,
    Tuning,
    read_thresholds,
    table_of,
    tuning_of,
)
from commentsvc.i18n import gettext, number, score
from commentsvc.review import plots
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.review.dashboard import PERIOD_NAMES, show_cell
from commentsvc.review.plots import Look, Series
from commentsvc.review.words import LABEL_NAMES
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site
from commentsvc.web import reader

_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Asked:
    """What the address asks for, with the first thing that is wrong with it."""

    period: Period
    chosen: Mapping[str, float]
    model: str | None
    error: Invalid | None

    @property
    def query(self) -> dict[str, str | int]:
        """The period and the model, for addresses."""
        return self.period.query | ({"model": self.model} if self.model else {})


@review.get("/<site_key>/tuning")
def tuning(site_key: str) -> Any:
    """The page; thresholds in the address are tried, and none is changed."""
    site = site_for(site_key)
    asked = _asked(site)
    found, error = _tuned(site, asked)
    return page(
        "tuning.html", site, here="tuning", tuning=found, asked=asked, period=asked.period, error=error, days=DAYS, period_names=PERIOD_NAMES,
        typed={name: request.args.get(name, "")[:20] for name in ("from", "to", *LABELS)} if error else {},
        plots={label: _plots(curve, found) for label, curve in found.curves.items()}, labels=LABELS, cell=show_cell, percent=percent,
        numbers=lambda queue: _numbers(queue, found), data=_data(site, found),
    )


@review.get("/<site_key>/tuning/data")
def tuning_data(site_key: str) -> Response:
    """The numbers alone, for the open page when a threshold was moved."""
    site = site_for(site_key)
    asked = _asked(site)
    found, error = _tuned(site, asked)
    if error is not None:
        raise error
    response = jsonify(_data(site, found))
    response.headers["Cache-Control"] = "private, no-store"
    return response


@review.get("/<site_key>/tuning/<label>.csv")
def tuning_csv(site_key: str, label: str) -> Response:
    """A label's table."""
    site = site_for(site_key)
    asked = _asked(site)
    found, error = _tuned(site, asked)
    if error is not None:
        raise error
    if label not in LABELS:
        raise NotFound("There is no such table.")
    table = found.curves[label].table if label in found.curves else table_of(label, [])
    name = f"{site.key}-{table.key}-{asked.period.first}-{asked.period.last}.csv"
    return csv_response(name, [c.name for c in table.columns], [[round(c, 4) if isinstance(c, float) else c for c in row] for row in table.rows])


def _asked(site: Site) -> Asked:
    """What was asked for, with the usual in place of what is wrong."""
    today, model = today_of(site), request.args.get("model", "")[:200] or None
    chosen = read_thresholds({}, site.policy)
    try:
        period = read_period(request.args, today, USUAL)
    except Invalid as error:
        return Asked(last_days(USUAL, today), chosen, model, error)
    try:
        return Asked(period, read_thresholds(request.args, site.policy), model, None)
    except Invalid as error:
        return Asked(period, chosen, model, error)


def _tuned(site: Site, asked: Asked) -> tuple[Tuning, Invalid | None]:
    try:
        return tuning_of(site, asked.period, asked.chosen, asked.model), asked.error
    except Invalid as error:
        return tuning_of(site, asked.period, asked.chosen, None), asked.error or error


def _numbers(queue: Queue, found: Tuning) -> dict[str, str]:
    """What is said of a threshold, as text; the script puts the same texts in when it moves."""
    finer = queue.threshold * 100 % 1 > 1e-9  # than hundredths: somebody typed it
    return {
        "threshold": f"{queue.threshold:g}" if finer else f"{queue.threshold:.2f}",  # for addresses and fields
        "at": number(queue.threshold) if finer else score(queue.threshold),
        "a-day": _a_day(found.a_day(queue.held)), "held": number(queue.held), "missed": number(queue.missed),
        "rejected": number(queue.rejected + queue.missed), "caught": number(queue.rejected), "approved": number(queue.approved), "unjudged": number(queue.unjudged),
        "precision": percent(queue.precision), "precision-fine": percent(queue.precision_if_fine), "precision-alike": percent(queue.precision_if_alike),
        "recall": percent(queue.recall), "recall-alike": percent(queue.recall_if_alike),
    }


def _a_day(comments: float) -> str:
    return number(round(comments, None if comments >= 10 else 1))


def _data(site: Site, found: Tuning) -> dict[str, Any]:
    """The texts for each hundredth of each label."""
    may_save = allowed(reader(), Permission.MANAGE_SITE, site.id)
    return {
        "labels": {
            label: {"now": _numbers(curve.now, found), "steps": [_numbers(step, found) for step in curve.steps]} for label, curve in found.curves.items()
        },
        "together": _numbers(found.together, found) if found.together else None,
        "settings": url_for("review.screening", site_key=site.key) if may_save else None,
    }


def _plots(curve: Curve, found: Tuning) -> list[tuple[str, Sequence[tuple[str, str, str]], Markup]]:
    """How much the queue would hold along the threshold; where people judged, their scores, and precision and recall."""
    name, at = LABEL_NAMES[curve.label][0], curve.chosen.threshold
    points = curve.steps[4::5]
    places = [number(q.threshold) for q in points]
    along = Look(shown=places[3::4], marker=at, points=True, narrow=True)
    load = plots.lines(
        places, [Series("load", gettext("Held a day"), [found.a_day(q.held) for q in points])],
        gettext("%(label)s: comments held a day along the threshold. The numbers are in the table.", label=name), along,
    )
    drawn: list[tuple[str, Sequence[tuple[str, str, str]], Markup]] = [(gettext("Held a day, along the threshold"), (), load)]
    if not found.judged:
        return drawn
    edges = [number(n / SHOWN_BINS) for n in range(SHOWN_BINS)]
    series = [
        Series("rejected", gettext("Rejected by a person"), [float(b[2]) for b in curve.bins]),
        Series("approved", gettext("Approved"), [float(b[1]) for b in curve.bins]),
    ]
    spread = plots.stacked(
        edges, series, gettext("%(label)s: scores of the comments that people judged, in twentieths. The numbers are in the table.", label=name),
        Look(edges=True, shown=edges[::4], marker=at, narrow=True),
    )
    quality = plots.lines(
        places,
        [Series("precision", gettext("Precision"), [q.precision for q in points]), Series("recall", gettext("Recall"), [q.recall for q in points])],
        gettext("%(label)s: precision and recall along the threshold. The numbers are in the table.", label=name), replace(along, unit=percent, ticks=_QUARTERS),
    )
    return [
        (gettext("Scores of judged comments"), [("rejected", gettext("Rejected"), ""), ("approved", gettext("Approved"), "")], spread), *drawn,
        (gettext("Of judged comments, along the threshold"), [("precision", gettext("Precision"), ""), ("recall", gettext("Recall"), "")], quality),
    ]
