"""The address /metrics, and who may read it."""

from __future__ import annotations

import hmac
from http import HTTPStatus

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.metrics.figures import Figures
from commentsvc.metrics.requests import count_requests, counted, watch_pool


def init_app(app: Flask, settings: Settings) -> None:
    """Count and serve what Prometheus reads, if a token is set; else nothing is counted or served.

    A token and not an address: behind a reverse proxy on the same machine every reader seems to come
    from loopback.
    """
    token = settings.METRICS_TOKEN.strip()
    figures = CollectorRegistry(auto_describe=False)  # else it would be asked once before its time
    if token:
        figures.register(Figures(app, settings))
        count_requests(app)
        with app.app_context():
            watch_pool(db.engine)

    @app.get("/metrics")
    def metrics() -> Response:
        """Numbers for Prometheus; without a token in the settings there is no such page."""
        if not token:
            return Response("There is nothing at this address.\n", HTTPStatus.NOT_FOUND, mimetype="text/plain")
        if not may_read(request.headers.get("Authorization", ""), token):
            answer = Response("This needs the token of COMMENTSVC_METRICS_TOKEN.\n", HTTPStatus.UNAUTHORIZED, mimetype="text/plain")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        # What is in use is read before this request itself takes a connection.
        found = counted()
        answer = Response(found + generate_latest(figures), content_type=CONTENT_TYPE_LATEST)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def may_read(authorization: str, token: str) -> bool:
    """Whether the header carries the token; takes as long for one that is nearly right as for any other."""
    scheme, _, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
    return same and scheme.lower() == "bearer"
