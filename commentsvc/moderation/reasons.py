"""A site's own list of reasons for rejecting, and the messages it keeps ready for authors.

A reason of the site's own stands under one of the built-in ones (its category): what counts reasons, or states
them to an authority, reads the category, and the author reads the site's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commentsvc.errors import Invalid
from commentsvc.i18n import N_
from commentsvc.moderation.models import REJECT_REASONS, Decision, Reason
from commentsvc.sites.languages import check_language
from commentsvc.sites.models import Site

MAX_REASONS = 40
WORDS_LENGTH = 100
MAX_MESSAGES = 200
MESSAGE_LENGTH = 2000
KEY = re.compile(r"[a-z][a-z0-9_]{0,38}[a-z0-9]")

# What a message may name, and what stands there then.
PLACEHOLDERS: dict[str, str] = {
    "name": N_("the author's name"), "site": N_("the site's name"), "article": N_("the article's title"), "reason": N_("the reason's words"),
}
_PLACEHOLDER = re.compile(r"\{([^{}\n]{0,40})\}")


@dataclass(frozen=True)
class SiteReason:
    """A reason as the site has it: a built-in one, perhaps under another name, or one of its own."""

    key: str
    words: str  # for the author
    category: Reason  # the built-in one that it counts as
    hidden: bool = False  # no longer offered; what was decided with it keeps its words

    @property
    def value(self) -> str:
        return self.key

    @property
    def own(self) -> bool:
        return self.key != self.category

    def to_data(self) -> dict[str, Any]:
        return {"key": self.key, "words": self.words, "category": self.category.value, "hidden": self.hidden}


@dataclass(frozen=True)
class CannedMessage:
    """A text to an author, kept ready for a reason ("": for any) in a language."""

    reason: str
    language: str
    text: str

    def to_data(self) -> dict[str, str]:
        return {"reason": self.reason, "language": self.language, "text": self.text}


def reasons_of(site: Site) -> tuple[SiteReason, ...]:
    """All of the site's reasons in its order; built-in ones it does not name come last, as they are."""
    named = [
        SiteReason(r["key"], r["words"], Reason(r["category"]), bool(r.get("hidden")))
        for r in site.reasons or ()
        if r["category"] in set(REJECT_REASONS)
    ]
    keys = {reason.key for reason in named}
    return (*named, *(SiteReason(r.value, words, r) for r, words in REJECT_REASONS.items() if r.value not in keys))


def offered_reasons(site: Site) -> dict[SiteReason, str]:
    """Those that a community manager chooses from, with their words."""
    return {reason: reason.words for reason in reasons_of(site) if not reason.hidden}


def reason_named(site: Site, key: str) -> SiteReason:
    """The site's reason of that key, hidden or not; Invalid where there is none."""
    found = next((reason for reason in reasons_of(site) if reason.key == key), None)
    if found is None:
        raise Invalid("Choose a reason: the author and your colleagues see it.", field="reason")
    return found


def words_of_reason(site: Site, reason: str, site_reason: str | None = None) -> str | None:
    """What the site calls the reason of a decision; None for one that nobody chooses (approved, withdrawn)."""
    words = {r.key: r.words for r in reasons_of(site)}
    return words.get(site_reason or reason, words.get(reason))


def words_of_decision(site: Site, decision: Decision) -> str | None:
    """What the site calls the decision's reason."""
    return words_of_reason(site, decision.reason, decision.site_reason)


def check_reasons(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The list to keep; Invalid says which of them is wrong, by its number."""
    if len(given) > MAX_REASONS:
        raise Invalid("At most %(most)s reasons.", field="reasons", values={"most": MAX_REASONS})
    kept: list[SiteReason] = []
    for number, one in enumerate(given):
        field = f"reasons.{number}"
        key, words = str(one["key"]).strip(), " ".join(str(one["words"]).split())
        builtin = key in set(REJECT_REASONS)
        if not builtin and (not KEY.fullmatch(key) or key in set(Reason)):
            raise Invalid("A key has 2 to 40 lower-case letters, digits and underscores, and is not one that the service uses.", field=f"{field}.key")
        if any(reason.key == key for reason in kept):
            raise Invalid("There are two reasons with the key %(key)s.", field=f"{field}.key", values={"key": key})
        if not words or len(words) > WORDS_LENGTH:
            raise Invalid("A reason has 1 to %(most)s characters for its author.", field=f"{field}.words", values={"most": WORDS_LENGTH})
        category = key if builtin else str(one.get("category") or "")
        if category not in set(REJECT_REASONS):
            raise Invalid("Choose what it counts as.", field=f"{field}.category")
        kept.append(SiteReason(key, words, Reason(category), bool(one.get("hidden"))))
    missing = [r for r in REJECT_REASONS if r.value not in {reason.key for reason in kept}]
    if not missing and all(reason.hidden for reason in kept):
        raise Invalid("Leave at least one reason to choose.", field="reasons")
    return [reason.to_data() for reason in kept]


def canned_messages(site: Site) -> tuple[CannedMessage, ...]:
    """The messages that the site keeps ready for authors, in its order."""
    return tuple(CannedMessage(m["reason"], m["language"], m["text"]) for m in site.messages or ())


def messages_for(site: Site, reason: str, language: str | None = None) -> list[CannedMessage]:
    """Those for a reason, its own before those for any, and those in `language` (the site's, if not given) first."""
    wanted = (language or site.language).casefold()

    def rank(message: CannedMessage) -> tuple[int, bool]:
        its = message.language.casefold()
        near = 0 if its == wanted else 1 if its.split("-")[0] == wanted.split("-")[0] else 2
        return near, not message.reason

    return sorted((m for m in canned_messages(site) if m.reason in {reason, ""}), key=rank)


def filled(text: str, **facts: str) -> str:
    """A message with its placeholders replaced by `name`, `site`, `article` and `reason`; once, whatever these hold."""
    return _PLACEHOLDER.sub(lambda found: facts.get(found[1], found[0]), text)


def check_messages(given: Sequence[Mapping[str, Any]], reasons: Sequence[SiteReason]) -> list[dict[str, str]]:
    """The list to keep; Invalid says which of them is wrong, by its number."""
    if len(given) > MAX_MESSAGES:
        raise Invalid("At most %(most)s messages.", field="messages", values={"most": MAX_MESSAGES})
    keys = {reason.key for reason in reasons} | {""}
    kept: list[CannedMessage] = []
    for number, one in enumerate(given):
        field = f"messages.{number}"
        reason, text = str(one.get("reason") or ""), str(one["text"]).replace("\r\n", "\n").strip()
        if reason not in keys:
            raise Invalid("There is no such reason.", field=f"{field}.reason")
        language = check_language(str(one["language"]), field=f"{field}.language")
        if not text or len(text) > MESSAGE_LENGTH:
            raise Invalid("A message has 1 to %(most)s characters.", field=f"{field}.text", values={"most": MESSAGE_LENGTH})
        if unknown := [name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise Invalid("%(name)s stands for nothing; there are %(known)s.", field=f"{field}.text", values={"name": f"{{{unknown[0]}}}", "known": known})
        if any((message.reason, message.language) == (reason, language) for message in kept):
            raise Invalid("There are two messages for this reason in this language.", field=f"{field}.reason")
        kept.append(CannedMessage(reason, language, text))
    return [message.to_data() for message in kept]
