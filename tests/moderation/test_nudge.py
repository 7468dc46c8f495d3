from __future__ import annotations

import datetime as dt

import pytest

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation import nudge
from commentsvc.moderation.decide import approve, withdraw
from commentsvc.moderation.nudge import MOST, NUDGES, leave_for_review, nudges
from commentsvc.sites.models import Article
from tests.conftest import Statements
from tests.factories import fresh, hold_as_toxic, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")

HOUR = dt.timedelta(hours=1)


def held(article: Article, author: User, *, ago: dt.timedelta = dt.timedelta(), explained: bool = True) -> Comment:
    """A comment of `author` whose first sentence the model found toxic."""
    comment = make_comment(article, author, status=Status.PENDING, created_at=utcnow() - ago)
    return hold_as_toxic(comment, (0, 8), explained=explained)


def shown(*comments: Comment) -> list[bool]:
    found = nudges(comments)
    return [c.id in found for c in comments]


def test_the_sentences_of_a_comment_the_model_held() -> None:
    comment = make_comment(make_article(), status=Status.PENDING, body="Good day. You fool! Bye.")
    hold_as_toxic(comment, (10, 19), (20, 999))
    assert nudges([comment]) == {comment.id: ((10, 19), (20, 24))}


def test_only_the_first_few_of_a_day_are_shown_and_looking_again_changes_nothing() -> None:
    article, author = make_article(), make_user()
    comments = [held(article, author) for _ in range(NUDGES + 2)]
    wanted = [True] * NUDGES + [False] * 2
    assert shown(*comments) == wanted
    assert [shown(c)[0] for c in comments] == wanted  # one by one, as their states are asked for
    withdraw(comments[0], author)
    db.session.commit()
    assert shown(*comments[1:]) == wanted[1:]  # taking one back gives nothing back


def test_a_later_day_and_another_site_and_another_author_count_by_themselves() -> None:
    article, author = make_article(), make_user()
    for hours in (30, 29, 28, 27):
        held(article, author, ago=hours * HOUR)
    assert shown(held(article, author)) == [True]
    early = [held(article, author, ago=(23 - n) * HOUR) for n in range(NUDGES)]
    assert shown(held(article, author)) == [False]
    assert shown(held(make_article(make_site()), author)) == [True]
    assert shown(held(fresh(article), make_user())) == [True]
    assert len(early) == NUDGES


def test_nothing_is_shown_where_nothing_stands_out_or_another_rule_held_it() -> None:
    article, author = make_article(), make_user()
    plain = make_comment(article, author, status=Status.HELD)
    unexplained = held(article, author, explained=False)
    empty = hold_as_toxic(make_comment(article, author, status=Status.PENDING))
    assert shown(plain, unexplained, empty) == [False] * 3
    assert all(shown(*[held(article, author) for _ in range(NUDGES)]))  # nor do these count


def test_it_goes_with_the_comment_being_held_and_new() -> None:
    article, author = make_article(), make_user()
    comment = held(article, author)
    approve(comment, actor=make_user(), seen=comment.version)
    db.session.commit()
    assert shown(comment) == [False]
    assert shown(held(article, author, ago=25 * HOUR)) == [False]


def test_left_for_review_it_is_not_shown_again_but_counts() -> None:
    article, author = make_article(), make_user()
    comments = [held(article, author) for _ in range(NUDGES)]
    with pytest.raises(NotAllowed):
        leave_for_review(comments[0], make_user())
    leave_for_review(comments[0], author)
    leave_for_review(comments[0], author)
    leave_for_review(make_comment(article, author, status=Status.HELD), author)  # nothing to leave
    db.session.commit()
    db.session.expire_all()
    assert shown(*comments) == [False, True, True]
    assert shown(held(fresh(article), author)) == [False]


def test_text_that_changed_since_shows_nothing() -> None:
    comment = held(make_article(), make_user())
    comment.revision = 2
    db.session.commit()
    assert shown(comment) == [False]


def test_it_is_one_statement_and_bounded(statements: Statements, monkeypatch: pytest.MonkeyPatch) -> None:
    article, author = make_article(), make_user()
    comments = [held(article, author) for _ in range(4)]
    ready = make_comment(article, author)
    statements.clear()
    nudges(comments)
    assert len(statements) == 1
    nudges([ready])
    assert len(statements) == 1
    assert MOST > NUDGES
    monkeypatch.setattr(nudge, "MOST", 3)
    assert not any(shown(*comments))
