"""A comment that its author edits: the new text is screened like any other, and until it passes the one before stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission
from commentsvc.comments.counts import lock_article
from commentsvc.comments.mentions import people_named, people_of
from commentsvc.comments.models import Comment, EditStatus, Revision, RevisionState, Status
from commentsvc.comments.submit import body_hash, clean_body
from commentsvc.database import follow_up, utcnow
from commentsvc.errors import Conflict, NotAllowed
from commentsvc.extensions import db
from commentsvc.markup import numbers_in, render
from commentsvc.moderation import edit_steps
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason
from commentsvc.moderation.posting import admit
from commentsvc.moderation.screen import screen_comment, screen_edit
from commentsvc.screening.languages import language_of
from commentsvc.screening.policy import Policy

REVISIONS_MOST: Final = 20
"""Of one comment. Whoever could edit without end could ask the screening without end what it lets pass."""

TAKEN_DOWN: Final = "taken_down"
"""Why a person reads the edit of a comment first that was taken out of the thread, or that a person had looked at."""

EDITABLE: Final = frozenset({Status.PENDING.value, Status.HELD.value, Status.PUBLISHED.value})


def may_edit(comment: Comment, policy: Policy) -> bool:
    """Whether its author can still edit it: what waits always, what is published within the site's time."""
    if comment.status != Status.PUBLISHED:
        return comment.status in EDITABLE
    return utcnow() - comment.created_at <= dt.timedelta(seconds=policy.edit_window) and policy.edit_window > 0


def take_edit(comment: Comment, author: User, body: str, *, seen: int | None = None) -> Comment:
    """Give a comment another text and screen it as far as goes without the model; flushes.

    What others read stays until the new text is accepted; what nobody else has read is replaced at once. `seen` is the number of the
    latest revision that its author knows of. The same text again changes nothing. `comment.article` and its site are loaded. NotAllowed to
    anybody else; Conflict where it cannot be edited (any more) or was edited elsewhere; Sanctioned and Invalid as for a post.
    """
    if comment.author_id != author.id:
        raise NotAllowed("This is not your comment.", code="not_yours")
    article = comment.article
    lock_article(comment.article_id)
    db.session.refresh(comment)
    set_committed_value(comment, "article", article)
    policy: Policy = article.policy
    body = clean_body(body, min_length=policy.min_length, max_length=policy.max_length)
    latest = newest(comment)
    if latest.body == body:
        return comment
    _check(comment, author, policy, latest, seen)
    admission = admit(article, author, pace=False)
    comment.author_role, comment.author_level = author.role_on(comment.site_id).value, admission.author_level
    public = comment.status == Status.PUBLISHED
    hold_for = admission.hold_for
    if not public and hold_for is None and (comment.published_at is not None or comment.reviewed_at is not None):
        hold_for = TAKEN_DOWN
    comment.hold_for, comment.screen_attempts, comment.claimed_until = hold_for, 0, None
    now = utcnow()
    edit_steps.drop(comment)
    if public and body == comment.body:  # as it was: there is nothing to wait for
        comment.version += 1
        db.session.flush()
        return comment
    number = latest.number + 1
    state = RevisionState.WAITING.value if public else None
    db.session.add(Revision(
        site_id=comment.site_id, comment_id=comment.id, number=number, body=body, state=state, created_at=now
    ))
    if public:
        comment.edit, comment.edit_status = number, EditStatus.PENDING.value
        comment.version += 1
        db.session.flush()
        screen_edit(comment)
    else:
        edit_steps.revision_of(comment, comment.revision).state = RevisionState.REPLACED.value
        _replace(comment, number, body)
        set_committed_value(comment, "article", article)
        screen_comment(comment)
    follow_up(db.session, "screen")
    return comment


def _check(comment: Comment, author: User, policy: Policy, latest: Revision, seen: int | None) -> None:
    if comment.article.closed and Permission.MANAGE_ARTICLES not in PERMISSIONS[author.role_on(comment.site_id)]:
        raise Conflict("The conversation was closed meanwhile. Your comment stays as it is.", code="article_closed")
    if comment.status not in EDITABLE:
        if comment.status == Status.WITHDRAWN:
            raise Conflict("Your comment was withdrawn. You can write another one.", code="not_editable")
        raise Conflict("Your comment was not published. You can write another one.", code="not_editable")
    if not may_edit(comment, policy):
        raise Conflict("Your comment is too old to be edited. You can withdraw it.", code="edit_window_over")
    if seen is not None and seen != latest.number:
        raise Conflict("You have edited this comment elsewhere meanwhile. Your text here is kept: compare the two.", code="edited_meanwhile")
    if latest.number >= REVISIONS_MOST:
        raise Conflict("You have edited this comment often enough. It stays as it is now.", code="too_many_edits")


def _replace(comment: Comment, number: int, body: str) -> None:
    """Put a text that nobody else has read in the place of another; the comment is pending after that."""
    seen = comment.version
    if comment.status == Status.HELD:
        decide(comment, Status.PENDING, actor=None, reason=Reason.EDITED, seen=seen)
    else:
        comment.version += 1
    comment.revision, comment.body, comment.body_hash = number, body, body_hash(body)
    comment.body_html, comment.language = render(body, people_named(body, comment.article_id)), language_of(body)
    db.session.flush()


def newest(comment: Comment) -> Revision:
    """Its author's last text, whatever became of it."""
    return db.session.scalars(
        select(Revision).where(Revision.comment_id == comment.id).order_by(Revision.number.desc()).limit(1)
    ).one()


@dataclass(frozen=True)
class Version:
    """A text of a comment, and what became of it: `now`, or one of RevisionState."""

    revision: Revision
    state: str
    people: Mapping[int, str] = field(default_factory=dict)  # whom the texts may mention

    @property
    def html(self) -> str:
        return render(self.revision.body, self.people)


def history(comment: Comment, *, whole: bool) -> list[Version]:
    """Its texts, latest first: all of them (for its author and staff), or those that others could read."""
    revisions = db.session.scalars(
        select(Revision).where(Revision.comment_id == comment.id).order_by(Revision.number.desc())
    ).all()
    people = people_of(set().union(*(numbers_in(r.body) for r in revisions)), comment.article_id)
    found = [Version(r, "now" if r.number == comment.revision else r.state or RevisionState.SHOWN.value, people) for r in revisions]
    if whole:
        return found
    if comment.status != Status.PUBLISHED:
        return []
    return [version for version in found if version.state in {"now", RevisionState.SHOWN}]
