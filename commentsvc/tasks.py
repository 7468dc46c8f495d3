"""The background work: each task a few lines, its queue message a bell and not the letter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import structlog
from flask import Flask
from huey import PostgresHuey, RedisHuey, SqliteHuey, crontab
from redis import ConnectionPool

from commentsvc.accounts.audit import head as audit_head
from commentsvc.accounts.audit import seal_all
from commentsvc.accounts.expiry import forget_expired
from commentsvc.bell import Bell, DatabaseBell, LocalBell
from commentsvc.config import Settings
from commentsvc.database import register_follow_ups
from commentsvc.delivery.email import deliver_due
from commentsvc.extensions import db
from commentsvc.figures.keeping import keep_figures
from commentsvc.figures.morning import send_morning_mails
from commentsvc.moderation.sweeps import run_due_sweeps
from commentsvc.notifications.mailing import send_due
from commentsvc.notifications.telling import recall_gone, tell_all
from commentsvc.worker import ScreeningWorker

log = structlog.get_logger()

EXTENSION = "commentsvc.tasks"

# Not rung again after a bell failed: a queue that hangs would cost each post the time to find that out. A worker
# looks for comments by itself meanwhile.
QUIET_SECONDS = 5.0


@dataclass(frozen=True)
class Tasks:
    """The queue and its tasks, which calling enqueues; `bell` is what a worker's lanes wait on."""

    huey: Any
    mail: Any
    forget: Any
    bell: Bell
    wire: LocalBell | DatabaseBell | None  # None: the queue itself carries the bell


def _queue(settings: Settings) -> Any:
    """Redis where there is one, else PostgreSQL where that is the database, else a SQLite file."""
    if settings.REDIS_URL:
        # A worker's own wait for a message is shorter.
        pool = ConnectionPool.from_url(settings.REDIS_URL, **settings.redis_options)
        return RedisHuey("commentsvc", connection_pool=pool)
    if settings.database_url.startswith("postgresql"):
        return PostgresHuey("commentsvc", dsn=_dsn(settings), **settings.connect_args)
    # Apart from the application's file: enqueuing must not wait for its write lock.
    settings.make_instance()
    return SqliteHuey("commentsvc", filename=str(settings.instance_path / "queue.sqlite3"), fsync=False)


def _dsn(settings: Settings) -> str:
    return settings.database_url.replace("+psycopg", "")


def _wire(settings: Settings, huey: Any) -> LocalBell | DatabaseBell | None:
    """What rings the worker without a message in the queue: on one machine a pipe, for the queue's file would have to be asked."""
    if isinstance(huey, SqliteHuey):
        return LocalBell(settings.instance_path / "bell")
    if isinstance(huey, PostgresHuey):
        options: dict[str, Any] = {**settings.connect_args, "autocommit": True}
        return DatabaseBell(huey.storage.sql, partial(psycopg.connect, _dsn(settings), **options))
    return None


def init_tasks(app: Flask, settings: Settings, *, nightly: Sequence[Callable[[], bool]] = ()) -> Tasks:
    """Make the queue and its tasks, and register the bells that commits ring.

    Each of `nightly` is called once a night, and again, after a commit, while it says there may be more.
    """
    huey = _queue(settings)
    heard = Bell()
    wire = _wire(settings, huey)

    @huey.task()
    def screen() -> None:
        heard.ring()

    @huey.task()
    def mail() -> None:
        with app.app_context():
            recall_gone()
            deliver_due(settings)

    @huey.task()
    def people() -> None:
        with app.app_context():
            run_due_sweeps()

    @huey.periodic_task(crontab(minute="*"))
    def sweep() -> None:
        mail()
        people()

    @huey.periodic_task(crontab(minute="*"))
    def chain() -> None:
        with app.app_context():
            seal_all()

    @huey.periodic_task(crontab(hour="3", minute="17"))
    def forget() -> None:
        with app.app_context():
            # The log that is shipped elsewhere is where nobody here can change it.
            log.info("the audit log's head", head=str(audit_head()))
            forget_expired()
            db.session.commit()
            for step in nightly:
                more = True
                while more:
                    more = step()
                    db.session.commit()

    @huey.periodic_task(crontab(minute="*"))
    def figures() -> None:
        with app.app_context():
            keep_figures()
            send_morning_mails()

    tell = _tell_task(app, huey)
    register_follow_ups(app, {"screen": _follow_up(wire.ring if wire else screen), "mail": _follow_up(mail), "sweep": _follow_up(people), "tell": _follow_up(tell)})
    tasks = Tasks(huey=huey, mail=mail, forget=forget, bell=heard, wire=wire)
    app.extensions[EXTENSION] = tasks
    return tasks


def _tell_task(app: Flask, huey: Any) -> Callable[[], object]:
    """Telling people: the task that a commit rings, and each minute that and the mails that are due."""

    @huey.task()
    def tell() -> None:
        with app.app_context():
            tell_all()

    @huey.periodic_task(crontab(minute="*"))
    def notify() -> None:
        with app.app_context():
            tell_all()
            send_due()

    ring: Callable[[], object] = tell
    return ring


def _follow_up(ring: Callable[[], object]) -> Callable[[], None]:
    """Rings after a commit, and fails no request for it."""
    quiet_until = 0.0

    def hook() -> None:
        nonlocal quiet_until
        if time.monotonic() < quiet_until:
            return
        try:
            ring()
        except Exception:  # the row is committed; failing the request now would be a lie
            quiet_until = time.monotonic() + QUIET_SECONDS
            log.exception("could not ring the worker")

    return hook


def run_worker(app: Flask, **given: Any) -> None:
    """Work until SIGINT or SIGTERM; what waited while no worker ran is taken up at once."""
    tasks: Tasks = app.extensions[EXTENSION]
    settings: Settings = app.config["SETTINGS"]
    screening = ScreeningWorker(app, settings, tasks.bell, **given)
    stopping = threading.Event()
    if tasks.wire is not None:
        threading.Thread(target=_listen, args=(tasks.wire, tasks.bell, stopping), name="bell", daemon=True).start()
    screening.start()
    try:
        tasks.mail()
    except Exception as error:  # noqa: BLE001 - the queue is away; the sweep rings again, and comments do not need it
        log.warning("could not ask for mails", error=str(error)[:500])
    # Redis and PostgreSQL wake the consumer; a SQLite file is asked a few times a second, for mails.
    consumer = tasks.huey.create_consumer(workers=2, initial_delay=0.3, max_delay=0.3, backoff=1.0, check_worker_health=True)
    try:
        consumer.run()
    finally:
        stopping.set()
        screening.stop()


def _listen(wire: LocalBell | DatabaseBell, bell: Bell, stopping: threading.Event) -> None:
    try:
        wire.listen(bell.ring, stopping.is_set)
    except OSError as error:  # no pipes on this file system: the lanes look by themselves
        log.warning("no bell; comments are looked for every second", error=str(error))
