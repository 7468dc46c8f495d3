"""Notifications over HTTP: above a conversation, in the account, and for programs."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.accounts.wishes import How, Kind, Wish, wishes_of
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.notifications.follows import page_of_follows
from commentsvc.notifications.models import Notification
from commentsvc.notifications.telling import tell_all
from commentsvc.sites.models import Article, Site
from tests import factories
from tests.accounts.browsing import PASSWORD, Browser
from tests.api.conftest import Caller
from tests.conftest import Statements
from tests.factories import make_article, make_site, make_user

SCRIPTED = {"X-Requested-With": "commentsvc"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Courier")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, url="https://news.example/wall", title="The harbour wall")


@pytest.fixture
def ada(site: Site) -> User:
    return make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD), follow_on_post=False)


@pytest.fixture
def account(app: Flask, ada: User) -> Browser:
    browser = Browser(app)
    assert browser.sign_in("ada@example.org").status_code == 303
    return browser


@pytest.fixture
def widget(app: Flask, ada: User, article: Article) -> Browser:
    browser, page = Browser(app), f"/embed/a/{article.id}"
    assert browser.post(f"{page}/sign-in", {"email": "ada@example.org", "password": PASSWORD}, page=page).status_code == 303
    return browser


def reply_to(article: Article, ada: User, number: int = 1, name: str = "Ben") -> list[Comment]:
    """So many replies to a comment of hers, told."""
    article.site = db.session.get_one(Site, article.site_id)
    db.session.flush()
    mine = factories.make_comment(article, ada)
    found = []
    for n in range(number):
        article.site = db.session.get_one(Site, article.site_id)
        db.session.flush()
        found.append(factories.make_comment(article, make_user(name), f"Reply {n} {EVIL}", parent=mine))
    tell_all()
    db.session.commit()
    return found


def unread(widget: Browser, article: Article) -> str:
    me = widget.get(f"/embed/courier/articles/{article.id}/me").json
    assert me is not None
    found = re.search(r'aria-label="(Notifications[^"]*)"', me["who"])
    return found[1] if found else ""


def test_the_bell_is_for_who_is_signed_in(app: Flask, widget: Browser, article: Article, ada: User) -> None:
    assert unread(Browser(app), article) == ""
    assert Browser(app).get(f"/embed/a/{article.id}/notifications", headers=SCRIPTED).status_code == 401
    assert unread(widget, article) == "Notifications"
    reply_to(article, ada, 2, name=EVIL)
    assert unread(widget, article) == "Notifications, 2 unread"
    panel = widget.get(f"/embed/a/{article.id}/notifications", headers=SCRIPTED)
    assert "no-store" in panel.headers["Cache-Control"]
    assert EVIL not in panel.text
    assert panel.text.count('class="unread"') == 2


def test_what_is_her_own_costs_one_statement_more_however_much_it_is(
    widget: Browser, article: Article, ada: User, statements: Statements
) -> None:
    def cost() -> int:
        widget.get("/healthz")
        statements.clear()
        unread(widget, article)
        return sum("notifications" in statement for statement in statements)

    assert cost() == 1
    reply_to(article, ada, 8)
    assert cost() == 1


def test_the_cached_page_knows_nothing_of_it(widget: Browser, article: Article, ada: User) -> None:
    reply_to(article, ada)
    page = widget.get(f"/embed/courier/thread?url={article.url}")
    assert 'data-act="bell"' not in page.text
    assert "notices" not in page.text


def test_following_works_without_script_too(widget: Browser, article: Article, ada: User) -> None:
    page = f"/embed/a/{article.id}"
    for wanted, said in (("1", "Following"), ("0", "Follow")):
        answer = widget.post(f"{page}/follow", {"on": wanted}, page=page)
        assert (answer.status_code, answer.location) == (303, f"{page}#conversation")
        assert len(page_of_follows(ada)[0]) == int(wanted)
        assert f">{said}</button>" in widget.get(page).text
    assert widget.open(f"{page}/follow", method="POST", data={"on": "1"}).status_code == 400  # from another page's form


def test_one_is_read_and_then_all_up_to_what_was_seen(widget: Browser, article: Article, ada: User) -> None:
    reply_to(article, ada, 3)
    page = f"/embed/a/{article.id}"
    first, *_, last = db.session.scalars(select(Notification.id).where(Notification.user_id == ada.id).order_by(Notification.id)).all()
    widget.post(f"{page}/notifications/read", {"id": str(first)}, page=page)
    assert unread(widget, article) == "Notifications, 2 unread"
    widget.post(f"{page}/notifications/read", {"until": str(last)}, page=page)
    assert unread(widget, article) == "Notifications"
    assert widget.post(f"{page}/notifications/read", {"id": "x"}, page=page).status_code == 404


def test_nobody_reads_or_marks_what_another_was_told(app: Flask, widget: Browser, article: Article, ada: User) -> None:
    ben = make_user("Ben", email="ben@example.org", password_hash=hash_password(PASSWORD))
    reply_to(article, ben)
    (number,) = db.session.scalars(select(Notification.id).where(Notification.user_id == ben.id)).all()
    page = f"/embed/a/{article.id}"
    widget.post(f"{page}/notifications/read", {"id": str(number)}, page=page)
    assert db.session.get_one(Notification, number).read_at is None
    assert "Reply 0" not in widget.get(f"{page}/notifications", headers=SCRIPTED).text


def test_the_account_has_all_of_it_page_by_page(account: Browser, article: Article, ada: User) -> None:
    assert "Nothing new" in account.get("/account/notifications").text
    reply_to(article, ada, 23)
    first = account.get("/account/notifications").text
    assert "23 unread." in first
    older = re.search(r'href="(/account/notifications\?after=[^"]+)" rel="next"', first)
    assert older
    second = account.get(older[1]).text
    assert (first + second).count("Mark as read") == 23
    assert EVIL not in first
    account.post("/account/notifications/read", {"until": re.findall(r'name="until" value="(\d+)"', first)[0]}, page="/account/notifications")
    assert "Mark as read" not in account.get("/account/notifications").text


def test_wishes_are_kept_and_a_wrong_one_is_said_beside_its_field(account: Browser, ada: User) -> None:
    page = "/account/notifications/settings"
    sent = {f"mail_{kind}": "weekly" for kind in Kind} | {"widget_reply": "1"}
    answer = account.post(page, sent | {"mail_mention": "hourly"}, page=page)
    assert answer.status_code == 422
    assert 'id="error-mention"' in answer.text
    assert answer.text.count('<option value="weekly" selected>') == 4  # what was chosen is kept
    assert answer.text.count(" checked>") == 1
    assert wishes_of(ada.id)[Kind.REPLY].mail == How.AT_ONCE
    assert account.post(page, sent, page=page).status_code == 303
    assert wishes_of(ada.id) == {kind: Wish(kind == Kind.REPLY, How.WEEKLY) for kind in Kind}
    assert db.session.get_one(User, ada.id, populate_existing=True).follow_on_post is False


def test_unfollowing_in_the_account_can_be_undone(account: Browser, app: Flask, article: Article, ada: User) -> None:
    page = "/account/notifications/settings"
    assert "None." in account.get(page).text
    follow = f"/account/notifications/follows/{article.id}"
    account.post(follow, {"on": "1"}, page=page)
    assert "The harbour wall" in account.get(page).text
    back = account.post(follow, {"on": "0"}, page=page)
    assert page_of_follows(ada)[0] == []
    assert "Undo: follow it again" in account.get(back.location).text
    assert account.post("/account/notifications/follows/999999", {"on": "1"}, page=page).status_code == 404


def test_a_program_can_do_all_of_it(app: Flask, article: Article, ada: User) -> None:
    api = Caller(app, start_session(ada, device="a program"))
    assert api.get("/me/notifications").json == {"notifications": [], "unread": 0, "next": None}
    replies = reply_to(article, ada, 3)
    ids = [str(reply.id) for reply in replies]
    page = api.get("/me/notifications?limit=2").json
    assert [one["comment_id"] for one in page["notifications"]] == [ids[2], ids[1]]
    assert (page["unread"], page["notifications"][0]["by"]["name"], page["notifications"][0]["event"]) == (3, "Ben", "reply")
    rest = api.get(f"/me/notifications?limit=2&after={page['next']}").json
    assert ([one["comment_id"] for one in rest["notifications"]], rest["next"]) == ([ids[0]], None)
    assert api.get(f"/me/notifications?unread=true&after={page['next']}").status_code == 422  # of another list
    assert api.post("/me/notifications/read", {"ids": [page["notifications"][0]["id"]]}).json == {"unread": 2}
    assert len(api.get("/me/notifications?unread=true").json["notifications"]) == 2
    assert api.post("/me/notifications/read", {}).status_code == 422
    changed = api.patch("/me/notification-preferences", {"kinds": [{"kind": "reply", "widget": True, "mail": "weekly"}], "follow_on_post": True})
    assert {one["kind"]: one["mail"] for one in changed.json["kinds"]} == {
        "reply": "weekly", "mention": "at_once", "decision": "at_once", "featured": "daily", "followed": "never",
    }
    assert changed.json["follow_on_post"] is True
    assert api.put(f"/articles/{article.id}/follow").status_code == 204
    assert [one["article"]["title"] for one in api.get("/me/follows").json["conversations"]] == ["The harbour wall"]
    assert api.delete(f"/articles/{article.id}/follow").status_code == 204
    assert api.get("/me/follows").json == {"conversations": [], "next": None}
    assert api.put("/articles/999999/follow").status_code == 404


def test_a_community_manager_of_the_site_sees_nothing_of_it(app: Flask, article: Article, ada: User, site: Site) -> None:
    reply_to(article, ada)
    nora = make_user("Nora", role=Role.ADMIN, site=site)
    assert Caller(app, start_session(nora, device="x")).get("/me/notifications").json["notifications"] == []
