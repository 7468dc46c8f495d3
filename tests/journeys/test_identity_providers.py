"""Signing in with an identity provider, honest ones and others."""

from __future__ import annotations

import base64
import contextvars
import dataclasses
import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import ECKey
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from commentsvc.accounts.models import ExternalIdentity, User
from commentsvc.accounts.oidc import forget_providers, parse_providers
from commentsvc.accounts.passwords import hash_password
from commentsvc.extensions import db
from tests.factories import make_article, make_user
from tests.providers import CLIENT, SECRET, Liar, provider

pytestmark = pytest.mark.once

PASSWORD = "harbour wall lantern"


def configure(app: Flask, monkeypatch: pytest.MonkeyPatch, issuer: str, secret: str = SECRET) -> None:
    rows = [{"key": "example", "name": "Example ID", "issuer": issuer, "client_id": CLIENT, "client_secret": secret}]
    settings = dataclasses.replace(app.config["SETTINGS"], OIDC_PROVIDERS=json.dumps(rows), PRIVATE_PROVIDERS=True)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    forget_providers()


@pytest.fixture
def liar(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Liar]:
    with provider() as state:
        configure(app, monkeypatch, state.issuer)
        yield state


def begin(client: FlaskClient, target: str = "") -> str:
    """The address at the provider to which the browser is sent."""
    sent = client.get("/account/external/example", query_string={"next": target} if target else {})
    assert sent.status_code == 302, sent.text
    return sent.location


def sign_in(client: FlaskClient, liar: Liar, target: str = "", **changed: str) -> TestResponse:
    return client.get("/account/external/callback", query_string=liar.authorize(begin(client, target)) | changed)


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def people() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def test_who_comes_from_a_provider_has_an_account_by_issuer_and_subject(client: FlaskClient, liar: Liar) -> None:
    address = begin(client)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://localhost/account/external/callback"
    answer = sign_in(client, liar)
    assert (answer.status_code, answer.location) == (303, "/account/")
    liar.claims = {"email": "another@example.org", "name": "A. Lovelace"}
    again = sign_in(client, liar)
    assert again.status_code == 303
    assert (people(), liar.refused) == (1, [])
    user = db.session.scalars(select(User)).one()
    assert (user.email, user.display_name) == ("ada@example.org", "Ada Byron")  # hers to change, not the provider's


def test_an_address_that_nobody_verified_is_not_kept(client: FlaskClient, liar: Liar) -> None:
    for verified in (False, "true", None):
        liar.claims = {"email_verified": verified, "sub": f"s{verified}", "name": "\u200b"}
        assert sign_in(client, liar).status_code == 303
    assert set(db.session.scalars(select(User.email))) == {None}
    assert set(db.session.scalars(select(User.display_name))) == {"Reader"}


NOW = int(time.time())
LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": None}},
    "another audience": {"claims": {"aud": "another client"}},
    "a second audience": {"claims": {"aud": [CLIENT, "another"]}},
    "made for another": {"claims": {"azp": "another"}},
    "another issuer": {"claims": {"iss": "https://id.evil.example"}},
    "expired": {"claims": {"iat": NOW - 900, "exp": NOW - 300}},
    "made tomorrow": {"claims": {"iat": NOW + 86400, "exp": NOW + 90000}},
    "no subject": {"claims": {"sub": None}},
    "another key": {"signer": ECKey.generate_key("P-256")},
    "no signature": {"id_token": "eyJhbGciOiJub25lIn0.e30."},
    "no token": {"id_token": "x"},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_not_right_signs_nobody_in(client: FlaskClient, liar: Liar, lie: str) -> None:
    for name, value in LIES[lie].items():
        setattr(liar, name, value)
    answer = sign_in(client, liar)
    assert answer.status_code == 422
    assert "could not be believed" in answer.text
    assert people() == 0


def test_an_unsigned_token_with_all_claims_right_is_refused(client: FlaskClient, liar: Liar) -> None:
    back = liar.authorize(begin(client))
    claims = {"iss": liar.issuer, "aud": CLIENT, "sub": "s", "iat": NOW, "exp": NOW + 300, "nonce": liar.asked["nonce"]}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    liar.id_token = f"eyJhbGciOiJub25lIn0.{body}."
    assert client.get("/account/external/callback", query_string=back).status_code == 422
    assert people() == 0


