"""A rate limit for what only some requests of a page do."""

from __future__ import annotations

from limits import parse_many

from commentsvc.budgets import budgets
from commentsvc.errors import TooSoon
from commentsvc.extensions import client_network, limiter


def spend(limit: str, scope: str) -> None:
    """Count one against the address's limit; TooSoon when it is used up.

    Flask-Limiter's decorators count every request of a page. A cached thread costs next to
    nothing and should never be refused; rendering one, or registering an article, is counted.
    """
    if not limiter.enabled:
        return
    address = client_network()
    for item in parse_many(limit):
        seconds = budgets.spend(item, scope, address)
        if seconds is not None:
            raise TooSoon("That was a little fast. Wait a moment and try again.", retry_after=seconds)
