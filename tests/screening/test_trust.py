"""Levels of trust: the formula, and that nobody raises her own by accounts of her own making."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.errors import Invalid
from commentsvc.screening.phases import sanction, trust
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import DEFAULT_HOLD, EmailRule, Policy, check_policy
from commentsvc.screening.submission import Submission, Verdict
from commentsvc.screening.trust import Level, Standing, level_of

NOW = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

standing_of = st.builds(
    Standing, published=st.integers(0, 50), first_published=st.one_of(st.none(), st.integers(0, 400).map(lambda d: NOW - d * DAY)),
    rejected=st.integers(0, 30), upheld=st.integers(0, 30),
)


@pytest.mark.parametrize(
    ("standing", "level"),
    [
        (Standing(), Level.NEW), (Standing(published=2), Level.NEW), (Standing(published=3), Level.MEMBER),
        (Standing(published=20, first_published=NOW - 30 * DAY), Level.TRUSTED),
        (Standing(published=20, first_published=NOW - 29 * DAY), Level.MEMBER),
        (Standing(published=50, first_published=NOW - 90 * DAY, rejected=1), Level.MEMBER),
        (Standing(published=29, rejected=3), Level.WATCHED), (Standing(published=30, rejected=3), Level.MEMBER),
        (Standing(published=0, rejected=2), Level.NEW), (Standing(published=0, rejected=2, upheld=1), Level.WATCHED),
    ],
)
def test_the_formula_says_what_is_written_down(standing: Standing, level: Level) -> None:
    assert level_of(standing, NOW) == level


@given(standing_of, st.integers(0, 5), st.integers(0, 5))
def test_marks_never_raise_a_level_and_good_comments_never_lower_it(standing: Standing, marks: int, more: int) -> None:
    before = level_of(standing, NOW).rank
    assert level_of(replace(standing, rejected=standing.rejected + marks), NOW).rank <= before
    assert level_of(replace(standing, upheld=standing.upheld + marks), NOW).rank <= before
    assert level_of(replace(standing, published=standing.published + more), NOW).rank >= before


def said(body: str, level: str | None, policy: Policy, **given: object) -> Submission:
    scores = dict.fromkeys(DEFAULT_HOLD, 0.0) | {"insult": 0.5}
    values: dict[str, object] = {"body": body, "policy": policy.for_level(level), "submitted_at": NOW, "author_level": level, "scores": scores}
    return Submission(**(values | given))  # type: ignore[arg-type]


def test_a_level_moves_limits_links_and_nothing_by_default() -> None:
    plain = Policy()
    for level in (None, *Level):
        assert plain.for_level(level) == plain
        assert screen(said("See https://a.example.", level, plain)).verdict == Verdict.PUBLISH
    strict = Policy(trust_offset_new=0.2, trust_offset_trusted=0.3, trust_links_from="member", trust_hold_watched=True)
    verdicts = {level: screen(said("A remark.", level, strict)).verdict for level in Level}
    assert verdicts == {Level.WATCHED: Verdict.HOLD, Level.NEW: Verdict.HOLD, Level.MEMBER: Verdict.PUBLISH, Level.TRUSTED: Verdict.PUBLISH}
    assert strict.for_level("trusted").hold_at["insult"] == pytest.approx(0.9)
    assert strict.for_level("new").hold_at["threat"] == pytest.approx(0.1)
    with_link = screen(said("See https://a.example.", "new", replace(strict, trust_offset_new=0.0)))
    assert [f.phase for f in with_link.findings] == ["links"]
    assert trust(said("A remark.", "new", strict)) is None


@given(st.floats(0, 0.5), st.sampled_from([None, *Level]))
def test_no_offset_makes_a_limit_that_holds_nothing_or_is_none(offset: float, level: str | None) -> None:
    policy = Policy(trust_offset_new=offset, trust_offset_trusted=offset).for_level(level)
    assert all(0 < limit <= 1 for limit in policy.hold_at.values())
    check_policy(policy)


def test_what_held_for_the_author_holds_the_comment_after_staff_and_beside_what_else_is_found() -> None:
    found = screen(said("You fool.", None, Policy(hold_at={**DEFAULT_HOLD, "insult": 0.4}), hold_for="always_review"))
    assert [(f.phase, f.verdict) for f in found.findings] == [("sanction", Verdict.HOLD), ("toxicity", Verdict.HOLD)]
    staff = screen(said("A remark.", None, Policy(), hold_for="always_review", author_is_staff=True))
    assert staff.verdict == Verdict.PUBLISH
    rejected = screen(said("Damn.", None, Policy(banned_phrases=("damn",), reject_clear=True), hold_for="shadow"))
    assert rejected.verdict == Verdict.REJECT, "a shadow makes nothing milder"
    assert sanction(said("A remark.", None, Policy())) is None


def test_a_policy_keeps_its_rules_about_people_as_json() -> None:
    policy = Policy(email_rules=(EmailRule("a.example", "refuse", "Spam", subdomains=True),), trust_links_from="member", repeat_rejections=3)
    assert Policy.from_data(policy.to_data()) == policy
    assert Policy.from_data({}).email_rules == ()
    assert isinstance(policy.to_data()["email_rules"], list)


@pytest.mark.parametrize(
    "given",
    [
        {"trust_offset_new": 0.6}, {"trust_offset_trusted": -0.1}, {"trust_links_from": "boss"}, {"trust_pace": -1},
        {"repeat_action": "ban"}, {"repeat_action": "suspend", "repeat_hours": 0}, {"repeat_days": 0},
        {"email_rules": (EmailRule("not a domain", "refuse", "x"),)}, {"email_rules": (EmailRule("a.example", "burn", "x"),)},
        {"email_rules": (EmailRule("a.example", "refuse", " "),)}, {"email_rules": (EmailRule("A.example", "refuse", "x"),)},
        {"email_rules": (EmailRule("a.example", "refuse", "x"), EmailRule("a.example", "always_review", "y"))},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        check_policy(Policy(**given))  # type: ignore[arg-type]
    assert str(refused.value.field).startswith("policy.")


def test_the_longest_domain_decides() -> None:
    policy = Policy(email_rules=(
        EmailRule("example", "refuse", "All of it", subdomains=True), EmailRule("good.example", "always_review", "But this"),
    ))
    actions = {email: rule.action if (rule := policy.email_rule(email)) else None for email in (
        "a@bad.example", "a@good.example", "a@sub.good.example", "a@example", "a@notexample", None,
    )}
    assert actions == {
        "a@bad.example": "refuse", "a@good.example": "always_review", "a@sub.good.example": "refuse", "a@example": "refuse",
        "a@notexample": None, None: None,
    }
