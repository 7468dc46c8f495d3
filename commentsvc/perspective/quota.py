"""How much one key may ask for."""

from __future__ import annotations

import time
from typing import Final

import structlog
from limits import RateLimitItem, parse_many

from commentsvc.extensions import limiter
from commentsvc.perspective.keys import Caller
from commentsvc.perspective.refusals import quota_spent

log = structlog.get_logger()

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
        who = (f"perspective:{metric}", str(caller.key_id))
        try:
            within = limiter.limiter.hit(item, *who)
            reset = time.time() if within else limiter.limiter.get_window_stats(item, *who).reset_time
        except Exception as error:  # noqa: BLE001 - what cannot be counted must not stop moderation elsewhere
            log.error("could not count a quota", metric=metric, error=type(error).__name__)  # noqa: TRY400
            return
        if not within:
            seconds = max(1, int(reset - time.time()) + 1)
            raise quota_spent(metric, NAMES[metric], _period(item), item.amount, caller.consumer, seconds)


def _period(item: RateLimitItem) -> str:
    """What the item counts in: "minute", "15 minute"."""
    return item.GRANULARITY.name if item.multiples == 1 else f"{item.multiples} {item.GRANULARITY.name}"
