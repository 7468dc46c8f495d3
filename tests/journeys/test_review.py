"""The review console without JavaScript: links, forms and redirects."""

from __future__ import annotations

import contextvars
import csv
import io
import re
from collections.abc import Sequence
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from sqlalchemy import select
from werkzeug.test import TestResponse

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation import decide
from commentsvc.moderation.flags import flag
from commentsvc.moderation.marking import marks_of
from commentsvc.moderation.models import REJECT_REASONS, Decision, Flag, Reason, Screening
from commentsvc.review.csv_export import safe_cell
from commentsvc.review.presenting import marked_body
from commentsvc.review.settings_form import FIELDS
from commentsvc.review.words import QUEUE_NAMES, ROLE_NAMES
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user

EVIL = "<script>alert(1)</script>"
SAFE = "&lt;script&gt;alert(1)&lt;/script&gt;"


class Desk:
    """A person at a browser that has no JavaScript; each request runs in a context of its own."""

    def __init__(self, app: Flask, person: User | None = None) -> None:
        self.client = app.test_client()
        if person is not None:
            token = start_session(person, device="a test")
            db.session.commit()
            with self.client.session_transaction() as session:
                session["_user_id"] = token
                session["_fresh"] = True

    def open(self, path: str, method: str = "GET", **given: Any) -> TestResponse:
        # The test's own transaction would hold SQLite's write lock.
        db.session.commit()
        response: TestResponse = contextvars.Context().run(
            self.client.open, path, method=method, buffered=True, **given
        )
        return response

    def get(self, path: str, **given: Any) -> TestResponse:
        return self.open(path, **given)

    def post(self, path: str, data: dict[str, Any], **given: Any) -> TestResponse:
        return self.open(path, "POST", data=data, **given)

    def form(self, page: str, action: str) -> dict[str, str]:
        """The hidden fields of the form on `page` that leads to an address ending in `action`."""
        found = re.search(rf'<form[^>]*action="[^"]*{action}".*?</form>', page, re.DOTALL)
        assert found, f"no form for {action}"
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found.group())
        return {name: unescape(value) for name, value in fields}

    def send(self, address: str, action: str, data: dict[str, Any] | None = None) -> TestResponse:
        """Open the page, fill in its form that leads to `action`, and send it."""
        page = self.get(address).text
        path = re.search(rf'action="([^"]*{action})"', page)
        assert path, f"no form for {action}"
        return self.post(unescape(path.group(1)), self.form(page, action) | (data or {}))


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall", url="https://news.example/wall")


@pytest.fixture
def anna(site: Site) -> User:
    return make_user("Anna Berg", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def desk(app: Flask, anna: User) -> Desk:
    return Desk(app, anna)


def status(comment: Comment) -> str:
    found: str | None = db.session.scalar(select(Comment.status).where(Comment.id == comment.id))
    assert found is not None
    return found


def held(article: Article, body: str | None = None, author: User | None = None) -> Comment:
    return make_comment(article, author, body, status=Status.HELD)


def test_approved_comment_is_published_and_in_the_modlog(desk: Desk, article: Article) -> None:
    comment = held(article, "A doubtful remark.")
    page = desk.get("/review/post/held")
    assert "A doubtful remark." in page.text
    answer = desk.send("/review/post/held", f"/comments/{comment.id}/approve")
    assert answer.status_code == 302
    assert status(comment) == "published"
    after = desk.get(answer.location)
    assert "No held comments" in after.text
    assert "Published." in after.text  # the confirmation, with its Undo
    modlog = desk.get("/review/post/modlog").text
    assert "A doubtful remark." in modlog
    assert "Anna Berg" in modlog


def test_the_next_comment_of_the_list_follows_a_decision(desk: Desk, article: Article) -> None:
    first, second, third = (held(article) for _ in range(3))
    answer = desk.send(f"/review/post/held?comment={second.id}", f"/comments/{second.id}/approve")
    assert parse_qs(urlsplit(answer.location).query)["comment"] == [str(third.id)]
    answer = desk.send(answer.location, f"/comments/{third.id}/approve")
    assert parse_qs(urlsplit(answer.location).query)["comment"] == [str(first.id)]


def test_what_a_colleague_decided_meanwhile_is_passed_over(desk: Desk, app: Flask, site: Site, article: Article) -> None:
    first, second, third = (held(article) for _ in range(3))
    page = desk.get("/review/post/held").text
    form = desk.form(page, f"/comments/{first.id}/approve")
    ben = Desk(app, make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site))
    ben.send(f"/review/post/held?comment={second.id}", f"/comments/{second.id}/approve")
    answer = desk.post(f"/review/post/comments/{first.id}/approve", form)
    assert parse_qs(urlsplit(answer.location).query)["comment"] == [str(third.id)]


