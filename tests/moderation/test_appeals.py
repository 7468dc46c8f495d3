"""Appeals: once, in time, and judged by somebody else than who decided."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow, write_intent
from commentsvc.delivery.models import Mail
from commentsvc.errors import CommentsvcError, Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.appeals import (
    Outcome,
    State,
    Whose,
    judge,
    lodge,
    open_appeals,
    page_of_appeals,
    page_of_statements,
    reopen,
    state_of,
    statement_for,
)
from commentsvc.moderation.decide import approve, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Appeal, Decision, Flag, Reason, Statement
from commentsvc.moderation.statements import days_left, live_statement
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def article() -> Article:
    return make_article(make_site(policy=Policy(appeal_answer_days=5)))


@pytest.fixture
def nora(article: Article) -> User:
    return make_user("Nora", role=Role.COMMUNITY_MANAGER, site=article.site)


@pytest.fixture
def tomas(article: Article) -> User:
    return make_user("Tomás", role=Role.ADMIN, site=article.site)


@pytest.fixture
def author() -> User:
    return make_user("Ada")


def rejected(article: Article, author: User, by: User) -> Comment:
    comment = make_comment(article, author)
    reject(comment, actor=by, reason=Reason.ABUSE, seen=comment.version)
    db.session.commit()
    return comment


def statement_of(comment: Comment) -> Statement:
    found = live_statement(comment.id)
    assert found is not None
    return found


def subjects(user: User) -> list[str]:
    return list(db.session.scalars(select(Mail.subject).where(Mail.recipient == user.email).order_by(Mail.id)))


def test_an_author_appeals_once_with_words(article: Article, author: User, nora: User) -> None:
    statement = statement_of(rejected(article, author, nora))
    for text, message in (("  \n ", "Say why"), ("x" * 2001, "1 characters too long")):
        with pytest.raises(Invalid, match=message) as error:
            lodge(statement, author, text)
        assert error.value.field == "text"
    appeal = lodge(statement, author, "  It was a quotation.\r\nRead it.\x00 ")
    assert appeal.text == "It was a quotation.\nRead it."
    assert appeal.due_at - appeal.created_at == dt.timedelta(days=5)
    with pytest.raises(Conflict, match="already") as conflict:
        lodge(statement, author, "Again.")
    assert conflict.value.code == "appeal_made"


def test_nobody_appeals_for_somebody_else(article: Article, author: User, nora: User) -> None:
    statement = statement_of(rejected(article, author, nora))
    with pytest.raises(NotFound):
        lodge(statement, make_user(), "Let me help her.")
    with pytest.raises(NotFound):
        statement_for(make_user(), statement.puid)


def test_a_late_appeal_is_told_when_the_time_ended(article: Article, author: User, nora: User) -> None:
    statement = statement_of(rejected(article, author, nora))
    statement.appeal_until = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    db.session.flush()
    with pytest.raises(Invalid, match="ended on 2 March 2026") as error:
        lodge(statement, author, "Sorry, I was away.")
    assert error.value.code == "appeal_late"
    assert days_left(statement.appeal_until) < 0


def test_the_deadline_is_that_of_the_day_of_the_decision(article: Article, author: User, nora: User) -> None:
    statement = statement_of(rejected(article, author, nora))
    before = statement.appeal_until
    article.site.policy_data = Policy(appeal_days=1).to_data()
    db.session.commit()
    db.session.refresh(statement)
    assert statement.appeal_until == before


@pytest.mark.parametrize("how", ["withdrawn", "undone"])
def test_what_is_no_longer_rejected_cannot_be_appealed(article: Article, author: User, nora: User, how: str) -> None:
    comment = rejected(article, author, nora)
    statement = statement_of(comment)
    if how == "withdrawn":
        withdraw(comment, author)
    else:
        approve(comment, actor=nora, seen=comment.version)
    db.session.commit()
    with pytest.raises(Invalid, match="yourself" if how == "withdrawn" else "taken back") as error:
        lodge(statement, author, "It was a quotation.")
    assert error.value.code == "appeal_moot"


def test_overturning_publishes_ends_the_statement_and_keeps_the_counts(
    article: Article, author: User, nora: User, tomas: User
) -> None:
    comment = make_comment(article, author)
    reply = make_comment(article, parent=comment)
    flag(comment, make_user(), "abuse", "")
    reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    statement = statement_of(comment)
    appeal = lodge(statement, author, "It was a quotation.")
    judge(appeal, Outcome.OVERTURNED, actor=tomas, answer="You are right.")
    db.session.commit()
    assert (comment.status, comment.listed, comment.reply_count, comment.flag_count) == ("published", True, 1, 0)
    assert miscounted() == []
    assert reply.parent_id == comment.id
    assert (appeal.status, appeal.decided_by_id, appeal.alone) == ("overturned", tomas.id, False)
    db.session.refresh(statement)
    assert statement.ending == "overturned"
    assert state_of(statement, appeal) == State.OVERTURNED
    assert subjects(author)[-1] == "Your appeal: the decision was wrong"
    decision = db.session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert decision is not None
    assert (decision.reason, decision.note) == ("overturned", "You are right.")


def test_upholding_leaves_everything_and_is_in_the_history(article: Article, author: User, nora: User, tomas: User) -> None:
    comment = rejected(article, author, nora)
    statement = statement_of(comment)
    appeal = lodge(statement, author, "It was a quotation.")
    judge(appeal, Outcome.UPHELD, actor=tomas, answer="It was no quotation.")
    db.session.commit()
    assert (comment.status, appeal.status, statement_of(comment).id) == ("rejected", "upheld", statement.id)
    assert state_of(statement_of(comment), appeal) == State.UPHELD
    mail = db.session.scalars(select(Mail).order_by(Mail.id.desc())).first()
    assert mail is not None
    assert "It was no quotation." in mail.text
    assert "Tomás" not in mail.text
    with pytest.raises(Conflict, match="already"):
        lodge(statement, author, "Once more.")


def test_undoing_what_was_decided_opens_the_appeal_again(article: Article, author: User, nora: User, tomas: User) -> None:
    for outcome in Outcome:
        comment = rejected(article, author, nora)
        statement = statement_of(comment)
        appeal = lodge(statement, author, "It was a quotation.")
        judge(appeal, outcome, actor=tomas, answer="So.")
        db.session.commit()
        reopen(appeal, actor=tomas)
        db.session.commit()
        assert (appeal.status, appeal.answer, appeal.decided_at, comment.status) == ("open", "", None, "rejected")
        assert statement_of(comment).id == statement.id
        with pytest.raises(Conflict, match="waits already"):
            reopen(appeal, actor=tomas)
    assert not any("appeal" in subject for subject in subjects(author))  # nobody was told what did not hold


def test_the_first_decider_sees_it_and_cannot_decide_it(article: Article, author: User, nora: User, tomas: User) -> None:
    appeal = lodge(statement_of(rejected(article, author, nora)), author, "It was a quotation.")
    with pytest.raises(NotAllowed) as error:
        judge(appeal, Outcome.UPHELD, actor=nora, answer="I was right.")
    assert error.value.code == "own_decision"
    assert [a.id for a in page_of_appeals(article.site, nora, whose=Whose.MINE)[0]] == [appeal.id]
    assert page_of_appeals(article.site, nora, whose=Whose.OTHERS)[0] == []
    assert [a.id for a in page_of_appeals(article.site, tomas, whose=Whose.OTHERS)[0]] == [appeal.id]
    judge(appeal, Outcome.OVERTURNED, actor=tomas, answer="You are right.")
    db.session.commit()
    with pytest.raises(NotAllowed):  # nor reject it again by that way
        reopen(appeal, actor=nora)


def test_the_only_community_manager_may_and_it_is_recorded(article: Article, author: User, nora: User) -> None:
    make_user(role=Role.EXPERT, site=article.site)
    make_user(role=Role.COMMUNITY_MANAGER, site=make_site())
    appeal = lodge(statement_of(rejected(article, author, nora)), author, "It was a quotation.")
    judge(appeal, Outcome.UPHELD, actor=nora, answer="I looked again.")
    assert appeal.alone is True


def test_what_the_system_rejected_is_anybody_s_to_judge(article: Article, author: User, nora: User, tomas: User) -> None:
    appeal = lodge(statement_of(make_comment(article, author, status=Status.REJECTED)), author, "It is no spam.")
    judge(appeal, Outcome.OVERTURNED, actor=nora, answer="Indeed.")
    assert (appeal.status, appeal.alone) == ("overturned", False)


def test_a_decision_taken_back_meanwhile_settles_the_appeal(article: Article, author: User, nora: User, tomas: User) -> None:
    comment = rejected(article, author, nora)
    appeal = lodge(statement_of(comment), author, "It was a quotation.")
    approval = approve(comment, actor=nora, seen=comment.version)
    db.session.commit()
    db.session.refresh(appeal)
    assert appeal.status == "settled"
    with pytest.raises(Conflict, match="taken back meanwhile"):
        judge(appeal, Outcome.UPHELD, actor=tomas, answer="It stands.")
    db.session.rollback()
    undo(approval, actor=nora)
    db.session.commit()
    db.session.refresh(appeal)
    assert appeal.status == "open"


def test_a_comment_withdrawn_meanwhile_drops_the_appeal(article: Article, author: User, nora: User, tomas: User) -> None:
    comment = rejected(article, author, nora)
    appeal = lodge(statement_of(comment), author, "It was a quotation.")
    withdraw(comment, author)
    db.session.commit()
    db.session.refresh(appeal)
    assert appeal.status == "dropped"
    with pytest.raises(Conflict, match="taken the comment back"):
        judge(appeal, Outcome.OVERTURNED, actor=tomas, answer="You are right.")


def test_an_answer_is_needed_and_has_a_length(article: Article, author: User, nora: User, tomas: User) -> None:
    appeal = lodge(statement_of(rejected(article, author, nora)), author, "It was a quotation.")
    for answer in ("", " \n", "x" * 2001):
        with pytest.raises(Invalid) as error:
            judge(appeal, Outcome.UPHELD, actor=tomas, answer=answer)
        assert error.value.field == "answer"


def test_appeals_wait_first_due_first_and_pages_follow_each_other(article: Article, author: User, nora: User, tomas: User) -> None:
    made = [lodge(statement_of(rejected(article, author, nora)), author, f"Appeal {n}.") for n in range(7)]
    for n, appeal in enumerate(made):
        appeal.due_at = utcnow() + dt.timedelta(days=10 - n)
    db.session.commit()
    seen: list[int] = []
    after = None
    while True:
        found, after = page_of_appeals(article.site, tomas, after=after, limit=3)
        seen += [a.id for a in found]
        if after is None:
            break
    assert seen == [a.id for a in reversed(made)]
    assert open_appeals(article.site) == 7
    _, cursor = page_of_appeals(article.site, tomas, limit=3)
    with pytest.raises(Invalid):
        page_of_appeals(make_site(), tomas, after=cursor)


def test_one_s_own_decisions_are_listed_latest_first(article: Article, author: User, nora: User) -> None:
    puids = [statement_of(rejected(article, author, nora)).puid for _ in range(5)]
    rejected(article, make_user(), nora)
    first, after = page_of_statements(author, limit=3)
    rest, end = page_of_statements(author, after, limit=3)
    assert [s.puid for s, _ in (*first, *rest)] == puids[::-1]
    assert end is None


def test_settled_flags_stay_settled_and_undo_of_all_brings_them_back(
    article: Article, author: User, nora: User, tomas: User
) -> None:
    comment = make_comment(article, author)
    flag(comment, make_user(), "abuse", "")
    rejection = reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    appeal = lodge(statement_of(comment), author, "It was a quotation.")
    judge(appeal, Outcome.OVERTURNED, actor=tomas, answer="You are right.")
    assert db.session.scalar(select(Flag.resolved_by_id)) == rejection.id


def race(app: Flask, people: list[int], appeals: list[int], outcomes: list[Outcome]) -> list[str]:
    """Each person judges all appeals at once with the others; what each of them got."""
    results: list[str] = []
    start = threading.Barrier(len(people))

    def work(person: int, outcome: Outcome) -> None:
        write_intent.set(True)
        with app.app_context():
            start.wait()
            for appeal_id in appeals:
                try:
                    judge(db.session.get_one(Appeal, appeal_id), outcome, actor=db.session.get_one(User, person), answer="Looked at.")
                    db.session.commit()
                    results.append("judged")
                except CommentsvcError as error:
                    db.session.rollback()
                    results.append(error.code)
            db.session.remove()

    crew = [threading.Thread(target=work, args=pair) for pair in zip(people, outcomes, strict=True)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return results


def test_of_two_managers_at_the_same_moment_exactly_one_decides(app: Flask, article: Article, author: User, nora: User, tomas: User) -> None:
    eva = make_user("Eva", role=Role.COMMUNITY_MANAGER, site=article.site)
    appeals = [lodge(statement_of(rejected(article, author, nora)), author, f"Appeal {n}.").id for n in range(6)]
    db.session.commit()
    people = [tomas.id, eva.id]
    db.session.remove()
    results = race(app, people, appeals, [Outcome.UPHELD, Outcome.OVERTURNED])
    assert sorted(results) == ["appeal_closed"] * 6 + ["judged"] * 6
    decided = select(func.count()).select_from(Decision).where(Decision.reason.in_(["upheld", "overturned"]))
    assert db.session.scalar(decided) == 6
    for appeal, status in db.session.execute(
        select(Appeal, Comment.status).join(Statement, Statement.id == Appeal.statement_id).join(Comment, Comment.id == Statement.comment_id)
    ):
        assert (appeal.status, status) in {("upheld", "rejected"), ("overturned", "published")}


def test_an_author_who_sends_her_appeal_twice_at_once_makes_one(app: Flask, article: Article, author: User, nora: User) -> None:
    statement = statement_of(rejected(article, author, nora))
    statement_id, author_id = statement.id, author.id
    db.session.commit()
    db.session.remove()
    results: list[str] = []
    start = threading.Barrier(3)

    def work() -> None:
        write_intent.set(True)
        with app.app_context():
            start.wait()
            try:
                lodge(db.session.get_one(Statement, statement_id), db.session.get_one(User, author_id), "It was a quotation.")
                db.session.commit()
                results.append("made")
            except CommentsvcError as error:
                db.session.rollback()
                results.append(error.code)
            db.session.remove()

    crew = [threading.Thread(target=work) for _ in range(3)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert sorted(results) == ["appeal_made", "appeal_made", "made"]


def test_a_mail_that_went_is_followed_by_one_that_says_the_appeal_is_open_again(
    article: Article, author: User, nora: User, tomas: User
) -> None:
    appeal = lodge(statement_of(rejected(article, author, nora)), author, "It was a quotation.")
    judge(appeal, Outcome.UPHELD, actor=tomas, answer="It stands.")
    db.session.execute(update(Mail).values(attempts=1, sent_at=utcnow()))
    db.session.commit()
    reopen(appeal, actor=tomas)
    assert subjects(author)[-1] == "Your appeal is open again"
