"""Paging holds under change, costs a fixed number of statements, and uses its indexes."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Select, event, text

from commentsvc.accounts.models import User
from commentsvc.comments import threads
from commentsvc.comments.models import Comment
from commentsvc.comments.threads import SORT_KEYS, Sort, page_of_replies, page_of_roots
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.decide import mark, withdraw
from commentsvc.moderation.featuring import Mark
from commentsvc.pagination import Cursors
from commentsvc.sites.models import Article
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_user


def _thread(article: Article, roots: int, replies: int = 0) -> list[Comment]:
    people = [make_user() for _ in range(3)]
    start = utcnow() - dt.timedelta(days=1)
    made = []
    for n in range(roots):
        root = make_comment(article, people[n % 3], created_at=start + dt.timedelta(minutes=n // 2))
        made.append(root)
        for _ in range(replies):
            make_comment(article, people[(n + 1) % 3], parent=root)
    return made


def _disturb(rng: random.Random, article: Article, people: list[User], target_id: int) -> int | None:
    """Do something to the thread; returns the comment it touched, None for a new one."""
    target = db.session.get_one(Comment, target_id, populate_existing=True)
    actions: dict[str, Callable[[], object]] = {
        "post": lambda: make_comment(article, people[1]),
        "reply": lambda: make_comment(article, people[1], parent=target),
        "vote": lambda: vote(target, people[2], rng.choice([1, -1])),
        "withdraw": lambda: withdraw(target, db.session.get_one(User, target.author_id)),
    }
    action = rng.choice(list(actions))
    try:
        actions[action]()
        db.session.commit()
    except (Conflict, Invalid):
        db.session.rollback()
    return None if action == "post" else target_id


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("sort", list(Sort))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_every_untouched_comment_is_seen_exactly_once(sort: Sort, seed: int) -> None:
    rng = random.Random(seed)
    article = make_article()
    people = [make_user() for _ in range(4)]
    roots = _thread(article, 22)
    for comment in roots:
        for person in people:
            if rng.random() < 0.3:
                vote(comment, person, rng.choice([1, -1]))
        if rng.random() < 0.4:
            make_comment(article, people[0], parent=comment)
    db.session.commit()

    untouched = {c.id for c in roots}
    seen: list[int] = []
    after = None
    while True:
        article = fresh(article)
        shown = page_of_roots(article, sort, after, limit=rng.randint(1, 6))
        seen += [n.comment.id for n in shown.nodes]
        after = shown.next
        if after is None:
            break
        for _ in range(rng.randint(0, 3)):
            untouched.discard(_disturb(rng, article, people, rng.choice(roots).id))
    for comment_id in untouched:
        assert seen.count(comment_id) == 1


@pytest.mark.usefixtures("app")
def test_a_page_costs_the_same_statements_however_much_is_on_it(statements: Statements) -> None:
    article = make_article()
    _thread(article, 3, replies=1)
    article = fresh(article)
    costs = []
    for _ in range(2):
        statements.clear()
        page_of_roots(article)
        costs.append(len(statements))
        _thread(article, 22, replies=4)
        article = fresh(article)
    assert costs == [2, 2]
    root = db.session.get_one(Comment, page_of_roots(article).nodes[0].comment.id)
    statements.clear()
    page_of_replies(root)
    assert len(statements) == 2


@pytest.mark.usefixtures("app")
def test_featured_comments_come_first_and_the_newest_of_each() -> None:
    article = make_article()
    made = _thread(article, 12)
    for number in (7, 2, 4):
        mark(made[number], Mark.FEATURED, on=True, actor=make_user(), seen=made[number].version)
    db.session.commit()
    order: list[int] = []
    after = None
    while True:
        page = page_of_roots(fresh(article), Sort.FEATURED, after, limit=2)
        order += [node.comment.id for node in page.nodes]
        after = page.next
        if after is None:
            break
    assert order == [made[n].id for n in (7, 4, 2, 11, 10, 9, 8, 6, 5, 3, 1, 0)]


@pytest.mark.usefixtures("app")
def test_replies_page_on_from_what_is_shown() -> None:
    article = make_article()
    [root] = _thread(article, 1, replies=7)
    article = fresh(article)
    [node] = page_of_roots(article).nodes
    assert (len(node.replies), node.more_replies) == (3, 4)
    cursor = threads.replies_cursor(node.comment, node.replies[-1].comment, len(node.replies))
    rest = page_of_replies(db.session.get_one(Comment, root.id), cursor)
    shown = [r.comment.id for r in node.replies] + [n.comment.id for n in rest.nodes]
    assert len(shown) == len(set(shown)) == 7
    assert rest.next is None


@pytest.mark.usefixtures("app")
def test_show_more_says_how_many_are_left() -> None:
    article = make_article()
    _thread(article, 25, replies=1)
    article = fresh(article)
    first = page_of_roots(article)
    assert first.left == 50 - 40
    assert page_of_roots(article, after=first.next).left == 0


@pytest.mark.usefixtures("app")
def test_a_cursor_is_refused_when_forged_expired_or_of_another_list(monkeypatch: pytest.MonkeyPatch) -> None:
    article, other = make_article(), make_article()
    _thread(article, 3)
    article = fresh(article)
    cursor = page_of_roots(article, limit=2).next
    assert cursor
    for bad in (cursor[:-2] + "xx", "nonsense", Cursors("another secret").write(f"roots:{article.id}:newest", 1, 1)):
        with pytest.raises(Invalid) as error:
            page_of_roots(article, after=bad)
        assert error.value.code == "cursor_invalid"
    for where in ((other, Sort.NEWEST), (article, Sort.TOP)):
        with pytest.raises(Invalid):
            page_of_roots(*where, after=cursor)
    monkeypatch.setattr("commentsvc.pagination.CURSOR_SECONDS", -1)
    with pytest.raises(Invalid) as error:
        page_of_roots(article, after=cursor)
    assert error.value.code == "cursor_expired"


def _plan(query: str) -> str:
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        db.session.execute(text("SET LOCAL enable_bitmapscan = off"))
        return "\n".join(r[0] for r in db.session.execute(text("EXPLAIN " + query)))
    return "\n".join(r[3] for r in db.session.execute(text("EXPLAIN QUERY PLAN " + query)))


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("sort", "index"),
    [(Sort.NEWEST, "ix_comments_roots_by_time"), (Sort.OLDEST, "ix_comments_roots_by_time"),
     (Sort.TOP, "ix_comments_roots_by_top"), (Sort.MOST_REPLIED, "ix_comments_roots_by_replies"),
     (Sort.CONTROVERSIAL, "ix_comments_roots_by_controversy"), (Sort.FEATURED, "ix_comments_roots_by_featured")],
)
def test_each_sort_reads_its_index_in_order(sort: Sort, index: str, statements: Statements) -> None:
    article = make_article()
    _thread(article, 30, replies=1)
    article = fresh(article)
    after = page_of_roots(article, sort, limit=2).next
    db.session.execute(text("ANALYZE"))
    statements.clear()
    seen: list[str] = []

    def spy(_connection: object, query: Any, _many: object, values: dict[str, object], _options: object) -> None:
        if isinstance(query, Select):
            seen.append(str(query.params(values).compile(db.engine, compile_kwargs={"literal_binds": True})))

    event.listen(db.engine, "before_execute", spy)
    try:
        page_of_roots(article, sort, after)
    finally:
        event.remove(db.engine, "before_execute", spy)
    roots, replies = (_plan(q) for q in seen)
    assert index in roots
    assert "SORT" not in roots.upper().replace("INCREMENTAL", "")
    assert "B-TREE" not in roots.upper()
    assert "ix_comments_preview" in replies
    assert set(SORT_KEYS) == set(Sort)


