"""Each mail is wholly in its reader's language."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import Kind
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.figures.durations import short_time
from commentsvc.i18n import in_language
from commentsvc.moderation.appeals import Outcome, judge, lodge, reopen
from commentsvc.moderation.decide import decide, judge_edit, undo
from commentsvc.moderation.models import Reason, Statement
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import end, impose
from commentsvc.notifications.listing import Item
from tests.factories import make_article, make_comment, make_site, make_user
from tests.pseudo import TAG, bare, speak_pseudo

NOW = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
DATA = ("Ada Ray", "The Calder Courier", "A bridge too far", "Quoted words.", "Nora Vance")


@pytest.fixture(autouse=True)
def marks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)


def item(number: int, **more: Any) -> Item:
    known: dict[str, Any] = {
        "id": number, "kind": Kind.DECISION, "created_at": NOW, "unread": True, "comment_id": number, "author_id": 1, "name": "Ada Ray",
        "body": "Quoted words.", "article_id": 1, "article_title": "A bridge too far", "article_url": "https://post.example/a",
        "site_key": "post", "site_name": "The Calder Courier",
    }
    return Item(**known | more)


FIGURES = SimpleNamespace(
    posted=1, median=60.0, p95=90.0,
    outcomes=dict.fromkeys(("published_model", "published_person", "rejected_model", "rejected_person", "held"), 1200),
)
NOTHING: dict[str, Any] = {}
NOTICED: dict[str, Any] = {
    "notice": SimpleNamespace(puid="7"), "site_name": "The Calder Courier", "article": "A bridge too far", "where": "https://post.example/a#comment-5", "kind": "«x»",
}
# Those that no person's wish or decision below sends: each with what is filled into it.
CONTEXTS: dict[str, list[dict[str, Any]]] = {
    "address_changed": [NOTHING], "already": [NOTHING], "no_account": [NOTHING],
    "verify": [{"code": "123456", "link": "/x"}], "reset": [{"link": "/x"}], "new_address": [{"link": "/x"}],
    "guest": [{"link": "/x", "site": "The Calder Courier", "days": 2}],
    "invitation": [{"role": "%(by)s invites you to be an expert, who writes with a badge, for the comments of %(site)s.", "by": by, "site": "The Calder Courier", "link": "/x"} for by in ("", "Nora Vance")],
    "erasure": [{"due": NOW, "remove_comments": remove} for remove in (True, False)],
    "merged": [{"name": "Ada Ray", "closed": "Ada", "here": here} for here in (True, False)],
    "morning": [{
        "name": "Ada Ray", "figures": FIGURES, "site": SimpleNamespace(name="The Calder Courier", key="post", timezone="UTC"), "day": "1", "date": "2026-03-01",
        "short_time": short_time, "waiting": 3, "since": "2", "oldest": oldest, "unsubscribe": "https://post.example/stop",
    } for oldest in (None, SimpleNamespace(comment_id=5))],
    "notifications": [{
        "name": "Ada Ray", "line": str, "more": 2, "digest": digest, "stop": "https://post.example/stop", "stops": [("«x»", "https://post.example/y")], "about": "«x»",
        "found": [
            *(item(1, kind=kind) for kind in Kind), item(2, puid="p"), item(3, puid="p", ended=True), item(5, puid="p", edit=True), item(4, puid="p", visibility="DECISION_VISIBILITY_CONTENT_REMOVED"),
        ],
    } for digest in (True, False)],
    "bio_rejected": [{"name": "Ada Ray", "told": "«x»", "reason": "«x»"}],
    "notice_received": [NOTICED],
    "notice_reopened": [NOTICED],
    "notice_decided": [
        NOTICED | {"notice": SimpleNamespace(puid="7", status=status, answer="Quoted words."), "rule": "«x»", "law": "§ 130 Quoted words.", "by_program": by_program}
        for status in ("upheld", "dismissed", "moot") for by_program in (True, False)
    ],
}
DECIDED = {"appeal_decided", "appeal_reopened", "sanction", "sanction_ended", "statement", "taken_back"}


@pytest.fixture
def ada() -> User:
    return make_user("Ada Ray", email="ada@example.org", language=TAG)


def handed_over() -> None:
    """As if a server had taken all mails so far: what follows cannot take them back."""
    db.session.execute(update(Mail).values(attempts=1, sent_at=NOW))


def test_every_mail_is_looked_at(app: Flask) -> None:
    folder = Path(app.root_path) / str(app.template_folder) / "email"
    assert {path.stem for path in folder.glob("*.txt")} == set(CONTEXTS) | DECIDED


@pytest.mark.parametrize("template", CONTEXTS)
def test_a_mail_has_no_word_that_is_not_translated(template: str) -> None:
    for context in CONTEXTS[template]:
        with in_language(TAG):
            mail = queue_mail("ada@example.org", "«»", template, **context)
        assert bare(mail.text, DATA) == ""


def reject_edit(comment: Comment, nora: User, ben: User) -> None:
    """All that can be told of an edit that is rejected."""
    for number in (2, 3):
        comment.edit, comment.edit_status = number, "held"
        db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, number=number, body="Quoted words.", state="waiting"))
        db.session.flush()
        made = judge_edit(comment, number, actor=nora, seen=comment.version, reason=Reason.ABUSE)
        handed_over()
        undo(made, actor=nora)
        handed_over()
        judge_edit(comment, number, actor=nora, seen=comment.version, reason=Reason.ABUSE)
    for number, outcomes in ((2, (Outcome.OVERTURNED,)), (3, (Outcome.UPHELD, Outcome.OVERTURNED))):
        statement = db.session.query(Statement).filter_by(comment_id=comment.id, revision=number, ended_at=None).one()
        asked = lodge(statement, db.session.get_one(User, comment.author_id), "Quoted words.")
        for outcome in outcomes:
            judge(asked, outcome, actor=ben, answer="Quoted words.")
            handed_over()
            if outcome == Outcome.UPHELD:
                reopen(asked, actor=ben)
                handed_over()


def test_mails_about_decisions_are_in_the_language_of_whom_they_are_about(ada: User) -> None:
    """Whoever decides reads the console in another one."""
    site = make_site(name="The Calder Courier")
    nora, ben = (make_user(name, role=Role.ADMIN, site=site) for name in ("Nora Vance", "Ben Okafor"))
    for title in ("A bridge too far", ""):
        comment = make_comment(make_article(site, title=title), ada, "Hello.", status=Status.PUBLISHED)
        made = decide(comment, Status.REJECTED, actor=nora, reason=Reason.ABUSE, seen=comment.version, message="Quoted words.")
        handed_over()
        undo(made, actor=nora)
        handed_over()
        decide(comment, Status.REJECTED, actor=nora, reason=Reason.HATE, seen=comment.version, law="§ 130 Quoted words.")
        handed_over()
        statement = db.session.query(Statement).filter_by(comment_id=comment.id, ended_at=None).one()
        asked = lodge(statement, ada, "Quoted words.")
        for outcome in (Outcome.UPHELD, Outcome.OVERTURNED):
            judge(asked, outcome, actor=ben, answer="Quoted words.")
            handed_over()
            if outcome == Outcome.UPHELD:
                reopen(asked, actor=ben)
                handed_over()
        reject_edit(comment, nora, ben)
    for kind in SanctionKind:
        for place in (site, None):
            until = utcnow() + dt.timedelta(days=1) if kind in {SanctionKind.SUSPEND, SanctionKind.SHADOW} else None
            imposed = impose(ada, kind, actor=nora, site=place, reason=Reason.SPAM, message="Quoted words.", ends_at=until)
            end(imposed, actor=nora)
    sent = db.session.query(Mail).filter_by(recipient="ada@example.org").all()
    assert {mail.kind for mail in sent} == DECIDED
    for mail in sent:
        assert bare(mail.subject, DATA) == "", mail.kind
        assert bare(mail.text, DATA) == "", mail.kind
