from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.characters import characters
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import clean_body, submit_comment
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, TooSoon
from commentsvc.extensions import db
from commentsvc.screening.policy import Policy
from commentsvc.sites.articles import close_article
from commentsvc.sites.models import Article
from commentsvc.tasks import EXTENSION
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_a_decent_comment_is_published_by_the_worker(run_worker: Callable[[], int]) -> None:
    comment = submit_comment(make_article(), make_user(), "Thank you, this was a helpful article.")
    db.session.commit()
    assert comment.status == Status.PENDING
    assert run_worker() == 1
    assert db.session.get_one(Comment, comment.id, populate_existing=True).status == Status.PUBLISHED


def test_a_new_comment_is_in_the_session_as_it_is_stored() -> None:
    article = make_article()
    comment = submit_comment(article, make_user(), "A wall is a wall.")
    columns = [attribute.key for attribute in inspect(Comment).column_attrs]
    held = {key: inspect(comment).dict[key] for key in columns}  # none is left to be loaded
    db.session.refresh(comment)
    assert held == {key: getattr(comment, key) for key in columns}


def test_a_toxic_comment_is_held_with_scores(run_worker: Callable[[], int]) -> None:
    comment = submit_comment(make_article(), make_user(), "You are a pathetic idiot, shut up you moron.")
    db.session.commit()
    run_worker()
    assert db.session.get_one(Comment, comment.id, populate_existing=True).status == Status.HELD


@pytest.mark.parametrize(
    ("body", "code"),
    [("", "body_empty"), ("  \n\t ", "body_empty"), ("\u200b\u200b", "body_empty"), ("\x00", "body_empty"), ("x" * 201, "body_too_long"), ("ab", "body_too_short")],
)
def test_an_unfit_body_is_refused_with_its_reason(body: str, code: str) -> None:
    article = make_article(make_site(policy=Policy(max_length=200, min_length=3)))
    with pytest.raises(Invalid) as error:
        submit_comment(article, make_user(), body)
    assert (error.value.code, error.value.field) == (code, "body")


def test_a_closed_article_takes_no_comment() -> None:
    article = make_article(closed_at=utcnow())
    with pytest.raises(Conflict, match="closed"):
        submit_comment(article, make_user(), "Too late?")


def test_a_reply_needs_a_public_parent_under_the_same_article() -> None:
    article, other = make_article(), make_article()
    author = make_user()
    elsewhere = make_comment(other)
    held = make_comment(article, status=Status.HELD)
    gone = make_comment(article, status=Status.REJECTED)
    for parent_id, code in [
        (987654, "parent_unknown"), (elsewhere.id, "parent_elsewhere"), (held.id, "parent_unknown"), (gone.id, "parent_removed"),
    ]:
        with pytest.raises((Invalid, Conflict)) as error:
            submit_comment(article, author, "Hello there", parent_id)
        assert error.value.code == code


def test_posting_twice_by_accident_is_one_comment() -> None:
    article, author = make_article(), make_user()
    first = submit_comment(article, author, "Once is enough.")
    assert submit_comment(article, author, "Once is  enough.").id == first.id
    assert submit_comment(article, make_user(), "Once is enough.").id != first.id


def test_two_presses_at_once_are_one_comment(app: Flask) -> None:
    article, author = make_article(), make_user()
    article_id, author_id = article.id, author.id
    db.session.remove()
    found: list[int] = []
    ready = threading.Barrier(6)

    def press() -> None:
        with app.app_context():
            ready.wait()
            hers = db.session.get_one(User, author_id)
            here = db.session.scalars(select(Article).where(Article.id == article_id).options(joinedload(Article.site))).one()
            found.append(submit_comment(here, hers, "Once is enough.").id)
            db.session.commit()
            db.session.remove()
            with contextlib.suppress(AttributeError):  # this one did not ring
                app.extensions[EXTENSION].huey.storage.close()  # it keeps a connection for each thread that rang

    presses = [threading.Thread(target=press) for _ in range(6)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert db.session.scalar(select(func.count()).select_from(Comment)) == 1


def test_a_reply_knows_its_root_and_depth() -> None:
    article = make_article()
    root = make_comment(article)
    reply = make_comment(article, parent=root)
    deep = make_comment(article, parent=reply)
    assert (deep.root_id, deep.depth, deep.parent_id) == (root.id, 2, reply.id)


def test_a_conversation_closes_by_itself_and_is_open_as_long_again_when_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(policy=Policy(close_after_days=10, sections={"Sport": {"close_after_days": 2}, "Culture": {"close_after_days": 0}}))
    now = utcnow()
    for section, days, closed in (("", 9, False), ("", 10, True), ("sport", 2, True), ("Sport", 1, False), ("Culture", 3000, False)):
        article = make_article(site, section=section, created_at=now - dt.timedelta(days=days))
        assert article.closed == closed, (section, days)
        if closed:
            with pytest.raises(Conflict, match="closed"):
                submit_comment(article, make_user(), "A remark.")
            manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
            assert submit_comment(article, manager, "The last word.")
            version = article.version
            close_article(article, closed=False)
            assert not article.closed
            assert article.version == version + 1
            assert submit_comment(article, make_user(), "A remark.")
            monkeypatch.setattr("commentsvc.sites.models.utcnow", lambda: now + dt.timedelta(days=10, seconds=60))
            assert article.closed
            monkeypatch.undo()


def test_a_site_sets_the_pace_of_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(policy=Policy(posts_per_minute=2, new_author_posts_per_minute=1, new_author_comments=2))
    article, new, known = make_article(site), make_user(), make_user()
    for number in range(2):
        make_comment(article, known, f"Earlier {number}", created_at=utcnow() - dt.timedelta(hours=1))
    submit_comment(article, new, "My first.")
    with pytest.raises(TooSoon) as found:
        submit_comment(article, new, "My second.")
    assert 0 < found.value.retry_after <= 60
    assert submit_comment(article, new, "My first.")  # pressed twice: the same comment
    for number in range(2):
        submit_comment(article, known, f"Now {number}")
    with pytest.raises(TooSoon):
        submit_comment(article, known, "Now again")
    later = utcnow() + dt.timedelta(seconds=61)
    monkeypatch.setattr("commentsvc.comments.submit.utcnow", lambda: later)
    assert submit_comment(article, known, "Now again")
    staff = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    for number in range(5):
        submit_comment(article, staff, f"Staff {number}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0), ("abc", 3), ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2), ("\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", 1),
        ("e\u0301", 1), ("\U0001f44d\U0001f3fd", 1), ("\u0928\u093f", 1), ("a\r\nb", 3), ("\u0645\u064e\u0631", 2),
    ],
)
def test_characters_are_what_people_count(text: str, number: int) -> None:
    assert characters(text) == number


def test_what_people_count_fits_and_heaped_marks_do_not() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # five code points
    assert clean_body("e\u0301" * 10, min_length=1, max_length=10)
    assert clean_body(family + "abcdefghi", min_length=10, max_length=10)
    with pytest.raises(Invalid) as short:
        clean_body(family * 2, min_length=3, max_length=10)
    assert short.value.code == "body_too_short"
    for body in (family * 11, "e" + "\u0301" * 40):
        with pytest.raises(Invalid) as caught:
            clean_body(body, min_length=1, max_length=10)
        assert caught.value.code == "body_too_long"
    assert "This is 1 characters too long; the limit is 10." in caught.value.told