def test_a_state_is_good_once_and_in_the_browser_that_began(app: Flask, client: FlaskClient, liar: Liar) -> None:
    back = liar.authorize(begin(client))
    stranger = app.test_client().get("/account/external/callback", query_string=back)
    assert stranger.status_code == 422
    assert people() == 0
    assert client.get("/account/external/callback", query_string=back | {"state": "x"}).status_code == 422
    assert client.get("/account/external/callback", query_string=back).status_code == 303
    liar.codes.add(back["code"])
    assert client.get("/account/external/callback", query_string=back).status_code == 422


def test_a_code_that_was_used_is_refused(client: FlaskClient, liar: Liar) -> None:
    back = liar.authorize(begin(client))
    liar.codes.clear()
    assert client.get("/account/external/callback", query_string=back).status_code == 422
    assert liar.refused == ["code"]


def test_another_providers_answer_is_told_apart(client: FlaskClient, liar: Liar) -> None:
    assert sign_in(client, liar, iss="https://id.evil.example").status_code == 422


def test_a_description_that_names_another_issuer_leads_nowhere(client: FlaskClient, liar: Liar) -> None:
    for issuer in ("https://id.example", f"{liar.issuer}/"):
        liar.described = {"issuer": issuer}
        forget_providers()
        assert client.get("/account/external/example").status_code == 503
    liar.described = {}
    assert begin(client).startswith(f"{liar.issuer}/authorize?")


def test_a_provider_that_is_down_is_said_and_other_ways_are_offered(client: FlaskClient, liar: Liar) -> None:
    liar.down = True
    answer = client.get("/account/external/example?next=/account/my-data")
    assert answer.status_code == 503
    assert "Example ID does not answer just now" in answer.text
    assert 'name="next" value="/account/my-data"' in answer.text
    liar.down = False
    back = liar.authorize(begin(client))
    liar.down = True
    assert client.get("/account/external/callback", query_string=back).status_code == 503


def test_who_cancels_is_back_at_the_form(client: FlaskClient, liar: Liar) -> None:
    back = liar.authorize(begin(client, "/account/my-data"))
    answer = client.get("/account/external/callback", query_string={"state": back["state"], "error": "access_denied"})
    assert "You did not sign in with Example ID" in answer.text
    assert 'name="next" value="/account/my-data"' in answer.text


def test_an_account_with_the_address_is_joined_only_by_its_owner(client: FlaskClient, app: Flask, liar: Liar) -> None:
    owner = make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    other = make_user("Bob", email="bob@example.org", password_hash=hash_password(PASSWORD))
    db.session.commit()
    answer = sign_in(client, liar)
    assert answer.status_code == 409
    assert "Sign in to it once" in answer.text
    assert db.session.scalar(select(func.count()).select_from(ExternalIdentity)) == 0

    def enter(page: str, email: str) -> TestResponse:
        return client.post("/account/sign-in", data={"csrf_token": token_of(page), "email": email, "password": PASSWORD})

    assert enter(answer.text, "bob@example.org").status_code == 303  # not whose address it is
    assert db.session.scalar(select(func.count()).select_from(ExternalIdentity)) == 0
    client.post("/account/sign-out", data={"csrf_token": token_of(client.get("/account/").text)})
    assert enter(sign_in(client, liar).text, "ada@example.org").status_code == 303
    assert db.session.scalar(select(ExternalIdentity.user_id)) == owner.id
    client.delete_cookie("commentsvc")
    assert sign_in(client, liar).status_code == 303
    assert other.id != owner.id
    assert people() == 2


def test_linking_and_unlinking_never_loses_the_last_way_in(client: FlaskClient, liar: Liar) -> None:
    liar.claims = {"email_verified": False}
    sign_in(client, liar)
    page = client.get("/account/").text
    assert "Example ID" in page
    way = db.session.scalars(select(ExternalIdentity.id)).one()
    refused = client.post(f"/account/external/{way}/unlink", data={"csrf_token": token_of(page)})
    assert refused.status_code == 409
    assert "only way into your account" in refused.text
    db.session.add(ExternalIdentity(issuer="https://id.example", subject="s", user_id=db.session.scalars(select(User.id)).one()))
    db.session.commit()
    assert client.post(f"/account/external/{way}/unlink", data={"csrf_token": token_of(page)}).status_code == 303
    went = client.post("/account/external/example/link", data={"csrf_token": token_of(page)})
    address = re.search(r'content="0; url=([^"]+)"', went.text)
    assert address
    back = client.get("/account/external/callback", query_string=liar.authorize(address[1].replace("&amp;", "&")))
    assert back.location == "/account/#ways"
    assert (people(), db.session.scalar(select(func.count()).select_from(ExternalIdentity))) == (1, 2)


