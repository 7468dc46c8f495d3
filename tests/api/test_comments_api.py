"""Writing comments, waiting for the verdict, voting, flagging, taking back."""

from __future__ import annotations

import contextvars
import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.api.comments import wait_wanted
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.moderation.claims import Lane
from commentsvc.moderation.models import Decision
from commentsvc.moderation.nudge import NUDGES
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import ToxicityScorer
from tests.api.conftest import Answer, Caller, Paper, problem
from tests.conftest import Statements
from tests.factories import hold_as_toxic, make_article, make_comment, make_site

DECENT = "Thank you, this was a helpful article."
TOXIC = "You are a pathetic idiot, shut up you moron."


@pytest.fixture
def worker(app: Flask, run_worker: Callable[[], int]) -> Callable[[float], threading.Thread]:
    """Starts the worker in a thread of its own after so many seconds."""

    def start(delay: float) -> threading.Thread:
        def work() -> None:
            time.sleep(delay)
            with app.app_context():
                run_worker()
                db.session.remove()

        thread = threading.Thread(target=lambda: contextvars.Context().run(work))
        thread.start()
        return thread

    return start


def test_a_comment_waits_for_the_worker_and_is_then_public(paper: Paper, run_worker: Callable[[], int]) -> None:
    posted = paper.member.post(paper.comments, {"body": DECENT})
    assert (posted.status_code, posted.json["status"]) == (201, "pending")
    assert "checked" in posted.json["what_next"]
    assert "Preference-Applied" not in posted.headers
    where = posted.headers["Location"]
    assert paper.reader.get(where).status_code == 404
    assert paper.expert.get(where).status_code == 404
    assert paper.stranger.get(where).status_code == 404
    assert paper.member.get(where).json == posted.json
    assert run_worker() == 1
    assert paper.member.get(where).json["what_next"] == "Everybody can read it."
    public = paper.reader.get(where).json
    assert public["status"] == "published"
    assert "body" not in public
    assert paper.reader.get(paper.comments).json["comments"][0]["id"] == public["id"]


@pytest.mark.parametrize(("body", "status"), [(DECENT, "published"), (TOXIC, "held")])
def test_prefer_wait_answers_with_the_verdict(
    paper: Paper, worker: Callable[[float], threading.Thread], body: str, status: str
) -> None:
    thread = worker(0.3)
    posted = paper.member.post(paper.comments, {"body": body}, headers={"Prefer": "wait=8"})
    thread.join()
    assert (posted.status_code, posted.json["status"]) == (201, status)
    assert posted.headers["Preference-Applied"] == "wait"
    stored = db.session.scalars(select(Comment)).one()
    assert stored.status == status


def test_prefer_wait_gives_up_in_time_and_loses_nothing(paper: Paper) -> None:
    begun = time.monotonic()
    posted = paper.member.post(paper.comments, {"body": DECENT}, headers={"Prefer": "wait=1"})
    assert 0.9 < time.monotonic() - begun < 4
    assert (posted.status_code, posted.json["status"]) == (201, "pending")


def test_nothing_is_held_while_a_request_waits(paper: Paper) -> None:
    """On SQLite a waiting request that held a transaction would keep everybody from writing."""
    answers: list[int] = []
    db.session.commit()
    app = paper.reader.app

    def wait() -> None:
        with app.app_context():
            waiting_caller = Caller(app, paper.member.token)
            answers.append(waiting_caller.post(paper.comments, {"body": DECENT}, headers={"Prefer": "wait=4"}).status_code)
            db.session.remove()

    waiting = threading.Thread(target=lambda: contextvars.Context().run(wait))
    waiting.start()
    time.sleep(0.5)
    begun = time.monotonic()
    assert paper.manager.post(paper.comments, {"body": "Written meanwhile."}).status_code == 201
    assert time.monotonic() - begun < 3
    waiting.join()
    assert answers == [201]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=3", 3.0), ("respond-async, wait=3", 3.0), ("WAIT = 3 ; x=1", 3.0), ('wait="3"', 3.0), ("wait=0", 0.0),
        ("wait=9999", 10.0), ("", None), ("wait", None), ("wait=-1", None), ("wait=1.5", None), ("wait=x", None),
        ("await=3", None), ("wait=" + "9" * 50, None), ("return=minimal", None),
    ],
)
def test_prefer_is_read_as_its_standard_wants(app: Flask, header: str, seconds: float | None) -> None:
    assert wait_wanted(header) == seconds


