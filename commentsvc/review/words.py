"""What the console calls things: plain words for every stored value. Nothing here decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from markupsafe import Markup

from commentsvc.accounts.permissions import Role
from commentsvc.i18n import N_, NP_, gettext, ngettext
from commentsvc.moderation.filters import Order
from commentsvc.moderation.models import FLAG_REASONS, NOTICE_KINDS, REJECT_REASONS, Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.queue import COUNT_LIMIT, AuthorRecord, Count, Queue
from commentsvc.moderation.urgency import GRAVITY
from commentsvc.screening.trust import Level

K = TypeVar("K")
V = TypeVar("V", str, tuple[str, str])


class Words(Mapping[K, V]):
    """Words for people by what they stand for: kept in English, and given in the reader's language."""

    def __init__(self, texts: Mapping[K, V]) -> None:
        self._texts: Mapping[K, V] = texts

    def __getitem__(self, key: K) -> V:
        text = self._texts[key]
        if isinstance(text, str):
            return gettext(text)
        return gettext(text[0]), gettext(text[1])

    def __iter__(self) -> Iterator[K]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, key: object) -> bool:
        return key in self._texts


QUEUE_NAMES: Words[Queue, str] = Words({
    Queue.HELD: N_("Held"),
    Queue.FLAGGED: N_("Flagged"),
    Queue.NEW: NP_("comments", "New"),
    Queue.APPROVED: N_("Approved"),
    Queue.REJECTED: N_("Rejected"),
    Queue.ALL: N_("All"),
    Queue.WAITING: N_("Unchecked"),
})
# Shown only while it holds anything, and without a key of its own.
PASSING_QUEUES = frozenset({Queue.WAITING})

# What a queue is for; stands at the head of its list.
QUEUE_PURPOSES: Words[Queue, str] = Words({
    Queue.HELD: N_("Waiting for you"),
    Queue.FLAGGED: N_("Published, and flagged by readers"),
    Queue.NEW: N_("Published without a person"),
    Queue.APPROVED: N_("Published by a person"),
    Queue.REJECTED: N_("Not published"),
    Queue.ALL: N_("Whatever became of it"),
    Queue.WAITING: N_("Waiting for the model or for you"),
})

# (headline, what to do next) where a queue has nothing on it.
EMPTY_QUEUES: Words[Queue, tuple[str, str]] = Words({
    Queue.HELD: (N_("No held comments"), N_("Every comment has had its decision. New ones appear here.")),
    Queue.FLAGGED: (N_("No open flags"), N_("When a reader flags a comment, it comes here with what she wrote.")),
    Queue.NEW: (N_("Nothing new"), N_("Comments that pass the screening are published at once and listed here, in case you want to look.")),
    Queue.APPROVED: (N_("Nothing approved yet"), N_("What you approve is kept here, so that you can find it again.")),
    Queue.REJECTED: (N_("Nothing rejected"), N_("What you or the site's rules reject is kept here, so that it can be taken back.")),
    Queue.ALL: (N_("No comments yet"), N_("Every comment of this site is listed here, whatever became of it.")),
    Queue.WAITING: (N_("Everything is checked"), N_("Comments stand here while the model cannot read them. Decide on them if it takes too long.")),
})

# Where the filters that are on leave nothing of a queue.
NO_MATCH: Words[Queue, str] = Words({
    Queue.HELD: N_("No held comments match"), Queue.FLAGGED: N_("No flagged comments match"), Queue.NEW: N_("No new comments match"),
    Queue.APPROVED: N_("No approved comments match"), Queue.REJECTED: N_("No rejected comments match"), Queue.ALL: N_("No comments match"),
    Queue.WAITING: N_("No unchecked comments match"),
})
# Where none of a person's sites has anything in a queue.
NONE_ANYWHERE: Words[Queue, str] = Words({
    Queue.HELD: N_("No held comments on these sites"), Queue.FLAGGED: N_("No flagged comments on these sites"),
    Queue.NEW: N_("No new comments on these sites"), Queue.APPROVED: N_("No approved comments on these sites"),
    Queue.REJECTED: N_("No rejected comments on these sites"), Queue.ALL: N_("No comments on these sites"),
    Queue.WAITING: N_("No unchecked comments on these sites"),
})

STATUS_NAMES: Words[str, str] = Words({
    "pending": N_("Being checked"),
    "held": N_("Waiting"),
    "published": N_("Published"),
    "rejected": N_("Rejected"),
    "withdrawn": N_("Withdrawn"),
})

# What a decision did, by the status it led to.
DECIDED: Words[str, str] = Words({
    "pending": N_("Sent back to the check"),
    "held": N_("Held"),
    "published": N_("Published"),
    "rejected": N_("Rejected"),
    "withdrawn": N_("Withdrawn"),
})

