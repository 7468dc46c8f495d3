"""A backup of the running service: the rows of one moment, in a file that is whole or not there.

Rows, and not the SQLite file or pg_dump's: pg_dump refuses a server newer than itself and is often not there at all,
while rows are read by what the service has anyway, are the same from both databases, restore into either, and can be
compared with what they became (docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.revisions import revision_of
from commentsvc.screening.engines import current
from commentsvc.transfer.archive import (
    CHUNK,
    MODELS,
    SECRET,
    ArchiveWriter,
    Manifest,
    Progress,
    member_of,
    written,
)
from commentsvc.transfer.rows import count, lines, reflect, snapshot
from commentsvc.version import __version__


def target_of(path: Path) -> Path:
    """The file itself, or one named for this moment in the folder."""
    return path / f"commentsvc-{utcnow():%Y%m%dT%H%M%SZ}.zip" if path.is_dir() else path


def write_backup(
    path: Path, settings: Settings, *, secret: bool = False, models: bool = False, progress: Progress = lambda *_: None
) -> Manifest:
    """Write everything that was committed before the call into a new file of this name.

    The queue and the outbox are not in it: what waits, comments and mails, are rows (`tasks.py`).
    """
    with written(path) as file, ArchiveWriter(file) as archive:
        manifest = _add_tables(archive, settings, progress)
        if secret:
            archive.add(SECRET, [f"{key}\n".encode() for key in settings.secret_keys()])
        if models:
            names = _model_files(settings.models_path)
            for number, name in enumerate(names, start=1):
                archive.add(MODELS + name, _read(settings.models_path / name))
                progress("packing models", number, len(names))
        return archive.finish(manifest)


def _add_tables(archive: ArchiveWriter, settings: Settings, progress: Progress) -> Manifest:
    with snapshot(db.engine) as connection:
        revision = revision_of(connection)
        if revision is None:
            raise Invalid("The database has no tables yet: there is nothing to back up.")
        made_at = utcnow()
        metadata = reflect(connection)
        if connection.dialect.name == "postgresql":
            # A migration that rewrites a table would leave it empty for our older snapshot: it waits.
            names = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in metadata.tables)
            connection.execute(text(f"LOCK TABLE {names} IN ACCESS SHARE MODE"))
        done, total = 0, sum(count(connection, table) for table in metadata.sorted_tables)
        for table in metadata.sorted_tables:
            rows = _watched(lines(connection, table, table.c.keys()), progress, done, total)
            done += archive.add(member_of(table.name), rows, lines=True).rows or 0
        return Manifest(
            version=__version__, revision=revision, database=connection.dialect.name, made_at=made_at.isoformat(timespec="seconds"),
            model=current(settings.models_path),
            tables={str(table.name): table.c.keys() for table in metadata.sorted_tables},
        )


def _watched(some: Iterator[bytes], progress: Progress, done: int, total: int) -> Iterator[bytes]:
    for chunk in some:
        yield chunk
        done += chunk.count(b"\n")
        progress("backing up", done, total)


def _model_files(models: Path) -> list[str]:
    """Pulled and exported models and the choice among them; not what is still being fetched."""
    found = (path.relative_to(models) for path in sorted(models.rglob("*")) if path.is_file())
    return [str(path) for path in found if not any(part.startswith(".") or part.endswith(".partial") for part in path.parts)]


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
