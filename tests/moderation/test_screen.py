from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import submit_comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.alarms import backlog
from commentsvc.moderation.claims import (
    BATCH_CHARACTERS,
    CLOCKS_DIFFER,
    FRESH_FOR,
    MAX_ATTEMPTS,
    Lane,
    claim,
    waiting,
)
from commentsvc.moderation.decide import withdraw
from commentsvc.moderation.models import Decision, Screening
from commentsvc.moderation.screen import screen_comment, screen_pending
from commentsvc.screening.policy import DEFAULT_HOLD, Policy
from commentsvc.screening.scoring_process import ScorerDied
from commentsvc.screening.toxicity import Explanation, ModelInfo, ScoringError
from commentsvc.sites.models import Article
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
    assert [c.comment_id for c in claim(Lane.BACKLOG, 10, 30)] == [comment.id]
    db.session.commit()
    assert claim(Lane.BACKLOG, 10, 30) == []
    later = utcnow() + dt.timedelta(seconds=31)
    monkeypatch.setattr("commentsvc.moderation.claims.utcnow", lambda: later)
    again = claim(Lane.BACKLOG, 10, 30)
    assert [(c.comment_id, c.suspect) for c in again] == [(comment.id, True)]


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

    def sometimes(comment: Comment, *args: Any, **given: Any) -> object:
        if comment.id == bad.id:
            raise RuntimeError("a bug in a phase")
        return original(comment, *args, **given)

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


# Explanations


def _screening(comment: Comment) -> Screening:
    return db.session.scalars(
        select(Screening).where(Screening.comment_id == comment.id).order_by(Screening.id.desc()).limit(1)
    ).one()


def test_what_the_model_holds_says_which_sentences_and_words(run_worker: Callable[[], int]) -> None:
    body = "A fine bridge. You are a complete idiot. Good night."
    comment = make_comment(make_article(), body=body, status=Status.PENDING)
    run_worker()
    [finding] = [f for f in _screening(comment).findings if f["phase"] == "toxicity"]
    sentences = finding["explanation"]["sentences"]
    assert "You are a complete idiot." in [body[s["start"] : s["end"]] for s in sentences]
    assert all(0 <= s["score"] <= 1 for s in sentences)
    assert "words" in finding["explanation"]


def test_what_passes_is_not_explained() -> None:
    asked: list[str] = []

    class Curious(Scripted):
        def explain(self, text: str) -> Explanation:
            asked.append(text)
            return Explanation()

    make_comment(make_article(), status=Status.PENDING)
    screen_pending(lambda: Curious(lambda: None), batch=10, lease=30)
    assert asked == []


@pytest.mark.parametrize("error", [ScoringError("no reason"), RuntimeError("a bug"), MemoryError()])
def test_an_explanation_that_fails_never_costs_the_verdict(error: Exception) -> None:
    class Speechless(Scripted):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return [dict.fromkeys(DEFAULT_HOLD, 0.9) for _ in texts]

        def explain(self, text: str) -> Explanation:
            raise error

    comment = make_comment(make_article(), status=Status.PENDING)
    screen_pending(lambda: Speechless(lambda: None), batch=10, lease=30)
    assert _status(comment) == Status.HELD
    assert _screening(comment).findings[0]["explanation"] is None


# Whose fault is it?


class Failing(Scripted):
    """Fails on texts that `bad` picks; `raises` makes the error."""

    def __init__(self, bad: Callable[[str], bool], raises: Callable[[], ScoringError]) -> None:
        super().__init__(lambda: None)
        self.bad, self.raises = bad, raises
        self.batches: list[list[str]] = []

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.batches.append(list(texts))
        if any(self.bad(t) for t in texts):
            raise self.raises()
        return super().score(texts)