REASON_NAMES: Words[str, str] = Words({
    Reason.CLEAN: N_("Nothing found"),
    Reason.TRUSTED: N_("Written by staff"),
    Reason.UNSCORED: N_("Published without the model"),
    Reason.HELD_FOR_REVIEW: N_("Waiting for a community manager"),
    Reason.APPROVED: N_("Approved"),
    Reason.CLOSED: N_("The conversation was closed"),
    Reason.WITHDRAWN: N_("Taken back by its author"),
    Reason.UNDONE: N_("Decision taken back"),
    Reason.UPHELD: N_("Appeal: the decision stands"),
    Reason.OVERTURNED: N_("Appeal: the decision was wrong"),
    Reason.FEATURED: N_("Featured"),
    Reason.UNFEATURED: N_("No longer featured"),
    Reason.PINNED: N_("Pinned to the top"),
    Reason.UNPINNED: N_("No longer pinned"),
    Reason.IMPORTED: N_("Imported"),
    Reason.EDITED: N_("Its author wrote it anew"),
    Reason.EDIT_ACCEPTED: N_("Edit accepted"),
    Reason.EDIT_HELD: N_("Edit held"),
    Reason.EDIT_REJECTED: N_("Edit rejected"),
} | {reason.value: words for reason, words in REJECT_REASONS.items()})

# What was done to a comment whose status stayed, in its history.
MARK_WORDS: Words[str, str] = Words({
    Reason.FEATURED: N_("Featured"), Reason.UNFEATURED: N_("Unfeatured"), Reason.PINNED: N_("Pinned"), Reason.UNPINNED: N_("Unpinned"),
    Reason.EDIT_ACCEPTED: N_("Edit accepted"), Reason.EDIT_HELD: N_("Edit held for a person"), Reason.EDIT_REJECTED: N_("Edit rejected"),
})

# What became of a revision, beside what the comment says now.
EDIT_STATES: Words[str, str] = Words({
    "waiting": N_("waits"), "replaced": N_("replaced before others read it"), "rejected": N_("rejected"),
})

NOTICE_NAMES: Words[str, str] = Words({kind.value: words for kind, words in NOTICE_KINDS.items()})

FLAG_NAMES: Words[str, str] = Words({reason.value: words for reason, words in FLAG_REASONS.items()})

PHASE_NAMES: Words[str, str] = Words({
    "commenting_open": N_("Closed conversation"),
    "length": N_("Length"),
    "trusted_author": N_("Staff"),
    "banned_phrases": N_("Banned phrase"),
    "suspect_phrases": N_("Suspect phrase"),
    "links": N_("Many links"),
    "sanction": N_("Read first"),
    "repeat_post": N_("Repeat"),
    "toxicity": N_("Tone"),
    "new_author": N_("New author"),
    "trust": N_("Watched author"),
    "pre_moderation": N_("Read before publishing"),
})

# What the phases say, who know no language: kept with the comment in English, and translated by the text itself.
FINDING_TEXTS = (
    N_("A community manager reads every comment of this author first."),
    N_("The author is shadowed: she sees this as published, others do once it is approved."),
    N_("A rule of the site holds comments from e-mail addresses at this domain."), N_("The conversation was closed."),
    N_("Written by the site's staff."), N_("A person reads this one."), N_("A person had looked at this comment before its author changed it."), N_("The author posted the same text before."), N_("Waits for the model."),
    N_("The model could not read this one."), N_("Several of the author's comments were rejected lately."),
    N_("Every comment on this site is read before it is published."), N_("Every comment on this article is read before it is published."),
    N_("Every comment on this section is read before it is published."),
)

# The model's labels: (short name, what it looks for).
LABEL_NAMES: Words[str, tuple[str, str]] = Words({
    "toxicity": (N_("Rude"), N_("Rude or disrespectful; likely to make people leave the conversation")),
    "severe_toxicity": (N_("Very hateful"), N_("Hateful or aggressive beyond being rude")),
    "obscene": (N_("Obscene"), N_("Swearing and sexual language")),
    "threat": (N_("Threat"), N_("An intention to hurt somebody")),
    "insult": (N_("Insult"), N_("Meant to hurt a person in the conversation or in the news")),
    "identity_attack": (N_("Attack on a group"), N_("Against people for their origin, religion, gender or the like")),
})

ROLE_NAMES: Words[str, str] = Words({
    Role.READER: N_("Reader"),
    Role.MEMBER: N_("Member"),
    Role.EXPERT: N_("Expert"),
    Role.COMMUNITY_MANAGER: N_("Community manager"),
    Role.ADMIN: N_("Admin"),
})

