"""The database, read and never written: reachable, migrated, whole, and on time; and Redis."""

from __future__ import annotations

import datetime as dt
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from commentsvc.cli.doctor.findings import Finding, Patient, note, ok, problem
from commentsvc.cli.doctor.machine import NETWORK, file_system
from commentsvc.comments.models import Comment
from commentsvc.config import CONNECT_SECONDS, Settings
from commentsvc.database import utcnow, words_of, write_intent
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.moderation.alarms import Health, health
from commentsvc.readiness import redis_of

MOST_SKEW = 5.0  # seconds; limits, leases and links count in minutes
MAGIC = b"SQLite format 3\0"
WAL = 2  # in a SQLite file's header, at 18 and 19
UPGRADE = "Run `commentsvc db upgrade`."


class Unreadable(Exception):  # noqa: N818 - reads as what the database is
    """The database cannot be asked; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


@contextmanager
def reading(settings: Settings) -> Iterator[Flask]:
    """An application on the database that can only read it, inside its context.

    Not `create_app`: that makes folders, a secret and, on PostgreSQL, the queue's tables. Unreadable
    where nothing answers.
    """
    app = Flask("commentsvc.doctor", instance_path=str(settings.instance_path))
    app.config["SQLALCHEMY_DATABASE_URI"], arguments = _address(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": NullPool, "connect_args": arguments, "hide_parameters": True}
    db.init_app(app)
    intent = write_intent.set(False)
    try:
        with app.app_context():
            try:
                db.session.execute(text("SELECT 1"))
            except OperationalError as error:
                raise Unreadable(problem(
                    f"The database does not answer: {words_of(error)}",
                    "Start it, or correct COMMENTSVC_DATABASE_URL.",
                )) from error
            except SQLAlchemyError as error:
                raise Unreadable(problem(
                    f"The database cannot be read: {name_of(error)}.",
                    "Restore it from a backup.",
                )) from error
            yield app
            db.session.remove()
    finally:
        write_intent.reset(intent)


def _address(settings: Settings) -> tuple[str, dict[str, Any]]:
    path = Patient(settings, {}).sqlite
    if path is None:
        options = "-c default_transaction_read_only=on"
        return settings.database_url, {"connect_timeout": CONNECT_SECONDS, "options": options}
    return _file_address(path), {"uri": True}


def _file_address(path: Path) -> str:
    try:
        header = _header(path)
    except FileNotFoundError:
        raise Unreadable(problem(
            f"There is no database at {path}.",
            f"{UPGRADE} Is COMMENTSVC_INSTANCE the folder you mean?",
        )) from None
    except OSError as error:
        raise Unreadable(problem(
            f"{path} cannot be read: {error.strerror}.",
            "Ask again as the user that runs the service.",
        )) from error
    if not header.startswith(MAGIC):
        raise Unreadable(problem(f"{path} is no SQLite database.", "Restore it from a backup."))
    # Even to be read, a file in WAL mode gets two more beside it while somebody has it open. Where nobody
    # has, they would have to be made.
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
    return f"sqlite:///file:{quote(str(path.resolve()))}?{mode}&uri=true"


def _header(path: Path) -> bytes:
    """How a SQLite file begins; OSError where it cannot be read.

    Read by another process: were it opened and closed in this one, the system would drop the locks that
    SQLite holds on it here, and others could take the log away from under a connection that reads.
    """
    path.stat()
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return subprocess.run(["head", "-c", "100", str(path)], capture_output=True, check=False).stdout  # noqa: S603, S607


def read_health(settings: Settings) -> Health | None:
    """What workers report and what waits; none where the tables are not there."""
    try:
        return health(settings.instance_path)
    except SQLAlchemyError:
        db.session.rollback()
        return None


def check_tables(patient: Patient) -> Iterator[Finding]:
    """Whether the tables are those of this release."""
    if patient.app is None:
        return
    scripts = ScriptDirectory(str(patient.settings.migrations_path))
    heads = set(scripts.get_heads())
    try:
        at = set(db.session.scalars(text("SELECT version_num FROM alembic_version")))
    except SQLAlchemyError:
        db.session.rollback()
        yield problem("The database has no tables of ours.", UPGRADE)
        return
    if at == heads:
        yield ok(f"As this release wants them ({', '.join(sorted(at))}).")
        return
    unknown = [one for one in sorted(at) if not _known(scripts, one)]
    if unknown:
        yield note(
            f"The database is of a newer release than this ({', '.join(unknown)}).",
            "On the way back from an upgrade that is as it should be, see docs/upgrading.md; else install that release again.",
        )
    else:
        yield problem(
            f"The database is at {', '.join(sorted(at)) or 'nothing'}, and this release wants {', '.join(sorted(heads))}.",
            f"Back up, then: {UPGRADE}",
        )


def _known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False


def check_integrity(patient: Patient) -> Iterator[Finding]:
    """Whether the database is whole, and is kept as it should be."""
    if patient.app is None:
        return
    path = patient.sqlite
    if path is None:
        yield from _postgres()
        return
    wrong = _quick_check()
    if wrong:
        yield problem(
            f"The database is damaged: {wrong}",
            "Stop the service, keep the file as it is, and restore the last backup.",
        )
    if _header(path)[18:20] != bytes([WAL, WAL]):
        yield problem(
            "The database is not in WAL mode: readers wait for writers.",
            "Start `commentsvc web` or `worker` once; if it stays so, the folder's file system has no shared memory.",
        )
    if (kind := file_system(path.parent.resolve())) in NETWORK:
        yield problem(
            f"The database is on a network file system ({kind}), where SQLite's WAL loses data.",
            "Move the data folder to a local disk, or use PostgreSQL.",
        )
    if not wrong:
        yield ok(f"SQLite, {path.stat().st_size / 1024**2:,.1f} MB, quick check passed.")


def _quick_check() -> str:
    try:
        found = db.session.scalar(text("PRAGMA quick_check(1)"))
    except SQLAlchemyError as error:
        db.session.rollback()
        return words_of(error) if isinstance(error, OperationalError) else str(getattr(error, "orig", "") or name_of(error))
    return "" if found == "ok" else str(found)


def _postgres() -> Iterator[Finding]:
    encoding = db.session.scalar(text("SHOW server_encoding"))
    replica = db.session.scalar(text("SELECT pg_is_in_recovery()"))
    fsync = db.session.scalar(text("SHOW fsync"))
    version = str(db.session.scalar(text("SHOW server_version"))).partition(" ")[0]
    if replica:
        yield problem(
            "This PostgreSQL is a replica: nothing can be written to it.",
            "Set COMMENTSVC_DATABASE_URL to the primary.",
        )
    if encoding != "UTF8":
        yield problem(
            f"The database's encoding is {encoding}: many comments cannot be stored.",
            "Make a new one with ENCODING 'UTF8' and move over.",
        )
    if fsync != "on":
        yield problem("fsync is off: a power cut may destroy the database.", "Switch it on in postgresql.conf.")
    if not replica and encoding == "UTF8" and fsync == "on":
        yield ok(f"PostgreSQL {version}, UTF-8.")


def check_clock(patient: Patient) -> Iterator[Finding]:
    """Whether this machine, the database and the workers agree about the time."""
    if patient.app is None:
        return
    found = False
    if patient.sqlite is None:
        before = utcnow()
        there: dt.datetime = db.session.scalar(text("SELECT clock_timestamp()"))
        after = utcnow()
        skew = (there - (before + (after - before) / 2)).total_seconds()
        if abs(skew) > MOST_SKEW + (after - before).total_seconds():
            found = True
            yield problem(
                f"The database's clock is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} this machine's.",
                "Let both follow the same time server (chrony, systemd-timesyncd).",
            )
    if patient.health is not None:
        ahead = max(
            [worker.seen_at for worker in patient.health.workers]
            + [at for at in [db.session.scalar(db.select(Comment.accepted_at).order_by(Comment.id.desc()).limit(1))] if at],
            default=None,
        )
        if ahead is not None and (seconds := (ahead - utcnow()).total_seconds()) > MOST_SKEW:
            found = True
            yield problem(
                f"The newest row is from {seconds:.0f} seconds in the future: this clock was put back, or another machine's is ahead.",
                "Let all machines follow the same time server.",
            )
    if not found:
        yield ok("This machine, the database and the workers agree.")


def check_redis(patient: Patient) -> Iterator[Finding]:
    """Where it is configured: whether it answers."""
    if not patient.settings.REDIS_URL:
        yield ok("Not used. More than one web process needs it, for limits are counted in each without it.")
        return
    try:
        with redis_of(patient.settings) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        yield problem(
            f"Redis does not answer ({name_of(error)}): limits are counted in each process, and comments wait a little longer.",
            "Start it, or correct COMMENTSVC_REDIS_URL.",
        )
    else:
        yield ok("It answers.")


def check_hosts(patient: Patient) -> Iterator[Finding]:
    """Whether what runs on several machines is set up for it."""
    if patient.health is None:
        return
    hosts = sorted({w.id.partition(":")[0] for w in patient.health.workers if patient.health.standing(w) != "silent"})
    if len(hosts) < 2:
        return
    named, found = ", ".join(hosts), False
    if patient.sqlite is not None:
        found = True
        yield problem(
            f"Workers report from {named}, and the database is SQLite: it takes one machine and gets damaged by several.",
            "Stop all but one, and use PostgreSQL for more.",
        )
    if not patient.settings.REDIS_URL:
        found = True
        yield note(
            f"Workers report from {named}, and there is no Redis.",
            "With web processes on more than one of them, set COMMENTSVC_REDIS_URL: limits are counted in each without it.",
        )
    if not patient.settings.SECRET_KEY:
        found = True
        yield problem(
            f"Workers report from {named}, and each machine makes a secret key of its own: sessions of one are unknown to the others.",
            "Set COMMENTSVC_SECRET_KEY to the same on all.",
        )
    if not found:
        yield ok(f"{named} share the work.")