def test_rejecting_needs_a_reason_and_keeps_the_note(desk: Desk, article: Article) -> None:
    comment = held(article)
    action = f"/comments/{comment.id}/reject"
    answer = desk.send("/review/post/held", action, {"note": "Call her <b>first</b>."})
    assert answer.status_code == 422
    assert "Choose a reason" in answer.text
    assert "Call her &lt;b&gt;first&lt;/b&gt;.</textarea>" in answer.text
    assert status(comment) == "held"
    answer = desk.send("/review/post/held", action, {"reason": "spam", "note": "Call her first."})
    assert answer.status_code == 302
    assert status(comment) == "rejected"
    assert "Rejected: Spam or advertising." in desk.get(answer.location).text
    decision = decide.latest_decision(comment.id)
    assert decision is not None
    assert (decision.reason, decision.note) == ("spam", "Call her first.")


@pytest.mark.parametrize("reason", ["clean", "withdrawn", "imported", "approved", "no_such"])
def test_only_the_offered_reasons_are_accepted(desk: Desk, article: Article, reason: str) -> None:
    comment = held(article)
    assert desk.send("/review/post/held", f"/comments/{comment.id}/reject", {"reason": reason}).status_code == 422
    assert status(comment) == "held"


def test_undo_restores_the_comment_to_its_queue(desk: Desk, article: Article) -> None:
    comment = held(article)
    answer = desk.send("/review/post/held", f"/comments/{comment.id}/reject", {"reason": "abuse"})
    answer = desk.send(answer.location, "/undo")
    assert answer.status_code == 302
    assert status(comment) == "held"
    page = desk.get(answer.location).text
    assert "Taken back" in page
    assert f'data-comment="{comment.id}"' in page


def test_a_decision_can_be_taken_back_later_from_its_card(desk: Desk, article: Article) -> None:
    comment = held(article)
    desk.send("/review/post/held", f"/comments/{comment.id}/reject", {"reason": "abuse"})
    desk.get("/review/post/held")  # the confirmation is gone after one page
    desk.send(f"/review/post/comments/{comment.id}", "/undo")
    assert status(comment) == "held"


def test_a_stale_decision_names_who_was_first_and_keeps_the_note(
    desk: Desk, app: Flask, site: Site, article: Article
) -> None:
    comment = held(article)
    ben = Desk(app, make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=site))
    form = ben.form(ben.get("/review/post/held").text, f"/comments/{comment.id}/reject")
    desk.send("/review/post/held", f"/comments/{comment.id}/approve")
    answer = ben.post(
        f"/review/post/comments/{comment.id}/reject", form | {"reason": "hate", "note": "My careful note"}
    )
    assert answer.status_code == 409
    assert "Anna Berg</bdi> has already published" in answer.text
    assert "My careful note</textarea>" in answer.text
    assert re.search(r'value="hate" required checked', answer.text)
    assert status(comment) == "published"
    assert decide.latest_decision(comment.id).to_status == "published"  # type: ignore[union-attr]
    # The card that came back names the new version: deciding again is now a knowing decision.
    again = ben.form(answer.text, f"/comments/{comment.id}/reject")
    assert ben.post(f"/review/post/comments/{comment.id}/reject", again | {"reason": "hate"}).status_code == 302
    assert status(comment) == "rejected"


def test_pressing_approve_twice_says_that_it_was_you(desk: Desk, article: Article) -> None:
    comment = held(article)
    form = desk.form(desk.get("/review/post/held").text, f"/comments/{comment.id}/approve")
    desk.post(f"/review/post/comments/{comment.id}/approve", form)
    again = desk.post(f"/review/post/comments/{comment.id}/approve", form)
    assert again.status_code == 409
    assert "You have already decided this comment." in again.text
    assert len(db.session.scalars(select(Decision).where(Decision.actor_id.is_not(None))).all()) == 1


