"""From a stored comment to a verdict: without scores when it comes in, with them in the worker."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Conflict
from commentsvc.extensions import db
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason, Screening
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Outcome, Submission, Verdict
from commentsvc.screening.toxicity import ModelInfo, ScoringError, ToxicityScorer
from commentsvc.sites.models import Article

log = structlog.get_logger()

VERDICT_STATUS = {Verdict.PUBLISH: Status.PUBLISHED, Verdict.HOLD: Status.HELD, Verdict.REJECT: Status.REJECTED}
DEFAULT_REASON = {Verdict.PUBLISH: Reason.CLEAN, Verdict.HOLD: Reason.HELD_FOR_REVIEW, Verdict.REJECT: Reason.OTHER}


def submission_of(comment: Comment, scores: Mapping[str, float] | None) -> Submission:
    """All the phases need to know, in two statements; the article and its site are loaded."""
    article = comment.article
    policy: Policy = article.site.policy
    published = db.session.scalar(
        select(func.count()).select_from(
            select(Comment.id)
            .where(
                Comment.author_id == comment.author_id, Comment.site_id == comment.site_id,
                Comment.status == Status.PUBLISHED, Comment.id != comment.id,
            )
            .limit(policy.new_author_comments)
            .subquery()
        )
    ) if policy.new_author_comments else 0
    since = comment.created_at - dt.timedelta(seconds=policy.repeat_window)
    repeats = db.session.scalar(
        select(Comment.id)
        .where(
            Comment.author_id == comment.author_id, Comment.body_hash == comment.body_hash,
            Comment.site_id == comment.site_id, Comment.id < comment.id, Comment.created_at >= since,
            Comment.status != Status.WITHDRAWN,
        )
        .limit(1)
    )
    return Submission(
        body=comment.body, policy=policy, submitted_at=comment.created_at,
        # An imported comment is older than the closing of its article.
        closed_at=article.closed_at, premoderated=article.premoderated,
        author_is_staff=Permission.SKIP_SCREENING in PERMISSIONS[Role(comment.author_role)],
        author_published=published or 0, repeats=repeats is not None, scores=scores,
    )


def screen_comment(
    comment: Comment, scores: Mapping[str, float] | None = None, model: ModelInfo | None = None
) -> Outcome:
    """Run the pipeline and act on its verdict: WAIT leaves the comment pending. Flushes.

    A comment that is no longer pending (the same post sent twice) is left as it was decided.
    """
    if comment.status != Status.PENDING:
        return Outcome(Verdict.WAIT)
    if scores is not None:  # one that is not a number is no score: the phase holds what has none
        scores = {label: value for label, value in scores.items() if math.isfinite(value)}
    outcome = screen(submission_of(comment, scores))
    if outcome.verdict == Verdict.WAIT:
        return outcome
    seen = comment.version
    db.session.add(
        Screening(
            site_id=comment.site_id, comment_id=comment.id, revision=comment.revision, verdict=outcome.verdict.value,
            findings=[f.to_data() for f in outcome.findings], scores=dict(scores) if scores is not None else None,
            model_name=model.name if model else None, model_version=model.version if model else None,
            model_sha256=model.sha256 if model else None,
        )
    )
    reason = Reason(outcome.reason) if outcome.reason else DEFAULT_REASON[outcome.verdict]
    if outcome.verdict == Verdict.HOLD:
        reason = Reason.HELD_FOR_REVIEW  # why it is doubtful is in the findings; nothing is decided
    decide(comment, VERDICT_STATUS[outcome.verdict], actor=None, reason=reason, seen=seen)
    return outcome


def claim_pending(limit: int, lease: int) -> Sequence[int]:
    """Take up to `limit` pending comments, oldest first, for `lease` seconds; the caller commits.

    Pending rows are the truth: a worker that dies with a claim lets it run out, and another
    takes the comments over.
    """
    now = utcnow()
    free = (
        select(Comment.id)
        .where(Comment.status == Status.PENDING, or_(Comment.claimed_until.is_(None), Comment.claimed_until < now))
        .order_by(Comment.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer anyway
    )
    ids = db.session.scalars(free).all()
    if ids:
        db.session.execute(
            update(Comment)
            .where(Comment.id.in_(ids))
            .values(claimed_until=now + dt.timedelta(seconds=lease))
            .execution_options(synchronize_session=False)
        )
    return ids


def screen_pending(
    scorer: Callable[[], ToxicityScorer], *, batch: int, lease: int, after_each: Callable[[], None] | None = None
) -> int:
    """Score and decide one batch of pending comments in order; returns how many it took.

    Nothing is open while the model works. Each comment is decided and committed by itself, so
    that one that fails, or a kill, costs the others nothing; it stays pending. A comment that
    was withdrawn or decided meanwhile is left alone. ScoringError passes to the caller.
    """
    ids = claim_pending(batch, lease)
    db.session.commit()
    if not ids:
        return 0
    comments = db.session.scalars(
        select(Comment)
        .where(Comment.id.in_(ids))
        .order_by(Comment.id)
        .options(joinedload(Comment.article).joinedload(Article.site))
    ).all()
    bodies = [(c.id, c.version, c.body) for c in comments]
    db.session.rollback()
    model = scorer()
    scored = _score(model, [body for _, _, body in bodies])
    for (comment_id, version, _), scores in zip(bodies, scored, strict=True):
        comment = db.session.scalars(
            select(Comment)
            .where(Comment.id == comment_id)
            .options(joinedload(Comment.article).joinedload(Article.site))
            .execution_options(populate_existing=True)
        ).one_or_none()
        if comment is None or comment.version != version or comment.status != Status.PENDING:
            db.session.rollback()
            continue
        try:
            screen_comment(comment, scores, model.info)
            db.session.commit()
        except Conflict:
            db.session.rollback()
        except Exception:  # it stays pending and is tried again; those behind it go on
            db.session.rollback()
            log.exception("could not decide", comment=comment_id)
        if after_each:
            after_each()
    return len(ids)


def _score(model: ToxicityScorer, bodies: Sequence[str]) -> Sequence[Mapping[str, float]]:
    """Scores for each body; a single one that the model fails on gets none, and is held for it.

    Without this, one text the model cannot read would keep its whole batch pending for good.
    ScoringError when the model fails on all of them: then it is the model.
    """
    try:
        return model.score(bodies)
    except ScoringError:
        if len(bodies) == 1:
            raise
    scored: list[Mapping[str, float]] = []
    for body in bodies:
        try:
            scored += model.score([body])
        except ScoringError:
            scored.append({})
    if not any(scored):
        raise ScoringError("the model scored none of a batch")
    return scored


def pending_count() -> int:
    """How many comments wait for the worker."""
    return db.session.scalar(select(func.count()).where(Comment.status == Status.PENDING)) or 0
