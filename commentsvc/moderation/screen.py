"""From a stored comment to a verdict: without scores when it comes in, with them in the worker."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.comments.counts import hold_articles
from commentsvc.comments.models import Comment, EditStatus, Revision, Status
from commentsvc.comments.submit import body_hash
from commentsvc.errors import Conflict
from commentsvc.extensions import db
from commentsvc.moderation import edit_steps
from commentsvc.moderation.claims import PENDING, Claim, Lane, claim, release
from commentsvc.moderation.decide import counted_flags, decide
from commentsvc.moderation.edit_steps import edits_of
from commentsvc.moderation.models import Announcement, Decision, Reason, Screening, Statement
from commentsvc.moderation.scoring import explain, probe, score_each
from commentsvc.moderation.urgency import file_held
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import Policy
from commentsvc.screening.scoring_process import ScorerDied
from commentsvc.screening.submission import Finding, Outcome, Submission, Verdict
from commentsvc.screening.toxicity import Explanation, ModelInfo, ScoringError, ToxicityScorer
from commentsvc.sites.models import Article

log = structlog.get_logger()

VERDICT_STATUS = {Verdict.PUBLISH: Status.PUBLISHED, Verdict.HOLD: Status.HELD, Verdict.REJECT: Status.REJECTED}
DEFAULT_REASON = {Verdict.PUBLISH: Reason.CLEAN, Verdict.HOLD: Reason.HELD_FOR_REVIEW, Verdict.REJECT: Reason.OTHER}

# Decided in one transaction: a few share a sync of the disk, and none holds SQLite's one write lock,
# or an article's row, for longer than a reader's post may wait.
GROUP = 8

UNREADABLE = Finding("toxicity", "held_for_review", "The model could not read this one.", Verdict.HOLD)

_COMMENTS = Comment.__table__.c
REPEATED = (
    select(_COMMENTS.id)
    .where(
        _COMMENTS.author_id == bindparam("author"), _COMMENTS.body_hash == bindparam("body_hash"),
        _COMMENTS.site_id == bindparam("site"), _COMMENTS.id < bindparam("before"),
        _COMMENTS.created_at >= bindparam("since"), _COMMENTS.status != Status.WITHDRAWN,
    )
    .limit(1)
)

Keep = Callable[[Screening | Announcement | Decision | Statement], None]
"""Takes a row to write: a worker writes those of a few comments with one statement."""


def submission_of(
    comment: Comment, scores: Mapping[str, float] | None, explanation: Explanation | None = None, unscored: str = "", *,
    edit: Revision | None = None,
) -> Submission:
    """All the phases need to know, in two statements; the article and its site are loaded. Of an `edit`, its text and time."""
    db.session.flush()
    article = comment.article
    policy: Policy = article.policy.for_level(comment.author_level)
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
    body, written = (edit.body, edit.created_at) if edit is not None else (comment.body, comment.created_at)
    since = written - dt.timedelta(seconds=policy.repeat_window)
    repeats = db.session.connection().scalar(
        REPEATED,
        {
            "author": comment.author_id, "body_hash": body_hash(body) if edit is not None else comment.body_hash, "site": comment.site_id, "before": comment.id,
            "since": since,
        },
    )
    return Submission(
        body=body, policy=policy, submitted_at=written,
        # An imported comment is older than the closing of its article.
        closed_at=article.closing, premoderated=article.premoderated,
        author_is_staff=Permission.SKIP_SCREENING in PERMISSIONS[Role(comment.author_role)],
        author_level=comment.author_level, hold_for=comment.hold_for,
        author_published=published or 0, repeats=repeats is not None, scores=scores,
        explanation=explanation, unscored=unscored,
    )


def screen_comment(
    comment: Comment, scores: Mapping[str, float] | None = None, model: ModelInfo | None = None, *,
    explanation: Explanation | None = None, unscored: str = "", keep: Keep | None = None,
) -> Outcome:
    """Run the pipeline and act on its verdict: WAIT leaves the comment pending. Flushes.

    What is to be written goes to `keep` instead, if given; the comment was then loaded under
    its article's lock.

    `unscored` says why the model is not waited for; the comment is then decided without scores,
    and screened again when a model can. A comment that is no longer pending (the same post sent
    twice) is left as it was decided.
    """
    if comment.status != Status.PENDING:
        return Outcome(Verdict.WAIT)
    if scores is not None:  # one that is not a number is no score: the phase holds what has none
        scores = {label: value for label, value in scores.items() if math.isfinite(value)}
    outcome = screen(submission_of(comment, scores, explanation, unscored))
    if outcome.verdict == Verdict.WAIT:
        return outcome
    seen = comment.version
    (keep or db.session.add)(record(comment, outcome, scores, model))
    reason = Reason(outcome.reason) if outcome.reason else DEFAULT_REASON[outcome.verdict]
    if outcome.verdict == Verdict.HOLD:
        reason = Reason.HELD_FOR_REVIEW  # why it is doubtful is in the findings; nothing is decided
    missing = any(f.reason == Reason.UNSCORED for f in outcome.findings)
    if missing and outcome.verdict == Verdict.PUBLISH:
        reason = Reason.UNSCORED
        comment.screen_again, comment.screen_attempts = True, 0
        db.session.flush()
    note = unscored if missing else ""
    if outcome.findings and outcome.verdict != Verdict.PUBLISH:
        file_held(
            comment, [f.to_data() for f in outcome.findings], scores, published=comment.article.comment_count,
            flags=counted_flags(comment),
        )
        db.session.flush()
    decide(comment, VERDICT_STATUS[outcome.verdict], actor=None, reason=reason, seen=seen, note=note, keep=keep)
    return outcome


def screen_edit(
    comment: Comment, scores: Mapping[str, float] | None = None, model: ModelInfo | None = None, *,
    explanation: Explanation | None = None, keep: Keep | None = None,
) -> Outcome:
    """As `screen_comment`, for the edit of a published comment that waits: until it is accepted the text before stands."""
    if comment.status != Status.PUBLISHED or comment.edit_status != EditStatus.PENDING:
        return Outcome(Verdict.WAIT)
    if scores is not None:
        scores = {label: value for label, value in scores.items() if math.isfinite(value)}
    edit = edit_steps.revision_of(comment, comment.edit or 0)
    outcome = screen(submission_of(comment, scores, explanation, edit=edit))
    if outcome.verdict != Verdict.WAIT:
        _follow_edit(comment, edit, outcome, scores, model, keep)
    return outcome


def _follow_edit(
    comment: Comment, edit: Revision, outcome: Outcome, scores: Mapping[str, float] | None, model: ModelInfo | None, keep: Keep | None,
) -> None:
    (keep or db.session.add)(record(comment, outcome, scores, model, revision=edit.number))
    if outcome.verdict == Verdict.PUBLISH:
        edit_steps.accept(comment, actor=None, keep=keep)
    elif outcome.verdict == Verdict.HOLD:
        file_held(comment, [f.to_data() for f in outcome.findings], scores, published=comment.article.comment_count, flags=counted_flags(comment))
        edit_steps.hold(comment, keep=keep)
    else:
        edit_steps.refuse(comment, outcome.reason or Reason.OTHER, actor=None, keep=keep)


def record(
    comment: Comment, outcome: Outcome, scores: Mapping[str, float] | None, model: ModelInfo | None, *, revision: int | None = None,
) -> Screening:
    """What a run of the pipeline found in the comment's present revision, or the one of that number, to be kept."""
    return Screening(
        site_id=comment.site_id, comment_id=comment.id, revision=revision or comment.revision, verdict=outcome.verdict.value,
        findings=[f.to_data() for f in outcome.findings], scores=dict(scores) if scores is not None else None,
        model_name=model.name if model else None, model_version=model.version if model else None,
        model_sha256=model.sha256 if model else None, policy_version=comment.article.site.policy_version or None,
    )


