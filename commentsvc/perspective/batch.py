"""Several calls in one request, as Google's client libraries send them: multipart/mixed of HTTP."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from commentsvc.perspective.calls import OPERATIONS, call
from commentsvc.perspective.discovery import VERSION
from commentsvc.perspective.refusals import Refusal, invalid, no_such_method, unavailable

MAX_PARTS: Final = 1000  # what the libraries allow
DEADLINE: Final = 60.0  # seconds; a batch keeps a thread of the process for as long as it takes

_HEADER: Final = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*)")
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(rb"\s*([A-Z]+) (\S+)(?: HTTP/[\d.]+)?\r?\n")


@dataclass(frozen=True)
class Part:
    """One call: what the client names it by, and the request inside."""

    content_id: str
    operation: str | None
    key: str
    body: bytes


def run_batch(boundary: str, body: bytes, key: str | None) -> tuple[str, bytes]:
    """The answers, in order, as (content type, body). A call without a key of its own has the batch's."""
    mark = f"batch_{secrets.token_urlsafe(18)}"
    deadline = time.monotonic() + DEADLINE
    pieces = [_answer(mark, part, *_run(part, key, deadline)) for part in _parts(boundary, body)]
    return f"multipart/mixed; boundary={mark}", b"".join([*pieces, f"--{mark}--\r\n".encode()])


def _run(part: Part, key: str | None, deadline: float) -> tuple[int, dict[str, Any]]:
    try:
        if part.operation not in OPERATIONS:
            raise no_such_method()
        if time.monotonic() > deadline:
            raise unavailable(1)
        return 200, call(part.operation, part.key or key, lambda: part.body)
    except Refusal as refusal:
        return refusal.code, refusal.body()


def _parts(boundary: str, body: bytes) -> list[Part]:
    mark = re.escape(boundary.encode("latin-1", "replace"))
    # The text before the first boundary and after the last is nobody's.
    pieces = re.split(rb"(?:^|\r?\n)--" + mark + rb"(?:--)?[ \t]*(?=\r?\n|$)", body)[1:-1] if boundary else []
    if not pieces:
        raise invalid("The batch has no parts.")
    if len(pieces) > MAX_PARTS:
        raise invalid(f"The batch has more than {MAX_PARTS} parts.")
    return [_part(piece) for piece in pieces]


def _part(piece: bytes) -> Part:
    outer, inner = _halves(piece)
    name = _headers(outer).get("content-id", "")
    line = _REQUEST_LINE.match(inner)
    if line is None or line[1] != b"POST":
        return Part(name, None, "", b"")
    try:
        target = urlsplit(line[2].decode("latin-1"))
        query = parse_qs(target.query)
    except ValueError:
        return Part(name, None, "", b"")
    head, content = _halves(inner[line.end() :])
    key = query.get("key", [_headers(head).get("x-goog-api-key", "")])[0]
    return Part(name, target.path.removeprefix(f"/{VERSION}/"), key, content)


def _halves(piece: bytes) -> tuple[bytes, bytes]:
    """What is before and after the first empty line."""
    blank = _BLANK.search(piece)
    return (piece, b"") if blank is None else (piece[: blank.start()], piece[blank.end() :])


def _headers(block: bytes) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in _HEADER.findall(block)}


def _answer(mark: str, part: Part, code: int, response: dict[str, Any]) -> bytes:
    content = orjson.dumps(response)
    # "<x>" becomes "<response-x>": how a client finds the call an answer is for.
    name = f"Content-ID: <response-{part.content_id.strip('<>')}>\r\n" if part.content_id else ""
    return (
        f"--{mark}\r\nContent-Type: application/http\r\n{name}\r\n"
        f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\nContent-Type: application/json; charset=UTF-8\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode("latin-1") + content + b"\r\n"

