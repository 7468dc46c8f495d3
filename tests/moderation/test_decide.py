from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import write_intent
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.decide import TRANSITIONS, approve, decide, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Decision, Flag, Reason
from commentsvc.sites.models import Article
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_approving_a_held_comment_publishes_it_with_a_decision() -> None:
    site = make_site()
    manager = make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)
    comment = make_comment(make_article(site), status=Status.HELD)
    decision = approve(comment, actor=manager, seen=comment.version, note="fine")
    db.session.commit()
    assert (comment.status, decision.from_status, decision.to_status) == ("published", "held", "published")
    assert (decision.actor_id, decision.reason, decision.note) == (manager.id, "approved", "fine")
    assert db.session.get_one(Article, comment.article_id, populate_existing=True).comment_count == 1


def test_the_second_manager_gets_a_conflict_that_names_the_first() -> None:
    site = make_site()
    nora, tomas = (make_user(n, role=Role.COMMUNITY_MANAGER, site=site) for n in ("Nora", "Tomás"))
    comment = make_comment(make_article(site), status=Status.HELD)
    seen = comment.version
    reject(comment, actor=nora, reason=Reason.ABUSE, seen=seen)
    db.session.commit()
    with pytest.raises(Conflict) as error:
        approve(comment, actor=tomas, seen=seen)
    db.session.rollback()
    assert "Nora has already rejected" in error.value.message
    assert error.value.current["status"] == "rejected"
    assert db.session.get_one(Comment, comment.id, populate_existing=True).status == "rejected"


def test_two_managers_in_the_same_instant_decide_once(app: Flask) -> None:
    site = make_site()
    managers = [make_user(role=Role.COMMUNITY_MANAGER, site=site) for _ in range(2)]
    comments = [make_comment(make_article(site), status=Status.HELD) for _ in range(8)]
    ids, people = [(c.id, c.version) for c in comments], [m.id for m in managers]
    db.session.remove()
    outcomes: list[str] = []

    def work(person: int) -> None:
        write_intent.set(True)
        with app.app_context():
            for comment_id, seen in ids:
                try:
                    comment = db.session.get_one(Comment, comment_id)
                    actor = db.session.get_one(type(managers[0]), person)
                    approve(comment, actor=actor, seen=seen)
                    db.session.commit()
                    outcomes.append("decided")
                except Conflict:
                    db.session.rollback()
                    outcomes.append("conflict")
            db.session.remove()

    crew = [threading.Thread(target=work, args=(p,)) for p in people]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 8 + ["decided"] * 8
    decided = select(func.count()).select_from(Decision).where(Decision.actor_id.is_not(None))
    assert db.session.scalar(decided) == 8


def test_undo_restores_status_and_flags() -> None:
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    comment = make_comment(make_article(site))
    flag(comment, make_user(), "abuse", "nasty")
    decision = reject(comment, actor=manager, reason=Reason.ABUSE, seen=comment.version)
    assert comment.flag_count == 0
    undone = undo(decision, actor=manager)
    db.session.commit()
    assert (comment.status, comment.flag_count, undone.undoes_id) == ("published", 1, decision.id)
    assert comment.reviewed_at is None


def test_only_the_latest_decision_of_a_person_can_be_undone() -> None:
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    comment = make_comment(make_article(site), status=Status.HELD)
    by_system = db.session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
    with pytest.raises(Invalid):
        undo(by_system, actor=manager)
    first = approve(comment, actor=manager, seen=comment.version)
    reject(comment, actor=manager, reason=Reason.SPAM, seen=comment.version)
    with pytest.raises(Conflict):
        undo(first, actor=manager)


@pytest.mark.parametrize("start", [Status.PENDING, Status.HELD, Status.PUBLISHED, Status.REJECTED, Status.WITHDRAWN])
@pytest.mark.parametrize("to", [Status.HELD, Status.PUBLISHED, Status.REJECTED, Status.WITHDRAWN])
def test_every_step_is_in_the_table_or_refused(start: Status, to: Status) -> None:
    comment = make_comment(make_article(), status=start)
    actor = make_user()
    if (start, to) in TRANSITIONS:
        assert decide(comment, to, actor=actor, reason=Reason.OTHER, seen=comment.version).to_status == to
        assert comment.status == to
    else:
        with pytest.raises(Conflict):
            decide(comment, to, actor=actor, reason=Reason.OTHER, seen=comment.version)


def test_approving_a_flagged_comment_settles_its_flags() -> None:
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    comment = make_comment(make_article(site))
    flag(comment, make_user(), "spam")
    flag(comment, make_user(), "abuse")
    assert comment.flag_count == 2
    decision = approve(comment, actor=manager, seen=comment.version)
    assert comment.flag_count == 0
    assert {f.resolved_by_id for f in db.session.scalars(select(Flag).execution_options(populate_existing=True))} == {decision.id}


def test_approving_again_adds_nothing_until_something_came_since() -> None:
    site = make_site()
    nora, tomas = (make_user(n, role=Role.COMMUNITY_MANAGER, site=site) for n in ("Nora", "Tomás"))
    comment = make_comment(make_article(site))  # published by the system: a first look is a decision
    first = approve(comment, actor=nora, seen=comment.version)
    again = approve(comment, actor=tomas, seen=comment.version)
    assert again.id == first.id
    with pytest.raises(Conflict):  # who judged what is no longer so is told
        approve(comment, actor=tomas, seen=comment.version - 1)
    flag(comment, make_user(), "abuse")
    settled = approve(comment, actor=tomas, seen=comment.version)
    assert settled.id != first.id
    assert comment.flag_count == 0
    assert approve(comment, actor=nora, seen=comment.version, note="Read it twice.").note == "Read it twice."
    undo(reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version), actor=nora)
    assert approve(comment, actor=nora, seen=comment.version).actor_id == nora.id  # looked at anew
    db.session.commit()
    assert len(db.session.scalars(select(Decision).where(Decision.comment_id == comment.id)).all()) == 7


def test_a_flag_counts_once_a_reader_and_never_on_ones_own() -> None:
    comment = make_comment(make_article())
    reader = make_user()
    first, made = flag(comment, reader, "abuse")
    second, made_again = flag(comment, reader, "spam", "changed my mind")
    assert (first.id, made, made_again) == (second.id, True, False)
    assert comment.flag_count == 1
    author = db.session.get_one(type(reader), comment.author_id)
    with pytest.raises(NotAllowed):
        flag(comment, author, "abuse")
    with pytest.raises(Invalid):
        flag(comment, reader, "because")


def test_only_the_author_withdraws() -> None:
    comment = make_comment(make_article())
    with pytest.raises(NotAllowed):
        withdraw(comment, make_user())
