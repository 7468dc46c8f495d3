"""The widget as browsers without scripts, caches and strangers meet it."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from commentsvc import create_app
from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.embed.appearance import (
    DARK_PAGE,
    LIGHT_PAGE,
    READABLE,
    Appearance,
    contrast,
    parse_font,
    readable,
    tint,
)
from commentsvc.embed.assets import load, smaller
from commentsvc.embed.cache import Rendered, fragments, pages, shells
from commentsvc.extensions import db, limiter
from commentsvc.moderation.decide import approve, reject, withdraw
from commentsvc.moderation.models import Flag, Reason
from commentsvc.moderation.nudge import NUDGES
from commentsvc.sites.articles import close_article
from commentsvc.sites.models import Article, Site
from tests import factories
from tests.accounts.browsing import PASSWORD, Browser, code_in, mails
from tests.conftest import Statements
from tests.factories import make_article, make_site, make_user

NEWS = "https://news.example"
SCRIPTED = {"X-Requested-With": "commentsvc"}
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture(autouse=True)
def _no_pages_of_other_tests(app: Flask) -> None:
    with app.app_context():
        pages().clear()
        shells().clear()


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Courier")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, url=f"{NEWS}/wall", title="The harbour wall")


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


def thread_path(article: Article, **more: str) -> str:
    query = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"/embed/courier/thread?url={quote(article.url)}{query}"


def plain_path(article: Article) -> str:
    return f"/embed/a/{article.id}"


def make_comment(article: Article, *given: Any, **more: Any) -> Comment:
    """As the factory; a request in between makes the session forget the article's site."""
    article.site = db.session.get_one(Site, article.site_id)
    db.session.flush()
    return factories.make_comment(article, *given, **more)


def sign_in(browser: Browser, article: Article, **given: Any) -> User:
    user = make_user(**({"name": "Ada Known", "password_hash": hash_password(PASSWORD)} | given))
    response = browser.post(
        f"{plain_path(article)}/sign-in", {"email": user.email, "password": PASSWORD}, page=plain_path(article)
    )
    assert response.status_code == 303
    return user


def post(browser: Browser, article: Article, body: str, **more: Any) -> TestResponse:
    return browser.post(f"{plain_path(article)}/comments", {"body": body, **more}, page=plain_path(article))


# --- the cached page


def test_the_thread_is_the_same_for_everybody_and_sets_no_cookie(app: Flask, browser: Browser, article: Article) -> None:
    comment = make_comment(article, make_user("Ann Able"), "A wall is a wall.")
    stranger = Browser(app).get(thread_path(article))
    sign_in(browser, article, name="Robin Marsh")
    pages().clear()  # or the second would be the first
    member = browser.get(thread_path(article))
    assert stranger.status_code == member.status_code == 200
    assert stranger.text == member.text
    for response in (stranger, member):
        assert "Set-Cookie" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
        assert "public" in response.headers["Cache-Control"]
        assert "csrf_token" not in response.text
    assert f'id="comment-{comment.id}"' in member.text
    assert "Robin Marsh" not in member.text


def test_an_unchanged_thread_is_304_and_a_changed_one_has_another_etag_and_nonce(browser: Browser, article: Article) -> None:
    first = browser.get(thread_path(article))
    etag = first.headers["ETag"]
    assert browser.get(thread_path(article), headers={"If-None-Match": etag}).status_code == 304
    nonce = re.search(r"'nonce-([^']+)'", first.headers["Content-Security-Policy"])
    assert nonce
    assert f'nonce="{nonce[1]}"' in first.text
    make_comment(article, body="Something new.")
    second = browser.get(thread_path(article), headers={"If-None-Match": etag})
    assert second.status_code == 200
    assert "Something new." in second.text
    assert second.headers["ETag"] != etag
    assert nonce[1] not in second.headers["Content-Security-Policy"]


def test_a_page_of_kept_comments_is_the_page_rendered_anew(browser: Browser, article: Article) -> None:
    """Whatever changes, nothing kept from before, a comment or what is around them, shows what it was."""
    author = make_user("Ann Able")
    root = make_comment(article, author, "A wall is a wall.")
    parent = root
    for n in range(4):
        parent = make_comment(article, author, f"Reply {n}.", parent=parent)
    manager = make_user()

    def rename() -> None:
        author.display_name, article.title = "Ann Abler", f"The harbour {EVIL}"
        article.version += 1

    def role() -> None:
        root.author_role = Role.COMMUNITY_MANAGER.value  # which also brings the way to what they said
        article.version += 1

    def vote() -> None:
        root.up = 7
        article.version += 1

    def edit() -> None:
        root.body_html, root.edited_at = "<p>A wall is no wall.</p>", utcnow()
        article.version += 1

    def move() -> None:
        article.url = f"{NEWS}/moved"

    def depth() -> None:
        site = db.session.get_one(Site, article.site_id)
        site.policy_data, site.welcome = replace(site.policy, max_depth=2).to_data(), "Come in."
        site.version += 1

    steps: list[Callable[[], Any]] = [
        lambda: None, rename, role, vote, edit, move, depth,
        lambda: close_article(article, closed=True),
        lambda: reject(parent, actor=manager, reason=Reason.SPAM, seen=parent.version),
        lambda: withdraw(root, author),
    ]
    for step in steps:
        step()
        db.session.commit()
        pages().clear()
        kept = browser.get(thread_path(article)).text
        assert len(fragments()._pages) >= 4
        pages().clear()
        fragments().clear()
        shells().clear()
        assert browser.get(thread_path(article)).text == kept


def test_a_comment_that_a_link_named_is_not_marked_for_others(browser: Browser, article: Article) -> None:
    comment = make_comment(article, body="A wall is a wall.")
    assert 'class="c here"' in browser.get(f"/embed/comments/{comment.id}/context").text
    assert 'class="c"' in browser.get(thread_path(article)).text


def test_every_look_and_sort_has_its_own_etag(browser: Browser, article: Article) -> None:
    given: list[dict[str, str]] = [
        {}, {"sort": "top"}, {"dir": "rtl"}, {"theme": "dark"}, {"accent": "#aa0000"}, {"font": "Georgia"}, {"part": "list"},
    ]
    assert len({browser.get(thread_path(article, **more)).headers["ETag"] for more in given}) == len(given)


def test_the_page_begins_on_the_side_the_publishers_does(browser: Browser, article: Article) -> None:
    for given_direction, direction in (("rtl", "rtl"), ("ltr", "ltr"), ("", "ltr"), (EVIL, "ltr")):
        assert f'<html lang="en" dir="{direction}"' in browser.get(thread_path(article, dir=given_direction)).text
    assert 'dir="rtl"' in browser.get("/embed/nowhere/thread?url=https://news.example/a&dir=rtl").text


