"""What a threshold would have done is what the pipeline's own phase says, comment by comment."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.figures.days import Period
from commentsvc.figures.scored import forget
from commentsvc.figures.tuning import Queue, Tuning, read_thresholds, tuning_of
from commentsvc.moderation.decide import approve, decide, reject
from commentsvc.moderation.models import Reason, Screening
from commentsvc.screening.phases import toxicity
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Submission, Verdict
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_site, make_user

CLEAN, LINKS, BANNED, STAFF = (
    None, {"phase": "links", "verdict": "hold"}, {"phase": "banned_phrases", "verdict": "reject"}, {"phase": "trusted_author", "verdict": "publish"},
)
POLICIES = {
    "as it comes": Policy(),
    "limits between hundredths": Policy(hold_at={**Policy().hold_at, "insult": 0.345, "threat": 1.0}),
    "clear ones rejected": Policy(reject_clear=True, reject_at={"toxicity": 0.9, "threat": 0.725}),
}


@dataclasses.dataclass
class Judged:
    """A comment as the test made it."""

    scores: dict[str, float]
    rule: Mapping[str, Any] | None
    verdict: str | None
    model: str


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    forget()


def scored(site: Site, scores: dict[str, float], rule: Mapping[str, Any] | None, model: str) -> Comment:
    """A comment that waits, with what a model made of it."""
    comment = make_comment(fresh(make_article(site)), make_user(), status=Status.PENDING)
    keep_screening(comment, scores, rule, model)
    return comment


def keep_screening(comment: Comment, scores: dict[str, float], rule: Mapping[str, Any] | None, model: str) -> None:
    db.session.add(Screening(
        site_id=comment.site_id, comment_id=comment.id, revision=1, verdict="hold", findings=[rule] if rule else [], scores=scores,
        model_name="m", model_version=model, model_sha256="0" * 64,
    ))


def make(site: Site, seed: int, number: int = 60) -> list[Judged]:
    """Comments with scores around the limits, on them, missing; held, rejected and judged as chance has it."""
    chance = random.Random(seed)
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    made = []
    for _ in range(number):
        scores = {
            label: chance.choice((round(chance.random(), 2), chance.random(), 0.6, 0.3, 0.345, 1.0, 0.0, chance.random() * 0.2)) for label in LABELS
        }
        if chance.random() < 0.1:
            del scores[chance.choice(LABELS)]
        rule = chance.choice((CLEAN, CLEAN, CLEAN, CLEAN, LINKS, BANNED, STAFF))
        one = Judged(scores, rule, chance.choice((None, None, "approved", "rejected")), chance.choice(("1", "2", "2")))
        comment = scored(site, dict.fromkeys(LABELS, 0.5) if one.model != "1" else scores, rule, "1")
        if one.model != "1":
            keep_screening(comment, scores, rule, one.model)
        decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=comment.version)
        if one.verdict == "approved":
            approve(comment, actor=manager, seen=comment.version)
        elif one.verdict == "rejected":
            reject(comment, actor=manager, reason=Reason.ABUSE, seen=comment.version)
        db.session.commit()
        made.append(one)
    return made


def queue_by_hand(made: list[Judged], policy: Policy, limits: Mapping[str, float]) -> tuple[int, int, int, int]:
    """(unjudged, approved, rejected) in the queue and rejected ones not in it, by the phase that decides in service."""
    tried = dataclasses.replace(policy, hold_at=dict(limits))
    counts = {None: 0, "approved": 0, "rejected": 0}
    missed = 0
    for one in made:
        if one.rule in (BANNED, STAFF):
            continue
        found = toxicity(Submission(body="x", policy=tried, submitted_at=utcnow(), scores=one.scores))
        if found is not None and found.verdict == Verdict.REJECT:
            continue
        if found is not None or one.rule is not None:
            counts[one.verdict] += 1
        else:
            missed += one.verdict == "rejected"
    return counts[None], counts["approved"], counts["rejected"], missed


def numbers(queue: Queue) -> tuple[int, int, int, int]:
    return queue.unjudged, queue.approved, queue.rejected, queue.missed


def tuned(site: Site, *, model: str | None = "m 2", **asked: str) -> Tuning:
    today = utcnow().date()
    return tuning_of(site, Period(today - dt.timedelta(days=1), today), read_thresholds(asked, site.policy), model)


@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.parametrize("asked", [{}, {"insult": "0.2", "threat": "0,9"}])
def test_every_step_of_every_label_equals_a_recount(app: Flask, name: str, asked: dict[str, str]) -> None:
    policy = POLICIES[name]
    site = make_site(policy=policy)
    made = [one for one in make(site, seed=len(name)) if one.model == "2"]
    found = tuned(site, **asked)
    chosen = read_thresholds(asked, policy)
    assert found.together is not None
    assert found.together_now is not None
    assert numbers(found.together) == queue_by_hand(made, policy, chosen)
    assert numbers(found.together_now) == queue_by_hand(made, policy, policy.hold_at)
    for label in LABELS:
        curve = found.curves[label]
        assert numbers(curve.chosen) == numbers(found.together)
        assert numbers(curve.now) == queue_by_hand(made, policy, {**chosen, label: policy.hold_at[label]})
        for step in curve.steps:
            assert numbers(step) == queue_by_hand(made, policy, {**chosen, label: step.threshold}), (label, step.threshold)
        assert sum(map(sum, curve.bins)) == found.comments
        assert sum(b[1] + b[2] for b in curve.bins) == found.judged


def test_moving_one_label_leaves_what_others_hold(app: Flask) -> None:
    site = make_site()
    low = dict.fromkeys(LABELS, 0.01)
    for scores, rule in (({**low, "insult": 0.8}, CLEAN), ({**low, "insult": 0.8, "toxicity": 0.8}, CLEAN), ({**low, "insult": 0.8}, LINKS), (low, CLEAN)):
        scored(site, scores, rule, "2")
        db.session.commit()
    insult = tuned(site).curves["insult"]
    assert {step.threshold: step.held for step in insult.steps if step.threshold in (0.01, 0.02, 0.8, 0.81, 1.0)} == {
        0.01: 4, 0.02: 3, 0.8: 3, 0.81: 2, 1.0: 2,
    }
    assert tuned(site, toxicity="0.9").curves["insult"].steps[80].held == 1  # only the links are left


def test_bounds_say_what_is_assumed_of_unjudged_comments(app: Flask) -> None:
    site = make_site()
    made = [one for one in make(site, seed=5, number=120) if one.model == "2" and one.rule not in (BANNED, STAFF)]
    curve = tuned(site).curves["toxicity"]

    def band(one: Judged) -> int:
        return min(int(one.scores.get("toxicity", 1.0) * 10 + 1e-9), 9)

    def likely(one: Judged) -> float:
        judged = [other.verdict for other in made if band(other) == band(one) and other.verdict]
        return judged.count("rejected") / len(judged) if judged else 0.0

    queue = curve.steps[44]
    limits = {**site.policy.hold_at, "toxicity": 0.45}
    held = [
        one for one in made
        if one.rule or toxicity(Submission(body="x", policy=dataclasses.replace(site.policy, hold_at=limits), submitted_at=utcnow(), scores=one.scores))
    ]
    like = sum(likely(one) for one in held if one.verdict is None)
    missed = sum(likely(one) for one in made if one.verdict is None and one not in held)
    rejected = sum(one.verdict == "rejected" for one in held)
    judged = sum(one.verdict is not None for one in held)
    assert queue.precision == pytest.approx(rejected / judged)
    assert queue.precision_if_fine == pytest.approx(rejected / len(held))
    assert queue.precision_if_alike == pytest.approx((rejected + like) / len(held))
    total = rejected + queue.missed
    assert queue.recall == pytest.approx(rejected / total)
    assert queue.recall_if_alike == pytest.approx((rejected + like) / (total + like + missed))


def test_versions_of_the_model_are_never_mixed(app: Flask) -> None:
    site = make_site()
    made = make(site, seed=7)
    live = [one for one in made if one.rule not in (BANNED, STAFF)]
    newest = tuned(site, model=None)
    assert newest.model == "m 2" if made[-1].model == "2" else "m 1"
    assert newest.models == {"m 1": len(made), "m 2": sum(one.model == "2" for one in made)}
    assert tuned(site, model="m 2").comments == sum(one.model == "2" for one in live)
    assert tuned(site, model="m 1").comments == len(live)
    with pytest.raises(Invalid, match="this model"):
        tuned(site, model="m 3")


def test_another_sites_comments_and_other_days_are_not_counted(app: Flask) -> None:
    site, other = make_site(), make_site()
    make(other, seed=1, number=5)
    assert tuned(site, model=None).comments == 0
    assert tuned(site, model=None).curves == {}
    make(site, seed=2, number=5)
    forget()
    long_ago = dt.date(2020, 1, 1)
    assert tuning_of(site, Period(long_ago, long_ago), read_thresholds({}, site.policy), None).comments == 0


@pytest.mark.parametrize("text", ["0", "-1", "1.01", "nan", "inf", "x", "0.5.5", "１e9"])
def test_a_threshold_that_is_none_is_named(app: Flask, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_thresholds({"threat": text}, Policy())
    assert refused.value.field == "threat"


def test_it_takes_two_statements_however_much_was_said_and_none_when_asked_again(app: Flask, statements: Statements) -> None:
    site = make_site()
    make(site, seed=1, number=12)
    site_id = site.id
    db.session.rollback()
    site = db.session.get_one(Site, site_id)
    statements.clear()
    tuned(site)
    assert len(statements) == 2
    site = db.session.get_one(Site, site_id)
    statements.clear()
    tuned(site)
    assert len(statements) == 0