def test_an_identity_of_another_account_is_not_linked(client: FlaskClient, app: Flask, liar: Liar) -> None:
    sign_in(app.test_client(), liar)
    liar.claims = {"sub": "subject-2", "email": "b@example.org"}
    sign_in(client, liar)
    went = client.post("/account/external/example/link", data={"csrf_token": token_of(client.get("/account/").text)})
    liar.claims = {}
    address = re.search(r'content="0; url=([^"]+)"', went.text)
    assert address
    client.get("/account/external/callback", query_string=liar.authorize(address[1].replace("&amp;", "&")))
    assert "linked to another account" in client.get("/account/").text
    assert len(set(db.session.scalars(select(ExternalIdentity.user_id)))) == 2


def test_the_clients_secret_is_in_no_log(client: FlaskClient, liar: Liar, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in(client, liar)
        liar.claims = {"nonce": "x"}
        sign_in(client, liar)
    told = caplog.text + "".join(capsys.readouterr())
    assert "could" in told or "refused" in told
    assert SECRET not in told
    assert liar.asked["state"] not in told
    assert "code-" not in told


@pytest.mark.parametrize("text", ["{", "[1]", '[{"key": "A b"}]', '[{"key":"a","name":"A","issuer":"ftp://x","client_id":"c"}]'])
def test_a_setting_that_cannot_be_read_says_so_and_quotes_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="COMMENTSVC_OIDC_PROVIDERS"):
        parse_providers(text)


# --- from a window back to the frame


def offered(client: FlaskClient, article: int, secret: str) -> TestResponse:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).rstrip(b"=").decode()
    return client.get("/account/hand-over", query_string={"article": article, "challenge": challenge, "provider": "example"})


def code_in(page: str) -> str:
    found = re.search(r'data-code="([^"]+)"', page)
    assert found
    return found[1]


def test_a_window_leads_by_the_provider_to_a_code_that_is_good_once_with_its_secret(
    app: Flask, client: FlaskClient, liar: Liar, post_framed: Callable[..., TestResponse]
) -> None:
    article, secret = make_article(), secrets.token_urlsafe(32)
    db.session.commit()
    first = offered(client, article.id, secret)
    assert first.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    sent = client.get(first.location)
    assert sent.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    back = client.get("/account/external/callback", query_string=liar.authorize(sent.location))
    assert back.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    code = code_in(client.get(back.location).text)
    stolen = post_framed(app.test_client(), article.id, code=code, secret="another")
    assert stolen.status_code == 422
    assert post_framed(app.test_client(), article.id, code=code, secret=secret).status_code == 422  # used up by the thief
    code = code_in(offered(client, article.id, secret).text)
    taken = post_framed(app.test_client(), article.id, code=code, secret=secret)
    assert taken.get_json()["signed_in"] is True
    assert post_framed(app.test_client(), article.id, code=code, secret=secret).status_code == 422


@pytest.fixture
def post_framed() -> Callable[..., TestResponse]:
    """Ask for a hand-over as widget.js does."""

    def post(client: FlaskClient, article: int, **form: str) -> TestResponse:
        def ask(token: str) -> TestResponse:
            headers = {"X-Requested-With": "commentsvc", "X-CSRFToken": token}
            return contextvars.Context().run(client.post, f"/embed/a/{article}/hand-over", data=form, headers=headers)

        return ask(ask("").get_json()["error"]["csrf"])

    return post


def test_without_script_a_tab_ends_on_the_plain_page_signed_in_and_the_text_is_kept(client: FlaskClient, liar: Liar) -> None:
    article = make_article()
    db.session.commit()
    form = client.get(f"/embed/a/{article.id}?form=sign-in").text
    way = f"/account/external/example?next=/embed/a/{article.id}/arrive"
    assert way in form.replace("%2F", "/")
    typed = {"csrf_token": token_of(form), "body": "What I typed."}
    early = client.post(f"/embed/a/{article.id}/arrive", data=typed)
    assert "not signed in yet" in early.text
    assert "What I typed." in early.text
    back = sign_in(client, liar, f"/embed/a/{article.id}/arrive")
    assert client.get(back.location).status_code == 303
    page = client.post(f"/embed/a/{article.id}/arrive", data=typed).text
    assert "Ada Byron" in page
    assert "What I typed." in page
