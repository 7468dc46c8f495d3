"""Hiding a person over HTTP: in the conversation with and without script, in the account, and for programs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment
from commentsvc.sites.models import Article, Site
from tests.accounts.browsing import PASSWORD, Browser
from tests.api.conftest import Caller, problem
from tests.factories import fresh, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.once

SCRIPTED = {"X-Requested-With": "commentsvc"}


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Courier")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, url="https://news.example/wall", title="The harbour wall")


@pytest.fixture
def ada(site: Site) -> User:
    return make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))


@pytest.fixture
def theirs(article: Article) -> Comment:
    """A comment of somebody's, with an answer by another."""
    article = fresh(article)
    found = make_comment(article, make_user("Tom <b>Troll</b>"), "Nonsense, all of it.")
    make_comment(article, make_user("Ben"), "It is not.", parent=found)
    return found


@pytest.fixture
def widget(app: Flask, ada: User, article: Article) -> Browser:
    browser, page = Browser(app), f"/embed/a/{article.id}"
    assert browser.post(f"{page}/sign-in", {"email": "ada@example.org", "password": PASSWORD}, page=page).status_code == 303
    return browser


def mine_in(answer: TestResponse) -> Any:
    """The JSON of an answer."""
    return answer.json


def test_the_plain_page_folds_what_she_hides_and_shows_it_again(app: Flask, widget: Browser, article: Article, theirs: Comment) -> None:
    page = f"/embed/a/{article.id}"
    assert "Hide this person" in widget.get(page).text
    assert "Hide this person" not in Browser(app).get(page).text  # nobody is signed in
    for on, folded in (("1", True), ("1", True), ("0", False)):
        answer = widget.post(f"/embed/comments/{theirs.id}/hide", {"on": on}, page=page)
        assert (answer.status_code, answer.location.rpartition("#")[2]) == (303, f"comment-{theirs.id}")
        html = widget.get(page).text
        assert (re.search(r"<details><summary[^>]*>You hid this person\.</summary>\s*<header", html) is not None) is folded
        assert ("Show this person again" in html) is folded
        assert ("People you hide" in html) is folded
        assert html.rindex("It is not.") > html.rindex("Nonsense")
    assert "You hid this person" not in Browser(app).get(page).text


def test_the_page_for_everybody_knows_nothing_of_it_and_her_own_answer_does(app: Flask, widget: Browser, article: Article, theirs: Comment) -> None:
    thread, me = f"/embed/courier/thread?article={article.id}", f"/embed/courier/articles/{article.id}/me"
    before = widget.get(thread)
    assert f'data-by="{theirs.author_id}"' in before.text
    mine = mine_in(widget.get(me))
    assert mine["hidden"] == []
    [script] = mine["scripts"]
    assert "/hide.js" in script
    assert "hidden" not in mine_in(Browser(app).get(me))
    assert "scripts" not in mine_in(Browser(app).get(me))
    answer = widget.post(f"/embed/comments/{theirs.id}/hide", {"on": "1"}, page=f"/embed/a/{article.id}", headers=SCRIPTED)
    assert mine_in(answer)["hidden"] == [str(theirs.author_id)]
    assert "Tom <b>Troll</b>" in mine_in(answer)["message"]  # JSON, which the script puts in as text
    assert mine_in(widget.get(me))["hidden"] == [str(theirs.author_id)]
    assert widget.get(thread).get_etag() == before.get_etag()


def test_what_a_community_manager_says_is_folded_for_nobody(widget: Browser, article: Article, site: Site) -> None:
    manager = make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)
    said = make_comment(fresh(article), manager)
    page = f"/embed/a/{article.id}"
    assert "Hide this person" not in widget.get(page).text
    assert f'data-by="{manager.id}"' not in widget.get(f"/embed/courier/thread?article={article.id}").text
    answer = widget.post(f"/embed/comments/{said.id}/hide", {"on": "1"}, page=page, headers=SCRIPTED)
    assert (answer.status_code, mine_in(answer)["error"]["code"]) == (403, "staff")


def test_the_account_lists_them_and_a_slip_is_undone(app: Flask, ada: User, theirs: Comment) -> None:
    account = Browser(app)
    account.sign_in("ada@example.org")
    assert "You hide nobody" in account.get("/account/hidden").text
    assert "/account/hidden" in account.get("/account/").text
    key = theirs.author_id
    account.post(f"/account/hidden/{key}", {"on": "1"}, page="/account/")
    listed = account.get("/account/hidden").text
    assert "Tom &lt;b&gt;Troll&lt;/b&gt;" in listed
    shown = account.post(f"/account/hidden/{key}", {"on": "0"}, page="/account/hidden", follow_redirects=True).text
    assert "You hide nobody" in shown
    assert "Undo" in shown
    assert "Troll" not in shown.partition("Undo")[2]
    refused = account.post(f"/account/hidden/{ada.id}", {"on": "1"}, page="/account/")
    assert refused.status_code == 422
    assert "cannot hide yourself" in refused.text


def test_programs_hide_list_and_show(app: Flask, ada: User, theirs: Comment) -> None:
    token = start_session(ada, device="A program")
    caller, one = Caller(app, token), f"/me/hidden/{theirs.author_id}"
    assert caller.put(one).status_code == caller.put(one).status_code == 204
    listed = caller.get("/me/hidden").json
    assert [(p["person"]["id"], p["person"]["name"]) for p in listed["people"]] == [(str(theirs.author_id), "Tom <b>Troll</b>")]
    assert caller.delete(one).status_code == caller.delete(one).status_code == 204
    assert caller.get("/me/hidden").json == {"people": [], "next": None}
    assert problem(caller.put(f"/me/hidden/{ada.id}"))["code"] == "yourself"
    assert problem(caller.put("/me/hidden/999999"))["status"] == 404