@dataclass(frozen=True, slots=True)
class Read:
    """What the model said of a claimed comment; `scores` is empty where it could not read it."""

    claim: Claim
    article_id: int
    scores: Mapping[str, float]
    explanation: Explanation | None


Act = Callable[[Comment, Read, Keep], None]
"""Decides on a comment that was loaded under its article's lock, and gives what it leaves to be kept."""


def screen_pending(
    scorer: Callable[[], ToxicityScorer], *, batch: int, lease: int, lane: Lane = Lane.BACKLOG,
    after_each: Callable[[], None] | None = None,
) -> int:
    """Score and decide one batch of a lane; returns how many comments it took.

    Nothing is open while the model works. Comments are decided and committed a few at a time; where
    one of a few fails, each is decided by itself, so that it costs the others nothing. What is
    not decided stays pending. A comment that was withdrawn or decided meanwhile is left alone.
    ScoringError when the model fails, OperationalError when the database does (a full disk): then
    the claims are given back, and no comment is blamed.
    """
    claims, read = read_batch(scorer, lane, batch, lease)
    if not claims:
        return 0
    with given_back(claims):
        info = scorer().info if read else None
        decide_all(read, partial(_decide, info=info), after_each)
    return len(claims)


def read_batch(
    scorer: Callable[[], ToxicityScorer], lane: Lane, batch: int, lease: int
) -> tuple[list[Claim], list[Read]]:
    """Claim a batch and have the model read it; leaves no transaction open.

    A text that takes the model down with it is given back, to be read alone; after MAX_ATTEMPTS
    of those it comes without scores, which holds it for a person.
    """
    claims = claim(lane, batch, lease)
    loaded = load_comments([c.comment_id for c in claims]) if claims else {}
    texts = edits_of(list(loaded.values())) if lane is Lane.EDITS else {}
    bodies = {
        c.id: (c.article_id, texts[c.id].body if c.id in texts else c.body, c.article.policy.for_level(c.author_level))
        for c in loaded.values()
    }
    db.session.commit()
    claims = [c for c in claims if c.comment_id in bodies]
    wanted = [c for c in claims if not c.hopeless]
    read = [Read(c, bodies[c.comment_id][0], {}, None) for c in claims if c.hopeless]
    if not wanted:
        return claims, read
    with given_back(claims):
        model = scorer()
        try:
            scored = score_each(model, [bodies[c.comment_id][1] for c in wanted])
        except ScorerDied as died:
            if died.blamed:
                probe(model)  # ScoringError: it is the model, whatever it reads
            log.warning("the model died reading", comments=[c.comment_id for c in wanted], error=str(died))
            release(wanted, blame=died.blamed)
            db.session.commit()
            return claims, read
    for taken, scores in zip(wanted, scored, strict=True):
        article_id, body, policy = bodies[taken.comment_id]
        read.append(Read(taken, article_id, scores, explain(model, body, policy, scores)))
    return claims, read


