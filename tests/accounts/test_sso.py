"""A publisher's token signs its reader in, and nothing that is wrong with one gets past."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from sqlalchemy import func, select

from commentsvc.accounts.models import AuditEntry, ExternalIdentity, SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role
from commentsvc.accounts.sessions import user_by_token
from commentsvc.accounts.sso import add_key, exchange, remove_key, set_sso
from commentsvc.accounts.tokens import forget_keys
from commentsvc.comments.authors import badges_of, give_badges, sign_on
from commentsvc.errors import (
    CommentsvcError,
    Conflict,
    Invalid,
    NotSignedIn,
    Sanctioned,
    Unavailable,
)
from commentsvc.extensions import db
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.posting import take_in
from commentsvc.moderation.sanctions import impose
from commentsvc.sites.models import Site
from tests.factories import make_article, make_comment, make_site, make_user

ISSUER = "https://courier.example"
RSA, EC, ED, SECRET = RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), OctKey.generate_key(384)
SIGNERS: dict[str, Key] = {"RS256": RSA, "ES256": EC, "EdDSA": ED, "HS256": SECRET}


@pytest.fixture
def site(app: Flask) -> Site:
    """A site that believes one key of each kind."""
    site = make_site(key="courier")
    set_sso(site, ISSUER, roles=["expert", "community_manager"], by=None)
    for algorithm, key in SIGNERS.items():
        material = json.dumps(key.as_dict(private=True)) if algorithm == "HS256" else key.as_pem(private=False).decode()  # type: ignore[union-attr]
        add_key(site, algorithm.lower(), algorithm, material, by=None)
    db.session.commit()
    return site


def claims(**given: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "iss": ISSUER, "aud": "courier", "sub": "reader-7", "jti": f"t{time.perf_counter_ns()}", "iat": now, "exp": now + 300, "name": "Ada Byron",
    } | given
    return {name: value for name, value in made.items() if value is not None}


def signed(algorithm: str = "EdDSA", key: Key | None = None, kid: str | None = "", **given: Any) -> str:
    header = {"alg": algorithm} | ({} if kid is None else {"kid": kid or algorithm.lower()})
    return jwt.encode(header, claims(**given), key or SIGNERS[algorithm], algorithms=[algorithm])


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_each_algorithm_signs_in_with_its_own_key(site: Site, algorithm: str) -> None:
    user, _ = exchange(site, signed(algorithm, email="ada@courier.example"))
    assert db.session.scalar(select(ExternalIdentity.email)) is None  # nobody verified it
    again, _ = exchange(site, signed("EdDSA", email="Ada@Courier.example", email_verified=True))
    assert (again.id, again.display_name, again.email) == (user.id, "Ada Byron", None)
    assert db.session.scalar(select(ExternalIdentity.email)) == "ada@courier.example"


def confused(**header: str) -> str:
    """Signed by whoever knows the public key, as if it were a shared secret."""
    def part(data: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    body = f"{part({'alg': 'HS256', **header})}.{part(claims())}"
    return f"{body}.{base64.urlsafe_b64encode(hmac.digest(RSA.as_pem(private=False), body.encode(), hashlib.sha256)).rstrip(b'=').decode()}"


NOW = int(time.time())
REFUSED = {
    "a badge of the staff": signed(badges=["staff"]),
    "badges that are no list": signed(badges="expert"),
    "an expert in being staff": signed(badges=["expert"], expert_in="Community Manager"),
    "another issuer": signed(iss="https://evil.example"),
    "no issuer": signed(iss=None),
    "another audience": signed(aud="evening-post"),
    "no audience": signed(aud=None),
    "expired": signed(iat=NOW - 900, exp=NOW - 300),
    "never expires": signed(exp=None),
    "expires in words": signed(exp="tomorrow"),
    "good for a day": signed(exp=NOW + 86400),
    "good for a day, made in the future": signed(iat=NOW + 86000, exp=NOW + 86400),
    "not yet good": signed(nbf=NOW + 600),
    "no subject": signed(sub=None),
    "an empty subject": signed(sub=""),
    "a subject that is a number": signed(sub=7),
    "no jti": signed(jti=None),
    "no name": signed(name=None),
    "an invisible name": signed(name="\u200b\u202e"),
    "another's key": signed(key=OKPKey.generate_key("Ed25519")),
    "another's kid": signed(kid="rs256"),
    "an unknown kid": signed(kid="nobody"),
    "a public key as the secret": confused(kid="rs256"),
    "a public key as the secret, without a kid": confused(),
    "no signature": "eyJhbGciOiJub25lIn0." + signed().split(".")[1] + ".",
    "nothing": "",
    "no token": "a.b.c",
    "a list as header": "W10." + signed().split(".")[1] + ".AA",
    "too long": signed(name="x" * 9000),
    "changed": signed()[:-8] + "AAAAAAAA",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_token_with_anything_wrong_is_refused_and_makes_nobody(site: Site, what: str) -> None:
    with pytest.raises(NotSignedIn) as refused:
        exchange(site, REFUSED[what])
    assert refused.value.code == "sso_refused"
    assert db.session.scalar(select(func.count()).select_from(User)) == 0


def test_a_token_is_good_once(site: Site) -> None:
    token = signed()
    exchange(site, token)
    db.session.commit()
    with pytest.raises(NotSignedIn, match="used before"):
        exchange(site, token)


def test_a_key_that_was_removed_is_believed_no_longer_and_its_successor_is(site: Site) -> None:
    successor = OKPKey.generate_key("Ed25519")
    add_key(site, "next", "EdDSA", json.dumps(successor.as_dict(private=True)), by=None)
    exchange(site, signed())
    exchange(site, signed(key=successor, kid="next"))
    remove_key(site, "eddsa", by=None)
    with pytest.raises(NotSignedIn):
        exchange(site, signed())
    exchange(site, signed(key=successor, kid=None))  # the only one of its kind needs no name


def test_a_private_key_that_was_pasted_is_not_kept(site: Site) -> None:
    from commentsvc.accounts.sealing import unseal

    key = add_key(site, "whole", "ES256", ECKey.generate_key("P-256").as_pem(private=True).decode(), by=None)
    opened = unseal(key.sealed)
    assert opened
    assert "d" not in json.loads(opened[0])


def test_a_site_is_believed_of_its_own_readers_alone(site: Site) -> None:
    """Naming somebody's address, or a subject of another site, makes nobody somebody else."""
    victim = make_user("Victim", email="victim@example.org")
    other = make_site(key="evening-post")
    set_sso(other, ISSUER, by=None)
    add_key(other, "eddsa", "EdDSA", ED.as_pem(private=False).decode(), by=None)
    here, _ = exchange(site, signed(email="victim@example.org", email_verified=True))
    there, _ = exchange(other, signed(aud="evening-post"))
    assert len({victim.id, here.id, there.id}) == 3
    assert here.email is None
    with pytest.raises(NotSignedIn):
        exchange(other, signed())  # a token for the first site


