"""Who is told of what, and who is not."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import How, Kind, Wish
from commentsvc.comments.models import Comment, Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.announcing import announce
from commentsvc.moderation.decide import approve, decide, mark, reject, undo, withdraw
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.models import Announcement, News, Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.notifications import telling
from commentsvc.notifications.follows import follow, page_of_follows, unfollow
from commentsvc.notifications.listing import (
    mark_read,
    page_of_notifications,
    standing,
    unread_count,
)
from commentsvc.notifications.models import Follow, Notification
from commentsvc.notifications.preferences import change_wishes
from commentsvc.notifications.telling import tell_all
from commentsvc.privacy.erasure import ask_erasure, erase_due
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user
from tests.notifications.stories import events, mention, told


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Courier")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The harbour wall")


@pytest.fixture
def ada(site: Site) -> User:
    return make_user("Ada", follow_on_post=False)


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Vance", role=Role.COMMUNITY_MANAGER, site=site)


# --- what is told


def test_a_reply_is_told_to_whom_it_answers(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    reply = make_comment(article, make_user("Ben"), "Quite so.\n\nAnd more.", parent=mine)
    (item,) = told(ada)
    assert (item.event, item.comment_id, item.name, item.excerpt) == ("reply", reply.id, "Ben", "Quite so. And more.")
    assert item.link == f"{article.url}#comment-{reply.id}"
    assert item.unread


def test_nothing_is_told_before_a_comment_is_published(article: Article, ada: User, nora: User) -> None:
    mine = make_comment(article, ada)
    for status in (Status.PENDING, Status.HELD, Status.REJECTED):
        make_comment(article, parent=mine, status=status)
    assert told(ada) == []
    held = make_comment(article, parent=mine, status=Status.HELD)
    approve(held, actor=nora, seen=held.version)
    assert events(ada) == [("reply", held.id)]


def test_who_is_answered_and_mentioned_and_follows_is_told_once(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    follow(ada, article)
    reply = make_comment(article, parent=mine)
    mention(reply, ada)
    assert events(ada) == [("reply", reply.id)]


def test_a_mention_is_told_also_where_an_edit_brings_it(article: Article, ada: User) -> None:
    first, later = make_comment(article), make_comment(article)
    mention(first, ada)
    assert events(ada) == [("mention", first.id)]
    mention(later, ada)
    announce(later, News.EDITED)
    assert events(ada) == [("mention", later.id), ("mention", first.id)]


def test_nobody_is_told_of_her_own_doing(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    follow(ada, article)
    mention(make_comment(article, ada, parent=mine), ada)
    assert told(ada) == []


def test_a_decision_is_told_with_its_statement_and_when_it_is_taken_back(article: Article, ada: User, nora: User) -> None:
    mine = make_comment(article, ada)
    decision = reject(mine, actor=nora, reason=Reason.ABUSE, seen=mine.version)
    (item,) = told(ada)
    assert (item.event, item.by_other) == ("removed", False)
    assert item.path == f"/account/decisions/{item.puid}"
    undo(decision, actor=nora)
    assert events(ada) == [("taken_back", mine.id)]


def test_what_the_screening_rejects_is_told_too(article: Article, ada: User) -> None:
    make_comment(article, ada, status=Status.REJECTED)
    assert [item.event for item in told(ada)] == ["rejected"]


def test_who_waited_for_a_community_manager_is_told_that_it_is_published(article: Article, ada: User, nora: User) -> None:
    held = make_comment(article, ada, status=Status.HELD)
    approve(held, actor=nora, seen=held.version)
    assert events(ada) == [("approved", held.id)]


def test_a_featured_comment_is_told_as_long_as_it_is_featured(article: Article, ada: User, nora: User) -> None:
    mine = make_comment(article, ada)
    mark(mine, Mark.FEATURED, on=True, actor=nora, seen=mine.version)
    assert events(ada) == [("featured", mine.id)]
    mark(mine, Mark.FEATURED, on=False, actor=nora, seen=mine.version)
    assert told(ada) == []
    mark(mine, Mark.FEATURED, on=True, actor=nora, seen=mine.version)
    assert events(ada) == [("featured", mine.id)]


def test_what_is_published_again_is_told_once(article: Article, ada: User, nora: User) -> None:
    mine = make_comment(article, ada)
    reply = make_comment(article, parent=mine)
    assert len(told(ada)) == 1
    decision = reject(reply, actor=nora, reason=Reason.SPAM, seen=reply.version)
    assert told(ada) == []  # what is public no more is no longer told
    undo(decision, actor=nora)
    assert events(ada) == [("reply", reply.id)]


def test_a_reply_that_was_taken_back_before_the_worker_looked_is_not_told(article: Article, ada: User) -> None:
    mine, ben = make_comment(article, ada), make_user()
    withdraw(make_comment(article, ben, parent=mine), ben)
    assert told(ada) == []
    assert db.session.scalar(select(func.count()).select_from(Notification)) == 0


def test_an_import_is_no_news(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    old = make_comment(article, parent=mine, status=Status.PENDING)
    old.external_id = "x:1"
    db.session.flush()
    decide(old, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=old.version)
    assert told(ada) == []


# --- to whom


@pytest.mark.parametrize("kind", [SanctionKind.BAN, SanctionKind.SUSPEND])
def test_who_is_banned_or_suspended_is_called_into_nothing_but_told_of_decisions(
    article: Article, ada: User, nora: User, site: Site, kind: SanctionKind
) -> None:
    mine = make_comment(article, ada)
    follow(ada, article)
    ends = utcnow() + dt.timedelta(days=2) if kind == SanctionKind.SUSPEND else None
    impose(ada, kind, actor=nora, site=site, reason=Reason.ABUSE, ends_at=ends)
    mention(make_comment(article, parent=mine), ada)
    assert told(ada) == []
    reject(mine, actor=nora, reason=Reason.ABUSE, seen=mine.version)
    assert [item.event for item in told(ada)] == ["removed"]


def test_an_erased_account_is_told_nothing_and_nothing_of_it_stays(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    follow(ada, article)
    change_wishes(ada, {Kind.REPLY: Wish(widget=True, mail=How.NEVER)})
    make_comment(article, parent=mine)
    assert len(told(ada)) == 1
    ask_erasure(ada, remove_comments=False).due_at = utcnow()
    while erase_due():
        db.session.commit()
    make_comment(article, parent=mine)
    assert told(ada) == []
    assert db.session.scalar(select(func.count()).select_from(Follow).where(Follow.user_id == ada.id)) == 0


def test_who_wants_neither_widget_nor_mail_is_told_nothing(article: Article, ada: User) -> None:
    change_wishes(ada, {Kind.REPLY: Wish(widget=False, mail=How.NEVER)})
    make_comment(article, parent=make_comment(article, ada))
    assert told(ada) == []
    assert db.session.scalar(select(func.count()).select_from(Notification)) == 0


# --- following


def test_followers_are_told_of_what_is_published_after_they_began(article: Article, ada: User) -> None:
    before = make_comment(article)
    follow(ada, article)
    comment = make_comment(article, make_user("Ben"))
    assert events(ada) == [("followed", comment.id)]
    unfollow(ada, article)
    make_comment(article)
    assert len(told(ada)) == 1
    announce(before, News.PUBLISHED)  # published anew long after
    follow(ada, article)
    assert len(told(ada)) == 1


def test_writing_is_following_unless_she_said_no_here_or_everywhere(article: Article, site: Site) -> None:
    ben = make_user("Ben")
    make_comment(article, ben)
    told(ben)
    assert [one.id for _, one in page_of_follows(ben)[0]] == [article.id]
    unfollow(ben, article)
    make_comment(article, ben)
    told(ben)
    assert page_of_follows(ben)[0] == []
    change_wishes(ben, {}, follow_on_post=False)
    make_comment(make_article(site), ben)
    told(ben)
    assert page_of_follows(ben)[0] == []


def test_following_twice_is_as_good_as_once(article: Article, ada: User) -> None:
    for verb in (follow, follow, unfollow, unfollow, follow):
        verb(ada, article)
        db.session.commit()
    assert len(page_of_follows(ada)[0]) == 1


# --- many followers, and workers that die


def make_followers(article: Article, number: int) -> None:
    first = db.session.scalar(select(func.max(User.id))) or 0
    users = [User(email=f"follower{first + n}@example.org", display_name=f"F{n}") for n in range(number)]
    db.session.add_all(users)
    db.session.flush()
    db.session.add_all([Follow(user_id=user.id, site_id=article.site_id, article_id=article.id, active=True, since=utcnow()) for user in users])
    db.session.commit()


def told_about(comment: Comment) -> Counter[int]:
    db.session.rollback()
    found = Counter(db.session.scalars(select(Notification.user_id).where(Notification.comment_id == comment.id)))
    db.session.rollback()  # who reads keeps a worker from SQLite
    return found


def test_a_decision_does_not_wait_for_followers(article: Article, nora: User, statements: Statements) -> None:
    def cost() -> int:
        held = make_comment(article, status=Status.HELD)
        statements.clear()
        approve(held, actor=nora, seen=held.version)
        db.session.commit()
        return len(statements)

    alone = cost()
    make_followers(article, 300)
    assert cost() == alone


def test_a_step_tells_a_batch_in_as_many_statements_whatever_its_size(
    article: Article, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> int:
        make_comment(article)
        statements.clear()
        assert tell_all() == 2  # those it concerns by name, its followers
        return len(statements)

    make_followers(article, 3)
    few = cost()
    make_followers(article, 200)
    assert cost() == few


def test_a_worker_that_dies_between_two_batches_is_gone_on_from(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "FOLLOWERS_A_STEP", 10)
    make_followers(article, 35)
    comment = make_comment(article)
    written = telling.insert_new

    def killed(table: type[Notification | Follow], rows: list[dict[str, object]]) -> None:
        written(table, rows)
        if len(told_so_far) == 2:
            raise KeyboardInterrupt
        if rows and table is Notification:
            told_so_far.append(len(rows))

    told_so_far: list[int] = []
    monkeypatch.setattr(telling, "insert_new", killed)
    with pytest.raises(KeyboardInterrupt):
        tell_all()
    assert sum(told_about(comment).values()) == 20
    monkeypatch.setattr(telling, "insert_new", written)
    tell_all()
    assert len(told_about(comment)) == 35
    assert set(told_about(comment).values()) == {1}
    assert db.session.scalar(select(func.count()).select_from(Announcement)) == 0


WORKER = """
import sys
from commentsvc import create_app
from commentsvc.notifications import telling
telling.FOLLOWERS_A_STEP = 5
with create_app().app_context():
    print("begins", flush=True)
    telling.tell_all()
