"""What other thresholds would have done to a site's own comments, from their stored scores and its people's decisions.

Nothing is scored again. A comment would have been in the queue where any label reaches its limit or another rule
held it; what a rule rejected, or staff wrote, is left out: no limit changes it. Comments that nobody judged are
neither right nor wrong. Precision (of what the queue holds, how much people reject) and recall (of what people
reject, how much the queue holds) are over judged comments, which are no fair sample: people see what was held or
flagged. So each comes with two bounds: if everything unjudged were fine, and if it were as what was judged in its
band of the label's score.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.figures.days import Period, zone_of
from commentsvc.figures.scored import (
    APPROVED,
    GONE,
    REJECTED,
    REST,
    STEPS,
    UNJUDGED,
    Reading,
    Scored,
    read_scores,
)
from commentsvc.figures.tables import Cell, Column, Kind, Table
from commentsvc.i18n import N_, gettext
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site

BANDS = 10
USUAL = 30  # days
SHOWN_BINS = 20  # of the distribution
TABLE_STEP = 5  # hundredths between two rows of a table


@dataclass(frozen=True)
class Queue:
    """What the queue would have held at a threshold, and what it would not."""

    threshold: float
    unjudged: int
    approved: int
    rejected: int
    missed: int  # rejected by people, and the queue would not have held them
    like_held: float  # of the unjudged ones in it, how many people would reject, were they as the judged in their band
    like_missed: float  # and of those not in it

    @property
    def held(self) -> int:
        """Everything in it."""
        return self.unjudged + self.approved + self.rejected

    @property
    def precision(self) -> float | None:
        """Over judged comments."""
        return _share(self.rejected, self.approved + self.rejected)

    @property
    def recall(self) -> float | None:
        """Over judged comments."""
        return _share(self.rejected, self.rejected + self.missed)

    @property
    def precision_if_fine(self) -> float | None:
        """If nobody would reject anything unjudged."""
        return _share(self.rejected, self.held)

    @property
    def precision_if_alike(self) -> float | None:
        """If unjudged comments were as the judged ones in their band of scores."""
        return _share(self.rejected + self.like_held, self.held)

    @property
    def recall_if_alike(self) -> float | None:
        """The same; if all unjudged were fine, recall is that over judged comments."""
        caught = self.rejected + self.like_held
        return _share(caught, caught + self.missed + self.like_missed)


_COLUMNS = tuple(
    Column(name, title, kind)
    for name, title, kind in (
        ("threshold", N_("Hold from"), Kind.SCORE), ("held", N_("Held"), Kind.NUMBER), ("rejected", N_("Rejected by people"), Kind.NUMBER),
        ("approved", N_("Approved"), Kind.NUMBER), ("unjudged", N_("Not judged"), Kind.NUMBER), ("missed", N_("Rejected, not held"), Kind.NUMBER),
        ("precision", N_("Precision"), Kind.SHARE), ("precision_if_fine", N_("if unjudged are fine"), Kind.SHARE),
        ("precision_if_alike", N_("if as judged"), Kind.SHARE), ("recall", N_("Recall"), Kind.SHARE), ("recall_if_alike", N_("if as judged"), Kind.SHARE),
    )
)


def table_of(label: str, rows: Sequence[Sequence[Cell]]) -> Table:
    """A label's table; without rows where nothing was scored."""
    return Table(f"tuning-{label}", gettext("What the queue would have held at each threshold"), _COLUMNS, rows)


@dataclass(frozen=True)
class Curve:
    """One label: its threshold moves, all others stay."""

    label: str
    chosen: Queue
    now: Queue  # at the limit that holds now, others as chosen
    steps: Sequence[Queue]  # at each hundredth
    bins: Sequence[tuple[int, int, int]]  # of the label's score, a twentieth wide: unjudged, approved, rejected

    @property
    def table(self) -> Table:
        """At every twentieth, and at the chosen threshold."""
        rows = [s for n, s in enumerate(self.steps, 1) if n % TABLE_STEP == 0 or s.threshold == self.chosen.threshold]
        return table_of(
            self.label,
            [
                [
                    q.threshold, q.held, q.rejected, q.approved, q.unjudged, q.missed, q.precision, q.precision_if_fine,
                    q.precision_if_alike, q.recall, q.recall_if_alike,
                ]
                for q in rows
            ],
        )


@dataclass(frozen=True)
class Tuning:
    """Everything the page says: of one model's version, at chosen thresholds."""

    model: str | None
    models: Mapping[str, int]  # version -> comments it scored
    comments: int  # that a threshold can hold or let pass
    unscored: int
    judged: int
    days: float  # that they came in
    chosen: Mapping[str, float]
    limits: Mapping[str, float]  # that hold now
    together: Queue | None  # at all chosen thresholds
    together_now: Queue | None
    curves: Mapping[str, Curve]
    read_at: dt.datetime

    def a_day(self, number: float) -> float:
        """So many a day."""
        return number / self.days


def read_thresholds(asked: Mapping[str, str], policy: Policy) -> dict[str, float]:
    """The thresholds that an address names, rounded to hundredths; Invalid names the label whose is none.

    A label that is left out keeps the limit that holds now.
    """
    chosen = {label: policy.hold_at[label] for label in LABELS}
    for label in LABELS:
        text = asked.get(label, "").strip().replace(",", ".")
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= 1:  # not-a-number is none either
            raise Invalid("Write a number above 0, up to 1.", field=label)
        if value != policy.hold_at[label]:
            chosen[label] = max(round(value * 100), 1) / 100
    return chosen


