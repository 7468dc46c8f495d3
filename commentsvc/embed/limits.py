"""A rate limit for what only some requests of a page do."""

from __future__ import annotations

from commentsvc import web
from commentsvc.extensions import client_network


def spend(limit: str, scope: str) -> None:
    """Count one against the address's limit; TooSoon when it is used up.

    A cached thread costs next to nothing and should never be refused; rendering one, or registering an
    article, is counted.
    """
    web.spend(limit, scope, client_network())