"""


@pytest.mark.slow
def test_workers_that_are_killed_at_any_moment_lose_nobody_and_tell_nobody_twice(article: Article, settings: Settings) -> None:
    """Two processes at once, killed and started anew until all is told."""
    make_followers(article, 400)
    comment = make_comment(article)
    environ = os.environ | {
        "COMMENTSVC_INSTANCE": settings.INSTANCE, "COMMENTSVC_DATABASE_URL": settings.database_url,
        "COMMENTSVC_SECRET_KEY": settings.SECRET_KEY,
    }

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", WORKER], env=environ, stdout=subprocess.PIPE, text=True)

    kills = 0
    while db.session.scalar(select(func.count()).select_from(Announcement)):
        db.session.rollback()
        crew = [start(), start()]
        for process in crew:
            assert process.stdout is not None
            process.stdout.readline()
        if kills < 3:
            before = sum(told_about(comment).values())
            deadline = time.monotonic() + 10
            while sum(told_about(comment).values()) <= before + 20 and time.monotonic() < deadline:
                time.sleep(0.005)
            for process in crew:
                process.send_signal(signal.SIGKILL)
            kills += 1
        for process in crew:
            process.communicate(timeout=60)
        db.session.rollback()
    found = told_about(comment)
    assert (len(found), set(found.values())) == (400, {1})
    assert kills > 0


def test_two_workers_at_once_tell_each_follower_once(app: Flask, article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "FOLLOWERS_A_STEP", 7)
    make_followers(article, 100)
    comments = [make_comment(article) for _ in range(4)]
    db.session.rollback()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with app.app_context():
                tell_all()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    tell_all()  # what one worker left to the other while it was locked
    for comment in comments:
        found = told_about(comment)
        # The comments' authors follow by now, too.
        assert set(found.values()) == {1}
        assert len(found) >= 100


def test_one_that_fails_does_not_keep_the_others_from_being_told(
    article: Article, ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mine = make_comment(article, ada)
    told(ada)
    bad, good = make_comment(article, parent=mine), make_comment(article, parent=mine)
    named = telling._tell_named

    def fails(comment: Comment, now: dt.datetime) -> None:
        if comment.id == bad.id:
            raise ValueError("a bug")
        named(comment, now)

    monkeypatch.setattr(telling, "_tell_named", fails)
    assert events(ada) == [("reply", good.id)]
    monkeypatch.setattr(telling, "_tell_named", named)
    (left,) = db.session.scalars(select(Announcement))
    assert (left.comment_id, left.attempts) == (bad.id, 1)
    left.due_at = utcnow()
    assert [item.comment_id for item in told(ada)] == [bad.id, good.id]


def test_one_that_always_fails_is_given_up(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    make_comment(article)

    def fails(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(telling, "_tell_named", fails)
    for _ in range(telling.MAX_ATTEMPTS):
        for left in db.session.scalars(select(Announcement)):
            left.due_at = utcnow()
        db.session.commit()
        tell_all()
    assert db.session.scalar(select(func.count()).select_from(Announcement)) == 0


# --- reading


def test_what_came_in_since_she_looked_stays_unread(article: Article, ada: User) -> None:
    mine = make_comment(article, ada)
    make_comment(article, parent=mine)
    seen = told(ada)[0].id
    later = make_comment(article, parent=mine)
    told(ada)
    mark_read(ada, until=seen)
    assert [item.comment_id for item in page_of_notifications(ada, unread=True)[0]] == [later.id]
    mark_read(make_user(), until=2**62)
    assert unread_count(ada) == 1


def test_the_pages_of_the_list_are_whole(article: Article, ada: User, statements: Statements) -> None:
    mine = make_comment(article, ada)
    replies = [make_comment(article, parent=mine).id for _ in range(7)]
    told(ada)
    found, after = [], None
    while True:
        statements.clear()
        some, after = page_of_notifications(ada, after, 3)
        assert len(statements) == 1
        found += [item.comment_id for item in some]
        if after is None:
            break
    assert found == replies[::-1]


def test_the_head_of_a_conversation_costs_one_statement(article: Article, ada: User, statements: Statements) -> None:
    mine = make_comment(article, ada)
    for _ in range(3):
        make_comment(article, parent=mine)
    follow(ada, article)
    told(ada)
    assert article.id
    statements.clear()
    assert (standing(ada, article).unread, standing(ada, article).following) == (3, True)
    assert len(statements) == 2