def test_keeping_what_was_approved_goes_on_without_a_word(desk: Desk, article: Article) -> None:
    comments = [held(article) for _ in range(2)]
    for comment in comments:
        desk.send("/review/post/held", f"/comments/{comment.id}/approve")
    desk.get("/review/post/held")  # the confirmation is gone after one page
    answer = desk.send("/review/post/approved", f"/comments/{comments[1].id}/approve")
    assert parse_qs(urlsplit(answer.location).query)["comment"] == [str(comments[0].id)]
    assert 'class="toast' not in desk.get(answer.location).text
    assert len(db.session.scalars(select(Decision).where(Decision.actor_id.is_not(None))).all()) == 2


def test_undo_after_a_later_decision_is_a_conflict(desk: Desk, app: Flask, site: Site, article: Article) -> None:
    comment = held(article)
    answer = desk.send("/review/post/held", f"/comments/{comment.id}/approve")
    page = desk.get(answer.location).text
    undo = re.search(r'action="([^"]*/undo)"', page)
    assert undo
    ben = Desk(app, make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=site))
    ben.send(f"/review/post/comments/{comment.id}", "/reject", {"reason": "spam"})
    late = desk.post(undo.group(1), desk.form(page, "/undo"))
    assert late.status_code == 409
    assert "Ben Okafor</bdi> has already rejected" in late.text
    assert status(comment) == "rejected"


def test_keeping_a_flagged_comment_settles_its_flags(desk: Desk, article: Article) -> None:
    comment = make_comment(article)
    flag(comment, make_user("Flora"), "abuse", "He always says this.")
    db.session.commit()
    page = desk.get("/review/post/flagged").text
    assert "He always says this." in page
    assert "Flora" in page
    assert "It is abusive." in page
    assert "Keep published" in page
    answer = desk.send("/review/post/flagged", f"/comments/{comment.id}/approve")
    assert "Kept published." in desk.get(answer.location).text
    assert status(comment) == "published"
    assert db.session.scalars(select(Flag.resolved_by_id)).one() is not None
    assert "No open flags" in desk.get("/review/post/flagged").text


def test_the_card_says_why_where_and_who(desk: Desk, article: Article) -> None:
    author = make_user("Old Salt")
    make_comment(article, author, "An earlier one.")
    make_comment(article, author, "A rude one.", status=Status.REJECTED)
    parent = make_comment(article, make_user("Priya"), "What about the swimmers?")
    reply = make_comment(article, author, "You moron, read it.", parent=parent, status=Status.HELD)
    scores = dict.fromkeys(LABELS, 0.01) | {"insult": 0.93}
    db.session.add(Screening(
        site_id=reply.site_id, comment_id=reply.id, revision=1, verdict="hold", scores=scores,
        model_name="the-model", model_version="1.2.3", model_sha256="0" * 64,
        findings=[
            {"phase": "banned_phrases", "reason": "banned_phrase", "message": "", "verdict": "hold",
             "matches": [{"start": 4, "end": 9, "phrase": "moron"}], "labels": None},
            {"phase": "toxicity", "reason": "abuse", "message": "", "verdict": "hold", "matches": [],
             "labels": {"insult": 0.93}},
        ],
    ))
    page = desk.get(f"/review/post/held?comment={reply.id}").text
    assert 'You <mark class="phrase">moron</mark>, read it.' in page
    assert '<mark class="phrase">Frame</mark>: a phrase of the site' in page
    assert "over the limit for insult 0.93" in page
    assert "the-model 1.2.3" in page
    assert "0.93" in page
    assert "over</span> 0.60" in page
    assert "What about the swimmers?" in page
    assert 'href="https://news.example/wall"' in page
    for number, word in ((1, "published"), (1, "rejected"), (1, "held"), (0, "withdrawn"), (0, "flagged")):
        assert f"<b>{number}</b> {word}" in page


def marked(body: str, *findings: dict[str, Any]) -> str:
    """The text as the card shows it, with short tags: [sentences], <words>, {phrases}."""
    comment = Comment(body=body, revision=1)
    screening = Screening(findings=list(findings), revision=1)
    html = str(marked_body(comment, marks_of(comment, screening)))
    for tag, begin, end in (("span", "[", "]"), ("mark", "<", ">")):
        html = re.sub(rf'<{tag} class="(?:doubtful|word)">(.*?)</{tag}>', rf"{begin}\1{end}", html)
    return unescape(re.sub(r'<mark class="phrase">(.*?)</mark>', r"{\1}", html))


