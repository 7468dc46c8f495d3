"""Legal notices by the API: sent by anybody, listed and answered by community managers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commentsvc.extensions import db
from commentsvc.moderation.models import LegalNotice
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_comment

NOTICE: dict[str, Any] = {
    "kind": "threat", "explanation": "He says that he will burn down the mayor's house.", "name": "Ines", "email": "ines@example.org", "good_faith": True,
}


def test_a_notice_is_sent_by_anybody_and_answered_by_a_manager(paper: Paper) -> None:
    comment = make_comment(paper.article)
    db.session.commit()
    path = f"/comments/{comment.id}/legal-notices"
    sent = paper.reader.post(path, NOTICE)
    assert (sent.status_code, sent.json["status"], sent.json["kind"]) == (201, "open", "threat")
    assert "ines@example.org" not in sent.text
    assert paper.reader.post(path, NOTICE).json["number"] == sent.json["number"]
    assert problem(paper.reader.post(path, NOTICE | {"kind": "boring"}))["status"] == 422
    assert problem(paper.reader.post(path, NOTICE | {"good_faith": False}))["errors"][0]["field"] == "good_faith"
    waiting, = paper.manager.get(f"/sites/{paper.site.key}/legal-notices").json["notices"]
    assert (waiting["number"], waiting["email"], waiting["decided_by"]) == (sent.json["number"], "ines@example.org", None)
    card = paper.manager.get(f"/comments/{comment.id}/card").json
    assert [notice["explanation"] for notice in card["legal_notices"]] == [NOTICE["explanation"]]
    decisions = f"/comments/{comment.id}/decisions"
    refused = problem(paper.manager.post(decisions, {"action": "approve", "version": card["version"]}))
    assert (refused["status"], refused["code"]) == (422, "notice_open")
    made = paper.manager.post(decisions, {"action": "approve", "version": card["version"], "answer": "A line from a song."})
    assert made.status_code == 201
    decided, = paper.manager.get(f"/sites/{paper.site.key}/legal-notices?state=decided").json["notices"]
    assert (decided["status"], decided["answer"], decided["decision_id"]) == ("dismissed", "A line from a song.", made.json["id"])
    assert decided["decided_by"]["name"] == "Max Manager"
    paper.manager.post(f"/decisions/{made.json['id']}/undo")
    assert len(paper.manager.get(f"/sites/{paper.site.key}/legal-notices").json["notices"]) == 1
    modlog = paper.manager.get(f"/sites/{paper.site.key}/modlog").text
    assert "ines@example.org" not in modlog
    assert NOTICE["explanation"] not in modlog


def test_an_api_keys_owner_is_not_named_in_the_notices_it_hands_on(paper: Paper, key_of: Callable[..., Caller]) -> None:
    comment = make_comment(paper.article)
    db.session.commit()
    path = f"/comments/{comment.id}/legal-notices"
    assert paper.member.post(path, NOTICE).status_code == 201
    mine = db.session.query(LegalNotice).one()
    assert mine.user_id == paper.people["member"].id
    key = key_of(paper.people["admin"], "read")
    assert key.post(path, NOTICE | {"email": "olga@example.org"}).status_code == 201
    assert key.post(path, NOTICE | {"email": "pia@example.org"}).status_code == 201
    db.session.expire_all()
    assert sorted(notice.email for notice in db.session.query(LegalNotice).filter_by(user_id=None)) == ["olga@example.org", "pia@example.org"]
