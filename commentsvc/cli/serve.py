"""``commentsvc web`` and ``commentsvc worker``: the two processes of the service."""

from __future__ import annotations

import gc
import logging
import os
from typing import Any, Final

import click
import structlog
from flask import Flask

from commentsvc.config import STATEMENT_SECONDS, Settings

# A request that waits for its verdict (`Prefer: wait`) keeps its thread; the others serve.
THREADS = 12

# How the processes that granian starts are told what this one was; no setting, so that it
# cannot be left on in a file.
ACCESS_LOG: Final = "_COMMENTSVC_ACCESS_LOG"
PLACES: Final = "_COMMENTSVC_PLACES"

_loaded: Final[list[Flask]] = []  # by the process that granian's are forked from

lifeline_option = click.option("--lifeline", type=int, hidden=True, help="Set by the supervisor.")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Processes. More than one needs REDIS_URL, for limits are counted per process without it.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=THREADS, show_default=True, help="Requests that each process works on at once.")
@click.option("--access-log", is_flag=True, help="One line a request on standard error, without its address.")
@lifeline_option
def web(*, host: str, port: int, workers: int, threads: int, access_log: bool, lifeline: int | None) -> None:
    """Serve the widget, the console and the API until SIGINT or SIGTERM."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from commentsvc.metrics.sharing import shared_between_processes
    from commentsvc.overload import threads_for

    _hold(lifeline)
    settings = Settings.from_environment()
    check_key(settings)
    os.environ[PLACES] = str(threads)
    os.environ[ACCESS_LOG] = "1" if access_log else ""
    with shared_between_processes(workers):
        _loaded.append(_shared_app())
        Granian(
            "commentsvc.cli.serve:build_app",
            factory=True,
            interface=Interfaces.WSGI,
            address=host,
            port=port,
            workers=workers,
            blocking_threads=threads_for(threads, settings.WAITING_ROOM),
            websockets=False,
            respawn_failed_workers=True,
            log_level=LogLevels.error,  # its one warning at the start is about the number of threads
            log_access=False,  # it would write addresses of readers and of reset links
        ).serve()


@click.command()
@lifeline_option
def worker(*, lifeline: int | None) -> None:
    """Screen comments and send mails until SIGINT or SIGTERM; run as many as you like."""
    from commentsvc import create_app
    from commentsvc.tasks import run_worker

    _hold(lifeline)
    _configure_logging()
    check_key(Settings.from_environment())
    run_worker(create_app())


def build_app() -> Flask:
    """The application as a web process serves it; each of granian's processes calls this."""
    return _loaded[0] if _loaded else _make_app()


def _shared_app() -> Flask:
    """The application, made before granian forks its processes: what they do not change they share.

    Two processes take 187 MiB together instead of 307 (proportional set size after some hundred requests). Nothing in it may be open by now: a connection must not be shared.
    """
    from commentsvc.extensions import db

    app = _make_app()
    for name in app.jinja_env.list_templates(filter_func=lambda name: name.startswith(("components/", "embed/"))):
        app.jinja_env.get_template(name)  # what most requests render, compiled once
    _warm_up(app)
    with app.app_context():
        db.engine.dispose()
    gc.collect()
    gc.freeze()  # the collector's marks would be writes to all of it
    return app


def _warm_up(app: Flask) -> None:
    """Put together a thread as readers and programs ask for it: what that leaves behind (statements compiled, bytecode made fast) is shared, too.

    Two processes under load take 212 MiB instead of 246. Without an article there is nothing to put together yet.
    """
    from commentsvc.extensions import db, limiter
    from commentsvc.sites.models import Article, Site

    limits, limiter.enabled = limiter.enabled, False  # it has no address to count
    try:
        with app.app_context():
            newest = db.session.execute(db.select(Site.key, Article.id).join(Article.site).order_by(Article.id.desc()).limit(1)).first()
        if newest is None:
            return
        key, article = newest
        for path in (f"/embed/{key}/thread?article={article}", f"/api/v1/articles/{article}/comments"):
            with app.test_request_context(path):
                app.dispatch_request()  # the view alone: nobody asked, and no metric counts it
    except Exception as error:  # noqa: BLE001 - it starts without: whoever asks for that thread is told
        structlog.get_logger().warning("no thread could be put together before the start", error=type(error).__name__)
    finally:
        limiter.enabled = limits


def _make_app() -> Flask:
    from commentsvc import create_app

    _configure_logging()
    # A reader does not wait longer; and a statement that never ends must not hold a thread for good. Of web processes
    # alone: a worker's and an importer's may take their time. The variable is libpq's own.
    os.environ.setdefault("PGOPTIONS", f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout=10s")
    # Another server's threads are fewer, or as many as it was told: then it is its own queue that they wait in.
    app = create_app(places=int(os.environ.get(PLACES, THREADS)))
    settings: Any = app.config["SETTINGS"]
    if settings.DEMO:
        from commentsvc.demo.load import loaded_at

        with app.app_context():
            # The demo's articles must not become younger than the comments under them.
            app.config["DEMO_NOW"] = loaded_at()
    return app


def check_key(settings: Settings) -> None:
    """Refuse to start beside nodes that sign with another key; tell the first node what the others will need."""
    from commentsvc.accounts.signing import check_signing_key

    if check_signing_key(settings) and not settings.SECRET_KEY:
        click.echo(
            f"This node made its own secret key, in {settings.secret_path}. Any other node on this database "
            "needs it as COMMENTSVC_SECRET_KEY, and does not start without it.", err=True,
        )


def _hold(descriptor: int | None) -> None:
    if descriptor is not None:
        from commentsvc.cli.lifeline import hold

        hold(descriptor)


def _configure_logging() -> None:
    from commentsvc.observability import configure_logging

    configure_logging(logging.WARNING, access=bool(os.environ.get(ACCESS_LOG)))
