"""Counts kept step by step equal counts computed from nothing, whatever happened."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from commentsvc.comments.counts import apply_counts, miscounted, recount
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.ranking import wilson_lower_bound
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.errors import Conflict
from commentsvc.extensions import db
from commentsvc.moderation.decide import decide, withdraw
from commentsvc.moderation.models import Reason
from commentsvc.sites.models import Article
from tests.factories import fresh, make_article, make_comment, make_user

COUNTED = ("listed", "preview", "reply_count", "thread_count", "up", "down", "top_score", "controversy")


def _all(article_id: int) -> list[Comment]:
    return list(
        db.session.scalars(
            select(Comment)
            .where(Comment.article_id == article_id)
            .order_by(Comment.created_at, Comment.id)
            .execution_options(populate_existing=True)
        )
    )


def _snapshot(article_id: int) -> tuple[Any, ...]:
    comments = _all(article_id)
    article = db.session.get_one(Article, article_id, populate_existing=True)
    return article.comment_count, {c.id: tuple(getattr(c, f) for f in COUNTED) for c in comments}


class Thread(RuleBasedStateMachine):
    """Posts, decisions, withdrawals and votes in any order on one article."""

    @initialize()
    def begin(self) -> None:
        self.article = make_article()
        self.people = [make_user() for _ in range(4)]
        self.ids: list[int] = []
        self.clock = utcnow() - dt.timedelta(days=2)

    def _some(self, index: int) -> Comment | None:
        return db.session.get(Comment, self.ids[index % len(self.ids)], populate_existing=True) if self.ids else None

    @rule(parent=st.integers(0, 40), reply=st.booleans(), who=st.integers(0, 3), late=st.integers(0, 100),
          status=st.sampled_from([Status.PENDING, Status.PUBLISHED, Status.PUBLISHED, Status.PUBLISHED, Status.HELD]))
    def post(self, parent: int, reply: bool, who: int, late: int, status: Status) -> None:
        above = self._some(parent) if reply else None
        if above is not None and above.status != Status.PUBLISHED:
            return
        moment = self.clock + dt.timedelta(minutes=late)
        comment = make_comment(fresh(self.article), self.people[who], parent=above, status=status, created_at=moment)
        self.ids.append(comment.id)

    @rule(index=st.integers(0, 40), to=st.sampled_from([Status.PUBLISHED, Status.REJECTED, Status.HELD]))
    def judge(self, index: int, to: Status) -> None:
        comment = self._some(index)
        if comment is None:
            return
        try:
            decide(comment, to, actor=self.people[0], reason=Reason.OTHER, seen=comment.version)
            db.session.commit()
        except Conflict:
            db.session.rollback()

    @rule(index=st.integers(0, 40))
    def take_back(self, index: int) -> None:
        comment = self._some(index)
        if comment is None:
            return
        author = next(p for p in self.people if p.id == comment.author_id)
        try:
            withdraw(comment, author)
            db.session.commit()
        except Conflict:
            db.session.rollback()

    @rule(index=st.integers(0, 40), who=st.integers(0, 3), value=st.sampled_from([-1, 0, 1]), network=st.sampled_from(["", "198.51.100.0/24"]))
    def vote(self, index: int, who: int, value: int, network: str) -> None:
        comment = self._some(index)
        if comment is None or comment.author_id == self.people[who].id or comment.status != Status.PUBLISHED:
            return
        vote(comment, self.people[who], value, network)
        db.session.commit()

    @invariant()
    def counts_equal_a_recount(self) -> None:
        if not hasattr(self, "article"):
            return
        kept = _snapshot(self.article.id)
        recount(self.article.id)
        db.session.flush()
        assert _snapshot(self.article.id) == kept
        db.session.rollback()
        assert miscounted() == []


@pytest.mark.usefixtures("app")
def test_counts_equal_a_recount_after_anything() -> None:
    run_state_machine_as_test(
        Thread,
        settings=settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)),
    )


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE articles SET comment_count = comment_count + 1", "UPDATE comments SET listed = NOT listed",
        "UPDATE comments SET preview = NOT preview", "UPDATE comments SET reply_count = 5", "UPDATE comments SET thread_count = 5",
        "UPDATE comments SET up = 2", "UPDATE comments SET down = 2", "UPDATE comments SET top_score = 0.1", "UPDATE comments SET controversy = 2",
        "DELETE FROM votes",
    ],
)
def test_any_wrong_count_is_found_in_its_article_alone(wrong: str) -> None:
    make_article(comment_count=0)
    right, article = make_article(), make_article()
    root = make_comment(article)
    make_comment(article, parent=root)
    vote(root, make_user(), 1)
    make_comment(right)
    db.session.commit()
    assert miscounted() == []
    only = {"articles": "id", "comments": "article_id"}.get(wrong.split()[1])
    db.session.execute(text(f"{wrong} WHERE {only} = {article.id}" if only else wrong))
    db.session.commit()
    assert miscounted() == [article.id]
    recount(article.id)
    db.session.commit()
    assert miscounted() == []


@pytest.mark.usefixtures("app")
def test_a_removed_comment_with_replies_keeps_its_place() -> None:
    article = make_article()
    root = make_comment(article)
    reply = make_comment(article, parent=root)
    db.session.refresh(root)
    decide(root, Status.REJECTED, actor=make_user(), reason=Reason.ABUSE, seen=root.version)
    assert root.listed
    db.session.refresh(reply)
    decide(reply, Status.REJECTED, actor=make_user(), reason=Reason.ABUSE, seen=reply.version)
    db.session.refresh(root)
    assert not root.listed


@pytest.mark.usefixtures("app")
def test_a_hidden_third_reply_gives_its_place_to_the_fourth() -> None:
    article = make_article()
    root = make_comment(article)
    replies = [make_comment(article, parent=root) for _ in range(4)]
    db.session.expire_all()
    assert [r.preview for r in replies] == [True, True, True, False]
    decide(replies[1], Status.REJECTED, actor=make_user(), reason=Reason.ABUSE, seen=replies[1].version)
    db.session.commit()
    db.session.expire_all()
    assert [r.preview for r in replies] == [True, False, True, True]


@pytest.mark.usefixtures("app")
def test_apply_counts_touches_no_database() -> None:
    a = Comment(id=1, depth=0, status="published", listed=False)
    b = Comment(id=2, depth=1, parent_id=1, root_id=1, status="published", listed=False)
    apply_counts([a, b])
    assert (a.thread_count, a.reply_count, a.listed, b.preview) == (1, 1, True, True)


def test_wilson_prefers_many_good_votes_to_few_perfect_ones() -> None:
    assert wilson_lower_bound(90, 10) > wilson_lower_bound(2, 0) > wilson_lower_bound(0, 0)
    assert wilson_lower_bound(0, 5) == pytest.approx(0.0)
