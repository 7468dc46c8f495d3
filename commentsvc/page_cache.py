"""Rendered pages and parts of them kept in the process, by a name for their content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class PageCache(Generic[T]):
    """The latest `size` pages of this process; 0 keeps none. A key (an ETag) names content: none goes stale."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pages: OrderedDict[Hashable, T] = OrderedDict()  # a third of what cachetools' takes for a look-up
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """The page of this key, None when it is not kept."""
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
        return page

    def put(self, key: Hashable, page: T) -> None:
        """Keep the page, and forget the one not asked for longest."""
        if self._size:
            with self._lock:
                self._pages[key] = page
                self._pages.move_to_end(key)
                if len(self._pages) > self._size:
                    self._pages.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: for tests, whose emptied databases use the same ids again."""
        with self._lock:
            self._pages.clear()
