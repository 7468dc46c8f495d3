"""Structured logs with request ids, without bodies, addresses or mails; health pages."""

from __future__ import annotations

import logging
import time
import uuid
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, request
from sqlalchemy.exc import OperationalError

from commentsvc.config import Settings
from commentsvc.errors import Unavailable
from commentsvc.extensions import db
from commentsvc.moderation.alarms import health

log = structlog.get_logger()

RETRY_AFTER = 30  # seconds, when the database fails


def configure_logging(level: int = logging.INFO) -> None:
    """JSON lines on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def init_app(app: Flask, settings: Settings) -> None:
    """Give every request an id, log how it ended, and serve /healthz and /readyz."""

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
        if response.status_code >= 500 and "Retry-After" not in response.headers:
            log.error("request failed", method=request.method, endpoint=request.endpoint, status=response.status_code)
        structlog.contextvars.unbind_contextvars("request_id")
        return response

    @app.errorhandler(OperationalError)
    def database_failed(error: OperationalError) -> Any:
        """A full disk, or a lock that somebody keeps: said in words, on the surface that was asked."""
        db.session.rollback()
        log.error("the database failed", endpoint=request.endpoint, error=str(error.orig))
        return app.handle_user_exception(
            Unavailable("The service cannot store anything just now. What you typed is kept; try again in a minute.")
        )

    @app.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The database answers; says what waits for the worker, and every alarm there is.

        200 with alarms too: a model that fails is no reason to send readers elsewhere. `status` is
        then "alarm"; `alarms` and `workers` say which model, since when, and why.
        """
        embedded = settings.instance_path if db.engine.dialect.name == "sqlite" else None
        try:
            found = health(embedded)
        except Exception:
            log.exception("not ready")
            return jsonify(status="unavailable", database=False), 503
        status = "alarm" if found.alarms else "ok"
        return jsonify(status=status, database=True, **found.to_data()), 200
