"""What community managers share: notes, questions, skips, claims, batches, and what a screen that follows is told."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import desk, following
from commentsvc.moderation.bulk import BULK_LIMIT, Judged, decide_many, undo_many
from commentsvc.moderation.decide import (
    approve,
    counted_flags,
    latest_decision,
    reject,
    undo,
)
from commentsvc.moderation.details import details_of
from commentsvc.moderation.diffing import WORDS_LIMIT, changes
from commentsvc.moderation.flags import (
    UNHEEDED_AFTER,
    Reliability,
    flag,
    reliability,
)
from commentsvc.moderation.models import Decision, Reason, Skip
from commentsvc.moderation.notes import add_note as add_person_note
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.queue import Queue, cards, page_of_cards, queue_counts
from commentsvc.moderation.reasons import reason_named
from commentsvc.moderation.sanctions import end, impose
from commentsvc.moderation.statements import live_statement
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user


@pytest.fixture
def site(app: object) -> Site:
    return make_site()


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site)


@pytest.fixture
def anna(site: Site) -> User:
    return make_user("Anna", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def ben(site: Site) -> User:
    return make_user("Ben", role=Role.ADMIN, site=site)


@pytest.fixture
def held(article: Article) -> Comment:
    return make_comment(article, status=Status.HELD)


# --- notes and questions


def test_a_note_is_deleted_by_its_author_alone(held: Comment, anna: User, ben: User) -> None:
    note = desk.add_note(held, anna, "  A joke, I think.\r\n")
    assert note.text == "A joke, I think."
    with pytest.raises(NotAllowed):
        desk.delete_note(note, ben)
    desk.delete_note(note, anna)
    assert details_of(cards([held.id])[0], anna).notes == []


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001])
def test_an_empty_or_endless_note_is_refused_beside_its_field(held: Comment, anna: User, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        desk.add_note(held, anna, text)
    assert refused.value.field == "text"


def test_a_question_waits_for_whom_it_was_put_to_and_a_note_answers(site: Site, held: Comment, anna: User, ben: User) -> None:
    cora = make_user("Cora", role=Role.COMMUNITY_MANAGER, site=site)
    desk.ask(held, anna, "", ben.id)
    assert [q.asker.display_name for q in desk.asked_of(site, ben)] == ["Anna"]
    assert desk.asked_count(site.id, cora.id) == desk.asked_count(site.id, anna.id) == 0
    desk.add_note(held, cora, "Not asked, still here.")
    assert desk.asked_count(site.id, ben.id) == 1
    desk.add_note(held, ben, "Leave it.")
    assert desk.asked_count(site.id, ben.id) == 0


def test_a_question_to_all_is_answered_by_a_decision_and_open_again_when_that_is_undone(
    site: Site, held: Comment, anna: User, ben: User
) -> None:
    desk.ask(held, anna, "Is this about the trial?")
    assert desk.asked_count(site.id, ben.id) == 1
    decision = approve(held, actor=ben, seen=held.version)
    assert desk.asked_count(site.id, ben.id) == 0
    undo(decision, actor=ben)
    assert desk.asked_count(site.id, ben.id) == 1


def test_nobody_is_asked_who_does_not_review_here(held: Comment, anna: User) -> None:
    for other in (make_user(), make_user(role=Role.COMMUNITY_MANAGER, site=make_site()), anna):
        with pytest.raises(Invalid) as refused:
            desk.ask(held, anna, "You?", other.id)
        assert refused.value.field == "asked"
    with pytest.raises(Invalid):
        desk.ask(held, anna, " ")  # all are asked something


def test_a_question_is_closed_once_by_who_asked_or_was_asked(site: Site, held: Comment, anna: User, ben: User) -> None:
    question = desk.ask(held, anna, "", ben.id)
    with pytest.raises(NotAllowed):
        desk.take_question_back(question, make_user(role=Role.ADMIN, site=site))
    desk.take_question_back(question, ben)
    with pytest.raises(Conflict):
        desk.take_question_back(question, anna)


# --- skipping


def test_a_skipped_comment_comes_last_for_me_for_an_hour_and_where_it_was_for_others(
    site: Site, article: Article, anna: User, ben: User
) -> None:
    comments = [make_comment(article, status=Status.HELD) for _ in range(5)]

    def order(person: User) -> list[int]:
        ids, after = [], None
        while True:
            page, after = page_of_cards(site, Queue.HELD, after, 2, last=desk.skipped_by(site, person))
            ids += [card.comment.id for card in page]
            if after is None:
                return [[c.id for c in comments].index(i) for i in ids]

    desk.skip(comments[1], anna)
    desk.skip(comments[0], anna)
    desk.skip(comments[1], anna)  # again: behind the other
    db.session.commit()
    assert order(anna) == [2, 3, 4, 0, 1]
    assert order(ben) == [0, 1, 2, 3, 4]
    desk.unskip(comments[0], anna)
    assert order(anna) == [0, 2, 3, 4, 1]
    db.session.execute(select(Skip)).scalar_one().created_at = utcnow() - dt.timedelta(minutes=desk.SKIP_MINUTES + 1)
    db.session.flush()
    assert order(anna) == [0, 1, 2, 3, 4]


# --- claims


def test_a_claim_is_seen_by_others_moves_with_its_person_and_runs_out(
    site: Site, article: Article, held: Comment, anna: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_comment(article, status=Status.HELD)
    desk.claim(site.id, anna, held.id)
    assert desk.claims_on(site.id, ben) == [(held.id, "Anna")]
    assert desk.claims_on(site.id, anna) == []
    desk.claim(site.id, anna, other.id)
    assert desk.claims_on(site.id, ben) == [(other.id, "Anna")]
    later = utcnow() + dt.timedelta(seconds=desk.CLAIM_SECONDS + 1)
    monkeypatch.setattr(desk, "utcnow", lambda: later)
    assert desk.claims_on(site.id, ben) == []


def test_a_claim_is_one_row_and_one_statement_once_it_is_there(site: Site, held: Comment, anna: User, statements: Statements) -> None:
    desk.claim(site.id, anna, held.id)
    db.session.commit()
    site_id, comment_id = site.id, held.id
    _ = anna.id
    statements.clear()
    desk.claim(site_id, anna, comment_id)
    assert len(statements) == 1
    desk.release(site_id, anna)
    assert desk.claims_on(site_id, make_user()) == []


# --- many at once


def test_a_batch_is_decided_and_taken_back_as_one(site: Site, article: Article, anna: User) -> None:
    comments = [make_comment(article, status=Status.HELD) for _ in range(4)]
    outcome = decide_many(
        site, [Judged(c.id, c.version) for c in comments], actor=anna, reason=reason_named(site, Reason.SPAM), note="A wave.", message="No adverts, please."
    )
    assert outcome.done == [c.id for c in comments]
    assert queue_counts(site)[Queue.REJECTED] == 4
    decision = latest_decision(comments[0].id)
    assert decision is not None
    assert (decision.note, decision.message, decision.batch) == ("A wave.", "No adverts, please.", outcome.batch)
    taken = undo_many(site, outcome.batch, actor=anna)
    assert taken.done == outcome.done
    assert queue_counts(site)[Queue.HELD] == 4
    assert not miscounted()


def test_what_changed_meanwhile_is_reported_and_stops_none_of_the_others(site: Site, article: Article, anna: User, ben: User) -> None:
    comments = [make_comment(article, status=Status.HELD) for _ in range(3)]
    seen = [Judged(c.id, c.version) for c in comments]
    approve(comments[1], actor=ben, seen=seen[1].version)
    elsewhere = make_comment(make_article(make_site()), status=Status.HELD)
    db.session.commit()
    outcome = decide_many(site, [*seen, Judged(elsewhere.id, elsewhere.version), Judged(999999, 1)], actor=anna, reason=reason_named(site, Reason.ABUSE))
    assert outcome.done == [comments[0].id, comments[2].id]
    assert [(r.comment_id, r.code) for r in outcome.refused] == [
        (comments[1].id, "already_decided"), (elsewhere.id, "not_found"), (999999, "not_found"),
    ]
    assert "Ben has already published" in outcome.refused[0].message
    db.session.refresh(elsewhere)
    assert elsewhere.status == Status.HELD
    # And of the undo: what a colleague decided since stays.
    db.session.refresh(comments[0])
    approve(comments[0], actor=ben, seen=comments[0].version)
    db.session.commit()
    taken = undo_many(site, outcome.batch, actor=anna)
    assert (taken.done, [r.comment_id for r in taken.refused]) == ([comments[2].id], [comments[0].id])


def test_a_batch_has_limits_and_belongs_to_its_site(site: Site, held: Comment, anna: User) -> None:
    with pytest.raises(Invalid):
        decide_many(site, [], actor=anna, reason=None)
    with pytest.raises(Invalid):
        decide_many(site, [Judged(n, 1) for n in range(BULK_LIMIT + 1)], actor=anna, reason=None)
    outcome = decide_many(site, [Judged(held.id, held.version)] * 3, actor=anna, reason=None)  # ticked twice is ticked
    assert (outcome.done, outcome.refused) == ([held.id], [])
    with pytest.raises(NotFound):
        undo_many(make_site(), outcome.batch, actor=anna)


def test_what_was_approved_already_stands_and_is_not_taken_back_with_the_batch(site: Site, held: Comment, anna: User, ben: User) -> None:
    approve(held, actor=ben, seen=held.version)
    db.session.commit()
    outcome = decide_many(site, [Judged(held.id, held.version)], actor=anna, reason=None)
    assert (outcome.done, outcome.stood) == ([], [held.id])
    with pytest.raises(NotFound):
        undo_many(site, outcome.batch, actor=anna)


# --- following


def test_a_screen_is_told_who_decided_what_since_it_looked(site: Site, article: Article, held: Comment, anna: User, ben: User) -> None:
    before = following.newest_decision(site)
    make_comment(article)  # by the pipeline: the counts tell
    approve(held, actor=ben, seen=held.version)
    db.session.commit()
    found = following.changes_since(site, before, anna)
    assert [(c.comment, c.status, c.by, c.mine) for c in found.decisions] == [(held.id, "published", "Ben", False)]
    assert following.changes_since(site, before, ben).decisions[0].mine
    assert following.changes_since(make_site(), 0, anna).decisions == []


def test_the_cursor_stays_behind_what_may_come_into_sight_late(site: Site, held: Comment, anna: User) -> None:
    """A decision gets its number before it is committed: one with a lower number may be committed after it."""
    before = following.newest_decision(site)
    decision = approve(held, actor=anna, seen=held.version)
    db.session.commit()
    assert following.changes_since(site, before, anna).cursor == before
    db.session.get_one(Decision, decision.id).created_at = utcnow() - following.OVERLAP - dt.timedelta(seconds=1)
    db.session.commit()
    assert following.changes_since(site, before, anna).cursor == decision.id


def test_following_costs_three_statements(site: Site, article: Article, anna: User, ben: User, statements: Statements) -> None:
    for _ in range(5):
        comment = make_comment(article, status=Status.HELD)
        approve(comment, actor=ben, seen=comment.version)
    db.session.commit()
    _ = site.id, anna.id
    statements.clear()
    assert len(following.changes_since(site, 0, anna).decisions) == 5
    assert len(statements) == 3


# --- the card


def settle(article: Article, reporter: User, judge: User, *, rejected: bool) -> None:
    """A flag of the reporter's, and what became of it."""
    comment = make_comment(article)
    flag(comment, reporter, "abuse")
    if rejected:
        reject(comment, actor=judge, reason=Reason.ABUSE, seen=comment.version)
    else:
        approve(comment, actor=judge, seen=comment.version)


