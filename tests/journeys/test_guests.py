"""Guests: nothing of theirs is seen before an address is proved, and what they wrote is theirs to claim."""

from __future__ import annotations

import contextvars
import datetime as dt
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.registration import start_registration, verify_by_link
from commentsvc.accounts.sessions import sign_in
from commentsvc.comments.models import Comment, GuestComment, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Sanctioned
from commentsvc.extensions import db
from commentsvc.moderation.guests import confirm, forget_guests, leave
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.screening.policy import EmailRule, Policy
from commentsvc.sites.models import Article
from tests.factories import fresh, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.once

ADDRESS = "gil@example.org"


@pytest.fixture
def article(app: Flask) -> Article:
    return fresh(make_article(make_site(policy=Policy(guests=True))))


def link(address: str = ADDRESS) -> str:
    text = db.session.scalars(select(Mail.text).where(Mail.recipient == address).order_by(Mail.id.desc())).first()
    found = re.search(r"/account/guest/([\w-]+)", text or "")
    assert found
    return found[1]


def write(article: Article, body: str = "I was there.", name: str = "Gil", address: str = ADDRESS, parent: int | None = None) -> str:
    leave(article, name, address, body, parent)
    return link(address)


def test_what_a_guest_wrote_is_no_comment_before_its_mail_is_answered(article: Article) -> None:
    token = write(article)
    assert db.session.scalar(select(func.count()).select_from(Comment)) == 0
    assert db.session.scalar(select(func.count()).select_from(User)) == 0
    comment = confirm(token, None)
    author = db.session.get_one(User, comment.author_id)
    assert (comment.body, comment.status, author.display_name, author.email) == ("I was there.", Status.PENDING, "Gil", ADDRESS)
    with pytest.raises(Invalid):
        confirm(token, None)


def test_no_mail_says_what_a_stranger_typed(article: Article) -> None:
    write(article, "Buy pills at https://pills.example", name="pills.example")
    mail = db.session.scalars(select(Mail)).one()
    assert "pills" not in mail.text + mail.subject


def test_without_the_policy_and_under_closed_articles_nobody_is_a_guest(article: Article) -> None:
    with pytest.raises(NotAllowed):
        leave(fresh(make_article(make_site())), "Gil", ADDRESS, "Hello.")
    article.closed_at = utcnow()
    with pytest.raises(Conflict):
        leave(article, "Gil", ADDRESS, "Hello.")


@pytest.mark.parametrize(("name", "address", "body", "field"), [
    ("\u200b", ADDRESS, "Hello.", "display_name"), ("Gil", "gil", "Hello.", "email"), ("Gil", ADDRESS, " \u200b ", "body"),
    ("Gil", "gil@spam.example", "Hello.", "email"),
])
def test_a_form_with_something_wrong_names_the_field(article: Article, name: str, address: str, body: str, field: str) -> None:
    article.site.policy_data = Policy(guests=True, email_rules=(EmailRule("spam.example", "refuse", "spam"),)).to_data()
    with pytest.raises(Invalid) as refused:
        leave(article, name, address, body)
    assert refused.value.field == field


def test_a_reply_needs_a_parent_that_stands_there(article: Article) -> None:
    elsewhere = make_comment(make_article(article.site))
    with pytest.raises(Invalid):
        leave(article, "Gil", ADDRESS, "Hello.", elsewhere.id)
    parent = make_comment(article)
    assert confirm(write(article, parent=parent.id), None).parent_id == parent.id


def test_a_guest_is_one_person_by_her_address_and_a_sanction_stays_on_it(article: Article) -> None:
    first = confirm(write(article), None)
    guest = db.session.get_one(User, first.author_id)
    second = confirm(write(article, "And again.", name="Gilberta"), None)
    assert second.author_id == guest.id
    assert guest.display_name == "Gilberta"
    impose(guest, SanctionKind.BAN, actor=make_user("Mona", role=Role.COMMUNITY_MANAGER, site=article.site), site=article.site, reason=Reason.ABUSE)
    with pytest.raises(Sanctioned):
        confirm(write(article, "Me again."), None)


def test_a_guest_cannot_sign_in_and_claims_what_she_wrote_by_signing_up(article: Article) -> None:
    comment = confirm(write(article), None)
    db.session.commit()
    with pytest.raises(Invalid):
        sign_in(ADDRESS, "", device="", network="192.0.2.1")
    start_registration(ADDRESS, "Gil Blas", "harbour wall lantern")
    text = db.session.scalars(select(Mail.text).where(Mail.recipient == ADDRESS).order_by(Mail.id.desc())).first()
    found = re.search(r"/account/verify/([\w-]+)", text or "")
    assert found  # and not that she has an account already
    version = article.version
    user = verify_by_link(found[1])
    db.session.refresh(article)
    assert (user.id, user.display_name, user.guest_since) == (comment.author_id, "Gil Blas", None)
    assert article.version > version


def test_a_mailbox_alone_does_not_speak_for_an_account(article: Article) -> None:
    owner, other = make_user("Gil", email=ADDRESS), make_user("Other")
    token = write(article)
    db.session.commit()
    for user in (None, other):
        with pytest.raises(NotSignedIn):
            confirm(token, user)
        db.session.rollback()
    article = fresh(article)
    assert confirm(token, db.session.get_one(User, owner.id)).author_id == owner.id


def test_what_is_not_confirmed_in_time_is_deleted(article: Article) -> None:
    token = write(article)
    late = utcnow() - dt.timedelta(seconds=1)
    db.session.execute(update(GuestComment).values(expires_at=late))
    with pytest.raises(Invalid):
        confirm(token, None)
    forget_guests()
    assert db.session.scalar(select(func.count()).select_from(GuestComment)) == 0


def test_without_script_the_form_leads_from_text_to_mail_to_thanks(client: FlaskClient, article: Article) -> None:
    db.session.commit()
    page = client.get(f"/embed/a/{article.id}?form=sign-up").text
    typed = {"csrf_token": _token(page), "body": "I was there.", "from": "sign-up"}
    page = client.post(f"/embed/a/{article.id}/guest", data=typed).text
    assert "I was there.</textarea>" in page
    assert 'aria-invalid="true"' not in page
    form = {"csrf_token": _token(page), "body": "I was there.", "display_name": "Gil"}
    refused = client.post(f"/embed/a/{article.id}/guest", data=form | {"email": "gil"})
    assert refused.status_code == 422
    assert "I was there." in refused.text
    sent = client.post(f"/embed/a/{article.id}/guest", data=form | {"email": ADDRESS}).text
    assert "Look into your mail" in sent
    path = f"/account/guest/{link()}"
    db.session.commit()  # the service writes too
    ours = contextvars.Context()  # another cookie than the framed pages', and so another token
    asked = ours.run(client.get, path).text
    assert "I was there." in asked
    assert "being checked" in ours.run(client.post, path, data={"csrf_token": _token(asked)}).text
    assert client.get(path).status_code == 410


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]
