"""How urgent a comment is, and what is gravest in it: the formulas of the queues' order. Pure.

A comment's urgency is severity x reach x flags x waiting, where waiting doubles every DOUBLING hours:

    urgency(now) = severity * reach * flags * 2 ** ((now - posted) / DOUBLING)

The logarithm of that, times DOUBLING, less `now`, is the same for ever: every comment that waits gains
alike as the clock goes on, so that their order does not change with it. What is stored is that number
with its sign turned, in hours:

    due = posted - DOUBLING * log2(severity * reach * flags)

The smaller the sooner. It reads as a moment: a comment that weighs twice as much as a plain one stands
where a plain one would that was posted half a day earlier. An index keeps the order, and nothing is
computed when a queue is opened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from math import isfinite, log2
from typing import Any, Final, Protocol

EPOCH: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
# Twice as grave, or twice as many flags, is as good as half a day of waiting.
DOUBLING: Final = 12.0  # hours
# The gravest comment weighs as much as eight that say nothing bad: a day and a half of waiting.
GRAVEST: Final = 8.0
# What a score of 1 makes of a comment. A threat is not read after a rude word because the model was surer of that.
LABEL_WEIGHTS: Final[Mapping[str, float]] = {
    "threat": 1.0, "identity_attack": 1.0, "severe_toxicity": 1.0, "insult": 0.7, "toxicity": 0.6, "obscene": 0.5,
}
OTHER_LABEL: Final = 0.6  # of a model with labels of its own
PHASE_WEIGHTS: Final[Mapping[str, float]] = {"banned_phrases": 0.7, "suspect_phrases": 0.4, "links": 0.2, "repeat_post": 0.2}
# An article with sixteen times the comments counts double: its readers are not sixteen times as many.
REACH_ROOT: Final = 4
# Hours, some eleven years: what somebody says is illegal comes before everything else, and among itself in the same order.
NOTICED: Final = 100_000.0
# Readers see it now; a held one nobody sees.
PUBLIC: Final = 2.0

# Why a comment waits, gravest first: it is filed under the first of these that was found. The model's labels
# over the site's limits, then the phases.
GRAVITY: Final = (
    "threat", "identity_attack", "severe_toxicity", "insult", "obscene", "toxicity",
    "banned_phrases", "suspect_phrases", "links", "repeat_post", "length", "unread", "sanction", "trust", "new_author", "pre_moderation",
)
UNREAD: Final = "unread"  # the model could not score it
LABEL_LENGTH: Final = 30


def hours(moment: dt.datetime) -> float:
    """Hours since EPOCH, the unit of `due`."""
    return (moment - EPOCH) / dt.timedelta(hours=1)


def due(posted: dt.datetime, *, severity: float, published: int, flags: int, public: bool, noticed: bool = False) -> float:
    """Where a comment stands in the order by urgency.

    `severity` is from 1 to GRAVEST, `published` how many comments its article has, `flags` the open ones, `noticed`
    whether a legal notice about it waits.
    """
    reach = (1 + max(0, published)) ** (1 / REACH_ROOT) * (PUBLIC if public else 1.0)
    return hours(posted) - DOUBLING * log2(severity * reach * (1 + max(0, flags))) - (NOTICED if noticed else 0)


def severity(findings: Iterable[Mapping[str, Any]], scores: Mapping[str, float] | None) -> float:
    """How bad what the screening found is, from 1 (nothing) to GRAVEST."""
    weights = [
        LABEL_WEIGHTS.get(label, OTHER_LABEL) * min(max(score, 0.0), 1.0)
        for label, score in (scores or {}).items()
        if isfinite(score)
    ]
    weights += [PHASE_WEIGHTS.get(finding["phase"], 0.0) for finding in findings]
    return 1 + (GRAVEST - 1) * max(weights, default=0.0)


def label(findings: Iterable[Mapping[str, Any]]) -> str:
    """What the comment is filed under: the gravest thing that keeps it from being published; "" for nothing."""
    found: set[str] = set()
    for finding in findings:
        if finding.get("verdict") not in {"hold", "reject"}:
            continue
        if finding["phase"] == "toxicity":
            found |= set(finding.get("labels") or ()) or {UNREAD}
        else:
            found.add(finding["phase"])
    known = (name for name in GRAVITY if name in found)
    return next(known, min(found, default=""))[:LABEL_LENGTH]


class Filed(Protocol):
    """What is filed: comments.models.Comment is one."""

    created_at: dt.datetime
    label: str
    due: float
    notice_count: int


def file_held(
    comment: Filed, findings: Iterable[Mapping[str, Any]], scores: Mapping[str, float] | None, *, published: int, flags: int
) -> None:
    """Give a comment that is about to be held its label and its place among those that wait; `flags` are those that count."""
    found = list(findings)
    comment.label = label(found)
    comment.due = due(
        comment.created_at, severity=severity(found, scores), published=published, flags=flags, public=False,
        noticed=comment.notice_count > 0,
    )
