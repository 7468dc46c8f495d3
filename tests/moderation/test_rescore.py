"""What another model would change, before it changes anything; and only what the system decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, reject, withdraw
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.moderation.rescore import CHUNK, Report, Selection, last_id, rescore
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.policy import DEFAULT_HOLD, Policy
from commentsvc.screening.toxicity import Explanation, Highlight, ModelInfo
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


class Words:
    """A model that objects to some words."""

    def __init__(self, version: str, *words: str) -> None:
        self.info = ModelInfo("words", version, version[0] * 64)
        self.words = words
        self.read: list[str] = []

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.read += texts
        return [dict.fromkeys(DEFAULT_HOLD, 0.9 if any(w in t for w in self.words) else 0.1) for t in texts]

    def explain(self, text: str) -> Explanation:
        return Explanation((Highlight(0, len(text), 0.9),))


OLD = Words("1", "darn", "heck")
NEW = Words("2", "heck", "boo")


@pytest.fixture
def site() -> Site:
    return make_site(policy=Policy(max_links=0))


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site)


def _screened(article: Article, *bodies: str) -> list[int]:
    ids = [make_comment(article, body=body, status=Status.PENDING).id for body in bodies]
    while screen_pending(lambda: OLD, batch=32, lease=30):
        pass
    return ids


def _run(selection: Selection | None = None, *, apply: bool = False, hold: bool = False, model: Words = NEW) -> Report:
    report = Report()
    for _ in rescore(selection or Selection(until_id=last_id()), model, report, apply=apply, hold=hold):
        pass
    return report


def _status(*ids: int) -> list[str]:
    return [db.session.get_one(Comment, i, populate_existing=True).status for i in ids]


def _version(article: Article) -> int:
    return db.session.scalars(select(Article.version).where(Article.id == article.id)).one()


def _models(comment_id: int) -> list[str | None]:
    found = db.session.scalars(select(Screening).where(Screening.comment_id == comment_id).order_by(Screening.id))
    return [s.model_version for s in found]


def _found(report: Report) -> dict[str, int]:
    return {outcome: n for outcome, n in report.outcomes.items() if n}


def test_it_reports_what_would_change_and_changes_nothing(article: Article) -> None:
    ids = _screened(article, "fine", "darn", "heck", "boo")
    before = db.session.scalars(select(Comment.version).order_by(Comment.id)).all()
    report = _run()
    assert _found(report) == {"published_stays": 1, "published_would_be_held": 1, "held_would_pass": 1, "held_stays": 1}
    assert _status(*ids) == ["published", "held", "held", "published"]
    assert db.session.scalars(select(Comment.version).order_by(Comment.id)).all() == before
    assert all(_models(i) == ["1"] for i in ids)
    found = report.summary()
    assert found["model"]["version"] == "2"
    assert found["labels"]["insult"] == {
        "compared": 4, "mean_change": 0.0, "mean_absolute_change": 0.4, "over_limit_before": 2, "over_limit_now": 2,
    }
    changes = {row["comment"]: (row["outcome"], row["before"], row["now"]) for row in found["largest_changes"]}
    assert changes == {ids[1]: ("held_would_pass", 0.9, 0.1), ids[3]: ("published_would_be_held", 0.1, 0.9)}


def test_applying_keeps_history_publishes_what_passes_and_holds_nothing_unasked(article: Article) -> None:
    ids = _screened(article, "fine", "darn", "heck", "boo")
    report = _run(apply=True)
    assert _status(*ids) == ["published", "published", "held", "published"]
    assert report.applied == {"screenings": 4, "published": 1, "held": 0}
    assert all(_models(i) == ["1", "2"] for i in ids)
    decision = db.session.scalars(select(Decision).where(Decision.comment_id == ids[1]).order_by(Decision.id.desc())).first()
    assert decision is not None
    assert (decision.actor_id, decision.reason, "words 2" in decision.note) == (None, Reason.CLEAN, True)
    assert db.session.get_one(Article, article.id, populate_existing=True).comment_count == 3


def test_articles_under_which_nothing_is_decided_keep_their_version_and_so_their_pages(site: Site, article: Article) -> None:
    quiet = make_article(site)
    _screened(article, "fine", "darn")
    _screened(quiet, "fine", "heck", "boo")
    before = {article.id: _version(article), quiet.id: _version(quiet)}
    assert _run(apply=True).applied == {"screenings": 5, "published": 1, "held": 0}
    assert _version(quiet) == before[quiet.id]
    assert _version(article) > before[article.id]


def test_a_comment_that_was_withdrawn_while_the_model_read_it_moves_no_version(article: Article) -> None:
    [comment] = [make_comment(article, status=Status.PENDING)]

    class Slow(Words):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            found = db.session.get_one(Comment, comment.id)
            withdraw(found, db.session.get_one(User, found.author_id))
            db.session.commit()
            self.seen = _version(article)
            return super().score(texts)

    slow = Slow("1")
    assert screen_pending(lambda: slow, batch=8, lease=30) == 1
    assert _status(comment.id) == ["withdrawn"]
    assert _version(article) == slow.seen


def test_published_ones_are_held_only_when_asked_for_also_later(article: Article) -> None:
    [comment] = _screened(article, "boo")
    _run(apply=True)
    assert _status(comment) == ["published"]
    assert _run(apply=True, hold=True).applied["held"] == 1
    assert _status(comment) == ["held"]
    assert _models(comment) == ["1", "2"], "its scores were stored the first time"
    latest = db.session.scalars(select(Screening).where(Screening.comment_id == comment).order_by(Screening.id.desc())).first()
    assert latest is not None
    assert latest.findings[0]["explanation"]["sentences"]


def test_a_person_is_never_overruled(site: Site, article: Article) -> None:
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    approved, refused = _screened(article, "heck", "darn")
    approve(db.session.get_one(Comment, approved), actor=manager, seen=2)
    reject(db.session.get_one(Comment, refused), actor=manager, reason=Reason.ABUSE, seen=2)
    db.session.commit()
    report = _run(apply=True, hold=True)
    assert _found(report) == {"person_decided": 2}
    assert _status(approved, refused) == ["published", "rejected"]
    assert _models(approved) == ["1"]


def test_one_that_a_person_decides_while_the_model_reads_is_left_to_her(site: Site, article: Article) -> None:
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    [comment] = _screened(article, "darn")

    class Slow(Words):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            found = db.session.get_one(Comment, comment)
            reject(found, actor=manager, reason=Reason.ABUSE, seen=found.version)
            db.session.commit()
            return super().score(texts)

    _run(apply=True, model=Slow("2", "boo"))
    assert _status(comment) == ["rejected"]


def test_what_something_else_holds_stays_held(article: Article) -> None:
    [comment] = _screened(article, "darn see https://x.example")
    assert _found(_run(apply=True)) == {"held_stays": 1}
    assert _status(comment) == ["held"]
    assert _models(comment) == ["1", "2"], "its card shows the new scores"


def test_what_was_rejected_is_reported_and_left_alone() -> None:
    policy = Policy(reject_clear=True, reject_at={"insult": 0.8}, banned_phrases=("forbidden",))
    article = make_article(make_site(policy=policy))
    ids = _screened(article, "darn", "forbidden")
    assert _status(*ids) == ["rejected", "rejected"]
    assert _found(_run(apply=True)) == {"rejected_would_pass": 1, "rejected_stays": 1}
    assert _status(*ids) == ["rejected", "rejected"]


def test_only_the_comments_asked_for_are_read(article: Article) -> None:
    old, new = _screened(article, "darn", "heck")
    _screened(make_article(), "boo")
    db.session.get_one(Comment, old).created_at = utcnow() - dt.timedelta(days=100)
    db.session.commit()
    since = utcnow() - dt.timedelta(days=10)
    report = _run(Selection(article.site, since, last_id()))
    assert _found(report) == {"held_stays": 1}
    assert report.last_id == new


def test_an_interrupted_run_goes_on_where_it_was(article: Article) -> None:
    _screened(article, *(f"{n} darn" for n in range(CHUNK * 2 + 5)))
    selection = Selection(until_id=last_id())
    model = Words("2", "boo")
    first = Report()
    run = rescore(selection, model, first, apply=True)
    next(run)
    assert first.read == CHUNK
    second = Report.from_data(first.to_data())
    for _ in rescore(selection, model, second, apply=True):
        pass
    assert second.read == CHUNK * 2 + 5 == len(model.read)
    assert second.applied["published"] == CHUNK * 2 + 5


def test_one_killed_before_it_could_note_where_it_was_does_nothing_twice(article: Article) -> None:
    [comment] = _screened(article, "darn")
    for _ in range(2):
        _run(apply=True)
    assert _models(comment) == ["1", "2"]


def test_the_statements_of_a_chunk_are_constant_and_nothing_is_open_while_the_model_reads(
    article: Article, statements: Statements
) -> None:
    _screened(article, *(f"number {n}" for n in range(CHUNK)))
    open_then: list[bool] = []

    class Watching(Words):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            open_then.append(db.session().in_transaction())
            return super().score(texts)

    selection = Selection(until_id=last_id())
    db.session.commit()
    statements.clear()
    for _ in rescore(selection, Watching("2", "boo"), Report()):
        pass
    assert open_then == [False]
    assert len([s for s in statements if "FROM" in s]) <= 4, "sites, the chunk, its screenings, and the end"


def test_a_text_the_new_model_cannot_read_is_counted_and_left(article: Article) -> None:
    class Picky(Words):
        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return [dict.fromkeys(DEFAULT_HOLD, float("nan") if "odd" in t else 0.1) for t in texts]

    odd, darn = _screened(article, "odd darn", "darn")
    report = _run(apply=True, model=Picky("2"))
    assert _found(report) == {"unreadable": 1, "held_would_pass": 1}
    assert _status(odd, darn) == ["held", "published"]
