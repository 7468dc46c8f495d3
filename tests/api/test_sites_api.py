"""Sites, roles and articles."""

from __future__ import annotations

from typing import Any

import pytest

from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_user

pytestmark = pytest.mark.once


def test_readers_see_the_words_and_admins_the_settings(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}"
    seen = paper.reader.get(path)
    assert set(seen.json) == {"key", "name", "welcome_text", "guidelines_html", "language"}
    assert seen.json["welcome_text"].startswith(f"Welcome to {paper.site.name} comments!")
    assert set(paper.manager.get(path).json) == set(seen.json)
    admin = paper.admin.get(path).json
    assert admin["origins"] == ["https://news.example"]
    assert admin["policy"]["max_links"] == 2
    assert "origins" not in paper.stranger.get(path).json


def test_a_change_touches_what_it_names_and_moves_the_version(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}"
    before = paper.admin.get(path).json
    after = paper.admin.patch(path, {
        "guidelines": "Be *kind*. <script>alert(1)</script>", "origins": ["HTTPS://News.Example:443/", "https://m.news.example"],
        "policy": {"max_links": 0, "hold_at": {"threat": 0.2}, "banned_phrases": ["snake oil"]},
    }).json
    assert after["version"] == before["version"] + 1
    assert after["name"] == before["name"]
    assert after["origins"] == ["https://news.example", "https://m.news.example"]
    assert after["policy"] == before["policy"] | {
        "max_links": 0, "banned_phrases": ["snake oil"], "hold_at": before["policy"]["hold_at"] | {"threat": 0.2},
    }
    assert "<em>kind</em>" in after["guidelines_html"]
    assert "<script>" not in after["guidelines_html"]