def test_a_reply_stands_under_its_parent(paper: Paper) -> None:
    parent = make_comment(paper.article)
    reply = paper.manager.post(paper.comments, {"body": "We looked into it.", "parent_id": str(parent.id)})
    assert (reply.json["parent_id"], reply.json["status"]) == (str(parent.id), "published")
    assert reply.json["author"]["role"] == "community_manager"
    shown = paper.reader.get(paper.comments).json["comments"][0]["replies"][0]
    assert shown["author"] == reply.json["author"]
    assert (shown["author"]["name"], shown["author"]["badges"]) == ("Max Manager", [{"kind": "staff", "field": None}])


def test_html_and_scripts_never_reach_a_reader(paper: Paper) -> None:
    posted = paper.manager.post(paper.comments, {"body": "<script>alert(1)</script> *fine* [x](javascript:alert(1))"})
    assert "<script" not in posted.json["body_html"]
    assert "javascript:" not in posted.json["body_html"].split("href=")[-1] or "href=" not in posted.json["body_html"]
    assert "<em>fine</em>" in posted.json["body_html"]
    assert posted.json["body"].startswith("<script>")


def test_the_same_text_twice_is_one_comment_and_one_decision(paper: Paper) -> None:
    first = paper.manager.post(paper.comments, {"body": "Comments close at noon."})
    second = paper.manager.post(paper.comments, {"body": "Comments close at noon."})
    assert (first.json["status"], second.status_code) == ("published", 201)
    assert first.json == second.json
    assert db.session.scalar(select(func.count()).select_from(Decision)) == 1


def test_a_post_is_nine_statements_and_a_decided_one_reads_nothing_anew(paper: Paper, statements: Statements) -> None:
    parent = make_comment(paper.article)
    # Its article, who asks, the parent, the same sent twice, sanctions, the comment, its text, a repeat, badges; on
    # PostgreSQL also the author's lock.
    locks = 0 if db.engine.dialect.name == "sqlite" else 1
    db.session.commit()
    statements.clear()
    assert paper.member.post(paper.comments, {"body": DECENT, "parent_id": str(parent.id)}).status_code == 201
    assert len(statements) == 9 + locks, statements
    kept = paper.manager.post(paper.comments, {"body": DECENT}).json
    assert kept == paper.manager.get(f"/comments/{kept['id']}").json
    assert kept["status"] == "published"


def test_a_post_with_its_key_is_one_comment_whatever_became_of_it(paper: Paper) -> None:
    key = {"Idempotency-Key": "6f1c2c1e-try"}
    first = paper.manager.post(paper.comments, {"body": "Comments close at noon."}, headers=key)
    comment = db.session.get_one(Comment, int(first.json["id"]))
    comment.created_at -= dt.timedelta(days=3)
    db.session.commit()
    again = paper.manager.post(paper.comments, {"body": "Comments close at noon."}, headers=key)
    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert paper.manager.call("DELETE", f"/comments/{first.json['id']}").status_code == 204
    gone = paper.manager.post(paper.comments, {"body": "Comments close at noon."}, headers=key)
    assert (gone.json["id"], gone.json["status"]) == (first.json["id"], "withdrawn")
    assert db.session.scalar(select(func.count()).select_from(Comment)) == 1


def test_a_key_is_its_authors_own_and_for_one_comment(paper: Paper) -> None:
    key = {"Idempotency-Key": "1"}
    first = paper.manager.post(paper.comments, {"body": "Comments close at noon."}, headers=key)
    other = paper.member.post(paper.comments, {"body": "Comments close at noon."}, headers=key)
    assert (other.status_code, other.json["id"] != first.json["id"]) == (201, True)
    reused = paper.manager.post(paper.comments, {"body": "Something else."}, headers=key)
    assert (reused.status_code, reused.json["code"]) == (409, "key_reused")
    long = paper.manager.post(paper.comments, {"body": "Something else."}, headers={"Idempotency-Key": "k" * 256})
    assert long.status_code == 422


def test_a_rejected_author_is_told_why(paper: Paper) -> None:
    site = make_site(policy=Policy(banned_phrases=("snake oil",), reject_clear=True))
    posted = paper.member.post(f"/articles/{make_article(site).id}/comments", {"body": "Buy snake oil"}).json
    assert (posted["status"], posted["reason"]) == ("rejected", "banned_phrase")
    assert posted["reason_text"] == "Language we do not publish"
    assert "guidelines" in posted["what_next"]