def test_one_text_alone_that_the_model_cannot_read_is_held_not_retried_for_ever() -> None:
    comment = make_comment(make_article(), body="poison", status=Status.PENDING)
    model = Failing(lambda t: "poison" in t, lambda: ScoringError("not this one"))
    screen_pending(lambda: model, batch=10, lease=30)
    assert _status(comment) == Status.HELD
    assert "could not read" in _screening(comment).findings[0]["message"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_model_that_gives_nonsense_is_a_failing_model(value: float) -> None:
    class Nonsense(Scripted):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return [dict.fromkeys(DEFAULT_HOLD, 0.01) | {"threat": value} for _ in texts]

    comments = [make_comment(make_article(), status=Status.PENDING) for _ in range(3)]
    with pytest.raises(ScoringError):
        screen_pending(lambda: Nonsense(lambda: None), batch=10, lease=30)
    assert {_status(c) for c in comments} == {Status.PENDING}
    assert all(c.claimed_until is None and c.screen_attempts == 0 for c in comments), "given back, nobody blamed"


def test_nonsense_for_one_text_holds_that_one() -> None:
    class Sometimes(Scripted):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return [dict.fromkeys(DEFAULT_HOLD, float("nan") if "odd" in t else 0.01) for t in texts]

    odd, plain = (make_comment(make_article(), body=b, status=Status.PENDING) for b in ("an odd one", "a plain one"))
    screen_pending(lambda: Sometimes(lambda: None), batch=10, lease=30)
    assert (_status(odd), _status(plain)) == (Status.HELD, Status.PUBLISHED)


def test_a_text_that_kills_the_model_is_found_and_held_and_its_neighbours_are_not() -> None:
    article = make_article()
    bodies = ["one", "two", "poison", "three"]
    comments = [make_comment(article, body=b, status=Status.PENDING) for b in bodies]
    model = Failing(lambda t: "poison" in t, lambda: ScorerDied("killed"))
    for _ in range(12):
        screen_pending(lambda: model, batch=10, lease=30)
    assert [_status(c) for c in comments] == ["published", "published", "held", "published"]
    tries = [b for b in model.batches if "poison" in b]
    assert len(tries) == MAX_ATTEMPTS
    assert tries[1:] == [["poison"]] * (MAX_ATTEMPTS - 1), "after the first it is read alone"


def test_a_model_that_dies_on_everything_blames_no_text() -> None:
    comment = make_comment(make_article(), status=Status.PENDING)
    model = Failing(lambda _: True, lambda: ScorerDied("killed"))
    for _ in range(MAX_ATTEMPTS + 2):
        with pytest.raises(ScoringError):
            screen_pending(lambda: model, batch=10, lease=30)
    assert _status(comment) == Status.PENDING
    assert comment.screen_attempts == 0


def test_a_comment_that_cannot_be_decided_goes_to_a_person_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    comment = make_comment(make_article(), status=Status.PENDING)

    def bug(*_args: object, **_given: object) -> None:
        raise RuntimeError("a bug in a phase")

    monkeypatch.setattr("commentsvc.moderation.screen.screen_comment", bug)
    for _ in range(MAX_ATTEMPTS):
        assert screen_pending(lambda: Scripted(lambda: None), batch=10, lease=-1) == 1
        assert _status(comment) == Status.PENDING
    screen_pending(lambda: Scripted(lambda: None), batch=10, lease=-1)
    assert _status(comment) == Status.HELD
    decision = db.session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
    assert "could not read" in decision.note


def test_a_full_disk_loses_nothing_and_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    comments = [make_comment(make_article(), status=Status.PENDING) for _ in range(3)]
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))

    def fail(*_args: object, **_given: object) -> None:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr("commentsvc.moderation.screen.decide", fail)
        with pytest.raises(OperationalError):
            screen_pending(lambda: Scripted(lambda: None), batch=10, lease=30)
    assert [(_status(c), c.screen_attempts, c.claimed_until) for c in comments] == [(Status.PENDING, 0, None)] * 3
    assert screen_pending(lambda: Scripted(lambda: None), batch=10, lease=30) == 3
    assert {_status(c) for c in comments} == {Status.PUBLISHED}


# Lanes