def test_what_campaigns_add_to_an_address_makes_no_conversation_of_its_own(browser: Browser, article: Article) -> None:
    make_comment(article, body="One conversation.")
    for query in ("utm_source=a&utm_medium=b", "fbclid=x", "gclid=y&utm_campaign", "mc_eid=1"):
        address = f"{article.url}?{query}"
        assert "One conversation." in browser.get(f"/embed/courier/thread?url={quote(address)}").text
        counted = browser.get(f"/embed/courier/counts?url={quote(address)}").json
        assert counted == {address: 1}
    other = browser.get(f"/embed/courier/thread?url={quote(article.url + '?page=2&fbclid=x')}", headers={"Referer": NEWS})
    assert other.status_code == 200
    urls = db.session.scalars(select(Article.url).order_by(Article.id)).all()
    assert urls == [article.url, f"{article.url}?page=2"]


def test_compressed_and_plain_pages_say_the_same(browser: Browser, article: Article) -> None:
    import gzip

    make_comment(article, body="Squeeze me.")
    plain = browser.get(thread_path(article))
    packed = browser.get(thread_path(article), headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data


def test_a_cached_page_costs_one_statement_and_a_new_one_four_whatever_it_holds(
    browser: Browser, article: Article, statements: Statements
) -> None:
    def cost(path: str) -> int:
        browser.get("/healthz")  # ends the test's own transaction
        statements.clear()
        assert browser.get(path).status_code == 200
        return len(statements)

    author = make_user()
    make_comment(article, author, parent=make_comment(article, author))
    assert cost(thread_path(article)) == 4  # all about its article, roots, replies, policy
    assert cost(thread_path(article)) == 1
    for _root in range(20):
        root = make_comment(article, author)
        for _reply in range(3):
            make_comment(article, author, parent=root)
    assert cost(thread_path(article)) == 4
    assert cost(thread_path(article)) == 1
    pages().clear()
    assert cost(thread_path(article)) == 3  # each comment in it is kept
    assert cost(plain_path(article)) == 4  # nobody is signed in: article, roots, replies, managers


def test_only_the_sites_origins_may_frame_it(browser: Browser, article: Article) -> None:
    for path in (thread_path(article), plain_path(article)):
        policy = browser.get(path).headers["Content-Security-Policy"]
        assert f"frame-ancestors 'self' {NEWS}" in policy
        assert "unsafe-inline" not in policy


# --- first views and addresses


def test_a_first_view_from_an_allowed_page_registers_the_article(browser: Browser, site: Site) -> None:
    path = f"/embed/courier/thread?url={NEWS}/new&title={quote('A new story')}&section={quote('City')}"
    assert browser.get(path, headers={"Referer": f"{NEWS}/"}).status_code == 200
    found = db.session.scalars(select(Article)).one()
    assert (found.url, found.title, found.section, found.site_id) == (f"{NEWS}/new", "A new story", "City", site.id)


def test_a_second_view_moves_no_article_and_a_long_section_is_cut(browser: Browser, site: Site) -> None:
    path = f"/embed/courier/thread?url={NEWS}/new&title=T&section="
    for section in ("%00" + "s" * 120, "Another"):
        assert browser.get(path + section, headers={"Referer": f"{NEWS}/"}).status_code == 200
    assert db.session.scalars(select(Article.section)).one() == "s" * 100


@pytest.mark.parametrize("referer", ["", "https://evil.example/", "https://news.example.evil.example/"])
def test_a_view_from_elsewhere_registers_nothing(browser: Browser, site: Site, referer: str) -> None:
    response = browser.get(f"/embed/courier/thread?url={NEWS}/new&title=T", headers={"Referer": referer} if referer else {})
    assert response.status_code == 404
    assert "no conversation about this page yet" in response.text
    assert f"frame-ancestors 'self' {NEWS}" in response.headers["Content-Security-Policy"]
    assert db.session.scalars(select(Article)).all() == []


def test_an_article_on_a_foreign_origin_is_refused(browser: Browser, site: Site) -> None:
    response = browser.get("/embed/courier/thread?url=https://evil.example/a&title=T", headers={"Referer": f"{NEWS}/"})
    assert response.status_code == 403
    assert "The Courier does not show comments on https://evil.example." in response.text


def test_first_views_are_rate_limited(
    app: Flask, site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", False)  # put back afterwards, for the tests' application
    strict = create_app(replace(settings, RATE_LIMITS=True, LIMIT_ARTICLE="3 per minute", LIMIT_READ="1000 per minute"))
    browser = Browser(strict)
    answers = [
        browser.get(f"/embed/courier/thread?url={NEWS}/{n}&title=T", headers={"Referer": f"{NEWS}/"}) for n in range(4)
    ]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60
    known = browser.get(f"/embed/courier/thread?url={NEWS}/0")
    assert known.status_code == 200  # what is known is not counted
    with strict.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("url=javascript:alert(1)", 422), ("url=/wall", 422), ("url=https://news.example/wall&sort=best", 422),
     ("url=https://news.example/wall&after=forged", 422)],
)
def test_bad_requests_get_one_clear_page(browser: Browser, article: Article, query: str, status: int) -> None:
    response = browser.get(f"/embed/courier/thread?{query}")
    assert response.status_code == status
    assert 'role="alert"' in response.text


def test_an_unknown_site_is_404(browser: Browser, site: Site) -> None:
    response = browser.get("/embed/nowhere/thread?url=https://news.example/a")
    assert response.status_code == 404
    assert "There is no such site." in response.text


def test_counts_are_cacheable_and_for_the_sites_origins(browser: Browser, article: Article) -> None:
    make_comment(article)
    path = f"/embed/courier/counts?url={NEWS}/wall%23top&url={NEWS}/other"
    response = browser.get(path, headers={"Origin": NEWS})
    assert response.json == {f"{NEWS}/wall#top": 1, f"{NEWS}/other": 0}
    assert response.headers["Access-Control-Allow-Origin"] == NEWS
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert "Set-Cookie" not in response.headers
    assert "Access-Control-Allow-Origin" not in browser.get(path, headers={"Origin": "https://evil.example"}).headers


# --- what people type is text


