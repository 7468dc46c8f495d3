"""Writing without an account, where a site lets its readers: an address is proved first, then screening as for anybody new.

Nobody else sees what a guest wrote, no community manager either, until she opens the link in her mail. By her address she
is one person: a sanction stays on it, and with an account of the same address all she wrote is hers.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.badges import refuse_imitation
from commentsvc.accounts.identity import check_email, clean_name, token_hash
from commentsvc.accounts.mailing import mail_account
from commentsvc.accounts.models import User
from commentsvc.comments.authors import rename_author
from commentsvc.comments.models import Comment, GuestComment
from commentsvc.comments.submit import clean_body
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotSignedIn
from commentsvc.extensions import db
from commentsvc.moderation.posting import take_in
from commentsvc.sites.models import Article


@dataclass(frozen=True)
class Left:
    """What waits for its mail to be answered; `email` as it was understood."""

    email: str
    expires_at: dt.datetime


def leave(article: Article, name: str, email: str, body: str, parent_id: int | None = None) -> Left:
    """Keep what a guest wrote and send her one mail with a link (see mailing's limits); flushes.

    The answer is the same whoever has the address. NotAllowed(`guests_off`) where the site wants accounts,
    Invalid and Conflict as for any post.
    """
    policy = article.policy
    if not policy.guests:
        raise NotAllowed("Sign up to write here.", code="guests_off")
    if article.closed:
        raise Conflict("The conversation under this article is closed.", code="article_closed")
    name, email = refuse_imitation(clean_name(name)), check_email(email)
    rule = policy.email_rule(email)
    if rule is not None and rule.action == "refuse":
        raise Invalid("This site takes no comments from accounts with an e-mail address at this domain.", field="email", code="email_domain")
    body = clean_body(body, min_length=policy.min_length, max_length=policy.max_length)
    if parent_id is not None:
        parent = db.session.get(Comment, parent_id)
        if parent is None or parent.article_id != article.id or not parent.listed:
            raise Invalid("What you reply to is gone. Your text is kept.", field="parent_id", code="parent_unknown")
    token, now = secrets.token_urlsafe(32), utcnow()
    left = GuestComment(
        site_id=article.site_id, article_id=article.id, parent_id=parent_id, token_hash=token_hash(token), email=email, display_name=name,
        body=body, created_at=now, expires_at=now + dt.timedelta(days=policy.guest_days),
    )
    db.session.add(left)
    mail_account(email, "guest", link=f"/account/guest/{token}", site=article.site.name, days=policy.guest_days)
    db.session.flush()
    return Left(email, left.expires_at)


def peek(token: str) -> tuple[GuestComment, Article] | None:
    """What the link is about; None when it is no longer good."""
    found = db.session.scalar(select(GuestComment).where(GuestComment.token_hash == token_hash(token), GuestComment.expires_at > utcnow()))
    return (found, _article(found)) if found else None


def has_account(left: GuestComment) -> bool:
    """Whether the address has an account, whose owner posts this signed in; for her mailbox alone to know."""
    return db.session.scalar(select(User.id).where(User.email == left.email, User.guest_since.is_(None))) is not None


def confirm(token: str, user: User | None) -> Comment:
    """Take in what the link is about; flushes. `user` is who is signed in.

    NotSignedIn where the address has an account: a mailbox alone must not speak for it. Otherwise as `take_in`; Invalid(`guest_expired`)
    for a link that was used.
    """
    left = db.session.execute(
        delete(GuestComment).where(GuestComment.token_hash == token_hash(token), GuestComment.expires_at > utcnow()).returning(GuestComment)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if left is None:
        raise Invalid("This link has been used or has expired.", code="guest_expired")
    article, author = _article(left), _author(left, user)
    db.session.expunge(left)
    if author.guest_since is not None and author.display_name != left.display_name:
        rename_author(author, left.display_name)
    return take_in(article, author, left.body, left.parent_id)


def _author(left: GuestComment, user: User | None) -> User:
    known = db.session.scalar(select(User).where(User.email == left.email))
    if known is None:
        made = User(
            email=left.email, display_name=left.display_name, password_hash=None, created_at=utcnow(), guest_since=utcnow(), roles=[]
        )
        try:
            with db.session.begin_nested():
                db.session.add(made)
        except IntegrityError:  # an account of this address was made in this instant
            known = db.session.scalars(select(User).where(User.email == left.email)).one()
        else:
            return made
    if known.guest_since is None and (user is None or user.id != known.id):
        raise NotSignedIn("There is an account with this address. Sign in to it, and open the link again.")
    return known


def _article(left: GuestComment) -> Article:
    return db.session.get_one(Article, left.article_id, options=[joinedload(Article.site)])


def forget_guests() -> bool:
    """Delete what no guest has confirmed in time; flushes. Never more to do."""
    db.session.execute(delete(GuestComment).where(GuestComment.expires_at <= utcnow()).execution_options(synchronize_session=False))
    return False
