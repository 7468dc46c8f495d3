"""The page about a person: what everybody may know of her on a site, and what she alone and the team see."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from commentsvc.accounts.models import AuditEntry, Profile, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id
from commentsvc.comments.authors import give_badges
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.bios import screen_bio, set_bio, set_history_private
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import Merge, SanctionKind
from commentsvc.moderation.posting import take_in
from commentsvc.moderation.sanctions import impose
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import ToxicityScorer
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_people import program
from tests.journeys.test_review import Desk

pytestmark = pytest.mark.once


@pytest.fixture
def article(app: Flask) -> Article:
    return make_article()


@pytest.fixture
def ada(article: Article) -> User:
    """Somebody with one published comment."""
    person = make_user("Ada Byron")
    make_comment(article, person, body="The *night* bus.")
    return person


@pytest.fixture
def client(app: Flask) -> Desk:
    """Somebody who is not signed in."""
    return Desk(app)


def data(answer: TestResponse) -> Any:
    """The JSON of an answer that is one."""
    assert answer.json is not None, answer.text
    return answer.json


def page_of(site: Site, user: User) -> str:
    return f"/people/{site.key}/{public_id(site.id, user.id)}"


def test_a_name_leads_to_the_page_of_its_author(client: Desk, article: Article, ada: User) -> None:
    thread = client.get(f"/embed/{article.site.key}/thread?article={article.id}").text
    found = re.search(r'<a class="name" dir="auto" href="([^"]+)"', thread)
    assert found is not None
    assert found[1] == page_of(article.site, ada)
    answer = client.get(found[1])
    for said in ("Ada Byron", "The <em>night</em> bus.", article.title, f"#comment-{db.session.query(Comment.id).scalar()}", "Here since"):
        assert said in answer.text
    assert 'name="robots" content="noindex"' in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "s-maxage=1" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    again = client.get(found[1], headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_it_lists_what_is_published_on_this_site_alone(client: Desk, article: Article, ada: User) -> None:
    for status in (Status.HELD, Status.PENDING, Status.REJECTED, Status.WITHDRAWN):
        make_comment(article, ada, body=f"This is {status.value}.", status=status)
    make_comment(make_article(make_site()), ada, body="Said elsewhere.")
    make_comment(article, make_user("Somebody"), body="Said by another.")
    page = client.get(page_of(article.site, ada)).text
    assert page.count("<article") == 1
    assert "<dd>1</dd>" in page
    for hidden in ("This is", "Said elsewhere", "Said by another"):
        assert hidden not in page


def test_twenty_a_page_and_none_is_lost_or_shown_twice(client: Desk, article: Article, statements: Statements) -> None:
    author = make_user("Tom Okafor")
    begin = utcnow() - dt.timedelta(days=1)
    for number in range(45):
        make_comment(article, author, body=f"Remark {number:02}.", created_at=begin + dt.timedelta(minutes=number // 2))
    address, seen, costs = page_of(article.site, author), [], []
    while address:
        statements.clear()
        page = client.get(address).text
        costs.append(len(statements))
        seen.append(re.findall(r"Remark (\d\d)", page))
        more = re.search(r'href="([^"]+)" rel="next">Show more', page)
        address = more[1].replace("&amp;", "&") if more else ""
    assert [len(part) for part in seen] == [20, 20, 5]
    assert [number for part in seen for number in part] == [f"{n:02}" for n in range(44, -1, -1)]
    assert costs == [4, 4, 4]  # the site, the person, her figures, a page of her comments


def test_the_lists_are_read_by_their_index(app: Flask, article: Article, ada: User, statements: Statements, client: Desk) -> None:
    client.get(page_of(article.site, ada))
    asked = [s for s in statements if "FROM comments" in s]
    assert len(asked) == 2
    if db.engine.dialect.name == "sqlite":
        for statement in asked:
            plan = db.session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, (ada.id, article.site_id, 21, 0)[: statement.count("?")]).all()
            assert "ix_comments_profile" in str(plan)
            assert "TEMP B-TREE" not in str(plan)


def test_an_id_is_of_one_site_and_cannot_be_made_up(client: Desk, article: Article, ada: User) -> None:
    elsewhere = make_site()
    own = public_id(article.site_id, ada.id)
    assert client.get(f"/people/{elsewhere.key}/{own}").status_code == 404
    for other in (str(ada.id), own[:-1] + ("A" if own[-1] != "A" else "B"), own + "A", "x" * 22, "é" * 22, own.lower()):
        answer = client.get(f"/people/{article.site.key}/{other}")
        assert answer.status_code == 404, other
        assert client.get(f"/api/v1/sites/{article.site.key}/profiles/{other}").status_code == 404
    assert client.get(page_of(article.site, ada) + "?after=x").status_code == 422


def test_guests_and_deleted_accounts_have_no_page(client: Desk, article: Article, ada: User) -> None:
    ada.guest_since = utcnow()
    gone = make_user("Former reader", erased_at=utcnow())
    make_comment(article, gone)
    for user in (ada, gone):
        assert client.get(page_of(article.site, user)).status_code == 404
    thread = client.get(f"/embed/{article.site.key}/thread?article={article.id}").text
    assert thread.count('<span class="name"') == 2
    assert '<a class="name"' not in thread
    assert "Ehemaliges Mitglied" in client.get(f"/embed/{article.site.key}/thread?article={article.id}&lang=de").text


def test_a_joined_account_leads_to_the_other(client: Desk, article: Article, ada: User) -> None:
    twin, admin = make_user("Ada B.", email=None), make_user(role=Role.ADMIN, site=article.site)
    db.session.add(Merge(kept_id=ada.id, merged_id=twin.id, actor_id=admin.id))
    db.session.commit()
    answer = client.get(page_of(article.site, twin))
    assert (answer.status_code, answer.location) == (302, page_of(article.site, ada))
    got = data(client.get(f"/api/v1/sites/{article.site.key}/profiles/{public_id(article.site_id, twin.id)}"))
    assert got["id"] == public_id(article.site_id, ada.id)


def test_a_private_history_is_not_listed_anywhere(client: Desk, article: Article, ada: User) -> None:
    set_history_private(ada, True)
    db.session.commit()
    page = client.get(page_of(article.site, ada)).text
    assert "keeps earlier comments private" in page
    assert "night" not in page
    got = data(client.get(f"/api/v1/sites/{article.site.key}/profiles/{public_id(article.site_id, ada.id)}"))
    assert (got["comments"], got["comment_count"], got["votes_up"]) == ([], None, None)


def test_names_and_bios_are_text(client: Desk, article: Article) -> None:
    name = "م" * 100 + "<b>" + "x" * 97
    author = make_user(name)
    make_comment(article, author)
    db.session.add(Profile(user_id=author.id, bio="<script>alert(1)</script>\nsecond line"))
    db.session.commit()
    page = client.get(page_of(article.site, author)).text
    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nsecond line" in page


def test_who_may_not_write_shows_no_bio(client: Desk, article: Article, ada: User) -> None:
    admin = make_user(role=Role.ADMIN, site=article.site)
    db.session.add(Profile(user_id=ada.id, bio="Buy my pills."))
    db.session.commit()
    assert "Buy my pills." in client.get(page_of(article.site, ada)).text
    impose(ada, SanctionKind.SUSPEND, actor=admin, site=article.site, reason=Reason.SPAM, ends_at=utcnow() + dt.timedelta(days=3))
    db.session.commit()
    page = client.get(page_of(article.site, ada)).text
    assert "Buy my pills." not in page
    assert "night" in page  # what she had published stands


# ---- Badges


def test_a_badge_stands_beside_the_name_at_once_in_html_and_json(client: Desk, article: Article, ada: User) -> None:
    thread, api = f"/embed/{article.site.key}/thread?article={article.id}", f"/api/v1/articles/{article.id}/comments"
    before, before_api = client.get(thread), client.get(api)
    give_badges(article.site, ada, expert="Bell founding", member=True, by=None)
    db.session.commit()
    after, after_api = client.get(thread, headers={"If-None-Match": before.headers["ETag"]}), client.get(api, headers={"If-None-Match": before_api.headers["ETag"]})
    assert '<span class="badge">Expert: <bdi>Bell founding</bdi></span>' in after.text
    assert '<span class="badge">Member</span>' in after.text
    badges = [{"kind": "expert", "field": "Bell founding"}, {"kind": "member", "field": None}]
    author = data(after_api)["comments"][0]["author"]
    assert (author["badges"], author["profile"]) == (badges, public_id(article.site_id, ada.id))
    single = data(client.get(f"/api/v1/comments/{data(after_api)['comments'][0]['id']}"))["author"]
    assert (single["badges"], single["profile"]) == (badges, author["profile"])
    assert data(client.get(f"/api/v1/sites/{article.site.key}/profiles/{author['profile']}"))["badges"] == badges
    assert "Bell founding" in client.get(page_of(article.site, ada)).text


def test_a_badge_holds_on_its_own_site(client: Desk, article: Article, ada: User) -> None:
    other = make_article(make_site())
    make_comment(other, ada)
    give_badges(article.site, ada, expert="Bells", member=False, by=None)
    db.session.commit()
    assert "Expert" not in client.get(f"/embed/{other.site.key}/thread?article={other.id}").text


def test_the_team_carries_its_badge_by_role(client: Desk, article: Article) -> None:
    manager = make_user("Tom", role=Role.COMMUNITY_MANAGER, site=article.site)
    make_comment(article, manager)
    assert '<span class="badge">Community Manager</span>' in client.get(page_of(article.site, manager)).text


# ---- The console


@pytest.fixture
def mia(article: Article) -> User:
    return make_user("Mia", role=Role.COMMUNITY_MANAGER, site=article.site)


def token(desk: Desk, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', desk.get(path).text)
    assert found is not None
    return found[1]


def test_a_manager_gives_badges_and_the_audit_log_says_so(app: Flask, client: Desk, article: Article, ada: User, mia: User) -> None:
    desk, person = Desk(app, mia), f"/review/{article.site.key}/people/{ada.id}"
    sent = {"csrf_token": token(desk, person), "is_expert": "1", "expert": "Community Manager"}
    refused = desk.post(f"{person}/badges", sent)
    assert refused.status_code == 422
    assert 'id="badges-expert-error"' in refused.text
    assert 'value="Community Manager"' in refused.text  # what was typed is kept
    assert desk.post(f"{person}/badges", sent | {"expert": "Epidemiologist"}).status_code == 303
    page = desk.get(person).text
    assert "Expert: <bdi>Epidemiologist</bdi>" in page
    assert "Expert: <bdi>Epidemiologist</bdi>" in client.get(f"/embed/{article.site.key}/thread?article={article.id}").text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "badges.changed")).one()
    assert (entry.actor_id, entry.subject, entry.site_id) == (mia.id, f"user:{ada.id}", article.site_id)
    assert "Epidemiologist" not in entry.facts  # nothing that names her stands where nothing can be taken out
    assert desk.post(f"{person}/badges", {"csrf_token": sent["csrf_token"]}).status_code == 303
    assert "Epidemiologist" not in client.get(f"/embed/{article.site.key}/thread?article={article.id}").text


def test_a_held_bio_is_found_read_and_decided(
    app: Flask, scorer: ToxicityScorer, client: Desk, article: Article, ada: User, mia: User
) -> None:
    article.site.policy_data = Policy(suspect_phrases=("bells",)).to_data()
    db.session.commit()
    set_bio(ada, "I ring bells.")
    db.session.commit()
    screen_bio(lambda: scorer, lease=30)
    desk, key = Desk(app, mia), article.site.key
    assert f">{ada.display_name}</bdi>" in desk.get(f"/review/{key}/people?filter=bio").text
    page = desk.get(f"/review/{key}/people/{ada.id}").text
    assert "This waits for you." in page
    assert "Suspect: “bells”." in page
    sent = {"csrf_token": token(desk, f"/review/{key}/people/{ada.id}"), "number": "1", "outcome": "approve"}
    assert desk.post(f"/review/{key}/people/{ada.id}/bio", sent | {"number": "0"}).status_code == 409
    assert "I ring bells." not in client.get(page_of(article.site, ada)).text
    assert desk.post(f"/review/{key}/people/{ada.id}/bio", sent).status_code == 303
    assert "I ring bells." in client.get(page_of(article.site, ada)).text
    without = desk.post(f"/review/{key}/people/{ada.id}/bio", sent | {"outcome": "take_down"})
    assert without.status_code == 422
    assert 'id="bio-down-reason-error"' in without.text
    assert desk.post(f"/review/{key}/people/{ada.id}/bio", sent | {"outcome": "take_down", "reason": "spam"}).status_code == 303
    assert "This was not accepted." in desk.get(f"/review/{key}/people/{ada.id}").text
    assert "I ring bells." not in client.get(page_of(article.site, ada)).text
    assert "No bio waits" in desk.get(f"/review/{key}/people?filter=bio").text


# ---- Her own account


def test_she_writes_about_herself_and_others_read_it_once_it_has_passed(
    app: Flask, scorer: ToxicityScorer, client: Desk, article: Article, ada: User
) -> None:
    own = Desk(app, ada)
    sent = {"csrf_token": token(own, "/account/profile"), "bio": "I ring bells.\r\nOn Sundays."}
    assert own.post("/account/profile", sent).status_code == 303
    assert "I ring bells." not in client.get(page_of(article.site, ada)).text
    assert "It is being checked." in own.get("/account/profile").text
    assert screen_bio(lambda: scorer, lease=30)
    assert "I ring bells.\nOn Sundays." in client.get(page_of(article.site, ada)).text
    long = own.post("/account/profile", sent | {"bio": "x" * 301, "history_private": "1"})
    assert long.status_code == 422
    assert 'id="bio-error"' in long.text
    assert "x" * 301 in long.text  # nothing typed is lost
    assert "I ring bells." in client.get(page_of(article.site, ada)).text
    assert own.post("/account/profile", {"csrf_token": sent["csrf_token"], "bio": "", "history_private": "1"}).status_code == 303
    page = client.get(page_of(article.site, ada)).text
    assert "I ring bells." not in page
    assert "keeps earlier comments private" in page


def test_her_own_list_says_what_became_of_each_comment(app: Flask, article: Article, ada: User, mia: User) -> None:
    for status in (Status.HELD, Status.PENDING, Status.REJECTED, Status.WITHDRAWN):
        make_comment(article, ada, status=status)
    page = Desk(app, ada).get("/account/comments").text
    for words in ("Waiting for a community manager", "Being checked", "Not published", "Withdrawn", "Published"):
        assert f">{words}</span>" in page
    make_comment(article, mia, "Said by Mia.")
    assert "Said by Mia." not in Desk(app, ada).get("/account/comments").text


def test_a_shadow_does_not_show_in_her_own_list(app: Flask, article: Article, mia: User) -> None:
    troll = make_user("Troll")
    make_comment(article, troll)
    impose(troll, SanctionKind.SHADOW, actor=mia, site=article.site, reason=Reason.ABUSE, ends_at=utcnow() + dt.timedelta(days=3))
    db.session.commit()
    take_in(article, troll, "Said from the shadow.")
    db.session.commit()
    comment = db.session.scalars(select(Comment).order_by(Comment.id.desc())).first()
    assert comment is not None
    decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=comment.version)
    db.session.commit()
    page = Desk(app, troll).get("/account/comments").text
    assert page.count(">Published</span>") == 2
    assert "Waiting" not in page


def test_programs_change_bio_and_badges_too(app: Flask, article: Article, ada: User, mia: User) -> None:
    hers, team, key = program(app, ada), program(app, mia), article.site.key
    got = hers.patch("/api/v1/me", {"bio": "I ring bells.", "history_private": True}).json
    assert (got["bio"], got["bio_offered"], got["history_private"]) == ("", {"text": "I ring bells.", "state": "pending", "reason": None, "reason_text": None}, True)
    assert hers.patch("/api/v1/me", {"bio": "x" * 301}).json["code"] == "bio_too_long"
    person = f"/api/v1/sites/{key}/people/{ada.id}"
    detail = team.get(person).json
    assert detail["bio"]["offered"] == "I ring bells."
    assert detail["profile"] == public_id(article.site_id, ada.id)
    decided = team.post(f"{person}/bio", {"number": detail["bio"]["number"], "outcome": "approve"}).json
    assert (decided["shown"], decided["offered"]) == ("I ring bells.", None)
    assert team.post(f"{person}/bio", {"number": 0, "outcome": "approve"}).status_code == 409
    assert team.post(f"{person}/bio", {"number": decided["number"], "outcome": "take_down"}).json["errors"][0]["field"] == "reason"
    assert team.post(f"{person}/bio", {"number": decided["number"], "outcome": "take_down", "reason": "spam"}).json["reason"] == "spam"
    assert hers.get("/api/v1/me").json["bio_offered"] == {"text": "I ring bells.", "state": "rejected", "reason": "spam", "reason_text": "Spam or advertising"}
    assert team.put(f"{person}/badges", {"expert": "Staff", "member": False}).json["code"] == "imitates_badge"
    given = team.put(f"{person}/badges", {"expert": "", "member": True}).json
    assert (given["expert"], given["member"], given["expert_by_token"]) == ("", True, False)
