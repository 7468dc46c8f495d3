"""Readers' votes."""

from __future__ import annotations

from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.comments import brigades
from commentsvc.comments.counts import article_policy, lock_article, set_votes
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db


def vote(comment: Comment, user: User, value: int, network: str = "") -> Comment:
    """Set the user's vote to 1, -1 or 0 (none); the same vote again changes nothing. Flushes.

    `network` is whence it comes ("": nobody knows); a new account's may be kept without being counted (`brigades`).
    Invalid for -1 where the site has respect in place of votes up and down.
    """
    if value not in {-1, 0, 1}:
        raise Invalid("A vote is 1, -1 or 0.", field="value")
    if comment.author_id == user.id:
        raise NotAllowed("You cannot vote on your own comment.", code="own_comment")
    # The article's row lock makes two votes of one reader, or of many, take turns.
    lock_article(comment.article_id)
    db.session.refresh(comment)
    if comment.status != Status.PUBLISHED:
        raise Conflict("This comment can no longer be voted on.", code="not_published")
    policy = article_policy(comment.article_id)
    if policy.respect and value == -1:
        raise Invalid("Here a vote is 1 or 0: readers give respect, or none.", field="value", code="respect_only")
    mine = db.session.scalar(select(Vote).where(Vote.comment_id == comment.id, Vote.user_id == user.id))
    before = mine.value if mine else 0
    if before == value:
        return comment
    if mine is None:
        weight = brigades.weigh(Vote, comment.id, user, network, brigades.VOTES_AT_ONCE, discount=policy.discount_brigades)
        mine = Vote(site_id=comment.site_id, comment_id=comment.id, user_id=user.id, value=value, network=weight.network, counted=weight.counted)
        db.session.add(mine)
    if mine.counted:
        set_votes(
            comment, comment.up + (value == 1) - (before == 1), comment.down + (value == -1) - (before == -1), respect=policy.respect
        )
    if value == 0:
        db.session.delete(mine)
    else:
        mine.value = value
    db.session.flush()
    return comment
