from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import pytest
from sqlalchemy import select

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import submit_comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import withdraw
from commentsvc.moderation.models import Decision, Screening
from commentsvc.moderation.screen import claim_pending, screen_comment, screen_pending
from commentsvc.screening.policy import DEFAULT_HOLD, Policy
from commentsvc.screening.toxicity import Explanation, ModelInfo, ScoringError
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


class Scripted:
    """Stands for a model at a moment a real one cannot be brought to: failing, or interrupted."""

    info = ModelInfo("scripted", "0", "0" * 64)

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act

    def explain(self, text: str) -> Explanation:
        return Explanation()

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.act()
        return [dict.fromkeys(DEFAULT_HOLD, 0.01) for _ in texts]


def _status(comment: Comment) -> str:
    return db.session.get_one(Comment, comment.id, populate_existing=True).status


def test_a_screening_names_the_model_and_its_scores(run_worker: Callable[[], int]) -> None:
    comment = make_comment(make_article(), body="What a thoughtful column.", status=Status.PENDING)
    run_worker()
    screening = db.session.scalars(select(Screening).where(Screening.comment_id == comment.id)).one()
    assert screening.scores is not None
    assert set(screening.scores) == set(DEFAULT_HOLD)
    assert screening.model_sha256 is not None
    assert len(screening.model_sha256) == 64


def test_comments_are_decided_in_the_order_they_came(run_worker: Callable[[], int]) -> None:
    article = make_article()
    ids = [make_comment(article, status=Status.PENDING).id for _ in range(40)]
    assert run_worker() == 40
    decided = db.session.scalars(select(Decision.comment_id).order_by(Decision.id)).all()
    assert list(decided) == ids


def test_staff_comment_skips_toxicity() -> None:
    site = make_site()
    article = make_article(site)
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    comment = submit_comment(article, manager, "Please stay on topic, everyone.")
    screen_comment(comment)
    assert (comment.status, comment.author_role) == ("published", "community_manager")


@pytest.mark.parametrize(
    ("policy", "body", "phase"),
    [
        (Policy(suspect_phrases=("snake oil",)), "It is all Snake-Oil to me.", "suspect_phrases"),
        (Policy(banned_phrases=("cretin",)), "Only a cr3t1n would say so.", "banned_phrases"),
        (Policy(max_links=1), "See https://a.example and https://b.example", "links"),
        (Policy(premoderate=True), "A perfectly fine remark.", "pre_moderation"),
        (Policy(new_author_comments=1), "My first comment here.", "new_author"),
    ],
)
def test_a_doubtful_comment_is_held_with_the_finding(policy: Policy, body: str, phase: str, run_worker: Callable[[], int]) -> None:
    comment = make_comment(make_article(make_site(policy=policy)), body=body, status=Status.PENDING)
    run_worker()
    assert _status(comment) == Status.HELD
    screening = db.session.scalars(select(Screening).where(Screening.comment_id == comment.id)).one()
    assert phase in [f["phase"] for f in screening.findings if f["verdict"] == "hold"]
    assert screening.scores is not None


def test_a_clear_violation_is_rejected_with_its_reason_where_the_policy_says_so() -> None:
    policy = Policy(banned_phrases=("cretin",), reject_clear=True)
    article = make_article(make_site(policy=policy))
    comment = submit_comment(article, make_user(), "You cretin")
    screen_comment(comment)
    decision = db.session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
    assert (comment.status, decision.reason) == ("rejected", "banned_phrase")


def test_the_same_text_elsewhere_is_held_as_a_repeat(run_worker: Callable[[], int]) -> None:
    site, author = make_site(), make_user()
    make_comment(make_article(site), author, "Buy my book today", status=Status.PENDING)
    second = make_comment(make_article(site), author, "buy my  book today!", status=Status.PENDING)
    run_worker()
    assert _status(second) == Status.HELD


def test_the_new_author_is_trusted_after_the_first_published_comments(run_worker: Callable[[], int]) -> None:
    site, author = make_site(policy=Policy(new_author_comments=1)), make_user()
    make_comment(make_article(site), author)
    second = make_comment(make_article(site), author, "And here is my second thought.", status=Status.PENDING)
    run_worker()
    assert _status(second) == Status.PUBLISHED


def test_a_failing_model_publishes_nothing_and_loses_nothing(run_worker: Callable[[], int]) -> None:
    comment = make_comment(make_article(), status=Status.PENDING)

    def fail() -> None:
        raise ScoringError("no model")

    with pytest.raises(ScoringError):
        screen_pending(lambda: Scripted(fail), batch=10, lease=0)
    db.session.rollback()
    assert _status(comment) == Status.PENDING
    assert run_worker() == 1
    assert _status(comment) == Status.PUBLISHED


def test_an_unknown_score_is_never_clean() -> None:
    article = make_article()
    for scores in ({}, dict.fromkeys(DEFAULT_HOLD, float("nan"))):
        comment = submit_comment(article, make_user(), "Hello there, all.")
        outcome = screen_comment(comment, scores or {"toxicity": 0.0})
        assert outcome.verdict == "hold"


def test_a_claim_of_a_dead_worker_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    comment = make_comment(make_article(), status=Status.PENDING)
    assert claim_pending(10, 30) == [comment.id]
    db.session.commit()
    assert claim_pending(10, 30) == []
    later = utcnow() + dt.timedelta(seconds=31)
    monkeypatch.setattr("commentsvc.moderation.screen.utcnow", lambda: later)
    assert claim_pending(10, 30) == [comment.id]


def test_a_comment_withdrawn_while_the_model_reads_stays_withdrawn() -> None:
    author = make_user()
    comment = make_comment(make_article(), author, status=Status.PENDING)

    def take_back() -> None:
        withdraw(db.session.get_one(Comment, comment.id), author)
        db.session.commit()

    screen_pending(lambda: Scripted(take_back), batch=10, lease=30)
    assert _status(comment) == Status.WITHDRAWN


def test_a_text_the_model_fails_on_is_held_and_spares_its_batch() -> None:
    article = make_article()
    bad = make_comment(article, body="poison", status=Status.PENDING)
    good = make_comment(article, status=Status.PENDING)

    class Picky(Scripted):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            if "poison" in texts:
                raise ScoringError("not this one")
            return super().score(texts)

    screen_pending(lambda: Picky(lambda: None), batch=10, lease=30)
    assert (_status(bad), _status(good)) == (Status.HELD, Status.PUBLISHED)


def test_what_fails_on_one_comment_spares_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """One comment that cannot be decided must not stop those behind it for good."""
    article = make_article()
    bad = make_comment(article, status=Status.PENDING)
    good = make_comment(article, status=Status.PENDING)
    original = screen_comment

    def sometimes(comment: Comment, *args: object) -> object:
        if comment.id == bad.id:
            raise RuntimeError("a bug in a phase")
        return original(comment, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("commentsvc.moderation.screen.screen_comment", sometimes)
    screen_pending(lambda: Scripted(lambda: None), batch=10, lease=30)
    assert (_status(bad), _status(good)) == (Status.PENDING, Status.PUBLISHED)


def test_a_post_sent_twice_is_decided_once() -> None:
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    article = make_article(site)
    for _ in range(2):
        comment = submit_comment(article, manager, "Please stay on topic, everyone.")
        screen_comment(comment)
        db.session.commit()
    assert len(db.session.scalars(select(Decision).where(Decision.comment_id == comment.id)).all()) == 1
