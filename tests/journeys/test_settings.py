"""The settings without JavaScript: general, screening, phrases, reasons, sections, history, and a text tried out."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import AuditEntry
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.comments.threads import own_waiting
from commentsvc.embed.view import waiting
from commentsvc.extensions import db
from commentsvc.moderation.models import REJECT_REASONS, Decision, PolicyVersion
from commentsvc.moderation.phrase_lists import NOTE_LENGTH
from commentsvc.moderation.reasons import canned_messages, offered_reasons
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Site
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_review import EVIL, Desk

pytestmark = pytest.mark.once

BASE = "/review/post/settings"


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Morning Post")


@pytest.fixture
def admin(app: Flask, site: Site) -> Desk:
    return Desk(app, make_user("Ada Admin", role=Role.ADMIN, site=site, email="ada@example.org"))


def fields_of(page: str) -> dict[str, str]:
    """All fields of the settings form as a browser would send them."""
    form = page[page.index('<form method="post" class="stack settings"') :]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r' name="([^"]+)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            found[name.group(1)] = unescape(value.group(1)) if value else "on"
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>', options)
        found[name] = unescape(chosen.group(1) or "") if chosen else ""
    for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = unescape(text)
    return found


def test_saving_settings_unchanged_changes_nothing_but_the_version(admin: Desk, site: Site) -> None:
    before = (site.name, site.welcome, site.origins, site.policy, site.version)
    answer = admin.post("/review/post/settings", fields_of(admin.get("/review/post/settings").text))
    assert answer.status_code == 302
    assert "Saved." in admin.get(answer.location).text
    db.session.refresh(site)
    assert (site.name, site.welcome, site.origins, site.policy) == before[:4]
    assert site.version == before[4] + 1


def test_settings_are_saved(admin: Desk, site: Site) -> None:
    changed = fields_of(admin.get("/review/post/settings").text) | {
        "name": "  The  New Post ", "origins": "https://News.example/\r\nhttps://news.example\r\n\r\nhttp://localhost:8000",
        "max_length": "2000", "language": "PT_br", "edit_window": "5", "close_after_days": "14", "posts_per_minute": "3",
    }
    assert admin.post("/review/post/settings", changed).status_code == 302
    rules = fields_of(admin.get("/review/post/settings/screening").text) | {
        "repeat_window": "1,5", "hold_threat": "0.2", "reject_threat": "0,9", "reject_clear": "on", "premoderate": "on",
    }
    assert admin.post("/review/post/settings/screening", rules).status_code == 302
    db.session.refresh(site)
    assert (site.name, site.language) == ("The New Post", "pt-BR")
    assert site.origins == ["https://news.example", "http://localhost:8000"]
    policy = site.policy
    assert (policy.max_length, policy.repeat_window, policy.premoderate, policy.reject_clear) == (2000, 5400, True, True)
    assert (policy.edit_window, policy.close_after_days, policy.posts_per_minute) == (300, 14, 3)
    assert policy.hold_at["threat"] == 0.2
    assert policy.reject_at == {"threat": 0.9}


def test_every_bad_setting_is_named_beside_its_field_and_nothing_typed_is_lost(admin: Desk, site: Site) -> None:
    wrong = {
        "": {"name": " ", "origins": "https://news.example/path", "max_length": "lots", "language": "english, please", "guidelines": f"Be kind {EVIL}"},
        "/screening": {"max_links": "1.5", "repeat_window": "10000", "hold_insult": "0", "reject_threat": "nan"},
    }
    for path, typed in wrong.items():
        answer = admin.post(f"/review/post/settings{path}", fields_of(admin.get(f"/review/post/settings{path}").text) | typed)
        assert answer.status_code == 422
        for name in typed.keys() - {"guidelines"}:
            assert f'id="{name}-error"' in answer.text, name
            assert re.search(rf' name="{name}"[^>]* aria-invalid="true"', answer.text), name
        assert 'id="guidelines-error"' not in answer.text
        kept = fields_of(answer.text)
        assert {name: kept[name] for name in typed} == typed
        assert EVIL not in answer.text
    version = site.version
    db.session.refresh(site)
    assert site.version == version


def test_two_admins_who_save_at_once_do_not_overwrite_each_other_unknowingly(
    admin: Desk, app: Flask, site: Site
) -> None:
    mine = fields_of(admin.get("/review/post/settings").text) | {"name": "My Name"}
    other = Desk(app, make_user("Olga", role=Role.ADMIN, site=site))
    other.post("/review/post/settings", fields_of(other.get("/review/post/settings").text) | {"name": "Her Name"})
    late = admin.post("/review/post/settings", mine)
    assert late.status_code == 409
    assert fields_of(late.text)["name"] == "My Name"
    assert "Her Name" in late.text
    db.session.refresh(site)
    assert site.name == "Her Name"
    assert admin.post("/review/post/settings", fields_of(late.text)).status_code == 302
    db.session.refresh(site)
    assert site.name == "My Name"

# Versions


def versions(site: Site) -> list[PolicyVersion]:
    db.session.expire_all()
    return list(db.session.scalars(select(PolicyVersion).where(PolicyVersion.site_id == site.id).order_by(PolicyVersion.number)))


def save(desk: Desk, path: str = "", **typed: str) -> Any:
    return desk.post(f"{BASE}{path}", fields_of(desk.get(f"{BASE}{path}").text) | typed)


def test_every_change_is_a_version_that_can_be_gone_back_to(admin: Desk, site: Site) -> None:
    save(admin, "/screening", max_links="7", comment="For the fair")
    save(admin, "/screening", max_links="1", hold_threat="0.1")
    save(admin, "/screening")  # as it is
    assert [(v.number, v.comment) for v in versions(site)] == [
        (1, "What was set before the history began."), (2, "For the fair"), (3, ""),
    ]
    listed = admin.get(f"{BASE}/history").text
    assert "Links that pass, Threat: hold from" in listed
    assert "Ada Admin" in listed
    page = admin.get(f"{BASE}/history/2").text
    assert "2 links" in page
    assert "7 links" in page
    form = hidden(page, "/restore")
    assert admin.post(f"{BASE}/history/2/restore", form | {"comment": "Too strict"}).status_code == 302
    db.session.expire_all()
    assert db.session.get_one(Site, site.id).policy == replace(Policy(), max_links=7)
    last = versions(site)[-1]
    assert (last.number, last.restores, last.comment) == (4, 2, "Too strict")
    assert "Version 2 holds again, as version 4." in admin.get(f"{BASE}/history").text
    assert "It says the same as what is set now." in admin.get(f"{BASE}/history/2").text
    audited = db.session.scalars(select(AuditEntry.action).where(AuditEntry.site_id == site.id)).all()
    assert audited.count("settings.changed") == 3


def test_going_back_is_refused_where_something_else_would_happen_than_the_page_said(admin: Desk, site: Site) -> None:
    save(admin, "/screening", max_links="7")
    form = hidden(admin.get(f"{BASE}/history/1").text, "/restore")
    save(admin, "/screening", max_links="9")
    late = admin.post(f"{BASE}/history/1/restore", form)
    assert late.status_code == 409
    assert "somebody else changed the settings meanwhile" in late.text
    assert "9 links" in late.text
    assert admin.get(f"{BASE}/history/99").status_code == 404
    assert admin.get(f"{BASE}/history/9999999999").status_code == 404


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that is sent to `action`."""
    form = page[re.search(rf'<form[^>]*action="[^"]*{action}"', page).start() :]  # type: ignore[union-attr]
    return {n: unescape(v) for n, v in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[: form.index("</form>")])}


