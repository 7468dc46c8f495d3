"""What the console calls things: plain words for every stored value. Nothing here decides."""

from __future__ import annotations

from commentsvc.accounts.permissions import Role
from commentsvc.moderation.models import FLAG_REASONS, REJECT_REASONS, Reason
from commentsvc.moderation.queue import COUNT_LIMIT, Queue

QUEUE_NAMES: dict[Queue, str] = {
    Queue.HELD: "Held",
    Queue.FLAGGED: "Flagged",
    Queue.NEW: "New",
    Queue.APPROVED: "Approved",
    Queue.REJECTED: "Rejected",
    Queue.WAITING: "Unchecked",
}
# Shown only while it holds anything, and without a key of its own.
PASSING_QUEUES = frozenset({Queue.WAITING})

# What a queue is for; stands at the head of its list.
QUEUE_PURPOSES: dict[Queue, str] = {
    Queue.HELD: "Waiting for you, longest first",
    Queue.FLAGGED: "Published, and flagged by readers",
    Queue.NEW: "Published without a person, latest first",
    Queue.APPROVED: "Published by a person, latest first",
    Queue.REJECTED: "Not published, latest first",
    Queue.WAITING: "Waiting for the model or for you, longest first",
}

# (headline, what to do next) where a queue has nothing on it.
EMPTY_QUEUES: dict[Queue, tuple[str, str]] = {
    Queue.HELD: ("Nothing is waiting", "Every comment has had its decision. New ones show up here by themselves."),
    Queue.FLAGGED: ("No open flags", "When a reader flags a comment, it comes here with what she wrote."),
    Queue.NEW: ("Nothing new", "Comments that pass the screening are published at once and listed here, in case you want to look."),
    Queue.APPROVED: ("Nothing approved yet", "What you approve is kept here, so that you can find it again."),
    Queue.REJECTED: ("Nothing rejected", "What you or the site's rules reject is kept here, so that it can be taken back."),
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
    Reason.IMPORTED: "Imported",
} | {reason.value: words for reason, words in REJECT_REASONS.items()}

FLAG_NAMES: dict[str, str] = {reason.value: words for reason, words in FLAG_REASONS.items()}

PHASE_NAMES = {
    "commenting_open": "Closed conversation",
    "length": "Length",
    "trusted_author": "Staff",
    "banned_phrases": "Banned phrase",
    "suspect_phrases": "Suspect phrase",
    "links": "Many links",
    "repeat_post": "Repeat",
    "toxicity": "Tone",
    "new_author": "New author",
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

SYSTEM = "The system"


def count_words(number: int) -> str:
    """A queue's count as shown: counting stops at COUNT_LIMIT."""
    return f"{COUNT_LIMIT - 1}+" if number >= COUNT_LIMIT else str(number)
