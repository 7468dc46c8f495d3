"""Around deciding, without JavaScript; the race of two managers over HTTP; and moderating in the thread."""

from __future__ import annotations

import contextvars
import http.client
import re
import threading
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, EditStatus, Revision, Status
from commentsvc.extensions import db
from commentsvc.moderation.decide import latest_decision
from commentsvc.moderation.edits import take_edit
from commentsvc.moderation.models import Decision, Question, ReviewNote
from commentsvc.moderation.queue import Queue, queue_counts
from commentsvc.moderation.screen import load_comments
from commentsvc.sites.models import Article, Site
from tests.factories import fresh, hold_as_toxic, make_article, make_comment, make_site, make_user
from tests.journeys.test_review import EVIL, SAFE, Desk


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall")


@pytest.fixture
def anna(site: Site) -> User:
    return make_user("Anna Berg", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def ben(site: Site) -> User:
    return make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def desk(app: Flask, anna: User) -> Desk:
    return Desk(app, anna)


@pytest.fixture
def bens(app: Flask, ben: User) -> Desk:
    return Desk(app, ben)


def status(comment: Comment) -> str:
    found: str | None = db.session.scalar(select(Comment.status).where(Comment.id == comment.id))
    assert found is not None
    return found


# --- the card


def test_the_card_has_its_place_in_the_thread_its_edits_and_its_authors_last_comments(desk: Desk, article: Article) -> None:
    author = make_user("Rolf")
    root = make_comment(article)
    comment = make_comment(article, author, "You are no fool.", parent=root, status=Status.HELD)
    make_comment(article, author, f"Another of his {EVIL}.")
    db.session.add(Revision(site_id=article.site_id, comment_id=comment.id, number=2, body="You are a fool."))
    db.session.commit()
    page = desk.get(f"/review/post/comments/{comment.id}").text
    assert "Reply at depth 1, no replies" in page
    assert f"/embed/c/{root.id}" in page
    assert re.search(r"<del><span[^>]*>\[taken out: </span>no<span[^>]*>\]</span></del><ins><span[^>]*>\[put in: </span>a<", page)
    assert f"Another of his {SAFE}." in page
    assert EVIL not in page


def test_an_edit_is_accepted_or_rejected_by_its_forms_and_the_text_before_stands_meanwhile(desk: Desk, article: Article) -> None:
    comment = make_comment(article, body="You are no fool.")

    def waits(body: str) -> str:
        load_comments([comment.id])
        take_edit(comment, db.session.get_one(User, comment.author_id), body)
        comment.edit_status = EditStatus.HELD.value
        db.session.commit()
        return f"/review/post/held?comment={comment.id}"

    address = waits(f"You are a fool {EVIL}.")
    page = desk.get(address).text
    assert "This is an edit that waits for you." in page
    assert SAFE in page
    assert EVIL not in page
    at_once = {"item": [f"{comment.id}:{comment.version}:{comment.edit}"], "action": "approve"}
    asked = desk.post("/review/post/bulk", desk.form(page, "/bulk") | at_once).text
    assert SAFE in asked
    assert "You are no fool." not in asked, "what is asked about is the edit"
    assert desk.send(address, f"/comments/{comment.id}/reject").status_code == 422
    answer = desk.send(address, f"/comments/{comment.id}/reject", {"reason": "abuse"})
    assert "The edit is rejected; the text before stands." in desk.get(answer.location).text
    db.session.refresh(comment)
    assert (comment.status, comment.body, comment.edit_status) == ("published", "You are no fool.", "rejected")
    address = waits("You are wise.")
    stale = desk.form(desk.get(address).text, f"/comments/{comment.id}/approve")
    waits("You are very wise.")
    late = desk.post(f"/review/post/comments/{comment.id}/approve", stale)
    assert late.status_code == 409
    assert "You are very wise." in late.text
    db.session.refresh(comment)
    assert comment.body == "You are no fool."
    answer = desk.send(address, f"/comments/{comment.id}/approve")
    assert "The edit is accepted." in desk.get(answer.location).text
    db.session.refresh(comment)
    assert (comment.body, comment.edit) == ("You are very wise.", None)


def test_with_its_edit_a_whole_comment_can_be_taken_off(desk: Desk, article: Article) -> None:
    comment = make_comment(article, body="You are a fool.")
    load_comments([comment.id])
    take_edit(comment, db.session.get_one(User, comment.author_id), "You are a great fool.")
    comment.edit_status = EditStatus.HELD.value
    db.session.commit()
    desk.send(f"/review/post/held?comment={comment.id}", f"/comments/{comment.id}/reject", {"reason": "abuse", "whole": "1"})
    db.session.refresh(comment)
    assert (comment.status, comment.edit) == ("rejected", None)


def test_a_message_to_the_author_is_kept_with_the_decision_and_survives_an_error(desk: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    address = f"/review/post/comments/{comment.id}"
    bad = desk.send(address, f"/comments/{comment.id}/reject", {"message": "Please be kind.", "note": "n"})
    assert bad.status_code == 422
    assert "Please be kind." in bad.text
    desk.send(address, f"/comments/{comment.id}/reject", {"reason": "abuse", "message": "Please be kind."})
    decision = latest_decision(comment.id)
    assert decision is not None
    assert decision.message == "Please be kind."
    assert "Please be kind." in desk.get("/review/post/modlog").text


def test_featuring_and_pinning_from_the_card_and_back(desk: Desk, article: Article) -> None:
    comment = make_comment(article)
    address = f"/review/post/comments/{comment.id}"
    assert "Feature <kbd>" in desk.get(address).text
    desk.send(address, f"/comments/{comment.id}/featured")
    desk.send(address, f"/comments/{comment.id}/pinned")
    assert fresh(article).pinned_id == comment.id
    page = desk.get(address).text
    assert "Unfeature <kbd>" in page
    assert "Unpin <kbd>" in page
    desk.send(address, f"/comments/{comment.id}/featured")
    db.session.refresh(comment)
    assert comment.featured_at is None
    modlog = desk.get("/review/post/modlog").text
    for words in ("Featured", "Pinned to the top", "No longer featured"):
        assert words in modlog
    desk.send("/review/post/modlog", r"/decisions/\d+/undo")  # the latest: featured again
    db.session.refresh(comment)
    assert comment.featured_at is not None


def test_a_held_comment_offers_no_marks(desk: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    assert "/featured" not in desk.get(f"/review/post/comments/{comment.id}").text


def test_readers_see_what_is_featured_and_pinned(app: Flask, desk: Desk, article: Article) -> None:
    first, second = make_comment(article, body="The first."), make_comment(article, body="The second.")
    reader = Desk(app)
    thread = f"/embed/post/thread?url={article.url}"
    before = reader.get(thread)
    desk.send(f"/review/post/comments/{first.id}", f"/comments/{first.id}/pinned")
    desk.send(f"/review/post/comments/{second.id}", f"/comments/{second.id}/featured")
    after = reader.get(thread, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert re.search(r"Pinned by\s+<bdi>The Post.*The first\..*Featured by\s+<bdi>The Post.*The second\.", after.text, re.DOTALL)
    answer = reader.get(f"/api/v1/articles/{article.id}/comments").json
    assert answer is not None
    assert [(c["id"], c["pinned"], c["featured"]) for c in answer["comments"]] == [
        (str(first.id), True, False), (str(second.id), False, True),
    ]


# --- colleagues


def test_notes_are_added_and_ones_own_deleted(desk: Desk, bens: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    address = f"/review/post/comments/{comment.id}"
    desk.send(address, f"/comments/{comment.id}/notes", {"text": f"A joke {EVIL}"})
    page = bens.get(address).text
    assert f"A joke {SAFE}" in page
    assert "/delete" not in page
    empty = desk.send(address, f"/comments/{comment.id}/notes", {"text": " "})
    assert empty.status_code == 422
    assert "Write something first." in empty.text
    desk.send(address, r"/notes/\d+/delete")
    assert db.session.scalar(select(func.count()).select_from(ReviewNote)) == 0


def test_a_question_is_on_her_list_until_she_answers(desk: Desk, bens: Desk, ben: User, article: Article) -> None:
    comment = make_comment(article, body="Is this a threat?", status=Status.HELD)
    address = f"/review/post/comments/{comment.id}"
    assert "Nobody asks you anything" in bens.get("/review/post/asked").text
    desk.send(address, f"/comments/{comment.id}/questions", {"asked": str(ben.id), "text": "You know him?"})
    asked = bens.get("/review/post/asked").text
    assert "You know him?" in asked
    assert f"/comments/{comment.id}" in asked
    counts = bens.get("/review/post/counts").json
    assert counts is not None
    assert counts["asked"] == 1
    bens.send(address, f"/comments/{comment.id}/approve")
    assert "Nobody asks you anything" in bens.get("/review/post/asked").text
    db.session.rollback()
    question = db.session.execute(select(Question)).scalar_one()
    assert question.answered_by_id == ben.id


def test_somebody_who_cannot_be_asked_is_an_error_that_keeps_the_question(desk: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    address = f"/review/post/comments/{comment.id}"
    refused = desk.send(address, f"/comments/{comment.id}/questions", {"asked": str(make_user().id), "text": "Well?"})
    assert refused.status_code == 422
    assert "Choose a colleague" in refused.text
    assert "Well?" in refused.text


def test_who_else_is_on_a_comment_is_said_and_hinders_nobody(desk: Desk, bens: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    token = desk.form(desk.get("/review/post/held").text, "/approve")["csrf_token"]
    assert desk.post("/review/post/claim", {"csrf_token": token, "comment": comment.id}).json == {"here": []}
    assert "Anna Berg is on this comment too." in bens.get("/review/post/held").text
    counts = bens.get("/review/post/counts").json
    assert counts is not None
    assert counts["claims"] == [{"comment": comment.id, "by": "Anna Berg"}]
    bens.send("/review/post/held", f"/comments/{comment.id}/approve")
    assert status(comment) == "published"
    desk.post("/review/post/claim", {"csrf_token": token, "comment": ""})
    assert "is on this comment too" not in bens.get("/review/post/approved").text


def test_skipping_leads_on_and_the_comment_is_last(desk: Desk, article: Article) -> None:
    comments = [make_comment(article, body=f"Remark {n}.", status=Status.HELD) for n in range(3)]
    answer = desk.send(f"/review/post/held?comment={comments[0].id}", f"/comments/{comments[0].id}/skip")
    assert f"comment={comments[1].id}" in answer.headers["Location"]
    ids = [int(i) for i in re.findall(r'id="row-(\d+)"', desk.get("/review/post/held").text)]
    assert ids == [comments[1].id, comments[2].id, comments[0].id]


def test_blurring_is_remembered_for_the_person(desk: Desk, bens: Desk, article: Article) -> None:
    hold_as_toxic(make_comment(article, body="You fool.", status=Status.PENDING), (0, 9))
    desk.send("/review/post/held", "/blur")
    assert 'class="console blurred"' in desk.get("/review/post/modlog").text
    assert 'class="console blurred"' not in bens.get("/review/post/held").text
    desk.send("/review/post/held", "/blur")
    assert 'class="console blurred"' not in desk.get("/review/post/held").text


# --- many at once


def items(comments: list[Comment]) -> list[str]:
    return [f"{c.id}:{c.version}" for c in comments]


def test_many_are_rejected_after_one_question_and_taken_back_in_one_step(desk: Desk, article: Article) -> None:
    comments = [make_comment(article, body=f"Advert {n}", status=Status.HELD) for n in range(3)]
    fields: dict[str, Any] = desk.form(desk.get("/review/post/held").text, "/bulk") | {"item": items(comments), "action": "reject"}
    asked = desk.post("/review/post/bulk", fields)
    assert "Reject 3 comments?" in asked.text
    assert "Advert 2" in asked.text
    assert {status(c) for c in comments} == {"held"}
    unreasoned = desk.post("/review/post/bulk", fields | {"confirmed": "1", "note": "Kept words"})
    assert unreasoned.status_code == 422
    assert "Choose a reason" in unreasoned.text
    assert "Kept words" in unreasoned.text
    done = desk.post("/review/post/bulk", fields | {"confirmed": "1", "reason": "spam"})
    page = desk.get(done.headers["Location"]).text
    assert "3 comments rejected" in page
    assert {status(c) for c in comments} == {"rejected"}
    desk.send(done.headers["Location"], "/undo")
    assert {status(c) for c in comments} == {"held"}
    assert not miscounted()


def test_what_a_colleague_decided_meanwhile_is_named_in_the_outcome(desk: Desk, bens: Desk, article: Article) -> None:
    comments = [make_comment(article, status=Status.HELD) for n in range(2)]
    fields: dict[str, Any] = desk.form(desk.get("/review/post/held").text, "/bulk") | {"item": items(comments), "action": "approve", "confirmed": "1"}
    bens.send("/review/post/held", f"/comments/{comments[0].id}/reject", {"reason": "abuse"})
    done = desk.post("/review/post/bulk", fields)
    page = desk.get(done.headers["Location"]).text
    assert "1 comment published" in page
    assert "Ben Okafor has already rejected this comment." in page


@pytest.mark.parametrize("item", [[], ["x:1"], ["1"], ["1:x"], ["9" * 30 + ":1"], [f"{n}:1" for n in range(1, 102)]])
def test_a_selection_that_cannot_be_is_refused(desk: Desk, article: Article, item: list[str]) -> None:
    make_comment(article, status=Status.HELD)
    fields: dict[str, Any] = desk.form(desk.get("/review/post/held").text, "/bulk") | {"item": item, "action": "approve", "confirmed": "1"}
    assert desk.post("/review/post/bulk", fields).status_code == 422


# --- decisions that are sent while the next card is on show

SENT = {"X-Sent": "background"}


def test_a_decision_sent_again_for_want_of_an_answer_is_one_decision(desk: Desk, article: Article) -> None:
    comment, following = (make_comment(article, status=Status.HELD) for _ in range(2))
    fields = desk.form(desk.get("/review/post/held").text, f"/comments/{comment.id}/approve") | {"next": str(following.id)}
    path = f"/review/post/comments/{comment.id}/approve"
    first = desk.post(path, fields, headers=SENT)
    assert first.json is not None
    assert (first.json["status"], first.json["card"], first.json["gone"]) == ("published", "", [comment.id])
    assert "Undo" in first.json["toast"]
    again = desk.post(path, fields, headers=SENT | {"X-Again": "1"})
    assert again.status_code == 200
    assert desk.post(path, fields, headers=SENT).status_code == 409  # not marked as a repetition
    number = db.session.scalar(select(func.count()).where(Decision.comment_id == comment.id, Decision.actor_id.is_not(None)))
    assert number == 1


def test_a_repetition_is_not_taken_for_somebody_elses_decision(desk: Desk, bens: Desk, article: Article) -> None:
    comment = make_comment(article, status=Status.HELD)
    fields = desk.form(desk.get("/review/post/held").text, f"/comments/{comment.id}/approve")
    bens.send("/review/post/held", f"/comments/{comment.id}/approve")
    answer = desk.post(f"/review/post/comments/{comment.id}/approve", fields, headers=SENT | {"X-Again": "1"})
    assert answer.status_code == 409
    assert answer.json is not None
    assert "Ben Okafor has already published" in answer.json["message"]
    assert "Ben Okafor" in answer.json["card"]


def test_following_costs_a_304_a_fixed_number_of_statements(desk: Desk, bens: Desk, article: Article, statements: list[str]) -> None:
    comments = [make_comment(article, status=Status.HELD) for _ in range(6)]
    since = re.search(r'data-since="(\d+)"', desk.get("/review/post/held").text)
    assert since
    address = f"/review/post/counts?comment={comments[5].id}&since={since.group(1)}"
    costs, answers = [], []
    for comment in comments[:3]:
        bens.send(f"/review/post/held?comment={comment.id}", f"/comments/{comment.id}/approve")
        db.session.commit()
        statements.clear()
        answers.append(desk.get(address))
        costs.append(len(statements))
    assert set(costs) == {10}  # as its docstring says
    assert answers[-1].json is not None
    assert [c["comment"] for c in answers[-1].json["changes"]] == [c.id for c in comments[:3]]
    assert desk.get(address, headers={"If-None-Match": answers[-1].headers["ETag"]}).status_code == 304


# --- two at once

QUEUE_LENGTH = 24


def test_two_managers_race_through_one_queue_and_each_comment_is_decided_once(
    app: Flask, site: Site, article: Article, anna: User, ben: User
) -> None:
    """Over HTTP and against a running server, as fast as it answers: one approves, the other rejects."""
    comments = [make_comment(article, status=Status.HELD) for _ in range(QUEUE_LENGTH)]
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    cookies = {
        person.display_name: f"{COOKIE}={serializer.dumps({'_user_id': start_session(person, device='race'), '_fresh': True})}"
        for person in (anna, ben)
    }
    ids = [c.id for c in comments]
    db.session.commit()
    db.session.remove()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    told: Counter[tuple[str, int]] = Counter()
    start = threading.Barrier(2)
    broken: list[Exception] = []

    def work(name: str, action: str, order: list[int]) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)

            def ask(method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str, str]:
                headers = {"Cookie": jar, "X-Sent": "background"}
                if fields:
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request(method, path, urlencode(fields) if fields else None, headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode(), answer.headers.get("Set-Cookie", "")

            jar = cookies[name]
            _, page, fresh_cookie = ask("GET", "/review/post/held")
            if fresh_cookie:
                jar = fresh_cookie.split(";")[0]
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)
            assert token
            versions = dict(re.findall(r'value="(\d+):(\d+)"', page))
            start.wait()
            for comment_id in order:
                fields = {"csrf_token": token.group(1), "version": versions[str(comment_id)], "queue": "held", "reason": "abuse"}
                code, _, _ = ask("POST", f"/review/post/comments/{comment_id}/{action}", fields)
                told[name, code] += 1
            connection.close()
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            broken.append(error)
            start.abort()

    threads = [
        threading.Thread(target=contextvars.Context().run, args=(work, "Anna Berg", "approve", ids)),
        threading.Thread(target=contextvars.Context().run, args=(work, "Ben Okafor", "reject", ids[: QUEUE_LENGTH // 2] + ids[: QUEUE_LENGTH // 2 - 1 : -1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.shutdown()
    serving.join()
    server.server_close()
    assert broken == []

    made = Counter(db.session.scalars(
        select(Decision.comment_id).where(Decision.comment_id.in_(ids), Decision.actor_id.is_not(None))
    ))
    assert made == Counter(ids), "each once"
    assert told["Anna Berg", 200] + told["Ben Okafor", 200] == QUEUE_LENGTH
    assert told["Anna Berg", 409] + told["Ben Okafor", 409] == QUEUE_LENGTH
    assert set(told) <= {(name, code) for name in cookies for code in (200, 409)}, told
    assert miscounted() == []
    counts = queue_counts(db.session.get_one(Site, article.site_id))
    assert counts[Queue.HELD] == 0
    assert counts[Queue.APPROVED] == told["Anna Berg", 200] == fresh(article).comment_count
    assert counts[Queue.REJECTED] == told["Ben Okafor", 200]


# --- in the thread


class Widget(Desk):
    """A person signed in in the widget."""

    def __init__(self, app: Flask, person: User) -> None:
        super().__init__(app)
        token = start_session(person, device="a test")
        db.session.commit()
        value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
        self.client.set_cookie(FRAMED_COOKIE, value, path="/")

    def ask(self, path: str, data: dict[str, Any] | None = None) -> Any:
        headers = {"X-Requested-With": "commentsvc"}
        if data is None:
            return self.get(path, headers=headers)
        return self.post(path, data | {"csrf_token": self.token}, headers=headers)

    def me(self, article: Article) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"/embed/post/articles/{article.id}/me").json
        self.token = found.get("csrf", "")
        return found


def test_only_staff_are_told_of_the_script_and_the_page_is_the_same_for_all(app: Flask, article: Article, anna: User) -> None:
    make_comment(article)
    staff, member = Widget(app, anna), Widget(app, make_user())
    assert staff.me(article)["scripts"][-1].endswith("/moderate.js")
    assert staff.get(staff.me(article)["scripts"][-1]).status_code == 200
    assert not any("moderate" in script for script in member.me(article)["scripts"])
    thread = f"/embed/post/thread?url={article.url}"
    assert staff.get(thread).data == member.get(thread).data


def test_a_comment_is_removed_in_the_thread_and_put_back(app: Flask, article: Article, anna: User) -> None:
    comment = make_comment(article)
    staff = Widget(app, anna)
    staff.me(article)
    panel = staff.ask(f"/embed/comments/{comment.id}/moderation").json["html"]
    version = re.search(r'name="version" value="(\d+)"', panel)
    assert version
    assert f"/review/post/comments/{comment.id}" in panel
    path = f"/embed/comments/{comment.id}/moderate"
    unreasoned = staff.ask(path, {"action": "reject", "version": version.group(1)})
    assert unreasoned.status_code == 422
    answer = staff.ask(path, {"action": "reject", "version": version.group(1), "reason": "abuse", "message": "No."}).json
    assert (answer["public"], answer["count"]) == (False, 0)
    assert status(comment) == "rejected"
    stale = staff.ask(path, {"action": "keep", "version": version.group(1)})
    assert stale.status_code == 409
    assert "Anna Berg has already rejected" in stale.json["error"]["message"]
    back = staff.ask(f"/embed/decisions/{answer['undo']}/undo", {}).json
    assert (back["public"], back["count"]) == (True, 1)


def test_marks_are_given_in_the_thread(app: Flask, article: Article, anna: User) -> None:
    comment = make_comment(article)
    staff = Widget(app, anna)
    staff.me(article)
    for action, mark in (("feature", "Featured by The Post"), ("pin", "Pinned by The Post"), ("unpin", "Featured by The Post"), ("unfeature", "")):
        db.session.refresh(comment)
        answer = staff.ask(f"/embed/comments/{comment.id}/moderate", {"action": action, "version": comment.version}).json
        assert answer["mark"] == mark


def test_a_colleague_is_asked_in_the_thread(app: Flask, article: Article, anna: User) -> None:
    comment, ben = make_comment(article), make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=article.site)
    staff = Widget(app, anna)
    staff.me(article)
    panel = staff.ask(f"/embed/comments/{comment.id}/moderation").json["html"]
    assert f'<option value="{ben.id}">Ben Okafor</option>' in panel
    assert f'<option value="{anna.id}">' not in panel, "nobody asks herself"
    path = f"/embed/comments/{comment.id}/moderate"
    asking = {"action": "ask", "version": comment.version, "text": "Is the number right?"}
    assert staff.ask(path, {**asking, "asked": "all", "text": " "}).status_code == 422
    assert staff.ask(path, {**asking, "asked": "x"}).status_code == 422
    answer = staff.ask(path, {**asking, "asked": ben.id}).json
    assert (answer["public"], answer["message"], answer["undo"]) == (True, "Asked.", None)
    (question,) = db.session.scalars(select(Question))
    assert (question.comment_id, question.asker_id, question.asked_id, question.text) == (comment.id, anna.id, ben.id, "Is the number right?")


def test_readers_cannot_moderate(app: Flask, article: Article) -> None:
    comment = make_comment(article)
    member = Widget(app, make_user())
    member.me(article)
    assert member.ask(f"/embed/comments/{comment.id}/moderation").status_code == 403
    assert member.ask(f"/embed/comments/{comment.id}/moderate", {"action": "keep", "version": comment.version}).status_code == 403