def bad_posts(paper: Paper) -> list[tuple[Any, int, str, str | None]]:
    elsewhere = make_comment(make_article(paper.site))
    hidden = make_comment(paper.article, status=Status.HELD)
    gone = make_comment(paper.article, status=Status.REJECTED)
    return [
        ({"body": ""}, 422, "body_empty", "body"),
        ({"body": " \n\u200b"}, 422, "body_empty", "body"),
        ({"body": "x" * 5001}, 422, "body_too_long", "body"),
        ({"body": "NUL \x00"}, 422, "invalid", "body"),
        ({"body": 7}, 422, "invalid", "body"),
        ({"body": None}, 422, "invalid", "body"),
        ({"body": ["a"]}, 422, "invalid", "body"),
        ({}, 422, "invalid", "body"),
        ([{"body": "a"}], 422, "invalid", ""),
        ("text", 422, "invalid", ""),
        ({"body": "a", "status": "published"}, 422, "invalid", "status"),
        ({"body": "a", "parent_id": 1}, 422, "invalid", "parent_id"),
        ({"body": "a", "parent_id": "1e3"}, 422, "invalid", "parent_id"),
        ({"body": "a", "parent_id": "-1"}, 422, "invalid", "parent_id"),
        ({"body": "a", "parent_id": "٣"}, 422, "invalid", "parent_id"),
        ({"body": "a", "parent_id": str(2**63)}, 422, "invalid", "parent_id"),
        ({"body": "a", "parent_id": "9" * 18}, 422, "parent_unknown", "parent_id"),
        ({"body": "a", "parent_id": str(elsewhere.id)}, 422, "parent_elsewhere", "parent_id"),
        ({"body": "a", "parent_id": str(hidden.id)}, 422, "parent_unknown", "parent_id"),
        ({"body": "a", "parent_id": str(gone.id)}, 409, "parent_removed", None),
    ]


def test_bad_posts_get_the_right_status_and_one_clear_message(paper: Paper) -> None:
    cases = bad_posts(paper)
    before = db.session.scalar(select(func.count()).select_from(Comment))
    for body, status, code, field in cases:
        refused = paper.member.post(paper.comments, body)
        found = problem(refused)
        assert (refused.status_code, found["code"]) == (status, code), body
        assert found.get("errors", [{"field": None}])[0]["field"] == field, body
        assert found["detail"][-1] in ".!", body
    assert db.session.scalar(select(func.count()).select_from(Comment)) == before


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400), (b"", "application/json", 400), (b'{"body": NaN}', "application/json", 400),
        (b'{"body": "\\ud800"}', "application/json", 400), (b"\xff\xfe", "application/json", 400),
        (b"[" * 5000, "application/json", 400), (b'{"body": 1e999}', "application/json", 400),
        (b'{"body": "a"}', "text/plain", 415), (b"body=a", "application/x-www-form-urlencoded", 415),
        (b'{"body": "a"}', "", 415), (b'{"body": "' + b"a" * 1_000_001 + b'"}', "application/json", 413),
        (b'{"body": "a"}', "application/json; charset=utf-8", 201),
    ],
)
def test_what_is_no_json_is_refused_before_it_is_judged(paper: Paper, data: bytes, content_type: str, status: int) -> None:
    answer = paper.member.post(paper.comments, data=data, content_type=content_type)
    assert answer.status_code == status
    if status != 201:
        problem(answer)


def test_who_may_not_is_told_before_the_body_is_read(paper: Paper, key_of: Callable[..., Caller]) -> None:
    assert paper.reader.post(paper.comments, data=b"{").status_code == 401
    assert key_of(paper.people["member"], "read").post(paper.comments, data=b"{").status_code == 403


def test_closed_and_unknown_articles_take_no_comment(paper: Paper) -> None:
    closed = make_article(paper.site, closed_at=utcnow())
    refused = paper.member.post(f"/articles/{closed.id}/comments", {"body": DECENT})
    assert (refused.status_code, problem(refused)["code"]) == (409, "article_closed")
    for article_id in ("0", "999999", "9" * 18, str(2**63), "9" * 30, "-1", "abc", "%00"):
        assert paper.member.post(f"/articles/{article_id}/comments", {"body": DECENT}).status_code == 404, article_id


def test_a_comment_is_taken_back_by_its_author_alone(paper: Paper) -> None:
    mine = make_comment(paper.article, paper.people["member"])
    path = f"/comments/{mine.id}"
    for caller, status in [(paper.reader, 401), (paper.expert, 403), (paper.manager, 403)]:
        assert caller.delete(path).status_code == status
    assert paper.member.delete(path).status_code == 204
    assert paper.member.delete(path).status_code == 204
    assert paper.reader.get(path).status_code == 404
    assert paper.member.get(path).json["status"] == "withdrawn"
    assert paper.reader.get(f"/articles/{paper.article.id}").json["comment_count"] == 0


