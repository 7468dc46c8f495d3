"""Structured logs with request ids, without bodies, addresses or mails; health pages."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, request
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnection
from structlog.typing import EventDict, Processor
from werkzeug.exceptions import HTTPException

from commentsvc.busy import NO_STORE, told
from commentsvc.config import Settings
from commentsvc.database import words_of, write_intent
from commentsvc.errors import Unavailable, name_of
from commentsvc.extensions import db
from commentsvc.metrics.requests import method_of, route_of
from commentsvc.readiness import readiness

log = structlog.get_logger()

RETRY_AFTER = 30  # seconds, when the database fails
GONE = (OperationalError, InterfaceError, InternalError, PendingRollbackError, NoConnection)
ACCESS = "commentsvc.access"  # the logger of a line for each request
LONGEST_CHAIN = 5  # errors that caused each other; a loop of them must end


def configure_logging(level: int = logging.INFO, *, access: bool = False) -> None:
    """JSON lines on standard error, ours and those of the libraries; `access` adds one for each request."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        nameless,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _of_a_library],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger(ACCESS).setLevel(logging.INFO if access else logging.CRITICAL)
    threading.excepthook = _thread_ended  # Python's own would print the message


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread is not None else ""
    log.error("a thread ended by an error", thread=name, exc_info=ended.exc_value)


def nameless(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """In place of an exception: its class, those that caused it, and where in the code.

    A message may quote the row, the header or the text that could not be worked with, and
    nobody can say of which library it never does.
    """
    given = entry.pop("exc_info", None)
    error = _error_of(given)
    if error is not None:
        chain = list(_chain(error))
        entry["exception"] = [name_of(one) for one in chain]
        entry["at"] = ["".join(traceback.format_tb(one.__traceback__)) for one in chain]
    return entry


def _error_of(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and so on."""
    following: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if following is None:
            return
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _of_a_library(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """A library's line without its arguments, for those may be anybody's data."""
    record = entry["_record"]
    return {**entry, "logger": record.name, "event": str(record.msg), **getattr(record, "fields", {})}


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id, log how it ended, and serve /healthz and /readyz."""
    access = logging.getLogger(ACCESS)

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers.setdefault("Retry-After", str(RETRY_AFTER))
        # An answer that says when to come back is no fault; a rush of them would bury the faults.
        if response.status_code >= 500 and "Retry-After" not in response.headers and "failed" not in g:
            log.error("request failed", status=response.status_code, **_asked())
        if access.isEnabledFor(logging.INFO):
            milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
            access.info("request", extra={"fields": {**_asked(), "status": response.status_code, "ms": milliseconds}})
        structlog.contextvars.unbind_contextvars("request_id")
        return response

    def log_exception(exc_info: Any) -> None:
        """In place of Flask's line, which has the address: some of ours carry a token."""
        g.failed = True
        log.error("request failed", exc_info=exc_info, **_asked())

    app.log_exception = log_exception  # type: ignore[method-assign]

    _say_when_the_database_is_gone(app)

    @app.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Every part, what waits, and every alarm; 503 only where nobody can be served.

        200 with alarms too: a model that fails is no reason to send readers elsewhere. `status` is
        then "alarm"; `alarms`, `checks` and `workers` say which part, since when, and why.
        """
        found = readiness(app, settings)
        return jsonify(found.to_data()), HTTPStatus.OK if found.health is not None else HTTPStatus.SERVICE_UNAVAILABLE


def _say_when_the_database_is_gone(app: Flask) -> None:
    @app.errorhandler(DBAPIError)
    @app.errorhandler(PendingRollbackError)
    @app.errorhandler(NoConnection)
    def database_failed(error: SQLAlchemyError) -> Any:
        """A full disk, a lock that somebody keeps, a server that is gone: said in words, on the surface that was asked."""
        db.session.rollback()
        write_intent.set(False)  # the answer only reads: where another holds SQLite's lock that still goes
        log.error("the database failed", error=_failure(error), **_asked())
        g.failed = True
        return app.handle_user_exception(Unavailable(NO_STORE.sentence))

    unexpected = app.handle_exception

    def handle_exception(error: Exception) -> Any:
        """A page that says what went wrong may need the database itself; then one is given that needs nothing."""
        if not isinstance(error, GONE):
            return unexpected(error)
        if "failed" not in g:
            log.error("the database failed", error=_failure(error), **_asked())
        body, headers = told(NO_STORE, request.environ, g.request_id, _sent)
        return app.finalize_request(Response(body, HTTPStatus.SERVICE_UNAVAILABLE, headers), from_error_handler=True)

    app.handle_exception = handle_exception  # type: ignore[method-assign,assignment]


def _failure(error: SQLAlchemyError) -> str:
    """What happened to the database; the error itself where it is ours: a statement or a value that is wrong."""
    if not isinstance(error, GONE):
        raise error
    return words_of(error) if isinstance(error, OperationalError) else name_of(error)


def _sent() -> list[tuple[str, str]]:
    try:
        return list(request.form.items(multi=True))
    except HTTPException:  # too long, or cut off
        return []


def _asked() -> dict[str, str]:
    """What was asked for, without who asked and what they sent."""
    return {"method": method_of(request), "route": route_of(request)}
