"""What a person was told, and the conversations she follows."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment
from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.moderation.models import Statement
from commentsvc.sites.models import Article, Site

UNREAD = "read_at IS NULL AND shown"


class Notification(Base):
    """One thing that a person is told; `subject` is what it is about, so that she is told once.

    `mail_at` is when a mail about it is due; None: none is, or it was written. What may be said of the comment is
    asked of the comment whenever it is said: nothing of its text is kept here.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "subject"),
        Index(None, "user_id", "id"),
        Index("ix_notifications_unread", "user_id", "id", postgresql_where=text(UNREAD), sqlite_where=text("read_at IS NULL AND shown = 1")),
        Index(
            "ix_notifications_mail_at", "mail_at", "id",
            postgresql_where=text("mail_at IS NOT NULL"), sqlite_where=text("mail_at IS NOT NULL"),
        ),
        Index(None, "comment_id"),
        Index(None, "created_at"),
        Index(None, "mail_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(60))
    site_id: Mapped[int] = mapped_column(ForeignKey(Site.id, ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey(Comment.id, ondelete="CASCADE"))
    statement_id: Mapped[int | None] = mapped_column(ForeignKey(Statement.id, ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    shown: Mapped[bool] = mapped_column(default=True, server_default=true())  # in the widget; else by mail alone
    read_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    mail_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    mail_id: Mapped[int | None] = mapped_column(ForeignKey(Mail.id, ondelete="SET NULL"))  # that told her


class Follow(Base):
    """A conversation that somebody follows, or (not `active`) does not want to follow although she wrote in it."""

    __tablename__ = "follows"
    __table_args__ = (
        UniqueConstraint("user_id", "article_id"),
        Index(None, "user_id", "id"),
        Index("ix_follows_of_article", "article_id", "id", postgresql_where=text("active"), sqlite_where=text("active = 1")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"))
    site_id: Mapped[int] = mapped_column(ForeignKey(Site.id, ondelete="CASCADE"))  # the article's
    article_id: Mapped[int] = mapped_column(ForeignKey(Article.id, ondelete="CASCADE"))
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    since: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)  # what came before is no news to her
