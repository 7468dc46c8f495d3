"""What people are to be told of: a row in the transaction of the change, from which a worker tells them."""

from __future__ import annotations

from collections.abc import Callable

from commentsvc.comments.models import Comment, Status
from commentsvc.database import follow_up, utcnow
from commentsvc.extensions import db
from commentsvc.moderation.models import Announcement, Decision, News, Statement

Keep = Callable[[Announcement | Decision | Statement], None]


def announce(comment: Comment, what: News, *, statement: Statement | None = None, keep: Keep | None = None) -> None:
    """Have those told whom it concerns, once the caller's transaction is committed; flushes, unless `keep` takes the row."""
    now = utcnow()
    row = Announcement(
        what=what.value, site_id=comment.site_id, comment_id=comment.id, statement=statement, created_at=now, due_at=now, attempts=0
    )
    if keep is not None:
        keep(row)
    else:
        db.session.add(row)
        db.session.flush()
    follow_up(db.session, "tell")


def announce_step(comment: Comment, decision: Decision, *, keep: Keep | None) -> None:
    """Announce that a decision made a comment public, or took it away; nothing where it did neither.

    What an import brings is no news to anybody.
    """
    if comment.external_id is not None or decision.from_status == decision.to_status:
        return
    if decision.to_status == Status.PUBLISHED:
        read = decision.actor_id is not None and decision.undoes_id is None and decision.from_status == Status.HELD
        announce(comment, News.APPROVED if read else News.PUBLISHED, keep=keep)
    elif decision.from_status == Status.PUBLISHED:
        announce(comment, News.GONE, keep=keep)
