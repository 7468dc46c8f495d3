"""The answer to a request that nobody could work on: what happened, what was kept, when to come again.

Made without routes and the database: there was no place for the request, or the database is gone. It says in each surface's
own form that nothing was done, so a client may send anything again, a post too.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_accept_header, parse_options_header

from commentsvc.errors import Unavailable
from commentsvc.i18n import N_, direction, gettext, in_language, language, supported

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CODE: Final = "busy"
# Not all at once: whoever is turned away together comes back spread over some seconds.
SOONEST, LATEST = 3, 8
FORM_BYTES: Final = 200_000
"""Of a form, what is read to be given back: more than the longest comment."""
FORM_FIELDS: Final = 100
LONG_TEXTS: Final = ("body", "text", "note")

Header = tuple[str, str]
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Trouble:
    """What to say to programs, in English; to people, where they are; and to people on a page of its own."""

    code: str
    sentence: str
    for_readers: str
    alert: str


BUSY: Final = Trouble(
    CODE,
    "Too much is asked of the service just now. Nothing was done; try again in a few seconds.",
    N_("Many people are here just now. What you typed is kept; try again in a few seconds."),
    N_("Many people are here just now, and this could not be done yet."),
)

_NOT_STORED: Final = N_("The service cannot store anything just now. What you typed is kept; try again in a minute.")
NO_STORE: Final = Trouble(Unavailable.code, _NOT_STORED, _NOT_STORED, N_("The service cannot store anything just now."))
"""The database is gone, full or locked, and this could not be said in a page with the rest of what is there."""


def answer_busy(
    environ: WSGIEnvironment, start_response: StartResponse, seconds: Callable[[], int] = lambda: random.randint(SOONEST, LATEST)  # noqa: S311
) -> Iterable[bytes]:
    """503 with Retry-After, as JSON to programmes and as a page with what was typed to people."""
    wait = seconds()
    request_id = os.urandom(8).hex()
    with in_language(_language_of(environ)):
        body, headers = told(BUSY, environ, request_id, lambda: _sent(environ))
    start_response("503 SERVICE UNAVAILABLE", [
        *headers, ("Content-Length", str(len(body))), ("Retry-After", str(wait)), ("Cache-Control", "no-store"),
        ("X-Request-Id", request_id), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def told(
    trouble: Trouble, environ: WSGIEnvironment, request_id: str, sent: Callable[[], Fields]
) -> tuple[bytes, list[Header]]:
    """The body of a 503 in the form of the surface that was asked, in the present language, and how to read it.

    `sent` gives the fields of the form that was sent, or none.
    """
    path = environ.get("PATH_INFO", "")
    more: list[Header] = []
    if path.startswith("/api/"):
        kind, body = "application/problem+json", _problem(trouble, request_id)
        # It says nothing of anybody; without it a page of another origin could not tell this from a broken line.
        more = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")]
    elif path.startswith("/v1alpha1/"):
        kind, body = "application/json", _json({"error": {"code": 503, "message": trouble.sentence, "status": "UNAVAILABLE"}})
        more = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Retry-After")]
    elif "HTTP_X_REQUESTED_WITH" in environ:
        kind, body = "application/json", _json({"error": {"message": gettext(trouble.for_readers), "code": trouble.code, "field": None}})
    elif "HTTP_HX_REQUEST" in environ:
        kind, body = "text/plain; charset=utf-8", gettext(trouble.for_readers).encode()
    else:
        kind, body = "text/html; charset=utf-8", _page(trouble, environ, sent).encode()
        # The widget's pages stand in frames of publishers, and whose, only the database knows. What this one can do needs
        # the token of the form that it gives back.
        ancestors = "" if path.startswith("/embed/") else "; frame-ancestors 'none'"
        more = [("Content-Security-Policy", f"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'{ancestors}")]
    return body, [("Content-Type", kind), *more]


def _problem(trouble: Trouble, request_id: str) -> bytes:
    """As `commentsvc.api.problems` writes them."""
    return _json({
        "type": f"urn:commentsvc:problem:{trouble.code}", "title": "Service Unavailable", "status": 503, "detail": trouble.sentence,
        "code": trouble.code, "instance": request_id,
    })


def _json(data: object) -> bytes:
    return json.dumps(data).encode()


def _page(trouble: Trouble, environ: WSGIEnvironment, sent: Callable[[], Fields]) -> str:
    root = escape(environ.get("SCRIPT_NAME", ""))
    if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
        soon, again = gettext("Try again in a few seconds."), gettext("Try again")
        act = f'<p>{escape(soon)}</p><p><a class="button primary" href="">{escape(again)}</a></p>'
    else:
        act = _form_again(sent())
    title = escape(gettext("One moment, please"))
    return (
        f'<!doctype html><html lang="{language()}" dir="{direction()}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
        f'<link rel="stylesheet" href="{root}/static/tokens.css"></head><body class="plain"><main class="sheet">'
        f'<h1>{title}</h1><p role="alert">{escape(gettext(trouble.alert))}</p>{act}</main></body></html>'
    )


def _form_again(fields: Fields) -> str:
    """What was sent, to be sent again with one press; passwords are never given back."""
    if not fields or any("password" in name for name, _ in fields):
        back = gettext("Go back in your browser and send it again in a few seconds.")
        return f"<p>{escape(back)}</p>"
    shown = hidden = ""
    label, kept, again = gettext("Your text"), gettext("What you sent is kept here. Send it again in a few seconds."), gettext("Send again")
    for name, value in fields:
        if name in LONG_TEXTS:
            shown += (
                f'<div class="field"><label for="f-{escape(name)}">{escape(label)}</label>'
                f'<textarea id="f-{escape(name)}" name="{escape(name)}" form="again" rows="8" dir="auto">\n{escape(value)}</textarea></div>'
            )
        else:
            hidden += f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
    return (
        f'<p>{escape(kept)}</p>'
        f'{shown}<p><button class="button primary" form="again">{escape(again)}</button></p>'
        f'<form id="again" method="post" action="">{hidden}</form>'
    )


def _language_of(environ: WSGIEnvironment) -> str:
    """The language that the address names, else the one that the browser likes best."""
    asked = parse_qs(environ.get("QUERY_STRING", "")).get("lang", [])
    liked = parse_accept_header(environ.get("HTTP_ACCEPT_LANGUAGE"), LanguageAccept)
    return next((tag for tag in (*asked, *liked.values()) if supported(tag)), "en")


def _sent(environ: WSGIEnvironment) -> Fields:
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