def test_a_reporter_is_known_by_what_became_of_her_earlier_flags(site: Site, article: Article, anna: User) -> None:
    flora = make_user("Flora")
    for rejected in (True, False, False):
        settle(article, flora, anna, rejected=rejected)
    flag(make_comment(article), flora, "spam")  # open: says nothing yet
    assert reliability(site.id, [flora.id]) == {flora.id: Reliability(settled=3, rejected=1)}
    assert reliability(make_site().id, [flora.id]) == {}


def test_flags_of_somebody_whose_flags_lead_to_nothing_do_not_make_a_comment_urgent(article: Article, anna: User) -> None:
    flora = make_user("Flora")

    def counts() -> bool:
        comment = make_comment(article)
        made, _ = flag(comment, flora, "abuse")
        assert comment.flag_count == 1, "it stands in the queue all the same"
        assert counted_flags(comment) == made.counted
        with_one = comment.due
        flag(comment, make_user(), "abuse")
        assert comment.due < with_one
        return made.counted

    settle(article, flora, anna, rejected=True)
    for _ in range(UNHEEDED_AFTER - 2):
        settle(article, flora, anna, rejected=False)
    assert counts(), "nine say too little"
    settle(article, flora, anna, rejected=False)
    assert not counts(), "one of ten"
    settle(article, flora, anna, rejected=True)
    settle(article, flora, anna, rejected=True)
    assert counts(), "three of twelve"


