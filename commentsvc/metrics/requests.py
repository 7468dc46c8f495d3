"""What one web process counts: its requests and its database pool."""

from __future__ import annotations

import os
import time
from pathlib import Path

from flask import Flask, Request, Response, g, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool

from commentsvc.metrics.sharing import FOLDER
from commentsvc.overload import Kind

UNMATCHED = "(none)"  # any address that is none of ours: a stranger must not be able to make labels
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "(other)"
# Cached pages take a millisecond, a rendered thread some ten; `Prefer: wait` up to MAX_WAIT.
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# A second number for each, of which nobody makes any use.
disable_created_metrics()  # type: ignore[no-untyped-call]
_REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "commentsvc_http_requests", "Requests answered, by route template, method and status.", ["route", "method", "status"],
    registry=_REGISTRY,
)
SECONDS = Histogram(
    "commentsvc_http_request_seconds", "Seconds from a request's first line of ours to its answer, by route template and method.",
    ["route", "method"], buckets=BUCKETS, registry=_REGISTRY,
)
REUSED = Counter(
    "commentsvc_http_reused", "Answers given again from a process's memory, before any route was looked for, by status.", ["status"],
    registry=_REGISTRY,
)
TURNED_AWAY = Counter(
    "commentsvc_http_turned_away", "Requests for which there was no place, by kind; of kind spare, most were answered from memory.",
    ["kind"], registry=_REGISTRY,
)
for _kind in Kind:
    TURNED_AWAY.labels(_kind.value)  # from zero, so that the first is seen as one more
WAITED = Histogram(
    "commentsvc_http_wait_seconds", "Seconds that a request waited for a place, of those that had to wait and got one.",
    buckets=BUCKETS[2:10], registry=_REGISTRY,
)
IN_USE = Gauge(
    "commentsvc_database_pool_in_use", "Database connections that requests hold now.", multiprocess_mode="livesum",
    registry=_REGISTRY,
)
POOL = Gauge(
    "commentsvc_database_pool_size", "Database connections that requests may hold at once.", multiprocess_mode="livesum",
    registry=_REGISTRY,
)


def count_requests(app: Flask) -> None:
    """Count every answer of this application; no statement, and some microseconds."""

    @app.after_request
    def count(response: Response) -> Response:
        route, method = route_of(request), method_of(request)
        REQUESTS.labels(route, method, str(response.status_code)).inc()
        SECONDS.labels(route, method).observe(time.perf_counter() - g.started)
        return response


def count_reused(status: int) -> None:
    """Count an answer that the application never heard of (`commentsvc.reuse`)."""
    REUSED.labels(str(int(status))).inc()


def count_turned_away(kind: Kind) -> None:
    """Count a request that was asked to come back (`commentsvc.overload`)."""
    TURNED_AWAY.labels(kind.value).inc()


def count_wait(seconds: float) -> None:
    """Count how long a request waited for a place."""
    WAITED.observe(seconds)


def route_of(request: Request) -> str:
    """The template of the route, never the address: that has tokens, and as many values as strangers try."""
    return request.url_rule.rule if request.url_rule is not None else UNMATCHED


def method_of(request: Request) -> str:
    """The method, if it is one there is: a stranger may send any word."""
    return request.method if request.method in METHODS else OTHER


def watch_pool(engine: Engine) -> None:
    """Follow how many connections of this process are in use."""
    if not isinstance(engine.pool, QueuePool):
        return
    POOL.set(engine.pool.size() + max(engine.pool._max_overflow, 0))  # noqa: SLF001 - it has no public name

    @event.listens_for(engine.pool, "checkout")
    def taken(*_args: object) -> None:
        IN_USE.inc()

    @event.listens_for(engine.pool, "checkin")
    def given_back(*_args: object) -> None:
        IN_USE.dec()


def counted() -> bytes:
    """The counts of all processes that share a folder, else of this one, as Prometheus reads them."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(_REGISTRY)
    _forget_the_dead(Path(folder))
    together = CollectorRegistry()
    MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def _forget_the_dead(folder: Path) -> None:
    """What a process that is gone had in use is free; what it counted still happened."""
    for path in folder.glob("gauge_live*_*.db"):
        process = path.stem.rpartition("_")[2]
        if process.isdecimal() and not _lives(int(process)):
            mark_process_dead(int(process), str(folder))  # type: ignore[no-untyped-call]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
