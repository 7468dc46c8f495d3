"""What the console calls things: plain words for every stored value. Nothing here decides."""

from __future__ import annotations

from commentsvc.accounts.permissions import Role
from commentsvc.i18n import N_
from commentsvc.moderation.filters import Order
from commentsvc.moderation.models import FLAG_REASONS, REJECT_REASONS, Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.queue import COUNT_LIMIT, Count, Queue
from commentsvc.moderation.urgency import GRAVITY
from commentsvc.screening.trust import Level

QUEUE_NAMES: dict[Queue, str] = {
    Queue.HELD: "Held",
    Queue.FLAGGED: "Flagged",
    Queue.NEW: "New",
    Queue.APPROVED: "Approved",
    Queue.REJECTED: "Rejected",
    Queue.ALL: "All",
    Queue.WAITING: "Unchecked",
}
# Shown only while it holds anything, and without a key of its own.
PASSING_QUEUES = frozenset({Queue.WAITING})

# What a queue is for; stands at the head of its list.
QUEUE_PURPOSES: dict[Queue, str] = {
    Queue.HELD: "Waiting for you",
    Queue.FLAGGED: "Published, and flagged by readers",
    Queue.NEW: "Published without a person",
    Queue.APPROVED: "Published by a person",
    Queue.REJECTED: "Not published",
    Queue.ALL: "Whatever became of it",
    Queue.WAITING: "Waiting for the model or for you",
}

# (headline, what to do next) where a queue has nothing on it.
EMPTY_QUEUES: dict[Queue, tuple[str, str]] = {
    Queue.HELD: ("No held comments", "Every comment has had its decision. New ones appear here."),
    Queue.FLAGGED: ("No open flags", "When a reader flags a comment, it comes here with what she wrote."),
    Queue.NEW: ("Nothing new", "Comments that pass the screening are published at once and listed here, in case you want to look."),
    Queue.APPROVED: ("Nothing approved yet", "What you approve is kept here, so that you can find it again."),
    Queue.REJECTED: ("Nothing rejected", "What you or the site's rules reject is kept here, so that it can be taken back."),
    Queue.ALL: ("No comments yet", "Every comment of this site is listed here, whatever became of it."),
    Queue.WAITING: ("Everything is checked", "Comments stand here while the model cannot read them. Decide on them if it takes too long."),
}

STATUS_NAMES = {
    "pending": "Being checked",
    "held": "Waiting",
    "published": "Published",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}

# What a decision did, by the status it led to.
DECIDED = {
    "pending": "Sent back to the check",
    "held": "Held",
    "published": "Published",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}

REASON_NAMES: dict[str, str] = {
    Reason.CLEAN: "Nothing found",
    Reason.TRUSTED: "Written by staff",
    Reason.UNSCORED: "Published without the model",
    Reason.HELD_FOR_REVIEW: "Waiting for a community manager",
    Reason.APPROVED: "Approved",
    Reason.CLOSED: "The conversation was closed",
    Reason.WITHDRAWN: "Taken back by its author",
    Reason.UNDONE: "Decision taken back",
    Reason.UPHELD: "Appeal: the decision stands",
    Reason.OVERTURNED: "Appeal: the decision was wrong",
    Reason.FEATURED: "Featured",
    Reason.UNFEATURED: "No longer featured",
    Reason.PINNED: "Pinned to the top",
    Reason.UNPINNED: "No longer pinned",
    Reason.IMPORTED: "Imported",
    Reason.EDITED: "Its author wrote it anew",
    Reason.EDIT_ACCEPTED: "Edit accepted",
    Reason.EDIT_HELD: "Edit held",
    Reason.EDIT_REJECTED: "Edit rejected",
} | {reason.value: words for reason, words in REJECT_REASONS.items()}

# What was done to a comment whose status stayed, in its history.
MARK_WORDS: dict[str, str] = {
    Reason.FEATURED: "Featured", Reason.UNFEATURED: "Unfeatured", Reason.PINNED: "Pinned", Reason.UNPINNED: "Unpinned",
    Reason.EDIT_ACCEPTED: "Edit accepted", Reason.EDIT_HELD: "Edit held for a person", Reason.EDIT_REJECTED: "Edit rejected",
}

# What became of a revision, beside what the comment says now.
EDIT_STATES: dict[str, str] = {
    "waiting": N_("waits"), "replaced": N_("replaced before others read it"), "rejected": N_("rejected"),
}

FLAG_NAMES: dict[str, str] = {reason.value: words for reason, words in FLAG_REASONS.items()}

