"""Rendered pages, kept by their ETag, and the nonce that belongs to one."""

from __future__ import annotations

import base64
import gzip
import hmac
import time

from flask import Flask, current_app

from commentsvc.page_cache import PageCache
from commentsvc.web import settings_of

EXTENSION = "commentsvc.embed.pages"
FRAGMENTS = "commentsvc.embed.fragments"
FRAGMENTS_KEPT = 4000  # comments of about 2 kB each, and threads of some of them
SHELLS = "commentsvc.embed.shells"
SHELLS_KEPT = 200  # about 12 kB each
# A page carries cursors, which expire after a week, and dates: nothing that is kept lives longer than this.
PERIOD = 3 * 24 * 3600


class Rendered:
    """A page's bytes: as they are until a browser takes them compressed, which nearly all do; from then on an eighth of the memory."""

    def __init__(self, body: bytes) -> None:
        self._plain: bytes | None = body
        self._compressed = b""

    @property
    def compressed(self) -> bytes:
        """By gzip: most of what a page costs that is put together from kept comments."""
        plain = self._plain
        if plain is not None:
            self._compressed = gzip.compress(plain, 5, mtime=0)
            self._plain = None
        return self._compressed

    @property
    def body(self) -> bytes:
        """For whoever takes no gzip."""
        plain = self._plain
        return gzip.decompress(self._compressed) if plain is None else plain


def keep(etag: str, html: bytes) -> Rendered:
    """The page, kept for the next who asks."""
    page = Rendered(html)
    pages().put(etag, page)
    return page


def init_app(app: Flask) -> None:
    """Give the application its cache."""
    app.extensions[EXTENSION] = PageCache[Rendered](settings_of(app).PAGE_CACHE)
    app.extensions[FRAGMENTS] = PageCache[bytes](FRAGMENTS_KEPT)
    app.extensions[SHELLS] = PageCache[tuple[bytes, ...]](SHELLS_KEPT)


def pages() -> PageCache[Rendered]:
    """The application's cache."""
    found: PageCache[Rendered] = current_app.extensions[EXTENSION]
    return found


def fragments() -> PageCache[bytes]:
    """Comments and threads as pages for everybody show them, by all that shows in them; in UTF-8, half of what `str` takes."""
    found: PageCache[bytes] = current_app.extensions[FRAGMENTS]
    return found


def shells() -> PageCache[tuple[bytes, ...]]:
    """Pages for everybody without their comments, in pieces: one for an article, with each sort, size, look and language."""
    found: PageCache[tuple[bytes, ...]] = current_app.extensions[SHELLS]
    return found


def period() -> int:
    """A part of the key of whatever has cursors in it: another one every PERIOD seconds."""
    return int(time.time()) // PERIOD


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