def test_the_details_of_a_card_are_eight_statements_whatever_there_is(
    site: Site, article: Article, held: Comment, anna: User, ben: User, statements: Statements
) -> None:
    for number in (2, 3):
        db.session.add(Revision(site_id=site.id, comment_id=held.id, number=number, body=f"A decent remark, now {number}."))
        desk.add_note(held, ben, f"Note {number}")
        desk.ask(held, ben, "You?", anna.id)
        author = db.session.get_one(User, held.author_id)
        make_comment(article, author, f"Another {number}.")
        add_person_note(site, author, f"Of her: {number}.", author=ben)
        add_person_note(make_site(), author, "Elsewhere.", author=ben)
        for where in (site, make_site()):
            end(impose(author, SanctionKind.SUSPEND, actor=ben, site=where, reason=Reason.SPAM, ends_at=utcnow() + dt.timedelta(days=number)), actor=ben)
    desk.claim(site.id, ben, held.id)
    db.session.commit()
    card = cards([held.id])[0]
    _ = anna.id
    statements.clear()
    details = details_of(card, anna)
    assert len(statements) == 8
    assert [edit.revision.number for edit in details.edits] == [3, 2]
    assert [note.text for note in details.notes] == ["Note 2", "Note 3"]
    assert [other.body for other in details.others] == ["Another 3.", "Another 2."]
    assert [note.body for note in details.person_notes] == ["Of her: 3.", "Of her: 2."]
    assert [past.kind for past in details.past] == [SanctionKind.SUSPEND] * 2
    assert details.here == ["Ben"]
    assert len(details.questions) == 2


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_diff_has_both_texts_in_it(old: str, new: str) -> None:
    found = changes(old, new)
    assert "".join(c.text for c in found if c.kind != "new") == old
    assert "".join(c.text for c in found if c.kind != "gone") == new