SANCTION_NAMES: Words[str, str] = Words({
    SanctionKind.WARN: N_("Warned"),
    SanctionKind.SUSPEND: N_("Suspended"),
    SanctionKind.BAN: N_("Banned"),
    SanctionKind.ALWAYS_REVIEW: N_("Always read first"),
    SanctionKind.SHADOW: N_("Shadowed"),
})
# (what to press, what it does) in the order the console offers them, the mildest first.
SANCTIONS: Words[str, tuple[str, str]] = Words({
    SanctionKind.WARN: (N_("Warn"), N_("Has to read your message before posting again")),
    SanctionKind.ALWAYS_REVIEW: (N_("Always read first"), N_("Every new comment is held for you")),
    SanctionKind.SUSPEND: (N_("Suspend"), N_("No posts, votes or flags until a time; ends by itself")),
    SanctionKind.BAN: (N_("Ban"), N_("No posts, votes or flags until somebody ends it")),
    SanctionKind.SHADOW: (N_("Shadow"), N_("Held for you, and shown to the author as published; told when it ends. Against spam, at most 30 days")),
})

LEVEL_NAMES: Words[str, str] = Words({
    Level.WATCHED: N_("Watched"),
    Level.NEW: N_("New"),
    Level.MEMBER: N_("Member"),
    Level.TRUSTED: N_("Trusted"),
})
LEVEL_MEANINGS: Words[str, str] = Words({
    Level.WATCHED: N_("Several comments rejected in the last 90 days"),
    Level.NEW: N_("Fewer than 3 comments that stand"),
    Level.MEMBER: N_("At least 3 comments that stand"),
    Level.TRUSTED: N_("At least 20 comments that stand, over 30 days, none rejected lately"),
})

# Which comment comes first, in the words of the choice.
ORDER_NAMES: Words[Order, str] = Words({Order.URGENT: N_("Urgent first"), Order.OLDEST: N_("Oldest first"), Order.NEWEST: N_("Newest first")})

# Why a comment was held: a label of the model over the site's limit, or a phase.
HELD_FOR: Words[str, str] = Words({
    name: LABEL_NAMES[name][0] if name in LABEL_NAMES else PHASE_NAMES.get(name, N_("The model could not read it")) for name in GRAVITY
})

# The languages that comments are most written in, by their names in English.
LANGUAGE_NAMES: Words[str, str] = Words({
    "ar": N_("Arabic"), "bn": N_("Bengali"), "bg": N_("Bulgarian"), "ca": N_("Catalan"), "zh": N_("Chinese"), "hr": N_("Croatian"), "cs": N_("Czech"), "da": N_("Danish"),
    "nl": N_("Dutch"), "en": N_("English"), "et": N_("Estonian"), "fi": N_("Finnish"), "fr": N_("French"), "de": N_("German"), "el": N_("Greek"), "iw": N_("Hebrew"),
    "hi": N_("Hindi"), "hu": N_("Hungarian"), "id": N_("Indonesian"), "it": N_("Italian"), "ja": N_("Japanese"), "ko": N_("Korean"), "lv": N_("Latvian"),
    "lt": N_("Lithuanian"), "ms": N_("Malay"), "no": N_("Norwegian"), "fa": N_("Persian"), "pl": N_("Polish"), "pt": N_("Portuguese"), "ro": N_("Romanian"),
    "ru": N_("Russian"), "sr": N_("Serbian"), "sk": N_("Slovak"), "sl": N_("Slovenian"), "es": N_("Spanish"), "sv": N_("Swedish"), "tl": N_("Tagalog"),
    "th": N_("Thai"), "tr": N_("Turkish"), "uk": N_("Ukrainian"), "ur": N_("Urdu"), "vi": N_("Vietnamese"),
})


def site_words(words: str) -> str:
    """What a site calls a reason: its own words as they are, those it was given in the reader's language."""
    return gettext(words) if words in _BUILT_IN else words


_BUILT_IN = frozenset(REJECT_REASONS.values())
SYSTEM = N_("The system")


def record_words(record: AuthorRecord) -> list[Markup]:
    """What became of a person's comments on a site, a number and its word each."""
    told = (
        ngettext("<b>%(num)d</b> published", "<b>%(num)d</b> published", record.published),
        ngettext("<b>%(num)d</b> rejected", "<b>%(num)d</b> rejected", record.rejected),
        ngettext("<b>%(num)d</b> held", "<b>%(num)d</b> held", record.held),
        ngettext("<b>%(num)d</b> withdrawn", "<b>%(num)d</b> withdrawn", record.withdrawn),
        ngettext("<b>%(num)d</b> flagged", "<b>%(num)d</b> flagged", record.flagged),
    )
    return [Markup(words) for words in told]  # noqa: S704 - our own words and numbers


def count_words(number: int | Count) -> str:
    """A queue's count as shown: counting stops at COUNT_LIMIT, or where looking further would take long."""
    if isinstance(number, Count):
        return f"{number.number}+" if number.more and number.number < COUNT_LIMIT else count_words(number.number)
    return f"{COUNT_LIMIT - 1}+" if number >= COUNT_LIMIT else str(number)