def test_nothing_anybody_typed_is_markup(browser: Browser, site: Site) -> None:
    url = f"{NEWS}/a?x=" + quote(EVIL, safe="<>")
    site.welcome, site.guidelines, site.name = EVIL, EVIL, EVIL
    article = make_article(site, url=url, title=EVIL)
    parent = make_comment(article, make_user(EVIL), EVIL + "\n\n[a](javascript:alert(1)) `" + EVIL + "`")
    for _deeper in range(4):
        parent = make_comment(article, make_user(EVIL), EVIL, parent=parent)
    sign_in(browser, article, name=EVIL)
    post(browser, article, EVIL)
    paths = [
        thread_path(article), plain_path(article), f"/embed/c/{parent.id}", f"/embed/comments/{parent.id}/context",
        f"/embed/a/{article.id}?reply={parent.id}", f"/embed/courier/articles/{article.id}/me",
        thread_path(article, font=EVIL, accent=EVIL, theme=EVIL), f"/embed/courier/thread?url={quote(EVIL)}",
    ]
    for path in paths:
        response = browser.get(path)
        if response.is_json:  # of these only the fragments become markup
            assert response.json is not None
            text = response.json["who"] + "".join(w["html"] for w in response.json["waiting"])
        else:
            text = response.text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert 'href="javascript:' not in text, path


# --- the plain page: the whole journey without JavaScript


def test_from_sign_up_to_a_published_comment_without_javascript(
    app: Flask, browser: Browser, article: Article, run_worker: Callable[[], int]
) -> None:
    page = plain_path(article)
    body = "I walk past this wall every morning, and I am glad of it."
    refused = post(browser, article, body)
    assert refused.status_code == 401
    assert "Sign up or sign in to post." in refused.text
    assert body in refused.text

    form = {"display_name": "Nell New", "email": "nell@example.org", "password": PASSWORD, "body": body, "parent_id": ""}
    step = browser.post(f"{page}/sign-up", form, page=page)
    assert step.status_code == 200
    handle = re.search(r'name="handle" value="([^"]+)"', step.text)
    assert handle
    assert f'name="body" value="{body}"' in step.text
    carried = {"handle": handle[1], "email": "nell@example.org", "body": body, "parent_id": ""}
    wrong = browser.post(f"{page}/code", carried | {"code": "000"}, page=page)
    assert wrong.status_code == 422
    assert "not the code we sent" in wrong.text
    assert body in wrong.text
    done = browser.post(f"{page}/code", carried | {"code": code_in(mails()[-1])}, page=page)
    assert done.status_code == 200
    assert "your text is still here" in done.text
    assert f">\n{body}</textarea>" in done.text

    sent = post(browser, article, body)
    assert (sent.status_code, sent.location) == (303, f"{page}#comment-1")
    assert "Being checked." in browser.get(page).text
    other = Browser(app)
    assert body not in other.get(page).text
    assert body not in other.get(thread_path(article)).text
    assert run_worker() == 1
    assert body in other.get(page).text
    assert body in other.get(thread_path(article)).text
    assert "Being checked." not in browser.get(page).text


def test_the_mail_and_answer_are_the_same_for_a_known_address(browser: Browser, article: Article) -> None:
    make_user(email="known@example.org")
    form = {"display_name": "Nell New", "password": PASSWORD}
    page = plain_path(article)

    def answer(email: str) -> str:
        text = browser.post(f"{page}/sign-up", form | {"email": email}, page=page).text
        text = re.sub(r'(name="(?:handle|csrf_token)" value|nonce)="[^"]*"', "", text)
        return text.replace(email, "ADDRESS")

    assert answer("known@example.org") == answer("nobody@example.org")
    assert {m.recipient for m in mails()} == {"known@example.org", "nobody@example.org"}


def test_a_held_and_a_rejected_comment_say_what_happens_next_to_their_author_alone(
    app: Flask, browser: Browser, article: Article, site: Site
) -> None:
    author = sign_in(browser, article)
    make_comment(article, author, "Held, this one.", status=Status.HELD)
    comment = make_comment(article, author, "Not like this.", status=Status.HELD)
    reject(comment, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), reason=Reason.OFF_TOPIC, seen=comment.version)
    text = browser.get(plain_path(article)).text
    assert "Waiting for a community manager." in text
    assert "Not published.</b> Off topic" in text
    stranger = Browser(app).get(plain_path(article)).text
    assert "Held, this one." not in stranger
    assert "Not like this." not in stranger


def test_a_managers_comment_is_published_at_once_with_a_badge(app: Flask, browser: Browser, article: Article, site: Site) -> None:
    sign_in(browser, article, role=Role.COMMUNITY_MANAGER, site=site)
    assert post(browser, article, "Welcome, everybody.").status_code == 303
    text = Browser(app).get(thread_path(article)).text
    assert "Welcome, everybody." in text
    assert '<span class="badge">Community Manager</span>' in text


def test_a_reply_by_form(browser: Browser, article: Article, run_worker: Callable[[], int]) -> None:
    parent = make_comment(article, make_user("Ann Able"), "A remark.")
    sign_in(browser, article)
    page = browser.get(f"{plain_path(article)}?reply={parent.id}").text
    assert "Your reply to Ann Able" in page
    assert f'name="parent_id" value="{parent.id}"' in page
    post(browser, article, "And an answer.", parent_id=str(parent.id))
    run_worker()
    assert "And an answer." in browser.get(f"/embed/c/{parent.id}").text
    reply = db.session.scalars(select(Comment).where(Comment.body == "And an answer.")).one()
    assert reply.parent_id == parent.id


def test_errors_keep_what_was_typed_beside_the_form_at_fault(browser: Browser, article: Article, site: Site) -> None:
    parent = make_comment(article)
    elsewhere = make_comment(make_article(site))
    sign_in(browser, article)
    long = "long " * 1100
    too_long = post(browser, article, long)
    assert too_long.status_code == 422
    assert "characters too long" in too_long.text
    assert long.strip() in too_long.text
    assert post(browser, article, "  ").status_code == 422
    reply = post(browser, article, long, parent_id=str(parent.id))
    assert reply.status_code == 422
    assert f'name="parent_id" value="{parent.id}"' in reply.text
    assert long.strip() in reply.text
    for wrong in (str(elsewhere.id), "999999", "x", "-1"):
        assert post(browser, article, "A kept text.", parent_id=wrong).status_code == 422
    flagged = browser.post(f"/embed/comments/{parent.id}/flag", {"text": "Kept remark"}, page=plain_path(article))
    assert flagged.status_code == 422
    assert "Choose what is wrong with it." in flagged.text
    assert ">Kept remark</textarea>" in flagged.text
    refused = browser.post(
        f"{plain_path(article)}/sign-up", {"display_name": "Kept Name", "email": "no", "password": "kept secret"},
        page=plain_path(article),
    )
    assert refused.status_code == 422
    assert 'value="Kept Name"' in refused.text
    assert "kept secret" not in refused.text


