"""What became of a comment, told by its decisions."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.figures.stories import OUTCOMES, Step, Story, tell
from commentsvc.figures.waits import bin_of, quantile, seconds_of

NOW = dt.datetime(2026, 3, 1, 8, 0, tzinfo=dt.UTC)
NORA, TOM, AUTHOR = 1, 2, 9


def story(*steps: tuple[str, str, int | None, str, int | None]) -> Story:
    """One decision a minute: from, to, by whom, why, and the number of the one it undoes."""
    return tell(
        Step(n, before, after, actor, reason, undoes, NOW + dt.timedelta(minutes=n))
        for n, (before, after, actor, reason, undoes) in enumerate(steps, start=1)
    )


HELD = ("pending", "held", None, "held_for_review", None)
PUBLISHED = ("pending", "published", None, "clean", None)


@pytest.mark.parametrize(
    ("steps", "outcome", "verdict"),
    [
        ([], "waiting", None),
        ([HELD], "held", None),
        ([PUBLISHED], "published_model", None),
        ([("pending", "rejected", None, "spam", None)], "rejected_model", None),
        ([("pending", "rejected", None, "imported", None)], "elsewhere", None),
        ([HELD, ("held", "published", NORA, "approved", None)], "published_person", "approved"),
        ([HELD, ("held", "rejected", NORA, "abuse", None)], "rejected_person", "rejected"),
        ([PUBLISHED, ("published", "withdrawn", AUTHOR, "withdrawn", None)], "withdrawn", None),
        # A look that leaves it published does not make it published by her, but says what she thinks.
        ([PUBLISHED, ("published", "published", NORA, "approved", None)], "published_model", "approved"),
        ([PUBLISHED, ("published", "rejected", NORA, "abuse", None)], "rejected_person", "rejected"),
        # An undo leads back to how it was, whoever pressed it.
        ([PUBLISHED, ("published", "rejected", NORA, "abuse", None), ("rejected", "published", TOM, "undone", 2)], "published_model", None),
        ([HELD, ("held", "rejected", NORA, "abuse", None), ("rejected", "held", NORA, "undone", 2)], "held", None),
        (
            [HELD, ("held", "published", NORA, "approved", None), ("published", "rejected", TOM, "abuse", None), ("rejected", "published", TOM, "undone", 3)],
            "published_person", "approved",
        ),
    ],
)
def test_the_outcome_and_the_verdict(steps: list[tuple[str, str, int | None, str, int | None]], outcome: str, verdict: str | None) -> None:
    told = story(*steps)
    assert outcome in OUTCOMES
    assert (told.outcome, told.verdict_on) == (outcome, verdict)


def test_a_decision_undone_by_who_made_it_is_none_and_by_somebody_else_is_overturned() -> None:
    own = story(HELD, ("held", "rejected", NORA, "abuse", None), ("rejected", "held", NORA, "undone", 2))
    assert [(j.counts, j.overturned) for j in own.judgements] == [(False, False)]
    others = story(HELD, ("held", "rejected", NORA, "abuse", None), ("rejected", "held", TOM, "undone", 2))
    assert [(j.counts, j.overturned) for j in others.judgements] == [(True, True)]


def test_a_colleague_who_decides_otherwise_overturns_until_that_is_undone() -> None:
    steps = [HELD, ("held", "published", NORA, "approved", None), ("published", "rejected", TOM, "abuse", None)]
    assert [j.overturned for j in story(*steps).judgements] == [True, False]
    undone = story(*steps, ("rejected", "published", TOM, "undone", 3))
    assert [(j.counts, j.overturned) for j in undone.judgements] == [(True, False), (False, False)]
    changed_her_mind = story(*steps[:2], ("published", "rejected", NORA, "abuse", None))
    assert [j.overturned for j in changed_her_mind.judgements] == [False, False]


def test_waiting_goes_on_after_an_undo_and_both_stays_are_kept() -> None:
    told = story(HELD, ("held", "rejected", NORA, "abuse", None), ("rejected", "held", NORA, "undone", 2), ("held", "published", TOM, "approved", None))
    assert [j.waited for j in told.judgements] == [60.0, 180.0]
    assert [(s.begin.minute, s.since.minute, s.end and s.end.minute) for s in told.stays] == [(1, 1, 2), (3, 1, 4)]


@given(st.lists(st.floats(0, 400 * 86400), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_median_from_bins_is_exact_to_one_per_cent(seconds: list[float], share: float) -> None:
    said = quantile(Counter(map(bin_of, seconds)), share)
    exact = sorted(seconds)[max(1, -int(-share * len(seconds) // 1)) - 1]
    assert said is not None
    assert abs(said - exact) <= 0.01 * exact or exact < 1


def test_a_bin_stands_for_what_is_in_it() -> None:
    assert quantile({}, 0.5) is None
    assert [bin_of(seconds_of(n)) for n in range(600)] == list(range(600))
