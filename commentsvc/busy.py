"""The answer to a request for which there is no place: what happened, what was kept, when to come again.

Made without Flask, routes or the database, for it is given when these have enough to do. It says in each surface's own form
that nothing was done, so a client may send anything again, a post too.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CODE: Final = "busy"
SENTENCE: Final = "Too much is asked of the service just now. Nothing was done; try again in a few seconds."
FOR_READERS: Final = "Many people are here just now. What you typed is kept; try again in a few seconds."
# Not all at once: whoever is turned away together comes back spread over some seconds.
SOONEST, LATEST = 3, 8
FORM_BYTES: Final = 200_000
"""Of a form, what is read to be given back: more than the longest comment."""
FORM_FIELDS: Final = 100
LONG_TEXTS: Final = ("body", "text", "note")

Header = tuple[str, str]


def answer_busy(
    environ: WSGIEnvironment, start_response: StartResponse, seconds: Callable[[], int] = lambda: random.randint(SOONEST, LATEST)  # noqa: S311
) -> Iterable[bytes]:
    """503 with Retry-After, as JSON to programmes and as a page with what was typed to people."""
    wait = seconds()
    request_id = os.urandom(8).hex()
    path = environ.get("PATH_INFO", "")
    more: list[Header] = []
    if path.startswith("/api/"):
        kind, body = "application/problem+json", _problem(request_id)
        # It says nothing of anybody; without it a page of another origin could not tell this from a broken line.
        more = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")]
    elif path.startswith("/v1alpha1/"):
        kind, body = "application/json", _json({"error": {"code": 503, "message": SENTENCE, "status": "UNAVAILABLE"}})
        more = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Retry-After")]
    elif "HTTP_X_REQUESTED_WITH" in environ:
        kind, body = "application/json", _json({"error": {"message": FOR_READERS, "code": CODE, "field": None}})
    elif "HTTP_HX_REQUEST" in environ:
        kind, body = "text/plain; charset=utf-8", FOR_READERS.encode()
    else:
        kind, body = "text/html; charset=utf-8", _page(environ).encode()
        # The widget's pages stand in frames of publishers, and whose, only the database knows. What this one can do needs
        # the token of the form that it gives back.
        ancestors = "" if path.startswith("/embed/") else "; frame-ancestors 'none'"
        more = [("Content-Security-Policy", f"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'{ancestors}")]
    start_response("503 SERVICE UNAVAILABLE", [
        ("Content-Type", kind), ("Content-Length", str(len(body))), ("Retry-After", str(wait)), ("Cache-Control", "no-store"),
        ("X-Request-Id", request_id), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "strict-origin-when-cross-origin"), *more,
    ])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _problem(request_id: str) -> bytes:
    """As `commentsvc.api.problems` writes them."""
    return _json({
        "type": f"urn:commentsvc:problem:{CODE}", "title": "Service Unavailable", "status": 503, "detail": SENTENCE,
        "code": CODE, "instance": request_id,
    })


def _json(data: object) -> bytes:
    return json.dumps(data).encode()


def _page(environ: WSGIEnvironment) -> str:
    root = escape(environ.get("SCRIPT_NAME", ""))
    looking = environ["REQUEST_METHOD"] in {"GET", "HEAD"}
    act = '<p>Try again in a few seconds.</p><p><a class="button primary" href="">Try again</a></p>' if looking else _form_again(environ)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>One moment, please</title>'
        f'<link rel="stylesheet" href="{root}/static/tokens.css"></head><body class="plain"><main class="sheet">'
        f'<h1>One moment, please</h1><p role="alert">Many people are here just now, and this could not be done yet.</p>{act}</main></body></html>'
    )


def _form_again(environ: WSGIEnvironment) -> str:
    """What was sent, to be sent again with one press; passwords are never given back."""
    fields = _sent(environ)
    if not fields or any("password" in name for name, _ in fields):
        return "<p>Go back in your browser and send it again in a few seconds.</p>"
    shown = hidden = ""
    for name, value in fields:
        if name in LONG_TEXTS:
            shown += (
                f'<div class="field"><label for="f-{escape(name)}">Your text</label>'
                f'<textarea id="f-{escape(name)}" name="{escape(name)}" form="again" rows="8" dir="auto">\n{escape(value)}</textarea></div>'
            )
        else:
            hidden += f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
    return (
        "<p>What you sent is kept here. Send it again in a few seconds.</p>"
        f'{shown}<p><button class="button primary" form="again">Send again</button></p><form id="again" method="post" action="">{hidden}</form>'
    )


def _sent(environ: WSGIEnvironment) -> Sequence[tuple[str, str]]:
    """The fields of a small form; nothing where it is none, or cannot be read."""
    kind, options = parse_options_header(environ.get("CONTENT_TYPE"))
    length = environ.get("CONTENT_LENGTH", "")
    if kind != "application/x-www-form-urlencoded" or not (length.isascii() and length.isdecimal()) or int(length) > FORM_BYTES:
        return ()
    parser = FormDataParser(max_form_memory_size=FORM_BYTES, max_form_parts=FORM_FIELDS)
    try:
        raw = environ["wsgi.input"].read(int(length))
        fields = parser.parse(BytesIO(raw), kind, len(raw), options)[1]
    except (HTTPException, OSError, ValueError):
        return ()
    found = list(fields.items(multi=True))
    return found if len(found) <= FORM_FIELDS else ()
