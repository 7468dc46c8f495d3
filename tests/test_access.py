"""Every route, asked by every role: one table says who may, and a route missing from it fails."""

from __future__ import annotations

import contextvars
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve
from tests.factories import make_article, make_comment, make_site, make_user

# stranger: admin of another site; neighbour: community manager of another site
ROLES = ("anonymous", "member", "expert", "community_manager", "admin", "stranger", "neighbour")
EVERYONE = frozenset(ROLES)
SIGNED_IN = EVERYONE - {"anonymous"}
MANAGERS = frozenset({"community_manager", "admin"})
ADMINS = frozenset({"admin"})
NOBODY: frozenset[str] = frozenset()  # it is somebody else's own

# (endpoint, method) -> (address, who gets past the door, form fields)
PAGES: dict[tuple[str, str], tuple[str, frozenset[str], dict[str, str]]] = {
    ("static", "GET"): ("/static/tokens.css", EVERYONE, {}),
    ("favicon", "GET"): ("/favicon.ico", EVERYONE, {}),
    ("healthz", "GET"): ("/healthz", EVERYONE, {}),
    ("readyz", "GET"): ("/readyz", EVERYONE, {}),
    ("metrics", "GET"): ("/metrics", NOBODY, {}),  # for a token that is nobody's account: tests/metrics
    ("demo.front", "GET"): ("/demo/", EVERYONE, {}),
    ("demo.article", "GET"): ("/demo/the-wall-at-old-quay", EVERYONE, {}),
    ("demo.static", "GET"): ("/demo/static/courier.css", EVERYONE, {}),
    ("loader.embed_script", "GET"): ("/embed.js", EVERYONE, {}),
    ("loader.counts_script", "GET"): ("/counts.js", EVERYONE, {}),
    ("loader.asset", "GET"): ("/embed/assets/x/widget.js", EVERYONE, {}),
    # The Perspective-compatible API: scoring is for keys, never for cookies (tests/perspective/test_keys.py)
    ("perspective.discovery", "GET"): ("/$discovery/rest?version=v1alpha1", EVERYONE, {}),
    ("perspective.analyze", "POST"): ("/v1alpha1/comments:analyze", NOBODY, {}),
    ("perspective.suggestscore", "POST"): ("/v1alpha1/comments:suggestscore", NOBODY, {}),
    ("perspective.batch", "POST"): ("/batch", EVERYONE, {}),  # its parts need keys
    **{("perspective.nothing_else", method): ("/v1alpha1/x", NOBODY, {}) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")},
    # The widget: reading is for all, acting for those signed in, accounts for all
    ("embed.thread", "GET"): ("/embed/{site}/thread?url=https://news.example/a", EVERYONE, {}),
    ("embed.counts", "GET"): ("/embed/{site}/counts?url=https://news.example/a", EVERYONE, {}),
    ("embed.atom", "GET"): ("/embed/{site}/feed.atom", EVERYONE, {}),
    ("embed.json_feed", "GET"): ("/embed/{site}/feed.json", EVERYONE, {}),
    ("embed.news", "GET"): ("/embed/a/{article}/news?since=0", EVERYONE, {}),
    ("embed.me", "GET"): ("/embed/{site}/articles/{article}/me", EVERYONE, {}),
    ("embed.article", "GET"): ("/embed/a/{article}", EVERYONE, {}),
    ("embed.account_fragment", "GET"): ("/embed/a/{article}/account/sign-in", EVERYONE, {}),
    ("embed.comment", "GET"): ("/embed/c/{comment}", EVERYONE, {}),
    ("embed.context", "GET"): ("/embed/comments/{comment}/context", EVERYONE, {}),
    ("embed.replies", "GET"): ("/embed/comments/{comment}/replies", EVERYONE, {}),
    ("embed.state", "GET"): ("/embed/comments/{held}/state", NOBODY, {}),
    ("embed.sign_up", "POST"): ("/embed/a/{article}/sign-up", EVERYONE, {}),
    ("embed.check_code", "POST"): ("/embed/a/{article}/code", EVERYONE, {"handle": "x", "code": "1"}),
    ("embed.resend", "POST"): ("/embed/a/{article}/resend", EVERYONE, {"handle": "x"}),
    ("embed.sign_in", "POST"): ("/embed/a/{article}/sign-in", EVERYONE, {}),
    ("embed.sign_out", "POST"): ("/embed/a/{article}/sign-out", EVERYONE, {}),
    ("embed.forgot", "POST"): ("/embed/a/{article}/forgot", EVERYONE, {}),
    ("embed.post_comment", "POST"): ("/embed/a/{article}/comments", SIGNED_IN, {"body": "A decent remark."}),
    ("embed.vote", "POST"): ("/embed/comments/{comment}/vote", SIGNED_IN, {"value": "1"}),
    ("embed.flag", "POST"): ("/embed/comments/{comment}/flag", SIGNED_IN, {"reason": "abuse"}),
    ("embed.withdraw", "POST"): ("/embed/comments/{comment}/withdraw", NOBODY, {}),
    ("embed.rewrite", "POST"): ("/embed/comments/{held}/rewrite", NOBODY, {}),
    ("embed.leave", "POST"): ("/embed/comments/{held}/leave", NOBODY, {}),
    # Accounts
    ("account.sign_up_form", "GET"): ("/account/sign-up", EVERYONE, {}),
    ("account.sign_up", "POST"): ("/account/sign-up", EVERYONE, {}),
    ("account.code_form", "GET"): ("/account/verify", EVERYONE, {}),
    ("account.verify_code", "POST"): ("/account/verify", EVERYONE, {}),
    ("account.resend", "POST"): ("/account/verify/resend", EVERYONE, {}),
    ("account.link_form", "GET"): ("/account/verify/x", EVERYONE, {}),
    ("account.verify_link", "POST"): ("/account/verify/x", EVERYONE, {}),
    ("account.sign_in_form", "GET"): ("/account/sign-in", EVERYONE, {}),
    ("account.sign_in_view", "POST"): ("/account/sign-in", EVERYONE, {}),
    ("account.sign_out", "POST"): ("/account/sign-out", EVERYONE, {}),
    ("account.forgot_form", "GET"): ("/account/forgot", EVERYONE, {}),
    ("account.forgot", "POST"): ("/account/forgot", EVERYONE, {}),
    ("account.reset_form", "GET"): ("/account/reset/x", EVERYONE, {}),
    ("account.reset", "POST"): ("/account/reset/x", EVERYONE, {}),
    ("account.welcome", "GET"): ("/account/welcome", EVERYONE, {}),
    ("account.settings", "GET"): ("/account/", SIGNED_IN, {}),
    ("account.change_name", "POST"): ("/account/name", SIGNED_IN, {}),
    ("account.change_password_view", "POST"): ("/account/password", SIGNED_IN, {}),
    ("account.make_key", "POST"): ("/account/keys", SIGNED_IN, {}),
    ("account.end_key", "POST"): ("/account/keys/1/revoke", NOBODY, {}),
    ("account.end_other_sessions", "POST"): ("/account/sessions/revoke-others", SIGNED_IN, {}),
    ("account.end_session", "POST"): ("/account/sessions/{session}/revoke", NOBODY, {}),
    # The console
    ("review.home", "GET"): ("/review/", SIGNED_IN, {}),
    ("review.site_home", "GET"): ("/review/{site}/", MANAGERS, {}),
    ("review.queue", "GET"): ("/review/{site}/held", MANAGERS, {}),
    ("review.comment", "GET"): ("/review/{site}/comments/{held}", MANAGERS, {}),
    ("review.counts", "GET"): ("/review/{site}/counts", MANAGERS, {}),
    ("review.approve", "POST"): ("/review/{site}/comments/{held}/approve", MANAGERS, {"version": "1"}),
    ("review.reject", "POST"): ("/review/{site}/comments/{held}/reject", MANAGERS, {"version": "1", "reason": "abuse"}),
    ("review.undo", "POST"): ("/review/{site}/decisions/{decision}/undo", MANAGERS, {}),
    ("review.modlog", "GET"): ("/review/{site}/modlog", MANAGERS, {}),
    ("review.modlog_csv", "GET"): ("/review/{site}/modlog.csv", MANAGERS, {}),
    ("review.articles", "GET"): ("/review/{site}/articles", MANAGERS, {}),
    ("review.articles_csv", "GET"): ("/review/{site}/articles.csv", MANAGERS, {}),
    ("review.close", "POST"): ("/review/{site}/articles/{article}/close", MANAGERS, {}),
    ("review.premoderate", "POST"): ("/review/{site}/articles/{article}/premoderate", MANAGERS, {}),
    ("review.settings", "GET"): ("/review/{site}/settings", ADMINS, {}),
    ("review.save_settings", "POST"): ("/review/{site}/settings", ADMINS, {}),
    ("review.team", "GET"): ("/review/{site}/team", ADMINS, {}),
    ("review.grant", "POST"): ("/review/{site}/team", ADMINS, {}),
    ("review.change", "POST"): ("/review/{site}/team/{grant}/change", ADMINS, {"role": "expert"}),
}

# The same for the API; bearer tokens. `stranger` may make sites: she is an admin of one.
API: dict[tuple[str, str], tuple[str, frozenset[str], dict[str, Any]]] = {
    ("api_documentation.try_it", "GET"): ("/api/docs", EVERYONE, {}),
    ("api_documentation.openapi", "GET"): ("/api/v1/openapi.json", EVERYONE, {}),
    ("api_documentation.static", "GET"): ("/api/docs/static/x", EVERYONE, {}),
    ("api_registrations.start", "POST"): ("/api/v1/registrations", EVERYONE, {}),
    ("api_registrations.verify", "POST"): ("/api/v1/registrations/x/verification", EVERYONE, {"code": "000000"}),
    ("api_registrations.resend", "POST"): ("/api/v1/registrations/x/resend", EVERYONE, {}),
    ("api_registrations.ask_for_reset", "POST"): ("/api/v1/password-resets", EVERYONE, {}),
    ("api_registrations.choose_password", "PUT"): ("/api/v1/password-resets/x", EVERYONE, {"password": "long enough a word"}),
    ("api_sessions.sign_in", "POST"): ("/api/v1/sessions", EVERYONE, {}),
    ("api_sessions.list_sessions", "GET"): ("/api/v1/sessions", SIGNED_IN, {}),
    ("api_sessions.sign_out", "DELETE"): ("/api/v1/sessions/current", SIGNED_IN, {}),
    ("api_sessions.revoke_session", "DELETE"): ("/api/v1/sessions/{session}", NOBODY, {}),
    ("api_me.me", "GET"): ("/api/v1/me", SIGNED_IN, {}),
    ("api_me.update_me", "PATCH"): ("/api/v1/me", SIGNED_IN, {"display_name": "A new name"}),
    ("api_me.api_keys", "GET"): ("/api/v1/api-keys", SIGNED_IN, {}),
    ("api_me.create_api_key", "POST"): ("/api/v1/api-keys", SIGNED_IN, {"name": "x", "scopes": ["read"]}),
    ("api_me.revoke_api_key", "DELETE"): ("/api/v1/api-keys/1", NOBODY, {}),
    ("api_sites.get_site", "GET"): ("/api/v1/sites/{site}", EVERYONE, {}),
    ("api_sites.update_site", "PATCH"): ("/api/v1/sites/{site}", ADMINS, {"name": "New"}),
    ("api_sites.create_site", "POST"): ("/api/v1/sites", ADMINS | {"stranger"}, {"key": "brand-new", "name": "New", "origins": []}),
    ("api_sites.roles", "GET"): ("/api/v1/sites/{site}/roles", ADMINS, {}),
    ("api_sites.grant", "PUT"): ("/api/v1/sites/{site}/roles/{owner}", ADMINS, {"role": "expert"}),
    ("api_sites.grant_by_email", "PUT"): ("/api/v1/sites/{site}/roles", ADMINS, {"email": "{email}", "role": "expert"}),
    ("api_sites.revoke", "DELETE"): ("/api/v1/sites/{site}/roles/{manager}", ADMINS, {}),
    ("api_articles.register", "POST"): ("/api/v1/sites/{site}/articles", MANAGERS, {"url": "https://news.example/new", "title": "New"}),
    ("api_articles.find", "GET"): ("/api/v1/sites/{site}/articles?url=https://news.example/a", EVERYONE, {}),
    ("api_articles.get_article", "GET"): ("/api/v1/articles/{article}", EVERYONE, {}),
    ("api_articles.update_article", "PATCH"): ("/api/v1/articles/{article}", MANAGERS, {"closed": True}),
    ("api_articles.counts", "GET"): ("/api/v1/sites/{site}/counts?url=https://news.example/a", EVERYONE, {}),
    ("api_threads.thread", "GET"): ("/api/v1/articles/{article}/comments", EVERYONE, {}),
    ("api_threads.replies", "GET"): ("/api/v1/comments/{comment}/replies", EVERYONE, {}),
    ("api_threads.mine", "GET"): ("/api/v1/articles/{article}/mine", SIGNED_IN, {}),
    ("api_comments.post_comment", "POST"): ("/api/v1/articles/{article}/comments", SIGNED_IN, {"body": "A decent remark."}),
    ("api_comments.get_comment", "GET"): ("/api/v1/comments/{held}", MANAGERS, {}),
    ("api_comments.withdraw_comment", "DELETE"): ("/api/v1/comments/{comment}", NOBODY, {}),
    ("api_comments.vote", "PUT"): ("/api/v1/comments/{comment}/vote", SIGNED_IN, {"value": 1}),
    ("api_comments.flag", "POST"): ("/api/v1/comments/{comment}/flags", SIGNED_IN, {"reason": "abuse"}),
    ("api_moderation.queues", "GET"): ("/api/v1/sites/{site}/queues", MANAGERS, {}),
    ("api_moderation.queue", "GET"): ("/api/v1/sites/{site}/queues/held", MANAGERS, {}),
    ("api_moderation.card", "GET"): ("/api/v1/comments/{held}/card", MANAGERS, {}),
    ("api_moderation.decide", "POST"): ("/api/v1/comments/{held}/decisions", MANAGERS, {"action": "approve", "version": 2}),
    ("api_moderation.undo", "POST"): ("/api/v1/decisions/{decision}/undo", MANAGERS, {}),
    ("api_moderation.modlog", "GET"): ("/api/v1/sites/{site}/modlog", MANAGERS, {}),
}


@dataclass
class World:
    """One site with one of everything, and a person in each role."""

    people: dict[str, User | None]
    names: dict[str, Any]


@pytest.fixture
def world(app: Flask) -> World:
    site, elsewhere = make_site(), make_site()
    article = make_article(site)
    make_article(site, url="https://news.example/a")
    people: dict[str, User | None] = {"anonymous": None, "member": make_user()}
    for role in (Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN):
        people[role.value] = make_user(role=role, site=site)
    people["stranger"] = make_user(role=Role.ADMIN, site=elsewhere)
    people["neighbour"] = make_user(role=Role.COMMUNITY_MANAGER, site=elsewhere)
    owner = make_user()
    start_session(owner, device="elsewhere")
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    judged = make_comment(article, owner, status=Status.HELD)
    decision = approve(judged, actor=manager, seen=judged.version)
    db.session.commit()
    names = {
        "site": site.key, "article": article.id, "comment": make_comment(article, owner).id,
        "held": make_comment(article, owner, status=Status.HELD).id, "decision": decision.id,
        "grant": manager.roles[0].id, "session": db.session.query(UserSession.id).scalar(),
        "manager": manager.id, "owner": owner.id, "email": owner.email,
    }
    return World(people, names)


def _rules(app: Flask, *, api: bool) -> set[tuple[str, str]]:
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") == api
    }


