"""A site's figures, threshold tuning, and the morning mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_site
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.figures import (
    FiguresSchema,
    MorningMailSchema,
    PeriodQuery,
    ThresholdsQuery,
    TuningSchema,
)
from commentsvc.extensions import db
from commentsvc.figures.dashboard import figures_of, today_of
from commentsvc.figures.days import USUAL as USUAL_DAYS
from commentsvc.figures.days import Period, read_period
from commentsvc.figures.morning import want_mail, wants_mail
from commentsvc.figures.tables import Table
from commentsvc.figures.tuning import USUAL, Curve, Queue, Tuning, read_thresholds, tuning_of
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site

figures = Blueprint("figures", "What is going on: a site's figures, and what other thresholds would have done.")


@figures.route("/sites/<site_key:site_key>/figures")
@limited("LIMIT_READ")
@operation("getFigures")
@on_site(Permission.REVIEW)
@figures.arguments(PeriodQuery, location="query")
@figures.response(200, FiguresSchema)
def dashboard(given: dict[str, Any], site: Site) -> Any:
    """The dashboard's figures over a period, seven days by default."""
    period = _period(given, site, USUAL_DAYS)
    found = figures_of(site, period)
    oldest = found.oldest and {"comment_id": str(found.oldest.comment_id), "created_at": found.oldest.created_at}
    return {
        "period": _period_values(period, site), "counted_at": found.counted_at, "recounting": found.recounting, "posted": found.posted,
        "median_seconds": found.median, "p95_seconds": found.p95, "waiting": found.waiting, "oldest": oldest,
        "tables": [_table_values(table) for table in found.tables.values()],
    }


@figures.route("/sites/<site_key:site_key>/tuning")
@limited("LIMIT_READ")
@operation("getTuning")
@on_site(Permission.REVIEW)
@figures.arguments(ThresholdsQuery, location="query")
@figures.response(200, TuningSchema)
def tuning(given: dict[str, Any], site: Site) -> Any:
    """What other thresholds would have done to the site's comments, thirty days of them by default.

    From stored scores and people's decisions; changes nothing.
    """
    period = _period(given, site, USUAL)
    chosen = read_thresholds({label: given[label] for label in LABELS if label in given}, site.policy)
    found = tuning_of(site, period, chosen, given.get("model") or None)
    return {
        "period": _period_values(period, site), "model": found.model, "models": found.models, "comments": found.comments, "judged": found.judged,
        "unscored": found.unscored, "days": found.days, "limits": found.limits, "chosen": found.chosen,
        "together": _outcome(found.together, found), "together_now": _outcome(found.together_now, found),
        "labels": {label: _curve_values(curve, found) for label, curve in found.curves.items()},
    }


@figures.route("/sites/<site_key:site_key>/morning-mail")
@limited("LIMIT_READ")
@operation("getMorningMail")
@on_site(Permission.REVIEW)
@for_user()
@figures.response(200, MorningMailSchema)
def morning_mail(site: Site, user: User) -> Any:
    """Whether you get the site's figures by mail each morning."""
    return {"wanted": wants_mail(site, user)}


@figures.route("/sites/<site_key:site_key>/morning-mail", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("setMorningMail")
@on_site(Permission.REVIEW)
@for_user()
@figures.arguments(MorningMailSchema, example={"wanted": True})
@figures.response(200, MorningMailSchema)
def set_morning_mail(given: dict[str, Any], site: Site, user: User) -> Any:
    """Have the site's figures mailed to you each morning, or no longer."""
    want_mail(site, user, wanted=given["wanted"])
    db.session.commit()
    return {"wanted": given["wanted"]}


def _period(given: Mapping[str, Any], site: Site, usual: int) -> Period:
    names = {"days": "days", "from": "first", "to": "last"}
    return read_period({name: str(given[key]) for name, key in names.items() if key in given}, today_of(site), usual)


def _period_values(period: Period, site: Site) -> dict[str, str]:
    return {"first": period.first.isoformat(), "last": period.last.isoformat(), "timezone": site.timezone}


def _table_values(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.columns]
    return {"key": table.key, "title": table.title, "columns": table.columns, "rows": [dict(zip(names, row, strict=True)) for row in table.rows]}


def _outcome(queue: Queue | None, found: Tuning) -> dict[str, Any] | None:
    if queue is None:
        return None
    names = ("held", "rejected", "approved", "unjudged", "missed", "precision", "recall")
    return {name: getattr(queue, name) for name in names} | {"held_a_day": found.a_day(queue.held)}


def _curve_values(curve: Curve, found: Tuning) -> dict[str, Any]:
    return {
        "now": _step(curve.now, found), "chosen": _step(curve.chosen, found), "steps": [_step(queue, found) for queue in curve.steps],
    }


def _step(queue: Queue, found: Tuning) -> dict[str, Any]:
    more = ("threshold", "precision_if_fine", "precision_if_alike", "recall_if_alike")
    return (_outcome(queue, found) or {}) | {name: getattr(queue, name) for name in more}
