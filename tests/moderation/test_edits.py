"""What an author edits is screened again; until it passes, others read the text before."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import Kind
from commentsvc.comments.models import Comment, EditStatus, Mention, Revision, RevisionState, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import CommentsvcError, Conflict, NotAllowed
from commentsvc.extensions import db
from commentsvc.figures.days import Period
from commentsvc.figures.scored import UNJUDGED, forget, read_scores
from commentsvc.moderation.appeals import Outcome, judge, lodge, reopen
from commentsvc.moderation.claims import Lane, claim
from commentsvc.moderation.decide import (
    approve,
    judge_edit,
    latest_decision,
    reject,
    undo,
    withdraw,
)
from commentsvc.moderation.edits import REVISIONS_MOST, TAKEN_DOWN, history, take_edit
from commentsvc.moderation.models import AppealStatus, Ending, Reason, Statement
from commentsvc.moderation.nudge import NUDGES, nudges
from commentsvc.moderation.queue import Queue, page_of_cards, queue_counts
from commentsvc.moderation.screen import load_comments, screen_pending
from commentsvc.moderation.statements import BY_PERSON, BY_PROGRAM, DISABLED, live_statement
from commentsvc.notifications.listing import page_of_notifications
from commentsvc.notifications.models import Notification
from commentsvc.notifications.telling import tell_all
from commentsvc.privacy.consents import Purpose, record_consent
from commentsvc.privacy.training import export_training
from commentsvc.screening.policy import DEFAULT_HOLD, Policy
from commentsvc.screening.toxicity import Explanation, Highlight
from commentsvc.sites.models import Site
from tests.factories import hold_as_toxic, make_article, make_comment, make_site, make_user
from tests.moderation.stand_ins import Reader

pytestmark = pytest.mark.usefixtures("app")


class Scripted(Reader):
    """Gives every text the same score."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def _one(self, text: str) -> Mapping[str, float]:
        return dict.fromkeys(DEFAULT_HOLD, self.value)

    def explain(self, text: str) -> Explanation:
        return Explanation((Highlight(0, len(text), self.value),), ())


def site_of(comment: Comment) -> Site:
    load_comments([comment.id])
    return comment.article.site


def edit(comment: Comment, body: str, *, seen: int | None = None) -> Comment:
    load_comments([comment.id])
    take_edit(comment, db.session.get_one(User, comment.author_id), body, seen=seen)
    db.session.commit()
    return comment


def work(score: float = 0.0) -> None:
    """A worker that gives all texts this score looks at all there is."""
    for lane in (Lane.EDITS, Lane.BACKLOG):
        while screen_pending(lambda: Scripted(score), batch=8, lease=60, lane=lane):
            pass
    db.session.expire_all()


def posted(**policy: object) -> Comment:
    comment = make_comment(make_article(make_site(policy=Policy(**policy))), body="The first text.")  # type: ignore[arg-type]
    load_comments([comment.id])
    return comment


def states(comment: Comment) -> list[str | None]:
    return list(db.session.scalars(select(Revision.state).where(Revision.comment_id == comment.id).order_by(Revision.number)))


def test_the_old_text_stands_until_the_new_one_has_passed() -> None:
    comment = edit(posted(), "A second text.")
    assert (comment.body, comment.status, comment.edit, comment.edit_status) == ("The first text.", "published", 2, "pending")
    work()
    assert (comment.body, comment.revision, comment.edit, comment.edit_status) == ("A second text.", 2, None, None)
    assert comment.edited_at is not None
    assert "A second text." in comment.body_html
    assert states(comment) == [RevisionState.SHOWN, None]
    decision = latest_decision(comment.id)
    assert decision is not None
    assert (decision.reason, decision.revision) == (Reason.EDIT_ACCEPTED, 2)


