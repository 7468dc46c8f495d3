"""``commentsvc backup`` and ``commentsvc restore``: everything the service knows, into a file and back."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

from commentsvc.accounts.audit import record
from commentsvc.cli.model.console import plain_errors, progress, settings
from commentsvc.cli.run import alone
from commentsvc.config import Settings
from commentsvc.database import utcnow, words_of
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.transfer.archive import Archive, Progress, about, opened
from commentsvc.transfer.backup import target_of, write_backup
from commentsvc.transfer.restore import Restored, check_revision, check_room, filled, put_files
from commentsvc.transfer.restore import restore as restore_rows


@click.command()
@click.argument("target", metavar="FILE_OR_FOLDER", type=click.Path(path_type=Path))
@click.option("--with-secret", is_flag=True, help="Also the secret key, which signs sessions: keep such a file like a password.")
@click.option("--with-models", is_flag=True, help="Also the models folder: what was pulled, exported and chosen.")
@click.option("--verify", is_flag=True, help="Then restore it into a temporary folder and compare every table.")
@with_appcontext
def backup(*, target: Path, with_secret: bool, with_models: bool, verify: bool) -> None:
    """Write a backup of the running service: one moment of the database, in one file.

    In a folder, the file is named for the time. Nothing is replaced, and nothing half written has the file's name.
    """
    path = target_of(target)
    with plain_errors(), _readable(), _bars() as bars:
        manifest = write_backup(path, current_app.config["SETTINGS"], secret=with_secret, models=with_models, progress=bars)
        if verify:
            with opened(path) as archive:
                _try_out(archive, path.resolve().parent, bars)
    _record("backup.written", rows=manifest.total_rows, secret=with_secret, models=with_models)
    for name, rows in ((table, manifest.rows(table)) for table in manifest.tables):
        click.echo(f"{rows:>12,} {name}", err=True)
    click.echo(f"{path}: {path.stat().st_size / 1e6:,.1f} MB, revision {manifest.revision}{', restored and compared' if verify else ''}")


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only try it: restore into a temporary folder, compare every table, and keep nothing.")
@click.option("--replace", "replacing", is_flag=True, help="Replace what is in the database; a backup of it is kept in the instance folder.")
def restore(path: Path, *, check: bool, replacing: bool) -> None:
    """Bring a backup back into an empty database, of SQLite or PostgreSQL, and migrate it to this release.

    Stop the service first. Nothing is touched before the whole file was read and compared with its manifest.
    """
    if check and replacing:
        raise click.UsageError("--check keeps nothing, so there is nothing to --replace.")
    chosen = settings()
    with plain_errors(), _readable(), opened(path) as archive:
        for name, value in about(archive.manifest).items():
            click.echo(f"{name}: {value}", err=True)
        check_revision(archive.manifest, chosen.migrations_path)
        with _bars() as bars:
            notes: list[str] = []
            if check:
                restored = _try_out(archive, path.resolve().parent, bars)
            else:
                restored, notes = _bring_back(archive, chosen, bars, replacing=replacing)
    for table in restored.left_out:
        notes.append(f"Left out, as it is no table of the service: {table}.")
    if restored.miscounted:
        notes.append(f"The counts of {len(restored.miscounted)} articles were not those of their comments, and were put right.")
    for note in notes:
        click.echo(note, err=True)
    done = "The backup can be restored" if check else "Restored"
    kept = [table for table in restored.manifest.tables if table not in restored.left_out]
    click.echo(f"{done}: {sum(map(restored.manifest.rows, kept)):,} rows in {len(kept)} tables, the same as in the backup.")


def _bring_back(archive: Archive, chosen: Settings, bars: Progress, *, replacing: bool) -> tuple[Restored, list[str]]:
    check_room(archive, chosen.instance_path, sqlite=chosen.database_url.startswith("sqlite"))
    archive.verify(bars)
    with alone(chosen.instance_path), _application(chosen):
        if replacing and filled():
            before = chosen.instance_path / f"before-restore-{utcnow():%Y%m%dT%H%M%SZ}.zip"
            write_backup(before, chosen, secret=True, progress=bars)
            click.echo(f"What is there is kept in {before}.", err=True)
        restored = restore_rows(archive, replace=replacing, progress=bars)
        _record("backup.restored", made_at=archive.manifest.made_at, rows=archive.manifest.total_rows, replaced=replacing)
        return restored, put_files(archive, chosen)


def _record(action: str, **facts: Any) -> None:
    """In the audit log; a database that has none yet, or takes nothing, is backed up all the same."""
    try:
        record(None, action, **facts)
        db.session.commit()
    except DatabaseError as error:
        db.session.rollback()
        click.echo(f"This could not be written into the audit log: {words_of(error) if isinstance(error, OperationalError) else name_of(error)}", err=True)


def _try_out(archive: Archive, beside: Path, bars: Progress) -> Restored:
    """Restore into a SQLite database of its own, beside the archive: that is where there is room for it.

    Whichever database the backup is of: rows are compared as the archive spells them, which is the same for both.
    """
    check_room(archive, beside, sqlite=True)
    archive.verify(bars)
    with tempfile.TemporaryDirectory(prefix=".commentsvc-", dir=beside) as folder, _application(Settings(INSTANCE=folder)):
        return restore_rows(archive, progress=bars)


@contextmanager
def _application(chosen: Settings) -> Iterator[Flask]:
    from commentsvc import create_app
    from commentsvc.tasks import EXTENSION

    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(replace(chosen, DEMO=False))
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()
            app.extensions[EXTENSION].huey.storage.close()


@contextmanager
def _readable() -> Iterator[None]:
    """Say in one sentence that the database's file is damaged: that is when people come here."""
    try:
        yield
    except (OperationalError, ProgrammingError):
        raise  # has words of its own
    except DatabaseError as error:
        raise click.ClickException(
            f"The database cannot be read: {error.orig}. Move it away, and restore a backup into an empty place."
        ) from error


@contextmanager
def _bars() -> Iterator[Progress]:
    """A bar for each step, as it begins."""
    with progress() as bar:
        tasks = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show