def explained(*, sentences: Sequence[tuple[int, int]] = (), words: Sequence[tuple[int, int]] = ()) -> dict[str, Any]:
    """The model's finding, with what carries its scores."""
    ranges = {
        name: [{"start": start, "end": end, "score": 0.9} for start, end in found]
        for name, found in (("sentences", sentences), ("words", words))
    }
    return {"phase": "toxicity", "reason": "abuse", "message": "", "verdict": "hold", "matches": [],
            "labels": {"insult": 0.9}, "explanation": ranges}


def matched(*ranges: tuple[int, int]) -> dict[str, Any]:
    return {"phase": "banned_phrases", "reason": "banned_phrase", "message": "", "verdict": "hold", "labels": None,
            "matches": [{"start": start, "end": end, "phrase": "x"} for start, end in ranges]}


def test_matches_that_overlap_or_lie_outside_are_merged_and_clipped() -> None:
    comment = Comment(body="a <b> & c", revision=1)
    screening = Screening(findings=[matched((2, 5), (4, 7), (8, 99), (50, 60), (-3, 0), (7, 7))], revision=1)
    shown = marked_body(comment, marks_of(comment, screening))
    assert shown == 'a <mark class="phrase">&lt;b&gt; &amp;</mark> <mark class="phrase">c</mark>'


def test_words_stand_out_in_their_sentences_and_phrases_wherever_they_are() -> None:
    body = "Thank you. You utter moron, go. Bye."
    found = explained(sentences=[(11, 31)], words=[(15, 26)])
    assert marked(body, found) == "Thank you. [You <utter moron>, go.] Bye."
    # A phrase inside a word, over its end, and over the end of the sentence.
    assert marked(body, found, matched((21, 26))) == "Thank you. [You <utter >{<moron>}, go.] Bye."
    assert marked(body, found, matched((28, 35))) == "Thank you. [You <utter moron>, {go.}]{ Bye}."
    assert marked(body, explained(words=[(4, 8)])) == "Than<k yo>u. You utter moron, go. Bye."
    assert marked(body, explained(), matched()) == body
    assert marked(body) == body


@pytest.mark.parametrize(
    ("body", "at", "shown"),
    [
        ("👩‍👩‍👧 you fool 👍🏽", (4, 5), "<👩‍👩‍👧> you fool 👍🏽"),  # a family is five code points
        ("👍🏽 fool", (0, 1), "<👍🏽> fool"),
        ("🇩🇪🇫🇷 fool", (1, 2), "<🇩🇪>🇫🇷 fool"),
        ("cafe\u0301 fool", (0, 4), "<cafe\u0301> fool"),
        ("أنت غبي جدا", (4, 7), "أنت <غبي> جدا"),
        ("𝓯ool 𐍈 you", (5, 6), "𝓯ool <𐍈> you"),  # beyond 16 bits, counted as one
    ],
)
def test_a_mark_never_parts_what_is_drawn_as_one(body: str, at: tuple[int, int], shown: str) -> None:
    assert marked(body, explained(words=[at])) == shown


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70)), max_size=6), st.data())
def test_whatever_the_ranges_the_text_is_all_there(body: str, ranges: list[tuple[int, int]], data: st.DataObject) -> None:
    """As typed, once; and what the model's ranges hold is marked."""
    comment = Comment(body=body, revision=1)
    parts = [ranges[data.draw(st.integers(0, len(ranges))):] for _ in range(3)]
    screening = Screening(findings=[explained(sentences=parts[0], words=parts[1]), matched(*parts[2])], revision=1)
    marks = marks_of(comment, screening)
    html = str(marked_body(comment, marks))
    assert unescape(re.sub(r"</?(?:span|mark)[^>]*>", "", html)) == unescape(str(escape(body)))
    for kind, given_ranges in zip((marks.sentences, marks.words, marks.phrases), parts, strict=True):
        asked = {i for start, end in given_ranges for i in range(max(start, 0), min(end, len(body)))}
        assert asked <= {i for start, end in kind for i in range(start, end)}
        assert all(one[1] <= other[0] for one, other in pairwise(kind))


def test_a_text_that_changed_since_is_not_marked() -> None:
    comment = Comment(body="You moron.", revision=2)
    assert not marks_of(comment, Screening(findings=[matched((4, 9))], revision=1))
    assert not marks_of(comment, None)