def test_a_doubtful_edit_waits_in_the_queue_and_a_person_accepts_or_rejects_it_and_can_take_that_back() -> None:
    comment = edit(posted(), "You are a fool.")
    work(0.99)
    assert (comment.body, comment.status, comment.edit_status) == ("The first text.", Status.PUBLISHED, EditStatus.HELD)
    site = site_of(comment)
    [card], _ = page_of_cards(site, Queue.HELD)
    assert (card.comment.id, card.text, queue_counts(site)[Queue.HELD]) == (comment.id, "You are a fool.", 1)
    assert card.screening is not None
    assert card.screening.revision == 2
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    refused = judge_edit(comment, 2, actor=nora, seen=comment.version, reason=Reason.ABUSE)
    assert (comment.body, comment.edit_status, states(comment)[1]) == ("The first text.", EditStatus.REJECTED, RevisionState.REJECTED)
    undo(refused, actor=nora)
    accepted = judge_edit(comment, 2, actor=nora, seen=comment.version)
    assert (comment.body, comment.edit) == ("You are a fool.", None)
    undo(accepted, actor=nora)
    assert (comment.body, comment.edit_status, comment.edited_at) == ("The first text.", EditStatus.HELD, None)
    db.session.commit()


def test_a_decision_on_what_was_edited_meanwhile_is_refused() -> None:
    comment = edit(posted(), "A second text.")
    seen, nora = comment.version, make_user(role=Role.COMMUNITY_MANAGER, site=site_of(comment))
    edit(comment, "A third text.")
    with pytest.raises(Conflict, match="author has edited"):
        judge_edit(comment, 2, actor=nora, seen=seen)
    with pytest.raises(Conflict, match="author has edited"):
        reject(comment, actor=nora, reason=Reason.ABUSE, seen=seen)
    with pytest.raises(Conflict):
        judge_edit(comment, 2, actor=nora, seen=comment.version)  # the version of now, the text of before
    assert states(comment) == [None, RevisionState.REPLACED, RevisionState.WAITING]


def test_two_edits_from_two_windows_do_not_overwrite_each_other() -> None:
    comment = edit(posted(), "A second text.", seen=1)
    edit(comment, "A second text.", seen=1)  # pressed twice
    with pytest.raises(Conflict, match="elsewhere"):
        edit(comment, "From another window.", seen=1)
    db.session.rollback()
    edit(comment, "The first text.", seen=2)  # as it was: nothing waits
    assert (comment.edit, states(comment)) == (None, [None, RevisionState.REPLACED])


def test_what_nobody_has_read_is_replaced_at_once_and_screened() -> None:
    article = make_article()
    held = hold_as_toxic(make_comment(article, body="You fool!", status=Status.PENDING), (0, 9))
    edit(held, "I see that differently.")
    assert (held.status, held.body, held.revision, held.edited_at) == (Status.PENDING, "I see that differently.", 2, None)
    work()
    assert held.status == Status.PUBLISHED
    assert [v.state for v in history(held, whole=False)] == ["now"]
    assert [v.state for v in history(held, whole=True)] == ["now", RevisionState.REPLACED]


def test_what_a_person_took_down_is_read_by_a_person_again() -> None:
    comment = posted()
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=site_of(comment))
    undo(reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version), actor=nora)
    comment.status = Status.HELD  # as a later look of the model leaves it
    db.session.commit()
    edit(comment, "Something harmless.")
    assert comment.hold_for == TAKEN_DOWN
    work()
    assert comment.status == Status.HELD


@pytest.mark.parametrize("code", ["not_yours", "edit_window_over", "not_editable", "article_closed", "too_many_edits"])
def test_who_may_not_edit_is_told_why_and_nothing_changes(code: str) -> None:
    comment = posted(edit_window=300)
    author = db.session.get_one(User, comment.author_id)
    if code == "not_yours":
        author = make_user()
    elif code == "edit_window_over":
        comment.created_at = utcnow() - dt.timedelta(seconds=301)
    elif code == "not_editable":
        withdraw(comment, author)
    elif code == "article_closed":
        comment.article.closed_at = utcnow() - dt.timedelta(seconds=1)
    else:
        db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, number=REVISIONS_MOST, body="x", state="replaced"))
    db.session.commit()
    load_comments([comment.id])
    with pytest.raises((Conflict, NotAllowed)) as refused:
        take_edit(comment, author, "Another text.")
    assert refused.value.code == code
    db.session.rollback()
    assert comment.body == "The first text."
    assert comment.edit is None


