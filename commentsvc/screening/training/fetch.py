"""Fetch a large file: streamed, resumed where it broke off, and checked before anyone reads it."""

import errno
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

BLOCK: Final = 1 << 20
SECONDS: Final = 30
"""Without a byte, after which a server counts as gone."""
SPARE: Final = 64 << 20
"""Bytes of the disk that a download leaves free: the service writes its database there."""

Report = Callable[[int, int | None], None]
"""Called with the bytes there are and, where the server says so, the bytes there will be."""


class FetchError(OSError):
    """A file could not be fetched; the message says why and what is left of it."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server elsewhere, but never from HTTPS to what anybody on the way can change."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urllib.parse.urlsplit(newurl).scheme
        if scheme not in {"https", req.type}:
            message = f"{req.full_url} leads to {newurl[:200]}, which is not as safe"
            raise FetchError(message)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER: Final = urllib.request.build_opener(_Redirects)


def fetch(url: str, partial: Path, *, report: Report = lambda _done, _total: None) -> None:
    """Download *url* to *partial*, going on from what is already there of the same file.

    A broken connection leaves *partial* to go on from; a full disk leaves nothing. Raises
    :class:`FetchError`.
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        message = f"{url} is no http or https address"
        raise FetchError(message)
    partial.parent.mkdir(parents=True, exist_ok=True)
    origin = partial.with_name(partial.name + ".origin")
    have, headers = _resuming(url, partial, origin)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    try:
        with _OPENER.open(request, timeout=SECONDS) as answer:
            start = _offset(url, answer, have)
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length else None
            _room(partial, (total or 0) - start)
            origin.write_text(f"{url}\n{answer.headers.get('ETag') or ''}\n", encoding="utf-8")
            _copy(answer, partial, start, total, report)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            return  # all of it is there already; the hash will say whether it is right
        message = f"{url} answered {error.code} {error.reason}"
        raise FetchError(message) from error
    except FetchError:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            forget(partial)
            message = f"the disk of {partial.parent} is full; what had been fetched was removed"
            raise FetchError(message) from error
        reason = getattr(error, "reason", None) or error
        message = f"{url} could not be reached: {reason}{_left(partial)}"
        raise FetchError(message) from error
    except http.client.HTTPException as error:
        message = f"{url} broke off: {error!r}{_left(partial)}"
        raise FetchError(message) from error


def _resuming(url: str, partial: Path, origin: Path) -> tuple[int, dict[str, str]]:
    """Return how many bytes of *url* are there, and what to ask the server for."""
    headers = {"User-Agent": "commentsvc"}
    if not partial.exists() or not origin.exists():
        return 0, headers
    known, _, etag = origin.read_text(encoding="utf-8").strip().partition("\n")
    have = partial.stat().st_size
    if known != url or not have:
        return 0, headers
    headers["Range"] = f"bytes={have}-"
    if etag and not etag.startswith("W/"):
        headers["If-Range"] = etag  # a file that changed meanwhile is sent from its beginning
    return have, headers


def _offset(url: str, answer: Any, have: int) -> int:
    """Return where in the file *answer* begins."""
    if answer.status != http.client.PARTIAL_CONTENT:
        return 0
    if not str(answer.headers.get("Content-Range")).startswith(f"bytes {have}-"):
        message = f"{url} answered with another part of the file than was asked for"
        raise FetchError(message)
    return have


def forget(partial: Path) -> None:
    """Remove an unfinished download."""
    partial.unlink(missing_ok=True)
    partial.with_name(partial.name + ".origin").unlink(missing_ok=True)


def _copy(answer: Any, partial: Path, start: int, total: int | None, report: Report) -> None:
    done = start
    report(done, total)
    with partial.open("r+b" if start else "wb") as target:
        target.seek(start)
        target.truncate()
        while block := answer.read(BLOCK):
            target.write(block)
            done += len(block)
            report(done, total)
        target.flush()
        os.fsync(target.fileno())
    if total is not None and done < total:
        message = f"the download broke off after {done:,} of {total:,} bytes{_left(partial)}"
        raise FetchError(message)


def _left(partial: Path) -> str:
    if not partial.exists() or not partial.stat().st_size:
        return ""
    return f"; {partial.stat().st_size:,} bytes are kept in {partial}, and the same command goes on"


def _room(partial: Path, needed: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if needed + SPARE > free:
        message = f"{partial.parent} has {free:,} bytes free, and {needed + SPARE:,} are needed"
        raise FetchError(message)


def copy(source: Path, partial: Path, *, report: Report = lambda _done, _total: None) -> None:
    """Copy a local file as :func:`fetch` downloads one."""
    total = source.stat().st_size
    partial.parent.mkdir(parents=True, exist_ok=True)
    _room(partial, total)
    forget(partial)
    try:
        with source.open("rb") as content:
            _copy(content, partial, 0, total, report)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"the disk of {partial.parent} is full; what had been copied was removed"
            raise FetchError(message) from error
        raise


def sha256_of(path: Path, report: Report = lambda _done, _total: None) -> str:
    """Return the SHA-256 of a file, saying how far it is."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as source:
        while block := source.read(BLOCK):
            digest.update(block)
            done += len(block)
            report(done, total)
    return digest.hexdigest()