def test_a_closed_conversation_can_be_read_but_not_joined(browser: Browser, article: Article) -> None:
    make_comment(article, body="Said in time.")
    sign_in(browser, article)
    token = browser.token(plain_path(article))
    close_article(article, closed=True)
    for path in (thread_path(article), plain_path(article)):
        text = browser.get(path).text
        assert "This conversation is closed." in text
        assert "Said in time." in text
        assert '<textarea id="editor-body"' not in text
    late = browser.open(
        f"{plain_path(article)}/comments", method="POST", data={"csrf_token": token, "body": "Too late."}
    )
    assert late.status_code == 409


def test_a_community_manager_has_the_last_word_in_a_closed_conversation(browser: Browser, article: Article, site: Site) -> None:
    parent = make_comment(article, body="Said in time.")
    close_article(article, closed=True)
    sign_in(browser, article, role=Role.COMMUNITY_MANAGER, site=site)
    page = browser.get(plain_path(article)).text
    assert "Community managers can still write here." in page
    assert "Write although closed" in browser.get(f"/embed/courier/articles/{article.id}/me").json["who"]  # type: ignore[index]
    assert post(browser, article, "Thank you all.").status_code == 303
    assert post(browser, article, "And to you.", parent_id=str(parent.id)).status_code == 303
    published = db.session.scalars(select(Comment.body).where(Comment.status == Status.PUBLISHED).order_by(Comment.id)).all()
    assert published == ["Said in time.", "Thank you all.", "And to you."]


def test_a_post_without_its_token_is_refused_and_its_text_kept(browser: Browser, article: Article) -> None:
    sign_in(browser, article)
    response = browser.open(f"{plain_path(article)}/comments", method="POST", data={"body": "From another site."})
    assert response.status_code == 400
    assert ">\nFrom another site.</textarea>" in response.text
    assert db.session.scalars(select(Comment)).all() == []


def test_vote_flag_and_withdraw_by_form(browser: Browser, article: Article) -> None:
    other = make_comment(article, make_user("Ann Able"), "A remark.")
    author = sign_in(browser, article)
    own = make_comment(article, author, "My own.")
    make_comment(article, body="An answer to it.", parent=own)
    page = plain_path(article)
    assert browser.post(f"/embed/comments/{other.id}/vote", {"value": "1"}, page=page).status_code == 303
    assert 'aria-pressed="true" aria-label="Vote up, 1"' in browser.get(page).text
    assert browser.post(f"/embed/comments/{other.id}/vote", {"value": "7"}, page=page).status_code == 422
    assert browser.post(f"/embed/comments/{own.id}/vote", {"value": "1"}, page=page).status_code == 403
    assert browser.post(f"/embed/comments/{other.id}/flag", {"reason": "spam", "text": "Look"}, page=page).status_code == 303
    flag = db.session.scalars(select(Flag)).one()
    assert (flag.reason, flag.text, flag.user_id) == ("spam", "Look", author.id)
    assert "Withdraw this comment?" in browser.get(f"{page}?withdraw={own.id}").text
    assert browser.post(f"/embed/comments/{own.id}/withdraw", page=page).status_code == 303
    text = browser.get(page).text
    assert "Withdrawn by its author" in text
    assert "My own." not in text
    assert "An answer to it." in text
    assert browser.post(f"/embed/comments/{other.id}/withdraw", page=page).status_code == 403


def test_signed_out_readers_are_asked_to_sign_up_and_nothing_happens(browser: Browser, article: Article) -> None:
    comment = make_comment(article)
    for action, form in (("vote", {"value": "1"}), ("flag", {"reason": "spam"}), ("withdraw", {})):
        response = browser.post(f"/embed/comments/{comment.id}/{action}", form, page=plain_path(article))
        assert response.status_code == 401
        assert "Sign up or sign in" in response.text
    assert db.session.scalars(select(Flag)).all() == []


def test_sign_out_ends_the_session(browser: Browser, article: Article) -> None:
    sign_in(browser, article)
    assert "Ada Known" in browser.get(plain_path(article)).text
    assert browser.post(f"{plain_path(article)}/sign-out", page=plain_path(article)).status_code == 303
    assert "Ada Known" not in browser.get(plain_path(article)).text


def test_a_forgotten_password(browser: Browser, article: Article) -> None:
    page = plain_path(article)
    response = browser.post(f"{page}/forgot", {"email": "nobody@example.org"}, page=page)
    assert "We sent a mail to" in response.text
    assert mails()[-1].recipient == "nobody@example.org"


def test_show_more_and_sort_are_links_and_a_form(browser: Browser, article: Article) -> None:
    author, start = make_user(), utcnow() - dt.timedelta(days=1)
    for n in range(25):
        make_comment(article, author, f"Remark {n}.", created_at=start + dt.timedelta(minutes=n))
    seen: list[str] = []
    path: str | None = f"{plain_path(article)}?sort=oldest"
    while path:
        text = browser.get(path).text
        seen += re.findall(r"<p>(Remark \d+\.)</p>", text)
        more = re.search(r'show-more"[^>]* href="([^"]+)"', text)
        assert bool(more) == ("Show More Comments" in text)
        path = unescape(more[1]) if more else None
    assert seen == [f"Remark {n}." for n in range(25)]
    forged = browser.get(f"{plain_path(article)}?after=forged")
    assert forged.status_code == 422
    assert "This cursor is not one of ours." in forged.text
    assert "Remark 24." in forged.text  # with the first page below it


def test_replies_beyond_the_preview_are_one_link_away(browser: Browser, article: Article) -> None:
    root, author = make_comment(article), make_user()
    for n in range(30):
        make_comment(article, author, f"Reply {n}.", parent=root)
    text = browser.get(thread_path(article)).text
    assert "Show 27 more replies" in text
    fragment = re.search(r'data-act="more" data-url="([^"]+)"', text)
    assert fragment
    first = browser.get(unescape(fragment[1])).text
    assert "<html" not in first
    assert re.findall(r"<p>(Reply \d+\.)</p>", first) == [f"Reply {n}." for n in range(3, 23)]
    assert "Show 7 more replies" in first
    plain = re.search(r'class="more"[^>]* href="([^"]+)"', text)
    assert plain
    assert "Reply 3." in browser.get(unescape(plain[1])).text


