"""The form for legal notices as a browser without scripts uses it, and how a community manager answers one."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.decide import reject
from commentsvc.moderation.models import LegalNotice, Reason
from commentsvc.sites.models import Article, Site
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_review import EVIL, SAFE, Desk

pytestmark = pytest.mark.once

SENT = {
    "kind": "threat", "explanation": f"He says that he will burn down her house. {EVIL}", "name": f"Ines {EVIL}", "email": "ines@example.org", "good_faith": "1",
}


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, url="https://news.example/wall", title="The wall")


@pytest.fixture
def comment(article: Article) -> Comment:
    return make_comment(article, body="I will burn it down.")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Lind", role=Role.COMMUNITY_MANAGER, site=site)


def notices() -> list[LegalNotice]:
    db.session.expire_all()
    return list(db.session.scalars(select(LegalNotice).order_by(LegalNotice.id)))


def test_anybody_finds_the_form_below_the_flag_fills_it_in_and_reads_that_it_came(app: Flask, article: Article, comment: Comment) -> None:
    stranger = Desk(app)
    path = f"/embed/comments/{comment.id}/legal-notice"
    assert f'href="{path}"' in stranger.get(f"/embed/a/{article.id}?flag={comment.id}").text
    assert path not in stranger.get(f"/embed/a/{article.id}").text
    page = stranger.get(path).text
    assert "I will burn it down." in page
    assert f"https://news.example/wall#comment-{comment.id}" in page
    sent = stranger.send(path, "/legal-notice", SENT)
    assert sent.status_code == 303
    notice, = notices()
    assert (notice.kind, notice.email, notice.user_id, notice.language) == ("threat", "ines@example.org", None, "en")
    assert notice.puid in stranger.get(sent.headers["Location"]).text


def test_the_form_speaks_the_language_of_the_frame_and_keeps_it(app: Flask, comment: Comment) -> None:
    stranger = Desk(app)
    path = f"/embed/comments/{comment.id}/legal-notice?lang=ar"
    assert '<html lang="ar" dir="rtl"' in stranger.get(path).text
    sent = stranger.send(path, r"/legal-notice\?lang=ar", SENT)
    assert sent.headers["Location"].endswith("lang=ar")
    assert [notice.language for notice in notices()] == ["ar"]


def test_what_was_typed_survives_an_error_and_the_error_stands_beside_its_field(app: Flask, comment: Comment) -> None:
    stranger = Desk(app)
    path = f"/embed/comments/{comment.id}/legal-notice"
    refused = stranger.send(path, "/legal-notice", SENT | {"email": "ines"})
    assert refused.status_code == 422
    assert 'id="email-error"' in refused.text
    assert SAFE in refused.text
    assert EVIL not in refused.text
    assert '<option value="threat" selected>' in refused.text
    forged = stranger.post(path, SENT)
    assert forged.status_code == 400
    assert "burn down her house" in forged.text
    trapped = stranger.send(path, "/legal-notice", SENT | {"more_about_it": "buy"})
    assert "burn down her house" in trapped.text
    assert notices() == []


def test_a_comment_that_is_gone_has_no_form(app: Flask, comment: Comment, nora: User) -> None:
    path = f"/embed/comments/{comment.id}/legal-notice"
    reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version)
    db.session.commit()
    gone = Desk(app).get(path)
    assert (gone.status_code, "no longer public" in gone.text) == (404, True)


def test_a_community_manager_reads_it_first_and_says_why_the_comment_stays(
    app: Flask, article: Article, comment: Comment, nora: User
) -> None:
    Desk(app).send(f"/embed/comments/{comment.id}/legal-notice", "/legal-notice", SENT)
    desk = Desk(app, nora)
    address = f"/review/post/flagged?comment={comment.id}"
    card = desk.get(address).text
    for words in ("1 legal notice", "Legal notice: Threat, or a call for violence", "ines@example.org", "Dismiss the notice", SAFE):
        assert words in card
    assert EVIL not in card
    action = f"/comments/{comment.id}/approve"
    refused = desk.send(address, action, {"answer": " "})
    assert (refused.status_code, "Say why the comment stays" in refused.text) == (422, True)
    desk.send(address, action, {"answer": "It is a line from a song."})
    assert [(n.status, n.answer) for n in notices()] == [("dismissed", "It is a line from a song.")]
    assert db.session.scalar(select(func.count()).select_from(Mail).where(Mail.kind == "notice_decided")) == 1
    author = Desk(app, db.session.get_one(User, comment.author_id))
    for page in (author.get("/account/decisions").text, author.get(f"/embed/a/{article.id}").text, author.get("/account/settings").text):
        assert "ines@example.org" not in page
