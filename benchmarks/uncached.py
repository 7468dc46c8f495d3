"""The service with its page caches forgetting everything: `granian benchmarks.uncached:app`.

`COMMENTSVC_PAGE_CACHE=0` still keeps one page. `read_page` checks that every answer is rendered
anew, so a cache that is not found here stops the run instead of flattering it.
"""

from __future__ import annotations

from commentsvc import create_app

app = create_app()


def forget(etag: str) -> None:
    """Know no page."""


for cache in app.extensions.values():
    if type(cache).__name__ == "PageCache":
        cache.get = forget
