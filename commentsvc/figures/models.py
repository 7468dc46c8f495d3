"""What has been counted, how far, and who gets it by mail."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.database import Base, BigId, UtcDateTime, utcnow


class DailyFigures(Base):
    """One site's day, counted: see `figures.daily`. Always replaced as a whole, and can be made anew from nothing.

    Days are ISO text, which sorts as the days do. `last_left` is the last day on which a comment that was held
    on this day left the queue; a day far ahead while one still waits.
    """

    __tablename__ = "daily_figures"
    __table_args__ = (UniqueConstraint("site_id", "day"), Index(None, "site_id", "last_left"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    day: Mapped[str] = mapped_column(String(10))
    zone: Mapped[str] = mapped_column(String(64))  # whose midnights it begins and ends at
    last_left: Mapped[str] = mapped_column(String(10))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    counted_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class FiguresProgress(Base):
    """Up to which rows the days have been counted, and which worker is at it: one row, or none yet."""

    __tablename__ = "figures_progress"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    comments: Mapped[int] = mapped_column(BigInteger, default=0)
    decisions: Mapped[int] = mapped_column(BigInteger, default=0)
    flags: Mapped[int] = mapped_column(BigInteger, default=0)
    screenings: Mapped[int] = mapped_column(BigInteger, default=0)
    owner: Mapped[str | None] = mapped_column(String(32))
    not_before: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)  # nobody else begins until then
    counted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class MorningMail(Base):
    """Somebody who wants a site's figures by mail each morning."""

    __tablename__ = "morning_mails"
    __table_args__ = (UniqueConstraint("site_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class MorningMailDay(Base):
    """That somebody's mail of a day was queued: committed with the mail, so that there is never a second."""

    __tablename__ = "morning_mail_days"
    __table_args__ = (UniqueConstraint("site_id", "user_id", "day"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    day: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
