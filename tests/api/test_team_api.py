"""Invitations, the audit log and second factors by API."""

from __future__ import annotations

import pyotp
from sqlalchemy import update

from commentsvc.accounts.models import Totp, User
from commentsvc.accounts.passwords import hash_password
from commentsvc.database import utcnow
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, link_in, mails
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_user


def token() -> str:
    return link_in(mails()[-1]).rpartition("/")[2]


def test_somebody_is_invited_and_accepts(paper: Paper, anyone: Caller) -> None:
    path = f"/sites/{paper.site.key}/invitations"
    assert paper.manager.post(path, {"email": "tom@example.org", "role": "expert"}).status_code == 403
    made = paper.admin.post(path, {"email": "Tom@example.org", "role": "community_manager"})
    assert (made.status_code, made.json["email"], made.json["role"]) == (201, "tom@example.org", "community_manager")
    assert paper.admin.get(path).json["invitations"] == [made.json]
    assert paper.admin.post(f"{path}/{made.json['id']}/mail").status_code == 429
    offer = anyone.get(f"/invitations/{token()}").json
    assert (offer["site_key"], offer["role"]) == (paper.site.key, "community_manager")
    assert problem(paper.member.post(f"/invitations/{token()}/accept"))["code"] == "not_your_invitation"
    link = token()
    joined = anyone.post(f"/invitations/{link}/account", {"display_name": "Tom Okafor", "password": PASSWORD})
    assert joined.status_code == 201
    assert joined.json["user"]["roles"] == [{"site_key": paper.site.key, "role": "community_manager"}]
    assert anyone.get(f"/invitations/{link}").status_code == 404
    again = anyone.post(f"/invitations/{link}/account", {"display_name": "Tom Okafor", "password": PASSWORD})
    assert problem(again)["code"] == "invitation_expired"


def test_an_account_accepts_and_leaves(paper: Paper) -> None:
    member = paper.people["member"]
    paper.admin.post(f"/sites/{paper.site.key}/invitations", {"email": member.email, "role": "expert"})
    accepted = paper.member.post(f"/invitations/{token()}/accept")
    assert accepted.json == {"site_key": paper.site.key, "role": "expert"}
    assert paper.member.delete(f"/me/roles/{paper.site.key}").status_code == 204
    assert paper.member.delete(f"/me/roles/{paper.site.key}").status_code == 404
    assert problem(paper.admin.delete(f"/me/roles/{paper.site.key}"))["code"] == "last_admin"


def test_an_invitation_is_withdrawn(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/invitations"
    made = paper.admin.post(path, {"email": "tom@example.org", "role": "expert"})
    assert paper.admin.delete(f"{path}/{made.json['id']}").status_code == 204
    assert paper.admin.delete(f"{path}/{made.json['id']}").status_code == 404


def test_the_log_is_read_by_its_sites_admins(paper: Paper) -> None:
    somebody = make_user("Nia")
    paper.admin.put(f"/sites/{paper.site.key}/roles/{somebody.id}", {"role": "expert"})
    path = f"/sites/{paper.site.key}/audit"
    assert paper.manager.get(path).status_code == 403
    found = paper.admin.get(f"{path}?action=role.granted&actor={paper.people['admin'].id}&since=2020-01-01").json["entries"]
    assert [(e["action"], e["subject"], e["facts"]) for e in found] == [("role.granted", f"user:{somebody.id}", '{"role":[null,"expert"]}')]
    assert paper.admin.get(f"{path}?until=2020-01-01").json == {"entries": [], "next": None}
    assert problem(paper.admin.get(f"{path}?since=never"))["code"] == "invalid"


def test_a_member_of_the_team_is_signed_out(paper: Paper) -> None:
    manager = paper.people["manager"] if "manager" in paper.people else paper.people["community_manager"]
    assert paper.manager.get("/me").status_code == 200
    assert paper.admin.delete(f"/sites/{paper.site.key}/roles/{manager.id}/sessions").status_code == 204
    assert paper.manager.get("/me").status_code == 401
    assert paper.admin.delete(f"/sites/{paper.site.key}/roles/{make_user().id}/sessions").status_code == 404


def _with_password(user: User) -> None:
    user.password_hash = hash_password(PASSWORD)
    db.session.commit()


def test_an_app_is_set_up_and_then_asked_for(paper: Paper, anyone: Caller) -> None:
    member = paper.people["member"]
    _with_password(member)
    setup = paper.member.post("/me/second-factor/app")
    assert setup.status_code == 201
    app = pyotp.parse_uri(setup.json["uri"])
    assert isinstance(app, pyotp.TOTP)
    assert problem(paper.member.put("/me/second-factor/app", {"code": "1"}))["code"] == "code_wrong"
    codes = paper.member.put("/me/second-factor/app", {"code": app.now()}).json["recovery_codes"]
    assert len(codes) == 10
    assert paper.member.get("/me/second-factor").json == {"app": True, "passkeys": [], "recovery_codes": 10}
    credentials = {"email": member.email, "password": PASSWORD}
    asked = anyone.post("/sessions", credentials)
    assert (asked.status_code, problem(asked)["code"]) == (401, "second_factor_required")
    assert problem(anyone.post("/sessions", credentials | {"code": "000000 "}))["code"] == "code_wrong"
    db.session.execute(update(Totp).values(last_step=0))
    db.session.commit()
    code = app.now()
    assert anyone.post("/sessions", credentials | {"code": code}).status_code == 201
    assert problem(anyone.post("/sessions", credentials | {"code": code}))["code"] == "code_wrong"
    assert anyone.post("/sessions", credentials | {"code": codes[0]}).status_code == 201
    assert len(paper.member.post("/me/second-factor/recovery-codes").json["recovery_codes"]) == 10
    assert paper.member.delete("/me/second-factor/app").status_code == 204
    assert anyone.post("/sessions", credentials).status_code == 201


def test_an_old_session_gives_the_password_first(paper: Paper) -> None:
    from commentsvc.accounts.models import UserSession

    _with_password(paper.people["member"])
    paper.member.get("/me")
    db.session.execute(update(UserSession).values(confirmed_at=None))
    db.session.commit()
    refused = paper.member.post("/me/second-factor/app")
    assert (refused.status_code, problem(refused)["code"]) == (403, "not_confirmed")
    assert problem(paper.member.post("/sessions/current/confirmation", {"password": "wrong"}))["code"] == "password_wrong"
    assert paper.member.post("/sessions/current/confirmation", {"password": PASSWORD}).status_code == 204
    assert paper.member.post("/me/second-factor/app").status_code == 201


def test_a_role_rests_without_the_factor_that_its_site_asks_for(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/second-factor"
    assert problem(paper.admin.put(path, {"required": True, "days": 0}))["code"] == "no_factor"
    admin = paper.people["admin"]
    admin.second_factor_at = utcnow()
    db.session.commit()
    assert paper.admin.put(path, {"required": True, "days": 0}).status_code == 200
    refused = paper.manager.get(f"/sites/{paper.site.key}/queues")
    assert (refused.status_code, problem(refused)["code"]) == (403, "second_factor_missing")
    assert paper.admin.get(f"/sites/{paper.site.key}/queues").status_code == 200
    assert paper.admin.put(path, {"required": False}).json == {"required_from": None}
    assert paper.manager.get(f"/sites/{paper.site.key}/queues").status_code == 200