def test_a_comments_address_shows_it_with_what_it_answers(browser: Browser, article: Article) -> None:
    chain = [make_comment(article, make_user(f"Level {n}"), f"At depth {n}.") if n == 0 else None for n in range(1)]
    parent = chain[0]
    for n in range(1, 7):
        parent = make_comment(article, make_user(f"Level {n}"), f"At depth {n}.", parent=parent)
    assert parent is not None
    text = browser.get(f"/embed/c/{parent.id}").text
    assert [n for n in range(7) if f"At depth {n}." in text] == [3, 4, 5, 6]
    assert "Show earlier in this thread" in text
    assert f'class="c here" id="comment-{parent.id}"' in text
    assert "replying to" in text
    hidden = make_comment(article, status=Status.HELD)
    assert browser.get(f"/embed/c/{hidden.id}").status_code == 404


def test_a_thread_beyond_the_readable_depth_goes_on_by_itself(browser: Browser, article: Article) -> None:
    parent, chain = None, []
    for n in range(9):
        parent = make_comment(article, make_user(f"Level {n}"), f"At depth {n}.", parent=parent)
        chain.append(parent.id)
    text = browser.get(thread_path(article)).text
    assert [n for n in range(9) if f"At depth {n}." in text] == [0, 1, 2, 3, 4]
    link = re.search(r'data-act="continue" data-id="(\d+)" href="([^"]+)">Continue this thread \(1 reply\)', text)
    assert link
    assert int(link[1]) == chain[4]
    for path in (link[2], f"/embed/comments/{chain[4]}/context"):  # the page, and what widget.js puts in place
        alone = browser.get(path).text
        assert [n for n in range(9) if f"At depth {n}." in alone] == [1, 2, 3, 4, 5, 6, 7, 8]
        replies = alone[alone.index('id="replies"'):]
        assert 'replies flat"' not in replies[: replies.index("At depth 7.")]  # indented from where it goes on
        assert "Show earlier in this thread" in alone
    assert "Show the whole conversation" in browser.get(link[2]).text


def test_what_community_managers_said_can_be_stepped_through(browser: Browser, article: Article, site: Site) -> None:
    root = make_comment(article, make_user("Ann Able"), "Who pays?")
    assert "Community Manager’s comments" not in browser.get(thread_path(article)).text
    mona = make_user("Mona", role=Role.COMMUNITY_MANAGER, site=site)
    said = [make_comment(article, mona, f"Answer {n}.", parent=root).id for n in range(5)]
    hidden = make_comment(article, mona, "Unsaid.", status=Status.HELD)
    article.version += 1
    db.session.commit()
    for path in (thread_path(article), plain_path(article)):
        assert f'data-act="managers" href="/embed/a/{article.id}/managers"' in browser.get(path).text
    found = browser.get(f"/embed/a/{article.id}/managers", headers=SCRIPTED).json
    assert found == {"ids": said}
    text = browser.get(f"/embed/a/{article.id}/managers").text
    assert [n for n in range(5) if f"Answer {n}." in text] == [0, 1, 2, 3, 4]
    assert f'href="/embed/c/{said[4]}"' in text
    assert f"comment-{hidden.id}" not in text
    assert "Ann Able" not in text


def test_a_page_has_as_many_threads_as_the_tag_asks_for(browser: Browser, article: Article) -> None:
    author = make_user()
    for n in range(55):
        make_comment(article, author, f"Remark {n}.")
    shown = {size: browser.get(thread_path(article, size=size)).text.count('<article class="c"') for size in ("10", "50", "7", "x", "")}
    assert shown == {"10": 10, "50": 50, "7": 20, "x": 20, "": 20}
    etags = {browser.get(thread_path(article, size=size)).headers["ETag"] for size in ("10", "20", "50", "7")}
    assert len(etags) == 3
    more = re.search(r'data-after="([^"]+)"', browser.get(thread_path(article, size="10", sort="oldest")).text)
    assert more
    following = browser.get(thread_path(article, size="10", sort="oldest", part="list", after=more[1])).text
    assert re.findall(r"<p>Remark (\d+)\.</p>", following) == [str(n) for n in range(10, 20)]


def test_the_tag_may_name_the_article_by_its_number(browser: Browser, article: Article) -> None:
    make_comment(article, make_user("Ann Able"), "A wall is a wall.")
    make_site(key="other")
    assert "A wall is a wall." in browser.get(f"/embed/courier/thread?article={article.id}").text
    assert browser.get(f"/embed/other/thread?article={article.id}").status_code == 404  # another site's
    assert browser.get("/embed/courier/thread?article=999999").status_code == 404


def test_radius_and_background_are_taken_where_text_stays_readable(browser: Browser, article: Article) -> None:
    text = browser.get(thread_path(article, radius="12px", background="#fff8e7", accent="#a03030")).text
    assert ":root{--radius:12px}" in text
    assert ":root{--page:#fff8e7;--accent:" in text
    assert ":root[data-theme=dark]{--page:#16171a;--accent:" in text
    grey = Appearance.from_args({"background": "#cccccc"})
    found = re.search(r":root\{--page:#(\w{6})", grey.css)
    assert found
    assert contrast((0x6B, 0x68, 0x60), tuple(bytes.fromhex(found[1]))) >= READABLE  # type: ignore[arg-type]
    assert "--radius" not in Appearance.from_args({"radius": "calc(1px)"}).css


# --- in the publisher's own HTML, and for search engines


def test_the_fragment_is_plain_html_of_the_first_comments(browser: Browser, article: Article, site: Site) -> None:
    root = make_comment(article, make_user(EVIL[:60]), "A **wall** is a wall.")
    make_comment(article, make_user("Mona", role=Role.COMMUNITY_MANAGER, site=site), "Noted.", parent=root)
    path = f"/embed/courier/fragment?url={quote(article.url)}"
    answer = browser.get(path)
    assert answer.mimetype == "text/html"
    assert "max-age=15" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    for words in ("<h2>2 comments</h2>", "<strong>wall</strong>", "<small>Community Manager</small>", f'href="{article.url}#comment-{root.id}"',
                  f'href="http://localhost/embed/a/{article.id}"'):
        assert words in answer.text, words
    for words in ("<script", "<style", "<html", "<form", " nonce"):
        assert words not in answer.text, words
    again = browser.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert 'dir="rtl"' in browser.get(f"{path}&lang=ar").text
    make_comment(article, make_user(), "A third.")
    db.session.commit()
    assert browser.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize(("path", "status", "body"), [
    ("courier/fragment?url=https://news.example/unknown", 200, ""),
    ("courier/fragment?url=https://evil.example/--%3E%3Cscript%3E", 403, "<!-- commentsvc: "),
    ("nobody/fragment?url=https://news.example/wall", 404, "<!-- commentsvc: There is no such site. -->"),
    ("courier/fragment?url=" + quote("nonsense--><script>"), 422, "<!-- commentsvc: "),
])
def test_where_there_is_no_fragment_nothing_shows(browser: Browser, article: Article, path: str, status: int, body: str) -> None:
    answer = browser.get(f"/embed/{path}")
    assert answer.status_code == status
    assert answer.text.startswith(body)
    assert "<script" not in answer.text
    assert answer.text.count("-->") == bool(body)
    assert db.session.query(Article).count() == 1  # registers nothing


