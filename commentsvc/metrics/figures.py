"""What the database knows of comments, mails and workers, read when Prometheus asks.

Counters begin anew at midnight UTC, which `rate()` and `increase()` understand: that bounds what is
read to a day's work, and every process and machine gives the same numbers at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import structlog
from flask import Flask
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, case, extract, func, select
from sqlalchemy.exc import SQLAlchemyError

from commentsvc.comments.models import Comment, Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.email import MAX_ATTEMPTS
from commentsvc.delivery.models import Mail
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.moderation.alarms import Health
from commentsvc.moderation.models import Decision, Screening
from commentsvc.readiness import ALARMS, readiness
from commentsvc.screening.submission import Verdict
from commentsvc.sites.models import Site
from commentsvc.version import __version__

log = structlog.get_logger()

# A verdict takes tens of milliseconds at idle, and as long as no worker runs in the worst case.
VERDICT_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
# Rows in flight at midnight, and clocks of several machines that differ: ids are not quite in the order of times.
MARGIN = 1000

NO_MODEL = "none"
VERDICTS = (Verdict.PUBLISH.value, Verdict.HOLD.value, Verdict.REJECT.value)
OUTCOMES = (
    *(("system", status) for status in (Status.PUBLISHED, Status.HELD, Status.REJECTED)),
    *(("community_manager", status) for status in (Status.PUBLISHED, Status.HELD, Status.REJECTED)),
    ("author", Status.WITHDRAWN),
)
"""Who may decide what."""

Rows = Sequence[tuple[Any, ...]]


class Figures(Collector):
    """A collector for prometheus-client; in an application's context.

    Says what it can: with the database gone, that it is, and the machine's own figures.
    """

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._begins: dict[str, tuple[dt.datetime, int]] = {}  # table -> (midnight, an id before its first row)

    def collect(self) -> Iterator[Metric]:
        found = readiness(self._app, self._settings)
        yield _gauge("commentsvc_info", "Always 1; the release is its label.", [(1, __version__)], ["version"])
        for name, words in (("database", "the database"), ("queue", "the queue of tasks"), ("redis", "Redis")):
            if name in found.checks:
                yield _gauge(f"commentsvc_{name}_up", f"1 when {words} answers.", [(int(bool(found.checks[name]["ok"])),)])
        yield _gauge(
            "commentsvc_alarm", "1 while this kind of alarm of /readyz is on.",
            [(int(any(alarm.kind == kind for alarm in found.alarms)), kind) for kind in ALARMS], ["kind"],
        )
        if (free := found.checks["disk"].get("free_bytes")) is not None:
            yield _gauge("commentsvc_disk_free_bytes", "Left on the disk of the data folder.", [(free,)])
        if (waiting := found.checks.get("queue", {}).get("waiting")) is not None:
            yield _gauge("commentsvc_tasks_waiting", "Tasks in the queue that no worker has taken.", [(waiting,)])
        if found.health is None:
            return
        yield from _waiting(found.health)
        for read in (_held, _mails, self._verdicts, self._decisions, partial(self._screenings, found.health)):
            yield from _tried(read)

    # Since midnight

    def _verdicts(self) -> Iterator[Metric]:
        took = (
            select(_seconds(Comment.accepted_at, Decision.created_at).label("seconds"))
            .join(Comment, Comment.id == Decision.comment_id)
            .where(
                self._today(Decision), Decision.from_status == Status.PENDING, Decision.to_status != Status.WITHDRAWN,
                Comment.external_id.is_(None), Comment.accepted_at.is_not(None),
            )
            # A limit that none reaches: else SQLite computes the time once for each use below.
            .limit(2**62)
            .subquery()
            .c.seconds
        )
        bucket = case(*((took <= limit, n) for n, limit in enumerate(VERDICT_BUCKETS)), else_=len(VERDICT_BUCKETS)).label("bucket")
        rows = db.session.execute(select(bucket, func.count(), func.sum(took)).group_by(bucket)).all()
        numbers = {row[0]: row[1] for row in rows}
        up_to = accumulate(numbers.get(n, 0) for n in range(len(VERDICT_BUCKETS) + 1))
        family = HistogramMetricFamily(
            "commentsvc_verdict_seconds", "Seconds from a reader's post to its first decision; since midnight UTC."
        )
        limits = [*map(str, VERDICT_BUCKETS), "+Inf"]
        family.add_metric([], list(zip(limits, map(float, up_to), strict=True)), float(sum(row[2] for row in rows)))
        yield family

    def _decisions(self) -> Iterator[Metric]:
        # Only its author can withdraw a comment; whoever else decides is of the newsroom.
        actor = case(
            (Decision.actor_id.is_(None), "system"), (Decision.to_status == Status.WITHDRAWN, "author"),
            else_="community_manager",
        ).label("actor")
        rows = db.session.execute(
            select(actor, Decision.to_status, func.count()).where(self._today(Decision)).group_by(actor, Decision.to_status)
        )
        family = CounterMetricFamily(
            "commentsvc_decisions", "Decisions on comments, by who decided and what became of them; since midnight UTC.",
            labels=["actor", "outcome"],
        )
        _add_from_zero(family, OUTCOMES, rows)
        yield family

    def _screenings(self, state: Health) -> Iterator[Metric]:
        by = (
            func.coalesce(Screening.model_name, NO_MODEL), func.coalesce(Screening.model_version, NO_MODEL), Screening.verdict,
        )
        rows = db.session.execute(select(*by, func.count()).where(self._today(Screening)).group_by(*by))
        at_work = {(w.model_name or NO_MODEL, w.model_version or NO_MODEL) for w in state.workers if state.standing(w) == "working"}
        family = CounterMetricFamily(
            "commentsvc_screenings", "Runs of the pipeline, by model, its version (none: without scores) and verdict; since midnight UTC.",
            labels=["model", "version", "verdict"],
        )
        _add_from_zero(family, [(*model, verdict) for model in sorted(at_work) for verdict in VERDICTS], rows)
        yield family

    def _today(self, table: type[Decision | Screening]) -> ColumnElement[bool]:
        """The rows since midnight; by their ids, as an index of times would cost every decision."""
        midnight = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        begins = self._begins.get(table.__tablename__)
        if begins is None or begins[0] != midnight:
            begins = self._begins[table.__tablename__] = (midnight, last_before(table, midnight) - MARGIN)
        return (table.id > begins[1]) & (table.created_at >= midnight)


def last_before(table: type[Decision | Screening], moment: dt.datetime) -> int:
    """The id of the last row made before a moment, 0 where there is none; reads some twenty rows of any number."""
    low, high = 0, db.session.scalar(select(func.max(table.id))) or 0
    while low < high:
        middle = (low + high) // 2
        row = db.session.execute(select(table.id, table.created_at).where(table.id > middle).order_by(table.id).limit(1)).first()
        if row is None or row.created_at >= moment:
            high = middle
        else:
            low = row.id
    return low


def _waiting(state: Health) -> Iterator[Metric]:
    yield _gauge("commentsvc_comments_pending", "Comments that wait to be screened, imported ones too.", [(state.backlog.number,)])
    yield _gauge(
        "commentsvc_oldest_pending_seconds", "How long the longest of them waits; posted: of those that readers posted.",
        [(state.backlog.seconds, "any"), (state.posted.seconds, "posted")], ["origin"],
    )
    yield _gauge(
        "commentsvc_workers", "Workers that report: working, or failing where the model does not answer; silent ones for an hour.",
        [(sum(state.standing(w) == name for w in state.workers), name) for name in ("working", "failing", "silent")], ["state"],
    )


def _held() -> Iterator[Metric]:
    # Site by site: that is how their index is sorted.
    held = db.session.scalar(
        select(func.count()).select_from(Comment).where(Comment.site_id.in_(select(Site.id)), Comment.status == Status.HELD)
    )
    yield _gauge("commentsvc_comments_held", "Comments that wait for a community manager.", [(held or 0,)])


def _mails() -> Iterator[Metric]:
    given_up = func.coalesce(func.sum(case((Mail.attempts >= MAX_ATTEMPTS, 1), else_=0)), 0)
    unsent, lost = db.session.execute(select(func.count(), given_up).where(Mail.sent_at.is_(None))).one()
    yield _gauge("commentsvc_mails_waiting", "Mails that are still to be delivered.", [(unsent - lost,)])
    yield _gauge("commentsvc_mails_given_up", "Mails that no try could deliver, until they are forgotten.", [(lost,)])


def _tried(read: Callable[[], Iterable[Metric]]) -> list[Metric]:
    """What is read, or nothing where the database fails on it: the other figures are still worth having."""
    try:
        return list(read())
    except SQLAlchemyError as error:
        db.session.rollback()
        log.error("a figure could not be read", error=name_of(error))  # noqa: TRY400 - the others are given all the same
        return []


def _seconds(start: Any, end: Any) -> ColumnElement[float]:
    """The time between two columns; clocks of two machines may make it seem negative."""
    if db.engine.dialect.name == "sqlite":
        between: ColumnElement[float] = (func.julianday(end) - func.julianday(start)) * 86400.0
    else:
        between = extract("epoch", end - start)  # type: ignore[assignment]
    return case((between < 0, 0.0), else_=between)


def _gauge(name: str, words: str, rows: Rows, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for number, *values in rows:
        family.add_metric(values, float(number))
    return family


def _add_from_zero(family: CounterMetricFamily, known: Iterable[tuple[str, ...]], rows: Iterable[Any]) -> None:
    """Add a counter for each of these labels and for what was counted.

    From zero, because a counter that appears with its first count has not risen, for Prometheus.
    """
    counts = dict.fromkeys(known, 0)
    counts.update({tuple(row[:-1]): row[-1] for row in rows})
    for labels, number in counts.items():
        family.add_metric(labels, float(number))