def test_the_card_explains_its_marks_and_claims_nothing_where_there_are_none(desk: Desk, article: Article) -> None:
    for number, (finding, key) in enumerate([
        (explained(sentences=[(0, 9)], words=[(4, 9)]), True), (explained(), False),
        ({**explained(), "explanation": None}, False),
    ]):
        comment = held(article, f"You moron, number {number}.")
        db.session.add(Screening(
            site_id=comment.site_id, comment_id=comment.id, revision=1, verdict="hold", findings=[finding],
            scores=dict.fromkeys(LABELS, 0.9), model_name="m", model_version="1", model_sha256="0" * 64,
        ))
        page = desk.get(f"/review/post/comments/{comment.id}").text
        assert ("marks-key" in page) == key
        assert ("this sentence raises the model" in page) == key
        assert ("the word that weighs most" in page) == key
        assert "<mark" in page if key else "<mark" not in page
        assert "phrase of the site" not in page


def test_what_people_type_is_escaped_everywhere(desk: Desk, app: Flask, site: Site, article: Article) -> None:
    article.title = EVIL
    site.policy_data = Policy(banned_phrases=(EVIL,)).to_data()
    comment = held(article, f"body {EVIL}", make_user(f"name {EVIL}"))
    published = make_comment(article)
    flag(published, make_user(f"flagger {EVIL}"), "other", f"text {EVIL}")
    decide.reject(
        held(article), actor=make_user(EVIL, role=Role.ADMIN, site=site), reason=Reason.OTHER, seen=2, note=f"note {EVIL}"
    )
    db.session.commit()
    admin = Desk(app, make_user("Admin", role=Role.ADMIN, site=site))
    for path in ("held", "flagged", "rejected", "modlog", "articles", "settings/phrases", "team", f"comments/{comment.id}"):
        page = admin.get(f"/review/post/{path}")
        assert page.status_code == 200
        assert EVIL not in page.text, path
        assert SAFE in page.text, path


def test_anonymous_reader_is_led_to_sign_in_and_back(app: Flask, article: Article) -> None:
    comment = held(article)
    answer = Desk(app).get(f"/review/post/held?comment={comment.id}")
    assert answer.status_code == 302
    target = urlsplit(answer.location)
    assert target.path == "/account/sign-in"
    assert parse_qs(target.query) == {"next": [f"/review/post/held?comment={comment.id}"]}
    assert Desk(app).get("/review/post/counts", headers={"Accept": "application/json"}).status_code == 401
    fragment = Desk(app).get(
        "/review/post/held", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/review/post/new?comment=7"}
    )
    assert fragment.status_code == 401
    assert parse_qs(urlsplit(fragment.headers["HX-Redirect"]).query) == {"next": ["/review/post/new?comment=7"]}


def test_note_survives_a_session_that_ended(app: Flask, article: Article) -> None:
    comment = held(article)
    answer = Desk(app).post(f"/review/post/comments/{comment.id}/reject", {"reason": "spam", "note": f"Precious {EVIL}"})
    assert answer.status_code == 401
    assert f"Precious {SAFE}" in answer.text
    assert "/account/sign-in?next=" in answer.text
    assert status(comment) == "held"