def test_a_comment_that_is_not_public_cannot_be_probed(paper: Paper) -> None:
    held = make_comment(paper.article, status=Status.HELD)
    calls: tuple[Callable[[Caller], Answer], ...] = (
        lambda c: c.get(f"/comments/{held.id}"), lambda c: c.delete(f"/comments/{held.id}"),
        lambda c: c.put(f"/comments/{held.id}/vote", {"value": 1}),
        lambda c: c.post(f"/comments/{held.id}/flags", {"reason": "spam"}),
        lambda c: c.get(f"/comments/{held.id}/card"), lambda c: c.get(f"/comments/{held.id}/replies"),
        lambda c: c.post(f"/comments/{held.id}/decisions", {"action": "approve", "version": 1}),
    )
    for call in calls:
        assert call(paper.expert).status_code == 404
        assert call(paper.stranger).status_code == 404
    assert paper.manager.get(f"/comments/{held.id}").json["version"] == held.version


def test_votes_count_once_and_can_be_taken_back(paper: Paper) -> None:
    comment = make_comment(paper.article)
    path = f"/comments/{comment.id}/vote"
    for value, votes in [(1, (1, 0)), (1, (1, 0)), (-1, (0, 1)), (0, (0, 0)), (1, (1, 0))]:
        answer = paper.member.put(path, {"value": value}).json
        assert (answer["votes"]["up"], answer["votes"]["down"]) == votes
    wrong: tuple[Any, ...] = (2, "1", 0.5, True, None, 10**30)
    for given in wrong:
        assert paper.member.put(path, {"value": given}).status_code == 422, given
    own = make_comment(paper.article, paper.people["member"])
    refused = paper.member.put(f"/comments/{own.id}/vote", {"value": 1})
    assert (refused.status_code, problem(refused)["code"]) == (403, "own_comment")
    assert paper.reader.put(path, {"value": 1}).status_code == 401


def test_a_flag_reaches_the_queue(paper: Paper) -> None:
    comment = make_comment(paper.article)
    path = f"/comments/{comment.id}/flags"
    flagged = paper.member.post(path, {"reason": "spam", "text": "An advertisement."})
    assert flagged.status_code == 201
    assert flagged.json["comment_id"] == str(comment.id)
    card = paper.manager.get(f"/sites/{paper.site.key}/queues/flagged").json["cards"][0]
    assert card["flags"][0]["text"] == "An advertisement."
    assert card["flags"][0]["user"]["name"] == "Mia Member"
    for body, field in [({"reason": "ugly"}, "reason"), ({"reason": "spam", "text": "x" * 1001}, "text"), ({}, "reason")]:
        refused = paper.member.post(path, body)
        assert problem(refused)["errors"][0]["field"] == field


def test_flagging_again_changes_the_flag_and_says_so(paper: Paper) -> None:
    path = f"/comments/{make_comment(paper.article).id}/flags"
    assert paper.member.post(path, {"reason": "spam"}).status_code == 201
    again = paper.member.post(path, {"reason": "abuse", "text": "On second thought."})
    assert (again.status_code, again.json["reason"], again.json["text"]) == (200, "abuse", "On second thought.")
    assert paper.expert.post(path, {"reason": "spam"}).status_code == 201


def test_an_author_takes_her_rejected_comment_back(paper: Paper) -> None:
    mine = make_comment(paper.article, paper.people["member"], status=Status.REJECTED)
    assert paper.member.delete(f"/comments/{mine.id}").status_code == 204
    assert paper.member.get(f"/articles/{paper.article_id}/mine").json["comments"] == []
    assert paper.manager.get(f"/comments/{mine.id}").json["status"] == "withdrawn"


def test_a_body_that_is_null_is_no_object_and_none_is_missing(paper: Paper) -> None:
    sent = paper.member.post(paper.comments, data=b"null", content_type="application/json")
    assert (sent.status_code, problem(sent)["detail"]) == (422, "The body must be a JSON object.")
    empty = paper.member.post(paper.comments, data=b"", content_type="application/json")
    assert (empty.status_code, problem(empty)["detail"]) == (400, "The request has no body; send a JSON object.")


def test_a_held_comments_author_is_told_which_sentence_may_hurt_and_nobody_else_is(paper: Paper) -> None:
    def post(body: str) -> str:
        posted = paper.member.post(paper.comments, {"body": body}).json
        hold_as_toxic(db.session.get_one(Comment, int(posted["id"])), (10, 19))
        return str(posted["id"])

    first = post("Good day. You fool! Bye.")
    seen = paper.member.get(f"/comments/{first}").json
    assert seen["nudge"] == [{"start": 10, "end": 19}]
    assert "score" not in str(seen)
    assert "nudge" not in paper.manager.get(f"/comments/{first}").json
    later = [post(f"Good day. You fool! Bye {n}.") for n in range(NUDGES)]
    mine = paper.member.get(f"/articles/{paper.article_id}/mine").json["comments"]
    assert [(c["id"], "nudge" in c) for c in mine] == [(i, i != later[-1]) for i in [*reversed(later), first]]


