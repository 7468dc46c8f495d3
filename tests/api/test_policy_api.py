"""The policy through the API: sections, versions, phrases, reasons, and a text tried out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from commentsvc import create_app, tasks
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.config import Settings
from commentsvc.extensions import db, limiter
from commentsvc.sites.models import Site
from tests.api.conftest import Caller
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.once


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post")


@pytest.fixture
def admin(app: Flask, site: Site) -> Caller:
    return _caller(app, site, Role.ADMIN)


def _caller(app: Flask, site: Site, role: Role) -> Caller:
    token = start_session(make_user("Ada", role=role, site=site), device="a test")
    db.session.commit()
    return Caller(app, token)


def test_a_section_inherits_what_it_does_not_set(admin: Caller) -> None:
    changed = admin.patch("/sites/post", {"policy": {"max_links": 5, "sections": {"Politics": {"premoderate": True, "hold_at": {"insult": 0.4}}}}})
    assert changed.status_code == 200
    there = admin.get("/sites/post/policy?section=politics").json
    assert there["own"] == {"premoderate": True, "hold_at": {"insult": 0.4}}
    assert (there["policy"]["premoderate"], there["policy"]["max_links"], there["policy"]["hold_at"]["threat"]) == (True, 5, 0.3)
    assert admin.get("/sites/post/policy").json["own"] == {}
    wrong = admin.patch("/sites/post", {"policy": {"sections": {"Politics": {"max_length": 5}}}})
    assert wrong.status_code == 422


def test_versions_are_listed_with_what_they_changed_and_come_back(admin: Caller, site: Site) -> None:
    for links in (4, 3, 2, 1):
        assert admin.patch("/sites/post", {"policy": {"max_links": links}, "comment": f"links {links}"}).status_code == 200
    first = admin.get("/sites/post/policy/versions?limit=2").json
    assert [v["number"] for v in first["versions"]] == [5, 4]
    assert first["versions"][0]["comment"] == "links 1"
    assert first["versions"][0]["actor"]["name"] == "Ada"
    rest = admin.get(f"/sites/post/policy/versions?limit=2&before={first['next']}").json
    assert [v["number"] for v in rest["versions"]] == [3, 2]
    assert admin.get("/sites/post/policy/versions?before=2").json["next"] is None
    one = admin.get("/sites/post/policy/versions/2").json
    assert one["differences"] == [{"path": ["policy", "max_links"], "before": 2, "after": 4, "added": [], "removed": []}]
    assert one["going_back"] == [{"path": ["policy", "max_links"], "before": 1, "after": 4, "added": [], "removed": []}]
    stale = admin.post("/sites/post/policy/versions/2/restore", {"version": 1})
    assert stale.status_code == 409
    made = admin.post("/sites/post/policy/versions/2/restore", {"version": stale.json["current"]["version"], "comment": "as it was"})
    assert (made.status_code, made.json["number"], made.json["restores"]) == (201, 6, 2)
    assert admin.get("/sites/post").json["policy"]["max_links"] == 4
    assert admin.post("/sites/post/policy/versions/2/restore", {}).status_code == 409
    assert admin.get("/sites/post/policy/versions/99").status_code == 404


def test_phrases_are_changed_beside_what_else_is_on_the_lists(admin: Caller, site: Site) -> None:
    admin.patch("/sites/post", {"policy": {"banned_phrases": ["old one", "stays"]}})
    changed = admin.patch("/sites/post/phrases", {
        "add": [{"phrase": " snake  oil ", "list": "suspect", "note": "March"}, {"phrase": "stays", "list": "suspect"}], "remove": ["old one"],
    })
    assert changed.json == {"added": 1, "moved": 1, "noted": 0, "known": 0, "removed": 1}
    listed = admin.get("/sites/post/phrases?list=suspect&q=snake").json
    assert listed["total"] == 1
    [phrase] = listed["phrases"]
    assert (phrase["phrase"], phrase["note"], phrase["added_by"]["name"]) == ("snake oil", "March", "Ada")
    assert admin.get("/sites/post/phrases").json["total"] == 2
    for wrong in ([{"phrase": "???", "list": "banned"}], [{"phrase": "x", "list": "other"}], [{"phrase": "x" * 101, "list": "banned"}]):
        assert admin.patch("/sites/post/phrases", {"add": wrong}).status_code == 422


def test_a_sites_own_reason_is_one_to_reject_with(admin: Caller, app: Flask, site: Site) -> None:
    own = {"key": "in_court", "words": "About a case in court", "category": "other"}
    message = {"reason": "in_court", "language": "en-gb", "text": "Dear {name}"}
    assert admin.patch("/sites/post", {"reasons": [own], "messages": [message]}).status_code == 200
    manager = _caller(app, site, Role.COMMUNITY_MANAGER)
    found = manager.get("/sites/post/reasons").json
    assert found["reasons"][0] == own | {"hidden": False}
    assert len(found["reasons"]) == 10
    assert found["messages"] == [message | {"language": "en-GB"}]
    author = make_user()
    comment = make_comment(make_article(site), author, status=Status.HELD)
    decided = manager.post(f"/comments/{comment.id}/decisions", {"action": "reject", "reason": "in_court", "version": comment.version})
    assert (decided.status_code, decided.json["reason"], decided.json["site_reason"]) == (201, "other", "in_court")
    mine = Caller(app, start_session(author, device="a test")).get(f"/comments/{comment.id}").json
    assert (mine["reason"], mine["reason_text"]) == ("other", "About a case in court")
    unknown = manager.post(f"/comments/{comment.id}/decisions", {"action": "reject", "reason": "nonsense", "version": comment.version})
    assert unknown.status_code == 422
    assert admin.patch("/sites/post", {"reasons": None}).status_code == 200
    assert admin.patch("/sites/post", {"messages": [message]}).status_code == 422  # its reason is gone


def test_a_text_is_tried_with_changes_that_are_not_saved(admin: Caller, site: Site) -> None:
    admin.patch("/sites/post", {"policy": {"suspect_phrases": ["snake oil"], "sections": {"Sport": {"premoderate": True}}}})
    tried = admin.post("/sites/post/policy/test", {"text": "Pure sn4ke oil at https://a.example", "policy": {"max_links": 0}}).json
    said: dict[str, Any] = {step["phase"]: step for step in tried["steps"]}
    assert tried["verdict"] == "hold"
    assert said["suspect_phrases"]["decides"]
    assert said["suspect_phrases"]["finding"]["matches"] == [{"start": 5, "end": 14, "phrase": "snake oil"}]
    assert said["links"]["finding"]["verdict"] == "hold"
    assert said["length"]["finding"] is None
    assert tried["scores"] is None or 0 <= tried["scores"]["toxicity"] <= 1
    staff = admin.post("/sites/post/policy/test", {"text": "Pure snake oil", "author": "staff"}).json
    assert staff["verdict"] == "publish"
    assert not next(step for step in staff["steps"] if step["phase"] == "suspect_phrases")["reached"]
    calm = "The council meets again on Tuesday."
    assert admin.post("/sites/post/policy/test", {"text": calm, "section": "SPORT"}).json["verdict"] == "hold"
    assert admin.get("/sites/post").json["policy"]["max_links"] == 2
    assert admin.post("/sites/post/policy/test", {"text": calm, "policy": {"max_links": 5000}}).status_code == 422


def test_texts_tried_out_are_limited(app: Flask, site: Site, admin: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", False)  # put back afterwards, for the tests' application
    strict = create_app(replace(settings, RATE_LIMITS=True, LIMIT_TRIAL="2 per minute"))
    caller = Caller(strict, admin.token)
    text = {"text": "A text.", "policy": {"max_links": 1}}
    answers = [caller.post("/sites/post/policy/test", text) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    with strict.app_context():
        db.engine.dispose()
    strict.extensions[tasks.EXTENSION].huey.storage.close()
