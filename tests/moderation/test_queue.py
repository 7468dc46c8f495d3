"""Queues: what is in them under filters, in which order, how many, and at what cost."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.sections import move_article, sections_of
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, latest_decision, reject, undo, withdraw
from commentsvc.moderation.filters import NOTHING, Filters, Order, checked_filters, parse_filters
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason
from commentsvc.moderation.queue import (
    COUNT_LIMIT,
    QUEUES,
    SCAN_LIMIT,
    Count,
    Queue,
    View,
    _counting,
    ids_of,
    in_view,
    page_of_cards,
    page_query,
    queue_counts,
    view_counts,
    view_of,
)
from commentsvc.moderation.saved import add_article, make_group
from commentsvc.moderation.screen import screen_comment
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")

# What a comment is in, computed from the row alone.
IN: dict[Queue, Callable[[Comment], bool]] = {
    Queue.HELD: lambda c: c.status == "held",
    Queue.FLAGGED: lambda c: c.status == "published" and c.flag_count > 0,
    Queue.NEW: lambda c: c.status == "published" and c.reviewed_at is None,
    Queue.APPROVED: lambda c: c.status == "published" and c.reviewed_at is not None,
    Queue.REJECTED: lambda c: c.status == "rejected",
    Queue.ALL: lambda _: True,
    Queue.WAITING: lambda c: c.status == "pending",
}


def rows_of(site: Site, articles: list[Article], number: int, *, waiting: float = 0.5, seed: int = 7) -> None:
    """Many comments of every kind in one statement; so many of them held or flagged."""
    dice = random.Random(seed)
    authors = [make_user(), make_user(), make_user()]
    start = utcnow() - dt.timedelta(days=40)
    rows: list[dict[str, Any]] = []
    for n in range(number):
        article = articles[n % len(articles)]
        held = dice.random() < waiting
        status = dice.choice(["held", "published"]) if held else dice.choice(["published", "published", "rejected", "withdrawn", "pending"])
        rows.append({
            "site_id": site.id, "article_id": article.id, "section": article.section, "author_id": authors[n % 3].id,
            "author_role": "expert" if n % 40 == 0 else "member", "status": status, "body": f"Remark {n}.",
            "body_html": f"<p>Remark {n}.</p>", "body_hash": f"{n:032d}", "created_at": start + dt.timedelta(minutes=n * 7 % 50_000),
            "reviewed_at": start + dt.timedelta(hours=n) if status == "published" and n % 2 else None,
            "label": dice.choice(["threat", "insult", ""]), "language": dice.choice(["en", "en", "de"]),
            "due": dice.uniform(50_000, 60_000), "flag_count": int(held and status == "published"),
            # All columns, as an ORM insert would have them.
            "depth": 0, "version": 1, "revision": 1, "listed": status == "published",
        })
    db.session.execute(insert(Comment), rows)
    db.session.commit()


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def articles(site: Site) -> list[Article]:
    return [make_article(site, section=section) for section in ("City", "Sports", "City", "")]


def expected(site: Site, queue: Queue, keep: Callable[[Comment], bool], order: Order | None = None) -> list[int]:
    sort = QUEUES[queue].orders[order or QUEUES[queue].usual]
    found = [c for c in db.session.scalars(select(Comment).where(Comment.site_id == site.id)) if IN[queue](c) and keep(c)]
    found.sort(key=lambda c: (getattr(c, sort.name), c.id), reverse=sort.descending)
    return [c.id for c in found]


def whole(view: View, size: int = 7) -> list[int]:
    """Every page of it, one after the other."""
    found: list[int] = []
    after: str | None = None
    while True:
        ids, after = ids_of(view, after, size)
        found += ids
        if after is None:
            return found


def test_every_queue_in_every_order_is_what_the_rows_say(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 120)
    rows_of(make_site(), [make_article()], 20)
    for queue, spec in QUEUES.items():
        for order in spec.orders:
            assert whole(view_of(site, queue, order=order)) == expected(site, queue, lambda _: True, order), (queue, order)


def test_filters_keep_what_all_of_them_do(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 200)
    group = make_group(site, "Two of them", actor=make_user())
    for article in articles[:2]:
        add_article(group, article)
    db.session.commit()
    author = db.session.scalar(select(Comment.author_id).limit(1))
    day = (utcnow() - dt.timedelta(days=20)).date()
    single: dict[str, tuple[Any, Callable[[Comment], bool]]] = {
        "article": (articles[2].id, lambda c: c.article_id == articles[2].id),
        "group": (group.id, lambda c: c.article_id in {a.id for a in articles[:2]}),
        "section": ("City", lambda c: c.section == "City"),
        "label": ("threat", lambda c: c.label == "threat"),
        "language": ("de", lambda c: c.language == "de"),
        "author": (author, lambda c: c.author_id == author),
        "role": ("expert", lambda c: c.author_role == "expert"),
        "since": (day, lambda c: c.created_at.date() >= day),
        "until": (day, lambda c: c.created_at.date() <= day),
    }
    dice = random.Random(3)
    every = db.session.scalars(select(Comment.id)).all()
    chosen = [[name] for name in single] + [dice.sample(sorted(single), k) for k in (2, 2, 2, 3, 3, 4, 5, 9)]
    for names in chosen:
        filters = Filters(**{name: single[name][0] for name in names})
        for queue, spec in QUEUES.items():
            wanted = expected(site, queue, lambda c, names=names: all(single[n][1](c) for n in names))  # type: ignore[misc]
            view = view_of(site, queue, filters)
            assert whole(view, 30) == wanted, (queue, names)
            assert view_counts([view]) == [Count(len(wanted))], (queue, names)
            assert in_view(view, every) == set(wanted)
            for order in spec.orders:
                assert set(whole(view_of(site, queue, filters, order), 100)) == set(wanted)


def test_a_queue_of_several_sites_is_merged_in_its_order(site: Site, articles: list[Article]) -> None:
    other, third = make_site(), make_site()
    for one in (other, third):
        rows_of(one, [make_article(one)], 30, seed=one.id)
    rows_of(site, articles, 30)
    merged = whole(view_of([site, other], Queue.HELD))
    assert sorted(merged) == sorted(expected(site, Queue.HELD, lambda _: True) + expected(other, Queue.HELD, lambda _: True))
    dues = dict(db.session.execute(select(Comment.id, Comment.due)).all())
    assert merged == sorted(merged, key=lambda i: (dues[i], i))


def test_a_cursor_is_good_for_its_own_list_alone(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 60)
    _, after = page_of_cards(site, Queue.HELD, limit=5)
    assert page_of_cards(site, Queue.HELD, after, limit=5, order=Order.URGENT)[0]  # which is the usual order
    others: list[dict[str, Any]] = [{"order": Order.NEWEST}, {"filters": Filters(section="City")}]
    for other in others:
        with pytest.raises(Invalid) as refused:
            page_of_cards(site, Queue.HELD, after, limit=5, **other)
        assert refused.value.code == "cursor_invalid"


def test_what_is_of_another_site_filters_nothing_here(site: Site) -> None:
    group = make_group(make_site(), "Theirs", actor=make_user())
    for filters in (Filters(article=make_article().id), Filters(group=group.id), Filters(article=10**9)):
        with pytest.raises(NotFound):
            view_of(site, Queue.HELD, filters)
    with pytest.raises(Invalid):
        view_of(site, Queue.NEW, order=Order.URGENT)


def test_a_group_without_articles_and_a_person_without_sites_have_empty_queues(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 10)
    group = make_group(site, "Empty", actor=make_user())
    view = view_of(site, Queue.ALL, Filters(group=group.id))
    assert (ids_of(view), view_counts([view]), in_view(view, [1, 2])) == (([], None), [Count(0)], set())
    assert view_counts([view_of([], Queue.ALL), View((), Queue.HELD, Filters(article=articles[0].id))]) == [Count(0), Count(0)]


def test_comments_that_were_skipped_come_last(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 30)
    held = expected(site, Queue.HELD, lambda _: True)
    cards, following = page_of_cards(site, Queue.HELD, limit=50, last=[held[0], 10**9])
    assert ([c.comment.id for c in cards], following) == ([*held[1:], held[0]], None)


# --- counts


def recounted(site: Site) -> dict[Queue, int]:
    rows = db.session.scalars(select(Comment).where(Comment.site_id == site.id).execution_options(populate_existing=True)).all()
    return {queue: min(sum(map(holds, rows)), COUNT_LIMIT) for queue, holds in IN.items()}


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_a_recount_after_any_order_of_actions(  # noqa: C901 - one branch an action
    site: Site, seed: int
) -> None:
    dice = random.Random(seed)
    article = make_article(site, section="City")
    staff = [make_user(role=Role.COMMUNITY_MANAGER, site=site) for _ in range(2)]
    readers = [make_user() for _ in range(4)]
    comments: list[Comment] = []
    done = 0

    def post() -> None:
        status = dice.choice([Status.PENDING, Status.HELD, Status.PUBLISHED])
        comments.append(make_comment(fresh(article), dice.choice(readers), f"Remark {len(comments)} of {seed}.", status=status))

    def act() -> None:
        comment = dice.choice(comments)
        actor = dice.choice(staff)
        verb = dice.choice(["approve", "reject", "flag", "withdraw", "undo", "undo"])
        if verb == "approve":
            approve(comment, actor=actor, seen=comment.version)
        elif verb == "reject":
            reject(comment, actor=actor, reason=Reason.SPAM, seen=comment.version)
        elif verb == "flag":
            flag(comment, dice.choice(readers), "abuse")
        elif verb == "withdraw":
            withdraw(comment, db.session.get_one(User, comment.author_id))
        elif (decision := latest_decision(comment.id)) is not None:
            undo(decision, actor=actor)

    for step in range(90):
        if step < 8 or dice.random() < 0.15:
            post()
            continue
        try:
            act()
            db.session.commit()
            done += 1
        except CommentsvcError:
            db.session.rollback()
        if step % 6 == 0:
            assert queue_counts(site) == recounted(site)
    assert queue_counts(site) == recounted(site)
    assert view_counts([view_of(site, queue, Filters(section="City")) for queue in Queue]) == [
        Count(number) for number in recounted(site).values()
    ]
    assert done > 20


def test_counting_stops_at_its_limit_and_says_so(site: Site, articles: list[Article]) -> None:
    rows_of(site, articles, 2 * COUNT_LIMIT + 100, waiting=1.0)
    held = len(expected(site, Queue.HELD, lambda _: True))
    assert queue_counts(site)[Queue.ALL] == COUNT_LIMIT
    assert queue_counts(site)[Queue.HELD] == min(held, COUNT_LIMIT)
    assert view_counts([view_of(site, Queue.ALL)]) == [Count(COUNT_LIMIT, more=True)]


def test_under_filters_that_no_index_knows_together_so_many_are_looked_at(site: Site, articles: list[Article], monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of(site, articles, 300, waiting=1.0)
    monkeypatch.setattr("commentsvc.moderation.queue.SCAN_LIMIT", 3)
    view = view_of(site, Queue.HELD, Filters(section="City", label="threat", language="de"))
    whole_number = len(whole(view))
    [count] = view_counts([view])
    assert count.more
    assert count.number < whole_number
    assert SCAN_LIMIT > COUNT_LIMIT


# --- what is stored for it


def test_held_comments_are_filed_and_ordered_by_what_was_found() -> None:
    site = make_site(policy=Policy(suspect_phrases=("wall",)))
    article = make_article(site)
    plain, grave, suspect = (
        make_comment(article, body=body, status=Status.PENDING) for body in ("One more remark.", "A grave remark.", "About the wall.")
    )
    low = dict.fromkeys(("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"), 0.01)
    for comment, scores in ((plain, low | {"toxicity": 0.99}), (grave, low | {"threat": 0.99, "toxicity": 0.9}), (suspect, low)):
        comment.article = article
        screen_comment(comment, scores)
    db.session.commit()
    assert [c.status for c in (plain, grave, suspect)] == ["held"] * 3
    assert [c.label for c in (plain, grave, suspect)] == ["toxicity", "threat", "suspect_phrases"]
    assert ids_of(view_of(site, Queue.HELD))[0] == [grave.id, plain.id, suspect.id]
    assert ids_of(view_of(site, Queue.HELD, order=Order.OLDEST))[0] == [plain.id, grave.id, suspect.id]


def test_a_flag_more_makes_a_comment_more_urgent_and_an_undo_brings_its_place_back(site: Site) -> None:
    article = make_article(site)
    first, second = make_comment(article), make_comment(article)
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    flag(first, make_user(), "abuse")
    flag(second, make_user(), "abuse")
    db.session.commit()
    assert ids_of(view_of(site, Queue.FLAGGED))[0] == [first.id, second.id]
    flag(second, make_user(), "spam")
    db.session.commit()
    assert ids_of(view_of(site, Queue.FLAGGED))[0] == [second.id, first.id]
    decision = approve(second, actor=manager, seen=second.version)
    assert ids_of(view_of(site, Queue.FLAGGED))[0] == [first.id]
    undo(decision, actor=manager)
    assert ids_of(view_of(site, Queue.FLAGGED))[0] == [second.id, first.id]


def test_comments_follow_their_article_into_another_section(site: Site) -> None:
    article, other = make_article(site, section="City"), make_article(site, section="Sports")
    comment = make_comment(article, status=Status.HELD)
    make_comment(other, status=Status.HELD)
    assert ids_of(view_of(site, Queue.HELD, Filters(section="City")))[0] == [comment.id]
    move_article(article, " Politics ")
    db.session.commit()
    assert ids_of(view_of(site, Queue.HELD, Filters(section="City")))[0] == []
    assert ids_of(view_of(site, Queue.HELD, Filters(section="Politics")))[0] == [comment.id]
    assert sections_of(site) == ["Politics", "Sports"]
    move_article(other, "")
    assert sections_of(site) == ["Politics"]
    assert sections_of(make_site()) == []


def test_the_language_is_kept_when_a_comment_comes_in(site: Site) -> None:
    article = make_article(site)
    bodies = {"en": "The harbour wall will be closed for a week from Monday.", "de": "Die Mauer am Hafen wird ab Montag gesperrt.", "": "🎉 123"}
    for language, body in bodies.items():
        assert make_comment(article, body=body).language == language


# --- what stands in an address


def test_filters_are_read_from_an_address_and_written_to_one() -> None:
    given = {"article": "7", "section": " City  Hall ", "label": "threat", "since": "2026-03-01", "until": "2026-03-31", "role": "expert", "author": "9"}
    found = checked_filters(given)
    assert found == Filters(7, None, "City Hall", "threat", "", 9, "expert", dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    assert checked_filters(found.args()) == found
    assert (bool(found), bool(NOTHING), found.without("label").label) == (True, False, "")
    assert checked_filters({"article": "", "colour": "blue"}) == NOTHING


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("article", "x"), ("article", "-1"), ("article", "9" * 19), ("author", "٣"), ("section", "s" * 101), ("label", "DROP"), ("role", "god"),
        ("since", "yesterday"), ("since", "0001-01-01"), ("until", "2026-13-01"), ("until", "9999-12-31"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field_and_narrows_nothing(name: str, bad: str) -> None:
    found, errors = parse_filters({name: bad, "language": "en"})
    assert (found, list(errors)) == (Filters(language="en"), [name])
    with pytest.raises(Invalid) as refused:
        checked_filters({name: bad})
    assert refused.value.field == name


def test_days_the_wrong_way_round_are_said_so() -> None:
    found, errors = parse_filters({"since": "2026-03-02", "until": "2026-03-01"})
    assert (found.until, errors) == (None, {"until": "The last day is before the first."})


# --- what it costs


def plan(query: Any) -> str:
    sql = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
    if db.engine.dialect.name == "postgresql":
        # Of so few rows, never vacuumed, it would read the whole table; whether an index can do it is the question.
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        db.session.execute(text("SET LOCAL enable_bitmapscan = off"))
        return "\n".join(r[0] for r in db.session.execute(text("EXPLAIN " + sql.replace(":", r"\:"))))
    return "\n".join(r[3] for r in db.session.execute(text("EXPLAIN QUERY PLAN " + sql.replace(":", r"\:"))))


@pytest.fixture
def large(site: Site, articles: list[Article]) -> Site:
    """Enough rows that PostgreSQL would rather read an index than the table."""
    rows_of(site, articles, 6000, waiting=0.4)
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return site


EDITS = "ix_comments_edits_due"
WALKS: list[tuple[Queue, dict[str, Any], Order, str]] = [
    (Queue.HELD, {}, Order.URGENT, "ix_comments_held_due"),
    (Queue.HELD, {}, Order.OLDEST, "ix_comments_queue"),
    (Queue.HELD, {}, Order.NEWEST, "ix_comments_queue"),
    (Queue.FLAGGED, {}, Order.URGENT, "ix_comments_flagged_due"),
    (Queue.FLAGGED, {}, Order.OLDEST, "ix_comments_flagged"),
    (Queue.NEW, {}, Order.NEWEST, "ix_comments_new"),
    (Queue.APPROVED, {}, Order.NEWEST, "ix_comments_approved"),
    (Queue.REJECTED, {}, Order.NEWEST, "ix_comments_queue"),
    (Queue.WAITING, {}, Order.OLDEST, "ix_comments_queue"),
    (Queue.ALL, {}, Order.NEWEST, "ix_comments_queue"),
    (Queue.HELD, {"article": 0}, Order.URGENT, "ix_comments_held_article_due"),
    (Queue.HELD, {"article": 0}, Order.OLDEST, "ix_comments_article"),
    (Queue.ALL, {"article": 0}, Order.NEWEST, "ix_comments_article"),
    (Queue.HELD, {"section": "City"}, Order.URGENT, "ix_comments_held_section_due"),
    (Queue.HELD, {"section": "City"}, Order.OLDEST, "ix_comments_held_section"),
    (Queue.HELD, {"label": "threat"}, Order.URGENT, "ix_comments_held_label_due"),
    (Queue.HELD, {"label": "threat"}, Order.NEWEST, "ix_comments_held_label"),
    (Queue.HELD, {"language": "de"}, Order.URGENT, "ix_comments_held_language_due"),
    (Queue.HELD, {"language": "de"}, Order.OLDEST, "ix_comments_held_language"),
]


@pytest.mark.parametrize("continued", [False, True])
def test_opening_a_queue_walks_its_index_and_sorts_nothing(large: Site, articles: list[Article], *, continued: bool) -> None:
    for queue, given, order, index in WALKS:
        filters = {"article": articles[0].id} if "article" in given else given
        view = view_of(large, queue, Filters(**filters), order)
        key: object = 55_000.0 if order == Order.URGENT else utcnow() - dt.timedelta(days=20)
        query = page_query(view, (key, 1000) if continued else None, 26)
        assert query is not None
        found, lanes = plan(query), len(QUEUES[queue].lanes)
        if queue == Queue.HELD:  # and its few edits, merged in: those of a site are put in order for other orders than by urgency
            assert lanes == 2
            assert found.count("Sort Key") + found.count("B-TREE") <= 3, (queue, found)
            assert index in found.replace(EDITS, ""), (queue, found)
            assert "Seq Scan" not in found, (queue, found)
            continue
        if db.engine.dialect.name == "sqlite":
            assert found.count("SEARCH comments USING") == found.count(f"USING COVERING INDEX {index} ") == lanes, (queue, found)
            # Where lanes are merged, each is a page long: that is put in order, and nothing longer.
            assert found.count("B-TREE") <= (lanes if lanes > 1 else 0), (queue, found)
        else:
            assert "Seq Scan" not in found, (queue, found)
            assert found.count(index) == lanes, (queue, found)
            assert found.replace("Merge Append", "").count("Sort Key") <= (lanes if lanes > 1 else 0), (queue, found)


def test_counting_a_queue_reads_an_index_alone(large: Site) -> None:
    for queue in Queue:
        for part in _counting(0, view_of(large, queue)):
            found = plan(part)
            if db.engine.dialect.name == "sqlite":
                assert "COVERING INDEX" in found, (queue, found)
            else:
                assert "Seq Scan" not in found, (queue, found)
                assert "Sort" not in found, (queue, found)


def test_opening_deciding_and_counting_take_the_same_statements_whatever_there_is(large: Site, statements: Statements) -> None:
    view = view_of(large, Queue.HELD)
    statements.clear()
    ids_of(view)
    queue_counts(large)
    assert len(statements) == 2
    small = make_site()
    statements.clear()
    ids_of(view_of(small, Queue.HELD))
    queue_counts(small)
    assert len(statements) == 2
