"""One day of one site, counted from its rows.

What is counted where:

- what became of the comments that were posted on it, as things stand now, and whether people agree with the model
  on them: by the comment's own day, so that outcomes add up to what was posted;
- decisions, and how long they took: by the day they were made on;
- stays in the queue: by the day they began on, with the day they ended on, from which the backlog of any day follows;
- flags: by the day they were raised on.

All of it changes when a later decision does, so a day is counted anew whenever anything touches one of its comments.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from commentsvc.comments.models import Comment, Status
from commentsvc.figures.days import bounds, day_of
from commentsvc.figures.reading import stories, stream
from commentsvc.figures.stories import OUTCOMES, Story
from commentsvc.figures.waits import bin_of
from commentsvc.moderation.models import Decision, Flag, Screening
from commentsvc.screening.submission import Verdict

OPEN = "9999-12-31"  # the day on which a stay ends that has not
AGAINST = {Verdict.HOLD.value, Verdict.REJECT.value}
BANDS = 10  # of scores, each a tenth wide

# What is counted of each person, in this order.
PERSON = ("decisions", "approved", "rejected", "taken_back", "overturned")
REPORTER = ("flags", "right", "wrong")
AGREED = ("approved", "rejected")


def count_day(connection: Connection, site_id: int, day: str, zone: ZoneInfo) -> dict[str, Any] | None:
    """The day's figures, as they are stored; None of a day on which nothing happened."""
    begin, end = bounds(day, zone)
    posted = dict(_posted(connection, site_id, begin, end))
    tally = Tally(day, zone, begin, end)
    for created_at in posted.values():
        tally.posted(created_at)
    told: dict[int, Story] = {}
    for comment_id, story in stories(connection, _touched(site_id, begin, end)):
        tally.happened(story)
        if comment_id in posted:
            tally.became(story.outcome)
            if story.verdict is not None:
                told[comment_id] = story
            elif story.settled_by is not None and story.settled_by.after == Status.PUBLISHED:
                tally.unjudged += 1
            del posted[comment_id]
    for _ in posted:
        tally.became("waiting")
    if told:
        held = {c: story for c, story in told.items() if any(True for _ in story.stays)}
        found = dict(_objections(connection, site_id, begin, end)) if held else {}
        for comment_id, story in told.items():
            tally.judged(story, found.get(comment_id, ()) if comment_id in held else None)
    for user_id, reason, settled_as in _flags(connection, site_id, begin, end):
        tally.flagged(user_id, reason, settled_as)
    return tally.data() if tally.anything else None