def _imported(article: Article, number: int) -> list[int]:
    comments = [make_comment(article, status=Status.PENDING) for _ in range(number)]
    for comment in comments:
        comment.external_id = f"old:{comment.id}"
    db.session.commit()
    return [c.id for c in comments]


def test_the_lane_for_fresh_comments_takes_the_newest_posted_and_nothing_imported() -> None:
    article = make_article()
    first = make_comment(article, status=Status.PENDING).id
    _imported(article, 3)
    second = make_comment(article, status=Status.PENDING).id
    _imported(article, 3)
    assert [c.comment_id for c in claim(Lane.FRESH, 8, 30)] == [second, first]
    db.session.commit()
    assert claim(Lane.FRESH, 8, 30) == []


def test_what_piled_up_is_no_longer_fresh_but_waits_for_the_backlog() -> None:
    article = make_article()
    old = [make_comment(article, status=Status.PENDING) for _ in range(3)]
    for comment in old:
        comment.created_at = utcnow() - FRESH_FOR - dt.timedelta(seconds=1)
    db.session.commit()
    new = make_comment(article, status=Status.PENDING).id
    assert [c.comment_id for c in claim(Lane.FRESH, 8, 30)] == [new]
    db.session.commit()
    assert [c.comment_id for c in claim(Lane.BACKLOG, 8, 30)] == [c.id for c in old]


def test_the_backlog_is_taken_in_the_order_it_came_whatever_is_posted_meanwhile() -> None:
    article = make_article()
    old = _imported(article, 4)
    make_comment(article, status=Status.PENDING)
    assert [c.comment_id for c in claim(Lane.BACKLOG, 3, 30)] == old[:3]


def test_a_batch_holds_no_more_text_than_can_be_read_in_a_moment() -> None:
    site = make_site(policy=Policy(max_length=50_000))
    article = make_article(site)
    sizes = [BATCH_CHARACTERS * 2, 10, BATCH_CHARACTERS - 20, 30]
    ids = [make_comment(article, body=f"{n}" + "x" * (size - 1), status=Status.PENDING).id for n, size in enumerate(sizes)]
    batches = []
    while taken := claim(Lane.BACKLOG, 10, 30):
        batches.append([c.comment_id for c in taken])
        db.session.commit()
    assert batches == [ids[:1], ids[1:3], ids[3:]]


def test_looking_for_work_reads_the_pending_alone(statements: list[str]) -> None:
    """A worker at rest looks again and again: it must not read all comments there are."""
    make_comment(make_article(), status=Status.PENDING)
    statements.clear()
    for lane in Lane:
        waiting(lane, 30)
    if db.engine.dialect.name != "sqlite":
        return
    looks = [s for s in statements if s.startswith("SELECT comments.id")]
    for statement, index in zip(looks, ("ix_comments_posted", "ix_comments_pending", "ix_comments_screen_again", "ix_comments_edits"), strict=True):
        values = tuple(range(statement.count("?")))
        with db.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        assert index in str(plan), statement


def test_an_imported_comment_waits_since_it_was_accepted_not_since_it_was_written(run_worker: Callable[[], int]) -> None:
    make_comment(make_article(), status=Status.PENDING, created_at=utcnow() - dt.timedelta(days=4000))
    assert backlog().number == 1
    assert backlog().seconds < 60
    run_worker()
    assert (backlog().number, backlog().seconds) == (0, 0.0)


def test_a_claim_by_a_clock_that_was_an_hour_ahead_does_not_last_for_an_hour() -> None:
    ours, theirs = (make_comment(make_article(), status=Status.PENDING) for _ in range(2))
    ours.claimed_until = utcnow() + dt.timedelta(seconds=30) + CLOCKS_DIFFER / 2  # a lease, and clocks that differ a little
    theirs.claimed_until = utcnow() + dt.timedelta(hours=1)
    db.session.commit()
    assert waiting(Lane.BACKLOG, 30)
    assert [found.comment_id for found in claim(Lane.BACKLOG, 8, 30)] == [theirs.id]
    db.session.commit()
    assert not waiting(Lane.BACKLOG, 30)