def test_roles_come_and_go_with_the_token_as_far_as_the_site_lets_them(site: Site) -> None:
    user, _ = exchange(site, signed(role="expert"))
    assert user.role_on(site.id) is Role.EXPERT
    exchange(site, signed(role="admin"))
    assert user.role_on(site.id) is Role.MEMBER
    exchange(site, signed(role="community_manager"))
    assert user.role_on(site.id) is Role.COMMUNITY_MANAGER
    set_sso(site, ISSUER, roles=["expert"], by=None)
    exchange(site, signed(role="community_manager"))
    assert user.role_on(site.id) is Role.MEMBER
    told = db.session.scalars(select(AuditEntry.via).where(AuditEntry.action.startswith("role."))).all()
    assert set(told) == {"sso"}


def test_badges_come_and_go_with_the_token_and_what_a_person_gave_stays(site: Site) -> None:
    user, _ = sign_on(site, signed(badges=["expert", "member"], expert_in="Bell founding"), device="", network="")
    assert badges_of(site.id, user.id) == ("Bell founding", True)
    sign_on(site, signed(badges=["member"]), device="", network="")
    assert badges_of(site.id, user.id) == (None, True)
    give_badges(site, user, expert="Law", member=True, by=None)
    sign_on(site, signed(badges=["expert"], expert_in="Bells"), device="", network="")
    assert badges_of(site.id, user.id) == ("Law", False)  # the member's was the token's still
    sign_on(site, signed(), device="", network="")
    assert badges_of(site.id, user.id) == ("Law", False)
    via = list(db.session.scalars(select(AuditEntry.via).where(AuditEntry.action == "badges.changed")))
    assert via.count("sso") == 3


def test_what_a_person_gave_no_token_takes(site: Site) -> None:
    user, _ = exchange(site, signed(role="expert"))
    admin = make_user("Admin", role=Role.ADMIN, site=site)
    grant_role(site, user, Role.EXPERT, by=admin)
    exchange(site, signed())
    assert user.role_on(site.id) is Role.EXPERT
    assert db.session.scalar(select(SiteRole.via).where(SiteRole.user_id == user.id)) is None


