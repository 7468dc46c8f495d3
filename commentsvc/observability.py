"""Structured logs with request ids, without bodies, addresses or mails; health pages."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid

import structlog
from flask import Flask, Response, g, jsonify, request
from sqlalchemy import func, select

from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db

log = structlog.get_logger()


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


def init_app(app: Flask) -> None:
    """Give every request an id, log how it ended, and serve /healthz and /readyz."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if response.status_code >= 500:
            log.error("request failed", method=request.method, endpoint=request.endpoint, status=response.status_code)
        structlog.contextvars.unbind_contextvars("request_id")
        return response

    @app.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The database answers; says how many comments wait for the worker, and how long."""
        try:
            waiting, oldest = db.session.execute(
                select(func.count(), func.min(Comment.created_at)).where(Comment.status == Status.PENDING)
            ).one()
        except Exception:
            log.exception("not ready")
            return jsonify(status="unavailable", database=False), 503
        age = (utcnow() - oldest).total_seconds() if isinstance(oldest, dt.datetime) else 0.0
        return jsonify(status="ok", database=True, pending=waiting, oldest_pending_seconds=round(age, 1)), 200
