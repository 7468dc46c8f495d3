"""Reading conversations: pages, cursors, ETags, and the fast way of writing them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from itsdangerous import TimestampSigner

from commentsvc.accounts.public_ids import public_id
from commentsvc.api.caching import kept_threads, page_cache
from commentsvc.api.present import thread_json, thread_values
from commentsvc.api.schemas.comments import ThreadSchema
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import page_of_roots
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import mark, reject, withdraw
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.models import Reason
from tests.api.conftest import Caller, Paper, problem
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_user

START = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)


def walk(comments: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for comment in comments:
        yield comment
        yield from walk(comment["replies"])


@pytest.fixture
def talk(paper: Paper) -> list[Comment]:
    """Five roots a minute apart; the second has seven replies, the first of which has one."""
    author = make_user("Tilda Talker")
    roots = [make_comment(paper.article, author, created_at=START + dt.timedelta(minutes=n)) for n in range(5)]
    replies = [make_comment(paper.article, parent=roots[1], created_at=START + dt.timedelta(hours=1 + n)) for n in range(7)]
    make_comment(paper.article, parent=replies[0])
    return [*roots, *replies]


def test_a_page_has_roots_with_their_first_replies_and_says_what_is_left(paper: Paper, talk: list[Comment]) -> None:
    first = paper.reader.get(f"{paper.comments}?sort=oldest&limit=2").json
    assert first["article"]["comment_count"] == 13
    assert [c["id"] for c in first["comments"]] == [str(talk[0].id), str(talk[1].id)]
    second = first["comments"][1]
    assert (second["reply_count"], len(second["replies"]), second["replies_left"]) == (7, 3, 4)
    assert second["author"] == {
        "id": str(talk[1].author_id), "name": "Tilda Talker", "role": "member", "badges": [], "profile": public_id(paper.article.site_id, talk[1].author_id),
    }
    assert second["created_at"] == "2026-03-01T08:01:00Z"
    assert second["replies"][0]["replies"][0]["parent_id"] == second["replies"][0]["id"]
    assert first["left"] == 3
    rest = paper.reader.get(f"{paper.comments}?sort=oldest&limit=3&after={first['next']}").json
    assert [c["id"] for c in rest["comments"]] == [str(c.id) for c in talk[2:5]]
    assert (rest["next"], rest["left"]) == (None, 0)


def test_replies_continue_where_the_thread_left_off(paper: Paper, talk: list[Comment]) -> None:
    shown = paper.reader.get(f"{paper.comments}?sort=oldest").json["comments"][1]
    more = paper.reader.get(f"/comments/{shown['id']}/replies?limit=3&after={shown['replies_next']}").json
    last = paper.reader.get(f"/comments/{shown['id']}/replies?limit=3&after={more['next']}").json
    ids = [c["id"] for c in [*shown["replies"], *more["comments"], *last["comments"]]]
    assert ids == [str(c.id) for c in talk[5:]]
    assert (more["left"], last["left"], last["next"]) == (1, 0, None)


@pytest.mark.parametrize("sort", ["newest", "oldest", "top", "most_replied", "controversial", "featured"])
def test_every_sort_pages_through_every_root_once(paper: Paper, talk: list[Comment], sort: str) -> None:
    vote(talk[3], make_user(), 1)
    vote(talk[2], make_user(), 1)
    vote(talk[2], make_user(), -1)
    mark(talk[1], Mark.FEATURED, on=True, actor=paper.people["manager"], seen=talk[1].version)
    db.session.commit()
    seen: list[str] = []
    after = ""
    while True:
        page = paper.reader.get(f"{paper.comments}?sort={sort}&limit=2{after}").json
        seen += [c["id"] for c in page["comments"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(str(c.id) for c in talk[:5])
    leader = {"newest": 4, "oldest": 0, "top": 3, "most_replied": 1, "controversial": 2, "featured": 1}[sort]
    assert seen[0] == str(talk[leader].id)


def test_what_was_removed_leaves_a_place_without_text_or_author(paper: Paper, talk: list[Comment]) -> None:
    reject(talk[1], actor=paper.people["manager"], reason=Reason.ABUSE, seen=talk[1].version)
    withdraw(talk[0], db.session.get_one(type(paper.people["manager"]), talk[0].author_id))
    db.session.commit()
    page = paper.reader.get(f"{paper.comments}?sort=oldest").json
    place = page["comments"][0]
    assert place["id"] == str(talk[1].id)
    assert (place["author"], place["body_html"], place["status"], place["votes"]) == (None, "", "rejected", {"up": 0, "down": 0})
    assert str(talk[0].id) not in {c["id"] for c in walk(page["comments"])}


def test_the_fast_json_is_what_the_schema_says(paper: Paper, talk: list[Comment]) -> None:
    vote(talk[2], make_user(), -1)
    talk[3].edited_at = START + dt.timedelta(microseconds=120)
    reject(talk[1], actor=paper.people["manager"], reason=Reason.SPAM, seen=talk[1].version)
    db.session.commit()
    article = paper.article
    for limit in (2, 20):
        page = page_of_roots(article, limit=limit)
        slow = ThreadSchema().dump(thread_values(article, page))
        fast = orjson.loads(thread_json(article, page, kept_threads()))
        assert fast == slow
    statuses = {c["status"] for c in walk(fast["comments"])}
    assert statuses == {"published", "rejected"}
    assert any(c["edited_at"] == "2026-03-01T08:00:00.000120Z" for c in walk(fast["comments"]))


def test_a_page_that_still_holds_is_a_304_of_one_statement(paper: Paper, talk: list[Comment], statements: Statements) -> None:
    address = paper.comments
    first = paper.reader.get(address)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "public, max-age=0, s-maxage=1, must-revalidate"
    statements.clear()
    unchanged = paper.reader.get(address, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert unchanged.headers["ETag"] == etag
    assert "Access-Control-Allow-Origin" not in unchanged.headers
    assert len(statements) == 1, statements


def test_a_page_is_three_statements_and_one_when_it_was_read_before(paper: Paper, talk: list[Comment], statements: Statements) -> None:
    db.session.commit()
    page_cache()._pages.clear()
    statements.clear()
    first = paper.reader.get(paper.comments)
    assert len(statements) == 3, statements
    statements.clear()
    assert paper.reader.get(paper.comments).data == first.data
    assert len(statements) == 1, statements


@pytest.mark.parametrize("what", ["post", "vote", "reject", "close", "site"])
def test_every_change_a_reader_could_see_gives_a_new_page(paper: Paper, talk: list[Comment], what: str) -> None:
    before = paper.reader.get(paper.comments)
    if what == "post":
        assert paper.manager.post(paper.comments, {"body": "Something new."}).status_code == 201
    elif what == "vote":
        assert paper.member.put(f"/comments/{talk[0].id}/vote", {"value": 1}).status_code == 200
    elif what == "reject":
        decision = {"action": "reject", "reason": "spam", "version": talk[0].version}
        assert paper.manager.post(f"/comments/{talk[0].id}/decisions", decision).status_code == 201
    elif what == "close":
        assert paper.manager.patch(f"/articles/{paper.article.id}", {"closed": True}).status_code == 200
    else:
        assert paper.admin.patch(f"/sites/{paper.site.key}", {"name": "Renamed"}).status_code == 200
    after = paper.reader.get(paper.comments, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    if what != "site":
        assert after.data != before.data


def test_sorts_and_pages_have_etags_of_their_own(paper: Paper, talk: list[Comment]) -> None:
    addresses = [paper.comments, f"{paper.comments}?sort=top", f"{paper.comments}?limit=2", f"/comments/{talk[1].id}/replies"]
    assert len({paper.reader.get(a).headers["ETag"] for a in addresses}) == len(addresses)
    replies = paper.reader.get(addresses[3])
    assert paper.reader.get(addresses[3], headers={"If-None-Match": replies.headers["ETag"]}).status_code == 304


def test_a_page_is_not_confirmed_for_longer_than_its_cursors_last(
    paper: Paper, talk: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = paper.reader.get(f"{paper.comments}?limit=2")
    monkeypatch.setattr("commentsvc.api.caching.utcnow", lambda: utcnow() + dt.timedelta(days=1))
    after = paper.reader.get(f"{paper.comments}?limit=2", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200


def test_a_cursor_that_is_forged_expired_or_of_another_list_is_refused(
    paper: Paper, talk: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = paper.reader.get(f"{paper.comments}?limit=2").json["next"]
    other = make_article(paper.site)
    for address in (
        f"{paper.comments}?after={cursor[:-2]}xx", f"{paper.comments}?after=rubbish", f"{paper.comments}?after=%00",
        f"{paper.comments}?sort=top&after={cursor}", f"/articles/{other.id}/comments?after={cursor}",
        f"/comments/{talk[1].id}/replies?after={cursor}",
    ):
        refused = paper.reader.get(address)
        assert refused.status_code == 422, address
        assert problem(refused)["errors"][0]["field"] == "after"
    real = TimestampSigner.get_timestamp
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: real(self) + 8 * 24 * 3600)
    expired = paper.reader.get(f"{paper.comments}?limit=2&after={cursor}")
    assert (expired.status_code, problem(expired)["code"]) == (422, "cursor_expired")


@pytest.mark.parametrize(("query", "field"), [("sort=best", "sort"), ("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("limit=1e9", "limit"), ("limit=" + "9" * 40, "limit")])
def test_a_page_that_cannot_be_is_refused(paper: Paper, query: str, field: str) -> None:
    refused = paper.reader.get(f"{paper.comments}?{query}")
    assert refused.status_code == 422
    assert problem(refused)["errors"][0]["field"] == field


def test_what_is_ones_own_is_a_second_request(paper: Paper, talk: list[Comment]) -> None:
    me = paper.people["member"]
    held = make_comment(paper.article, me, status=Status.HELD)
    gone = make_comment(paper.article, me, status=Status.REJECTED)
    make_comment(paper.article, me, status=Status.PUBLISHED)
    make_comment(make_article(paper.site), me, status=Status.HELD)
    vote(talk[0], me, -1)
    db.session.commit()
    mine = paper.member.get(f"/articles/{paper.article.id}/mine")
    assert mine.headers["Cache-Control"] == "private, no-store"
    assert mine.json["votes"] == {str(talk[0].id): -1}
    rejected, waiting = mine.json["comments"]
    assert (rejected["id"], rejected["status"], rejected["reason"]) == (str(gone.id), "rejected", "abuse")
    assert rejected["reason_text"] == "Personal attack or insult"
    assert (waiting["id"], waiting["body"], waiting["reason"]) == (str(held.id), held.body, None)
    assert "community manager" in waiting["what_next"]
    assert paper.manager.get(f"/articles/{paper.article.id}/mine").json == {"comments": [], "votes": {}}
    assert paper.reader.get(f"/articles/{paper.article.id}/mine").status_code == 401


def test_a_token_that_does_not_work_is_said_so_even_where_none_is_needed(paper: Paper) -> None:
    refused = Caller(paper.reader.app, "cs_revoked").get(paper.comments)
    assert (refused.status_code, problem(refused)["code"]) == (401, "token_invalid")
