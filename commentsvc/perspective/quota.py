"""How much one key may ask for."""

from __future__ import annotations

from typing import Final

from limits import RateLimitItem, parse_many

from commentsvc.budgets import budgets
from commentsvc.extensions import limiter
from commentsvc.perspective.keys import Caller
from commentsvc.perspective.refusals import quota_spent

# Metric -> what Google's messages call it.
NAMES: Final = {
    "analyze_requests": "Analysis requests (AnalyzeComment)",
    "suggest_requests": "Score suggestions (SuggestCommentScore)",
}


def spend(caller: Caller, metric: str, limit: str) -> None:
    """Count one request of the caller against `limit`; Refusal when it is used up."""
    if not limiter.enabled:
        return
    for item in parse_many(limit):
        seconds = budgets.spend(item, f"perspective:{metric}", str(caller.key_id))
        if seconds is not None:
            raise quota_spent(metric, NAMES[metric], _period(item), item.amount, caller.consumer, seconds)


def _period(item: RateLimitItem) -> str:
    """What the item counts in: "minute", "15 minute"."""
    return item.GRANULARITY.name if item.multiples == 1 else f"{item.multiples} {item.GRANULARITY.name}"