def test_editing_a_held_comment_asks_for_no_more_kind_words_than_posting() -> None:
    article = make_article()
    comment = hold_as_toxic(make_comment(article, body="You fool 0!", status=Status.PENDING), (0, 9))
    shown = [bool(nudges([comment]))]
    for number in range(1, NUDGES + 2):
        edit(comment, f"You fool {number}!")
        shown.append(bool(nudges([hold_as_toxic(comment, (0, 9))])))
    assert shown == [True] * NUDGES + [False] * 2
    assert not nudges([comment], 0)


def test_mentions_are_kept_of_what_others_read_alone() -> None:
    article = make_article()
    ada, bob = make_user("Ada Lovelace"), make_user("Bob")
    for person in (ada, bob):
        make_comment(article, person)
    stranger = make_user("Stranger")

    def mentioned(comment: Comment) -> set[int]:
        return set(db.session.scalars(select(Mention.user_id).where(Mention.comment_id == comment.id)))

    comment = make_comment(article, body=f"@Ada Lovelace#{ada.id} and @Bob#{ada.id} and @Stranger#{stranger.id}", status=Status.PENDING)
    assert mentioned(comment) == set()
    work()
    assert mentioned(comment) == {ada.id}
    edit(comment, f"@Bob#{bob.id}, I mean.")
    assert mentioned(comment) == {ada.id}
    work()
    assert mentioned(comment) == {bob.id}


def test_neither_training_nor_the_figures_take_an_edit_for_what_the_comment_says(tmp_path: Path) -> None:
    comment = posted()
    author, site = db.session.get_one(User, comment.author_id), site_of(comment)
    record_consent(author, Purpose.TRAIN_MODERATION, granted=True)
    db.session.commit()
    period = Period(utcnow().date() - dt.timedelta(days=1), utcnow().date() + dt.timedelta(days=1))

    def told(name: str) -> tuple[dict[str, object], int, list[int]]:
        export_training(tmp_path / name, site)
        [line] = [json.loads(text) for text in (tmp_path / name / "comments.jsonl").read_text().splitlines()]
        forget()
        scored = [one for one in read_scores(site, period).versions.values() if len(one)]
        return line, sum(len(one) for one in scored), [int(verdict) for one in scored for verdict in one.verdict]

    line, scored, _ = told("before")
    assert (line["text"], line["outcome"], line["reason"], line["decided_by"], scored) == ("The first text.", "published", "clean", "system", 0)
    edit(comment, "You are a fool.")
    work(0.99)
    assert told("waits") == (line, 0, [])
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    refused = judge_edit(comment, 2, actor=nora, seen=comment.version, reason=Reason.ABUSE)
    db.session.commit()
    assert told("rejected") == (line, 0, [])
    undo(refused, actor=nora)
    judge_edit(comment, 2, actor=nora, seen=comment.version)
    db.session.commit()
    accepted, scored, verdicts = told("accepted")
    assert (accepted["text"], accepted["reason"], accepted["decided_by"]) == ("You are a fool.", "edit_accepted", "person")
    assert (scored, verdicts) == (1, [UNJUDGED])


def test_a_worker_that_dies_before_it_screened_an_edit_leaves_it_for_the_next() -> None:
    comment = edit(posted(), "A second text.")
    assert [c.comment_id for c in claim(Lane.EDITS, 8, 60)] == [comment.id]
    db.session.commit()  # and here it is killed
    assert claim(Lane.EDITS, 8, 60) == []
    db.session.execute(update(Comment).values(claimed_until=utcnow() - dt.timedelta(seconds=1)))
    db.session.commit()
    work()
    assert (comment.body, comment.edit, states(comment)) == ("A second text.", None, [RevisionState.SHOWN, None])


def test_whom_an_accepted_edit_mentions_is_told_once_and_of_a_rejected_one_nobody() -> None:
    comment = posted()
    load_comments([comment.id])
    other = db.session.get_one(User, make_comment(comment.article, body="Another voice.").author_id)
    mention = f"Ask @{other.display_name}#{other.id} about it."
    edit(comment, f"You fool. {mention}")
    work(0.99)
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=site_of(comment))
    judge_edit(comment, 2, actor=nora, seen=comment.version, reason=Reason.ABUSE)
    db.session.commit()
    tell_all()
    told = select(Notification.user_id).where(Notification.kind == Kind.MENTION)
    assert db.session.scalars(told).all() == []
    for text in (mention, f"{mention} Again."):
        edit(comment, text)
        work()
        tell_all()
    assert db.session.scalars(told).all() == [other.id]


