"""People in the console without JavaScript, and what other sites' managers see of them."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import AuditEntry, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import PersonNote, Sanction, SanctionKind
from commentsvc.moderation.sanctions import active, impose
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.api.conftest import Caller as Program
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_review import Desk


def program(app: Flask, user: User) -> Program:
    """Her own program."""
    return Program(app, start_session(user, device="a program"))


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site)


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def ada(article: Article) -> User:
    user = make_user("Ada <b>Byron</b>", email="ada@mail.example")
    make_comment(article, user, "What Ada said.")
    return user


def token(desk: Desk, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', desk.get(path).text)
    assert found is not None
    return found[1]


def press(desk: Desk, page: str, path: str, **typed: str) -> str:
    """Send a form of `page`; the page that follows."""
    answer = desk.post(path, {"csrf_token": token(desk, page)} | typed)
    return desk.get(answer.headers["Location"]).text if answer.status_code in {302, 303} else answer.text


def test_a_person_is_found_and_her_page_escapes_what_she_calls_herself(app: Flask, nora: User, ada: User) -> None:
    desk = Desk(app, nora)
    listed = desk.get("/review/post/people?q=ada").text
    assert "Ada &lt;b&gt;Byron&lt;/b&gt;" in listed
    page = desk.get(f"/review/post/people/{ada.id}").text
    assert "Ada &lt;b&gt;Byron&lt;/b&gt;" in page
    assert "What Ada said." in page
    assert "<b>Byron" not in listed + page


def test_addresses_are_for_admins_and_masked_for_others(app: Flask, site: Site, nora: User, ada: User) -> None:
    boss = make_user(role=Role.ADMIN, site=site)
    for path in ("/review/post/people", f"/review/post/people/{ada.id}", "/review/post/people.csv"):
        assert "ada@mail.example" not in Desk(app, nora).get(path).text
        assert "ada@mail.example" in Desk(app, boss).get(path).text
    assert "a…@mail.example" in Desk(app, nora).get(f"/review/post/people/{ada.id}").text
    assert "What Ada" not in Desk(app, nora).get("/review/post/people?q=ada@mail.example").text
    assert "Nobody here is called" in Desk(app, nora).get("/review/post/people?q=ada@mail.example").text
    assert "Byron" in Desk(app, boss).get("/review/post/people?q=ADA@mail.example").text


def test_another_sites_managers_see_and_change_nothing(app: Flask, nora: User, ada: User, article: Article) -> None:
    other = make_site(key="other")
    olga = make_user("Olga", role=Role.ADMIN, site=other)
    ban = impose(ada, SanctionKind.BAN, actor=nora, site=article.site, reason=Reason.SPAM)
    db.session.add(PersonNote(site_id=article.site_id, user_id=ada.id, author_id=nora.id, body="Secret."))
    db.session.commit()
    desk = Desk(app, olga)
    assert "Byron" not in desk.get("/review/other/people").text
    for path in (f"/review/other/people/{ada.id}", f"/review/post/people/{ada.id}"):
        assert desk.get(path).status_code in {403, 404}
    csrf = token(desk, "/review/other/team")
    for path in (
        f"/review/other/people/{ada.id}/sanctions", f"/review/other/sanctions/{ban.id}/end", f"/review/other/people/{ada.id}/notes",
        f"/review/other/notes/{db.session.scalars(select(PersonNote.id)).one()}", f"/review/other/people/{ada.id}/sweeps",
    ):
        sent = {"csrf_token": csrf, "kind": "ban", "reason": "spam", "body": "x"}
        assert desk.post(path, sent).status_code == 404, path
    assert len(db.session.scalars(select(Sanction)).all()) == 1
    assert [s.id for s in active(ada.id, article.site_id)] == [ban.id]


def test_a_sanction_is_imposed_told_recorded_and_ended(app: Flask, nora: User, ada: User, site: Site) -> None:
    desk, page = Desk(app, nora), f"/review/post/people/{ada.id}"
    typed = {"kind": "suspend", "days": "3", "reason": "abuse", "message": "Three days.", "note": "Second time."}
    shown = press(desk, page, f"{page}/sanctions", **typed)
    assert "Suspended. The person is told by mail" in shown
    [held] = active(ada.id, site.id)
    assert held.ends_at is not None
    assert dt.timedelta(days=2.99) < held.ends_at - utcnow() < dt.timedelta(days=3.01)
    mail = db.session.scalars(select(Mail).order_by(Mail.id)).first()
    assert mail is not None
    assert "Three days." in mail.text
    assert "Second time." not in mail.text, "a note is for colleagues"
    log = desk.get("/review/post/sanctions").text
    assert "Second time." in log
    assert "Suspended" in desk.get("/review/post/sanctions.csv").text
    again = desk.post(f"{page}/sanctions", {"csrf_token": token(desk, page)} | typed)
    assert again.status_code == 409
    assert "has already suspended this person" in again.text
    assert "Second time.</textarea>" in again.text, "what was typed is kept"
    assert "Ended. The person is told." in press(desk, page, f"/review/post/sanctions/{held.id}/end", note="Sorry.")
    actions = db.session.scalars(select(AuditEntry.action).where(AuditEntry.subject == f"user:{ada.id}").order_by(AuditEntry.id)).all()
    assert actions == ["sanction.imposed", "sanction.ended"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"reason": "abuse"}, "Choose what should happen"), ({"kind": "ban"}, "Choose a reason"),
        ({"kind": "warn", "reason": "abuse"}, "Write what she should read"),
        ({"kind": "suspend", "reason": "abuse", "days": ""}, "Say when it ends"),
        ({"kind": "suspend", "reason": "abuse", "until": "soon"}, "Write a time like"),
        ({"kind": "suspend", "reason": "abuse", "until": "2020-01-01T10:00"}, "over already"),
    ],
)
def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(
    app: Flask, nora: User, ada: User, typed: dict[str, str], message: str
) -> None:
    desk, page = Desk(app, nora), f"/review/post/people/{ada.id}"
    answer = desk.post(f"{page}/sanctions", {"csrf_token": token(desk, page), "note": "Kept words."} | typed)
    assert answer.status_code == 422
    assert message in answer.text
    assert "Kept words.</textarea>" in answer.text
    assert active(ada.id, db.session.scalars(select(Site.id)).one()) == []


def test_a_note_is_added_changed_and_deleted_by_form(app: Flask, nora: User, ada: User) -> None:
    desk, page = Desk(app, nora), f"/review/post/people/{ada.id}"
    assert "Met at the fair." in press(desk, page, f"{page}/notes", body="Met at the fair.")
    note = db.session.scalars(select(PersonNote)).one()
    assert "Met her at the fair." in press(desk, page, f"/review/post/notes/{note.id}", body="Met her at the fair.")
    other = Desk(app, make_user(role=Role.COMMUNITY_MANAGER, site=db.session.get_one(Site, note.site_id)))
    assert other.post(f"/review/post/notes/{note.id}", {"csrf_token": token(other, page), "body": "x"}).status_code == 403
    press(desk, page, f"/review/post/notes/{note.id}", delete="1")
    assert db.session.scalars(select(PersonNote)).all() == []


def test_what_is_refused_is_counted_on_the_sanction(app: Flask, nora: User, ada: User, article: Article) -> None:
    held = impose(ada, SanctionKind.BAN, actor=nora, site=article.site, reason=Reason.SPAM)
    db.session.commit()
    reader = program(app, ada)
    for _ in range(2):
        answer = reader.post(f"/articles/{article.id}/comments", {"body": "Hello."})
        assert (answer.status_code, answer.json["code"], answer.json["sanction"]["reason"]) == (403, "banned", "spam")
        assert answer.json["sanction"]["until"] is None
    db.session.refresh(held)
    assert held.refused == 2
    assert "Turned away 2 times" in Desk(app, nora).get(f"/review/post/people/{ada.id}").text


def test_rules_are_added_removed_and_say_what_is_wrong(app: Flask, site: Site) -> None:
    desk, page = Desk(app, make_user(role=Role.ADMIN, site=site)), "/review/post/people/rules"
    shown = press(desk, page, page, part="domain", domain="*.Throwaway.example", action="refuse", reason="Ten minutes", subdomains="1")
    assert "*.throwaway.example" in shown
    wrong = desk.post(page, {"csrf_token": token(desk, page), "part": "domain", "domain": "no domain", "action": "refuse", "reason": "Why"})
    assert (wrong.status_code, "is not a domain" in wrong.text, 'value="no domain"' in wrong.text) == (422, True, True)
    press(desk, page, page, part="repeat", repeat_rejections="3", repeat_days="7", repeat_action="suspend", repeat_hours="48")
    press(
        desk, page, page, part="trust", trust_offset_new="0,2", trust_offset_trusted="0", trust_links_from="member", trust_pace="60",
        trust_hold_watched="1",
    )
    db.session.refresh(site)
    policy: Policy = site.policy
    assert (policy.repeat_rejections, policy.repeat_action, policy.repeat_hours) == (3, "suspend", 48)
    assert (policy.trust_offset_new, policy.trust_links_from, policy.trust_pace, policy.trust_hold_watched) == (0.2, "member", 60, True)
    assert [rule.domain for rule in policy.email_rules] == ["throwaway.example"], "one part leaves the others alone"
    press(desk, page, page, part="remove", domain="throwaway.example")
    db.session.refresh(site)
    assert site.policy.email_rules == ()
    bad = desk.post(page, {"csrf_token": token(desk, page), "part": "trust", "trust_offset_new": "nan"})
    assert bad.status_code == 422


def test_the_account_page_tells_of_sanctions_but_of_no_shadow_that_holds(app: Flask, nora: User, ada: User, site: Site) -> None:
    impose(ada, SanctionKind.SHADOW, actor=nora, site=site, reason=Reason.SPAM, ends_at=utcnow() + dt.timedelta(days=1))
    db.session.commit()
    desk = Desk(app, ada)
    assert "Nothing was ever imposed" in desk.get("/account/sanctions").text
    warning = impose(ada, SanctionKind.WARN, actor=nora, site=site, reason=Reason.ABUSE, message="Please <i>calm</i> down.")
    db.session.commit()
    shown = desk.get("/account/sanctions").text
    assert "Please &lt;i&gt;calm&lt;/i&gt; down." in shown
    press(desk, "/account/sanctions", f"/account/sanctions/{warning.id}/read")
    db.session.refresh(warning)
    assert warning.acknowledged
    shadow = db.session.scalars(select(Sanction).where(Sanction.kind == "shadow")).one()
    assert desk.post(f"/account/sanctions/{shadow.id}/read", {"csrf_token": token(desk, "/account/")}).status_code == 404


def test_a_shadowed_readers_comment_is_published_to_her_alone(app: Flask, nora: User, ada: User, site: Site, article: Article) -> None:
    impose(ada, SanctionKind.SHADOW, actor=nora, site=site, reason=Reason.SPAM, ends_at=utcnow() + dt.timedelta(days=1))
    held = make_comment(article, ada, "Buy watches.", status=Status.PENDING)
    held.hold_for = "shadow"
    db.session.commit()
    from commentsvc.moderation.decide import decide

    decide(held, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=held.version)
    db.session.commit()
    path = f"/comments/{held.id}"
    own = program(app, ada).get(path).json
    assert (own["status"], own["what_next"]) == ("published", "It is posted.")
    assert program(app, nora).get(path).json["status"] == "held"
    assert program(app, make_user()).get(path).status_code == 404
    listed = program(app, ada).get(f"/articles/{article.id}/mine").json
    assert [c["status"] for c in listed["comments"]] == ["published"]
    shadow = db.session.scalars(select(Sanction)).one()
    shadow.ends_at = utcnow() - dt.timedelta(seconds=1)
    db.session.commit()
    assert program(app, ada).get(path).json["status"] == "held", "once she was told, she is told the truth"


def test_a_persons_page_costs_the_same_however_much_she_did(app: Flask, nora: User, ada: User, article: Article, statements: Statements) -> None:
    desk = Desk(app, nora)
    desk.get(f"/review/post/people/{ada.id}")
    statements.clear()
    desk.get(f"/review/post/people/{ada.id}")
    few = len(statements)
    for n in range(12):
        make_comment(article, ada, f"More of it, {n}.", status=Status.REJECTED if n % 2 else Status.PUBLISHED)
    statements.clear()
    desk.get(f"/review/post/people/{ada.id}")
    assert len(statements) == few
    assert db.session.scalars(select(Comment.id)).all()
