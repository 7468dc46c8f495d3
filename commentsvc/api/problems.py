"""Errors as RFC 9457 problem documents: one shape, one clear message, never a detail of ours."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response, g
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from commentsvc.errors import CommentsvcError, Conflict, Invalid, NotSignedIn, Sanctioned, TooSoon
from commentsvc.extensions import db, limiter
from commentsvc.moderation.sanctions import count_refusal

MEDIA_TYPE = "application/problem+json"

# What a status means where the error itself says no more: (code, sentence).
MEANINGS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be understood."),
    401: ("not_signed_in", "Sign in to do this."),
    403: ("not_allowed", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    406: ("not_acceptable", "The API speaks JSON."),
    409: ("conflict", "Somebody else acted first."),
    413: ("too_large", "The request is larger than 1,000,000 bytes."),
    415: ("not_json", "Send the body as JSON, with Content-Type: application/json."),
    422: ("invalid", "The request has a value that does not fit."),
    429: ("too_many_requests", "That was a little fast. Wait a moment and try again."),
    500: ("internal_error", "Something went wrong on our side. Nothing was changed; try again later."),
    503: ("unavailable", "The service is not available. Try again later."),
}


class InvalidInput(Invalid):
    """Several fields at once do not fit their schema; `errors` names each."""

    def __init__(self, errors: Sequence[Mapping[str, str]], message: str) -> None:
        super().__init__(message, field=errors[0]["field"] if errors else None)
        self.errors = errors


def problem_of(error: CommentsvcError) -> Response:
    """The answer to an error of the domain."""
    extra: dict[str, Any] = {}
    if isinstance(error, InvalidInput):
        extra["errors"] = list(error.errors)
    elif error.field is not None:
        extra["errors"] = [{"field": error.field, "message": error.message}]
    if isinstance(error, Conflict) and error.current:
        extra["current"] = error.current
    if isinstance(error, Sanctioned):
        extra["sanction"] = error.sanction
        db.session.rollback()
        count_refusal(error.sanction_id)
        db.session.commit()
    response = _problem(error.status, error.code, error.message, extra)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooSoon):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def problem_of_http(error: HTTPException) -> Response | HTTPException:
    """The answer to an error of HTTP itself; a redirect passes as it is."""
    status = error.code or 500
    if status < 400:
        return error
    code, sentence = MEANINGS.get(status, ("error", HTTPStatus(status).phrase + "."))
    response = _problem(status, code, getattr(error, "sentence", sentence), {})
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
            response.headers[name] = value
    if isinstance(error, RateLimitExceeded):
        current = limiter.current_limit
        seconds = math.ceil(current.reset_at - time.time()) if current else 60
        response.headers["Retry-After"] = str(max(seconds, 1))
    return response


def _problem(status: int, code: str, detail: str, extra: Mapping[str, Any]) -> Response:
    document = {
        "type": f"urn:commentsvc:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": g.get("request_id", ""),
        **extra,
    }
    body = orjson.dumps(document, default=str)
    return Response(body, status, mimetype=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