class Walk:
    """A comment, and what may happen to it; `passed` are the texts that a person or the screening let pass."""

    def __init__(self) -> None:
        self.comment = make_comment(make_article(), body="Text 0", status=Status.PENDING)
        self.author = db.session.get_one(User, self.comment.author_id)
        self.nora = make_user(role=Role.COMMUNITY_MANAGER, site=site_of(self.comment))
        self.passed: set[str] = set()
        self.texts = 0

    def revisions(self) -> list[Revision]:
        return list(db.session.scalars(select(Revision).where(Revision.comment_id == self.comment.id).order_by(Revision.number)))

    def change(self) -> None:
        self.texts += 1
        take_edit(self.comment, self.author, f"Text {self.texts}")

    def clean(self) -> None:
        if self.comment.status == Status.PENDING:
            self.passed.add(self.comment.body)
        if self.comment.edit_status == EditStatus.PENDING:
            self.passed.add(self.revisions()[-1].body)
        work()

    def doubtful(self) -> None:
        work(0.99)

    def accept_edit(self) -> None:
        number = self.comment.edit or 99
        judge_edit(self.comment, number, actor=self.nora, seen=self.comment.version)
        self.passed |= {r.body for r in self.revisions() if r.number == number}

    def reject_edit(self) -> None:
        judge_edit(self.comment, self.comment.edit or 99, actor=self.nora, seen=self.comment.version, reason=Reason.ABUSE)

    def agree(self) -> None:
        approve(self.comment, actor=self.nora, seen=self.comment.version)
        self.passed.add(self.comment.body)

    def remove(self) -> None:
        reject(self.comment, actor=self.nora, reason=Reason.SPAM, seen=self.comment.version)

    def take_back(self) -> None:
        decision = latest_decision(self.comment.id)
        if decision is not None:
            undo(decision, actor=self.nora)

    def step(self, chance: random.Random) -> None:
        steps = (self.change, self.change, self.clean, self.doubtful, self.accept_edit, self.reject_edit, self.agree, self.remove, self.take_back)
        try:
            chance.choice(steps)()
            db.session.commit()
        except CommentsvcError:
            db.session.rollback()
        load_comments([self.comment.id])


@pytest.mark.parametrize("seed", range(12))
def test_no_sequence_of_steps_ever_shows_a_text_that_nobody_passed(seed: int) -> None:
    chance, walk = random.Random(seed), Walk()
    comment = walk.comment
    for _ in range(30):
        walk.step(chance)
        if comment.status == Status.PUBLISHED:
            assert comment.body in walk.passed
            assert f"<p>{comment.body}</p>" in comment.body_html
        waiting = [r.number for r in walk.revisions() if r.state == RevisionState.WAITING]
        assert waiting == ([comment.edit] if comment.edit_status in {"pending", "held"} else [])


def rejected_edit(actor: User | None = None) -> tuple[Comment, Statement]:
    """An edit that a person, or without one the screening, rejected, and its statement."""
    comment = edit(posted(reject_clear=actor is None, reject_at={"toxicity": 0.9}), "You are a fool.")
    work(0.99)
    if actor is not None:
        judge_edit(comment, 2, actor=actor, seen=comment.version, reason=Reason.ABUSE, message="Be kind.")
        db.session.commit()
    return comment, db.session.scalars(select(Statement)).one()


def test_an_author_is_told_why_her_edit_was_rejected_and_the_comment_itself_has_no_statement() -> None:
    comment, statement = rejected_edit(make_user("Nora Secret", role=Role.ADMIN))
    assert (statement.comment_id, statement.revision, statement.user_id, statement.reason) == (comment.id, 2, comment.author_id, "abuse")
    assert (statement.decision_visibility, statement.automated_detection, statement.automated_decision) == (DISABLED, True, BY_PERSON)
    assert statement.decision_facts.endswith("decided not to publish it. The text before it stands.")
    assert live_statement(comment.id) is None
    mail = db.session.scalars(select(Mail)).one()
    assert mail.subject == "Your edit was not published"
    assert "Others go on reading the text before" in mail.text
    assert "Be kind." in mail.text
    assert "Nora" not in mail.text
    tell_all()
    told, _ = page_of_notifications(db.session.get_one(User, comment.author_id))
    assert [item.event for item in told] == ["edit_rejected"]
    assert reject(comment, actor=make_user(role=Role.ADMIN), reason=Reason.SPAM, seen=comment.version)  # both hold at once
    assert live_statement(comment.id) is not None
    assert statement.ended_at is None


