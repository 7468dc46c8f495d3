"""Featured and pinned: who may carry them, what readers are shown, and how they are taken back."""

from __future__ import annotations

import pytest

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import Sort, page_of_roots
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, latest_decision, mark, reject, undo, withdraw
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason
from commentsvc.sites.models import Article
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_user


@pytest.fixture
def article(app: object) -> Article:
    return make_article()


@pytest.fixture
def anna(article: Article) -> User:
    return make_user("Anna Berg", role=Role.COMMUNITY_MANAGER, site=article.site)


def give(comment: Comment, wanted: Mark, actor: User, *, on: bool = True) -> None:
    db.session.refresh(comment)
    assert mark(comment, wanted, on=on, actor=actor, seen=comment.version) is not None
    db.session.commit()


def first_pages(article: Article) -> dict[str, list[tuple[int, bool]]]:
    pages = {}
    for sort in Sort:
        nodes = page_of_roots(fresh(article), sort).nodes
        pages[sort.value] = [(node.comment.id, node.comment.pinned) for node in nodes]
    return pages


def pinned(article: Article) -> list[int]:
    return [comment for comment, is_pinned in first_pages(article)["newest"] if is_pinned]


def test_a_pinned_comment_stands_first_in_every_sort_and_once(article: Article, anna: User) -> None:
    comments = [make_comment(article) for _ in range(4)]
    give(comments[1], Mark.PINNED, anna)
    for shown in first_pages(article).values():
        assert shown[0] == (comments[1].id, True)
        assert sorted(i for i, _ in shown) == [c.id for c in comments]


def test_paging_shows_a_pinned_comment_on_the_first_page_alone(article: Article, anna: User) -> None:
    comments = [make_comment(article) for _ in range(7)]
    give(comments[3], Mark.PINNED, anna)
    shown, after, left = [], None, []
    while True:
        page = page_of_roots(fresh(article), Sort.OLDEST, after, 2)
        shown += [node.comment.id for node in page.nodes]
        left.append(page.left)
        after = page.next
        if after is None:
            break
    assert shown == [comments[3].id, *(c.id for c in comments if c is not comments[3])]
    assert left == [4, 2, 0]


def test_pages_without_a_pin_cost_what_they_did(article: Article, anna: User, statements: Statements) -> None:
    comment = make_comment(article)
    found = fresh(article)
    statements.clear()
    page_of_roots(found)
    assert len(statements) == 2
    give(comment, Mark.PINNED, anna)
    found = fresh(article)
    statements.clear()
    page_of_roots(found)
    assert len(statements) == 3


def test_a_new_pin_takes_the_place_of_the_old_and_taken_back_restores_it(article: Article, anna: User) -> None:
    old, new = make_comment(article), make_comment(article)
    give(old, Mark.PINNED, anna)
    give(new, Mark.PINNED, anna)
    assert pinned(article) == [new.id]
    decision = latest_decision(old.id)
    assert decision is not None
    assert decision.reason == Reason.UNPINNED
    last = latest_decision(new.id)
    assert last is not None
    undo(last, actor=anna)
    db.session.commit()
    assert pinned(article) == [old.id]


def test_a_mark_moves_the_articles_version_and_its_own_and_leaves_flags_open(article: Article, anna: User) -> None:
    comment = make_comment(article)
    flag(comment, make_user(), "spam")
    db.session.commit()
    db.session.refresh(comment)
    page, version = fresh(article).version, comment.version
    give(comment, Mark.FEATURED, anna)
    assert fresh(article).version > page
    assert (comment.version, comment.flag_count, comment.status) == (version + 1, 1, "published")
    assert comment.reviewed_at is None
    assert not miscounted()


def test_the_same_again_is_nothing_and_an_old_version_is_a_conflict(article: Article, anna: User) -> None:
    comment = make_comment(article)
    seen = comment.version
    give(comment, Mark.FEATURED, anna)
    assert mark(comment, Mark.FEATURED, on=True, actor=anna, seen=comment.version) is None
    with pytest.raises(Conflict, match="Anna Berg has featured this comment"):
        mark(comment, Mark.FEATURED, on=False, actor=anna, seen=seen)


@pytest.mark.parametrize("status", [Status.HELD, Status.REJECTED, Status.PENDING, Status.WITHDRAWN])
@pytest.mark.parametrize("wanted", list(Mark))
def test_only_published_comments_are_marked(article: Article, anna: User, status: Status, wanted: Mark) -> None:
    comment = make_comment(article, status=status)
    with pytest.raises(Conflict, match="Only a published comment"):
        mark(comment, wanted, on=True, actor=anna, seen=comment.version)


def test_a_reply_can_be_featured_but_not_pinned(article: Article, anna: User) -> None:
    reply = make_comment(article, parent=make_comment(article))
    with pytest.raises(Invalid, match="cannot be pinned"):
        mark(reply, Mark.PINNED, on=True, actor=anna, seen=reply.version)
    db.session.rollback()
    give(reply, Mark.FEATURED, anna)
    assert page_of_roots(fresh(article)).nodes[0].replies[0].comment.featured_at is not None


def test_what_is_taken_off_shows_no_mark_and_an_undo_brings_it_back(article: Article, anna: User) -> None:
    comment = make_comment(article)
    make_comment(article, parent=comment)
    give(comment, Mark.FEATURED, anna)
    give(comment, Mark.PINNED, anna)
    decision = reject(comment, actor=anna, reason=Reason.ABUSE, seen=comment.version)
    db.session.commit()
    tombstone = page_of_roots(fresh(article)).nodes[0].comment
    assert (tombstone.id, tombstone.featured_at, tombstone.pinned) == (comment.id, None, False)
    undo(decision, actor=anna)
    db.session.commit()
    row = page_of_roots(fresh(article)).nodes[0].comment
    assert row.featured_at is not None
    assert row.pinned


def test_what_is_published_anew_begins_without_marks(article: Article, anna: User) -> None:
    comment = make_comment(article)
    give(comment, Mark.FEATURED, anna)
    give(comment, Mark.PINNED, anna)
    reject(comment, actor=anna, reason=Reason.ABUSE, seen=comment.version)
    approve(comment, actor=anna, seen=comment.version)
    db.session.commit()
    row = page_of_roots(fresh(article)).nodes[0].comment
    assert (row.featured_at, row.pinned) == (None, False)


def test_a_withdrawn_comment_is_shown_without_its_pin(article: Article, anna: User) -> None:
    author = make_user()
    comment = make_comment(article, author)
    make_comment(article, parent=comment)
    give(comment, Mark.PINNED, anna)
    withdraw(comment, author)
    db.session.commit()
    assert pinned(article) == []
    assert len(page_of_roots(fresh(article)).nodes) == 1