def test_every_route_is_in_the_table(app: Flask) -> None:
    assert _rules(app, api=False) == set(PAGES)
    assert _rules(app, api=True) == set(API)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("endpoint", "method"), list(API))
def test_the_api_lets_in_exactly_whom_the_table_names(app: Flask, world: World, endpoint: str, method: str, role: str) -> None:
    address, allowed, data = API[endpoint, method]
    body = {k: v.format(**world.names) if isinstance(v, str) else v for k, v in data.items()}
    user = world.people[role]
    headers = {}
    if user is not None:
        headers["Authorization"] = f"Bearer {start_session(user, device='test')}"
        db.session.commit()
    db.session.remove()
    json = body if method in {"POST", "PUT", "PATCH"} else None
    answer = contextvars.Context().run(
        app.test_client().open, address.format(**world.names), method=method, json=json, headers=headers, buffered=True
    )
    answer.close()
    assert answer.status_code < 500
    if role in allowed:
        assert answer.status_code not in {401, 403}, answer.text[:300]
        if "/x" not in address:
            assert answer.status_code != 404, answer.text[:300]
    else:
        assert answer.status_code in {401, 403, 404}, answer.text[:300]
        assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(("endpoint", "method"), [key for key in API if "anonymous" not in API[key][1]])
def test_a_cookie_opens_no_door_of_the_api(app: Flask, world: World, endpoint: str, method: str) -> None:
    address, _, _ = API[endpoint, method]
    answer = _ask(app, address.format(**world.names), method, world.people["admin"], {})
    assert answer.status_code in {401, 404, 415}


