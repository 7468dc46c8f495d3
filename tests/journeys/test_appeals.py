"""Decisions, appeals and the public modlog as a browser without scripts uses them."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import FRAMED_COOKIE
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.embed.view import edited
from commentsvc.extensions import db
from commentsvc.moderation.appeals import lodge
from commentsvc.moderation.decide import approve, judge_edit, reject, withdraw
from commentsvc.moderation.edit_steps import hold
from commentsvc.moderation.edits import take_edit
from commentsvc.moderation.models import Appeal, Reason, Statement
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.moderation.screen import load_comments
from commentsvc.moderation.statements import live_statement, mail_token
from commentsvc.review.appeals import due_words
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.accounts.browsing import PASSWORD, Browser, make_known
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_review import EVIL, SAFE, Desk


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Lind", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def tomas(site: Site) -> User:
    return make_user("Tomás", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def author(app: Flask) -> User:
    return make_user("Ada")


def rejected(article: Article, author: User, by: User, body: str = "They are liars.") -> Statement:
    comment = make_comment(article, author, body)
    reject(comment, actor=by, reason=Reason.ABUSE, seen=comment.version, note="internal")
    db.session.commit()
    found = live_statement(comment.id)
    assert found is not None
    return found


def test_the_link_in_a_mail_leads_through_the_sign_in_to_the_decision(app: Flask, article: Article, nora: User) -> None:
    author = make_known()
    statement = rejected(article, author, nora)
    browser = Browser(app)
    link = f"/account/decisions/from-mail/{mail_token(statement.puid)}"
    sent_on = browser.get(link)
    assert sent_on.headers["Location"].endswith(f"/account/decisions/{statement.puid}")
    assert sent_on.headers["Referrer-Policy"] == "no-referrer"
    asked = browser.get(sent_on.headers["Location"])
    assert (asked.status_code, "Sign in first" in asked.text) == (401, True)
    assert f'name="next" value="/account/decisions/{statement.puid}"' in asked.text
    signed = browser.post("/account/sign-in", {"email": author.email, "password": PASSWORD, "next": f"/account/decisions/{statement.puid}"}, page="/account/sign-in")
    page = browser.get(signed.headers["Location"]).text
    assert "Your comment was taken down" in page
    assert "Nora" not in page
    assert "internal" not in page
    assert browser.get(link[:-3] + "abc").status_code == 404


def test_somebody_else_is_told_that_it_is_not_hers(app: Flask, article: Article, author: User, nora: User) -> None:
    statement = rejected(article, author, nora)
    answer = Desk(app, make_user()).get(f"/account/decisions/{statement.puid}")
    assert answer.status_code == 404
    assert "another account" in answer.text


def test_an_appeal_without_scripts_from_form_to_answer(app: Flask, article: Article, author: User, nora: User, tomas: User) -> None:
    statement = rejected(article, author, nora, EVIL)
    hers, path = Desk(app, author), f"/account/decisions/{statement.puid}"
    assert SAFE in hers.get(path).text
    too_long = hers.send(path, "/appeal#appeal", {"text": "x" * 2001})
    assert too_long.status_code == 422
    assert "1 characters too long" in too_long.text
    assert "x" * 2001 in too_long.text
    assert hers.send(path, "/appeal#appeal", {"text": f"I mean it. {EVIL}"}).status_code == 303
    assert "You have appealed" in hers.get(path).text
    assert 'action="' + path not in hers.get(path).text

    first = Desk(app, nora)
    page = first.get("/review/post/appeals").text
    assert "You made this decision" in page
    assert "Overturn: publish it" not in page
    appeal = db.session.scalars(select(Appeal)).one()
    desk = Desk(app, tomas)
    page = desk.get("/review/post/appeals").text
    assert SAFE in page
    assert EVIL not in page
    refused = desk.send("/review/post/appeals", f"/appeals/{appeal.id}/decide", {"outcome": "upheld", "answer": " "})
    assert refused.status_code == 422
    assert "Write a reason" in refused.text
    stands = desk.send("/review/post/appeals", f"/appeals/{appeal.id}/decide", {"outcome": "upheld", "answer": "It stays <b>so</b>."})
    assert stands.status_code == 302
    assert "Upheld" in desk.get(stands.headers["Location"]).text
    page = hers.get(path).text
    assert "The decision stands." in page
    assert "It stays &lt;b&gt;so&lt;/b&gt;." in page
    undone = desk.send(f"/review/post/appeals/{appeal.id}", f"/appeals/{appeal.id}/undo")
    assert undone.status_code == 302
    assert "Waiting for somebody else" in hers.get(path).text


def test_the_slower_of_two_managers_keeps_her_answer_and_reads_who_was_first(
    app: Flask, article: Article, author: User, nora: User, tomas: User, site: Site
) -> None:
    eva = make_user("Eva", role=Role.COMMUNITY_MANAGER, site=site)
    appeal = lodge(rejected(article, author, nora), author, "It was a quotation.")
    db.session.commit()
    desks = [Desk(app, tomas), Desk(app, eva)]
    forms = [desk.form(desk.get("/review/post/appeals").text, f"/appeals/{appeal.id}/decide") for desk in desks]
    path = f"/review/post/appeals/{appeal.id}/decide"
    assert desks[0].post(path, forms[0] | {"outcome": "overturned", "answer": "Right."}).status_code == 302
    late = desks[1].post(path, forms[1] | {"outcome": "upheld", "answer": "My own long answer."})
    assert late.status_code == 409
    assert "Tomás has already decided this appeal: the decision was wrong." in late.text
    assert "My own long answer." in late.text


def test_whoever_is_alone_is_told_so(app: Flask, article: Article, author: User, nora: User) -> None:
    appeal = lodge(rejected(article, author, nora), author, "It was a quotation.")
    db.session.commit()
    desk = Desk(app, nora)
    assert "the site has no other Community Manager" in desk.get("/review/post/appeals").text
    desk.send("/review/post/appeals", f"/appeals/{appeal.id}/decide", {"outcome": "upheld", "answer": "I looked again."})
    assert "It was her own decision; the site had nobody else." in desk.get(f"/review/post/appeals/{appeal.id}").text


def test_a_rejected_comment_s_card_leads_to_its_appeal(app: Flask, article: Article, author: User, nora: User) -> None:
    statement = rejected(article, author, nora)
    appeal = lodge(statement, author, "It was a quotation.")
    db.session.commit()
    page = Desk(app, nora).get(f"/review/post/comments/{statement.comment_id}").text
    assert f'href="/review/post/appeals/{appeal.id}"' in page


def test_an_appeal_of_another_site_is_not_here(app: Flask, article: Article, author: User, nora: User) -> None:
    appeal = lodge(rejected(article, author, nora), author, "It was a quotation.")
    other = make_site(key="other")
    db.session.commit()
    desk = Desk(app, make_user(role=Role.ADMIN, site=other))
    assert desk.get(f"/review/other/appeals/{appeal.id}").status_code == 404
    assert desk.get(f"/review/post/appeals/{appeal.id}").status_code == 403


@pytest.mark.parametrize("how", ["late", "withdrawn", "taken back"])
def test_who_cannot_appeal_any_more_reads_why_and_keeps_what_she_typed(
    app: Flask, article: Article, author: User, nora: User, how: str
) -> None:
    statement = rejected(article, author, nora)
    hers, path = Desk(app, author), f"/account/decisions/{statement.puid}"
    form = hers.form(hers.get(path).text, "/appeal#appeal")
    comment = db.session.get_one(Comment, statement.comment_id)
    if how == "late":
        db.session.get_one(Statement, statement.id).appeal_until = utcnow()
    elif how == "withdrawn":
        withdraw(comment, db.session.get_one(User, author.id))
    else:
        approve(comment, actor=db.session.get_one(User, nora.id), seen=comment.version)
    answer = hers.post(f"{path}/appeal", form | {"text": "What I typed with care"})
    assert answer.status_code == 422
    assert "What I typed with care" in answer.text
    assert {"late": "The time to appeal ended on", "withdrawn": "taken this comment back yourself", "taken back": "has been taken back"}[how] in answer.text


def test_a_session_that_ended_keeps_the_appeal_on_the_page(app: Flask, article: Article, author: User, nora: User) -> None:
    statement = rejected(article, author, nora)
    browser = Browser(app)
    answer = browser.post(f"/account/decisions/{statement.puid}/appeal", {"text": "What I typed with care"}, page="/account/sign-in")
    assert answer.status_code == 401
    assert "What I typed with care" in answer.text
    assert f'name="next" value="/account/decisions/{statement.puid}"' in answer.text


def test_the_queue_filters_and_counts(app: Flask, article: Article, author: User, nora: User, tomas: User) -> None:
    lodge(rejected(article, author, nora, "They are liars."), author, "Against Nora.")
    lodge(rejected(article, author, tomas, "All of them."), author, "Against Tomás.")
    db.session.commit()
    desk = Desk(app, nora)

    def rows(query: str) -> str:
        found = re.search(r'<ol class="rows">.*?</ol>', desk.get(f"/review/post/appeals{query}").text, re.DOTALL)
        assert found
        return unescape(found.group())

    assert ("Against Nora." in rows(""), "Against Tomás." in rows("")) == (True, True)
    assert ("Against Nora." in rows("?whose=mine"), "Against Tomás." in rows("?whose=mine")) == (True, False)
    assert ("Against Nora." in rows("?whose=others"), "Against Tomás." in rows("?whose=others")) == (False, True)
    assert "Against" not in rows("?state=decided")
    counts = desk.get("/review/post/counts").json
    assert counts is not None
    assert counts["counts"]["appeals"] == 2
    assert desk.get("/review/post/appeals?after=forged").status_code == 422


def test_a_page_of_appeals_costs_the_same_however_many_there_are(
    app: Flask, article: Article, author: User, nora: User, tomas: User, statements: Statements
) -> None:
    desk = Desk(app, tomas)

    def cost() -> int:
        desk.get("/review/post/appeals")
        statements.clear()
        desk.get("/review/post/appeals")
        return len(statements)

    lodge(rejected(article, author, nora), author, "One.")
    one = cost()
    for n in range(6):
        lodge(rejected(article, make_user(), nora), db.session.scalars(select(User).order_by(User.id.desc())).first() or author, f"And {n}.")
    assert cost() == one


def test_days_are_said_in_words() -> None:
    now = utcnow()
    assert due_words(now + timedelta(days=3, hours=1), now) == "Answer within 3 days"
    assert due_words(now + timedelta(days=1, hours=1), now) == "Answer within 1 day"
    assert due_words(now + timedelta(hours=1), now) == "Answer today"
    assert due_words(now - timedelta(hours=1), now) == "Overdue"
    assert due_words(now - timedelta(days=2, hours=1), now) == "2 days overdue"


def test_the_public_modlog_is_there_only_where_it_is_published(app: Flask, author: User) -> None:
    closed, site = make_site(key="closed"), make_site(key="open", name="The Open", policy=Policy(public_modlog=True))
    stranger = Desk(app)
    assert stranger.get(f"/modlog/{closed.key}").status_code == 404
    assert stranger.get("/modlog/nowhere").status_code == 404
    assert "Nothing was removed" in stranger.get("/modlog/open").text
    manager = make_user("Nora Lind", role=Role.COMMUNITY_MANAGER, site=site)
    article = make_article(site, title=f"The wall {EVIL}")
    rejected(article, author, manager, "A secret text.")
    make_comment(article, author, status=Status.REJECTED)
    answer = stranger.get("/modlog/open")
    assert "Taken down by a Community Manager" in answer.text
    assert "Not published by a program" in answer.text
    assert SAFE in answer.text
    for secret in ("Nora", "Ada", "A secret text", "internal"):
        assert secret not in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "s-maxage=60" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert stranger.get("/modlog/open", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_public_modlog_words_its_reasons_as_the_site_does(app: Flask, author: User) -> None:
    site = make_site(key="open", policy=Policy(public_modlog=True))
    site.reasons = [
        {"key": "abuse", "words": "100% rude", "category": "abuse"}, {"key": "wall", "words": "Not about the wall", "category": "off_topic"},
    ]
    manager, article = make_user(role=Role.COMMUNITY_MANAGER, site=site), make_article(site)
    rejected(article, author, manager)
    comment = make_comment(article, author)
    reject(comment, actor=manager, reason=Reason.OFF_TOPIC, site_reason="wall", seen=comment.version)
    make_comment(article, author, status=Status.REJECTED)
    db.session.commit()
    page = Desk(app).get("/modlog/open").text
    assert re.findall("<p><strong>(.*)</strong>", page)[1:] == ["Not about the wall", "100% rude"]
    answer = app.test_client().get("/api/v1/sites/open/public-modlog").json
    assert answer
    assert [entry["rule"] for entry in answer["entries"]][1:] == ["Not about the wall", "100% rude"]


def test_an_author_reads_why_her_edit_was_rejected_and_appeals(app: Flask, article: Article, author: User, nora: User, tomas: User) -> None:
    comment = make_comment(article, author, "They are right.")
    load_comments([comment.id])
    take_edit(comment, author, "They are liars.")
    hold(comment)
    judge_edit(comment, 2, actor=nora, seen=comment.version, reason=Reason.ABUSE)
    db.session.commit()
    statement, = db.session.scalars(select(Statement))
    mine, = edited([comment], article.site)
    assert (mine.reason, mine.statement, mine.appeal) == ("Personal attack or insult", statement.puid, "possible")
    client = Desk(app, author)
    assert "Your edit was not published" in client.get("/account/decisions").text
    page = client.get(f"/account/decisions/{statement.puid}").text
    assert "Your edit was not published" in page
    assert page.index("They are liars.") < page.index("What others read:") < page.index("They are right.")
    assert client.send(f"/account/decisions/{statement.puid}", "/appeal#appeal", {"text": "A quotation."}).status_code == 303
    mine, = edited([comment], article.site)
    assert mine.appeal == "open"
    appeal, = db.session.scalars(select(Appeal))
    desk = Desk(app, tomas)
    case = desk.get(f"/review/post/appeals/{appeal.id}").text
    assert "It is about this edit." in case
    assert "Overturn: publish the edit" in case
    desk.send(f"/review/post/appeals/{appeal.id}", f"/appeals/{appeal.id}/decide", {"outcome": "overturned", "answer": "So it is."})
    db.session.refresh(comment)
    assert comment.body == "They are liars."
    assert "The decision was wrong. It no longer holds." in client.get(f"/account/decisions/{statement.puid}").text


def test_the_public_modlog_has_pages_in_one_statement_each(app: Flask, author: User, statements: Statements) -> None:
    site = make_site(key="open", policy=Policy(public_modlog=True))
    article = make_article(site)
    for _ in range(52):
        make_comment(article, author, status=Status.REJECTED)
    stranger = Desk(app)
    statements.clear()
    page = stranger.get("/modlog/open").text
    assert len([s for s in statements if "statements" in s]) == 1
    assert page.count("<li>") == 50
    older = re.search(r'href="(/modlog/open\?after=[^"]+)"', page)
    assert older
    assert stranger.get(unescape(older.group(1))).text.count("<li>") == 2


def test_the_widget_links_to_the_modlog_and_the_author_to_her_decision(app: Flask) -> None:
    site = make_site(key="open", policy=Policy(public_modlog=True))
    article, author = make_article(site), make_user()
    comment = make_comment(article, author, status=Status.REJECTED)
    puid = live_statement(comment.id).puid  # type: ignore[union-attr]
    plain = Desk(app).get(f"/embed/a/{article.id}").text
    assert "/modlog/open" in plain
    assert puid not in plain
    client = Desk(app, author)
    with client.client.session_transaction() as session:
        token = session["_user_id"]
    value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
    client.client.set_cookie(FRAMED_COOKIE, value, path="/embed")
    hers = client.get(f"/embed/a/{article.id}").text
    assert f"/account/decisions/{puid}" in hers
    assert f"/account/decisions/{puid}#appeal" in hers


def test_a_sanction_is_appealed_and_lifted_without_scripts(app: Flask, article: Article, author: User, nora: User, tomas: User) -> None:
    make_comment(article, author)
    impose(
        author, SanctionKind.SUSPEND, actor=nora, site=article.site, reason=Reason.ABUSE, note="internal", message=f"Please stop. {EVIL}",
        ends_at=utcnow() + timedelta(days=7),
    )
    db.session.commit()
    hers = Desk(app, author)
    link = re.search(r'href="(/account/decisions/[^"]+)"', hers.get("/account/sanctions").text)
    assert link
    page = hers.get(link.group(1)).text
    assert "Your account was suspended" in page
    assert SAFE in page
    for secret in ("internal", "Nora"):
        assert secret not in page
    assert "Your account was suspended" in hers.get("/account/decisions").text
    hers.send(link.group(1), "/appeal#appeal", {"text": "It was not me."})
    assert "You made this decision" in Desk(app, nora).get("/review/post/appeals").text
    desk = Desk(app, tomas)
    page = desk.get("/review/post/appeals").text
    assert "Overturn: lift it" in page
    assert SAFE in page
    appeal = db.session.scalars(select(Appeal)).one()
    assert desk.send("/review/post/appeals", "/decide", {"outcome": "overturned", "answer": "It was somebody else."}).status_code == 302
    assert "The decision was wrong. It no longer holds." in hers.get(link.group(1)).text
    assert desk.send(f"/review/post/appeals/{appeal.id}", "/undo").status_code == 302
    assert "Waiting for somebody else" in hers.get(link.group(1)).text