def test_search_engines_find_the_plain_page_under_one_address(browser: Browser, article: Article) -> None:
    import json

    root = make_comment(article, make_user("Ann </script> Able"), "A wall is a **wall**.")
    make_comment(article, make_user("Bo"), "Indeed.", parent=root)
    page = browser.get(f"{plain_path(article)}?sort=top")
    assert f'<link rel="canonical" href="http://localhost{plain_path(article)}">' in page.text
    assert '<meta name="robots" content="index">' in page.text
    found = re.search(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    assert found
    data = json.loads(found[1])
    assert data["@type"] == "DiscussionForumPosting"
    assert data["comment"][0]["text"] == "A wall is a wall."
    assert data["comment"][0]["author"]["name"] == "Ann </script> Able"
    assert data["comment"][0]["comment"][0]["text"] == "Indeed."
    for other in (f"/embed/c/{root.id}", f"{plain_path(article)}?reply={root.id}", thread_path(article)):
        assert '<meta name="robots" content="noindex">' in browser.get(other).text


def test_tombstones_keep_their_replies_and_say_who_removed_them(browser: Browser, article: Article, site: Site) -> None:
    author, manager = make_user("Gone Author"), make_user(role=Role.COMMUNITY_MANAGER, site=site)
    taken, removed = make_comment(article, author, "Taken back."), make_comment(article, author, "Removed text.")
    for parent in (taken, removed):
        make_comment(article, body=f"Answer {parent.id}.", parent=parent)
    withdraw(taken, author)
    reject(removed, actor=manager, reason=Reason.ABUSE, seen=removed.version)
    text = browser.get(thread_path(article)).text
    assert "Withdrawn by its author" in text
    assert "Removed by our Community Managers" in text
    for gone in ("Taken back.", "Removed text.", "Gone Author"):
        assert gone not in text
    assert f"Answer {taken.id}." in text
    assert f"Answer {removed.id}." in text


# --- a word to the author before a person reads it


def held_as_toxic(article: Article, author: User, body: str = "Good day. You fool! Bye.", **more: Any) -> Comment:
    comment = make_comment(article, author, body, status=Status.PENDING, **more)
    return factories.hold_as_toxic(comment, (10, 19))


NUDGE = '<mark><span class="visually-hidden">This may hurt someone: </span>You fool!</mark>'


def test_an_author_sees_which_sentence_may_hurt_and_never_a_score(app: Flask, browser: Browser, article: Article) -> None:
    comment = held_as_toxic(article, sign_in(browser, article), "Good <b>. You <i>! Bye.")
    text = browser.get(plain_path(article)).text
    assert "The marked sentence may hurt someone." in text
    assert "Good &lt;b&gt;. <mark>" in text
    assert "You &lt;i&gt;! </mark>Bye." in text
    for number in ("0.9", "90", "score", "insult"):
        assert number not in text.split(f'id="comment-{comment.id}"')[1].split("</article>")[0]
    stranger = Browser(app)
    sign_in(stranger, article, name="Somebody Else")
    assert "may hurt" not in stranger.get(plain_path(article)).text
    assert "may hurt" not in Browser(app).get(thread_path(article)).text


def test_edit_takes_it_back_and_puts_the_text_into_the_form(browser: Browser, article: Article) -> None:
    author = sign_in(browser, article)
    comment = held_as_toxic(article, author)
    page = plain_path(article)
    assert NUDGE in browser.get(page).text
    for _once_more in range(2):  # a reload of the answer sends it again: the text is still there
        answer = browser.post(f"/embed/comments/{comment.id}/rewrite", page=page)
        assert answer.status_code == 200
        assert "Your comment is taken back." in answer.text
        assert re.search(r'<textarea id="editor-body"[^>]* autofocus>\nGood day. You fool! Bye.</textarea>', answer.text)
        assert f'id="comment-{comment.id}"' not in answer.text
    assert db.session.get_one(Comment, comment.id, populate_existing=True).status == "withdrawn"
    # The same text may be sent again: what was taken back is no repeat.
    assert post(browser, article, "Good day. You fool! Bye.").status_code == 303
    assert len(db.session.scalars(select(Comment).where(Comment.status == Status.PENDING)).all()) == 1


def test_edit_of_a_reply_opens_the_form_below_its_parent(browser: Browser, article: Article) -> None:
    author = sign_in(browser, article)
    parent = make_comment(article, make_user("Ann Able"), "A remark.")
    comment = held_as_toxic(article, author, parent=parent)
    answer = browser.post(f"/embed/comments/{comment.id}/rewrite", page=plain_path(article)).text
    assert f'name="parent_id" value="{parent.id}"' in answer
    assert re.search(r'<textarea id="reply-body"[^>]*>\nGood day. You fool! Bye.</textarea>', answer)
    # Where the parent is gone, the text stands in the form at the top.
    other = held_as_toxic(article, author, "Good day. You fool! And more.", parent=parent)
    withdraw(parent, db.session.get_one(User, parent.author_id))
    answer = browser.post(f"/embed/comments/{other.id}/rewrite", page=plain_path(article)).text
    assert "What you replied to is gone" in answer
    assert re.search(r'<textarea id="editor-body"[^>]*>\nGood day. You fool! And more.</textarea>', answer)


def test_leaving_it_for_review_keeps_the_comment_and_ends_the_word(browser: Browser, article: Article) -> None:
    comment = held_as_toxic(article, sign_in(browser, article))
    page = plain_path(article)
    assert browser.post(f"/embed/comments/{comment.id}/leave", page=page).status_code == 303
    text = browser.get(page).text
    assert "Waiting for a community manager." in text
    assert "Good day. You fool! Bye." in text
    assert "may hurt" not in text
    assert db.session.get_one(Comment, comment.id, populate_existing=True).status == "held"


def test_past_the_limit_she_only_reads_that_it_waits(browser: Browser, article: Article) -> None:
    author = sign_in(browser, article)
    for number in range(NUDGES + 1):
        held_as_toxic(article, author, f"Good day. You fool! Bye {number}.")
    text = browser.get(plain_path(article)).text
    assert text.count("<mark>") == text.count("may hurt someone. ") == NUDGES
    assert text.count("Waiting for a community manager.") == 1


def test_nobody_rewrites_or_leaves_what_is_not_hers_or_decided(browser: Browser, article: Article, site: Site) -> None:
    author = sign_in(browser, article)
    page = plain_path(article)
    others = held_as_toxic(article, make_user())
    for action in ("rewrite", "leave"):
        assert browser.post(f"/embed/comments/{others.id}/{action}", page=page).status_code == 403
    mine = held_as_toxic(article, author)
    approve(mine, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), seen=mine.version)
    answer = browser.post(f"/embed/comments/{mine.id}/rewrite", page=page)
    assert answer.status_code == 409
    assert "has published your comment meanwhile" in answer.text
    late = held_as_toxic(article, author, "Good day. You fool! Late.")
    close_article(db.session.get_one(Article, article.id), closed=True)
    text = browser.get(page).text
    assert "Post for review" in text
    assert ">Edit</a>" not in text
    assert browser.post(f"/embed/comments/{late.id}/rewrite", page=page).status_code == 409
    assert db.session.get_one(Comment, late.id, populate_existing=True).status == "held"


