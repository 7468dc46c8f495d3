"""Rendered pages and parts of them kept in the process, by a name for their content."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

T = TypeVar("T")


class PageCache(Generic[T]):
    """The latest `size` pages of this process; 0 keeps none. A key (an ETag) names content: none goes stale."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pages: LRUCache[Hashable, T] = LRUCache(max(size, 1))
        self._lock = threading.Lock()  # LRUCache moves entries on every look-up

    def get(self, key: Hashable) -> T | None:
        """The page of this key, None when it is not kept."""
        with self._lock:
            return self._pages.get(key)

    def put(self, key: Hashable, page: T) -> None:
        """Keep the page, and forget the one not asked for longest."""
        if self._size:
            with self._lock:
                self._pages[key] = page

    def clear(self) -> None:
        """Forget everything: for tests, whose emptied databases use the same ids again."""
        with self._lock:
            self._pages.clear()
