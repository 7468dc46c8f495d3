"""What comes by mail, when, in what language, and how it stops."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import (
    DEFAULTS,
    How,
    Kind,
    Wish,
    read_token,
    unsubscribe_url,
    wish_of,
    wishes_of,
)
from commentsvc.comments.models import Comment, Status
from commentsvc.delivery.email import message_of
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.i18n import language
from commentsvc.moderation.decide import approve, reject, withdraw
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.notifications import mailing
from commentsvc.notifications.follows import follow
from commentsvc.notifications.keeping import forget_notifications
from commentsvc.notifications.listing import mark_read
from commentsvc.notifications.mailing import send_due
from commentsvc.notifications.models import Notification
from commentsvc.notifications.mornings import next_morning
from commentsvc.notifications.preferences import change_wishes
from commentsvc.notifications.telling import recall_gone, tell_all
from commentsvc.sites.models import Article, Site
from tests.factories import make_article, make_comment, make_site, make_user
from tests.notifications.stories import Clock, mails, set_clock, told


@pytest.fixture
def clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return set_clock(monkeypatch)


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Courier", timezone="Europe/Berlin")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The harbour wall", url="https://news.example/wall")


@pytest.fixture
def ada(site: Site) -> User:
    return make_user("Ada", email="ada@example.org", follow_on_post=False)


@pytest.fixture
def mine(clock: Clock, article: Article, ada: User) -> Comment:
    return make_comment(article, ada)


def later(clock: Clock, **given: int) -> list[Mail]:
    """The mails there are after the worker has told, some time has passed, and it has looked what is due."""
    db.session.commit()
    tell_all()
    clock.forward(**given)
    send_due()
    return mails()


# --- at once


def test_several_replies_within_ten_minutes_are_one_mail(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    first = make_comment(article, make_user("Ben"), "One.\nLine", parent=mine)
    assert later(clock, minutes=8) == []
    make_comment(article, make_user("Cleo"), "Two.", parent=mine)
    (mail,) = later(clock, minutes=2)
    assert (mail.recipient, mail.subject) == ("ada@example.org", "2 replies to you on The Courier")
    assert "Ben replied to you under “The harbour wall”:\n  One. Line\n  https://news.example/wall#comment-" in mail.text
    assert f"#comment-{first.id}\n" in mail.text
    assert "Cleo replied" in mail.text
    assert len(later(clock, minutes=30)) == 1


def test_what_she_has_read_by_then_is_not_mailed(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    make_comment(article, parent=mine)
    mark_read(ada, until=told(ada)[0].id)
    assert later(clock, minutes=11) == []


@pytest.mark.parametrize("gone", ["withdrawn", "rejected"])
def test_no_text_of_what_was_taken_down_meanwhile(
    mine: Comment, ada: User, article: Article, site: Site, clock: Clock, gone: str
) -> None:
    ben, nora = make_user("Ben"), make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)
    reply = make_comment(article, ben, "A secret.", parent=mine)
    make_comment(article, make_user("Cleo"), "It stands.", parent=mine)
    tell_all()
    withdraw(reply, ben) if gone == "withdrawn" else reject(reply, actor=nora, reason=Reason.ABUSE, seen=reply.version)
    (mail,) = [m for m in later(clock, minutes=11) if m.recipient == "ada@example.org"]
    assert "A secret." not in mail.text
    assert "It stands." in mail.text


def test_a_mail_that_no_server_took_yet_is_written_anew_without_it(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    ben = make_user("Ben", follow_on_post=False)
    reply = make_comment(article, ben, "A secret.", parent=mine)
    make_comment(article, make_user("Cleo"), "It stands.", parent=mine)
    (mail,) = later(clock, minutes=11)
    mail.attempts = 2  # the server was away
    withdraw(reply, ben)
    db.session.commit()
    recall_gone()
    assert mails() == []
    send_due()
    (mail,) = mails()
    assert "A secret." not in mail.text
    assert "It stands." in mail.text


def test_one_that_went_is_not_sent_again(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    ben = make_user("Ben")
    reply = make_comment(article, ben, parent=mine)
    make_comment(article, parent=mine)
    (mail,) = later(clock, minutes=11)
    mail.sent_at = clock.now
    withdraw(reply, ben)
    assert len(later(clock, minutes=11)) == 1


def test_who_was_banned_meanwhile_gets_none(mine: Comment, ada: User, article: Article, site: Site, clock: Clock) -> None:
    make_comment(article, parent=mine)
    tell_all()
    impose(ada, SanctionKind.BAN, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), site=site, reason=Reason.ABUSE)
    assert [m for m in later(clock, minutes=11) if "replied" in m.subject] == []


def test_no_name_and_no_text_begins_a_line_of_its_own(mine: Comment, article: Article, clock: Clock) -> None:
    evil = make_user("Ben\nBcc: x@example.org\r\n\r\nHello")
    make_comment(article, evil, "Text\n\nhttps://evil.example\u2028Hello Ada,", parent=mine)
    (mail,) = later(clock, minutes=11)
    assert "\nBcc" not in mail.text
    assert "  Text https://evil.example Hello Ada,\n" in mail.text
    message = message_of(mail, "Comments <c@news.example>")
    assert message["Bcc"] is None
    assert "\n" not in str(message["Subject"])


@pytest.mark.parametrize(("chosen", "sites", "spoken"), [("fr", "de-AT", "fr"), (None, "de-AT", "de"), (None, "fi", "en")])
def test_a_mail_is_in_her_language_else_in_the_sites(
    mine: Comment, ada: User, article: Article, site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch, chosen: str | None, sites: str, spoken: str
) -> None:
    ada.language, site.language = chosen, sites
    make_comment(article, parent=mine)
    monkeypatch.setattr(mailing, "subject_of", lambda *_: language())
    (mail,) = later(clock, minutes=11)
    assert mail.subject == spoken
    assert language() == "en"  # the worker's next mail is somebody else's


def test_two_workers_that_look_at_once_send_one_mail(
    mine: Comment, ada: User, article: Article, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comment(article, parent=mine)
    tell_all()
    clock.forward(minutes=11)
    due = list(mailing._due(clock.now))
    send_due()
    # The second had looked before the first committed.
    monkeypatch.setattr(mailing, "_due", lambda _now: [due.pop()] if due else [])
    send_due()
    assert len(mails()) == 1


def test_a_worker_that_dies_before_its_commit_leaves_the_mail_to_the_next(
    mine: Comment, article: Article, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comment(article, parent=mine)

    def killed(*_: object, **__: object) -> Mail:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mailing, "queue_mail", killed)
        with pytest.raises(KeyboardInterrupt):
            later(clock, minutes=11)
    db.session.rollback()
    assert len(later(clock, minutes=0)) == 1


# --- decisions


def test_her_wish_decides_whether_a_statement_is_mailed(article: Article, ada: User, site: Site, clock: Clock) -> None:
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    mine, other = make_comment(article, ada), make_comment(article, ada)
    reject(mine, actor=nora, reason=Reason.ABUSE, seen=mine.version)
    (mail,) = mails()
    assert mail.unsubscribe_url == unsubscribe_url(ada.id, Kind.DECISION)
    assert mail.unsubscribe_url in mail.text
    assert len(later(clock, hours=30)) == 1  # by statements alone, not again by us
    change_wishes(ada, {Kind.DECISION: Wish(widget=True, mail=How.DAILY)})
    reject(other, actor=nora, reason=Reason.ABUSE, seen=other.version)
    assert len(mails()) == 1
    digest = later(clock, hours=24)[-1]
    assert digest.subject == "The Courier: 1 thing that is new for you"
    assert "Your comment under “The harbour wall” was taken down. Why, and how to appeal:\n  http://localhost/account/decisions/" in digest.text


def test_that_a_held_comment_was_published_is_mailed(article: Article, ada: User, site: Site, clock: Clock) -> None:
    held = make_comment(article, ada, status=Status.HELD)
    approve(held, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), seen=held.version)
    (mail,) = later(clock, minutes=11)
    assert mail.subject == "1 decision on what you wrote on The Courier"
    assert "A Community Manager has read your comment under “The harbour wall”. It is published:" in mail.text


# --- digests


@pytest.mark.parametrize(("now", "zone", "monday", "found"), [
    ("2026-03-03T20:00+00:00", "UTC", False, "2026-03-04T07:00+00:00"),
    ("2026-03-03T06:59+00:00", "UTC", False, "2026-03-03T07:00+00:00"),
    ("2026-03-03T07:00+00:00", "UTC", False, "2026-03-04T07:00+00:00"),
    ("2026-03-03T20:00+00:00", "Asia/Tokyo", False, "2026-03-03T22:00+00:00"),
    ("2026-03-28T20:00+00:00", "Europe/Berlin", False, "2026-03-29T05:00+00:00"),  # summer time began that night
    ("2026-03-03T20:00+00:00", "UTC", True, "2026-03-09T07:00+00:00"),
    ("2026-03-09T06:00+00:00", "UTC", True, "2026-03-09T07:00+00:00"),
    ("2026-03-09T08:00+00:00", "UTC", True, "2026-03-16T07:00+00:00"),
])
def test_the_next_morning_is_the_sites_own(now: str, zone: str, *, monday: bool, found: str) -> None:
    assert next_morning(dt.datetime.fromisoformat(now), ZoneInfo(zone), monday=monday) == dt.datetime.fromisoformat(found)


def test_a_digest_comes_in_the_morning_with_all_that_goes_into_it(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    daily = Wish(widget=True, mail=How.DAILY)
    change_wishes(ada, {Kind.REPLY: daily, Kind.FOLLOWED: daily})
    follow(ada, article)
    make_comment(article, make_user("Ben"), parent=mine)
    make_comment(article, make_user("Cleo"))
    assert later(clock, hours=9) == []  # 05:00 UTC is 6 o'clock in Berlin
    (mail,) = later(clock, hours=1)
    assert mail.subject == "The Courier: 2 things that are new for you"
    assert mail.unsubscribe_url == unsubscribe_url(ada.id, How.DAILY)
    for kind in (Kind.REPLY, Kind.FOLLOWED):
        assert unsubscribe_url(ada.id, kind) in mail.text
    assert len(later(clock, hours=48)) == 1


def test_a_change_of_mind_holds_for_what_waits(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    make_comment(article, parent=mine)
    tell_all()
    change_wishes(ada, {Kind.REPLY: Wish(widget=True, mail=How.NEVER)})
    assert later(clock, hours=30) == []
    make_comment(article, parent=mine)
    tell_all()
    change_wishes(ada, {Kind.REPLY: Wish(widget=True, mail=How.DAILY)})
    assert later(clock, hours=30) == []  # it was never; what comes from now on is in a digest
    make_comment(article, parent=mine)
    assert len(later(clock, hours=30)) == 1


# --- stopping


def press(client: FlaskClient, url: str, **form: str) -> str:
    answer = client.post(url.removeprefix("http://localhost"), data=form)
    assert answer.status_code == 200
    return answer.text


def test_a_mail_program_stops_a_kind_with_one_click_and_she_can_undo(
    mine: Comment, ada: User, article: Article, clock: Clock, client: FlaskClient
) -> None:
    make_comment(article, parent=mine)
    (mail,) = later(clock, minutes=11)
    message = message_of(mail, "Comments <c@news.example>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = message["List-Unsubscribe"].strip("<>")
    assert "Stop these mails" in client.get(url.removeprefix("http://localhost")).text
    assert wish_of(ada.id, Kind.REPLY).mail == How.AT_ONCE  # looking changes nothing
    page = press(client, url, **{"List-Unsubscribe": "One-Click"})
    assert wish_of(ada.id, Kind.REPLY) == Wish(widget=True, mail=How.NEVER)
    assert wish_of(ada.id, Kind.MENTION) == DEFAULTS[Kind.MENTION]
    press(client, url)  # once more
    (before,) = re.findall(r'name="again" value="([^"]+)"', page)
    press(client, url, again=before)
    assert wish_of(ada.id, Kind.REPLY).mail == How.AT_ONCE


def test_stopping_a_digest_stops_what_is_in_it_and_undo_brings_exactly_that_back(ada: User, client: FlaskClient) -> None:
    change_wishes(ada, {Kind.FOLLOWED: Wish(widget=False, mail=How.DAILY), Kind.MENTION: Wish(widget=True, mail=How.WEEKLY)})
    db.session.commit()
    before = wishes_of(ada.id)
    page = press(client, unsubscribe_url(ada.id, How.DAILY))
    assert {kind: wish.mail for kind, wish in wishes_of(ada.id).items()} == {
        Kind.REPLY: How.AT_ONCE, Kind.MENTION: How.WEEKLY, Kind.DECISION: How.AT_ONCE, Kind.FEATURED: How.NEVER, Kind.FOLLOWED: How.NEVER,
    }
    (again,) = re.findall(r'name="again" value="([^"]+)"', page)
    press(client, unsubscribe_url(ada.id, How.DAILY), again=again)
    assert wishes_of(ada.id) == before


def test_a_link_stops_nothing_but_its_own(ada: User, client: FlaskClient) -> None:
    change_wishes(ada, {kind: Wish(widget=True, mail=How.NEVER) for kind in Kind})
    db.session.commit()
    press(client, unsubscribe_url(ada.id, Kind.REPLY), again="reply:weekly mention:at_once followed:x nonsense")
    assert {kind for kind, wish in wishes_of(ada.id).items() if wish.mail != How.NEVER} == {Kind.REPLY}
    assert read_token(unsubscribe_url(ada.id, Kind.REPLY).rpartition("/")[2][:-1] + "x") is None
    assert client.post("/account/unsubscribe/x").status_code == 404


def test_a_stop_holds_for_what_waits(mine: Comment, ada: User, article: Article, clock: Clock, client: FlaskClient) -> None:
    make_comment(article, parent=mine)
    tell_all()
    press(client, unsubscribe_url(ada.id, Kind.REPLY))
    assert later(clock, minutes=11) == []


# --- keeping


def test_old_notifications_are_forgotten_at_night(mine: Comment, ada: User, article: Article, clock: Clock) -> None:
    make_comment(article, parent=mine)
    told(ada)
    clock.forward(days=89)
    make_comment(article, parent=mine)
    told(ada)
    clock.forward(days=2)
    assert forget_notifications() is False
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(Notification).where(Notification.user_id == ada.id)) == 1