def test_a_diff_is_by_words_and_long_ones_are_quick() -> None:
    assert [(c.kind, c.text) for c in changes("You are a fool.", "You are no fool.")] == [
        ("same", "You are "), ("gone", "a"), ("new", "no"), ("same", " fool."),
    ]
    old = "start " + "a b " * WORDS_LIMIT + "end"
    new = "start " + "b a " * WORDS_LIMIT + "end"
    assert [c.kind for c in changes(old, new)] == ["same", "gone", "new", "same"]


def test_many_are_rejected_for_a_reason_of_the_sites_own(site: Site, anna: User, article: Article) -> None:
    site.reasons = [{"key": "wall", "words": "Not about the wall", "category": "off_topic"}]
    held = make_comment(article, make_user("Ada", email="ada@example.org"), status=Status.HELD)
    outcome = decide_many(
        site, [Judged(held.id, held.version)], actor=anna, reason=reason_named(site, "wall"), message="Please stay with the wall."
    )
    assert outcome.done == [held.id]
    statement = live_statement(held.id)
    decision = latest_decision(held.id)
    assert statement is not None
    assert decision is not None
    assert (decision.reason, decision.site_reason, decision.message) == ("off_topic", "wall", "Please stay with the wall.")
    assert statement.ground.endswith(": Not about the wall")
    mail = db.session.get_one(Mail, statement.mail_id)
    assert "Why: Not about the wall." in mail.text
    assert "Please stay with the wall." in mail.text