def test_what_the_screening_rejects_of_an_edit_is_stated_as_a_programs_decision() -> None:
    _, statement = rejected_edit()
    assert (statement.automated_decision, statement.automated_detection, statement.revision) == (BY_PROGRAM, True, 2)
    assert "rejected the edit without a person reading it" in statement.decision_facts
    assert db.session.scalars(select(Mail)).all() == []


def test_undoing_the_rejection_of_an_edit_takes_the_statement_back_and_settles_the_appeal() -> None:
    nora = make_user(role=Role.ADMIN)
    comment, statement = rejected_edit(nora)
    appeal = lodge(statement, db.session.get_one(User, comment.author_id), "It is a quotation.")
    decision = latest_decision(comment.id)
    assert decision is not None
    undo(decision, actor=nora)
    assert (statement.ending, appeal.status, comment.edit_status) == (Ending.TAKEN_BACK, AppealStatus.SETTLED, EditStatus.HELD)
    assert db.session.scalars(select(Mail)).all() == []  # within two minutes she has heard of nothing


def test_withdrawing_the_comment_ends_the_statement_of_its_edit() -> None:
    comment, statement = rejected_edit(make_user(role=Role.ADMIN))
    author = db.session.get_one(User, comment.author_id)
    appeal = lodge(statement, author, "It is a quotation.")
    withdraw(comment, author)
    assert (statement.ending, appeal.status) == (Ending.WITHDRAWN, AppealStatus.DROPPED)


def test_overturning_puts_the_edit_in_place_and_taking_that_back_takes_it_out_again() -> None:
    comment, statement = rejected_edit(make_user(role=Role.ADMIN))
    appeal = lodge(statement, db.session.get_one(User, comment.author_id), "It is a quotation.")
    judge_of = make_user(role=Role.ADMIN)
    judge(appeal, Outcome.OVERTURNED, actor=judge_of, answer="So it is.")
    assert (comment.body, comment.revision, comment.edit, comment.status) == ("You are a fool.", 2, None, Status.PUBLISHED)
    assert (statement.ending, states(comment)) == (Ending.OVERTURNED, [RevisionState.SHOWN, None])
    reopen(appeal, actor=judge_of)
    assert (comment.body, comment.edit, comment.edit_status) == ("The first text.", 2, EditStatus.REJECTED)
    assert (statement.ending, statement.ended_at, appeal.status) == (None, None, AppealStatus.OPEN)
    assert (states(comment), comment.edited_at) == ([None, RevisionState.REJECTED], None)
    judge(appeal, Outcome.UPHELD, actor=judge_of, answer="It is not.")
    assert (comment.body, statement.ending, comment.edit_status) == ("The first text.", None, EditStatus.REJECTED)
    reopen(appeal, actor=judge_of)
    assert appeal.status == AppealStatus.OPEN


def test_an_edit_that_another_came_after_is_found_right_and_stays_out() -> None:
    comment, statement = rejected_edit(make_user(role=Role.ADMIN))
    appeal = lodge(statement, db.session.get_one(User, comment.author_id), "It is a quotation.")
    edit(comment, "A third text.")
    work()
    judge_of = make_user(role=Role.ADMIN)
    judge(appeal, Outcome.OVERTURNED, actor=judge_of, answer="So it is.")
    assert (comment.body, statement.ending, states(comment)[1]) == ("A third text.", Ending.OVERTURNED, RevisionState.REPLACED)
    mail = db.session.scalars(select(Mail).order_by(Mail.id.desc())).first()
    assert mail is not None
    assert "it stays as it is now" in mail.text
    reopen(appeal, actor=judge_of)
    assert (comment.body, statement.ending, states(comment)[1]) == ("A third text.", None, RevisionState.REJECTED)
