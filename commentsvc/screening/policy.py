"""What a site decides about screening, as one typed value stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from commentsvc.errors import Invalid
from commentsvc.screening.trust import Level

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
# The six months that article 20 of the EU's Digital Services Act wants at least, whichever months they are.
APPEAL_DAYS = 184
APPEAL_MOST = 3650
GUEST_DAYS_MOST = 30
ANSWER_MOST = 365
MAX_EMAIL_RULES = 500
EMAIL_ACTIONS = ("always_review", "refuse")
REPEAT_ACTIONS = ("always_review", "suspend")
# No offset turns a limit into its opposite.
OFFSET_MOST = 0.5
PACE_MOST = 24 * 3600
NUDGES_MOST = 20  # whoever may ask more often learns how to write past the model
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
    "edit_window": (0, EDIT_WINDOW_MOST), "nudges": (0, NUDGES_MOST), "close_after_days": (0, CLOSE_AFTER_MOST),
    "guest_days": (1, GUEST_DAYS_MOST), "appeal_days": (1, APPEAL_MOST), "appeal_answer_days": (1, ANSWER_MOST),
    "posts_per_minute": (0, POSTS_PER_MINUTE_MOST), "new_author_posts_per_minute": (0, POSTS_PER_MINUTE_MOST),
    "trust_offset_new": (0, OFFSET_MOST), "trust_offset_trusted": (0, OFFSET_MOST), "trust_pace": (0, PACE_MOST),
    "repeat_rejections": (0, 1000), "repeat_days": (1, 366), "repeat_hours": (0, 366 * 24),
}
_SHARES = frozenset({"trust_offset_new", "trust_offset_trusted"})  # numbers that need not be whole
_FLAGS = ("reject_clear", "premoderate", "respect", "public_modlog", "public_history", "trust_hold_watched", "guests", "discount_brigades")
_PHRASE_LISTS = ("banned_phrases", "suspect_phrases")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class EmailRule:
    """What happens to comments of accounts whose e-mail address is at a domain."""

    domain: str  # in lower case and ASCII, as addresses are kept
    action: str  # one of EMAIL_ACTIONS
    reason: str  # for colleagues
    subdomains: bool = False  # also whatever ends in ".domain"

    def covers(self, email: str) -> bool:
        """Whether the rule is about this address."""
        domain = email.rpartition("@")[2].casefold()
        return domain == self.domain or (self.subdomains and domain.endswith(f".{self.domain}"))


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
    respect: bool = False  # one reaction, respect, in place of votes up and down
    discount_brigades: bool = True  # many new accounts at once, or of one network, count as one (comments.brigades)
    public_modlog: bool = False  # anybody can read what was removed, and why
    # Seconds after posting in which an author may edit what is published; 0: not at all. What waits can always be edited.
    edit_window: int = 300
    public_history: bool = False  # anybody can read what an edited comment said before
    nudges: int = 3  # held comments a day whose author is shown the doubtful sentences; 0: none
    close_after_days: int = 0  # a conversation closes so long after its article came; 0: never
    posts_per_minute: int = 0  # of one person, within the installation's own limit; 0: that alone
    new_author_posts_per_minute: int = 0  # of a person with no more published comments than a new author
    # Section -> what it has of its own, of SECTION_FIELDS; thresholds label by label.
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # What an author's level of trust changes; as they stand here, nothing.
    trust_offset_new: float = 0.0  # the limits of new and watched authors are lower by so much
    trust_offset_trusted: float = 0.0  # those of trusted authors higher
    trust_hold_watched: bool = False  # a person reads every comment of a watched author first
    trust_links_from: str = Level.WATCHED.value  # below this level any link is held
    trust_pace: int = 0  # seconds that new and watched authors wait between two comments; 0: as everybody
    email_rules: tuple[EmailRule, ...] = ()
    guests: bool = False  # whoever proves an address may write without an account
    guest_days: int = 3  # for which what a guest wrote waits for that
    # So many of an author's comments rejected within so many days: what happens by itself. 0: nothing.
    repeat_rejections: int = 0
    repeat_days: int = 7
    repeat_action: str = "always_review"
    repeat_hours: int = 24  # how long it lasts; 0, for always_review alone: until somebody ends it

    @property
    def asks_trust(self) -> bool:
        """Whether an author's level makes a difference."""
        return bool(
            self.trust_offset_new or self.trust_offset_trusted or self.trust_hold_watched or self.trust_pace
            or self.trust_links_from != Level.WATCHED
        )

    def for_level(self, level: str | None) -> Policy:
        """The policy as it is for an author of this level; of None, whom nobody asked about, as it stands."""
        if level is None or not self.asks_trust:
            return self
        known = Level(level)
        offset = {Level.TRUSTED: self.trust_offset_trusted, Level.MEMBER: 0.0}.get(known, -self.trust_offset_new)
        hold_at = {label: min(max(limit + offset, 0.01), 1.0) for label, limit in self.hold_at.items()} if offset else self.hold_at
        links = self.max_links if known.rank >= Level(self.trust_links_from).rank else 0
        return replace(self, hold_at=hold_at, max_links=links)

    def email_rule(self, email: str | None) -> EmailRule | None:
        """The rule about this address; of several the one that says most exactly which."""
        found = [rule for rule in self.email_rules if email and rule.covers(email)]
        return max(found, key=lambda rule: len(rule.domain)) if found else None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Policy:
        """A policy from its JSON; unknown keys are ignored, so that a rollback still reads it."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in _PHRASE_LISTS:
            if name in known:
                known[name] = tuple(known[name])
        if "email_rules" in known:
            known["email_rules"] = tuple(EmailRule(**rule) for rule in known["email_rules"])
        if "hold_at" in known:
            known["hold_at"] = {**DEFAULT_HOLD, **known["hold_at"]}
        return cls(**known)

    def to_data(self) -> dict[str, Any]:
        lists = ("banned_phrases", "suspect_phrases", "email_rules")
        data = asdict(self)
        return {**data, **{name: list(data[name]) for name in lists}}

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
        kinds = (int, float) if name in _SHARES else int
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise Invalid("%(name)s must be between %(low)s and %(high)s.", field=f"policy.{name}", values={"name": name, "low": low, "high": high})
    for name in _FLAGS:
        if not isinstance(getattr(policy, name), bool):
            raise Invalid(f"{name} must be true or false.", field=f"policy.{name}")
    if policy.fail_open_after in range(1, FAIL_OPEN_LEAST):
        raise Invalid("%(name)s must be 0 or at least %(least)s.", field="policy.fail_open_after", values={"name": "fail_open_after", "least": FAIL_OPEN_LEAST})
    _check_phrases(policy)
    _check_people(policy)
    for name in ("hold_at", "reject_at"):
        for label, threshold in getattr(policy, name).items():
            if label not in DEFAULT_HOLD:
                raise Invalid("%(label)s is not a label of the model.", field=f"policy.{name}", values={"label": label})
            if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
                raise Invalid("A threshold must be above 0 and at most 1.", field=f"policy.{name}")
    _check_sections(policy)
    return policy


def _check_sections(policy: Policy) -> None:
    if len(policy.sections) > MAX_SECTIONS:
        raise Invalid("At most %(most)s sections.", field="policy.sections", values={"most": MAX_SECTIONS})
    seen: set[str] = set()
    for name, own in policy.sections.items():
        key = section_key(name)
        if not key or len(name) > SECTION_LENGTH:
            raise Invalid("A section has a name of at most %(most)s characters.", field="policy.sections", values={"most": SECTION_LENGTH})
        if key in seen:
            raise Invalid("%(name)s is named twice.", field="policy.sections", values={"name": name})
        seen.add(key)
        if unknown := [field for field in own if field not in SECTION_FIELDS]:
            raise Invalid("A section has no %(name)s of its own.", field="policy.sections", values={"name": unknown[0]})
        if any(name in own and not isinstance(own[name], Mapping) for name in ("hold_at", "reject_at")):
            raise Invalid("Thresholds are named by their labels.", field="policy.sections")
        try:
            # By itself: the site's phrases need not be looked at once for every section.
            check_policy(replace(Policy(), **own))
        except Invalid as error:
            raise Invalid("%(name)s: %(problem)s", field="policy.sections", values={"name": name, "problem": error.told}) from None


def _check_phrases(policy: Policy) -> None:
    for name in _PHRASE_LISTS:
        phrases = getattr(policy, name)
        if len(phrases) > MAX_PHRASES:
            raise Invalid("At most %(most)s phrases.", field=f"policy.{name}", values={"most": MAX_PHRASES})
        if any(not is_phrase(p) for p in phrases):
            raise Invalid("A phrase has a letter or digit and at most %(most)s characters.", field=f"policy.{name}", values={"most": PHRASE_LENGTH})


def is_phrase(text: str) -> bool:
    """Whether there is a word in it, and not too many of them."""
    return len(text) <= PHRASE_LENGTH and re.search(r"\w", text) is not None
def _check_people(policy: Policy) -> None:
    if policy.trust_links_from not in set(Level):
        raise Invalid(f"trust_links_from must be one of: {', '.join(Level)}.", field="policy.trust_links_from")
    if policy.repeat_action not in REPEAT_ACTIONS:
        raise Invalid(f"repeat_action must be one of: {', '.join(REPEAT_ACTIONS)}.", field="policy.repeat_action")
    if policy.repeat_action == "suspend" and not policy.repeat_hours:
        raise Invalid("A suspension ends: repeat_hours must be at least 1.", field="policy.repeat_hours")
    if len(policy.email_rules) > MAX_EMAIL_RULES:
        raise Invalid("At most %(most)s rules.", field="policy.email_rules", values={"most": MAX_EMAIL_RULES})
    for rule in policy.email_rules:
        if not _DOMAIN.fullmatch(rule.domain) or len(rule.domain) > 253:
            raise Invalid("%(domain)s is not a domain like mail.example.", field="policy.email_rules", values={"domain": rule.domain[:80]})
        if rule.action not in EMAIL_ACTIONS:
            raise Invalid(f"An action is one of: {', '.join(EMAIL_ACTIONS)}.", field="policy.email_rules")
        if not rule.reason.strip() or len(rule.reason) > 200:
            raise Invalid("Say why, in at most 200 characters.", field="policy.email_rules")
    if len({rule.domain for rule in policy.email_rules}) < len(policy.email_rules):
        raise Invalid("There are two rules for one domain.", field="policy.email_rules")
