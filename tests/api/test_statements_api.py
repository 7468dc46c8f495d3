"""Statements, appeals and the public modlog for programs."""

from __future__ import annotations

import pytest

from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.moderation.flags import flag
from commentsvc.screening.policy import Policy
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_comment, make_user

APPEAL = {"text": "I quoted the article."}


def reject(paper: Paper, body: str = "They are liars.", **more: str) -> dict[str, object]:
    """A comment of the member's that the manager rejected; her statement of it."""
    comment = make_comment(paper.article, paper.people["member"], body)
    flag(comment, paper.people["expert"], "abuse", "See for yourself")
    answer = paper.manager.post(
        f"/comments/{comment.id}/decisions", {"action": "reject", "reason": "abuse", "version": comment.version, "note": "Again.", **more}
    )
    assert answer.status_code == 201
    found: dict[str, object] = paper.member.get("/me/statements").json["statements"][0]
    return found


def test_an_author_reads_why_and_nothing_that_is_not_hers(paper: Paper) -> None:
    statement = reject(paper)
    assert statement == paper.member.get(f"/me/statements/{statement['puid']}").json
    assert (statement["state"], statement["rule"], statement["may_appeal"]) == ("holds", "Personal attack or insult", True)
    assert statement["decision_visibility"] == "DECISION_VISIBILITY_CONTENT_REMOVED"
    assert statement["source_type"] == "SOURCE_TYPE_OTHER_NOTIFICATION"
    assert statement["appeal"] is None
    for secret in ("Max", "Again.", "See for yourself", "score"):
        assert secret not in str(statement)
    assert problem(paper.expert.get(f"/me/statements/{statement['puid']}"))["status"] == 404
    assert paper.expert.get("/me/statements").json == {"statements": [], "next": None}
    assert problem(paper.reader.get("/me/statements"))["status"] == 401


def test_a_law_makes_it_illegal(paper: Paper) -> None:
    statement = reject(paper, law="Section 185 of the criminal code")
    assert (statement["decision_ground"], statement["ground"]) == ("DECISION_GROUND_ILLEGAL_CONTENT", "Section 185 of the criminal code")


def test_a_key_cannot_appeal_for_its_owner(paper: Paper, key_of: object) -> None:
    key: Caller = key_of(paper.people["member"], "read", "post")  # type: ignore[operator]
    assert problem(key.get("/me/statements"))["code"] == "key_not_allowed"


def test_she_appeals_and_a_second_manager_overturns(paper: Paper) -> None:
    statement = reject(paper)
    path = f"/me/statements/{statement['puid']}/appeal"
    assert problem(paper.member.post(path, {"text": " "}))["errors"][0]["field"] == "text"
    made = paper.member.post(path, APPEAL)
    assert made.status_code == 201
    assert (made.json["state"], made.json["appeal"]["status"], made.json["may_appeal"]) == ("appealed", "open", False)
    assert problem(paper.member.post(path, APPEAL))["code"] == "appeal_made"

    listed = paper.second_manager.get(f"/sites/{paper.site.key}/appeals?whose=others").json["appeals"]
    assert [a["text"] for a in listed] == ["I quoted the article."]
    assert listed[0]["decided_first_by"]["name"] == "Max Manager"
    assert paper.manager.get(f"/sites/{paper.site.key}/appeals?whose=others").json["appeals"] == []
    one = f"/appeals/{listed[0]['id']}"
    case = paper.manager.get(one).json
    assert (case["may_judge"], case["flags"][0]["text"], case["card"]["comment"]["body"]) == (False, "See for yourself", "They are liars.")

    verdict = {"outcome": "overturned", "answer": "You are right."}
    assert problem(paper.manager.post(f"{one}/decision", verdict))["code"] == "own_decision"
    assert problem(paper.stranger.post(f"{one}/decision", verdict))["status"] == 404
    assert problem(paper.second_manager.post(f"{one}/decision", verdict | {"answer": ""}))["errors"][0]["field"] == "answer"
    judged = paper.second_manager.post(f"{one}/decision", verdict)
    assert judged.status_code == 201
    assert judged.json["appeal"]["status"] == "overturned"
    late = problem(paper.admin.post(f"{one}/decision", verdict))
    assert (late["code"], late["current"]["by"]) == ("appeal_closed", "Sue Second")

    mine = paper.member.get(f"/me/statements/{statement['puid']}").json
    assert (mine["state"], mine["appeal"]["answer"]) == ("overturned", "You are right.")
    assert mine["end_date"] is not None
    assert paper.reader.get(paper.comments).json["comments"][0]["id"] == statement["comment_id"]

    undone = paper.second_manager.post(f"/decisions/{judged.json['appeal']['decision_id']}/undo")
    assert undone.status_code == 201
    assert paper.member.get(f"/me/statements/{statement['puid']}").json["state"] == "appealed"
    assert [a["status"] for a in paper.admin.get(f"/sites/{paper.site.key}/appeals").json["appeals"]] == ["open"]
    assert paper.admin.get(f"/sites/{paper.site.key}/appeals?state=decided").json["appeals"] == []


def test_pages_of_statements_follow_each_other(paper: Paper) -> None:
    puids = [reject(paper, f"Number {n}.")["puid"] for n in range(5)]
    first = paper.member.get("/me/statements?limit=3").json
    rest = paper.member.get(f"/me/statements?limit=3&after={first['next']}").json
    assert [s["puid"] for s in (*first["statements"], *rest["statements"])] == puids[::-1]
    assert rest["next"] is None
    assert problem(paper.expert.get(f"/me/statements?after={first['next']}"))["code"] == "cursor_invalid"


def test_the_public_modlog_is_for_sites_that_publish_it(paper: Paper) -> None:
    path = f"/sites/{paper.site.key}/public-modlog"
    statement = reject(paper)
    assert problem(paper.reader.get(path))["detail"] == "This site does not publish its modlog."
    changed = paper.admin.patch(f"/sites/{paper.site.key}", {"policy": {"public_modlog": True}})
    assert changed.json["policy"]["public_modlog"] is True
    answer = paper.reader.get(path)
    entry, = answer.json["entries"]
    assert entry == {
        "decided_at": statement["application_date"], "what": "removed", "reason": "abuse", "rule": "Personal attack or insult",
        "decided_by": "community_manager", "state": "holds", "article": {"title": paper.article.title, "url": paper.article.url},
    }
    for secret in ("Mia", "Max", "liars", "Again", str(statement["puid"])):
        assert secret not in answer.text
    assert "s-maxage" in answer.headers["Cache-Control"]
    assert paper.reader.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    paper.member.post(f"/me/statements/{statement['puid']}/appeal", APPEAL)
    changed_since = paper.reader.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (changed_since.status_code, changed_since.json["entries"][0]["state"]) == (200, "appealed")


def test_what_a_program_rejected_says_so_in_public(paper: Paper) -> None:
    paper.site.policy_data = Policy(public_modlog=True).to_data()
    make_comment(paper.article, make_user(), status=Status.REJECTED)
    db.session.commit()
    entry, = paper.reader.get(f"/sites/{paper.site.key}/public-modlog").json["entries"]
    assert (entry["decided_by"], entry["what"]) == ("system", "not_published")


@pytest.mark.parametrize("field", ["appeal_days", "appeal_answer_days"])
def test_the_times_of_appeals_are_settings_of_the_site(paper: Paper, field: str) -> None:
    path = f"/sites/{paper.site.key}"
    assert paper.admin.patch(path, {"policy": {field: 30}}).json["policy"][field] == 30
    assert problem(paper.admin.patch(path, {"policy": {field: 0}}))["status"] == 422
