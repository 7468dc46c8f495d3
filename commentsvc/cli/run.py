"""``commentsvc run``: the whole service on one machine, under one supervisor."""

from __future__ import annotations

import fcntl
import http.client
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commentsvc.cli.serve import check_key
from commentsvc.cli.supervisor import STEP, Child, Supervisor
from commentsvc.config import Settings

if TYPE_CHECKING:
    from flask import Flask

HOST = "127.0.0.1"
# The demo's conversations are usually in before the web process answers; the addresses are not
# held back for them longer than this.
DEMO_PATIENCE = 8.0
STILLBORN = 3  # ends of a child in a row before anything was ready: it will not get better


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--instance", type=click.Path(file_okay=False, path_type=Path), envvar="COMMENTSVC_INSTANCE", default=Path("instance"),
    show_default=True, help="Folder for the database, the queue and the outbox; made when it is not there.",
)
@click.option("--demo", is_flag=True, help="Serve the demo newspaper too, and load it the first time.")
def run(*, port: int, instance: Path, demo: bool) -> None:
    """Migrate the database, then run web and worker until Ctrl-C or SIGTERM."""
    began = time.monotonic()
    base_url = os.environ.get("COMMENTSVC_BASE_URL") or f"http://{HOST}:{port}"
    settings = replace(
        _settings(), INSTANCE=str(instance.resolve()), BASE_URL=base_url, DEMO=demo
    )
    with alone(instance):
        _check_port(port)
        app = _prepare(settings)
        supervisor = Supervisor(
            [Child("web", ("web", "--host", HOST, "--port", str(port))), Child("worker", ("worker",))],
            _environ(settings), lambda text: click.echo(text, err=True),
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: supervisor.request_stop())
        try:
            supervisor.start()
            # While the children begin; the worker screens what is brought in.
            loading = demo and _load_demo(app, settings)
            announced = False
            while not supervisor.stopping:
                supervisor.watch()
                pending = _pending(port) if loading or not announced else None
                if loading and pending == 0:
                    loading = _finish_demo(app)
                if not announced:
                    late = time.monotonic() - began > DEMO_PATIENCE
                    announced = pending is not None and (late or not loading)
                    if announced:
                        _announce(settings, port)
                    elif any(child.ends >= STILLBORN for child in supervisor.children):
                        raise click.ClickException("It cannot start; the messages above say why.")
                time.sleep(STEP)
        finally:
            supervisor.stop()
    click.echo("Stopped.")


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _environ(settings: Settings) -> dict[str, str]:
    """The environment of the children: ours, and the settings that were decided here."""
    decided = {f"COMMENTSVC_{f.name}": str(getattr(settings, f.name)) for f in fields(settings) if f.name in {"INSTANCE", "BASE_URL", "DEMO"}}
    return {**os.environ, **decided, "PYTHONUNBUFFERED": "1"}


@contextmanager
def alone(instance: Path) -> Iterator[None]:
    """Hold the data folder: two supervisors on one would fight over the demo's address."""
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (instance / "supervisor.lock").open("a+")
    except OSError as error:
        raise click.ClickException(f"The data folder {instance} cannot be used: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise click.ClickException(
                f"The service already runs on {instance} (process {file.read().strip() or 'unknown'}). "
                "Stop it, or name another folder: make run INSTANCE=/some/folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _check_port(port: int) -> None:
    """Refuse before anything is started, in words, when the port cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise click.ClickException(f"Port {port} needs more rights than you have. Choose another: make run PORT=8123") from None
        except OSError:
            raise click.ClickException(
                f"Port {port} is in use by another program. Stop that, or choose another: make run PORT=8123"
            ) from None


def _prepare(settings: Settings) -> Flask:
    """Migrate, and make the demo's publisher, so that no page is asked for before its tables."""
    from commentsvc import create_app
    from commentsvc.cli.databases import migrate
    from commentsvc.demo.load import prepare

    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(settings)
    with app.app_context():
        migrate()
        check_key(settings)
        if settings.DEMO:
            prepare(settings.BASE_URL)
    return app


def _load_demo(app: Flask, settings: Settings) -> bool:
    """Bring the demo's conversations in; whether they still have to be screened."""
    from commentsvc.demo.load import import_threads

    with app.app_context():
        import_threads(settings.BASE_URL)
    return _finish_demo(app)


def _finish_demo(app: Flask) -> bool:
    """Flag what readers of the demo flag, once all is screened; whether that is yet to come."""
    from commentsvc.demo.load import raise_flags, threads_pending

    with app.app_context():
        if threads_pending():
            return True
        raise_flags()
    return False


def _pending(port: int) -> int | None:
    """How many comments wait to be screened; None while the web process does not answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return int(json.load(answer)["pending"]) if answer.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    finally:
        connection.close()


def _announce(settings: Settings, port: int) -> None:
    address = f"http://{HOST}:{port}"
    if settings.DEMO:
        from commentsvc.demo.content import articles

        click.echo(f"article: {address}/demo/{articles()[0].slug}")
    click.echo(f"console: {address}/review/")
    click.echo(f"api: {address}/api/docs")
    if settings.DEMO:
        from commentsvc.demo.load import SIGN_INS

        click.echo("\nSign in as")
        for sign_in in SIGN_INS:
            click.echo(f"  {sign_in.title:<18} {sign_in.email:<26} {sign_in.password}")
    if not settings.SMTP_SERVER:
        click.echo(f"\nMails are files in {settings.instance_path / 'outbox'}; their links appear here.")
    click.echo("Ctrl-C ends everything.")