PHASE_NAMES = {
    "commenting_open": "Closed conversation",
    "length": "Length",
    "trusted_author": "Staff",
    "banned_phrases": "Banned phrase",
    "suspect_phrases": "Suspect phrase",
    "links": "Many links",
    "sanction": "Read first",
    "repeat_post": "Repeat",
    "toxicity": "Tone",
    "new_author": "New author",
    "trust": "Watched author",
    "pre_moderation": "Read before publishing",
}

# The model's labels: (short name, what it looks for).
LABEL_NAMES: dict[str, tuple[str, str]] = {
    "toxicity": ("Rude", "Rude or disrespectful; likely to make people leave the conversation"),
    "severe_toxicity": ("Very hateful", "Hateful or aggressive beyond being rude"),
    "obscene": ("Obscene", "Swearing and sexual language"),
    "threat": ("Threat", "An intention to hurt somebody"),
    "insult": ("Insult", "Meant to hurt a person in the conversation or in the news"),
    "identity_attack": ("Attack on a group", "Against people for their origin, religion, gender or the like"),
}

ROLE_NAMES: dict[str, str] = {
    Role.READER: "Reader",
    Role.MEMBER: "Member",
    Role.EXPERT: "Expert",
    Role.COMMUNITY_MANAGER: "Community manager",
    Role.ADMIN: "Admin",
}

SANCTION_NAMES: dict[str, str] = {
    SanctionKind.WARN: "Warned",
    SanctionKind.SUSPEND: "Suspended",
    SanctionKind.BAN: "Banned",
    SanctionKind.ALWAYS_REVIEW: "Always read first",
    SanctionKind.SHADOW: "Shadowed",
}
# (what to press, what it does) in the order the console offers them, the mildest first.
SANCTIONS: dict[str, tuple[str, str]] = {
    SanctionKind.WARN: ("Warn", "Has to read your message before posting again"),
    SanctionKind.ALWAYS_REVIEW: ("Always read first", "Every new comment is held for you"),
    SanctionKind.SUSPEND: ("Suspend", "No posts, votes or flags until a time; ends by itself"),
    SanctionKind.BAN: ("Ban", "No posts, votes or flags until somebody ends it"),
    SanctionKind.SHADOW: ("Shadow", "Held for you, and shown to the author as published; told when it ends. Against spam, at most 30 days"),
}

LEVEL_NAMES: dict[str, str] = {
    Level.WATCHED: "Watched",
    Level.NEW: "New",
    Level.MEMBER: "Member",
    Level.TRUSTED: "Trusted",
}
LEVEL_MEANINGS: dict[str, str] = {
    Level.WATCHED: "Several comments rejected in the last 90 days",
    Level.NEW: "Fewer than 3 comments that stand",
    Level.MEMBER: "At least 3 comments that stand",
    Level.TRUSTED: "At least 20 comments that stand, over 30 days, none rejected lately",
}

# Which comment comes first, in the words of the choice.
ORDER_NAMES: dict[Order, str] = {Order.URGENT: "Urgent first", Order.OLDEST: "Oldest first", Order.NEWEST: "Newest first"}

# Why a comment was held: a label of the model over the site's limit, or a phase.
HELD_FOR: dict[str, str] = {
    name: LABEL_NAMES[name][0] if name in LABEL_NAMES else PHASE_NAMES.get(name, "The model could not read it") for name in GRAVITY
}

# The languages that comments are most written in, by their names in English.
LANGUAGE_NAMES: dict[str, str] = {
    "ar": "Arabic", "bn": "Bengali", "bg": "Bulgarian", "ca": "Catalan", "zh": "Chinese", "hr": "Croatian", "cs": "Czech", "da": "Danish",
    "nl": "Dutch", "en": "English", "et": "Estonian", "fi": "Finnish", "fr": "French", "de": "German", "el": "Greek", "iw": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lv": "Latvian",
    "lt": "Lithuanian", "ms": "Malay", "no": "Norwegian", "fa": "Persian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sr": "Serbian", "sk": "Slovak", "sl": "Slovenian", "es": "Spanish", "sv": "Swedish", "tl": "Tagalog",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
}

SYSTEM = "The system"


def count_words(number: int | Count) -> str:
    """A queue's count as shown: counting stops at COUNT_LIMIT, or where looking further would take long."""
    if isinstance(number, Count):
        return f"{number.number}+" if number.more and number.number < COUNT_LIMIT else count_words(number.number)
    return f"{COUNT_LIMIT - 1}+" if number >= COUNT_LIMIT else str(number)
