"""What a site decides about screening, as one typed value stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
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
# Of each list. Matching takes no longer for it (benchmarks/phrases.py); reading a site takes a millisecond.
MAX_PHRASES = 20_000
REPEAT_MOST = 30 * 24 * 3600
# A worker that restarts or reloads its model is away for some seconds; that opens no gate.
FAIL_OPEN_LEAST = 60
FAIL_OPEN_MOST = 7 * 24 * 3600
PHRASE_LENGTH = 100
EDIT_WINDOW_MOST = 7 * 24 * 3600
CLOSE_AFTER_MOST = 3650  # days
POSTS_PER_MINUTE_MOST = 1000
MAX_SECTIONS = 200
SECTION_LENGTH = 100

# What a section may have of its own; the rest is the site's everywhere.
SECTION_FIELDS = ("premoderate", "max_links", "new_author_comments", "close_after_days", "hold_at", "reject_at")
# Field -> the least and the most of it.
RANGES = {
    "max_length": (1, 50_000), "min_length": (1, 1000), "max_depth": (0, 1000),
    "max_links": (0, 1000), "new_author_comments": (0, 1000),
    "repeat_window": (0, REPEAT_MOST), "fail_open_after": (0, FAIL_OPEN_MOST),
    "edit_window": (0, EDIT_WINDOW_MOST), "close_after_days": (0, CLOSE_AFTER_MOST),
    "posts_per_minute": (0, POSTS_PER_MINUTE_MOST), "new_author_posts_per_minute": (0, POSTS_PER_MINUTE_MOST),
}
_FLAGS = ("reject_clear", "premoderate")
_PHRASE_LISTS = ("banned_phrases", "suspect_phrases")


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
    # Seconds in which an author may take back what still waits, to write it anew; 0: as long as it waits.
    edit_window: int = 0
    close_after_days: int = 0  # a conversation closes so long after its article came; 0: never
    posts_per_minute: int = 0  # of one person, within the installation's own limit; 0: that alone
    new_author_posts_per_minute: int = 0  # of a person with no more published comments than a new author
    # Section -> what it has of its own, of SECTION_FIELDS; thresholds label by label.
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Policy:
        """A policy from its JSON; unknown keys are ignored, so that a rollback still reads it."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in _PHRASE_LISTS:
            if name in known:
                known[name] = tuple(known[name])
        if "hold_at" in known:
            known["hold_at"] = {**DEFAULT_HOLD, **known["hold_at"]}
        return cls(**known)

    def to_data(self) -> dict[str, Any]:
        return {**asdict(self), "banned_phrases": list(self.banned_phrases), "suspect_phrases": list(self.suspect_phrases)}

    def overrides(self, section: str | None) -> Mapping[str, Any]:
        """What the section has of its own; empty for one that has nothing, or where there is none."""
        if not section or not self.sections:
            return {}
        wanted = section_key(section)
        return next((own for name, own in self.sections.items() if section_key(name) == wanted), {})

    def within(self, section: str | None) -> Policy:
        """The policy that holds in a section: the site's, with the section's own in its place."""
        own = dict(self.overrides(section))
        for name in ("hold_at", "reject_at"):
            if name in own:
                own[name] = {**getattr(self, name), **own[name]}
        return replace(self, **own) if own else self

    @property
    def newness(self) -> int:
        """How many published comments make an author no longer new."""
        return max(self.new_author_comments, 1)


def section_key(section: str) -> str:
    """Equal for spellings of a section's name that differ in case and spacing alone."""
    return " ".join(section.split()).casefold()


def check_policy(policy: Policy) -> Policy:
    """The policy itself, or Invalid naming the first field out of range."""
    for name, (low, high) in RANGES.items():
        value = getattr(policy, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Invalid(f"{name} must be between {low} and {high}.", field=f"policy.{name}")
    for name in _FLAGS:
        if not isinstance(getattr(policy, name), bool):
            raise Invalid(f"{name} must be true or false.", field=f"policy.{name}")
    if policy.fail_open_after in range(1, FAIL_OPEN_LEAST):
        raise Invalid(f"fail_open_after must be 0 or at least {FAIL_OPEN_LEAST}.", field="policy.fail_open_after")
    _check_phrases(policy)
    for name in ("hold_at", "reject_at"):
        for label, threshold in getattr(policy, name).items():
            if label not in DEFAULT_HOLD:
                raise Invalid(f"{label} is not a label of the model.", field=f"policy.{name}")
            if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
                raise Invalid("A threshold must be above 0 and at most 1.", field=f"policy.{name}")
    _check_sections(policy)
    return policy


def _check_sections(policy: Policy) -> None:
    if len(policy.sections) > MAX_SECTIONS:
        raise Invalid(f"At most {MAX_SECTIONS} sections.", field="policy.sections")
    seen: set[str] = set()
    for name, own in policy.sections.items():
        key = section_key(name)
        if not key or len(name) > SECTION_LENGTH:
            raise Invalid(f"A section has a name of at most {SECTION_LENGTH} characters.", field="policy.sections")
        if key in seen:
            raise Invalid(f"{name} is named twice.", field="policy.sections")
        seen.add(key)
        if unknown := [field for field in own if field not in SECTION_FIELDS]:
            raise Invalid(f"A section has no {unknown[0]} of its own.", field="policy.sections")
        if any(name in own and not isinstance(own[name], Mapping) for name in ("hold_at", "reject_at")):
            raise Invalid("Thresholds are named by their labels.", field="policy.sections")
        try:
            # By itself: the site's phrases need not be looked at once for every section.
            check_policy(replace(Policy(), **own))
        except Invalid as error:
            raise Invalid(f"{name}: {error.message}", field="policy.sections") from None


def _check_phrases(policy: Policy) -> None:
    for name in _PHRASE_LISTS:
        phrases = getattr(policy, name)
        if len(phrases) > MAX_PHRASES:
            raise Invalid(f"At most {MAX_PHRASES:,} phrases.", field=f"policy.{name}")
        if any(not is_phrase(p) for p in phrases):
            raise Invalid(f"A phrase has a letter or digit and at most {PHRASE_LENGTH} characters.", field=f"policy.{name}")


def is_phrase(text: str) -> bool:
    """Whether there is a word in it, and not too many of them."""
    return len(text) <= PHRASE_LENGTH and re.search(r"\w", text) is not None
