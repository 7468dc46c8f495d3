"""The background work: each task a few lines, its queue message a bell and not the letter."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from flask import Flask
from huey import PostgresHuey, RedisHuey, SqliteHuey, crontab

from commentsvc.accounts.expiry import forget_expired
from commentsvc.config import Settings
from commentsvc.database import register_follow_ups
from commentsvc.delivery.email import deliver_due
from commentsvc.extensions import db
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer, load_bundled_scorer

log = structlog.get_logger()

EXTENSION = "commentsvc.tasks"
RETRY_SECONDS = 10  # after the model failed; comments stay pending meanwhile

# Comments are decided in the order they came: one batch at a time in a process.
_one_screening = threading.Lock()


@cache
def bundled_scorer() -> ToxicityScorer:
    """The model, loaded once in a worker process."""
    return load_bundled_scorer()


@dataclass(frozen=True)
class Tasks:
    """The queue and its tasks; calling a task enqueues it."""

    huey: Any
    screen: Any
    mail: Any


def _queue(settings: Settings) -> Any:
    """Redis where there is one, else PostgreSQL where that is the database, else a SQLite file."""
    if settings.REDIS_URL:
        return RedisHuey("commentsvc", url=settings.REDIS_URL)
    if settings.database_url.startswith("postgresql"):
        return PostgresHuey("commentsvc", dsn=settings.database_url.replace("+psycopg", ""))
    # Apart from the application's file: enqueuing must not wait for its write lock.
    settings.instance_path.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("commentsvc", filename=str(settings.instance_path / "queue.sqlite3"), fsync=False)


def init_tasks(app: Flask, settings: Settings) -> Tasks:
    """Make the queue and its tasks, and register the bells that commits ring."""
    huey = _queue(settings)

    @huey.task()
    def screen() -> None:
        with app.app_context(), _one_screening:
            try:
                while screen_pending(bundled_scorer, batch=settings.SCREENING_BATCH, lease=settings.SCREENING_LEASE):
                    pass
            except ScoringError:
                log.exception("screening failed; comments stay pending")
                screen.schedule(delay=settings.SCREENING_LEASE + RETRY_SECONDS)
            finally:
                db.session.remove()

    @huey.task()
    def mail() -> None:
        with app.app_context():
            deliver_due(settings)

    @huey.periodic_task(crontab(minute="*"))
    def sweep() -> None:
        screen()
        mail()

    @huey.periodic_task(crontab(hour="3", minute="17"))
    def forget() -> None:
        with app.app_context():
            forget_expired()
            db.session.commit()

    def bell(task: Any) -> Any:
        def ring() -> None:
            try:
                task()
            except Exception:  # the row is committed; failing the request now would be a lie
                log.exception("could not ring the worker")

        return ring

    tasks = Tasks(huey=huey, screen=screen, mail=mail)
    register_follow_ups(app, {"screen": bell(screen), "mail": bell(mail)})
    app.extensions[EXTENSION] = tasks
    return tasks


def run_worker(app: Flask) -> None:
    """Work until SIGINT or SIGTERM; what waited while no worker ran is taken up at once."""
    tasks: Tasks = app.extensions[EXTENSION]
    bundled_scorer()
    tasks.screen()
    tasks.mail()
    # A short poll keeps a verdict under 100 ms when idle; it costs about 1 % of a core.
    consumer = tasks.huey.create_consumer(workers=2, initial_delay=0.03, max_delay=0.05, backoff=1.0, check_worker_health=True)
    consumer.run()