def test_post_without_our_token_is_refused(desk: Desk, article: Article) -> None:
    comment = held(article)
    form = desk.form(desk.get("/review/post/held").text, f"/comments/{comment.id}/approve")
    address = f"/review/post/comments/{comment.id}/approve"
    for token in ("", "forged"):
        answer = desk.post(address, form | {"csrf_token": token})
        assert answer.status_code == 400
        assert "Nothing was changed" in answer.text
    elsewhere = desk.post(address, {"note": "words of another site"}, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 400
    assert "words of another site" not in elsewhere.text
    assert status(comment) == "held"


def test_members_and_other_sites_managers_stay_out(app: Flask, desk: Desk, article: Article) -> None:
    comment = held(article)
    other = make_site(key="other")
    stranger = Desk(app, make_user(role=Role.ADMIN, site=other))
    for person in (stranger, Desk(app, make_user()), Desk(app, make_user(role=Role.EXPERT, site=other))):
        for path in ("held", "modlog", "modlog.csv", "articles", "settings", "team", "counts", f"comments/{comment.id}"):
            assert person.get(f"/review/post/{path}").status_code == 403, path
    # A comment of another site does not exist on one's own.
    form = desk.form(desk.get("/review/post/held").text, f"/comments/{comment.id}/approve")
    form["csrf_token"] = desk.form(stranger.get("/review/other/team").text, "/team")["csrf_token"]
    assert stranger.get(f"/review/other/comments/{comment.id}").status_code == 404
    assert stranger.get(f"/review/other/held?comment={comment.id}").status_code == 404
    assert stranger.post(f"/review/other/comments/{comment.id}/approve", form).status_code == 404
    assert stranger.post(f"/review/post/comments/{comment.id}/approve", form).status_code == 403
    assert status(comment) == "held"


def test_settings_and_team_are_for_admins(desk: Desk, site: Site) -> None:
    page = desk.get("/review/post/held").text
    assert "/review/post/articles" in page
    assert "/review/post/settings" not in page
    assert "/review/post/team" not in page
    assert desk.get("/review/post/settings").status_code == 403
    assert desk.get("/review/post/team").status_code == 403


def test_home_leads_to_the_only_site_and_says_when_there_is_none(app: Flask, desk: Desk, site: Site) -> None:
    assert desk.get("/review/").location == "/review/post/held"
    assert "not a community manager of any site" in Desk(app, make_user("Mel")).get("/review/").text
    both = make_user(role=Role.ADMIN, site=site)
    other = make_site(name="The Other")
    db.session.add(SiteRole(site_id=other.id, user_id=both.id, role=Role.ADMIN.value))
    db.session.commit()
    db.session.refresh(both, ["roles"])
    page = Desk(app, both).get("/review/").text
    assert "The Post" in page
    assert "The Other" in page


@pytest.mark.parametrize("queue", ["held", "flagged", "new", "approved", "rejected"])
def test_an_empty_queue_says_so(desk: Desk, queue: str) -> None:
    page = desk.get(f"/review/post/{queue}")
    assert page.status_code == 200
    assert 'class="nothing"' in page.text


def test_unknown_queue_and_forged_cursor_are_answered(desk: Desk) -> None:
    assert desk.get("/review/post/nonsense").status_code == 404
    assert desk.get("/review/post/held?after=forged").status_code == 422
    assert desk.get("/review/nowhere/held").status_code == 404


# The site; the session with its person and her roles; the counts, those of appeals and of bios that wait; the workers and, as none runs
# here, what waits for them; the saved filters, the groups of articles and the sections; what she skipped and is asked;
# where following begins; the page's comments, and their cards: comments with authors, roles, screenings, flags, decisions,
# records, sanctions, trust. Of the one on show: revisions, notes, questions, its author's other comments, the notes on her and her past
# sanctions, its reporters' reliability, who is on it, and who can be asked.
QUEUE_STATEMENTS = 31


def test_queue_page_takes_a_constant_number_of_statements(
    desk: Desk, article: Article, statements: Statements
) -> None:
    held(article)
    statements.clear()
    desk.get("/review/post/held")
    one = len(statements)
    for _ in range(24):
        held(article)
    statements.clear()
    page = desk.get("/review/post/held").text
    assert page.count('<li id="row-') == 25
    assert len(statements) == one
    assert one == QUEUE_STATEMENTS, "\n".join(statements)


def test_the_list_goes_on_where_it_ended(desk: Desk, article: Article) -> None:
    comments = [held(article) for _ in range(30)]
    page = desk.get("/review/post/held").text
    more = re.search(r'href="([^"]*after=[^"]+)"[^>]*>Show more', page)
    assert more
    rest = desk.get(unescape(more.group(1))).text
    ids = [int(i) for i in re.findall(r'id="row-(\d+)"', page + rest)]
    assert ids == [c.id for c in comments]


def test_counts_answer_304_until_something_changes(desk: Desk, article: Article) -> None:
    comment = held(article)
    address = f"/review/post/counts?comment={comment.id}"
    first = desk.get(address)
    assert first.json is not None
    assert first.json["counts"] == {"held": 1, "flagged": 0, "new": 0, "approved": 0, "rejected": 0, "all": 1, "waiting": 0, "appeals": 0}
    seen = first.json["version"]
    again = desk.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""
    desk.send("/review/post/held", f"/comments/{comment.id}/approve")
    after = desk.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert after.json is not None
    assert after.json["counts"]["approved"] == 1
    assert after.json["version"] > seen


def test_modlog_is_filtered_and_paged_by_its_address(desk: Desk, article: Article) -> None:
    for n in range(52):
        held(article, f"Comment number {n}.")
    desk.send("/review/post/held", "/approve")
    page = desk.get("/review/post/modlog").text
    older = re.search(r'href="([^"]*after=[^"]+)" rel="next"', page)
    assert older
    rest = desk.get(unescape(older.group(1))).text
    assert page.count("<tr>") - 1 == 50
    assert rest.count("<tr>") - 1 == 3
    people = desk.get("/review/post/modlog?by=people").text
    assert people.count("<tr>") - 1 == 1
    assert "modlog.csv?by=people" in people


def test_modlog_csv_is_whole_and_no_cell_is_a_formula(desk: Desk, article: Article) -> None:
    for n in range(101):
        held(article, f"=HYPERLINK({n})", make_user("@evil"))
    desk.send("/review/post/held", "/reject", {"reason": "spam", "note": "+1"})
    answer = desk.get("/review/post/modlog.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))
    assert len(rows) == 102
    assert rows[0]["by"] == "Anna Berg"
    assert rows[0]["note"] == "'+1"
    assert {r["comment"][:2] for r in rows} == {"'="}
    assert {r["comment_author"] for r in rows} == {"'@evil"}
    people = desk.get("/review/post/modlog.csv?by=people").get_data(as_text=True)
    assert len(list(csv.reader(io.StringIO(people)))) == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1", "|cmd"])
def test_formula_is_disarmed(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["plain", "a=b", "1-2", ""])
def test_plain_cell_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


def test_articles_are_closed_reopened_and_read_first(desk: Desk, article: Article) -> None:
    page = "/review/post/articles"
    assert "The wall" in desk.get(page).text
    desk.send(page, f"/articles/{article.id}/close")
    desk.send(page, f"/articles/{article.id}/premoderate")
    db.session.refresh(article)
    assert article.closed_at is not None
    assert article.premoderated
    desk.send(page, f"/articles/{article.id}/close")
    desk.send(page, f"/articles/{article.id}/premoderate")
    db.session.refresh(article)
    assert article.closed_at is None
    assert not article.premoderated


def test_articles_are_found_and_paged(desk: Desk, site: Site, article: Article) -> None:
    for n in range(51):
        make_article(site, title=f"Story {n}")
    page = desk.get("/review/post/articles").text
    assert "The wall" not in page
    older = re.search(r'href="([^"]*after=[^"]+)" rel="next"', page)
    assert older
    assert "The wall" in desk.get(unescape(older.group(1))).text
    assert "The wall" in desk.get("/review/post/articles?q=WALL").text
    assert "No article has" in desk.get("/review/post/articles?q=%25").text  # a sign of LIKE is a plain sign
    rows = list(csv.DictReader(io.StringIO(desk.get("/review/post/articles.csv").get_data(as_text=True))))
    assert len(rows) == 52


def test_article_of_another_site_is_not_here(desk: Desk, article: Article) -> None:
    other = make_article()
    form = desk.form(desk.get("/review/post/articles").text, f"/articles/{article.id}/close")
    assert desk.post(f"/review/post/articles/{other.id}/close", form).status_code == 404
    db.session.refresh(other)
    assert other.closed_at is None


@pytest.fixture
def admin(app: Flask, site: Site) -> Desk:
    return Desk(app, make_user("Ada Admin", role=Role.ADMIN, site=site, email="ada@example.org"))


def test_a_team_keeps_an_admin(admin: Desk, site: Site) -> None:
    ben = make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site)
    last = admin.send("/review/post/team", "/change", {"remove": "1"})  # admins come first: her own row
    assert last.status_code == 409
    assert "last admin" in last.text
    grant = db.session.scalars(select(SiteRole).where(SiteRole.user_id == ben.id)).one()
    assert admin.send("/review/post/team", f"/team/{grant.id}/change", {"remove": "1"}).status_code == 302
    db.session.refresh(ben, ["roles"])
    assert ben.role_on(site.id) == Role.MEMBER


def test_the_manual_names_every_queue_reason_and_setting() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "moderating.md").read_text()
    for name in QUEUE_NAMES.values():
        assert f"| **{name}** |" in manual
    for number, words in enumerate(REJECT_REASONS.values(), 1):
        assert f"| {number} | {words} |" in manual
    for label in (f.label for f in FIELDS):
        assert f"| {label} |" in manual, label
    for role in (Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN):
        assert f"| {ROLE_NAMES[role]} |" in manual
