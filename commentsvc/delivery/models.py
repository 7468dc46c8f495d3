"""Mails wait in the database until they are delivered, so that none is lost."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.database import Base, BigId, UtcDateTime, utcnow


class Mail(Base):
    __tablename__ = "mails"
    __table_args__ = (
        Index("ix_mails_recipient_created_at", "recipient", "created_at"),  # how many one address had today
        Index("ix_mails_due", "next_attempt_at", postgresql_where=text("sent_at IS NULL"), sqlite_where=text("sent_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    recipient: Mapped[str] = mapped_column(String(254))
    kind: Mapped[str | None] = mapped_column(String(30))  # its template; None of one from before this was noted
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    unsubscribe_url: Mapped[str | None] = mapped_column(Text)  # of a mail that comes again and again (RFC 8058)
    sent_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
