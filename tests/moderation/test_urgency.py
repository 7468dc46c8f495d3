"""The order by urgency, and what a comment is filed under."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.moderation.urgency import (
    DOUBLING,
    EPOCH,
    GRAVEST,
    GRAVITY,
    due,
    hours,
    label,
    severity,
)
from commentsvc.screening.phases import PHASES
from commentsvc.screening.toxicity import LABELS

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
PLAIN = {"severity": 1.0, "published": 0, "flags": 0, "public": False}


def placed(**given: object) -> float:
    return due(NOON, **(PLAIN | given))  # type: ignore[arg-type]


def test_a_plain_comment_stands_where_it_was_posted() -> None:
    assert placed() == hours(NOON) == (NOON - EPOCH).total_seconds() / 3600


def test_each_factor_of_two_is_half_a_day_of_waiting() -> None:
    earlier = due(NOON - dt.timedelta(hours=DOUBLING), **PLAIN)  # type: ignore[arg-type]
    for twice in ({"severity": 2.0}, {"flags": 1}, {"published": 15}, {"public": True}):
        assert placed(**twice) == pytest.approx(earlier), twice
    assert placed(flags=3) == pytest.approx(due(NOON - dt.timedelta(hours=24), **PLAIN))  # type: ignore[arg-type]


comments = st.tuples(
    st.floats(1, GRAVEST), st.integers(0, 10**6), st.integers(0, 1000), st.booleans(), st.floats(0, 1000),
)


@given(comments, comments, st.floats(0, 10_000))
def test_the_stored_order_is_that_of_the_formula_at_any_hour(one: tuple[float, ...], other: tuple[float, ...], later: float) -> None:
    """urgency(now) = severity * reach * flags * 2 ** (waited / DOUBLING), as docs/moderating.md has it."""
    def stored(c: tuple[float, ...]) -> float:
        return due(NOON - dt.timedelta(hours=c[4]), severity=c[0], published=int(c[1]), flags=int(c[2]), public=bool(c[3]))

    def exponent(c: tuple[float, ...]) -> float:
        from math import log2
        return log2(c[0] * (1 + c[1]) ** 0.25 * (2 if c[3] else 1) * (1 + c[2])) + (c[4] + later) / DOUBLING

    if abs(exponent(one) - exponent(other)) > 1e-6:
        assert (stored(one) < stored(other)) == (exponent(one) > exponent(other))


def finding(phase: str, *labels: str, verdict: str | None = "hold") -> dict[str, object]:
    return {"phase": phase, "verdict": verdict, "labels": dict.fromkeys(labels, 0.9) if labels else None}


@pytest.mark.parametrize(
    ("findings", "filed"),
    [
        ([], ""),
        ([finding("toxicity", "toxicity", "insult")], "insult"),
        ([finding("toxicity", "toxicity", "insult", "threat")], "threat"),
        ([finding("links"), finding("toxicity", "obscene")], "obscene"),
        ([finding("pre_moderation"), finding("suspect_phrases")], "suspect_phrases"),
        ([finding("toxicity")], "unread"),
        ([finding("toxicity", verdict=None), finding("new_author")], "new_author"),
        ([finding("toxicity", "a label of somebody's own model")], "a label of somebody's own mode"),
    ],
)
def test_a_comment_is_filed_under_the_gravest_thing_found(findings: list[dict[str, object]], filed: str) -> None:
    assert label(findings) == filed


def test_every_label_and_every_phase_that_holds_has_its_place() -> None:
    never = {"commenting_open", "trusted_author", "toxicity"}
    assert set(GRAVITY) == {*LABELS, *(p.__name__ for p in PHASES if p.__name__ not in never), "unread", "toxicity"}


def test_severity_grows_with_the_scores_and_is_never_out_of_its_range() -> None:
    steps = [severity([], {"threat": score / 10}) for score in range(11)]
    assert all(a < b for a, b in itertools.pairwise(steps))
    assert (steps[0], steps[-1]) == (1.0, GRAVEST)
    assert severity([], {"threat": 0.9}) > severity([], {"insult": 0.9}) > severity([], {"obscene": 0.9})
    assert severity([], None) == severity([], {"threat": float("nan")}) == 1.0
    assert 1.0 < severity([finding("links")], None) < severity([finding("banned_phrases")], None) < GRAVEST
