"""What an import leaves in the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.counts import recount
from commentsvc.comments.models import Comment, Revision, Status, Vote
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Reason
from commentsvc.sites.models import Article, Site
from commentsvc.transfer import importer
from commentsvc.transfer.authors import Authors
from commentsvc.transfer.importer import import_comments
from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason, SourceStatus
from tests.factories import make_site, make_user
from tests.transfer.test_records import START, record

pytestmark = pytest.mark.usefixtures("app")


def thread() -> list[ImportedComment]:
    """Four comments of two people under one article, three deep."""

    def bob(comment: ImportedComment) -> ImportedComment:
        return replace(comment, author_key="t:bob", author_name="Bob")

    return [
        replace(record("t:1", minute=0), up=3, down=1),
        bob(record("t:2", "t:1", 1)),
        replace(record("t:3", "t:2", 2), up=1),
        bob(record("t:4", minute=3)),
    ]


def comments(site: Site) -> dict[str, Comment]:
    found = db.session.scalars(select(Comment).where(Comment.site_id == site.id).execution_options(populate_existing=True))
    return {c.external_id or "": c for c in found}


def test_parents_authors_times_order_and_votes_are_kept() -> None:
    site = make_site()
    report = import_comments(site, thread())
    found = comments(site)
    one, two, three, four = (found[f"t:{n}"] for n in range(1, 5))
    assert (two.parent_id, three.parent_id, four.parent_id) == (one.id, two.id, None)
    assert (two.root_id, three.root_id, three.depth) == (one.id, one.id, 2)
    assert one.id < two.id < three.id < four.id
    assert [c.created_at for c in (one, two)] == [START, START + dt.timedelta(minutes=1)]
    assert one.author_id == three.author_id != two.author_id
    assert db.session.get_one(User, two.author_id).display_name == "Bob"
    assert (one.up, one.down, three.up) == (3, 1, 1)
    assert (report.imported, report.articles_made, report.authors_made, report.votes) == (4, 1, 2, 5)
    assert db.session.scalar(select(func.count()).select_from(Revision)) == 4


def test_nothing_imported_is_public_before_it_is_screened(run_worker: Callable[[], int]) -> None:
    site = make_site()
    import_comments(site, [*thread(), replace(record("t:5", minute=9), body="You are a stupid worthless idiot, shut up.")])
    assert {c.status for c in comments(site).values()} == {Status.PENDING}
    assert db.session.scalars(select(Article)).one().comment_count == 0
    db.session.commit()
    assert run_worker() == 5
    found = comments(site)
    assert [found[f"t:{n}"].status for n in range(1, 6)] == [Status.PUBLISHED] * 4 + [Status.HELD]
    assert db.session.scalars(select(Article).execution_options(populate_existing=True)).one().comment_count == 4


def test_counts_are_what_recounting_gives(run_worker: Callable[[], int]) -> None:
    site = make_site()
    import_comments(site, thread())
    run_worker()
    names = ("listed", "preview", "reply_count", "thread_count", "up", "down", "top_score", "controversy")
    before = {key: [getattr(c, n) for n in names] for key, c in comments(site).items()}
    recount(db.session.scalars(select(Article.id)).one())
    assert {key: [getattr(c, n) for n in names] for key, c in comments(site).items()} == before
    assert before["t:1"][3] == 2


def test_running_it_again_changes_nothing() -> None:
    site = make_site()
    import_comments(site, thread())
    before = {key: (c.id, c.version, c.body) for key, c in comments(site).items()}
    report = import_comments(site, thread())
    assert (report.imported, report.already_there, report.authors_made, report.articles_made, report.votes) == (0, 4, 0, 0, 0)
    assert {key: (c.id, c.version, c.body) for key, c in comments(site).items()} == before
    assert db.session.scalar(select(func.count()).select_from(Vote)) == 5


def test_a_grown_source_adds_its_new_comments_under_the_old_ones() -> None:
    site = make_site()
    import_comments(site, thread()[:2])
    report = import_comments(site, [thread()[2]])
    found = comments(site)
    assert report.imported == 1
    assert (found["t:3"].parent_id, found["t:3"].author_id) == (found["t:2"].id, found["t:1"].author_id)


def test_a_reply_to_a_comment_here_under_another_article_is_skipped() -> None:
    site = make_site()
    import_comments(site, thread()[:1])
    stray = record("t:8", "t:1", 5, "https://news.example/other")
    report = import_comments(site, [stray, record("t:9", "t:8", 6, "https://news.example/other")])
    assert report.imported == 0
    assert report.skipped == [Skipped("t:8", SkipReason.PARENT_ELSEWHERE), Skipped("t:9", SkipReason.PARENT_SKIPPED)]


def test_two_sites_may_import_the_same_source() -> None:
    first, second = make_site(), make_site()
    import_comments(first, thread())
    import_comments(second, thread())
    assert len(comments(first)) == len(comments(second)) == 4
    assert {c.author_id for c in comments(first).values()}.isdisjoint(c.author_id for c in comments(second).values())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": " \u200b\n"}, SkipReason.EMPTY_BODY),
        ({"body": "x" * 50_001}, SkipReason.TOO_LONG),
        ({"article_url": "ftp://news.example/1"}, SkipReason.BAD_ARTICLE),
        ({"article_url": ""}, SkipReason.BAD_ARTICLE),
        ({"created_at": utcnow() + dt.timedelta(days=3)}, SkipReason.BAD_TIME),
        ({"created_at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}, SkipReason.BAD_TIME),
        ({"external_id": "t:" + "x" * 200}, SkipReason.BAD_ID),
    ],
)
def test_what_cannot_be_kept_is_skipped_with_its_reason(change: dict[str, object], reason: SkipReason) -> None:
    site = make_site()
    bad = replace(record("t:bad", minute=1), **change)  # type: ignore[arg-type]
    report = import_comments(site, [bad, record("t:reply", bad.external_id, 2), record("t:good", minute=3)])
    assert set(comments(site)) == {"t:good"}
    assert report.by_reason()[reason] == 1
    assert report.to_data()["skipped"][reason.value]["count"] == 1
    assert len(report.skipped) == 2


def test_a_comment_over_the_sites_own_limit_comes_in_and_is_held(run_worker: Callable[[], int]) -> None:
    site = make_site()
    import_comments(site, [replace(record("t:long"), body="A decent word. " * 400)])
    run_worker()
    assert comments(site)["t:long"].status == Status.HELD


def test_what_the_source_rejected_or_withdrew_stays_so_for_the_reason_imported(run_worker: Callable[[], int]) -> None:
    site = make_site()
    report = import_comments(site, [
        replace(record("t:1"), status=SourceStatus.REJECTED),
        replace(record("t:2", minute=1), status=SourceStatus.WITHDRAWN),
        record("t:3", "t:1", 2),
    ])
    run_worker()
    found = comments(site)
    assert [found[f"t:{n}"].status for n in (1, 2, 3)] == [Status.REJECTED, Status.WITHDRAWN, Status.PUBLISHED]
    assert (report.kept_rejected, report.kept_withdrawn) == (1, 1)
    reasons = db.session.scalars(select(Decision.reason).where(Decision.comment_id.in_([found["t:1"].id, found["t:2"].id])))
    assert set(reasons) == {Reason.IMPORTED}
    assert found["t:1"].listed  # its reply stands under a tombstone


def test_an_interrupted_import_keeps_whole_batches_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "BATCH", 2)
    site = make_site()

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    report = import_comments(site, thread(), progress=stop)
    assert (report.interrupted, report.imported, set(comments(site))) == (True, 2, {"t:1", "t:2"})
    db.session.commit()
    report = import_comments(site, thread())
    assert (report.interrupted, report.imported, report.already_there) == (False, 2, 2)
    assert comments(site)["t:3"].parent_id == comments(site)["t:2"].id


def test_an_authors_role_is_the_one_held_here() -> None:
    site = make_site()
    expert = make_user("Dr Osei", role=Role.EXPERT, site=site)
    Authors(site).adopt({"t:ann": expert.id})
    db.session.commit()
    import_comments(site, thread())
    assert comments(site)["t:1"].author_role == Role.EXPERT
    assert comments(site)["t:2"].author_role == Role.MEMBER


@pytest.mark.parametrize(("name", "shown"), [("", "Name unknown"), ("\u202e\u200b", "Name unknown"), ("  Ann \n B ", "Ann B"), ("x" * 300, "x" * 200)])
def test_a_name_is_made_fit_to_show(name: str, shown: str) -> None:
    site = make_site()
    import_comments(site, [replace(record("t:1"), author_name=name)])
    assert db.session.get_one(User, comments(site)["t:1"].author_id).display_name == shown


def test_statements_do_not_grow_with_the_comments_of_a_batch(statements: list[str]) -> None:
    def many(count: int) -> list[ImportedComment]:
        ids = [f"t:{count}:{n}" for n in range(count)]
        parents = [None, *ids]
        return [record(i, p, n, f"https://news.example/{count}") for n, (i, p) in enumerate(zip(ids, parents, strict=False))]

    def sent() -> int:
        # SQLite returns ids in order only one row at a time; PostgreSQL takes the batch at once.
        return sum(not statement.startswith("INSERT INTO comments") for statement in statements)

    site = make_site()
    import_comments(site, many(3))  # makes the author
    statements.clear()
    import_comments(site, many(10))
    few = sent()
    statements.clear()
    import_comments(site, many(60))
    assert sent() == few