def tuning_of(site: Site, period: Period, chosen: Mapping[str, float], model: str | None) -> Tuning:
    """What these thresholds would have done on a site over a period; see `tune`."""
    policy = site.policy
    ends = min(period.moments(zone_of(site.timezone))[1], utcnow())
    return tune(read_scores(site, period), policy, chosen, model=model, ends=ends)


def tune(reading: Reading, policy: Policy, chosen: Mapping[str, float], *, model: str | None, ends: dt.datetime) -> Tuning:
    """What these thresholds would have done; Invalid where no comment was scored by that model."""
    if model is not None and model not in reading.versions:
        raise Invalid("No comment of these days was scored by this model.", field="model")
    name = model or reading.latest
    models = {one: len(scored) for one, scored in reading.versions.items()}
    limits = {label: policy.hold_at[label] for label in LABELS}
    nothing = Tuning(name, models, 0, reading.unscored, 0, 1.0, chosen, limits, None, None, {}, reading.read_at)
    if name is None:
        return nothing
    scored = reading.versions[name]
    scored = _only(scored, _live(scored, policy))
    if not len(scored):
        return nothing
    begin = scored.first or ends
    return replace(
        nothing, comments=len(scored), judged=int((scored.verdict != UNJUDGED).sum()),
        days=max((ends - begin).total_seconds() / 86400, 1.0),
        together=_queue_at(scored, chosen), together_now=_queue_at(scored, limits),
        curves={label: _curve(scored, label, chosen, limits[label]) for label in LABELS},
    )


def _live(scored: Scored, policy: Policy) -> Any:
    """Those that a threshold for holding can hold or let pass."""
    live = (scored.flags & GONE) == 0
    if policy.reject_clear:
        for label, limit in policy.reject_at.items():
            if label in LABELS:
                # The phase rejects for a score alone, where it holds for the want of one.
                scoreless = scored.reached[:, LABELS.index(label)] > len(scored.grid)
                live &= ~scored.over(label, limit) | scoreless
    return live


def _only(scored: Scored, which: Any) -> Scored:
    return replace(scored, reached=scored.reached[which], verdict=scored.verdict[which], flags=scored.flags[which])


def _held_by(scored: Scored, limits: Mapping[str, float], without: str | None = None) -> Any:
    held = (scored.flags & REST) != 0
    for label, limit in limits.items():
        if label != without:
            held = held | scored.over(label, limit)
    return held


def _queue_at(scored: Scored, limits: Mapping[str, float]) -> Queue:
    """All thresholds together; bands are those of the label that comes first."""
    import numpy as np  # here as in scored.py

    held = _held_by(scored, limits)
    numbers = np.bincount(scored.verdict[held], minlength=3)
    rejected = int((scored.verdict == REJECTED).sum())
    return Queue(0.0, int(numbers[UNJUDGED]), int(numbers[APPROVED]), int(numbers[REJECTED]), rejected - int(numbers[REJECTED]), 0.0, 0.0)


def _curve(scored: Scored, label: str, chosen: Mapping[str, float], limit: float) -> Curve:
    """Counts by how much of the grid each score reaches, added up from the top."""
    import numpy as np  # here as in scored.py

    points = len(scored.grid) + 1
    reached = scored.reached[:, LABELS.index(label)].astype(np.intp)
    others = _held_by(scored, chosen, without=label)
    likely = _likely(scored, reached)
    # [others hold it][verdict][points reached]
    code = (others.astype(np.intp) * 3 + scored.verdict) * (points + 1) + reached
    counts = np.bincount(code, minlength=6 * (points + 1)).reshape(2, 3, points + 1)
    unsure = np.where(scored.verdict == UNJUDGED, likely, 0.0)
    like = np.bincount(others.astype(np.intp) * (points + 1) + reached, weights=unsure, minlength=2 * (points + 1)).reshape(2, points + 1)

    def at(threshold: float) -> Queue:
        first = scored.grid.index(threshold) + 1
        held = counts[1].sum(axis=1) + counts[0][:, first:].sum(axis=1)
        like_held = float(like[1].sum() + like[0][first:].sum())
        return Queue(
            threshold, int(held[UNJUDGED]), int(held[APPROVED]), int(held[REJECTED]), int(counts[:, REJECTED].sum() - held[REJECTED]),
            like_held, max(float(like.sum()) - like_held, 0.0),
        )

    whole = counts.sum(axis=0)
    tops = [scored.grid.index(STEPS[n - 1]) + 1 for n in range(5, 101, 5)]  # reached by a score of 0.05, 0.10 …
    edges = [0, *tops[:-1], points + 1]
    bins = [tuple(int(n) for n in whole[:, a:b].sum(axis=1)) for a, b in pairwise(edges)]
    return Curve(label, at(chosen[label]), at(limit), [at(t) for t in STEPS], bins)  # type: ignore[arg-type]


def _likely(scored: Scored, reached: Any) -> Any:
    """For each comment, the share that people rejected of the judged ones in its tenth of scores; 0 where they judged none."""
    import numpy as np  # here as in scored.py

    tenths = [scored.grid.index(STEPS[n * 10 - 1]) + 1 for n in range(1, BANDS)]
    band = np.searchsorted(np.asarray(tenths), reached, side="right")
    judged = np.bincount(band[scored.verdict != UNJUDGED], minlength=BANDS)
    rejected = np.bincount(band[scored.verdict == REJECTED], minlength=BANDS)
    share = np.divide(rejected, judged, out=np.zeros(BANDS), where=judged > 0)
    return share[band]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
