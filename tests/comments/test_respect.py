"""A site with one reaction, respect, in place of votes up and down."""

from __future__ import annotations

import pytest
from flask import Flask

from commentsvc.comments.counts import miscounted, recount
from commentsvc.comments.models import Comment
from commentsvc.comments.ranking import wilson_lower_bound
from commentsvc.comments.threads import Sort, page_of_roots
from commentsvc.comments.votes import vote
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Site
from tests.factories import fresh, make_article, make_comment, make_user


def have_respect(site: Site, *, wanted: bool) -> None:
    change_settings(lock_site(site.id), {"policy": Policy(respect=wanted)}, actor=None, via="command")
    db.session.commit()


def counted(comment: Comment) -> tuple[int, int, float]:
    db.session.refresh(comment)
    return comment.up, comment.down, comment.top_score


def test_votes_down_are_kept_without_counting_and_count_again_afterwards(app: Flask) -> None:
    article = make_article()
    comment, untouched = make_comment(article), make_comment(article)
    readers = [make_user() for _ in range(3)]
    for reader, value in zip(readers, (1, -1, -1), strict=True):
        vote(comment, reader, value)
    vote(untouched, readers[0], 1)
    db.session.commit()
    before = counted(comment)
    assert before == (1, 2, wilson_lower_bound(1, 2))
    have_respect(article.site, wanted=True)
    assert counted(comment) == (1, 0, wilson_lower_bound(1, 0))
    assert comment.controversy == 0
    assert miscounted() == []
    recount(article.id)
    assert counted(comment) == (1, 0, wilson_lower_bound(1, 0))
    have_respect(article.site, wanted=False)
    assert counted(comment) == before
    assert miscounted() == []


def test_with_respect_a_vote_is_one_or_none(app: Flask) -> None:
    article = make_article()
    comment, reader = make_comment(article), make_user()
    vote(comment, reader, -1)
    db.session.commit()
    have_respect(article.site, wanted=True)
    with pytest.raises(Invalid) as refused:
        vote(comment, make_user(), -1)
    assert refused.value.code == "respect_only"
    db.session.rollback()
    vote(comment, reader, 1)  # who was against it has thought better of it
    db.session.commit()
    assert counted(comment)[:2] == (1, 0)
    vote(comment, reader, 0)
    db.session.commit()
    assert counted(comment)[:2] == (0, 0)
    assert miscounted() == []


def test_nothing_is_controversial_where_there_is_only_respect(app: Flask) -> None:
    article = make_article()
    have_respect(article.site, wanted=True)
    with pytest.raises(Invalid):
        page_of_roots(fresh(article), Sort.CONTROVERSIAL)


def test_the_page_has_one_button_and_one_sort_less(app: Flask) -> None:
    article = make_article()
    make_comment(article)
    page = app.test_client().get(f"/embed/a/{article.id}").text
    assert 'data-act="down"' in page
    assert "Controversial" in page
    have_respect(article.site, wanted=True)
    page = app.test_client().get(f"/embed/a/{article.id}").text
    assert 'data-act="up"' in page
    assert 'aria-label="Respect, 0"' in page
    assert 'data-act="down"' not in page
    assert "Controversial" not in page
