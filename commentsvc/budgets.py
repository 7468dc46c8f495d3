"""Rate limits that are counted by hand, where only some requests of a route count, or only after their end.

In the store that all processes share; while that does not answer, in this process, from the first request on that finds it
out. Flask-Limiter's decorators do the same for the routes they stand on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

import structlog
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from commentsvc.errors import name_of
from commentsvc.extensions import limiter

log = structlog.get_logger()

AWAY: Final = 5.0
"""Seconds for which a store that failed is not asked: one that hangs takes two of them each time."""


class Budgets:
    """Counts in `shared()`, and in this process while that fails."""

    def __init__(self, shared: Callable[[], RateLimiter], clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._away_until = -math.inf

    def spend(self, item: RateLimitItem, *who: str) -> int | None:
        """Count one; None if it was within the limit, else the seconds until there is more."""
        return self._ask(lambda store: None if store.hit(item, *who) else _seconds(store, item, who))

    def wait(self, item: RateLimitItem, *who: str) -> int | None:
        """As `spend`, without counting."""
        return self._ask(lambda store: None if store.test(item, *who) else _seconds(store, item, who))

    def _ask(self, question: Callable[[RateLimiter], int | None]) -> int | None:
        if self._clock() >= self._away_until:
            try:
                return question(self._shared())
            except Exception as error:  # noqa: BLE001 - whatever the store's client raises; a message may name its address
                self._away_until = self._clock() + AWAY
                log.error("limits are counted in this process", error=name_of(error))  # noqa: TRY400
        return question(self._here)

    def forget(self) -> None:
        """Begin anew: for tests."""
        self._here.storage.reset()
        self._away_until = -math.inf


def _seconds(store: RateLimiter, item: RateLimitItem, who: tuple[str, ...]) -> int:
    return max(1, math.ceil(store.get_window_stats(item, *who).reset_time - time.time()))


budgets: Final = Budgets(lambda: limiter.limiter)
