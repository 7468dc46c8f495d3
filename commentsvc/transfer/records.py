"""The neutral record that every format is read into, and the order records are written in."""

from __future__ import annotations

import datetime as dt
import enum
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass


class SourceStatus(enum.StrEnum):
    """What the source had decided; OPEN is for our own screening to decide."""

    OPEN = "open"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class SkipReason(enum.StrEnum):
    """Why a comment of the source does not come over."""

    BAD_TIME = "bad_time"
    BAD_ID = "bad_id"
    BAD_ARTICLE = "bad_article"
    EMPTY_BODY = "empty_body"
    TOO_LONG = "too_long"
    UNKNOWN_PARENT = "unknown_parent"
    PARENT_ELSEWHERE = "parent_elsewhere"
    PARENT_SKIPPED = "parent_skipped"
    PARENT_LOOP = "parent_loop"
    REPEATED_ID = "repeated_id"
    OLDER_COPY = "older_copy"


SKIP_WORDS: dict[SkipReason, str] = {
    SkipReason.BAD_TIME: "its time is missing, unreadable or in the future",
    SkipReason.BAD_ID: "it has no id, or one longer than 200 characters",
    SkipReason.BAD_ARTICLE: "its article's address is not an http or https URL",
    SkipReason.EMPTY_BODY: "it has no text",
    SkipReason.TOO_LONG: "it is longer than any comment may be",
    SkipReason.UNKNOWN_PARENT: "it answers a comment that is neither in the source nor here",
    SkipReason.PARENT_ELSEWHERE: "it answers a comment under another article",
    SkipReason.PARENT_SKIPPED: "it answers a comment that was skipped",
    SkipReason.PARENT_LOOP: "it answers itself, directly or around a loop",
    SkipReason.REPEATED_ID: "the source has another comment of the same id before it",
    SkipReason.OLDER_COPY: "a newer file holds the same conversation",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A comment of the source that does not come over, and why."""

    external_id: str
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class ImportedComment:
    """A comment as any source has it. Ids and keys begin with the format's name and a colon."""

    external_id: str
    parent_external_id: str | None
    article_url: str
    article_title: str
    author_key: str
    author_name: str
    created_at: dt.datetime
    body: str  # Markdown or plain text
    up: int = 0
    down: int = 0
    status: SourceStatus = SourceStatus.OPEN


def in_order(
    records: Iterable[ImportedComment], *, known: Collection[str] = (), dropped: Collection[str] = ()
) -> tuple[list[ImportedComment], list[Skipped]]:
    """The records oldest first with every parent before its replies, and those without a place.

    `known` are external ids that are here already, `dropped` those skipped before. A reply that
    claims to be older than its parent comes directly after it. Pure; linear but for the sort.
    """
    skipped: list[Skipped] = []
    by_id: dict[str, ImportedComment] = {}
    for record in records:
        if record.external_id in by_id:
            skipped.append(Skipped(record.external_id, SkipReason.REPEATED_ID))
        else:
            by_id[record.external_id] = record
    ordered: list[ImportedComment] = []
    placed: set[str] = set()
    waiting: dict[str, list[ImportedComment]] = defaultdict(list)

    def place(first: ImportedComment) -> None:
        ready = [first]
        while ready:
            record = ready.pop()
            ordered.append(record)
            placed.add(record.external_id)
            ready.extend(reversed(waiting.pop(record.external_id, ())))

    # sorted() is stable: comments of one moment stay in the order of the source.
    for record in sorted(by_id.values(), key=lambda r: r.created_at):
        parent = record.parent_external_id
        if parent is not None and parent in by_id and by_id[parent].article_url != record.article_url:
            skipped.append(Skipped(record.external_id, SkipReason.PARENT_ELSEWHERE))
        elif parent is None or parent in placed or (parent in known and parent not in by_id):
            place(record)
        elif parent not in by_id:
            reason = SkipReason.PARENT_SKIPPED if parent in dropped else SkipReason.UNKNOWN_PARENT
            skipped.append(Skipped(record.external_id, reason))
        else:
            waiting[parent].append(record)
    skipped.extend(_without_place(waiting, {s.external_id for s in skipped}))
    return ordered, skipped


def _without_place(waiting: dict[str, list[ImportedComment]], unplaced: set[str]) -> list[Skipped]:
    """What still waits: below a comment that was skipped, else in or below a loop of parents."""
    skipped = []
    below = [parent for parent in waiting if parent in unplaced]
    while below:
        for record in waiting.pop(below.pop(), ()):
            skipped.append(Skipped(record.external_id, SkipReason.PARENT_SKIPPED))
            below.append(record.external_id)
    skipped.extend(
        Skipped(record.external_id, SkipReason.PARENT_LOOP) for left in waiting.values() for record in left
    )
    return skipped
