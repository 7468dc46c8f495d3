"""Feeds, and how many comments came since a page was read."""

from __future__ import annotations

import datetime as dt
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsvc.accounts.models import User
from commentsvc.comments.latest import _C, _latest
from commentsvc.comments.models import Comment, Status
from commentsvc.embed.cache import pages
from commentsvc.embed.feeds import ATOM, ENTRIES, THREADING
from commentsvc.embed.news import LATEST_SINCE, seen_until
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, decide, reject, withdraw
from commentsvc.moderation.models import Reason
from commentsvc.sites.models import Article
from tests.comments.test_paging import _plan
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.once

NAMES = {"a": ATOM, "thr": THREADING}


@pytest.fixture(autouse=True)
def _no_pages_of_other_tests(app: Flask) -> None:
    with app.app_context():
        pages().clear()


@pytest.fixture
def article(app: object) -> Article:
    return make_article(make_site(key="courier", name="The Courier"), url="https://news.example/wall", title="The <wall> & the sea")


def _atom(client: FlaskClient, query: str = "") -> ET.Element:
    response = client.get(f"/embed/courier/feed.atom{query}")
    assert response.status_code == 200
    assert response.mimetype == "application/atom+xml"
    return _parsed(response.data)


def _parsed(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314 - our own answer


def _texts(root: ET.Element, path: str) -> list[str]:
    return [node.text or "" for node in root.findall(path, NAMES)]


def test_a_site_and_an_article_have_a_feed_of_what_readers_see(client: FlaskClient, article: Article) -> None:
    other = make_article(article.site, url="https://news.example/other", title="Other")
    first = make_comment(article, make_user("Ada <b>"), "So *true* & <i>fair</i>.")
    reply = make_comment(article, body="I differ.", parent=first)
    make_comment(other, body="Elsewhere.")
    for status in (Status.PENDING, Status.HELD, Status.REJECTED, Status.WITHDRAWN):
        make_comment(article, body=f"Hidden {status}.", status=status)
    whole, one = _atom(client), _atom(client, "?url=https://news.example/wall%23x")
    assert _texts(whole, "a:entry/a:title")[0].endswith(" on Other")
    assert len(_texts(whole, "a:entry/a:id")) == 3
    assert _texts(one, "a:title") == ["Comments on The <wall> & the sea"]
    assert _texts(one, "a:entry/a:author/a:name")[1] == "Ada <b>"
    assert _texts(one, "a:entry/a:content")[1] == "<p>So <em>true</em> &amp; &lt;i&gt;fair&lt;/i&gt;.</p>\n"
    links = [node.get("href") for node in one.findall("a:entry/a:link", NAMES)]
    assert links == [f"https://news.example/wall#comment-{c.id}" for c in (reply, first)]
    answered = one.findall("a:entry/thr:in-reply-to", NAMES)
    assert [node.get("ref") for node in answered] == [_texts(one, "a:entry/a:id")[1]]


def test_json_feed_says_the_same(client: FlaskClient, article: Article) -> None:
    made = make_comment(article, body="So *true*.")
    feed = client.get("/embed/courier/feed.json?url=https://news.example/wall").json or {}
    atom = _atom(client, "?url=https://news.example/wall")
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    (item,) = feed["items"]
    assert [item["id"]] == _texts(atom, "a:entry/a:id")
    assert item["content_html"] == _texts(atom, "a:entry/a:content")[0]
    assert item["content_text"] == "So *true*."
    assert [item["date_published"]] == _texts(atom, "a:entry/a:published")
    assert item["url"].endswith(f"#comment-{made.id}")


def test_an_empty_feed_is_a_feed_and_an_unknown_one_is_none(client: FlaskClient, article: Article) -> None:
    root = _atom(client, f"?url={article.url}")
    assert _texts(root, "a:entry/a:id") == []
    assert _texts(root, "a:updated")[0].endswith("Z")
    assert client.get("/embed/courier/feed.json?url=https://news.example/none").status_code == 404
    assert client.get("/embed/nobody/feed.atom").status_code == 404
    assert client.get("/embed/courier/feed.atom?url=nonsense").status_code == 422


def test_what_xml_cannot_write_is_left_out(client: FlaskClient, article: Article) -> None:
    comment = make_comment(article, body="Well.")
    comment.body_html = "<p>We\x0bll\ufffe.</p>"
    db.session.commit()
    assert _texts(_atom(client), "a:entry/a:content") == ["<p>Well.</p>"]


def test_a_feed_is_bounded_cached_and_follows_decisions(client: FlaskClient, article: Article, statements: Statements) -> None:
    made = [make_comment(article) for _ in range(ENTRIES + 2)]
    address = "/embed/courier/feed.atom"
    statements.clear()
    response = client.get(address)
    assert len(statements) == 2  # the site, the comments
    assert response.headers["Cache-Control"].startswith("public")
    assert "Cookie" not in response.headers.get("Vary", "")
    ids = _texts(_parsed(response.data), "a:entry/a:id")
    assert len(ids) == ENTRIES
    assert ids[0].endswith(f"/embed/c/{made[-1].id}")
    assert client.get(address, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
    reject(made[-1], actor=make_user(), reason=Reason.ABUSE, seen=made[-1].version)
    db.session.commit()
    changed = client.get(address, headers={"If-None-Match": response.headers["ETag"]})
    assert changed.status_code == 200
    assert str(made[-1].id) not in {i.rsplit("/", 1)[1] for i in _texts(_parsed(changed.data), "a:entry/a:id")}


def test_what_waited_for_review_comes_first_and_what_was_imported_stays_in_its_time(client: FlaskClient, article: Article) -> None:
    held = make_comment(article, status=Status.HELD)
    make_comment(article)
    approve(held, actor=make_user(), seen=held.version)
    imported = make_comment(article, status=Status.PENDING, created_at=dt.datetime(2020, 5, 1, tzinfo=dt.UTC))
    imported.external_id = "disqus:1"
    db.session.flush()
    decide(imported, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=imported.version)
    db.session.commit()
    ids = [int(i.rsplit("/", 1)[1]) for i in _texts(_atom(client), "a:entry/a:id")]
    assert ids[0] == held.id
    assert ids[-1] == imported.id


def test_feeds_and_news_read_an_index_in_order(article: Article, statements: Statements) -> None:
    for _ in range(5):
        make_comment(article)
    for where, index in ((_C.site_id == article.site_id, "ix_comments_latest"), (_C.article_id == article.id, "ix_comments_latest_of_article")):
        query = str(_latest().where(where).limit(50).compile(db.engine, compile_kwargs={"literal_binds": True}))
        plan = _plan(query)
        assert f"{index} " in plan.replace("\n", " ") + " "
        assert "SORT" not in plan.upper().replace("INCREMENTAL", "")
        assert "B-TREE" not in plan.upper()


# --- how many are new


def _news(client: FlaskClient, article: Article, since: int) -> dict[str, int]:
    answer = client.get(f"/embed/a/{article.id}/news?since={since}").json
    assert isinstance(answer, dict)
    return answer


def test_a_page_knows_what_it_has_shown_and_how_many_came_since(client: FlaskClient, article: Article) -> None:
    assert _news(client, article, 0) == {"new": 0, "count": 0}
    make_comment(article)
    page = client.get(f"/embed/courier/thread?url={article.url}").text
    until = seen_until(article.id)
    assert f'data-until="{until}"' in page
    assert _news(client, article, until) == {"new": 0, "count": 1}
    second = make_comment(article)
    make_comment(article, status=Status.HELD)
    assert _news(client, article, until) == {"new": 1, "count": 2}
    withdraw(second, db.session.get_one(User, second.author_id))
    db.session.commit()
    assert _news(client, article, until) == {"new": 0, "count": 1}


def test_asking_for_news_costs_one_statement_and_a_304_while_nothing_changed(
    client: FlaskClient, article: Article, statements: Statements
) -> None:
    make_comment(article)
    path = f"/embed/a/{article.id}/news?since=1"
    first = client.get(path)
    statements.clear()
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, len(statements)) == (304, b"", 1)
    make_comment(fresh(article))
    assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}).json == {"new": 2, "count": 2}


@pytest.mark.parametrize("since", ["", "x", "-1", "1.5", str(LATEST_SINCE + 1), "9" * 30])
def test_a_time_that_is_none_is_refused(client: FlaskClient, article: Article, since: str) -> None:
    assert client.get(f"/embed/a/{article.id}/news?since={since}").status_code == 422
    assert client.get("/embed/a/987654/news?since=0").status_code == 404


def test_only_the_first_page_says_what_it_has_shown(client: FlaskClient, article: Article) -> None:
    made: list[Comment] = [make_comment(article) for _ in range(21)]
    page = client.get(f"/embed/courier/thread?url={article.url}").text
    after = page.split('data-after="')[1].split('"')[0]
    assert "data-until" not in client.get(f"/embed/courier/thread?url={article.url}&part=list&after={after}").text
    assert "data-until" in client.get(f"/embed/courier/thread?url={article.url}&part=list").text
    assert len(made) == 21
