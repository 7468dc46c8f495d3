"""Answers that are the same for everybody: ETags, shared caches, and the sites' own pages."""

from __future__ import annotations

import hashlib

from flask import Flask, Response, current_app, g, request

from commentsvc.api.access import READABLE_BY
from commentsvc.database import utcnow
from commentsvc.page_cache import PageCache
from commentsvc.version import __version__
from commentsvc.web import SAFE_METHODS, settings_of

EXTENSION = "commentsvc.api.pages"
THREADS = "commentsvc.api.threads"
THREADS_KEPT = 1000  # those of fifty pages; about 4 kB each

# Browsers ask each time (a 304 costs one statement); a proxy in front may spare us a burst.
SHARED_SECONDS = 1
PUBLIC = f"public, max-age=0, s-maxage={SHARED_SECONDS}, must-revalidate"
COUNTS_SECONDS = 30


def page_cache() -> PageCache[bytes]:
    """The application's pages."""
    cache: PageCache[bytes] = current_app.extensions[EXTENSION]
    return cache


def kept_threads() -> PageCache[bytes]:
    """Threads as JSON, by the rows that they were read from."""
    cache: PageCache[bytes] = current_app.extensions[THREADS]
    return cache


def etag_of(*named: object) -> str:
    """The name of what a page shows.

    The day is part of it: the cursors in a page expire, and a page that nobody changes must not be
    confirmed with a 304 for longer than they last.
    """
    day = utcnow().date().toordinal()
    return hashlib.sha256(repr((__version__, day, *named)).encode()).hexdigest()[:32]


def unchanged(etag: str) -> Response | None:
    """The 304 for a client that has this already."""
    if not request.if_none_match.contains_weak(etag):
        return None
    return cacheable(Response(status=304, mimetype="application/json"), etag)  # what comes with a page is not for it


def cacheable(response: Response, etag: str) -> Response:
    """Mark as public. Weak, because two pages with one ETag may differ in the signature of cursors."""
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = PUBLIC
    return response


def init_app(app: Flask) -> None:
    """Keep pages, and finish every answer of the API."""
    app.extensions[EXTENSION] = PageCache[bytes](settings_of(app).PAGE_CACHE)
    app.extensions[THREADS] = PageCache[bytes](THREADS_KEPT)

    def finish(response: Response) -> Response:
        if not request.path.startswith("/api/"):
            return response
        allow_origin(response)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    # Runs after what the others add: Flask calls these in reverse.
    app.after_request_funcs.setdefault(None, []).insert(0, finish)


def allow_origin(response: Response) -> None:
    """Let the site's own pages read what is public, errors included; no cookie is involved."""
    origins: list[str] | None = getattr(g, READABLE_BY, None)
    if origins is None or request.method not in SAFE_METHODS:
        return
    response.vary.add("Origin")
    if request.origin in origins:
        response.headers["Access-Control-Allow-Origin"] = request.origin
        response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, X-Request-Id"