def test_the_word_comes_with_the_state_that_the_script_asks_for(browser: Browser, article: Article) -> None:
    comment = make_comment(article, sign_in(browser, article), "Good day. You fool! Bye.", status=Status.PENDING)
    path = f"/embed/comments/{comment.id}/state"
    first = browser.get(path, headers=SCRIPTED).json
    assert first is not None
    assert first["status"] == "pending"
    factories.hold_as_toxic(db.session.get_one(Comment, comment.id), (10, 19))
    now = browser.get(path, headers=SCRIPTED).json
    assert now is not None
    assert now["status"] == "held"
    assert NUDGE in now["html"]
    assert now["say"].endswith("This may hurt someone: You fool!")
    me = browser.get(f"/embed/courier/articles/{article.id}/me").json
    assert me is not None
    assert NUDGE in me["waiting"][0]["html"]
    headers = SCRIPTED | {"X-CSRFToken": me["csrf"]}
    left = browser.open(f"/embed/comments/{comment.id}/leave", method="POST", headers=headers).json
    assert left is not None
    assert "may hurt" not in left["html"] + left["say"]
    back = browser.open(f"/embed/comments/{comment.id}/rewrite", method="POST", headers=headers).json
    assert back is not None
    assert (back["body"], back["parent"]) == ("Good day. You fool! Bye.", None)


def test_a_comment_rejected_long_after_it_was_posted_still_has_a_state(browser: Browser, article: Article) -> None:
    author = sign_in(browser, article)
    comment = make_comment(article, author, status=Status.HELD, created_at=utcnow() - dt.timedelta(days=9))
    reject(comment, actor=make_user(), reason=Reason.ABUSE, seen=comment.version)
    now = browser.get(f"/embed/comments/{comment.id}/state", headers=SCRIPTED).json
    assert now is not None
    assert (now["status"], now["html"]) == ("rejected", "")


def test_a_rejected_comment_can_be_taken_back(browser: Browser, article: Article) -> None:
    comment = make_comment(article, sign_in(browser, article), "Not fit to print.", status=Status.REJECTED)
    page = plain_path(article)
    assert f"?withdraw={comment.id}#withdraw" in browser.get(page).text
    assert browser.post(f"/embed/comments/{comment.id}/withdraw", page=page).status_code == 303
    assert "Not fit to print." not in browser.get(page).text


# --- the answers widget.js reads


def test_me_says_nothing_and_sets_nothing_for_a_mere_reader(browser: Browser, article: Article) -> None:
    response = browser.get(f"/embed/courier/articles/{article.id}/me")
    assert response.json is not None
    assert response.json["user"] is None
    assert "csrf" not in response.json
    assert "Set-Cookie" not in response.headers
    assert response.headers["Cache-Control"] == "private, no-store"


def test_me_is_what_is_hers(browser: Browser, article: Article) -> None:
    other = make_comment(article)
    user = sign_in(browser, article)
    own = make_comment(article, user)
    held = make_comment(article, user, "Held.", status=Status.HELD)
    make_comment(article, make_user(), "Somebody else's.", status=Status.HELD)
    browser.post(f"/embed/comments/{other.id}/vote", {"value": "-1"}, page=plain_path(article))
    me = browser.get(f"/embed/courier/articles/{article.id}/me").json
    assert me is not None
    assert (me["user"], me["votes"], me["own"]) == ("Ada Known", {str(other.id): -1}, [own.id])
    assert [w["id"] for w in me["waiting"]] == [held.id]
    assert "Waiting for a community manager." in me["waiting"][0]["html"]


def test_a_scripted_post_and_its_state(app: Flask, browser: Browser, article: Article, run_worker: Callable[[], int]) -> None:
    sign_in(browser, article)
    csrf = browser.get(f"/embed/courier/articles/{article.id}/me").json
    assert csrf is not None
    headers = SCRIPTED | {"X-CSRFToken": csrf["csrf"]}
    sent = browser.open(f"{plain_path(article)}/comments", method="POST", data={"body": "By script."}, headers=headers)
    assert sent.status_code == 201
    assert sent.json is not None
    assert sent.json["status"] == "pending"
    path = f"/embed/comments/{sent.json['id']}/state"
    assert Browser(app).get(path, headers=SCRIPTED).status_code == 401
    stranger = Browser(app)
    sign_in(stranger, article, name="Somebody Else")
    assert stranger.get(path, headers=SCRIPTED).status_code == 403
    run_worker()
    now = browser.get(path, headers=SCRIPTED).json
    assert now is not None
    assert (now["status"], now["count"]) == ("published", 1)
    assert "By script." in now["html"]


def test_scripted_errors_are_json_with_the_field_and_a_fresh_token(browser: Browser, article: Article) -> None:
    sign_in(browser, article)
    stale = browser.open(f"{plain_path(article)}/comments", method="POST", data={"body": "x"}, headers=SCRIPTED)
    assert stale.status_code == 400
    assert stale.json is not None
    headers = SCRIPTED | {"X-CSRFToken": stale.json["error"]["csrf"]}
    empty = browser.open(f"{plain_path(article)}/comments", method="POST", data={"body": " "}, headers=headers)
    assert empty.status_code == 422
    assert empty.json is not None
    assert (empty.json["error"]["field"], empty.json["error"]["code"]) == ("body", "body_empty")
    refused = browser.open(
        f"{plain_path(article)}/sign-up", method="POST", headers=headers,
        data={"display_name": "Kept", "email": "no", "password": "x"},
    )
    assert refused.status_code == 422
    assert refused.json is not None
    assert 'value="Kept"' in refused.json["error"]["html"]