# Phrases


def token(desk: Desk, path: str) -> dict[str, str]:
    return {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', desk.get(f"{BASE}{path}").text).group(1)}  # type: ignore[union-attr]


def test_phrases_are_added_found_moved_and_taken_off(admin: Desk, site: Site) -> None:
    form = token(admin, "/phrases")
    added = admin.post(f"{BASE}/phrases", form | {"list": "suspect", "phrases": "snake oil\r\n idiot \nidiot\n", "note": "From the spam in March"})
    assert added.status_code == 302
    assert "2 added, 1 known already" in admin.get(added.location).text
    db.session.refresh(site)
    assert site.policy.suspect_phrases == ("snake oil", "idiot")
    page = admin.get(f"{BASE}/phrases?q=march").text
    assert "snake oil" in page
    assert 'by <bdi class="by" title="Ada Admin">' in page
    assert "No phrase or note has" in admin.get(f"{BASE}/phrases?q=nothing-like-this").text
    admin.post(f"{BASE}/phrases", form | {"list": "banned", "phrases": "idiot"})
    db.session.refresh(site)
    policy = site.policy
    assert (policy.banned_phrases, policy.suspect_phrases) == (("idiot",), ("snake oil",))
    assert admin.post(f"{BASE}/phrases/remove", form).status_code == 422
    assert admin.post(f"{BASE}/phrases/remove", form | {"phrase": "idiot"}).status_code == 302
    db.session.refresh(site)
    assert site.policy.banned_phrases == ()
    assert set(site.phrase_notes or {}) == {"snake oil"}
    assert "Suspect phrases +2" in admin.get(f"{BASE}/history").text


def test_lists_go_out_and_come_back_as_a_file(admin: Desk, site: Site) -> None:
    form = token(admin, "/phrases")
    file = io.BytesIO(b'\xef\xbb\xbfphrase,list,note\r\nsnake oil,banned,"Sold, in March"\r\n=1+1,,\r\n')
    sent = form | {"list": "suspect", "file": (file, "list.csv")}
    assert admin.open(f"{BASE}/phrases", "POST", data=sent, content_type="multipart/form-data").status_code == 302
    db.session.refresh(site)
    assert (site.policy.banned_phrases, site.policy.suspect_phrases) == (("snake oil",), ("=1+1",))
    out = admin.get(f"{BASE}/phrases.csv").get_data(as_text=True)
    assert "'=1+1,suspect" in out  # no spreadsheet runs it
    policy = site.policy
    admin.post(f"{BASE}/phrases/remove", form | {"phrase": "=1+1"})
    back = form | {"list": "banned", "file": (io.BytesIO(out.encode()), "list.csv")}
    assert admin.open(f"{BASE}/phrases", "POST", data=back, content_type="multipart/form-data").status_code == 302
    db.session.refresh(site)
    assert site.policy == policy


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"phrases": "fine\n???"}, "needs a letter or digit"),
        ({"phrases": "phrase,list\nx,bannned"}, "is no list"),
        ({"phrases": " "}, "at least one phrase"),
        ({"phrases": "x", "note": "n" * (NOTE_LENGTH + 1)}, "too long"),
        ({"file": (io.BytesIO(b"\xff\xfe"), "list.txt")}, "not UTF-8"),
    ],
    ids=["no word", "no list", "nothing", "long note", "not text"],
)
def test_a_list_with_a_mistake_adds_nothing_and_is_not_lost(admin: Desk, site: Site, fields: dict[str, Any], said: str) -> None:
    form = token(admin, "/phrases")
    answer = admin.open(f"{BASE}/phrases", "POST", data=form | fields, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert said in answer.text
    if "phrases" in fields:
        assert fields["phrases"].strip() in answer.text
    db.session.refresh(site)
    assert site.policy == Policy()


# Reasons and messages


def test_the_site_has_its_own_reasons_and_messages(admin: Desk, app: Flask, site: Site) -> None:
    typed = fields_of(admin.get(f"{BASE}/reasons").text)
    own = {
        "reasons.1.words": "No attacks, please", "reasons.4.order": "0", "reasons.7.hidden": "on",
        "reasons.10.key": "court_case", "reasons.10.words": "About a case that is in court", "reasons.10.category": "other",
        "reasons.10.order": "1.5", "messages.1.reason": "court_case", "messages.1.language": "DE",
        "messages.1.text": "Liebe/r {name}, …",
    }
    # The new reason can be named by a message once it is there.
    first = {k: v for k, v in own.items() if not k.startswith("messages.")}
    assert admin.post(f"{BASE}/reasons", typed | first).status_code == 302
    typed = fields_of(admin.get(f"{BASE}/reasons").text)
    assert admin.post(f"{BASE}/reasons", typed | {k: v for k, v in own.items() if k.startswith("messages.")}).status_code == 302
    db.session.expire_all()
    site = db.session.get_one(Site, site.id)
    words = list(offered_reasons(site).values())
    assert words[:3] == ["Spam or advertising", "No attacks, please", "About a case that is in court"]
    assert "Language we do not publish" not in words
    assert [m.to_data() for m in canned_messages(site)] == [{"reason": "court_case", "language": "de", "text": "Liebe/r {name}, …"}]

    article, author = make_article(site), make_user("Rita")
    comment = make_comment(article, author, status=Status.HELD)
    card = admin.get(f"/review/post/comments/{comment.id}").text
    assert "About a case that is in court" in card
    assert "Language we do not publish" not in card
    form = admin.form(card, f"/comments/{comment.id}/reject")
    assert admin.post(f"/review/post/comments/{comment.id}/reject", form | {"reason": "court_case"}).status_code == 302
    decision = db.session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert decision is not None
    assert (decision.reason, decision.site_reason) == ("other", "court_case")
    assert "About a case that is in court" in admin.get("/review/post/modlog").text
    bearer = {"Authorization": f"Bearer {start_session(author, device='a test')}"}
    db.session.commit()
    own_ones = Desk(app).open(f"/api/v1/articles/{article.id}/mine", headers=bearer).get_json()
    assert own_ones["comments"][0]["reason_text"] == "About a case that is in court"
    db.session.expire_all()
    [mine] = waiting(own_waiting(article.id, author.id), db.session.get_one(Site, site.id))
    assert mine.reason == "About a case that is in court"


def test_reasons_and_messages_with_a_mistake_are_named_and_kept(admin: Desk, site: Site) -> None:
    typed = fields_of(admin.get(f"{BASE}/reasons").text)
    for wrong, field in (
        ({"reasons.2.words": "x" * 101}, "reasons.2.words"),
        ({"reasons.10.words": "Mine", "reasons.10.key": "approved", "reasons.10.category": "other"}, "reasons.10.key"),
        ({"reasons.10.words": "Mine", "reasons.10.key": "mine", "reasons.10.category": ""}, "reasons.10.category"),
        ({"messages.1.text": f"Dear {{nobody}} {EVIL}"}, "messages.1.text"),
        ({"messages.1.text": "Dear", "messages.1.language": "?"}, "messages.1.language"),
        ({f"reasons.{n}.hidden": "on" for n in range(1, 10)}, "reasons"),
    ):
        answer = admin.post(f"{BASE}/reasons", typed | wrong)
        assert answer.status_code == 422, wrong
        assert f'href="#{field}"' in answer.text
        assert EVIL not in answer.text
        kept = fields_of(answer.text)
        assert {name: kept.get(name) for name in wrong} == wrong
    assert admin.post(f"{BASE}/reasons", typed | {"version": "0"}).status_code == 409
    assert versions(site) == []


def test_reasons_saved_as_they_are_change_nothing(admin: Desk, site: Site) -> None:
    assert admin.post(f"{BASE}/reasons", fields_of(admin.get(f"{BASE}/reasons").text)).status_code == 302
    db.session.refresh(site)
    assert site.reasons is None
    assert list(offered_reasons(site).values()) == list(REJECT_REASONS.values())


# Sections


def test_a_section_has_its_own_rules_and_the_rest_from_the_site(admin: Desk, site: Site) -> None:
    make_article(site, section="Sport")
    assert "Sport" in admin.get(f"{BASE}/sections").text
    opened = admin.post(f"{BASE}/sections", token(admin, "/sections") | {"name": " Politics "})
    assert opened.location.endswith("section?name=Politics")
    path = "/section?name=Politics"
    own = {"premoderate": "on", "max_links": "0", "hold_insult": "0,4", "reject_insult": ""}
    assert admin.post(f"{BASE}/section", fields_of(admin.get(f"{BASE}{path}").text) | own).status_code == 302
    assert "Insult: hold from 0.4" in admin.get(f"{BASE}/sections").text
    db.session.refresh(site)
    policy = site.policy
    assert policy.sections == {"Politics": {"premoderate": True, "max_links": 0, "hold_at": {"insult": 0.4}}}
    there = policy.within(" POLITICS ")
    assert (there.premoderate, there.max_links, there.hold_at["insult"], there.hold_at["threat"]) == (True, 0, 0.4, 0.3)
    assert policy.within("Sport") == policy
    again = fields_of(admin.get(f"{BASE}{path}").text)
    wrong = admin.post(f"{BASE}/section", again | {"max_links": "many", "hold_threat": "2"})
    assert wrong.status_code == 422
    assert 'id="max_links-error"' in wrong.text
    assert 'id="hold_threat-error"' in wrong.text
    assert admin.post(f"{BASE}/section", again | {"version": "0"}).status_code == 409
    assert admin.post(f"{BASE}/section", again | {"remove": "1"}).status_code == 302
    db.session.refresh(site)
    assert site.policy == Policy()
    assert admin.post(f"{BASE}/sections", token(admin, "/sections") | {"name": "x" * 101}).status_code == 422


# A text tried out


def test_a_text_is_tried_out_and_nothing_is_kept(admin: Desk, site: Site) -> None:
    admin.post(f"{BASE}/phrases", token(admin, "/phrases") | {"list": "banned", "phrases": "snake oil"})
    before = len(versions(site))
    form = token(admin, "/test") | {"try_text": f"Pure sn4ke oil {EVIL}", "try_author": "member"}
    shown = admin.post(f"{BASE}/test", form)
    assert shown.status_code == 200
    assert "Banned: “snake oil”" in shown.text or "“snake oil”" in shown.text
    assert '<mark class="phrase">sn4ke oil</mark>' in shown.text
    assert "It would be held for a community manager" in shown.text
    assert EVIL not in shown.text
    assert "It would be published at once" in admin.post(f"{BASE}/test", form | {"try_author": "staff"}).text
    assert admin.post(f"{BASE}/test", form | {"try_text": " "}).status_code == 422
    assert admin.post(f"{BASE}/test", form | {"try_text": "x" * 5001}).status_code == 422
    draft = fields_of(admin.get(f"{BASE}/screening").text) | {"try": "1", "try_text": "A calm word.", "premoderate": "on"}
    tried = admin.post(f"{BASE}/screening", draft)
    assert "It would be held for a community manager" in tried.text
    assert "Every comment on this site is read before it is published." in tried.text
    assert len(versions(site)) == before
    assert not db.session.get_one(Site, site.id).policy.premoderate
