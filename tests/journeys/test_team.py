"""The team's page, invitations from mail to role, and the audit log as admins read it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import Invitation, SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session, user_by_token
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.accounts.browsing import PASSWORD, Browser, error_beside, link_in, mails, make_known
from tests.conftest import Statements
from tests.factories import make_article, make_site, make_user
from tests.journeys.test_review import Desk

pytestmark = pytest.mark.once

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Vance", role=Role.ADMIN, site=site, email="nora@example.org")


@pytest.fixture
def admin(app: Flask, nora: User) -> Desk:
    return Desk(app, nora)


def invite(admin: Desk, email: str, role: str = "community_manager") -> None:
    assert admin.send("/review/post/team", "/team", {"email": email, "role": role}).status_code == 302


def test_somebody_without_an_account_is_on_the_team_after_one_form(app: Flask, admin: Desk, site: Site) -> None:
    invite(admin, "tom@example.org")
    page = admin.get("/review/post/team").text
    assert "tom@example.org" in page
    assert "good until" in page
    link = link_in(mails()[-1])
    tom = Browser(app)
    offer = tom.get(link)
    assert "Nora Vance" in offer.text
    assert "The Post" in offer.text
    assert offer.headers["Referrer-Policy"] == "no-referrer"
    weak = tom.post(f"{link}/account", {"display_name": "Tom Okafor", "password": "short"}, page=link)
    assert "at least 10" in error_beside(weak.text, "password")
    assert 'value="Tom Okafor"' in weak.text
    done = tom.post(f"{link}/account", {"display_name": "Tom Okafor", "password": PASSWORD}, page=link)
    assert done.headers["Location"] == "/review/post/"
    assert tom.get("/review/post/held").status_code == 200
    assert tom.get(link).status_code == 410
    assert "good until" not in admin.get("/review/post/team").text


def test_somebody_with_an_account_signs_in_and_accepts(app: Flask, admin: Desk, site: Site) -> None:
    known = make_known()
    invite(admin, "known@example.org", "expert")
    link = link_in(mails()[-1])
    ada = Browser(app)
    lead = re.search(r'href="(/account/sign-in\?next=[^"]+)"', ada.get(link).text)
    assert lead
    to = unescape(lead.group(1))
    answer = ada.post("/account/sign-in", {"email": "known@example.org", "password": PASSWORD, "next": link}, page=to)
    assert answer.headers["Location"] == link
    assert ada.post(link, page=link).headers["Location"] == "/account/"
    db.session.refresh(known, ["roles"])
    assert known.role_on(site.id) == Role.EXPERT


def test_the_link_is_no_use_to_another_account(app: Flask, admin: Desk, site: Site) -> None:
    make_known()
    invite(admin, "tom@example.org")
    link = link_in(mails()[-1])
    eve = Browser(app)
    eve.sign_in("known@example.org")
    page = eve.get(link).text
    assert "Sign out, then open the link" in page
    assert eve.post(link, page=link).status_code == 403
    assert db.session.scalar(select(Invitation.id)) is not None


def test_the_page_says_the_same_for_known_and_unknown_addresses(app: Flask, admin: Desk, site: Site) -> None:
    make_known()
    pages = []
    for email in ("known@example.org", "nobody@example.org"):
        invite(admin, email)
        page = admin.get("/review/post/team").text
        pages.append(re.sub(r'value="[^"]*"|nonce="[^"]*"|invitations/\d+|datetime="[^"]*"|title="[^"]*"', "", page.replace(email, "X")))
        admin.send("/review/post/team", r"/withdraw")
        admin.get("/review/post/team")  # takes its message
    assert pages[0] == pages[1]


def test_a_wrong_address_is_said_beside_the_field_and_kept(admin: Desk) -> None:
    answer = admin.send("/review/post/team", "/team", {"email": "not an address", "role": "expert"})
    assert answer.status_code == 422
    assert "does not look like" in error_beside(answer.text, "email")
    assert 'value="not an address"' in answer.text
    for role in ("owner", "member", ""):
        assert admin.send("/review/post/team", "/team", {"email": "a@example.org", "role": role}).status_code == 422


def test_an_invitation_is_withdrawn_and_one_that_is_gone_is_said(admin: Desk) -> None:
    invite(admin, "tom@example.org")
    link, form = link_in(mails()[-1]), admin.form(admin.get("/review/post/team").text, "/withdraw")
    number = db.session.scalar(select(Invitation.id))
    soon = admin.send("/review/post/team", "/resend")
    assert soon.status_code == 429
    assert admin.post(f"/review/post/team/invitations/{number}/withdraw", form).status_code == 302
    gone = admin.post(f"/review/post/team/invitations/{number}/withdraw", form)
    assert gone.status_code == 404
    assert "This invitation is gone" in gone.text
    assert admin.get(link).status_code == 410


def test_the_page_says_since_when_by_whom_with_what_and_when_last(app: Flask, admin: Desk, nora: User, site: Site) -> None:
    ben = make_user("Ben", email="ben@example.org")
    grant = SiteRole(site_id=site.id, user_id=ben.id, role="community_manager", granted_at=utcnow(), granted_by_id=nora.id)
    db.session.add(grant)
    ben.second_factor_at = utcnow()
    start_session(ben, device="x")
    db.session.commit()
    page = admin.get("/review/post/team").text
    row = page[page.index("ben@example.org"):]
    for words in ("Nora Vance", '<span class="good">Yes</span>', "just now"):
        assert words in row, words


def test_a_member_is_signed_out_everywhere(admin: Desk, site: Site) -> None:
    ben = make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site)
    token = start_session(ben, device="x")
    answer = admin.send("/review/post/team", "/sign-out")
    assert answer.status_code == 302
    assert "Ben is signed out everywhere" in admin.get("/review/post/team").text
    assert user_by_token(token) is None


def _elsewhere(ben: User) -> None:
    db.session.add(SiteRole(site_id=make_site().id, user_id=ben.id, role="admin"))
    db.session.commit()
    db.session.refresh(ben, ["roles"])


@pytest.mark.parametrize(("before", "ended"), [(lambda _ben: None, True), (_elsewhere, False)])
def test_removing_ends_sessions_unless_another_site_needs_them(
    admin: Desk, site: Site, before: Callable[[User], None], ended: bool
) -> None:
    ben = make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site)
    before(ben)
    token = start_session(ben, device="x")
    grant = db.session.scalars(select(SiteRole).where(SiteRole.user_id == ben.id, SiteRole.site_id == site.id)).one()
    form = admin.form(admin.get("/review/post/team").text, f"/team/{grant.id}/change")
    assert admin.post(f"/review/post/team/{grant.id}/change", form | {"remove": "1"}).status_code == 302
    db.session.expire_all()
    assert (user_by_token(token) is None) == ended


def test_one_leaves_a_team_by_oneself_and_the_last_admin_cannot(app: Flask, site: Site, nora: User) -> None:
    ben = make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site)
    own = Desk(app, ben)
    assert own.send("/account/", "/leave").status_code == 303
    assert own.get("/account/").status_code == 200  # still signed in
    assert own.get("/review/post/held").status_code == 403
    last = Desk(app, nora).send("/account/", "/leave")
    assert last.status_code == 409
    assert "last admin" in last.text


def test_a_site_asks_for_a_second_factor_once_its_admin_has_one(admin: Desk, nora: User, site: Site) -> None:
    refused = admin.send("/review/post/team", "/second-factor", {"days": "3"})
    assert refused.status_code == 409
    assert "your own account first" in refused.text
    nora.second_factor_at = utcnow()
    db.session.commit()
    assert admin.send("/review/post/team", "/second-factor", {"days": "999"}).status_code == 422
    assert admin.send("/review/post/team", "/second-factor", {"days": "3"}).status_code == 302
    db.session.refresh(site)
    assert site.second_factor_from is not None
    assert round((site.second_factor_from - utcnow()).total_seconds() / 86400) == 3
    assert admin.send("/review/post/team", "/second-factor", {"lift": "1"}).status_code == 302
    db.session.refresh(site)
    assert site.second_factor_from is None
    assert "second factor from" in admin.get("/review/post/audit?action=settings").text


def test_the_audit_log_is_narrowed_paged_and_escaped(app: Flask, admin: Desk, nora: User, site: Site) -> None:
    eve = make_user(EVIL, role=Role.COMMUNITY_MANAGER, site=site)
    for number in range(55):
        record(eve, "comment.decided", site_id=site.id, subject=f"comment:{number}", status=["held", "rejected"], reason="abuse")
    record(None, "role.granted", site_id=site.id, subject=f"user:{eve.id}", role=[None, "admin"])
    record(nora, "strange.new_thing", site_id=site.id, facts_of=EVIL)
    record(nora, "comment.decided", site_id=make_site().id, subject="comment:777")
    db.session.commit()
    page = admin.get("/review/post/audit").text
    assert EVIL not in page
    assert "strange: new thing" in page
    assert "none → Admin" in page
    assert "/comments/777" not in page
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older
    second = admin.get(unescape(older.group(1))).text
    assert "Nothing older" not in second
    assert second.count("<tr>") + page.count("<tr>") - 2 >= 57
    assert admin.get(f"/review/post/audit?actor={eve.id}").text.count("Decided on a comment") == 50
    assert "Gave a role" in admin.get("/review/post/audit?actor=command").text
    assert "Gave a role" not in admin.get("/review/post/audit?actor=command&action=comment").text
    today = utcnow().date()
    assert "strange" in admin.get(f"/review/post/audit?since={today}&until={today}").text
    assert "Nothing fits" in admin.get("/review/post/audit?until=2020-01-01").text
    for query, field in (("since=yesterday", "since"), ("until=99", "until")):
        bad = admin.get(f"/review/post/audit?{query}")
        assert bad.status_code == 422
        assert error_beside(bad.text, field)
    assert admin.get("/review/post/audit?actor=eve").status_code == 422
    assert admin.get("/review/post/audit?after=forged").status_code == 422


def test_the_audit_log_as_csv_is_whole_and_no_cell_is_a_formula(admin: Desk, nora: User, site: Site) -> None:
    mal = make_user("=1+1", role=Role.COMMUNITY_MANAGER, site=site)
    for number in range(120):
        record(mal, "comment.decided", site_id=site.id, subject=f"comment:{number}")
    db.session.commit()
    rows = list(csv.DictReader(io.StringIO(admin.get("/review/post/audit.csv?action=comment").text.lstrip("\ufeff"))))
    assert len(rows) == 120
    assert rows[0]["subject"] == "comment:119"
    assert {row["by"] for row in rows} == {"'=1+1"}


def test_what_is_done_in_the_console_is_in_the_log(app: Flask, admin: Desk, nora: User, site: Site) -> None:
    article = make_article(site)
    page = admin.get("/review/post/articles").text
    form = admin.form(page, f"/articles/{article.id}/close")
    admin.post(f"/review/post/articles/{article.id}/close", form | {"closed": "1"})
    admin.post(f"/review/post/articles/{article.id}/close", form | {"closed": "1"})  # says nothing new
    log = admin.get("/review/post/audit?action=article").text
    assert log.count("Changed an article") == 1
    assert "closed: no → yes" in log


def test_the_log_of_a_page_takes_a_fixed_number_of_statements(admin: Desk, nora: User, site: Site, statements: Statements) -> None:
    counts = []
    for number in (1, 30):
        for _ in range(number):
            record(nora, "comment.decided", site_id=site.id, subject="comment:1")
        db.session.commit()
        admin.get("/review/post/audit")
        statements.clear()
        admin.get("/review/post/audit")
        counts.append(len(statements))
    assert counts[0] == counts[1]
