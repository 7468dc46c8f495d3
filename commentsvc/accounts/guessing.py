"""Wrong passwords and codes: how many an account takes, from one network and from all of them together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog
from flask import current_app
from limits import RateLimitItem, parse_many

from commentsvc.budgets import budgets
from commentsvc.config import Settings
from commentsvc.errors import TooSoon
from commentsvc.extensions import limiter

log = structlog.get_logger()


@dataclass(frozen=True)
class Guessed:
    """What is guessed at: each has a budget of its own."""

    scope: str
    message: str


PASSWORDS = Guessed(
    "wrong passwords", "There were too many wrong passwords for this address. Wait a while, or choose a new password by mail."
)
CODES = Guessed("wrong codes", "There were too many wrong codes for this account. Wait a while, or use a passkey.")


def check_guesses(email: str, network: str, what: Guessed = PASSWORDS) -> None:
    """TooSoon when this account has had too many wrong ones, whether or not it exists; `email` or another name for it.

    From one network few, so that nobody is locked out by a single stranger; from everywhere more,
    so that a thousand machines cannot share the guessing. A reset by mail is always a way in.
    """
    if not limiter.enabled or not email:
        return
    for item, who in _counted(email, network):
        seconds = budgets.wait(item, what.scope, who)
        if seconds is not None:
            log.warning("too many wrong passwords for one account", of=what.scope, limit=str(item))  # whose is not said
            raise TooSoon(what.message, retry_after=seconds)


def count_guess(email: str, network: str, what: Guessed = PASSWORDS) -> None:
    """Note one wrong password or code."""
    if not limiter.enabled or not email:
        return
    for item, who in _counted(email, network):
        budgets.spend(item, what.scope, who)


def _counted(email: str, network: str) -> list[tuple[RateLimitItem, str]]:
    settings: Settings = current_app.config["SETTINGS"]
    account = hashlib.sha256(email.encode()).hexdigest()[:32]  # no address where limits are kept
    return [
        *((item, f"{account}:{network}") for item in parse_many(settings.LIMIT_GUESSES)),
        *((item, account) for item in parse_many(settings.LIMIT_GUESSES_EVERYWHERE)),
    ]