def _ask(app: Flask, path: str, method: str, user: User | None, form: dict[str, str]) -> TestResponse:
    client = app.test_client()
    if user is not None:
        token = start_session(user, device="test")
        db.session.commit()
        value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
        client.set_cookie(COOKIE, value, path="/")
        client.set_cookie(FRAMED_COOKIE, value, path="/embed")
    db.session.remove()
    answer: TestResponse = contextvars.Context().run(client.open, path, method=method, data=form, buffered=True)
    answer.close()  # a file that was sent
    return answer


def _turned_away(answer: TestResponse) -> bool:
    to_sign_in = answer.status_code in {302, 303} and "/account/sign-in" in answer.headers["Location"]
    return answer.status_code in {401, 403, 404} or to_sign_in


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("endpoint", "method"), list(PAGES))
def test_a_page_lets_in_exactly_whom_the_table_names(
    app: Flask, world: World, endpoint: str, method: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())  # its own tests are in journeys
    address, allowed, form = PAGES[endpoint, method]
    answer = _ask(app, address.format(**world.names), method, world.people[role], form)
    assert answer.status_code < 500
    if role in allowed:
        assert answer.status_code not in {401, 403}, answer.text[:300]
        if not address.endswith(("/x", "/sign-out")) and "assets/x" not in address:
            assert not _turned_away(answer), (answer.status_code, answer.headers.get("Location"))
    else:
        assert _turned_away(answer), answer.status_code


