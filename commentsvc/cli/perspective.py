"""``commentsvc perspective``: the Perspective-compatible API by itself, and its keys."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Final

import click
from flask import Flask
from flask.cli import with_appcontext
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commentsvc.cli.serve import ACCESS_LOG, THREADS, lifeline_option
from commentsvc.config import Settings
from commentsvc.errors import NotFound

PORT: Final = 8001  # beside the whole service on one machine
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
# How this command tells the processes granian starts what it was told; no setting, so that it
# cannot be left on in a file.
_OPEN: Final = "_COMMENTSVC_PERSPECTIVE_OPEN"
_PLACES: Final = "_COMMENTSVC_PERSPECTIVE_PLACES"


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Processes, each with the model. More than one needs REDIS_URL, for quotas are counted per process without it.",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), default=THREADS, show_default=True,
    help="Requests each process keeps; one is scored, the others wait.",
)
@click.option("--open", "no_keys", is_flag=True, help="Ask for no keys; only programs on this machine are answered.")
@click.option("--access-log", is_flag=True, help="One line a request on standard error, without its key.")
@lifeline_option
@click.pass_context
def perspective(
    ctx: click.Context, *, host: str, port: int, workers: int, threads: int, no_keys: bool, access_log: bool, lifeline: int | None
) -> None:
    """Serve only the Perspective-compatible API until SIGINT or SIGTERM; migrates its database first.

    Programs need a key: commentsvc perspective key NAME
    """
    if ctx.invoked_subcommand is not None:
        return
    if no_keys and host not in LOOPBACK:
        raise click.UsageError("--open answers anybody who can reach it: it needs a --host of this machine alone, as 127.0.0.1.")
    from commentsvc.cli.serve import _hold
    from commentsvc.metrics.sharing import shared_between_processes

    _hold(lifeline)
    with shared_between_processes(workers):
        _serve(host, port, workers, threads, no_keys=no_keys, access_log=access_log)


def _serve(host: str, port: int, workers: int, threads: int, *, no_keys: bool, access_log: bool) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    keys = _prepare()
    os.environ[_OPEN] = "1" if no_keys else ""
    os.environ[_PLACES] = str(threads)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    click.echo(f"Endpoint: {address}/v1alpha1  Discovery: {address}/$discovery/rest?version=v1alpha1", err=True)
    if not no_keys and not keys:
        click.echo("There is no key yet. Make one: commentsvc perspective key NAME", err=True)
    os.environ[ACCESS_LOG] = "1" if access_log else ""
    Granian(
        "commentsvc.cli.perspective:build_app", factory=True, interface=Interfaces.WSGI, address=host, port=port, workers=workers,
        blocking_threads=threads, websockets=False, respawn_failed_workers=True, log_level=LogLevels.error, log_access=False,
    ).serve()


@perspective.command()
@click.argument("name")
@click.option("--owner", metavar="EMAIL", help="An admin whose key it is; ends with her role. Else it belongs to the program alone.")
@click.option("--quota", metavar="TEXT", help='Instead of COMMENTSVC_LIMIT_ANALYZE, as "20 per second; 5000 per day".')
@with_appcontext
def key(name: str, owner: str | None, quota: str | None) -> None:
    """Make a key for the program NAME and print it, this once."""
    from commentsvc.accounts.audit import record
    from commentsvc.accounts.roles import find_user_by_email
    from commentsvc.extensions import db
    from commentsvc.perspective.keys import create_program_key

    _make_tables()
    person = find_user_by_email(owner) if owner else None
    if owner and person is None:
        raise NotFound(f"There is no account for {owner}.")
    made, secret = create_program_key(name, owner=person, quota=quota)
    record(None, "key.made", subject=f"key:{made.id}", scopes=made.scopes.split(), quota=quota)
    db.session.commit()
    click.echo(f"Made the key {made.name}. Keep it; nothing shows it again:", err=True)
    click.echo(secret)


@perspective.command()
@with_appcontext
def keys() -> None:
    """List the keys that programs may have texts scored with."""
    from commentsvc.perspective.keys import list_program_keys

    found = list_program_keys()
    if not found:
        click.echo("There is no key yet. Make one: commentsvc perspective key NAME")
        return
    table = Table()
    for title in ("begins with", "name", "owner", "quota", "last used"):
        table.add_column(title, overflow="fold")
    for one in found:
        used = f"{one.last_used_at:%Y-%m-%d %H:00} UTC" if one.last_used_at else "never"
        table.add_row(one.prefix, escape(one.name), escape(one.user.email or "the program"), escape(one.quota or "the setting"), used)
    Console().print(table)


@perspective.command()
@click.argument("prefix")
@with_appcontext
def revoke(prefix: str) -> None:
    """End the key that begins with PREFIX; programs that use it are refused at once."""
    from commentsvc.accounts.audit import record
    from commentsvc.extensions import db
    from commentsvc.perspective.keys import revoke_program_key

    ended = revoke_program_key(prefix)
    record(None, "key.revoked", subject=f"key:{ended.id}")
    db.session.commit()
    click.echo(f"Revoked {ended.name}.")


def build_app() -> Flask:
    """The application as each of granian's processes serves it, its model loaded."""
    from commentsvc import create_perspective_app
    from commentsvc.cli.serve import _configure_logging
    from commentsvc.moderation.engine import Broken, engine

    _configure_logging()
    app = create_perspective_app(places=int(os.environ.get(_PLACES, THREADS)), keys=not os.environ.get(_OPEN))
    # The first request should not wait for the model. What goes wrong is logged, requests are told
    # to come back, and it is tried again.
    with app.app_context(), contextlib.suppress(Broken):
        engine().labels()
    return app


def _prepare() -> bool:
    """Migrate the database; whether there is a key."""
    import logging

    from commentsvc import create_perspective_app
    from commentsvc.cli.databases import migrate
    from commentsvc.perspective.keys import list_program_keys

    logging.getLogger("alembic").setLevel(logging.WARNING)
    # This process serves nobody: its connections are not counted among those that do.
    settings = replace(Settings.from_environment(), METRICS_TOKEN="")
    with create_perspective_app(settings, places=1).app_context():
        migrate()
        return bool(list_program_keys())


def _make_tables() -> None:
    """Migrate an empty database: the first key may come before the first start."""
    import logging

    from sqlalchemy import inspect

    from commentsvc.cli.databases import migrate
    from commentsvc.extensions import db

    empty = not inspect(db.session.connection()).has_table("alembic_version")
    db.session.rollback()
    if empty:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        migrate()