def test_who_is_banned_stays_banned_with_a_new_token(site: Site) -> None:
    user, _ = exchange(site, signed())
    impose(user, SanctionKind.BAN, actor=make_user("Mona", role=Role.COMMUNITY_MANAGER, site=site), site=site, reason=Reason.ABUSE)
    again, _ = exchange(site, signed(name="Somebody Else"))
    with pytest.raises(Sanctioned):
        take_in(make_article(site), again, "Me again.")


SHORT_RSA = rsa.generate_private_key(65537, 1024).public_key().public_bytes(  # noqa: S505 - that is what is refused
    Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
).decode()


@pytest.mark.parametrize(("kid", "algorithm", "material", "field"), [
    ("a b", "EdDSA", ED.as_pem(private=False).decode(), "kid"),
    ("a", "none", "x", "algorithm"),
    ("a", "RS256", ED.as_pem(private=False).decode(), "material"),
    ("a", "RS256", SHORT_RSA, "material"),
    ("a", "ES256", ECKey.generate_key("P-384").as_pem(private=False).decode(), "material"),
    ("a", "HS256", "short", "material"),
    ("a", "EdDSA", "no key at all", "material"),
])
def test_a_key_that_does_not_go_with_its_algorithm_is_not_taken(site: Site, kid: str, algorithm: str, material: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_key(site, kid, algorithm, material, by=None)
    assert refused.value.field == field


def test_a_kid_is_taken_once(site: Site) -> None:
    with pytest.raises(Conflict):
        add_key(site, "eddsa", "EdDSA", ED.as_pem(private=False).decode(), by=None)


@pytest.fixture
def key_set() -> Iterator[dict[str, Any]]:
    """A publisher's server with its public keys: {"url", "keys", "asked"}."""
    state: dict[str, Any] = {"keys": [], "asked": 0}

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state["asked"] += 1
            body = json.dumps({"keys": state["keys"]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    forget_keys()
    state["url"] = f"http://127.0.0.1:{server.server_port}/keys"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_published_keys_are_fetched_once_and_never_from_our_own_network(
    site: Site, key_set: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from commentsvc.accounts import sso

    published = ECKey.generate_key("P-256")
    key_set["keys"] = [published.as_dict(private=False) | {"kid": "web-1", "use": "sig", "alg": "ES256"}]
    with pytest.raises(Invalid):  # plain http is for installations that say so
        set_sso(site, ISSUER, jwks_url=key_set["url"], by=None)
    set_sso(site, ISSUER, jwks_url=key_set["url"].replace("http:", "https:"), by=None)
    token = signed("ES256", published, kid="web-1")
    with pytest.raises(Unavailable):
        exchange(site, token)
    assert key_set["asked"] == 0
    monkeypatch.setattr(sso, "_private", lambda: True)
    set_sso(site, ISSUER, jwks_url=key_set["url"], by=None)
    exchange(site, token)
    exchange(site, signed("ES256", published, kid="web-1"))
    with pytest.raises(NotSignedIn):
        exchange(site, signed("ES256", published, kid="web-2"))
    assert key_set["asked"] == 1  # a name nobody knows is not asked about again within the minute


def test_over_http_a_token_becomes_a_session_under_the_name_it_gives(site: Site, client: FlaskClient) -> None:
    def post(**given: Any) -> Any:
        return client.post("/api/v1/sites/courier/sso/sessions", json={"token": signed(**given)})

    first = post()
    assert first.status_code == 201
    person = user_by_token(first.json["token"])
    assert person is not None
    assert person.display_name == "Ada Byron"
    article = make_article(site)
    make_comment(article, person, "A remark.")
    before = article.version
    db.session.commit()
    renamed = post(name="Ada Lovelace", role="expert")
    assert renamed.json["user"]["display_name"] == "Ada Lovelace"
    assert renamed.json["user"]["roles"] == [{"site_key": "courier", "role": "expert"}]
    db.session.refresh(article)
    assert article.version > before  # no cached page keeps the old name
    refused = client.post("/api/v1/sites/courier/sso/sessions", json={"token": REFUSED["expired"]})
    assert (refused.status_code, refused.get_json()["code"]) == (401, "sso_refused")


def test_without_single_sign_on_no_token_is_looked_at(app: Flask) -> None:
    with pytest.raises(CommentsvcError) as refused:
        exchange(make_site(), signed())
    assert refused.value.code == "sso_off"


def test_the_documented_python_sample_signs_in(site: Site) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sso.md").read_text()
    sample: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], sample)  # noqa: S102 - our own page
    key = OKPKey.generate_key("Ed25519")
    add_key(site, "2026-11", "EdDSA", key.as_pem(private=False).decode(), by=None)
    user, _ = exchange(site, sample["comment_token"](key.as_pem(private=True), 7, "Ada Byron"))
    assert user.display_name == "Ada Byron"
