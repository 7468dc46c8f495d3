"""Fail closed, which is the default, and fail open after a while, where a site wants it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import select

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, reject
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.moderation.screen import screen_pending
from commentsvc.moderation.unscored import in_words, open_overdue, screen_again
from commentsvc.screening.policy import FAIL_OPEN_LEAST, FAIL_OPEN_MOST, Policy, check_policy
from commentsvc.sites.models import Article
from tests.factories import make_article, make_comment, make_site, make_user
from tests.moderation.stand_ins import Reader

pytestmark = pytest.mark.usefixtures("app")


def _open_article(**policy: object) -> Article:
    return make_article(make_site(policy=Policy(fail_open_after=600, **policy)))  # type: ignore[arg-type]


def _waiting(article: Article, seconds: int, body: str | None = None) -> Comment:
    comment = make_comment(article, body=body, status=Status.PENDING)
    comment.accepted_at = utcnow() - dt.timedelta(seconds=seconds)
    db.session.commit()
    return comment


def _now(comment: Comment) -> Comment:
    return db.session.get_one(Comment, comment.id, populate_existing=True)


def _decisions(comment: Comment) -> list[Decision]:
    return list(db.session.scalars(select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.id)))


def _again() -> int:
    return screen_again(Reader, batch=32, lease=30)


def test_by_default_comments_wait_for_the_model_however_long() -> None:
    comment = _waiting(make_article(), 10**6)
    assert open_overdue() == 0
    assert _now(comment).status == Status.PENDING


def test_where_a_site_does_not_wait_for_ever_what_nothing_else_holds_is_published() -> None:
    article = _open_article(max_links=0)
    late, link, fresh = _waiting(article, 601), _waiting(article, 601, "see https://x.example"), _waiting(article, 590)
    assert open_overdue() == 2
    assert [_now(c).status for c in (late, link, fresh)] == [Status.PUBLISHED, Status.HELD, Status.PENDING]


def test_a_comment_published_without_scores_says_so_wherever_it_is_audited() -> None:
    comment = _waiting(_open_article(), 601)
    open_overdue()
    [decision] = _decisions(comment)
    assert (decision.reason, decision.actor_id) == (Reason.UNSCORED, None)
    assert "did not answer for 10 minutes" in decision.note
    screening = db.session.scalars(select(Screening).where(Screening.comment_id == comment.id)).one()
    assert (screening.scores, screening.model_name) == (None, None)
    assert [(f["phase"], f["verdict"], f["reason"]) for f in screening.findings] == [("toxicity", None, "unscored")]


def test_one_that_a_rule_holds_is_held_without_scores_too() -> None:
    comment = _waiting(_open_article(premoderate=True), 601)
    open_overdue()
    [decision] = _decisions(comment)
    assert (_now(comment).status, decision.reason) == (Status.HELD, Reason.HELD_FOR_REVIEW)
    assert not _now(comment).screen_again, "a person reads it anyway"


def test_imported_comments_go_on_waiting() -> None:
    comment = _waiting(_open_article(), 601)
    comment.external_id = "old:1"
    db.session.commit()
    assert open_overdue() == 0
    assert _now(comment).status == Status.PENDING


def test_one_that_a_worker_is_reading_is_left_to_it() -> None:
    comment = _waiting(_open_article(), 601)
    comment.claimed_until = utcnow() + dt.timedelta(seconds=20)
    db.session.commit()
    assert open_overdue() == 0


def test_when_the_model_is_back_what_it_objects_to_is_held_and_the_rest_stays() -> None:
    article = _open_article()
    toxic, fine = _waiting(article, 601, "so toxic"), _waiting(article, 601)
    open_overdue()
    assert _again() == 2
    assert _again() == 0
    assert (_now(toxic).status, _now(fine).status) == (Status.HELD, Status.PUBLISHED)
    assert not _now(toxic).screen_again
    assert not _now(fine).screen_again
    latest = _decisions(toxic)[-1]
    assert (latest.from_status, latest.to_status, latest.reason) == ("published", "held", Reason.HELD_FOR_REVIEW)
    assert "read by it afterwards" in latest.note
    both = db.session.scalars(select(Screening).where(Screening.comment_id == toxic.id).order_by(Screening.id)).all()
    assert [s.scores is not None for s in both] == [False, True]
    assert both[1].findings[0]["explanation"]["words"] == [{"start": 3, "end": 8, "score": 0.9}]
    assert db.session.get_one(Article, article.id, populate_existing=True).comment_count == 1


def test_one_that_a_person_approved_meanwhile_is_not_overruled() -> None:
    site = make_site(policy=Policy(fail_open_after=600))
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    kept, removed = (_waiting(make_article(site), 601, "so toxic") for _ in range(2))
    open_overdue()
    approve(_now(kept), actor=manager, seen=_now(kept).version)
    reject(_now(removed), actor=manager, reason=Reason.ABUSE, seen=_now(removed).version)
    db.session.commit()
    assert _again() == 2
    assert (_now(kept).status, _now(removed).status) == (Status.PUBLISHED, Status.REJECTED)
    assert _again() == 0


def test_a_person_can_decide_what_waits_for_the_model() -> None:
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    comment = _waiting(make_article(site), 601, "so toxic")
    approve(comment, actor=manager, seen=comment.version)
    db.session.commit()
    assert screen_pending(Reader, batch=10, lease=30) == 0
    assert _now(comment).status == Status.PUBLISHED


def test_what_comes_back_after_a_restart_is_still_screened_again(tmp_path: Path) -> None:
    """The mark is in the database: the worker that published may be long gone."""
    comment = _waiting(_open_article(), 601, "so toxic")
    open_overdue()
    model = Reader(tmp_path)
    (tmp_path / "nan").touch()
    with pytest.raises(Exception, match="no probabilities"):
        screen_again(lambda: model, batch=32, lease=30)
    assert (_now(comment).status, _now(comment).screen_again) == (Status.PUBLISHED, True)
    (tmp_path / "nan").unlink()
    screen_again(lambda: model, batch=32, lease=30)
    assert _now(comment).status == Status.HELD


@pytest.mark.parametrize("seconds", [-1, 1, FAIL_OPEN_LEAST - 1, FAIL_OPEN_MOST + 1])
def test_a_deadline_out_of_range_is_refused(seconds: int) -> None:
    with pytest.raises(Invalid) as error:
        check_policy(Policy(fail_open_after=seconds))
    assert error.value.field == "policy.fail_open_after"


@pytest.mark.parametrize("seconds", [0, FAIL_OPEN_LEAST, FAIL_OPEN_MOST])
def test_a_deadline_in_range_is_kept(seconds: int) -> None:
    assert Policy.from_data(check_policy(Policy(fail_open_after=seconds)).to_data()).fail_open_after == seconds


def test_time_spans_in_words() -> None:
    assert [in_words(s) for s in (60, 90, 600, 3600, 7200)] == ["1 minute", "90 seconds", "10 minutes", "1 hour", "2 hours"]
