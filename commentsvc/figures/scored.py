"""The stored scores of a period with what people made of the comments: one pass, eight bytes a comment.

A score is kept as how many points of a grid it reaches. The grid has every hundredth and the site's own limits,
so that at any of these a count is exact; nothing in between is asked for.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, Text, cast, select

from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.figures.days import Period, zone_of
from commentsvc.figures.reading import reading, stories, stream
from commentsvc.moderation.models import Decision, Screening
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Verdict
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site

if TYPE_CHECKING:
    import numpy as np

STEPS = tuple(n / 100 for n in range(1, 101))
UNJUDGED, APPROVED, REJECTED = range(3)
REST, GONE = 1, 2  # another rule holds it; something else than its scores decided it
_STRIDE = len(LABELS) + 2

# What took a second to read is good for 100: the page costs a hundredth of a processor at most.
KEEP_FACTOR = 100
KEEP_MOST = 4  # periods in memory


@dataclass(frozen=True)
class Scored:
    """The comments that one version of a model scored, as columns."""

    model: str
    grid: tuple[float, ...]
    reached: np.ndarray[Any, np.dtype[np.uint8]]  # comments x LABELS: how many points of the grid; one more: no score
    verdict: np.ndarray[Any, np.dtype[np.uint8]]  # UNJUDGED, APPROVED, REJECTED
    flags: np.ndarray[Any, np.dtype[np.uint8]]  # REST, GONE
    first: dt.datetime | None  # when the first of them was posted

    def __len__(self) -> int:
        return len(self.verdict)

    def over(self, label: str, limit: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of them the label's limit holds; the limit is a point of the grid."""
        over: np.ndarray[Any, np.dtype[np.bool_]] = self.reached[:, LABELS.index(label)] > self.grid.index(limit)
        return over


@dataclass
class Reading:
    """All of a period: by version of the model, the latest one first."""

    versions: dict[str, Scored] = field(default_factory=dict)
    latest: str | None = None
    unscored: int = 0  # screened without a model, or not readable for it
    read_at: dt.datetime = field(default_factory=utcnow)


def grid_of(policy: Policy) -> tuple[float, ...]:
    """Every hundredth, and the limits that hold now."""
    return tuple(sorted({*STEPS, *policy.hold_at.values(), *policy.reject_at.values()}))


def read_scores(site: Site, period: Period) -> Reading:
    """What was scored of the comments of these days, read anew or kept from a moment ago."""
    grid = grid_of(site.policy)
    key = (site.id, site.created_at, site.timezone, period.first, period.last, grid)
    with _lock:
        kept = _kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        began = time.monotonic()
        site_id, (begin, end) = site.id, period.moments(zone_of(site.timezone))
        with reading() as connection:
            found = _read(connection, site_id, begin, end, grid)
        _kept.pop(key, None)
        while len(_kept) >= KEEP_MOST:
            _kept.pop(next(iter(_kept)))
        _kept[key] = (time.monotonic() + KEEP_FACTOR * (time.monotonic() - began), found)
        return found


def forget() -> None:
    """Read everything anew the next time."""
    with _lock:
        _kept.clear()


_lock = threading.Lock()  # of two who ask at once, the second gets what the first has read
_kept: dict[tuple[Any, ...], tuple[float, Reading]] = {}


@dataclass
class _Column:
    data: bytearray = field(default_factory=bytearray)
    first: dt.datetime | None = None
    last_id: int = 0


def _read(connection: Connection, site_id: int, begin: dt.datetime, end: dt.datetime, grid: tuple[float, ...]) -> Reading:
    of_period = (
        Comment.site_id == site_id, Comment.status.in_([s.value for s in Status]), Comment.created_at >= begin, Comment.created_at < end,
    )
    judged = select(Decision.comment_id).join(Comment, Comment.id == Decision.comment_id).where(*of_period, Decision.actor_id.is_not(None))
    verdicts = {
        (comment_id, story.verdict.step.revision): APPROVED if story.verdict_on == "approved" else REJECTED
        for comment_id, story in stories(connection, judged)
        if story.verdict is not None
    }
    query = (
        select(
            Screening.comment_id, Screening.id, Screening.model_name, Screening.model_version, cast(Screening.scores, Text),
            cast(Screening.findings, Text), Comment.created_at, Comment.revision,
        )
        .join(Comment, Comment.id == Screening.comment_id)
        .where(*of_period, Screening.revision == Comment.revision)  # what the comment says, whatever an edit would have it say
        .order_by(Screening.comment_id, Screening.id)
    )
    columns: dict[str, _Column] = {}
    found = Reading()
    for comment_id, rows in groupby(stream(connection, query), key=lambda row: row[0]):
        by_model = dict(_by_model(rows))  # of several runs of one model the last counts
        if not by_model:
            found.unscored += 1
        for model, (screening_id, scores, findings, created_at, revision) in by_model.items():
            column = columns.setdefault(model, _Column())
            column.data += bytes(_reached(scores, grid))
            column.data.append(verdicts.get((comment_id, revision), UNJUDGED))
            column.data.append(_flags(findings))
            column.last_id = max(column.last_id, screening_id)
            column.first = min(column.first or created_at, created_at)
    import numpy as np  # here: a web process in which nobody asks for this is 9 MiB smaller

    order = sorted(columns, key=lambda name: columns[name].last_id, reverse=True)
    found.latest = order[0] if order else None
    for name in order:
        cells = np.frombuffer(bytes(columns[name].data), dtype=np.uint8).reshape(-1, _STRIDE)
        found.versions[name] = Scored(name, grid, cells[:, : len(LABELS)], cells[:, -2], cells[:, -1], columns[name].first)
    return found


def _by_model(rows: Any) -> Iterator[tuple[str, tuple[int, Mapping[str, Any], str, dt.datetime, int]]]:
    for _, screening_id, name, version, scores, findings, created_at, revision in rows:
        read = orjson.loads(scores) if scores else None
        if read:
            yield f"{name} {version}", (screening_id, read, findings, created_at, revision)


def _reached(scores: Mapping[str, Any], grid: tuple[float, ...]) -> Iterator[int]:
    """A label without a score is over every limit for holding, as in screening.phases.toxicity: more than all points."""
    for label in LABELS:
        score = scores.get(label)
        yield bisect_right(grid, score) if isinstance(score, int | float) else len(grid) + 1


def _flags(findings: str) -> int:
    if findings == "[]":
        return 0
    flags = 0
    for finding in orjson.loads(findings):
        if finding.get("phase") == "toxicity":
            continue
        if finding.get("verdict") == Verdict.HOLD:
            flags |= REST
        elif finding.get("verdict") in (Verdict.REJECT, Verdict.PUBLISH):
            flags |= GONE
    return flags