class Tally:
    """Adds up a day; `data()` is what is stored of it."""

    def __init__(self, day: str, zone: ZoneInfo, begin: dt.datetime, end: dt.datetime) -> None:
        self.day, self.zone, self.begin, self.end = day, zone, begin, end
        self.anything = False
        self.hours: dict[int, list[int]] = defaultdict(lambda: [0, 0])  # posted, decided by people
        self.outcomes: Counter[str] = Counter()
        self.waits: Counter[int] = Counter()
        self.people: dict[int, list[int]] = defaultdict(lambda: [0] * len(PERSON))
        self.left: Counter[str] = Counter()
        self.labels: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        self.phases: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.held = [0, 0]
        self.missed: Counter[str] = Counter()
        self.confirmed = 0
        self.unjudged = 0
        self.reasons: Counter[str] = Counter()
        self.reporters: dict[int, list[int]] = defaultdict(lambda: [0] * len(REPORTER))

    def posted(self, moment: dt.datetime) -> None:
        """A comment of this day."""
        self.anything = True
        self.hours[moment.astimezone(self.zone).hour][0] += 1

    def became(self, outcome: str) -> None:
        """What a comment of this day is now."""
        self.outcomes[outcome] += 1

    def happened(self, story: Story) -> None:
        """What people did on this day, and what was held on it."""
        for judgement in story.judgements:
            step = judgement.step
            if not self.begin <= step.at < self.end:
                continue
            self.anything = True
            counted = self.people[step.actor_id or 0]
            if not judgement.counts:
                counted[3] += 1
                continue
            counted[0] += 1
            counted[1] += step.after == Status.PUBLISHED
            counted[2] += step.after == Status.REJECTED
            counted[4] += judgement.overturned
            self.hours[step.at.astimezone(self.zone).hour][1] += 1
            if judgement.waited is not None:
                self.waits[bin_of(judgement.waited)] += 1
        for stay in story.stays:
            if self.begin <= stay.begin < self.end:
                self.anything = True
                self.left[OPEN if stay.end is None else day_of(stay.end, self.zone)] += 1

    def judged(self, story: Story, objections: Sequence[Mapping[str, Any]] | None) -> None:
        """What people think of a comment of this day, against what the screening did; None: it was never held."""
        rejected = story.verdict_on == "rejected"
        if objections is None:
            if rejected and story.verdict is not None:
                self.missed[story.verdict.step.reason] += 1
            else:
                self.confirmed += 1
            return
        self.held[rejected] += 1
        for finding in objections:
            self.phases[str(finding.get("phase"))][rejected] += 1
            if finding.get("phase") == "toxicity":
                for label, score in (finding.get("labels") or {}).items():
                    self.labels[label][min(int(score * BANDS), BANDS - 1)][rejected] += 1

    def flagged(self, user_id: int, reason: str, settled_as: str | None) -> None:
        """A flag of this day, and the status that the decision which settled it led to."""
        self.anything = True
        self.reasons[reason] += 1
        counted = self.reporters[user_id]
        counted[0] += 1
        counted[1] += settled_as == Status.REJECTED
        counted[2] += settled_as == Status.PUBLISHED

    @property
    def last_left(self) -> str:
        """The last day on which something that was held on this one left the queue."""
        return max(self.left, default=self.day)

    def data(self) -> dict[str, Any]:
        """Only what is not nothing; JSON's keys are text."""
        return {
            "hours": _text(self.hours), "outcomes": {name: self.outcomes[name] for name in OUTCOMES if self.outcomes[name]},
            "waits": _text(self.waits), "people": _text(self.people), "left": dict(sorted(self.left.items())),
            "held": self.held, "labels": {label: _text(bands) for label, bands in sorted(self.labels.items())},
            "phases": dict(sorted(self.phases.items())), "missed": dict(sorted(self.missed.items())),
            "confirmed": self.confirmed, "unjudged": self.unjudged,
            "flags": dict(sorted(self.reasons.items())), "reporters": _text(self.reporters), "last_left": self.last_left,
        }


def _text(numbers: Mapping[int, Any]) -> dict[str, Any]:
    return {str(key): numbers[key] for key in sorted(numbers)}


def _of_day(site_id: int, begin: dt.datetime, end: dt.datetime) -> tuple[Any, ...]:
    # Every status by name, so that the queues' index (site, status, time) finds the day.
    return (
        Comment.site_id == site_id, Comment.status.in_([s.value for s in Status]), Comment.created_at >= begin,
        Comment.created_at < end,
    )


def _posted(connection: Connection, site_id: int, begin: dt.datetime, end: dt.datetime) -> Iterable[tuple[int, dt.datetime]]:
    return stream(connection, select(Comment.id, Comment.created_at).where(*_of_day(site_id, begin, end)))


def _touched(site_id: int, begin: dt.datetime, end: dt.datetime) -> Select[Any]:
    """The comments that were posted on the day or decided on during it."""
    decided = select(Decision.comment_id).where(
        Decision.site_id == site_id, Decision.created_at >= begin, Decision.created_at < end
    )
    both = select(Comment.id).where(*_of_day(site_id, begin, end)).union(decided).subquery()
    return select(both.c[0])


def _objections(
    connection: Connection, site_id: int, begin: dt.datetime, end: dt.datetime
) -> Iterable[tuple[int, Sequence[Mapping[str, Any]]]]:
    """What the last screening of each of the day's comments held against it, of those that people judged."""
    ids = (
        select(Decision.comment_id)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(*_of_day(site_id, begin, end), Decision.actor_id.is_not(None))
    )
    latest = (
        select(func.max(Screening.id)).join(Comment, Comment.id == Screening.comment_id)
        .where(Screening.comment_id.in_(ids), Screening.revision == Comment.revision).group_by(Screening.comment_id)
    )
    query = select(Screening.comment_id, Screening.findings).where(Screening.id.in_(latest))
    for comment_id, findings in stream(connection, query):
        yield comment_id, [f for f in findings if f.get("verdict") in AGAINST]


def _flags(connection: Connection, site_id: int, begin: dt.datetime, end: dt.datetime) -> Iterable[tuple[int, str, str | None]]:
    return stream(
        connection,
        select(Flag.user_id, Flag.reason, Decision.to_status)
        .join(Decision, Decision.id == Flag.resolved_by_id, isouter=True)
        .where(Flag.site_id == site_id, Flag.created_at >= begin, Flag.created_at < end),
    )
