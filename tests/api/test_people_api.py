"""People, sanctions, notes, sweeps and merges for programs."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.sweeps import BATCH, run_due_sweeps
from commentsvc.sites.models import Site
from tests.api.conftest import Caller, Paper
from tests.factories import make_comment, make_site, make_user


def test_a_program_finds_a_person_sanctions_her_and_ends_it(app: Flask, paper: Paper) -> None:
    ada = make_user("Ada Lovelace", email="ada@mail.example")
    comment = make_comment(paper.article, ada)
    base = f"/sites/{paper.site.key}"
    found = paper.manager.get(f"{base}/people?q=lovel").json["people"]
    assert [(p["name"], p["email"], p["level"], p["record"]["published"]) for p in found] == [("Ada Lovelace", "a…@mail.example", "new", 1)]
    assert paper.manager.get(f"{base}/people?email=ada@mail.example").status_code == 403
    assert [p["email"] for p in paper.admin.get(f"{base}/people?email=ada@mail.example").json["people"]] == ["ada@mail.example"]
    until = (utcnow() + dt.timedelta(days=2)).replace(microsecond=0)
    sent = {"kind": "suspend", "reason": "abuse", "message": "Two days.", "ends_at": until.isoformat()}
    made = paper.manager.post(f"{base}/people/{ada.id}/sanctions", sent)
    assert made.status_code == 201, made.text
    assert made.json["holds"] is True
    assert made.json["ends_at"] == until.isoformat().replace("+00:00", "Z")
    again = paper.admin.post(f"{base}/people/{ada.id}/sanctions", sent)
    assert (again.status_code, again.json["code"], again.json["current"]["kind"]) == (409, "already_sanctioned", "suspend")
    hers = Caller(app, start_session(ada, device="a program"))
    other = make_comment(paper.article)
    for answer in (
        hers.post(f"/articles/{paper.article.id}/comments", {"body": "Hello."}),
        hers.put(f"/comments/{other.id}/vote", {"value": 1}), hers.post(f"/comments/{other.id}/flags", {"reason": "spam"}),
    ):
        assert (answer.status_code, answer.json["code"], answer.json["sanction"]["message"]) == (403, "suspended", "Two days.")
    own = hers.get("/me/sanctions").json["sanctions"]
    assert [(s["kind"], s["site_key"], s["holds"], s["reason_text"]) for s in own] == [
        ("suspend", paper.site.key, True, "Personal attack or insult")
    ]
    assert hers.post(f"/me/sanctions/{own[0]['id']}/read").status_code == 409
    listed = paper.manager.get(f"{base}/people/{ada.id}/sanctions").json["sanctions"]
    assert [(s["refused"], s["held"]) for s in listed] == [(3, 0)]
    ended = paper.manager.post(f"{base}/sanctions/{made.json['id']}/end", {"note": "Sorry."})
    assert (ended.status_code, ended.json["holds"], ended.json["end_note"]) == (200, False, "Sorry.")
    assert paper.manager.get(f"{base}/sanctions?holding=true").json["sanctions"] == []
    events = paper.manager.get(f"{base}/people/{ada.id}/timeline").json["events"]
    assert [e["kind"] for e in events] == ["sanction_end", "sanction", "comment"]
    assert events[-1]["comment_id"] == str(comment.id)
    assert hers.post(f"/me/sanctions/{own[0]['id']}/read").status_code == 204


@pytest.mark.parametrize("ends_at", ["soon", "2026-12-24T18:00:00", 7, "9999-12-31T23:59:59-14:00"])
def test_a_time_has_a_zone(paper: Paper, ends_at: object) -> None:
    ada = make_comment(paper.article).author_id
    answer = paper.manager.post(f"/sites/{paper.site.key}/people/{ada}/sanctions", {"kind": "suspend", "reason": "abuse", "ends_at": ends_at})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "ends_at")


def test_another_sites_people_do_not_exist(paper: Paper) -> None:
    other = make_site()
    ada = make_comment(paper.article).author_id
    for path in (f"/sites/{other.key}/people/{ada}", f"/sites/{paper.site.key}/people/{ada}"):
        assert paper.stranger.get(path).status_code in {403, 404}
    bob = make_user()
    assert paper.manager.get(f"/sites/{paper.site.key}/people/{bob.id}").status_code == 404
    assert paper.manager.post(f"/sites/{paper.site.key}/people/{bob.id}/notes", {"body": "x"}).status_code == 404


def test_notes_are_ones_own(paper: Paper) -> None:
    ada = make_comment(paper.article).author_id
    base = f"/sites/{paper.site.key}"
    note = paper.manager.post(f"{base}/people/{ada}/notes", {"body": "Kind in person."})
    assert note.status_code == 201
    path = f"{base}/notes/{note.json['id']}"
    assert paper.admin.patch(path, {"body": "Mine."}).status_code == 403
    assert paper.manager.patch(path, {"body": "Kind, in person."}).json["body"] == "Kind, in person."
    assert [n["body"] for n in paper.admin.get(f"{base}/people/{ada}/notes").json["notes"]] == ["Kind, in person."]
    assert paper.manager.call("DELETE", path).status_code == 204
    assert paper.manager.get(f"{base}/people/{ada}/notes").json["notes"] == []


def test_a_sweep_is_begun_watched_and_taken_back(paper: Paper) -> None:
    spammer = make_user()
    for n in range(BATCH + 1):
        make_comment(paper.article, spammer, f"Buy {n}.")
    base = f"/sites/{paper.site.key}"
    begun = paper.manager.post(f"{base}/people/{spammer.id}/sweeps", {"reason": "spam"})
    assert (begun.status_code, begun.json["state"], begun.json["seen"], begun.json["total"]) == (202, "running", BATCH, BATCH + 1)
    run_due_sweeps()
    path = f"{base}/sweeps/{begun.json['id']}"
    done = paper.manager.get(path).json
    assert (done["state"], done["rejected"]) == ("done", BATCH + 1)
    assert paper.manager.post(f"{path}/undo").status_code == 202
    run_due_sweeps()
    assert (paper.manager.get(path).json["state"], paper.manager.get(path).json["restored"]) == ("undone", BATCH + 1)
    assert paper.manager.post(f"{path}/undo").status_code == 409


def test_accounts_are_merged_by_an_admin_of_every_site_who_types_the_name(app: Flask, paper: Paper) -> None:
    kept, twin = make_user("Ada"), make_user("Ada B.")
    for user in (kept, twin):
        make_comment(paper.article, user, status=Status.PUBLISHED)
    other = make_site()
    path = f"/sites/{paper.site.key}/people/{kept.id}/merge"
    given = {"other_id": str(twin.id), "typed_name": "Ada B."}
    assert paper.admin.post(path, given).json["code"] == "not_all_sites"
    boss = make_user(role=Role.ADMIN, site=paper.site)
    for site in db.session.scalars(select(Site)).all():
        grant_role(site, boss, Role.ADMIN)
    assert other.id
    hers = Caller(app, start_session(boss, device="a program"))
    assert hers.post(path, given | {"typed_name": "Ada"}).json["errors"][0]["field"] == "typed_name"
    merged = hers.post(path, given)
    assert (merged.status_code, merged.json["comments"]) == (200, 1)
    gone = hers.get(f"/sites/{paper.site.key}/people/{twin.id}").json
    assert gone["merged_into"] == {"id": str(kept.id), "name": "Ada"}


def test_the_policy_takes_rules_about_people(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}"
    rules = [{"domain": "throwaway.example", "action": "refuse", "reason": "Ten minutes", "subdomains": True}]
    saved = paper.admin.patch(path, {"policy": {"email_rules": rules, "trust_pace": 30, "repeat_rejections": 3}})
    assert (saved.status_code, saved.json["policy"]["email_rules"], saved.json["policy"]["trust_pace"]) == (200, rules, 30)
    wrong = paper.admin.patch(path, {"policy": {"email_rules": [rules[0] | {"domain": "no domain"}]}})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "policy.email_rules")
