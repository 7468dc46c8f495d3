"""Whether the service can serve, part by part: for /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask
from huey import RedisHuey
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import text

from commentsvc.config import Settings
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.moderation.alarms import LEAST_DISK, Alarm, Health, free_bytes, health
from commentsvc.tasks import EXTENSION, Tasks
from commentsvc.waiting import patience

log = structlog.get_logger()

REDIS_SECONDS = 1.0  # a health page that hangs says nothing
DATABASE_SECONDS = 3.0  # a statement
ALARMS = ("model", "worker", "choice", "backlog", "queue", "redis", "disk")
"""Every kind there is."""

NO_QUEUE = Alarm("queue", "The queue of tasks does not answer. Comments and mails are found without it, later.")
NO_REDIS = Alarm("redis", "Redis does not answer. Limits are counted in each web process by itself, and comments wait a little longer.")


@dataclass(frozen=True)
class Readiness:
    """What each part answers; `health` is None while the database does not."""

    health: Health | None
    alarms: Sequence[Alarm]
    checks: Mapping[str, Mapping[str, Any]]

    def to_data(self) -> dict[str, Any]:
        """`status` is `unavailable` where nobody can be served, `alarm` where something else is wrong, else `ok`."""
        status = "unavailable" if self.health is None else "alarm" if self.alarms else "ok"
        screening = self.health.to_data() if self.health is not None else {}
        return {
            "status": status, "database": self.health is not None, **screening,
            "alarms": [alarm.to_data() for alarm in self.alarms], "checks": self.checks,
        }


def readiness(app: Flask, settings: Settings) -> Readiness:
    """Ask every part once, in the application's context; none is waited for longer than it takes to know.

    The database decides alone: without it nothing can be read. Everything else that fails leaves
    pages that work, and must not have a load balancer take them away.
    """
    token = patience.set(DATABASE_SECONDS)
    try:
        return _readiness(app, settings)
    finally:
        patience.reset(token)


def _readiness(app: Flask, settings: Settings) -> Readiness:
    found = _health(settings)
    alarms = list(found.alarms) if found is not None else []
    checks: dict[str, dict[str, Any]] = {"database": {"ok": found is not None}}
    if EXTENSION in app.extensions:
        waiting = _tasks_waiting(app.extensions[EXTENSION], settings, database=found is not None)
        checks["queue"] = {"ok": waiting is not None, "waiting": waiting}
        alarms += [NO_QUEUE] if waiting is None and found is not None else []
    if settings.REDIS_URL:
        checks["redis"] = {"ok": _redis_answers(settings)}
        alarms += [] if checks["redis"]["ok"] else [NO_REDIS]
    kinds = {alarm.kind for alarm in alarms}
    if found is not None:
        standings = [found.standing(worker) for worker in found.workers]
        # Without a worker nobody knows how the model does.
        checks["model"] = {"ok": "working" in standings if {"working", "failing"} & set(standings) else None}
        checks["backlog"] = {
            "ok": not kinds & {"worker", "backlog"}, "pending": found.backlog.number,
            "oldest_seconds": round(found.backlog.seconds, 1),
        }
    free = free_bytes(settings.instance_path)
    checks["disk"] = {"ok": free is None or free >= LEAST_DISK, "free_bytes": free}
    return Readiness(found, alarms, checks)


def redis_of(settings: Settings) -> Redis:
    """A client that gives up soon, for asking how Redis does."""
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
    )


def _health(settings: Settings) -> Health | None:
    try:
        return health(settings.instance_path)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be read
        db.session.rollback()
        log.error("not ready", error=name_of(error))  # noqa: TRY400
        return None


def _tasks_waiting(tasks: Tasks, settings: Settings, *, database: bool) -> int | None:
    """How many tasks no worker has taken; None where the queue does not answer."""
    try:
        storage = tasks.huey.storage
        if isinstance(tasks.huey, RedisHuey):
            with redis_of(settings) as client:
                return int(client.llen(storage.queue_key))
        if db.engine.dialect.name == "postgresql":
            if not database:  # to find that out again would take as long again
                return None
            # Not through the queue's own connections: it keeps one for each thread that ever asked.
            return int(db.session.scalar(text(f"SELECT count(*) FROM {storage.table_task}")) or 0)
        return int(storage.queue_size())
    except Exception as error:  # noqa: BLE001 - each kind of queue fails in its own way
        db.session.rollback()
        log.warning("the queue does not answer", error=name_of(error))
        return None


def _redis_answers(settings: Settings) -> bool:
    try:
        with redis_of(settings) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
