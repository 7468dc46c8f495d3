"""A PostgreSQL that took a statement and says nothing more: its machine stands still, or its disk does.

The network is well then and libpq waits for good; the server cannot keep its own `statement_timeout` either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

RV = TypeVar("RV")

patience: ContextVar[float | None] = ContextVar("patience", default=None)
"""Seconds that who asks now waits for each statement, where that is not what the engine was told."""


def connect_by(give_up: float | None) -> Callable[[Any, Any, Sequence[Any], dict[str, Any]], Connection[Any]]:
    """For SQLAlchemy's `do_connect`: connections on which each statement may take so many seconds, or `patience`.

    What takes longer raises OperationalError, and the connection is closed, for an answer could still come.
    """

    class Impatient(Connection[Any]):
        def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, patience.get() or give_up)
            except OperationalError:
                if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    self.close()
                raise

    def connect(_dialect: Any, _record: Any, cargs: Sequence[Any], cparams: dict[str, Any]) -> Connection[Any]:
        return Impatient.connect(*cargs, **cparams)

    return connect
