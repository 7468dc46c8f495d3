"""Rendered pages and parts of them kept in the process, by a name for their content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class PageCache(Generic[T]):
    """The `size` pages that this process put last; 0 keeps none. A key (an ETag) names content: none goes stale.

    What is asked for often goes with the others, and is made again once in `size`. To note each time that it was asked
    for took 3 % of a page whose threads are kept: their keys are all their rows.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._pages: OrderedDict[Hashable, T] = OrderedDict()  # whose first is found at once
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """The page of this key, None when it is not kept."""
        return self._pages.get(key)

    def put(self, key: Hashable, page: T) -> None:
        """Keep the page, and forget the one put longest ago."""
        if self._size:
            with self._lock:
                self._pages[key] = page
                if len(self._pages) > self._size:
                    self._pages.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: for tests, whose emptied databases use the same ids again."""
        with self._lock:
            self._pages.clear()