def test_the_database_keeps_what_was_answered(paper: Paper) -> None:
    posted = paper.member.post(paper.comments, {"body": DECENT}).json
    stored = db.session.get_one(Comment, int(posted["id"]))
    assert (stored.body, stored.author_id) == (DECENT, paper.people["member"].id)
    assert paper.article.comment_count == 0


@pytest.fixture
def edits_worker(app: Flask, scorer: ToxicityScorer) -> Callable[[], None]:
    """What the worker does with edits."""

    def run() -> None:
        token = write_intent.set(True)
        while screen_pending(lambda: scorer, batch=8, lease=30, lane=Lane.EDITS):
            pass
        write_intent.reset(token)

    return run


def test_an_edit_is_seen_by_its_author_alone_until_it_has_passed(paper: Paper, run_worker: Callable[[], int], edits_worker: Callable[[], None]) -> None:
    where = paper.member.post(paper.comments, {"body": DECENT}).headers["Location"]
    run_worker()
    edited = paper.member.patch(where, {"body": f"{DECENT} Again.", "revision": 1})
    assert (edited.status_code, edited.json["status"]) == (200, "published")
    assert DECENT in edited.json["body_html"]
    assert "Again" not in edited.json["body_html"]
    assert edited.json["edit"]["status"] == "pending"
    assert edited.json["edit"]["body"] == f"{DECENT} Again."
    public = paper.reader.get(where).json
    assert "Again" not in public["body_html"]
    assert "edit" not in public
    assert problem(paper.member.patch(where, {"body": "Third.", "revision": 1}))["code"] == "edited_meanwhile"
    for other in (paper.expert, paper.manager):
        assert problem(other.patch(where, {"body": "Not mine.", "revision": 2}))["code"] == "not_yours"
    assert problem(paper.reader.patch(where, {"body": "Not mine."}))["status"] == 401
    edits_worker()
    public = paper.reader.get(where).json
    assert "Again" in public["body_html"]
    assert public["edited_at"] is not None
    assert "edit" not in paper.member.get(where).json
    for caller in (paper.member, paper.manager):
        assert [(r["number"], r["state"]) for r in caller.get(f"{where}/revisions").json["revisions"]] == [(2, "now"), (1, "shown")]
    for caller in (paper.reader, paper.expert, paper.stranger):
        assert problem(caller.get(f"{where}/revisions"))["status"] == 404


def test_earlier_texts_are_public_where_the_site_says_so_and_never_those_that_nobody_passed(
    paper: Paper, run_worker: Callable[[], int], edits_worker: Callable[[], None]
) -> None:
    paper.article.site.policy_data = Policy(public_history=True).to_data()
    where = paper.member.post(paper.comments, {"body": DECENT}).headers["Location"]
    run_worker()
    for text in (f"{DECENT} Again.", TOXIC):
        paper.member.patch(where, {"body": text})
        edits_worker()
    assert paper.member.get(where).json["edit"]["status"] in {"held", "rejected"}
    shown = paper.reader.get(f"{where}/revisions").json["revisions"]
    assert [(r["number"], r["body"]) for r in shown] == [(2, f"{DECENT} Again."), (1, DECENT)]
    assert paper.member.get(f"{where}/revisions").json["revisions"][0]["body"] == TOXIC


def test_what_is_withdrawn_vanishes_unless_something_answers_it(paper: Paper, run_worker: Callable[[], int]) -> None:
    alone, answered = (paper.member.post(paper.comments, {"body": f"{DECENT} {n}"}).headers["Location"] for n in (1, 2))
    run_worker()
    paper.expert.post(paper.comments, {"body": "An answer.", "parent_id": answered.rpartition("/")[2]})
    run_worker()
    for where in (alone, answered):
        assert paper.member.delete(where).status_code == 204
    listed = {item["id"]: item for item in paper.reader.get(paper.comments).json["comments"]}
    assert alone.rpartition("/")[2] not in {str(number) for number in listed}
    [tomb] = listed.values()
    assert (str(tomb["id"]), tomb["status"], tomb.get("body"), tomb["author"]) == (answered.rpartition("/")[2], "withdrawn", None, None)