@contextlib.contextmanager
def given_back(claims: Sequence[Claim]) -> Iterator[None]:
    """When model or database fail within, give the claims back; else they run out by themselves."""
    try:
        yield
    except (ScoringError, OperationalError):
        db.session.rollback()
        with contextlib.suppress(OperationalError):
            release(claims, blame=False)
            db.session.commit()
        db.session.rollback()
        raise


def load_comments(ids: Sequence[int]) -> dict[int, Comment]:
    """These comments as the database has them now, with article and site, by id."""
    found = db.session.scalars(
        select(Comment)
        .where(Comment.id.in_(ids))
        .options(joinedload(Comment.article).joinedload(Article.site))
        .execution_options(populate_existing=True)
    )
    return {comment.id: comment for comment in found}


def decide_all(
    read: Sequence[Read], act: Act, after_each: Callable[[], None] | None = None
) -> None:
    """Call `act` on each comment that is still as it was read, a few in each transaction.

    Sorted by article, so that workers that take several articles' rows take them in one order.
    OperationalError passes; anything else costs the comment alone that it happened to.
    """
    ordered = sorted(read, key=lambda r: (r.article_id, r.claim.comment_id))
    for start in range(0, len(ordered), GROUP):
        group = ordered[start : start + GROUP]
        try:
            _act(group, act)
        except OperationalError:
            raise
        except Exception:  # noqa: BLE001 - found again below, and logged there
            db.session.rollback()
            for one in group:
                _act_alone(one, act)
        for _ in group if after_each else ():
            after_each()  # type: ignore[misc]


def _act(group: Sequence[Read], act: Act) -> None:
    kept: list[Screening | Announcement | Decision | Statement] = []
    hold_articles({one.article_id for one in group})
    loaded = load_comments([one.claim.comment_id for one in group])
    for one in group:
        comment = loaded.get(one.claim.comment_id)
        if comment is not None and comment.version == one.claim.version:
            act(comment, one, kept.append)
    db.session.add_all(kept)
    db.session.commit()


def _act_alone(one: Read, act: Act) -> None:
    try:
        _act([one], act)
    except OperationalError:
        raise
    except Conflict:
        db.session.rollback()
    except Exception:  # it stays as it is until its claim runs out, and counts as an attempt
        db.session.rollback()
        log.exception("could not decide", comment=one.claim.comment_id)


def _decide(comment: Comment, one: Read, keep: Keep, *, info: ModelInfo | None) -> None:
    if comment.status == Status.PUBLISHED:
        _decide_edit(comment, one, keep, info)
        return
    if not one.claim.hopeless:
        screen_comment(comment, one.scores, info, explanation=one.explanation, keep=keep)
        return
    # Not through the pipeline: it may be a phase that fails on this comment.
    if comment.status == Status.PENDING:
        outcome = Outcome(Verdict.HOLD, (UNREADABLE,))
        seen = comment.version
        keep(record(comment, outcome, None, None))
        file_held(comment, [UNREADABLE.to_data()], None, published=comment.article.comment_count, flags=counted_flags(comment))
        db.session.flush()
        decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=seen, note=UNREADABLE.message, keep=keep)


def _decide_edit(comment: Comment, one: Read, keep: Keep, info: ModelInfo | None) -> None:
    if not one.claim.hopeless:
        screen_edit(comment, one.scores, info, explanation=one.explanation, keep=keep)
    elif comment.edit_status == EditStatus.PENDING:
        edit = edit_steps.revision_of(comment, comment.edit or 0)
        _follow_edit(comment, edit, Outcome(Verdict.HOLD, (UNREADABLE,)), None, None, keep)


def pending_count() -> int:
    """How many comments wait for the worker."""
    return db.session.scalar(select(func.count()).select_from(Comment).where(PENDING)) or 0