@pytest.mark.parametrize(("endpoint", "method"), [key for key in PAGES if key[1] == "POST"])
def test_a_form_from_elsewhere_changes_nothing(app: Flask, world: World, endpoint: str, method: str) -> None:
    """Without our token, an admin's own browser is refused: another page may be acting through it."""
    address, _, form = PAGES[endpoint, method]
    answer = _ask(app, address.format(**world.names), method, world.people["admin"], form)
    assert answer.status_code in {400, 403, 404}


IDS = re.compile(r"\{(?:article|comment|held|decision|grant|session|manager|owner)\}|(?<=keys/)1")
NUMBERED = [
    (address, method, data)
    for (_, method), (address, _, data) in [*PAGES.items(), *API.items()]
    if method not in {"GET", "HEAD"} and IDS.search(address)
]


@pytest.mark.parametrize("number", [str(2**63), "1" + "0" * 30, "9" * 5000])
@pytest.mark.parametrize(("address", "method", "data"), NUMBERED)
def test_a_number_no_id_can_be_changes_nothing(
    app: Flask, world: World, address: str, method: str, data: dict[str, Any], number: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An id beyond 64 bits must not end as an error of the database's driver."""
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())
    names = {**world.names, "email": "nobody@example.org"}
    path = IDS.sub(number, address).format(**names)
    given = {k: v.format(**names) if isinstance(v, str) else v for k, v in data.items()}
    headers = {}
    if path.startswith("/api/"):
        assert world.people["admin"] is not None
        headers["Authorization"] = f"Bearer {start_session(world.people['admin'], device='test')}"
        db.session.commit()
        db.session.remove()
        answer = contextvars.Context().run(
            app.test_client().open, path, method=method, json=given, headers=headers, buffered=True
        )
    else:
        answer = _ask(app, path, method, world.people["admin"], given)
    assert answer.status_code == 404, answer.text[:300]


def test_every_rule_with_a_number_that_changes_something_is_walked(app: Flask) -> None:
    walked = {(re.sub(r"\{[^}]+\}|(?<=keys/)1", "*", address), method) for address, method, _ in NUMBERED}
    rules = {
        (re.sub(r"<[^>]+>", "*", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
        if re.search(r"<(?:int|row_id):", rule.rule)
    }
    assert rules == walked


def test_a_shared_view_of_a_comment_that_cannot_be_is_the_queue(app: Flask, world: World) -> None:
    for number in ("9" * 30, "-1", "x", "9223372036854775808"):
        path = f"/review/{world.names['site']}/held?comment={number}"
        assert _ask(app, path, "GET", world.people["community_manager"], {}).status_code == 200
