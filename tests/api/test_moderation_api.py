"""The review queue for programs: queues, cards, decisions, conflicts, undo, the modlog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.moderation.flags import flag
from tests.api.conftest import Paper, problem
from tests.conftest import Statements
from tests.factories import hold_as_toxic, make_comment, make_user

TOXIC = "You are a pathetic idiot, shut up you moron."


def test_a_held_comment_is_judged_with_everything_on_its_card(paper: Paper, run_worker: Callable[[], int]) -> None:
    parent = make_comment(paper.article, body="The bridge reopens on Monday.")
    posted = paper.member.post(paper.comments, {"body": TOXIC, "parent_id": str(parent.id)}).json
    run_worker()
    queues = f"/sites/{paper.site.key}/queues"
    assert paper.manager.get(queues).json["counts"] == {"held": 1, "flagged": 0, "new": 1, "approved": 0, "rejected": 0, "all": 2, "waiting": 0}
    card = paper.manager.get(f"{queues}/held").json["cards"][0]
    assert card == paper.manager.get(f"/comments/{posted['id']}/card").json
    assert card["comment"]["body"] == TOXIC
    assert card["comment"]["author"] == {"id": str(paper.people["member"].id), "name": "Mia Member", "role": "member"}
    assert card["parent"]["body"] == "The bridge reopens on Monday."
    assert card["article"] == {"id": str(paper.article_id), "url": paper.article.url, "title": paper.article.title}
    assert card["author_record"] == {"published": 0, "rejected": 0, "held": 1, "withdrawn": 0, "flagged": 0}
    assert card["findings"][0]["phase"] == "toxicity"
    assert 0.6 < card["scores"]["toxicity"] <= 1
    assert len(card["model"]["sha256"]) == 64
    assert [d["to_status"] for d in card["decisions"]] == ["held"]
    assert card["decisions"][0]["actor"] is None

    decided = paper.manager.post(
        f"/comments/{posted['id']}/decisions",
        {"action": "reject", "reason": "abuse", "note": "Again.", "version": card["version"]},
    )
    assert decided.status_code == 201
    assert (decided.json["from_status"], decided.json["to_status"], decided.json["version"]) == ("held", "rejected", card["version"] + 1)
    assert decided.json["actor"]["name"] == "Max Manager"
    mine = paper.member.get(f"/comments/{posted['id']}").json
    assert (mine["status"], mine["reason"], mine["reason_text"]) == ("rejected", "abuse", "Personal attack or insult")
    assert "Again." not in str(mine)
    assert paper.reader.get(f"/comments/{posted['id']}").status_code == 404


def test_an_approved_comment_appears_in_the_thread_and_the_modlog(paper: Paper) -> None:
    held = make_comment(paper.article, paper.people["member"], status=Status.HELD)
    approved = paper.manager.post(f"/comments/{held.id}/decisions", {"action": "approve", "version": held.version})
    assert approved.json["reason"] == "approved"
    assert paper.reader.get(paper.comments).json["comments"][0]["id"] == str(held.id)
    log = paper.manager.get(f"/sites/{paper.site.key}/modlog?by_people=true").json
    assert [(d["id"], d["author"]["name"], d["status"]) for d in log["decisions"]] == [(approved.json["id"], "Mia Member", "published")]
    assert len(paper.manager.get(f"/sites/{paper.site.key}/modlog").json["decisions"]) == 2


def test_the_second_manager_gets_a_conflict_and_overwrites_nothing(paper: Paper) -> None:
    held = make_comment(paper.article, status=Status.HELD)
    path, version = f"/comments/{held.id}/decisions", held.version
    assert paper.manager.post(path, {"action": "approve", "version": version}).status_code == 201
    refused = paper.second_manager.post(path, {"action": "reject", "reason": "spam", "version": version})
    found = problem(refused)
    assert (refused.status_code, found["code"]) == (409, "already_decided")
    assert found["detail"] == "Max Manager has already published this comment."
    assert found["current"]["status"] == "published"
    assert found["current"]["version"] == version + 1
    assert paper.reader.get(f"/comments/{held.id}").json["status"] == "published"
    knowingly = {"action": "reject", "reason": "spam", "version": found["current"]["version"]}
    assert paper.second_manager.post(path, knowingly).status_code == 201


def test_a_decision_is_taken_back_with_the_flags_it_settled(paper: Paper) -> None:
    comment = make_comment(paper.article)
    flag(comment, make_user(), "abuse", "Look at this.")
    db.session.commit()
    decided = paper.manager.post(
        f"/comments/{comment.id}/decisions", {"action": "reject", "reason": "abuse", "version": comment.version}
    ).json
    counts = f"/sites/{paper.site.key}/queues"
    assert paper.manager.get(counts).json["counts"]["flagged"] == 0
    undo = f"/decisions/{decided['id']}/undo"
    for caller, status in [(paper.reader, 401), (paper.member, 404), (paper.stranger, 404)]:
        assert caller.post(undo).status_code == status
    undone = paper.second_manager.post(undo)
    assert (undone.status_code, undone.json["undoes_id"], undone.json["to_status"]) == (201, decided["id"], "published")
    assert paper.manager.get(counts).json["counts"]["flagged"] == 1
    again = paper.manager.post(undo)
    assert (again.status_code, problem(again)["current"]["status"]) == (409, "published")
    assert paper.manager.post(f"/decisions/{undone.json['id']}/undo").status_code == 422
    assert paper.manager.post("/decisions/999999/undo").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"action": "delete"}, "action"), ({"action": None}, "action"), ({"reason": None}, "reason"),
        ({"reason": "clean"}, "reason"), ({"reason": "because"}, "reason"), ({"version": "2"}, "version"),
        ({"version": 0}, "version"), ({"version": 10**30}, "version"), ({"version": 2.5}, "version"),
        ({"note": "x" * 2001}, "note"), ({"note": "\x00"}, "note"), ({"status": "published"}, "status"),
    ],
)
def test_a_decision_that_does_not_fit_decides_nothing(paper: Paper, change: dict[str, Any], field: str) -> None:
    held = make_comment(paper.article, status=Status.HELD)
    whole = {"action": "reject", "reason": "spam", "version": held.version}
    refused = paper.manager.post(f"/comments/{held.id}/decisions", whole | change)
    assert refused.status_code == 422
    assert problem(refused)["errors"][0]["field"] == field
    without = {key: value for key, value in whole.items() if key != "version"}
    assert paper.manager.post(f"/comments/{held.id}/decisions", without).status_code == 422
    assert paper.manager.get(f"/comments/{held.id}").json["status"] == "held"


def test_approving_what_is_approved_decides_nothing_and_the_first_can_be_taken_back(paper: Paper) -> None:
    held = make_comment(paper.article, status=Status.HELD)
    path = f"/comments/{held.id}/decisions"
    first = paper.manager.post(path, {"action": "approve", "version": held.version})
    again = paper.second_manager.post(path, {"action": "approve", "version": first.json["version"]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert again.json["actor"]["name"] == "Max Manager"
    undone = paper.manager.post(f"/decisions/{first.json['id']}/undo")
    assert (undone.status_code, undone.json["to_status"]) == (201, "held")


def test_a_name_no_list_knows_is_refused_like_one_no_body_knows(paper: Paper) -> None:
    comment = make_comment(paper.article)
    site = f"/sites/{paper.site.key}"
    for path in (
        f"/comments/{comment.id}/replies", f"{site}/queues", f"{site}/queues/held", f"{site}/modlog", paper.comments,
        f"{site}/counts", f"{site}/articles",
    ):
        refused = paper.manager.get(f"{path}?url=https://news.example/a&limt=5" if path.endswith(("counts", "articles")) else f"{path}?limt=5")
        assert refused.status_code == 422, path
        assert {"field": "limt", "message": "There is no such field."} in problem(refused)["errors"], path


def test_what_carries_the_scores_is_on_the_card(paper: Paper) -> None:
    comment = make_comment(paper.article, paper.people["member"], "Good day. You fool! Bye.", status=Status.PENDING)
    hold_as_toxic(comment, (10, 19))
    for answer in (
        paper.manager.get(f"/comments/{comment.id}/card").json,
        paper.manager.get(f"/sites/{paper.site.key}/queues/held").json["cards"][0],
    ):
        explanation = answer["findings"][0]["explanation"]
        assert explanation == {"sentences": [{"start": 10, "end": 19, "score": 0.9}], "words": []}
        assert answer["comment"]["body"][10:19] == "You fool!"


def test_queues_are_for_the_sites_own_managers(paper: Paper) -> None:
    comment = make_comment(paper.article)
    reads = [f"/sites/{paper.site.key}/queues", f"/sites/{paper.site.key}/queues/new", f"/sites/{paper.site.key}/modlog", f"/comments/{comment.id}/card"]
    for path in reads:
        for caller, status in [
            (paper.reader, 401), (paper.member, 403), (paper.expert, 403), (paper.stranger, 403), (paper.manager, 200), (paper.admin, 200),
        ]:
            assert caller.get(path).status_code == status, path
    decision = {"action": "approve", "version": comment.version}
    for caller, status in [(paper.reader, 401), (paper.member, 403), (paper.stranger, 403)]:
        assert caller.post(f"/comments/{comment.id}/decisions", decision).status_code == status
    assert paper.manager.get(f"/sites/{paper.site.key}/queues/unknown").status_code == 404


@pytest.mark.parametrize("name", ["queues/held", "modlog"])
def test_queues_and_modlog_are_paged(paper: Paper, name: str) -> None:
    made = [make_comment(paper.article, status=Status.HELD) for _ in range(5)]
    key = "cards" if name != "modlog" else "decisions"
    seen: list[str] = []
    path = f"/sites/{paper.site.key}/{name}?limit=2"
    after = ""
    while True:
        page = paper.manager.get(path + after).json
        seen += [item["comment"]["id"] if key == "cards" else item["comment_id"] for item in page[key]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    expected = [str(c.id) for c in made]
    assert seen == (expected if key == "cards" else expected[::-1])
    refused = paper.manager.get(f"{path}&after=forged")
    assert problem(refused)["code"] == "cursor_invalid"


def test_a_page_of_cards_is_a_fixed_number_of_statements(paper: Paper, statements: Statements) -> None:
    numbers = []
    for _ in range(2):
        for _ in range(3):
            flag(make_comment(paper.article, make_user()), make_user(), "spam")
        path = f"/sites/{paper.site.key}/queues/flagged"
        db.session.commit()
        statements.clear()
        assert paper.manager.get(path).status_code == 200
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]
