"""Databases for a measurement: migrated, filled in bulk, and gone afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, Table, create_engine, insert, select, text

from benchmarks.synthetic import Thread, make_thread
from commentsvc import create_app
from commentsvc.accounts.models import User
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment, Vote
from commentsvc.config import Settings
from commentsvc.database import write_intent
from commentsvc.extensions import db
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import WELCOME, Article, Site

KINDS = ("sqlite", "postgresql")
SITE_KEY = "benchmark"
SECRET = "for measurements only"
AUTHORS = 10_000  # about ten comments each under the largest articles
CHUNK = 5000


@dataclass(frozen=True)
class Database:
    """An empty, migrated database of a kind and what the service needs to be told to use it."""

    kind: str
    url: str
    folder: Path
    server_pid: int | None  # of the PostgreSQL this measurement started

    @property
    def environment(self) -> dict[str, str]:
        return {
            "COMMENTSVC_INSTANCE": str(self.folder), "COMMENTSVC_DATABASE_URL": self.url,
            "COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_RATE_LIMITS": "0",
        }

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection beside the service's own."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def version(self) -> str:
        """The database server's or library's version, and what durability it was set to."""
        with self.connect() as connection:
            if self.kind == "sqlite":
                return f"SQLite {connection.scalar(text('select sqlite_version()'))} (WAL, synchronous FULL)"
            shown = [connection.scalar(text(f"show {name}")) for name in ("server_version", "fsync", "synchronous_commit")]
        return f"PostgreSQL {str(shown[0]).split()[0]} (fsync {shown[1]}, synchronous_commit {shown[2]})"


@dataclass(frozen=True)
class Seeded:
    """An article with its synthetic conversation."""

    article_id: int
    url: str
    thread: Thread


@contextmanager
def prepared(kind: str, folder: Path) -> Iterator[tuple[Database, Flask]]:
    """A migrated database under `folder` and the application in its context."""
    from flask_migrate import upgrade

    folder.mkdir(parents=True, mode=0o700)  # where the server keeps its lock, too
    pid = None
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'commentsvc.sqlite3'}"
    else:
        from tests.postgres import start_postgres

        url = start_postgres(folder, durable=True)
        pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    app = create_app(Settings(INSTANCE=str(folder), DATABASE_URL=url, SECRET_KEY=SECRET, RATE_LIMITS=False, PAGE_REUSE_MS=0))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with app.app_context():
        upgrade()
        yield Database(kind, url, folder, pid), app
        db.session.remove()
        db.engine.dispose()


def add_site() -> tuple[int, list[int]]:
    """A site with the default policy, and the accounts of its readers; their ids. Commits."""
    write_intent.set(True)
    site = Site(
        key=SITE_KEY, name="The Benchmark", origins=["https://news.example"], welcome=WELCOME,
        guidelines="", policy_data=Policy().to_data(),
    )
    db.session.add(site)
    db.session.flush()
    db.session.execute(
        insert(User), [{"email": f"reader{n}@news.example", "display_name": f"Reader {n}"} for n in range(AUTHORS)]
    )
    people = list(db.session.scalars(select(User.id).order_by(User.id)))
    db.session.commit()
    found = site.id, people
    db.session.remove()
    return found


def add_article(site_id: int, size: int) -> tuple[int, str]:
    """An article for `size` comments; its id and address. Commits."""
    write_intent.set(True)
    url = f"https://news.example/{size}-comments"
    article = Article(
        site_id=site_id, url=url, title=f"An article with {size:,} comments", comment_count=size, version=1
    )
    db.session.add(article)
    db.session.commit()
    found = article.id
    db.session.remove()
    return found, url


def seed(sizes: Sequence[int], site_id: int, user_ids: list[int]) -> list[Seeded]:
    """Make one article of each size and fill it; then let the database gather its statistics."""
    seeded = []
    first_id = 1
    for size in sizes:
        started = time.monotonic()
        article_id, url = add_article(site_id, size)
        thread = make_thread(size, site_id=site_id, article_id=article_id, first_id=first_id, user_ids=user_ids)
        insert_rows(db.engine, [(Comment.__table__, thread.comments), (Vote.__table__, thread.votes)])  # type: ignore[list-item]
        first_id += size
        seeded.append(Seeded(article_id, url, thread))
        print(f"  {size:>7,} comments loaded in {time.monotonic() - started:.1f} s", flush=True)
    settle(db.engine)
    return seeded


def sessions_of(user_ids: Sequence[int]) -> list[str]:
    """A bearer token for each of these people. Commits."""
    write_intent.set(True)
    tokens = [start_session(db.session.get_one(User, user_id), device="benchmark") for user_id in user_ids]
    db.session.commit()
    db.session.remove()
    return tokens


def insert_rows(engine: Engine, tables: Sequence[tuple[Table, list[dict[str, Any]]]]) -> None:
    """Insert these rows, thousands at a time; columns that they leave out get their defaults."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # The rows are right by construction; checking 500,000 references takes minutes.
            connection.execute(text("set local session_replication_role = replica"))
        for table, rows in tables:
            for start in range(0, len(rows), CHUNK):
                connection.execute(insert(table), rows[start : start + CHUNK])
        if engine.dialect.name == "postgresql":
            connection.execute(text("select setval('comments_id_seq', (select max(id) from comments))"))


def settle(engine: Engine) -> None:
    """Finish what loading left to do, so that no measurement pays for it."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("vacuum analyze"))
            connection.execute(text("checkpoint"))
            return
        connection.exec_driver_sql("analyze")
        connection.commit()
        raw = connection.connection.cursor()
        raw.execute("pragma wal_checkpoint(truncate)")
        raw.close()


