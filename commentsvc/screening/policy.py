"""What a site decides about screening, as one typed value stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from commentsvc.errors import Invalid

# The model's label -> hold at this score; see docs/toxicity.md for how they were chosen.
DEFAULT_HOLD = {
    "toxicity": 0.60,
    "severe_toxicity": 0.30,
    "obscene": 0.60,
    "threat": 0.30,
    "insult": 0.60,
    "identity_attack": 0.35,
}
MAX_PHRASES = 5000
REPEAT_MOST = 30 * 24 * 3600
# A worker that restarts or reloads its model is away for some seconds; that opens no gate.
FAIL_OPEN_LEAST = 60
FAIL_OPEN_MOST = 7 * 24 * 3600
PHRASE_LENGTH = 100
# The six months that article 20 of the EU's Digital Services Act wants at least, whichever months they are.
APPEAL_DAYS = 184
APPEAL_MOST = 3650
ANSWER_MOST = 365


@dataclass(frozen=True)
class Policy:
    """A site's rules; every field has a default that suits a newsroom's first day."""

    max_length: int = 5000
    min_length: int = 1
    max_depth: int = 50
    max_links: int = 2  # more are held
    banned_phrases: tuple[str, ...] = ()  # rejected (or held, see reject_clear)
    suspect_phrases: tuple[str, ...] = ()  # held
    hold_at: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_HOLD))
    reject_at: Mapping[str, float] = field(default_factory=dict)  # used when reject_clear
    reject_clear: bool = False  # reject clear violations without a person
    premoderate: bool = False  # a person sees every comment first
    new_author_comments: int = 0  # hold an author's first N comments
    repeat_window: int = 24 * 3600  # seconds in which the same text again is a repeat
    # Seconds after which comments are decided without the model while it fails; 0: never.
    fail_open_after: int = 0
    appeal_days: int = APPEAL_DAYS  # for which an author can appeal
    appeal_answer_days: int = 14  # within which the site means to answer an appeal
    public_modlog: bool = False  # anybody can read what was removed, and why

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Policy:
        """A policy from its JSON; unknown keys are ignored, so that a rollback still reads it."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in ("banned_phrases", "suspect_phrases"):
            if name in known:
                known[name] = tuple(known[name])
        if "hold_at" in known:
            known["hold_at"] = {**DEFAULT_HOLD, **known["hold_at"]}
        return cls(**known)

    def to_data(self) -> dict[str, Any]:
        return {**asdict(self), "banned_phrases": list(self.banned_phrases), "suspect_phrases": list(self.suspect_phrases)}


def check_policy(policy: Policy) -> Policy:
    """The policy itself, or Invalid naming the first field out of range."""
    ranges = {
        "max_length": (1, 50_000), "min_length": (1, 1000), "max_depth": (0, 1000),
        "max_links": (0, 1000), "new_author_comments": (0, 1000),
        "repeat_window": (0, REPEAT_MOST), "fail_open_after": (0, FAIL_OPEN_MOST),
        "appeal_days": (1, APPEAL_MOST), "appeal_answer_days": (1, ANSWER_MOST),
    }
    for name, (low, high) in ranges.items():
        if not low <= getattr(policy, name) <= high:
            raise Invalid(f"{name} must be between {low} and {high}.", field=f"policy.{name}")
    if policy.fail_open_after in range(1, FAIL_OPEN_LEAST):
        raise Invalid(f"fail_open_after must be 0 or at least {FAIL_OPEN_LEAST}.", field="policy.fail_open_after")
    _check_phrases(policy)
    for name in ("hold_at", "reject_at"):
        for label, threshold in getattr(policy, name).items():
            if label not in DEFAULT_HOLD:
                raise Invalid(f"{label} is not a label of the model.", field=f"policy.{name}")
            if not 0 < threshold <= 1:
                raise Invalid("A threshold must be above 0 and at most 1.", field=f"policy.{name}")
    return policy


def _check_phrases(policy: Policy) -> None:
    for name in ("banned_phrases", "suspect_phrases"):
        phrases = getattr(policy, name)
        if len(phrases) > MAX_PHRASES:
            raise Invalid(f"At most {MAX_PHRASES} phrases.", field=f"policy.{name}")
        if any(not re.search(r"\w", p) or len(p) > PHRASE_LENGTH for p in phrases):
            raise Invalid(f"A phrase has a letter or digit and at most {PHRASE_LENGTH} characters.", field=f"policy.{name}")
