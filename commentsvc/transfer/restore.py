"""A backup brought back: into an empty database of either kind, exactly or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import Connection, func, select, text

from commentsvc.comments.counts import miscounted, recount
from commentsvc.config import Settings
from commentsvc.database import LOCK_SECONDS
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation import search_index
from commentsvc.revisions import known_revisions
from commentsvc.screening.engines import CURRENT, current
from commentsvc.sites.models import Article
from commentsvc.transfer.archive import (
    MODELS,
    SECRET,
    Archive,
    BadArchive,
    Manifest,
    Progress,
    member_of,
)
from commentsvc.transfer.rows import (
    REVISION_TABLE,
    count,
    count_on,
    digest,
    load,
    reflect,
    snapshot,
)


@dataclass
class Restored:
    """What came of it: tables that are none of the service's, and articles whose counts were wrong in the backup."""

    manifest: Manifest
    left_out: list[str] = field(default_factory=list)
    miscounted: list[int] = field(default_factory=list)


def check_revision(manifest: Manifest, migrations: Path) -> None:
    """Refuse a backup of a release that is newer than this one: its tables are unknown here."""
    if manifest.revision not in known_revisions(migrations):
        raise Conflict(
            f"This backup is of release {manifest.version}, revision {manifest.revision}, which this release does not know: "
            f"it is newer. Install commentsvc {manifest.version} or later, and restore with that."
        )


def check_room(archive: Archive, folder: Path, *, sqlite: bool) -> None:
    """Refuse before anything is written where the disk cannot hold what the archive unpacks to."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    members = archive.manifest.members
    needed = sum(one.bytes for name, one in members.items() if sqlite or one.rows is None)
    if needed > (free := shutil.disk_usage(there).free):
        raise Conflict(f"This backup unpacks to {needed / 1e6:,.0f} MB, and {there} has room for {free / 1e6:,.0f} MB.")


def filled() -> dict[str, int]:
    """The tables of the application's database that are not empty, with their rows."""
    with snapshot(db.engine) as connection:
        found = {table.name: count(connection, table) for table in reflect(connection).sorted_tables}
    return {name: rows for name, rows in found.items() if rows}


def restore(archive: Archive, *, replace: bool = False, progress: Progress = lambda *_: None) -> Restored:
    """Put a verified archive into the application's database, which is empty or to be replaced.

    Its tables are made at the archive's revision and filled in one transaction, which is committed only when the same
    can be read from them as stands in the archive; then they are migrated to this release. A mail that was sent stays
    sent, and one that waited is delivered by the next worker.
    """
    if not replace and (there := filled()):
        raise Conflict(
            f"The database is not empty: {', '.join(f'{rows:,} {name}' for name, rows in there.items())}. "
            "Name an empty one, or give --replace."
        )
    _clear()
    upgrade(revision=archive.manifest.revision)
    restored = Restored(archive.manifest)
    with db.engine.begin() as connection:
        _fill(connection, archive, restored, progress)
    upgrade()
    with db.engine.begin() as connection:
        search_index.rebuild(connection)
    restored.miscounted = put_counts_right(progress)
    _check_integrity()
    return restored


def _clear() -> None:
    """Leave no table of any release; those of the queue stay, they hold bells."""
    db.session.remove()
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Somebody who still reads a table, and does not end, would have us wait for ever.
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:.0f}s'"))
        search_index.drop(connection)
        reflect(connection).drop_all(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {REVISION_TABLE}"))


def _fill(connection: Connection, archive: Archive, restored: Restored, progress: Progress) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # a row may refer to one that comes later
    manifest = archive.manifest
    tables = reflect(connection).sorted_tables
    if missing := {table.name for table in tables} - manifest.tables.keys():
        raise BadArchive(f"This backup has no rows of {', '.join(sorted(missing))}, which its release had.")
    restored.left_out = sorted(manifest.tables.keys() - {table.name for table in tables})
    done, total = 0, manifest.total_rows

    def loaded(rows: int) -> None:
        nonlocal done
        done += rows
        progress("restoring", done, total)

    for table in tables:
        columns, member = manifest.tables[table.name], manifest.members[member_of(table.name)]
        if lacking := set(table.c.keys()) - set(columns):
            raise BadArchive(f"This backup's rows of {table.name} lack {', '.join(sorted(lacking))}, which its release had.")
        load(connection, table, columns, archive.lines(member_of(table.name)), loaded)
        if digest(connection, table, columns) != member.sha256:
            raise Invalid(f"The rows of {table.name} are not what the backup holds once they are restored; nothing was kept.")
        count_on(connection, table)


def put_counts_right(progress: Progress = lambda *_: None) -> list[int]:
    """Count anew where the counts are not those of the comments; returns these articles."""
    done, total = 0, db.session.scalar(select(func.count()).select_from(Article)) or 0

    def counted() -> None:
        nonlocal done
        done += 1
        progress("counting", done, total)

    wrong = miscounted(counted)
    db.session.rollback()
    for article_id in wrong:
        recount(article_id)
        db.session.commit()
        db.session.remove()
    return wrong


def _check_integrity() -> None:
    """SQLite's own checks; PostgreSQL enforced its foreign keys while the rows came in."""
    if db.engine.dialect.name != "sqlite":
        return
    with snapshot(db.engine) as connection:
        orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
        verdict = connection.scalar(text("PRAGMA integrity_check"))
    if orphans or verdict != "ok":
        raise Invalid(f"The restored database is not sound: {verdict}, and {len(orphans)} rows refer to others that are not there.")


def put_files(archive: Archive, settings: Settings) -> list[str]:
    """Put the secret key and the models where the service looks for them; returns what a person should know.

    The secret key replaces one that is there, a model does not.
    """
    notes = []
    manifest = archive.manifest
    if SECRET not in manifest.members:
        notes.append("The backup holds no secret key: everybody has to sign in again.")
    elif settings.SECRET_KEY:
        notes.append("COMMENTSVC_SECRET_KEY is set, and goes before the backup's secret key.")
    else:
        _put(settings.secret_path, archive.chunks(SECRET))
    for name in archive.names(MODELS):
        path = settings.models_path / name.removeprefix(MODELS)
        if not path.exists() or path.name == CURRENT:
            _put(path, archive.chunks(name))
    if manifest.model != current(settings.models_path):
        notes.append(
            f"The backup's service used the model {manifest.model}; this one uses {current(settings.models_path)}. "
            "`commentsvc model list` says which are here, `commentsvc model use` chooses."
        )
    return notes


def _put(path: Path, chunks: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
