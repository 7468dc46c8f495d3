"""Signing up, in and out, sessions, the profile and keys, as a program does them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from tests.accounts.browsing import code_in, link_in, mails
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_site, make_user

pytestmark = pytest.mark.once

PASSWORD = "seven green umbrellas"
NEW = {"email": "ada@example.org", "display_name": "Ada Byron", "password": PASSWORD}


def test_signing_up_leads_through_the_mail_to_a_token(app: Flask, anyone: Caller) -> None:
    started = anyone.post("/registrations", NEW)
    assert started.status_code == 201
    assert started.json["email"] == "ada@example.org"
    path = f"/registrations/{started.json['handle']}/verification"
    wrong = anyone.post(path, {"code": "not it"})
    assert (wrong.status_code, problem(wrong)["code"]) == (422, "code_wrong")
    assert problem(wrong)["errors"][0]["field"] == "code"
    done = anyone.post(path, {"code": code_in(mails()[0])})
    assert done.status_code == 201
    assert done.json["user"]["display_name"] == "Ada Byron"
    ada = Caller(app, done.json["token"])
    assert ada.get("/me").json == done.json["user"]
    again = anyone.post(path, {"code": code_in(mails()[0])})
    assert problem(again)["code"] == "registration_expired"


def test_signing_up_tells_nobody_that_an_address_is_known(anyone: Caller) -> None:
    make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    known = anyone.post("/registrations", NEW)
    fresh = anyone.post("/registrations", NEW | {"email": "eve@example.org"})
    assert known.status_code == fresh.status_code == 201
    assert set(known.json) == set(fresh.json)


def test_the_mail_is_sent_again_but_not_at_once(anyone: Caller) -> None:
    handle = anyone.post("/registrations", NEW).json["handle"]
    soon = anyone.post(f"/registrations/{handle}/resend")
    assert soon.status_code == 429
    assert 0 < int(soon.headers["Retry-After"]) <= 60
    assert anyone.post("/registrations/unknown/resend").status_code == 422


def test_sign_in_says_the_same_for_unknown_address_and_wrong_password(anyone: Caller) -> None:
    make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    wrong = anyone.post("/sessions", {"email": "ada@example.org", "password": "six red umbrellas"})
    unknown = anyone.post("/sessions", {"email": "bob@example.org", "password": "six red umbrellas"})
    assert wrong.status_code == unknown.status_code == 422
    first, second = problem(wrong), problem(unknown)
    assert first.pop("instance") != second.pop("instance")
    assert first == second


def test_sessions_are_listed_and_revoked(app: Flask, anyone: Caller) -> None:
    make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    tokens = []
    for agent in ("phone", "laptop"):
        signed_in = anyone.post("/sessions", {"email": "Ada@Example.org", "password": PASSWORD}, headers={"User-Agent": agent})
        assert signed_in.status_code == 201
        tokens.append(signed_in.json["token"])
    laptop, phone = Caller(app, tokens[1]), Caller(app, tokens[0])
    listed = laptop.get("/sessions").json["sessions"]
    assert {(s["device"], s["current"]) for s in listed} == {("phone", False), ("laptop", True)}
    other = next(s["id"] for s in listed if not s["current"])
    assert laptop.delete(f"/sessions/{other}").status_code == 204
    assert problem(laptop.delete(f"/sessions/{other}"))["code"] == "not_found"
    assert problem(phone.get("/me"))["code"] == "token_invalid"
    assert laptop.delete("/sessions/current").status_code == 204
    refused = laptop.get("/me")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_nobody_ends_somebody_elses_session(session_of: Callable[[User], Caller]) -> None:
    ada, eve = session_of(make_user()), session_of(make_user())
    hers = ada.get("/sessions").json["sessions"][0]["id"]
    assert eve.delete(f"/sessions/{hers}").status_code == 404
    assert ada.get("/me").status_code == 200


def test_a_forgotten_password_is_replaced_through_the_mail(app: Flask, anyone: Caller, session_of: Callable[[User], Caller]) -> None:
    ada = make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    before = session_of(ada)
    known = anyone.post("/password-resets", {"email": "ada@example.org"})
    unknown = anyone.post("/password-resets", {"email": "nobody@example.org"})
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data) == (202, b"")
    token = link_in(mails()[0]).rsplit("/", 1)[1]
    stolen = problem(anyone.put(f"/password-resets/{token}", {"password": "010983066v"}))
    assert (stolen["errors"][0]["field"], stolen["code"]) == ("password", "password_breached")
    weak = anyone.put(f"/password-resets/{token}", {"password": "password12"})
    assert (weak.status_code, problem(weak)["errors"][0]["field"]) == (422, "password")
    assert anyone.put(f"/password-resets/{token}", {"password": "nine brass doorbells"}).status_code == 204
    assert problem(anyone.put(f"/password-resets/{token}", {"password": "ten brass doorbells"}))["code"] == "reset_expired"
    assert before.get("/me").status_code == 401
    assert anyone.post("/sessions", {"email": "ada@example.org", "password": "nine brass doorbells"}).status_code == 201


def test_the_profile_can_be_renamed(paper: Paper) -> None:
    assert paper.member.patch("/me", {"display_name": "  Mia   M.  "}).json["display_name"] == "Mia M."
    refused = paper.member.patch("/me", {"display_name": "\u200b"})
    assert problem(refused)["errors"][0]["field"] == "display_name"
    assert paper.manager.get("/me").json["roles"] == [{"site_key": paper.site.key, "role": "community_manager"}]


def test_a_key_does_what_its_scopes_say_and_no_more(app: Flask, paper: Paper) -> None:
    asked: dict[str, Any] = {"name": "importer", "scopes": ["manage_articles", "read"], "site_key": paper.site.key}
    made = paper.manager.post("/api-keys", asked)
    assert made.status_code == 201
    key = Caller(app, made.json["secret"])
    assert made.json["secret"].startswith(made.json["prefix"])
    assert key.get("/me").json["scopes"] == ["manage_articles", "read"]
    article = {"url": "https://news.example/new", "title": "New"}
    assert key.post(f"/sites/{paper.site.key}/articles", article).status_code == 201
    assert key.get(f"/sites/{paper.site.key}/queues").status_code == 403
    assert key.post(paper.comments, {"body": "Hello from a program."}).status_code == 403
    listed = paper.manager.get("/api-keys").json["api_keys"]
    assert [(k["name"], k["site_key"]) for k in listed] == [("importer", paper.site.key)]
    assert "secret" not in listed[0]
    assert paper.member.delete(f"/api-keys/{made.json['id']}").status_code == 404
    assert paper.manager.delete(f"/api-keys/{made.json['id']}").status_code == 204
    assert problem(key.get("/me"))["code"] == "token_invalid"


def test_a_key_tied_to_a_site_is_nothing_elsewhere(paper: Paper, key_of: Callable[..., Caller]) -> None:
    other = make_site()
    user = make_user(role=Role.ADMIN, site=other)
    key = key_of(user, "manage_site", "read", site=other)
    assert key.get(f"/sites/{other.key}").json["version"] == 1
    assert key.get(f"/sites/{paper.site.key}").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sessions", None), ("DELETE", "/sessions/current", None), ("DELETE", "/sessions/1", None),
        ("PATCH", "/me", {"display_name": "Robot"}), ("GET", "/api-keys", None),
        ("POST", "/api-keys", {"name": "x", "scopes": ["read"]}), ("DELETE", "/api-keys/1", None),
    ],
)
def test_what_concerns_the_account_is_not_for_keys(
    key_of: Callable[..., Caller], method: str, path: str, body: Any
) -> None:
    refused = key_of(make_user(), "read", "post").call(method, path, body)
    assert (refused.status_code, problem(refused)["code"]) == (403, "key_not_allowed")


def test_nobody_makes_a_key_for_more_than_she_may(paper: Paper) -> None:
    for scopes, field in ([["review"], "scopes"], [[], "scopes"], [["everything"], "scopes.0"]):
        refused = paper.member.post("/api-keys", {"name": "greedy", "scopes": scopes})
        assert refused.status_code == 422
        assert problem(refused)["errors"][0]["field"] == field
    assert paper.member.post("/api-keys", {"name": "x", "scopes": ["read"], "site_key": "nowhere"}).status_code == 404


def test_cookies_carry_no_authority(app: Flask, paper: Paper) -> None:
    refused = paper.reader.get("/me", headers={"Cookie": f"commentsvc={paper.member.token}"})
    assert refused.status_code == 401
    assert "Set-Cookie" not in refused.headers
