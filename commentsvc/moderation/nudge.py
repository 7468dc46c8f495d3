"""A kind word to an author whose comment the model held: which of its sentences may hurt somebody.

She may say it differently before a person reads it. Whoever could ask without end would learn how
to write past the model, so there are few of these a day, and they never show a score.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.marking import Range, fitted
from commentsvc.moderation.models import Screening
from commentsvc.screening.submission import Verdict

NUDGES = 3
"""Of an author's texts on a site within PERIOD, the first so many that the model held and
explained show why; the others only wait. Enough for somebody who lost her temper. A site may say otherwise."""

PERIOD = dt.timedelta(days=1)
"""What NUDGES counts in, before each comment; also how long a comment shows its own."""

MOST = 50
"""With more held comments than this to look through, none shows why: nobody loses her temper so
often."""

LEFT = "left_for_review"
"""Key of a finding whose nudge its author has answered."""


def nudges(comments: Sequence[Comment], most: int = NUDGES) -> dict[int, tuple[Range, ...]]:
    """By id, the doubtful sentences of those comments that may show them; one statement at most.

    The comments are one author's, on one site. Which may is counted from her screenings, so that
    looking again, elsewhere or later, gives the same answer. Each text counts: whoever edits a held comment asks again.
    """
    since = utcnow() - PERIOD
    # Whoever is read first anyway gains nothing by saying it differently.
    asked = [c for c in comments if c.status == Status.HELD and c.created_at > since and c.hold_for is None]
    if not asked or not most:
        return {}
    first = min(c.created_at for c in asked)
    rows = db.session.execute(
        select(Comment.id, Comment.created_at, Screening.revision, Screening.findings, Screening.created_at.label("screened_at"))
        .join(Screening, Screening.comment_id == Comment.id)
        .where(
            Comment.author_id == asked[0].author_id, Comment.site_id == asked[0].site_id,
            Comment.created_at > first - PERIOD, Screening.verdict == Verdict.HOLD.value,
            Screening.model_name.is_not(None),
        )
        .order_by(Comment.created_at.desc(), Comment.id.desc(), Screening.id.desc())
        .limit(MOST + 1)
    ).all()
    if len(rows) > MOST:
        return {}
    explained: dict[tuple[int, int], dt.datetime] = {}
    latest: dict[int, Any] = {}
    for row in rows:
        latest.setdefault(row.id, row)
        if _explained(row.findings):
            explained[row.id, row.revision] = row.created_at if row.revision == 1 else row.screened_at
    shown = {}
    for comment in asked:
        screened = latest.get(comment.id)
        if screened is None or screened.revision != comment.revision:
            continue
        finding = _explained(screened.findings)
        if finding is None or finding.get(LEFT):
            continue
        time = explained[comment.id, comment.revision]
        when = (time, comment.id, comment.revision)
        before = sum((at, *text) < when and at > time - PERIOD for text, at in explained.items())
        sentences = fitted(comment.body, finding["explanation"]["sentences"])
        if before < most and sentences:
            shown[comment.id] = sentences
    return shown


def leave_for_review(comment: Comment, author: User) -> None:
    """The author lets it stand as it is: its nudge is answered and not shown again. Flushes."""
    if comment.author_id != author.id:
        raise NotAllowed("This is not your comment.", code="not_yours")
    screening = db.session.scalar(
        select(Screening).where(Screening.comment_id == comment.id).order_by(Screening.id.desc()).limit(1)
    )
    finding = _explained(screening.findings) if screening is not None else None
    if screening is None or finding is None:
        return
    finding[LEFT] = True
    flag_modified(screening, "findings")
    db.session.flush()


def _explained(findings: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The finding by which the model held a comment, if it says which sentences it is about."""
    for finding in findings:
        explanation: Mapping[str, Any] = finding.get("explanation") or {}
        if finding.get("phase") == "toxicity" and finding.get("verdict") == Verdict.HOLD and explanation.get("sentences"):
            return finding
    return None
