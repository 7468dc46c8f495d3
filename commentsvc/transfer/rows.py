"""Whole tables as lines of JSON and back, the same to the byte from SQLite and from PostgreSQL.

A line is one row: an array of its columns' values. A time is RFC 3339 in UTC, bytes are hexadecimal, and a JSON
column is its text as it is stored, so that neither its spelling nor its null changes. What lines say of a table
is so the same wherever it is kept: one SHA-256 compares two databases, of either kind.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import orjson
import psycopg
from psycopg import sql
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from commentsvc.database import write_intent
from commentsvc.errors import Invalid
from commentsvc.moderation import search_index

BATCH = 1000  # rows in memory at a time

# The queue's tables hold bells, not letters, a search index what the rows say anyway, and the revision stands in the manifest.
_NOT_OURS = ("huey_", search_index.PREFIX)
REVISION_TABLE = "alembic_version"


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, however long it reads and whoever writes meanwhile.

    SQLite's WAL and PostgreSQL's REPEATABLE READ both give that, and neither holds a writer up.
    """
    token = write_intent.set(False)  # else SQLite would take the write lock for as long as this reads
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
            connection.rollback()
    finally:
        write_intent.reset(token)


def reflect(connection: Connection) -> MetaData:
    """The service's tables as they are in this database, whatever release made them."""
    metadata = MetaData()
    with warnings.catch_warnings():  # rows are all that is asked for, and SQLite cannot say what such an index is on
        warnings.filterwarnings("ignore", message="Skipped unsupported reflection of expression-based index")
        metadata.reflect(connection, only=lambda name, _: not name.startswith(_NOT_OURS) and name != REVISION_TABLE)
    return metadata


def count(connection: Connection, table: Table) -> int:
    """How many rows it has."""
    return connection.scalar(select(func.count()).select_from(table)) or 0


def lines(connection: Connection, table: Table, columns: Iterable[str]) -> Iterator[bytes]:
    """A table's rows in the order of their primary key, some at a time, each with its line end."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    wanted = [cast(c, Text) if isinstance(c.type, JSON) else c for c in (table.c[name] for name in columns)]
    # Text in the order of its bytes, as SQLite has it: a language's order differs from machine to machine.
    order = [c.collate("C") if postgresql and isinstance(c.type, String) else c for c in table.primary_key]
    found = connection.execute(select(*wanted).order_by(*order), execution_options={"yield_per": BATCH})
    option = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    for some in found.partitions():
        yield b"".join(orjson.dumps(list(row), default=bytes.hex, option=option) for row in some)


def digest(connection: Connection, table: Table, columns: Iterable[str]) -> str:
    """The SHA-256 of a table's lines."""
    made = hashlib.sha256()
    for some in lines(connection, table, columns):
        made.update(some)
    return made.hexdigest()


def load(connection: Connection, table: Table, columns: list[str], rows: Iterable[bytes], loaded: Callable[[int], object]) -> None:
    """Put lines into an empty table, in the caller's transaction; Invalid where the database does not take them."""
    if unknown := [name for name in columns if name not in table.c]:
        raise Invalid(f"This backup's table {table.name} has columns that its release never had: {', '.join(unknown)}.")
    read = [_reader(table, name) for name in columns]
    values = ([one(value) for one, value in zip(read, _row(line, columns), strict=True)] for line in rows)
    write = _copy if connection.dialect.name == "postgresql" else _insert
    try:
        write(connection, table, columns, iter(lambda: list(islice(values, BATCH)), []), loaded)
    except (ValueError, TypeError, SQLAlchemyError, psycopg.Error, sqlite3.Error) as error:
        raise Invalid(f"The rows of {table.name} could not be stored: {getattr(error, 'orig', error)}") from error


def _row(line: bytes, columns: list[str]) -> list[Any]:
    row = orjson.loads(line)
    if not isinstance(row, list) or len(row) != len(columns):
        raise ValueError("a row has not as many values as there are columns")
    return row


_READ: dict[type, Callable[[Any], Any]] = {DateTime: dt.datetime.fromisoformat, LargeBinary: bytes.fromhex}


def _reader(table: Table, name: str) -> Callable[[Any], Any]:
    """What turns a column's JSON value into the driver's."""
    for kind, read in _READ.items():
        if isinstance(table.c[name].type, kind):
            return lambda value: None if value is None else read(value)
    return lambda value: value


def _insert(
    connection: Connection, table: Table, columns: list[str], batches: Iterator[list[list[Any]]], loaded: Callable[[int], object]
) -> None:
    for column in table.c:
        if isinstance(column.type, JSON):
            column.type = Text()  # it is text already; encoding it would make it a string of JSON
    for rows in batches:
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
        loaded(len(rows))


def _copy(
    connection: Connection, table: Table, columns: list[str], batches: Iterator[list[list[Any]]], loaded: Callable[[int], object]
) -> None:
    """As one statement, after which foreign keys are checked: a row may refer to one that comes later."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for rows in batches:
            for row in rows:
                copy.write_row(row)
            loaded(len(rows))


def count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after those that were loaded; SQLite does by itself."""
    key = list(table.primary_key)
    if connection.dialect.name != "postgresql" or len(key) != 1 or key[0].type.python_type is not int:
        return
    highest = select(func.max(key[0])).scalar_subquery()
    sequence = func.pg_get_serial_sequence(table.name, key[0].name)
    connection.execute(select(func.setval(sequence, highest)).where(highest.is_not(None), sequence.is_not(None)))
