"""Rendered pages, kept by their ETag, and the nonce that belongs to one."""

from __future__ import annotations

import base64
import gzip
import hmac
import threading
from dataclasses import dataclass

from cachetools import LRUCache
from flask import Flask, current_app

from commentsvc.web import settings_of

EXTENSION = "commentsvc.embed.pages"


@dataclass(frozen=True)
class Rendered:
    """A page's bytes, plain and compressed: a cached page costs no compression."""

    body: bytes
    compressed: bytes


class PageCache:
    """The latest rendered pages of this process. An ETag names content, so nothing expires."""

    def __init__(self, size: int) -> None:
        self._pages: LRUCache[str, Rendered] = LRUCache(max(size, 1))
        self._lock = threading.Lock()  # LRUCache moves entries on every look-up

    def get(self, etag: str) -> Rendered | None:
        with self._lock:
            return self._pages.get(etag)

    def put(self, etag: str, html: str) -> Rendered:
        body = html.encode()
        page = Rendered(body, gzip.compress(body, 5, mtime=0))
        with self._lock:
            self._pages[etag] = page
        return page

    def clear(self) -> None:
        """Forget everything: for tests, whose emptied databases use the same ids again."""
        with self._lock:
            self._pages.clear()


def init_app(app: Flask) -> None:
    """Give the application its cache."""
    app.extensions[EXTENSION] = PageCache(settings_of(app).PAGE_CACHE)


def pages() -> PageCache:
    """The application's cache."""
    found: PageCache = current_app.extensions[EXTENSION]
    return found


def nonce_of(etag: str) -> str:
    """The CSP nonce of the cached page with this ETag.

    A nonce must not be known to whoever writes what the page shows. A page that is the same for
    all readers cannot carry a fresh one, so it is derived from the ETag under the secret key: any
    change of content (a comment, a title, a look) changes the ETag and with it the nonce, and what
    the next one will be cannot be computed without the key. Whoever reads the nonce of today's
    page can only put it into tomorrow's, where it is void. (It is the second wall: the first is
    that everything people typed is escaped or sanitised.)
    """
    key: str = current_app.config["SECRET_KEY"]
    digest = hmac.digest(key.encode(), f"csp nonce:{etag}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()