def test_the_second_of_two_admins_overwrites_nothing(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}"
    assert paper.admin.patch(path, {"name": "First", "version": 1}).status_code == 200
    refused = paper.admin.patch(path, {"name": "Second", "version": 1})
    assert (refused.status_code, problem(refused)["current"]) == (409, {"version": 2})
    assert paper.reader.get(path).json["name"] == "First"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"origins": ["https://news.example/path"]}, "origins"),
        ({"origins": ["http://["]}, "origins"),
        ({"origins": "https://news.example"}, "origins"),
        ({"origins": [7]}, "origins.0"),
        ({"policy": {"max_links": -1}}, "policy.max_links"),
        ({"policy": {"max_links": "2"}}, "policy.max_links"),
        ({"policy": {"max_links": True}}, "policy.max_links"),
        ({"policy": {"reject_clear": 1}}, "policy.reject_clear"),
        ({"policy": {"hold_at": {"rudeness": 0.5}}}, "policy.hold_at.rudeness.key"),
        ({"policy": {"hold_at": {"threat": 1.5}}}, "policy.hold_at"),
        ({"policy": {"hold_at": {"threat": "high"}}}, "policy.hold_at.threat.value"),
        ({"policy": {"banned_phrases": ["..."]}}, "policy.banned_phrases"),
        ({"policy": {"colour": "red"}}, "policy.colour"),
        ({"policy": []}, "policy"),
        ({"name": ""}, "name"), ({"name": "\u200b"}, "name"), ({"name": "x" * 201}, "name"), ({"name": None}, "name"),
        ({"welcome": "x" * 2001}, "welcome"), ({"guidelines": "NUL \x00"}, "guidelines"),
        ({"owner": "me"}, "owner"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(paper: Paper, change: dict[str, Any], field: str) -> None:
    refused = paper.admin.patch(f"/sites/{paper.site.key}", {"name": "Changed"} | change)
    assert refused.status_code == 422
    assert problem(refused)["errors"][0]["field"] == field
    assert db.session.get_one(Site, paper.site.id, populate_existing=True).version == 1


def test_an_admin_opens_another_site_and_runs_it(paper: Paper) -> None:
    new = {"key": "evening-post", "name": "Evening Post", "origins": ["https://post.example"]}
    for caller, status in [(paper.reader, 401), (paper.member, 403), (paper.manager, 403)]:
        assert caller.post("/sites", new).status_code == status
    made = paper.admin.post("/sites", new)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/sites/evening-post")
    assert paper.admin.patch("/sites/evening-post", {"name": "The Post"}).status_code == 200
    taken = paper.admin.post("/sites", new)
    assert (taken.status_code, problem(taken)["code"]) == (409, "key_taken")
    for key in ("Evening", "-post", "a" * 61, "", "a/b", "post\n"):
        assert paper.admin.post("/sites", new | {"key": key}).status_code == 422


def test_roles_are_granted_and_taken(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/roles"
    somebody = make_user("Nia New", email="nia@example.org")
    assert paper.manager.get(path).status_code == 403
    granted = paper.admin.put(f"{path}/{somebody.id}", {"role": "community_manager"})
    assert granted.json == {"user": {"id": str(somebody.id), "name": "Nia New"}, "role": "community_manager"}
    assert paper.admin.put(f"{path}/{somebody.id}", {"role": "expert"}).json["role"] == "expert"
    listed = paper.admin.get(path).json["roles"]
    assert listed[0]["role"] == "admin"
    assert {r["user"]["name"]: r["role"] for r in listed}["Nia New"] == "expert"
    assert paper.admin.delete(f"{path}/{somebody.id}").status_code == 204
    assert paper.admin.delete(f"{path}/{somebody.id}").status_code == 404
    assert paper.admin.put(f"{path}/999999", {"role": "expert"}).status_code == 404
    assert (listed[0]["granted_by"], listed[0]["second_factor"]) == (None, False)
    assert listed[-1]["granted_by"] == paper.people["admin"].display_name
    assert paper.admin.put(f"{path}/{somebody.id}", {"role": "member"}).status_code == 422
    last = paper.admin.delete(f"{path}/{paper.people['admin'].id}")
    assert (last.status_code, problem(last)["code"]) == (409, "last_admin")


def test_an_article_is_registered_once_and_found_by_any_spelling(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/articles"
    new = {"url": "https://NEWS.example/bridge#top", "title": "The bridge"}
    made = paper.manager.post(path, new)
    assert (made.status_code, made.json["url"]) == (201, "https://news.example/bridge")
    assert made.headers["Location"] == f"/api/v1/articles/{made.json['id']}"
    again = paper.manager.post(path, new | {"title": "Renamed"})
    assert (again.status_code, again.json["title"], again.json["id"]) == (200, "The bridge", made.json["id"])
    assert paper.reader.get(path, query_string={"url": "https://news.example/bridge#x"}).json == {"articles": [made.json]}
    assert paper.reader.get(path, query_string={"url": "https://news.example/other"}).json == {"articles": []}
    assert paper.reader.get(made.headers["Location"]).json == made.json


def test_only_the_sites_own_addresses_become_articles(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/articles"
    foreign = paper.manager.post(path, {"url": "https://evil.example/a", "title": "A"})
    assert (foreign.status_code, problem(foreign)["code"]) == (403, "foreign_origin")
    for url in ("not an address", "javascript:alert(1)", "https://news.example/" + "x" * 2000, "https://news.example/" + "漢" * 1500, "http://["):
        assert paper.manager.post(path, {"url": url, "title": "A"}).status_code == 422, url
    for title in ("", " \n", "x" * 501):
        assert paper.manager.post(path, {"url": "https://news.example/a", "title": title}).status_code == 422
    for caller, status in [(paper.reader, 401), (paper.member, 403), (paper.expert, 403), (paper.stranger, 403)]:
        assert caller.post(path, {"url": "https://news.example/a", "title": "A"}).status_code == status


def test_an_article_stands_in_a_section_of_the_paper(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/articles"
    made = paper.manager.post(path, {"url": "https://news.example/vote", "title": "The vote", "section": " City  Hall\n"})
    assert (made.status_code, made.json["section"]) == (201, "City Hall")
    again = paper.manager.post(path, {"url": "https://news.example/vote", "title": "The vote", "section": "Sports"})
    assert (again.status_code, again.json["section"]) == (200, "City Hall")
    assert paper.manager.patch(f"/articles/{made.json['id']}", {"section": "Politics"}).json["section"] == "Politics"
    assert paper.manager.patch(f"/articles/{made.json['id']}", {"closed": True}).json["section"] == "Politics"
    assert paper.manager.patch(f"/articles/{made.json['id']}", {"section": " "}).json["section"] == ""
    assert paper.manager.patch(f"/articles/{made.json['id']}", {"section": "x" * 101}).status_code == 422
    assert paper.manager.post(path, {"url": "https://news.example/b", "title": "B"}).json["section"] == ""
    assert paper.member.patch(f"/articles/{made.json['id']}", {"section": "Mine"}).status_code == 403


def test_an_article_can_be_closed_premoderated_and_renamed(paper: Paper) -> None:
    path = f"/articles/{paper.article.id}"
    changed = paper.manager.patch(path, {"closed": True, "premoderated": True, "title": " New  title "})
    assert (changed.json["closed"], changed.json["premoderated"], changed.json["title"]) == (True, True, "New title")
    version = paper.article.version
    assert paper.manager.patch(path, {"premoderated": False}).json["closed"] is True
    assert paper.article.version > version
    refused = paper.member.post(paper.comments, {"body": "Too late?"})
    assert (refused.status_code, problem(refused)["code"]) == (409, "article_closed")
    assert paper.manager.patch(path, {"closed": False}).json["closed"] is False
    assert paper.member.post(paper.comments, {"body": "In time."}).status_code == 201
    assert paper.stranger.patch(path, {"closed": True}).status_code == 403
    assert paper.manager.patch(path, {"closed": "yes"}).status_code == 422
    assert paper.manager.patch("/articles/999999", {"closed": True}).status_code == 404


def test_counts_answer_for_many_articles_at_once(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/counts"
    paper.manager.post(paper.comments, {"body": "Staff are published at once."})
    unknown = "https://news.example/unknown"
    found = paper.reader.get(path, query_string={"url": [paper.article.url, unknown]})
    assert found.json == {"counts": {paper.article.url: 1, unknown: 0}}
    assert found.headers["Cache-Control"] == "public, max-age=30"
    assert paper.reader.get(path).status_code == 422
    assert paper.reader.get(path, query_string={"url": [f"https://news.example/{i}" for i in range(101)]}).status_code == 422


def test_the_sites_own_pages_may_read_and_no_others(paper: Paper) -> None:
    for path in (paper.comments, f"/sites/{paper.site.key}/counts?url={paper.article.url}", f"/articles/{paper.article.id}"):
        allowed = paper.reader.get(path, headers={"Origin": "https://news.example"})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://news.example"
        assert "Origin" in allowed.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        foreign = paper.reader.get(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
        assert "Origin" in foreign.headers["Vary"]
    private = paper.member.get(f"/articles/{paper.article.id}/mine", headers={"Origin": "https://news.example"})
    assert "Access-Control-Allow-Origin" not in private.headers


def test_unknown_sites_and_articles_are_not_found(anyone: Caller) -> None:
    for path in ("/sites/nowhere", "/sites/nowhere/counts?url=https://a.example/", "/articles/1", "/articles/1/comments", "/comments/1"):
        assert problem(anyone.get(path))["code"] == "not_found"
