"""A database with something in every table, for what has to keep all of it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select

from commentsvc.accounts.api_keys import issue_key
from commentsvc.accounts.models import ExternalAuthor, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.registration import start_registration
from commentsvc.accounts.resets import request_reset
from commentsvc.accounts.sessions import start_session
from commentsvc.accounts.signing import adopt_signing_key
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.votes import vote
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.figures.keeping import keep_figures
from commentsvc.figures.models import MorningMailDay
from commentsvc.figures.morning import want_mail
from commentsvc.moderation.alarms import Worker
from commentsvc.moderation.appeals import Outcome, judge, lodge
from commentsvc.moderation.decide import approve, latest_decision, undo
from commentsvc.moderation.flags import flag
from commentsvc.moderation.statements import live_statement
from commentsvc.perspective.models import ScoreSuggestion
from commentsvc.screening.policy import Policy
from tests.factories import hold_as_toxic, make_article, make_comment, make_site, make_user

AWKWARD = "Zo\u00eb said:\n\"50 % \\ off\"\t\u2014 \U0001f98a \u202b\u05e9\u05dc\u05d5\u05dd\u202c, N\\A \\N 'x'; --"


def fill_everything() -> None:
    """Every table gets rows, made by the verbs of the service where there are any."""
    site = make_site(policy=Policy(), guidelines=AWKWARD)
    moderator = make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)
    readers = [make_user() for _ in range(4)]
    make_article(site, closed_at=utcnow())
    for article in (make_article(site), make_article(site)):
        comments: list[Comment] = []
        for number in range(12):
            parent = comments[number // 2] if number % 3 and comments[number // 2].depth < 4 else None
            comments.append(make_comment(article, readers[number % 4], f"{number} {AWKWARD}", parent=parent))
        for number, comment in enumerate(comments):
            for reader in readers:
                if reader.id != comment.author_id:
                    vote(comment, reader, (1, -1, 1)[number % 3])
        flag(comments[0], readers[1], "spam", AWKWARD)
        held = hold_as_toxic(make_comment(article, body=f"You fool. {AWKWARD}", status=Status.PENDING), (0, 9))
        approve(held, actor=moderator, seen=held.version, note=AWKWARD)
        db.session.commit()
        decision = latest_decision(held.id)
        assert decision is not None
        undo(decision, actor=moderator)
        make_comment(article, status=Status.PENDING)
        rejected = make_comment(article, status=Status.REJECTED)
        statement = live_statement(rejected.id)
        assert statement is not None
        judge(lodge(statement, db.session.get_one(User, rejected.author_id), AWKWARD), Outcome.UPHELD, actor=moderator, answer=AWKWARD)
        make_comment(article, status=Status.WITHDRAWN)
    db.session.add(ExternalAuthor(site_id=site.id, key="sfu:42", user_id=readers[0].id))
    start_registration("new@example.org", "New Reader", "a rather long pass phrase 7")
    request_reset("nobody@example.org")
    start_session(readers[0], device="A browser")
    key, _ = issue_key(moderator, "a program", ["analyze"], site)
    key.quota = "5 per minute"
    spans: list[dict[str, object]] = [{"begin": 0, "end": 3, "score": 0.1 + 0.2}]
    for number, found in enumerate((spans, None)):
        db.session.add(ScoreSuggestion(
            key_id=key.id, fingerprint=bytes([number, 0, 255]) * 4, text=AWKWARD, attribute="TOXICITY", score=1 / 3, spans=found,
            languages="en", community_id=None, client_token="t", training_consent=(None, True)[number],
        ))
    db.session.add(Worker(id="host:1:2", started_at=utcnow(), seen_at=utcnow(), model_name="m", failures=0))
    db.session.add(Worker(id="Host:\u00e9", started_at=utcnow(), seen_at=utcnow(), error=AWKWARD, failures=3))
    adopt_signing_key(Settings(SECRET_KEY="the key of all these nodes"))
    fill_mails()
    want_mail(site, moderator, wanted=True)
    db.session.add(MorningMailDay(site_id=site.id, user_id=moderator.id, day="2026-03-01"))
    db.session.commit()
    keep_figures()


def fill_mails() -> None:
    """One that was sent, one that waits, one that was tried in vain and is due in an hour."""
    now = utcnow()
    for subject, tried, due, sent in (
        ("was sent", 1, now, now - dt.timedelta(minutes=5)),
        ("waits", 0, now, None),
        ("was tried", 2, now + dt.timedelta(hours=1), None),
    ):
        db.session.add(Mail(
            recipient="reader@example.org", subject=subject, text=AWKWARD, created_at=now, attempts=tried, next_attempt_at=due, sent_at=sent,
        ))
    db.session.commit()


def row_counts() -> dict[str, int]:
    counts = {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in db.metadata.sorted_tables}
    db.session.rollback()
    return counts
