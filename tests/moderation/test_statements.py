"""Every rejection tells its author why, in one statement that holds for as long as the rejection does."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import CommentsvcError, Invalid
from commentsvc.extensions import db
from commentsvc.moderation import statements
from commentsvc.moderation.appeals import Outcome, judge, lodge
from commentsvc.moderation.decide import approve, decide, latest_decision, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import REJECT_REASONS, Appeal, Decision, Ending, Reason, Statement
from commentsvc.moderation.screen import screen_comment, screen_pending
from commentsvc.moderation.statements import (
    BY_FLAG,
    BY_PERSON,
    BY_PROGRAM,
    DISABLED,
    ILLEGAL,
    INCOMPATIBLE,
    MAIL_AFTER,
    OWN_INITIATIVE,
    REMOVED,
    RULE_NAMES,
    RULES,
    live_statement,
)
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import ModelInfo
from commentsvc.sites.models import Article
from tests.conftest import Statements
from tests.factories import hold_as_toxic, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def article() -> Article:
    return make_article(make_site(name="Harbour Post", policy=Policy(appeal_days=200)), title="The wall at old quay")


def manager(article: Article, name: str = "Nora Secret") -> User:
    return make_user(name, role=Role.COMMUNITY_MANAGER, site=article.site)


def live(comment: Comment) -> Statement:
    found = live_statement(comment.id)
    assert found is not None
    return found


def author_of(comment: Comment) -> User:
    return db.session.get_one(User, comment.author_id)


def mails_to(user: User) -> list[Mail]:
    return list(db.session.scalars(select(Mail).where(Mail.recipient == user.email).order_by(Mail.id)))


def test_a_rejection_by_a_person_says_what_was_done_and_why(article: Article) -> None:
    comment = make_comment(article)
    reject(comment, actor=manager(article), reason=Reason.HATE, seen=comment.version, note="an internal note")
    statement = live(comment)
    assert (statement.user_id, statement.comment_id, statement.reason) == (comment.author_id, comment.id, "hate")
    assert (statement.decision_visibility, statement.decision_ground) == (REMOVED, INCOMPATIBLE)
    assert statement.ground == "Guidelines for comments of Harbour Post: Hateful towards a group"
    assert statement.category == "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"
    assert (statement.automated_detection, statement.automated_decision) == (False, BY_PERSON)
    assert statement.source_type == OWN_INITIATIVE
    assert statement.content_date == comment.created_at
    assert statement.appeal_until - statement.created_at == dt.timedelta(days=200)
    assert statement.decision_facts == "A Community Manager read it and took it out of the conversation."


def test_what_the_screening_found_is_detection_and_not_decision(article: Article) -> None:
    comment = hold_as_toxic(make_comment(article, status=Status.PENDING))
    reject(comment, actor=manager(article), reason=Reason.ABUSE, seen=comment.version)
    statement = live(comment)
    assert (statement.automated_detection, statement.automated_decision) == (True, BY_PERSON)
    assert statement.decision_visibility == DISABLED  # nobody could read it before
    assert "The automatic screening marked the comment for a person to read." in statement.decision_facts


def test_a_comment_that_waits_because_all_do_was_not_detected() -> None:
    article = make_article(make_site(policy=Policy(premoderate=True)))
    comment = make_comment(article, status=Status.PENDING)
    screen_comment(comment, {"toxicity": 0.0, "severe_toxicity": 0.0, "obscene": 0.0, "threat": 0.0, "insult": 0.0, "identity_attack": 0.0}, ModelInfo("m", "1", ""))
    assert comment.status == "held"
    reject(comment, actor=manager(article), reason=Reason.OFF_TOPIC, seen=comment.version)
    assert live(comment).automated_detection is False
    assert live(comment).decision_facts.startswith("The comment waited for a person to read it.")


def test_what_readers_flagged_came_by_notice(article: Article) -> None:
    comment = make_comment(article)
    flag(comment, make_user(), "abuse", "Look at this")
    reject(comment, actor=manager(article), reason=Reason.ABUSE, seen=comment.version)
    assert live(comment).source_type == BY_FLAG
    assert "Readers flagged the comment." in live(comment).decision_facts


def test_a_law_makes_the_ground_illegal(article: Article) -> None:
    comment = make_comment(article)
    reject(comment, actor=manager(article), reason=Reason.THREAT, seen=comment.version, law="Section 241 StGB")
    assert (live(comment).decision_ground, live(comment).ground) == (ILLEGAL, "Section 241 StGB")
    other = make_comment(article)
    with pytest.raises(Invalid) as error:
        reject(other, actor=manager(article), reason=Reason.THREAT, seen=other.version, law="§" * 501)
    assert error.value.field == "law"


def test_a_banned_phrase_rejected_without_a_person_says_so(run_worker: Any) -> None:
    article = make_article(make_site(policy=Policy(banned_phrases=("flurble",), reject_clear=True)))
    comment = make_comment(article, body="You flurble.", status=Status.PENDING)
    screen_comment(comment)
    db.session.commit()
    statement = live(comment)
    assert (statement.automated_detection, statement.automated_decision, statement.reason) == (True, BY_PROGRAM, "banned_phrase")
    assert "without a person reading it" in statement.decision_facts
    assert mails_to(author_of(comment)) == []


def test_the_worker_writes_statements_with_its_batch_and_asks_nothing_more(
    article: Article, statements: Statements, scorer: Any
) -> None:
    """A batch of rejections costs the same selects as a batch of others, and one insert for all statements."""
    site = article.site
    site.policy_data = Policy(reject_clear=True, reject_at={"insult": 0.5, "toxicity": 0.5}).to_data()
    db.session.commit()
    comments = [make_comment(article, body=f"You are a stupid idiot, a worthless fool {n}", status=Status.PENDING) for n in range(6)]
    calm = [make_comment(article, body=f"What a fine morning it was at the quay {n}", status=Status.PENDING) for n in range(6)]
    ids, calm_ids = [c.id for c in comments], [c.id for c in calm]

    def run(wanted: list[int]) -> list[str]:
        for c in db.session.scalars(select(Comment)):
            c.status = Status.PENDING.value if c.id in wanted else Status.WITHDRAWN.value
        db.session.commit()
        db.session.remove()
        statements.clear()
        assert screen_pending(lambda: scorer, batch=32, lease=30) == 6
        return list(statements)

    rejecting, letting = run(ids), run(calm_ids)
    assert db.session.scalar(select(func.count()).select_from(Statement)) == 6

    def about(said: list[str], verb: str, word: str = "") -> int:
        return sum(s.lstrip().upper().startswith(verb) and word in s for s in said)

    assert about(rejecting, "INSERT", "INTO statements") == about(rejecting, "INSERT", "INTO decisions")
    assert about(rejecting, "SELECT") <= about(letting, "SELECT")


def test_what_another_system_rejected_is_for_that_system_to_explain(article: Article) -> None:
    comment = make_comment(article, status=Status.PENDING)
    decide(comment, Status.REJECTED, actor=None, reason=Reason.IMPORTED, seen=comment.version)
    assert live_statement(comment.id) is None
    approved = approve(comment, actor=manager(article), seen=comment.version)
    undo(approved, actor=manager(article))
    assert comment.status == "rejected"
    assert live_statement(comment.id) is None


def test_undoing_ends_the_statement_and_says_so(article: Article) -> None:
    comment = make_comment(article)
    nora = manager(article)
    decision = reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    statement = live(comment)
    taken = undo(decision, actor=nora)
    db.session.refresh(statement)
    assert (statement.ending, statement.ended_by_id) == (Ending.TAKEN_BACK, taken.id)
    assert statement.ended_at is not None


def test_withdrawing_a_rejected_comment_ends_its_statement(article: Article) -> None:
    comment = make_comment(article, status=Status.REJECTED)
    statement = live(comment)
    withdraw(comment, author_of(comment))
    db.session.refresh(statement)
    assert statement.ending == Ending.WITHDRAWN


def test_an_approval_taken_back_makes_the_same_statement_hold_again(article: Article) -> None:
    comment = make_comment(article, status=Status.REJECTED)
    first, nora = live(comment), manager(article)
    approval = approve(comment, actor=nora, seen=comment.version)
    assert live_statement(comment.id) is None
    undo(approval, actor=nora)
    assert live(comment).id == first.id


def test_the_author_gets_one_mail_by_a_person_with_a_signed_link_and_no_names(article: Article) -> None:
    comment = make_comment(article)
    nora = manager(article)
    reject(comment, actor=nora, reason=Reason.PRIVACY, seen=comment.version, note="internal matter")
    mail, = mails_to(author_of(comment))
    assert mail.subject == "Your comment was taken down"
    assert "Somebody's private data" in mail.text
    assert "The wall at old quay" in mail.text
    assert "http://localhost/account/decisions/from-mail/" in mail.text
    assert nora.display_name not in mail.text
    assert "internal" not in mail.text
    assert mail.next_attempt_at - mail.created_at == MAIL_AFTER
    token = mail.text.split("/from-mail/")[1].split()[0]
    assert statements.read_mail_token(token) == live(comment).puid
    assert statements.read_mail_token(token[:-2] + "xx") is None


def test_a_slip_of_the_hand_never_reaches_the_author(article: Article) -> None:
    comment, nora = make_comment(article), manager(article)
    decision = reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    undo(decision, actor=nora)
    db.session.commit()
    assert mails_to(author_of(comment)) == []


def test_who_was_told_is_told_that_it_was_taken_back_and_again_if_not(article: Article) -> None:
    comment, nora = make_comment(article), manager(article)
    reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    _sent(comment)
    approval = approve(comment, actor=nora, seen=comment.version)
    assert [m.subject for m in mails_to(author_of(comment))][1:] == ["We have taken back a decision about your comment"]
    _sent(comment)
    undo(approval, actor=nora)
    assert [m.subject for m in mails_to(author_of(comment))][2:] == ["Your comment was taken down"]


def test_a_mail_that_says_taken_back_is_itself_taken_back_in_time(article: Article) -> None:
    comment, nora = make_comment(article), manager(article)
    reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    _sent(comment)
    undo(approve(comment, actor=nora, seen=comment.version), actor=nora)
    assert [m.subject for m in mails_to(author_of(comment))] == ["Your comment was taken down"]


def test_an_author_without_an_address_still_has_her_statement(article: Article) -> None:
    comment = make_comment(article, make_user(email=None))
    reject(comment, actor=manager(article), reason=Reason.ABUSE, seen=comment.version)
    assert live(comment).told is False


def _sent(comment: Comment) -> None:
    for mail in mails_to(author_of(comment)):
        mail.sent_at, mail.attempts = mail.sent_at or utcnow(), 1
    db.session.commit()


def test_every_reason_has_a_rule_with_a_category_of_the_schema() -> None:
    assert set(REJECT_REASONS) | {Reason.CLOSED} == set(RULES)
    assert {r.value for r in RULES} == set(RULE_NAMES)
    assert {rule.category for rule in RULES.values()} <= {
        "STATEMENT_CATEGORY_CYBER_VIOLENCE", "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", "STATEMENT_CATEGORY_VIOLENCE",
        "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
    }


def one_step(chance: random.Random, comment: Comment, author: User, actor: User) -> None:
    """Something that somebody may try; whatever does not fit is refused."""
    seen = comment.version
    statement = live_statement(comment.id)
    appeal = db.session.scalar(select(Appeal).where(Appeal.status == "open"))
    last = latest_decision(comment.id)
    system = chance.choice([(Status.REJECTED, Reason.ABUSE), (Status.HELD, Reason.HELD_FOR_REVIEW), (Status.PUBLISHED, Reason.CLEAN)])
    steps: list[Callable[[], object]] = [
        lambda: reject(comment, actor=actor, reason=chance.choice(list(REJECT_REASONS)), seen=seen),
        lambda: approve(comment, actor=actor, seen=seen),
        lambda: last and undo(last, actor=actor),
        lambda: decide(comment, system[0], actor=None, reason=system[1], seen=seen),
        lambda: statement and lodge(statement, author, "It was not meant so."),
        lambda: appeal and judge(appeal, chance.choice(list(Outcome)), actor=actor, answer="We looked again."),
        lambda: withdraw(comment, author),
    ]
    chance.choices(steps, weights=[4, 2, 4, 2, 3, 3, 0.1])[0]()


def check_statements(comment: Comment) -> None:
    holding = db.session.scalars(select(Statement).where(Statement.comment_id == comment.id, Statement.ended_at.is_(None))).all()
    assert len(holding) == (comment.status == "rejected"), comment.status
    for appeal in db.session.scalars(select(Appeal).execution_options(populate_existing=True)):
        statement = db.session.get_one(Statement, appeal.statement_id, populate_existing=True)
        if appeal.status == "open":
            assert statement.ended_at is None
        elif appeal.status == "overturned":
            assert statement.ending == "overturned"
        elif appeal.status in {"settled", "dropped"}:
            assert statement.ended_at is not None


@pytest.mark.parametrize("seed", range(12))
def test_every_rejection_has_exactly_one_live_statement_whatever_happened(app: Flask, article: Article, seed: int) -> None:
    """Random walks through all that people and the screening can do with a comment; whatever is refused changes nothing."""
    chance = random.Random(seed)
    people = [manager(article, name) for name in ("Nora", "Tomas", "Ada")]
    author = make_user()
    comment = make_comment(article, author, status=Status.PENDING)

    for _ in range(60):
        try:
            one_step(chance, comment, author, chance.choice(people))
            db.session.commit()
        except CommentsvcError:
            db.session.rollback()
        db.session.refresh(comment)
        check_statements(comment)
    assert len(db.session.scalars(select(Decision)).all()) > 10
