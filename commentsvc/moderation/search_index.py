"""The full-text indexes: SQLite's FTS5 tables with the triggers that keep them, PostgreSQL's GIN.

The migration 20261126qu made them. Both know words alone: runs of letters and digits, lower case, every letter as it is written. An index follows its
table by itself, whoever writes: a trigger or the database's own index maintenance, in the same transaction.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import Connection, text

# Tables whose names begin so are an index, not data: no backup holds them, and a restored database makes its own.
PREFIX: Final = "search_"

# What PostgreSQL's parser would make one word of (addresses, file names, hyphens) is words to readers.
_BREAKS: Final = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'


def vector(column: str) -> str:
    """PostgreSQL's words of a column; a query has to say the same to the letter to use the index."""
    breaks = _BREAKS.replace("'", "''")
    return f"to_tsvector('simple'::regconfig, translate({column}, '{breaks}', '{' ' * len(_BREAKS)}'))"


TRIGGERS: Final = tuple(
    f"search_{table}_{what}" for table in ("comments", "people") for what in ("added", "gone", "changed")
)
SOURCES: Final = {"search_comments": ("comments", "body"), "search_people": ("users", "display_name")}
VECTORS: Final = {name: vector(column) for name, (_, column) in SOURCES.items()}
LOOKED_AT: Final = 20  # of the latest rows, by the doctor
WORD: Final = re.compile(r"[^\W_]+")


def rebuild(connection: Connection) -> None:
    """Make both indexes anew from what the tables hold, in the caller's transaction."""
    for name in SOURCES:
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"INSERT INTO {name} ({name}) VALUES ('rebuild')"))
        else:
            connection.execute(text(f"REINDEX INDEX {name}"))


def faults(connection: Connection) -> list[str]:
    """The indexes that are missing or do not hold what their tables do, for the doctor; changes nothing."""
    return [name for name in SOURCES if not (_there(connection, name) and _sound(connection, name))]


def _there(connection: Connection, name: str) -> bool:
    if connection.dialect.name != "sqlite":
        return connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}) is True
    found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")))
    return name in found and {trigger for trigger in TRIGGERS if trigger.startswith(name)} <= found


def _sound(connection: Connection, name: str) -> bool:
    """Whether the latest rows are found by their words; PostgreSQL says itself when an index is not valid."""
    if connection.dialect.name != "sqlite":
        return connection.scalar(text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}) is True
    table, column = SOURCES[name]
    latest = connection.execute(text(f"SELECT id, {column} FROM {table} ORDER BY id DESC LIMIT {LOOKED_AT}")).all()
    find = text(f"SELECT 1 FROM {name} WHERE {name} MATCH :words AND rowid = :id")
    return all(
        connection.scalar(find, {"words": f'{column} : "{word.group()}"', "id": row_id})
        for row_id, found in latest
        if (word := WORD.search(found))
    )


def drop(connection: Connection) -> None:
    """Take SQLite's away before their tables go, whose rows would else be taken out one by one; PostgreSQL's go with them."""
    if connection.dialect.name == "sqlite":
        for trigger in TRIGGERS:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        for name in SOURCES:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
