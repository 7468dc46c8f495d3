"""Who may ask, and how much."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from commentsvc.accounts.api_keys import create_key, issue_key, revoke_key
from commentsvc.accounts.models import ApiKey
from commentsvc.accounts.permissions import Permission, Role
from commentsvc.accounts.roles import grant_role
from commentsvc.accounts.sessions import start_session
from commentsvc.budgets import budgets
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db, limiter
from commentsvc.perspective import keys
from commentsvc.perspective.keys import create_program_key, list_program_keys, revoke_program_key
from tests.factories import make_site, make_user
from tests.perspective.conftest import Ask, request, suggestion

MAY = {"admin"}  # of any site; a reader has no key


@pytest.mark.parametrize("role", ["member", "expert", "community_manager", "admin"])
@pytest.mark.parametrize("operation", ["analyze", "suggestscore"])
def test_a_key_needs_the_scope_and_its_owner_the_permission(ask: Ask, role: str, operation: str) -> None:
    site = make_site()
    owner = make_user(role=None if role == "member" else Role(role), site=site)
    _key, secret = issue_key(owner, "Blog", [Permission.ANALYZE.value])
    _key, narrow = issue_key(owner, "Blog", [Permission.READ.value])
    db.session.commit()
    body = request() if operation == "analyze" else suggestion()
    answer = ask(body, operation, key=secret)
    assert answer.status_code == (200 if role in MAY else 403)
    refused = ask(body, operation, key=narrow)
    assert (refused.status_code, refused.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert refused.json["error"]["details"][0]["reason"] == "API_KEY_SERVICE_BLOCKED"


def test_only_admins_can_make_such_a_key_themselves(app: Flask) -> None:
    site = make_site()
    for role in (None, Role.EXPERT, Role.COMMUNITY_MANAGER):
        person = make_user(role=role, site=site)
        with pytest.raises(Invalid):
            create_key(person, "Blog", ["analyze"], None)
    assert create_key(make_user(role=Role.ADMIN, site=site), "Blog", ["analyze"], None)


def test_a_key_ends_with_its_owner_s_role_and_when_revoked(ask: Ask) -> None:
    site = make_site()
    make_user(role=Role.ADMIN, site=site)
    owner = make_user(role=Role.ADMIN, site=site)
    key, secret = create_key(owner, "Blog", ["analyze"], site)
    db.session.commit()
    assert ask(request(), key=secret).status_code == 200
    grant_role(site, owner, Role.EXPERT)
    db.session.commit()
    assert ask(request(), key=secret).status_code == 403
    grant_role(site, owner, Role.ADMIN)
    revoke_key(owner, key.id)
    db.session.commit()
    assert ask(request(), key=secret).json["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_a_key_tied_to_a_site_where_the_owner_is_no_admin(ask: Ask) -> None:
    site, elsewhere = make_site(), make_site()
    owner = make_user(role=Role.ADMIN, site=site)
    _key, secret = issue_key(owner, "Blog", ["analyze"], elsewhere)
    db.session.commit()
    assert ask(request(), key=secret).status_code == 403


def test_neither_a_session_nor_a_bearer_token_is_a_key(client: FlaskClient, secret: str) -> None:
    token = start_session(make_user(role=Role.ADMIN, site=make_site()), device="test")
    db.session.commit()
    for given in (token, secret):
        answer = client.post("/v1alpha1/comments:analyze", json=request(), headers={"Authorization": f"Bearer {given}"})
        assert answer.status_code == 403
    assert client.post(f"/v1alpha1/comments:analyze?key={token}", json=request()).status_code == 400


def test_a_program_s_key_opens_nothing_else(client: FlaskClient, secret: str) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    assert client.patch("/api/v1/me", headers=headers, json={"display_name": "Other"}).status_code == 403
    assert client.post("/api/v1/sites", headers=headers, json={"key": "new", "name": "New", "origins": []}).status_code == 403


def test_keys_are_listed_and_revoked_by_how_they_begin(ask: Ask) -> None:
    key, secret = create_program_key("Other", quota="5 per minute")
    issue_key(make_user(), "Reader", ["read"])
    db.session.commit()
    assert [one.name for one in list_program_keys()] == ["Other", "Blog"]
    assert revoke_program_key(secret).id == key.id
    db.session.commit()
    assert ask(request(), key=secret).status_code == 400
    for prefix in ("", "ck_", secret):
        with pytest.raises(NotFound):
            revoke_program_key(prefix)


@pytest.mark.parametrize("quota", ["many", "", "-1 per minute", "5 per fortnight"])
def test_a_quota_is_checked_when_it_is_given(app: Flask, quota: str) -> None:
    with pytest.raises(Invalid):
        create_program_key("Blog", quota=quota)


def test_using_a_key_is_noted_once_an_hour(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    note = keys._note_use

    def noting(key_id: int) -> None:
        noted.append(key_id)
        note(key_id)

    monkeypatch.setattr(keys, "_note_use", noting)
    for _ in range(3):
        ask(request())
    key = db.session.query(ApiKey).one()
    assert noted == [key.id]
    assert key.last_used_at is not None
    key.last_used_at = utcnow() - dt.timedelta(hours=2)
    db.session.commit()
    ask(request())
    assert len(noted) == 2


@pytest.fixture
def limits(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotas as in service: 3 scores a minute, 2 suggestions a day, counted from nothing."""
    settings: Settings = app.config["SETTINGS"]
    monkeypatch.setitem(app.config, "SETTINGS", replace(settings, LIMIT_ANALYZE="3 per minute", LIMIT_SUGGEST="2 per day; 50 per day"))
    monkeypatch.setattr(limiter, "enabled", True)
    # The tests' application counts nothing, and so has nothing to count with.
    monkeypatch.setattr(limiter, "_limiter", FixedWindowRateLimiter(MemoryStorage()))


@pytest.mark.usefixtures("limits")
def test_a_spent_quota_is_told_as_google_tells_it(ask: Ask) -> None:
    statuses = [ask(request("")).status_code for _ in range(3)]  # what is refused counts too
    assert statuses == [400] * 3
    answer = ask(request())
    name, consumer = "Analysis requests (AnalyzeComment)", f"project_number:{db.session.query(ApiKey.id).scalar()}"
    assert answer.status_code == 429
    assert answer.json == {"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED",
        "message": f"Quota exceeded for quota metric '{name}' and limit '{name} per minute' of service "
                   f"'commentanalyzer.googleapis.com' for consumer '{consumer}'.",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
                     "metadata": {"quota_limit": "AnalyzeRequestsPerMinutePerProject", "quota_limit_value": "3", "consumer": consumer,
                                  "service": "commentanalyzer.googleapis.com", "quota_location": "global",
                                  "quota_metric": "CommentAnalyzerService/analyze_requests"}}],
    }}
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


@pytest.mark.usefixtures("limits")
def test_each_key_and_each_method_has_its_own_quota(ask: Ask) -> None:
    _key, other = create_program_key("Other")
    _key, small = create_program_key("Small", quota="1 per hour")
    db.session.commit()
    assert [ask(request()).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [ask(request(), key=other).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [ask(request(), key=small).status_code for _ in range(2)] == [200, 429]
    assert [ask(suggestion(), "suggestscore").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("limits")
def test_a_counter_out_of_reach_stops_nobody_and_lets_nobody_off(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(limiter.limiter, "hit", fail)
    try:
        assert [ask(request()).status_code for _ in range(4)] == [200, 200, 200, 429]
    finally:
        budgets.forget()