# --- looks and files


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_any_accent_becomes_readable_on_both_pages(accent: tuple[int, int, int]) -> None:
    for page in (LIGHT_PAGE, DARK_PAGE):
        shown = readable(accent, page)
        assert contrast(shown, page) >= READABLE
        assert contrast(shown, tint(shown, page)) >= READABLE


@given(st.text(max_size=400), st.text(max_size=20), st.text(max_size=20))
def test_no_attribute_breaks_out_of_the_style(font: str, accent: str, theme: str) -> None:
    css = Appearance.from_args({"font": font, "accent": accent, "theme": theme}).css
    assert not set(css) & set("<>\\/*@") or css.count("@media") == 1
    assert css.count("{") == css.count("}")
    assert not set(parse_font(font)) & set("{}<>;:()\\/@*")


def test_a_font_list_is_quoted_and_kept() -> None:
    assert parse_font("'Source Serif Pro', Georgia, serif") == '"Source Serif Pro", "Georgia", serif'


def test_the_tag_and_the_files_are_cacheable_and_small(browser: Browser, article: Article) -> None:
    tag = browser.get("/embed.js")
    assert tag.mimetype == "text/javascript"
    assert "max-age=3600" in tag.headers["Cache-Control"]
    page = browser.get(thread_path(article)).text
    for name in ("widget.css", "widget.js"):
        found = re.search(rf'"(/embed/assets/\w+/{name})"', page)
        assert found
        response = browser.get(found[1])
        assert "immutable" in response.headers["Cache-Control"]
        assert "Set-Cookie" not in response.headers
    assert "immutable" not in browser.get("/embed/assets/old/widget.js").headers["Cache-Control"]
    assert browser.get("/embed/assets/old/../secret").status_code == 404
    files = load().files
    assert sum(len(files[name].compressed) for name in ("widget.css", "widget.js", "embed.js")) <= 12 * 1024
    assert len(files["counts.js"].compressed) <= 1024


def test_making_files_smaller_changes_nothing_a_program_means() -> None:
    script = b'/* a\n b */\n  // c\n  const url = "https://x.example , y"; // gone\n\n  go(url);\n'
    assert smaller(script, css=False) == b'const url="https://x.example , y";\ngo(url);\n'
    tokens = b"const a = /^rgb\\((\\d+), (\\d+) [/ ,]/gm, b = `x , ${ c } : y`, c = 'd , \\' e', f = (1 / 2) / 3, g = a - -1;\n"
    kept = smaller(tokens, css=False)
    for literal in (b"/^rgb\\((\\d+), (\\d+) [/ ,]/gm", b"`x , ${ c } : y`", b"'d , \\' e'", b"(1 / 2)/ 3", b"a - -1"):
        assert literal in kept, literal
    assert rb"/^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?/.exec" in load().files["embed.js"].body
    for name in ("widget.js", "embed.js", "counts.js"):  # what is told apart knows no template inside another
        assert not re.search(rb"`[^`]*\$\{[^}`]*`", load().files[name].body), name
    assert smaller(b"/* a */\n.b, .c {\n  color: red;\n}\n", css=True) == b".b,.c{color:red}"


# --- editing, without JavaScript


def test_an_author_edits_and_sees_what_her_comment_said_before_and_others_do_not(browser: Browser, app: Flask, article: Article) -> None:
    ada = sign_in(browser, article)
    comment = make_comment(article, ada, "The wall stands.")
    page = browser.get(f"{plain_path(article)}?edit={comment.id}").text
    assert "The wall stands.</textarea>" in page
    empty = browser.post(f"/embed/comments/{comment.id}/edit", {"body": " ", "revision": "1"}, page=plain_path(article))
    assert empty.status_code == 422
    assert "Write something first." in empty.text
    sent = browser.post(f"/embed/comments/{comment.id}/edit", {"body": f"The wall fell. {EVIL}", "revision": "1"}, page=plain_path(article))
    assert sent.status_code == 303
    page = browser.get(plain_path(article)).text
    assert "Your edit is being checked." in page
    assert EVIL not in page
    history = f"/embed/comments/{comment.id}/history"
    assert "Your edit, not accepted yet" in browser.get(history).text
    stranger = Browser(app)
    assert "The wall fell" not in stranger.get(plain_path(article)).text
    assert stranger.get(history).status_code == 404
    assert '<html lang="de"' in browser.get(f"{history}?lang=de").text


def test_the_history_names_whom_a_text_mentions(browser: Browser, article: Article) -> None:
    ada = sign_in(browser, article)
    make_comment(article, bob := make_user("Bob"), "A voice.")
    comment = make_comment(article, ada, f"Ask @Bob#{bob.id}.")
    page = browser.get(f"/embed/comments/{comment.id}/history").text
    assert f'<bdi class="mention" data-user="{bob.id}">@Bob</bdi>' in page
    assert f"#{bob.id}" not in page


def test_strangers_preview_as_often_as_one_address_may(article: Article, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", False)  # put back afterwards, for the tests' application
    path = plain_path(article)
    db.session.commit()
    strict = create_app(replace(settings, RATE_LIMITS=True, LIMIT_REACT="2 per minute"))
    browser = Browser(strict)
    answers = [browser.post(f"{path}/preview", {"body": "**Bold**"}, page=path) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert "**Bold**</textarea>" in answers[2].text  # what was typed is kept
    with strict.app_context():
        db.engine.dispose()


def test_a_preview_without_script_keeps_the_text_and_posts_nothing(browser: Browser, article: Article) -> None:
    assert "/preview" in browser.get(plain_path(article)).text  # signed out, too
    shown = browser.post(f"{plain_path(article)}/preview", {"body": "**Bold** ||the end||"}, page=plain_path(article))
    assert "<strong>Bold</strong>" in shown.text
    assert "**Bold** ||the end||</textarea>" in shown.text
    assert db.session.scalar(select(func.count()).select_from(Comment)) == 0


@pytest.mark.once
def test_a_kept_page_is_kept_small_and_answers_those_who_take_no_gzip_too() -> None:
    body = b"<p>A comment among others.</p>" * 3000
    page = Rendered(body)
    assert page.body == body
    small = page.compressed
    assert gzip.decompress(small) == body
    assert sum(sys.getsizeof(one) for one in vars(page).values()) < len(body) / 8
    assert (page.body, page.compressed) == (body, small)
