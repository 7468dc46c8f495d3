"""Keyset paging: a signed cursor names the last row seen; nothing is skipped or repeated."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from itsdangerous import (
    BadSignature,
    SignatureExpired,
    URLSafeTimedSerializer,
    base64_encode,
)
from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from commentsvc.errors import Invalid
from commentsvc.extensions import db

# A cursor outlives a reader's longest sitting, not a crawler's archive.
CURSOR_SECONDS = 7 * 24 * 3600

T = TypeVar("T")


@dataclass(frozen=True)
class SortKey:
    """A column to order by, and its direction; the id breaks ties the same way."""

    column: ColumnElement[Any] | InstrumentedAttribute[Any]
    descending: bool = True
    called: str = ""  # the attribute that has its value, where it is no column

    @property
    def name(self) -> str:
        """Of the attribute with its value."""
        return self.called or str(self.column.key)


@dataclass(frozen=True)
class Page(Generic[T]):
    """`items` in order and the cursor of the next page, None on the last."""

    items: Sequence[T]
    next: str | None


class _Serializer(URLSafeTimedSerializer):
    """As its parent, without trying whether some fifty bytes are fewer compressed: that was a third of writing one."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(orjson.dumps(obj))


class Cursors:
    """Signs and reads cursors; `scope` ties one to its list (article, sort, queue).

    The first secret signs, and all of them are read.
    """

    def __init__(self, *secrets: str) -> None:
        self._serializer = _Serializer(list(reversed(secrets)), salt="cursor", signer_kwargs={"digest_method": hashlib.sha256})

    def write(self, scope: str, key: object, row_id: int, seen: int = 0) -> str:
        """A cursor after the row (key, id); `seen` counts what the earlier pages showed."""
        if isinstance(key, dt.datetime):
            # Microseconds since the epoch: exact, and shorter than ISO text.
            key = {"t": (key - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)}
        return self._serializer.dumps([scope, key, row_id, seen])

    def read(self, scope: str, cursor: str) -> tuple[object, int, int]:
        """(sort key, id, seen); Invalid when forged, expired or of another list."""
        try:
            found, key, row_id, seen = self._serializer.loads(cursor, max_age=CURSOR_SECONDS)
        except SignatureExpired:
            raise Invalid("This cursor has expired; start again at the first page.", field="after", code="cursor_expired") from None
        except (BadSignature, ValueError, TypeError):
            raise Invalid("This cursor is not one of ours.", field="after", code="cursor_invalid") from None
        if found != scope:
            raise Invalid("This cursor belongs to another list or sort.", field="after", code="cursor_invalid")
        if isinstance(key, dict):
            key = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=key["t"])
        return key, row_id, seen


def paged(
    query: Select[*tuple[Any, ...]],
    sort: SortKey,
    row_id: ColumnElement[int] | InstrumentedAttribute[int],
    *,
    continued: bool,
) -> Select[*tuple[Any, ...]]:
    """`query` in the order of `sort`, for :func:`fetch`; `continued`: after the row of a cursor."""
    if continued:
        here = tuple_(sort.column, row_id)
        there = tuple_(bindparam("page_key", type_=sort.column.type), bindparam("page_id", type_=row_id.type))
        comparison: ColumnElement[bool] = here < there if sort.descending else here > there
        query = query.where(comparison)
    order = (sort.column.desc(), row_id.desc()) if sort.descending else (sort.column, row_id)
    return query.order_by(*order).limit(bindparam("page_rows", type_=Integer))


def place(position: tuple[object, int] | None, limit: int) -> dict[str, object]:
    """What a :func:`paged` query asks for: the rows after `position` (sort key, id), and one more than `limit`."""
    after = {} if position is None else {"page_key": position[0], "page_id": position[1]}
    return {**after, "page_rows": limit + 1}


def fetch(
    query: Select[*tuple[Any, ...]], *, position: tuple[object, int] | None, limit: int, **values: object
) -> tuple[Sequence[Row[*tuple[Any, ...]]], bool]:
    """The `limit` rows of a :func:`paged` query after `position` (sort key, id), in one statement.

    Returns them and whether there are more. `values` are of the query's own parameters.
    """
    rows = db.session.execute(query, {**values, **place(position, limit)}).all()
    return rows[:limit], len(rows) > limit


def page(
    query: Select[*tuple[Any, ...]],
    sort: SortKey,
    row_id: ColumnElement[int] | InstrumentedAttribute[int],
    *,
    position: tuple[object, int] | None,
    limit: int,
) -> tuple[Sequence[Row[*tuple[Any, ...]]], bool]:
    """As :func:`fetch`, of a query that is not kept."""
    return fetch(paged(query, sort, row_id, continued=position is not None), position=position, limit=limit)
