"""The morning mail: asked for, once a day, in the site's morning, and stopped by one click."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.delivery.email import message_of
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.figures import morning
from commentsvc.figures.keeping import recount
from commentsvc.figures.models import MorningMailDay
from commentsvc.figures.morning import send_morning_mails, unsubscribe_url, want_mail, wants_mail
from commentsvc.sites.models import Site
from tests.factories import make_article, make_comment, make_site, make_user

MORNING = dt.datetime(2026, 3, 3, 7, 30, tzinfo=dt.UTC)


class Clock:
    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(morning, "utcnow", made)
    return made


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(name="The Calder Courier", key="courier")


@pytest.fixture
def nora(site: Site) -> User:
    user = make_user("Nora Vance", role=Role.COMMUNITY_MANAGER, site=site)
    want_mail(site, user, wanted=True)
    db.session.commit()
    return user


def mails() -> list[Mail]:
    return list(db.session.scalars(select(Mail).order_by(Mail.id)))


def test_nobody_gets_it_unasked(site: Site, clock: Clock) -> None:
    make_user(role=Role.COMMUNITY_MANAGER, site=site)
    assert send_morning_mails() == 0
    assert mails() == []


def test_it_says_what_was_yesterday_and_what_waits(site: Site, nora: User, clock: Clock) -> None:
    article = make_article(site)
    yesterday = MORNING - dt.timedelta(days=1)
    make_comment(article, created_at=yesterday)
    held = make_comment(article, status=Status.HELD, created_at=yesterday)
    make_comment(article, created_at=yesterday - dt.timedelta(days=1))
    recount(site)
    clock.now = MORNING
    assert send_morning_mails() == 1
    (mail,) = mails()
    assert mail.recipient == nora.email
    assert mail.subject.startswith("The Calder Courier: 2 comments yesterday")
    assert "Monday, 2 March 2026" in mail.text
    assert "1 published automatically, 0 by a person" in mail.text
    assert f"http://localhost/review/courier/comments/{held.id}?queue=held" in mail.text
    assert "http://localhost/review/courier/dashboard?from=2026-03-02&to=2026-03-02" in mail.text
    assert unsubscribe_url(site.id, nora.id) in mail.text


def test_it_is_sent_once_a_day_however_many_workers_there_are(site: Site, nora: User, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send_morning_mails() == 1
    assert send_morning_mails() == 0
    # A second worker that looked before the first had committed runs into the row.
    monkeypatch.setattr(morning, "exists", lambda: select(MorningMailDay.id).where(MorningMailDay.id < 0).exists())
    assert send_morning_mails() == 0
    monkeypatch.undo()
    assert len(mails()) == 1
    monkeypatch.setattr(morning, "utcnow", clock)
    clock.now += dt.timedelta(days=1)
    assert send_morning_mails() == 1


def test_a_worker_that_dies_before_its_commit_leaves_the_mail_to_the_next(site: Site, nora: User, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> Mail:
        raise KeyboardInterrupt

    monkeypatch.setattr(morning, "queue_mail", killed)
    with pytest.raises(KeyboardInterrupt):
        send_morning_mails()
    db.session.rollback()
    monkeypatch.undo()
    monkeypatch.setattr(morning, "utcnow", clock)
    assert send_morning_mails() == 1
    assert [mail.sent_at for mail in mails()] == [None]  # known to be pending


@pytest.mark.parametrize(("zone", "hour", "number"), [("UTC", 6, 0), ("UTC", 7, 1), ("UTC", 12, 0), ("Asia/Tokyo", 22, 1), ("Asia/Tokyo", 7, 0)])
def test_it_comes_in_the_sites_own_morning(site: Site, nora: User, clock: Clock, zone: str, hour: int, number: int) -> None:
    site.timezone = zone
    db.session.commit()
    clock.now = MORNING.replace(hour=hour)
    assert send_morning_mails() == number


def test_who_is_no_community_manager_any_more_gets_none(site: Site, nora: User, clock: Clock) -> None:
    db.session.execute(delete(SiteRole).where(SiteRole.user_id == nora.id))
    db.session.commit()
    assert send_morning_mails() == 0


def test_old_rows_are_forgotten(site: Site, nora: User, clock: Clock) -> None:
    db.session.add(MorningMailDay(site_id=site.id, user_id=nora.id, day="2026-01-01", created_at=MORNING - dt.timedelta(days=9)))
    db.session.commit()
    send_morning_mails()
    assert db.session.scalars(select(MorningMailDay.day)).all() == ["2026-03-02"]


def test_a_mail_program_can_stop_it_with_one_click(site: Site, nora: User, clock: Clock, client: FlaskClient) -> None:
    other = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    want_mail(site, other, wanted=True)
    db.session.commit()
    send_morning_mails()
    message = message_of(mails()[0], "Comments <c@news.example>")
    address = re.fullmatch(r"<(http://localhost(/\S+))>", message["List-Unsubscribe"])
    assert address is not None
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert client.get(address[2]).status_code == 200
    assert wants_mail(site, nora)  # looking stops nothing: programs open every link
    answer = client.post(address[2], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert (wants_mail(site, nora), wants_mail(site, other)) == (False, True)
    assert client.post(address[2]).status_code == 200


def test_other_mails_have_no_such_header(app: Flask) -> None:
    db.session.add(Mail(recipient="a@b.example", subject="s", text="t", created_at=utcnow(), next_attempt_at=utcnow()))
    db.session.commit()
    assert message_of(mails()[0], "c@news.example")["List-Unsubscribe"] is None


@pytest.mark.parametrize("token", ["x", "WzEsMl0.forged", "%00", "WzEsMl0"])
def test_a_forged_address_stops_nothing(nora: User, site: Site, client: FlaskClient, token: str) -> None:
    assert client.post(f"/account/morning-mail/{token}").status_code == 404
    assert wants_mail(site, nora)
