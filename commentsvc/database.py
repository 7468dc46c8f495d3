"""The declarative base, column types, SQLite set-up and `after_commit()`."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from flask import Flask, current_app
from sqlalchemy import BigInteger, DateTime, Engine, Integer, MetaData, event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

# Named constraints, so that a migration can alter them on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime on every database; SQLite itself drops the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: give it a zone")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, _dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], dt.datetime | None] | None:
        """Of SQLite's text in one step: 0.14 µs and not 1.3, and a page of a conversation has fifty times and more in it."""
        if dialect.name == "sqlite":
            return lambda text: None if text is None else dt.datetime.fromisoformat(f"{text}+00:00")
        return super().result_processor(dialect, coltype)


# SQLite autoincrements only INTEGER keys; PostgreSQL wants 64 bits.
BigId = BigInteger().with_variant(Integer, "sqlite")


def utcnow() -> dt.datetime:
    """The time; tests replace it in one place."""
    return dt.datetime.now(dt.UTC)


# True while the current request or task is going to write. SQLite then takes its write lock at
# BEGIN: a transaction that reads first and writes later fails at once with "database is locked"
# when another writer came between, whatever the busy timeout.
write_intent: ContextVar[bool] = ContextVar("write_intent", default=True)

# True where a request that is going to write reads first and says itself when it begins to: by `begin_writing`. It holds
# for one transaction; what comes after that, the answer to an error too, begins as any other that writes.
reads_first: ContextVar[bool] = ContextVar("reads_first", default=False)


LOCK_SECONDS = 10.0  # longer than any transaction of ours; then "database is locked"


class WriterLock:
    """Takes writers of one SQLite file in turn, across threads and processes.

    SQLite's own retry sleeps longer and longer while others overtake: with 16 posts at once its
    p99 was 86 to 133 ms, with one lock in front 22 to 31 (docs/decisions/0003).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = self._opened()  # as long as the engine
        _writer_locks.add(self)

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def forked(self) -> None:
        """In the new process: what both have open they would lock together."""
        self._threads = threading.Lock()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def acquire(self) -> bool:
        """Whether the turn came within LOCK_SECONDS."""
        deadline = time.monotonic() + LOCK_SECONDS
        if not self._threads.acquire(timeout=LOCK_SECONDS):
            return False
        came = False
        try:
            came = self._alone(deadline)
        finally:
            if not came:
                self._threads.release()
        return came

    def _alone(self, deadline: float) -> bool:
        if self._file is None:
            self._file = self._opened()
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.0005)
            else:
                return True

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()


_writer_locks: WeakSet[WriterLock] = WeakSet()


def _part() -> None:
    for lock in _writer_locks:
        lock.forked()


os.register_at_fork(after_in_child=_part)  # `commentsvc web` forks its processes with the application in them


def configure_engine(engine: Engine, *, give_up: float | None = None) -> None:
    """Set SQLite to WAL, full durability, foreign keys and real transactions.

    A PostgreSQL that says nothing for `give_up` seconds after a statement is given up; None waits as long as it takes.
    """
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
        return

    from commentsvc.waiting import connect_by

    event.listen(engine, "do_connect", connect_by(give_up))


def _configure_sqlite(engine: Engine) -> None:
    path = engine.url.database
    lock = WriterLock(f"{path}-writer") if path and path != ":memory:" else None

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # an answered 201 survives a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.close()
        record.info[_TURNS] = lock

    # The dialect's own hook, in which SQLite's does nothing. A listener to "begin" would have every statement look for
    # listeners: 3 us each, 2 % of a post.
    engine.dialect.do_begin = _begin  # type: ignore[method-assign,assignment]

    @event.listens_for(engine, "checkin")
    @event.listens_for(engine, "invalidate")
    def ended(_connection: object, record: ConnectionPoolEntry, *_error: object) -> None:
        # A session gives its connection back when its transaction is over.
        record.info.pop(_READS, None)
        if lock is not None and record.info.pop(_TURN, False):
            lock.release()


# What a connection carries: its file's lock, whether it has its turn, and whether it is to have it later.
_TURNS = "commentsvc.writer_lock"
_TURN = "commentsvc.holds_writer_lock"
_READS = "commentsvc.reads_first"


def _begin(connection: PoolProxiedConnection) -> None:
    if write_intent.get() and not reads_first.get():
        _take_turn(connection)
        return
    if write_intent.get():
        reads_first.set(False)
        connection.info[_READS] = True
    connection.cursor().execute("BEGIN")


def _take_turn(connection: PoolProxiedConnection) -> None:
    lock: WriterLock | None = connection.info[_TURNS]
    if lock is not None and _TURN not in connection.info:
        if not lock.acquire():  # somebody holds it and does not go on; SQLite would only wait as long again
            raise sqlite3.OperationalError("database is locked")
        connection.info[_TURN] = True
    connection.cursor().execute("BEGIN IMMEDIATE")


def begin_writing(session: Session | scoped_session[Any]) -> None:
    """Where a request reads first, take SQLite's write lock now; what was read is not read again.

    As on PostgreSQL, what was read before a lock may have changed when the lock is had.
    """
    connection = session.connection()
    if not connection.info.pop(_READS, False):
        return
    driver = connection.connection
    driver.commit()
    try:
        _take_turn(driver)
    except sqlite3.OperationalError as error:
        raise OperationalError("BEGIN IMMEDIATE", {}, error) from error


def words_of(error: OperationalError) -> str:
    """What the database says is wrong with itself, for the log: it is away, full, locked.

    Only of this class of error: others quote what was to be stored.
    """
    return next(iter(str(error.orig).splitlines()), "")[:200]


_HOOKS = "commentsvc.after_commit"


def after_commit(session: Session | scoped_session[Any], hook: Callable[[], None]) -> None:
    """Call `hook` once the session's outermost transaction is durable; never if it rolls back.

    The same hook (by equality) registered twice in a transaction runs once.
    """
    hooks = session.info.setdefault(_HOOKS, [])
    if hook not in hooks:
        hooks.append(hook)


@event.listens_for(Session, "after_commit")
def _run_hooks(session: Session) -> None:
    # The event also fires when a SAVEPOINT is released; that promises nothing yet.
    if session.in_nested_transaction():
        return
    for hook in session.info.pop(_HOOKS, []):
        hook()


@event.listens_for(Session, "after_rollback")
def _drop_hooks(session: Session) -> None:
    session.info.pop(_HOOKS, None)


_FOLLOW_UPS = "commentsvc.follow_ups"


def register_follow_ups(app: Flask, hooks: Mapping[str, Callable[[], None]]) -> None:
    """Name what may follow a commit ("screen", "mail"); `create_app` calls this once."""
    app.extensions[_FOLLOW_UPS] = dict(hooks)


def follow_up(session: Session | scoped_session[Any], name: str) -> None:
    """Have the registered follow-up of that name rung after the commit.

    It is a bell, not a letter: rows are the truth and a periodic sweep rings again, so a bell
    that cannot be rung is logged and forgotten.
    """
    hook = current_app.extensions.get(_FOLLOW_UPS, {}).get(name)
    if hook is not None:
        after_commit(session, hook)
