"""A rate limit for what only some requests of a page do."""

from __future__ import annotations

import time

import structlog
from limits import parse_many

from commentsvc.errors import TooSoon
from commentsvc.extensions import client_network, limiter

log = structlog.get_logger()


def spend(limit: str, scope: str) -> None:
    """Count one against the address's limit; TooSoon when it is used up.

    Flask-Limiter's decorators count every request of a page. A cached thread costs next to
    nothing and should never be refused; rendering one, or registering an article, is counted.
    """
    if not limiter.enabled:
        return
    address = client_network()
    for item in parse_many(limit):
        try:
            within = limiter.limiter.hit(item, scope, address)
        except Exception:  # a limit that cannot be counted must not take the conversation away
            log.exception("could not count a rate limit", scope=scope)
            return
        if not within:
            reset = limiter.limiter.get_window_stats(item, scope, address).reset_time
            raise TooSoon("That was a little fast. Wait a moment and try again.", retry_after=max(1, int(reset - time.time())))
