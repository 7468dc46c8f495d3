"""The API's addresses, the same as Google's."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from commentsvc.accounts.sessions import COOKIELESS
from commentsvc.perspective.batch import run_batch
from commentsvc.perspective.calls import NO_KEYS, call, fault
from commentsvc.perspective.discovery import BATCH_PATH, VERSION, document
from commentsvc.perspective.refusals import Refusal, internal, invalid, no_such_method, too_large

# A comment of 20 KB, context of up to 1 MB, and what escaping makes of it.
MAX_BODY: Final = 2 * 1024 * 1024
MAX_BATCH: Final = 10 * 1024 * 1024

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

perspective = Blueprint("perspective", __name__)


@perspective.before_request
def prepare() -> None:
    """No cookie counts here; without keys, only programs on this machine may ask."""
    request.environ[COOKIELESS] = True
    request.max_content_length = MAX_BATCH if request.path == f"/{BATCH_PATH}" else MAX_BODY
    if current_app.config.get(NO_KEYS) and not _from_here():
        raise Refusal(403, "PERMISSION_DENIED", "Without keys, this service answers programs on its own machine alone.")


@perspective.after_request
def let_pages_ask(response: Response) -> Response:
    """Pages anywhere may ask, as with Google: the key is the only authority, and no cookie counts.

    Not where there are no keys: any page a person on this machine visits could ask then.
    """
    if not current_app.config.get(NO_KEYS):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = (
                request.headers.get("Access-Control-Request-Headers") or "Content-Type, X-Goog-Api-Key"
            )
            response.headers["Access-Control-Max-Age"] = "3600"
    response.headers.setdefault("Cache-Control", "private, no-store")
    return response


@perspective.get("/$discovery/rest")
def discovery() -> Response:
    """What clients build themselves from; for whoever asks, at the address they asked."""
    if request.args.get("version", VERSION) != VERSION:
        raise no_such_method()
    return _json(document(request.url_root))


@perspective.post(f"/{VERSION}/comments:analyze")
def analyze() -> Response:
    """Score a text."""
    return _json(call("comments:analyze", _key(), request.get_data))


@perspective.post(f"/{VERSION}/comments:suggestscore")
def suggestscore() -> Response:
    """Say what a text should have scored."""
    return _json(call("comments:suggestscore", _key(), request.get_data))


@perspective.post(f"/{BATCH_PATH}")
def batch() -> Response:
    """Several calls at once."""
    if request.mimetype != "multipart/mixed":
        raise invalid("A batch is multipart/mixed.")
    kind, body = run_batch(request.mimetype_params.get("boundary", ""), request.get_data(), _key())
    return Response(body, content_type=kind)


@perspective.route(f"/{VERSION}/", defaults={"rest": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@perspective.route(f"/{VERSION}/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def nothing_else(rest: str) -> Response:  # noqa: ARG001 - the address
    """Any other address or method under the version is none of the API's."""
    raise no_such_method()


@perspective.errorhandler(Refusal)
def refuse(refusal: Refusal) -> Response:
    """The error as clients of Google's API expect it."""
    response = _json(refusal.body(), refusal.code)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


@perspective.errorhandler(HTTPException)
def refuse_http(error: HTTPException) -> Response:
    """What the framework found wrong, in the API's words."""
    if isinstance(error, RequestEntityTooLarge):
        return refuse(too_large(request.max_content_length or MAX_BODY))
    return refuse(internal() if (error.code or 500) >= 500 else invalid("The request cannot be read."))


@perspective.errorhandler(Exception)
def refuse_fault(error: Exception) -> Response:
    """Whatever else: logged without what was sent."""
    return refuse(fault(error))


def _json(content: dict[str, Any], code: int = 200) -> Response:
    return Response(orjson.dumps(content), code, content_type="application/json; charset=UTF-8")


def _key() -> str | None:
    return request.args.get("key") or request.headers.get("X-Goog-Api-Key")


def _from_here() -> bool:
    """Whether a program on this machine asks, and no page of somebody's does.

    A page could reach a loopback address under a name of its own, so the name is looked at too.
    """
    try:
        name = urlsplit(f"//{request.host}").hostname
    except ValueError:
        return False
    return request.remote_addr in LOOPBACK and name in LOOPBACK and "Origin" not in request.headers
