"""What community managers note of a person and do about her: sanctions, notes, sweeps, merges."""

from __future__ import annotations

import datetime as dt
import enum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.accounts.models import User
from commentsvc.database import Base, BigId, UtcDateTime, utcnow


class SanctionKind(enum.StrEnum):
    WARN = "warn"  # she reads and acknowledges a message before she can post again
    SUSPEND = "suspend"  # no posts, votes or flags until a time
    BAN = "ban"  # none until somebody ends it
    ALWAYS_REVIEW = "always_review"  # a person reads what she posts before others do
    SHADOW = "shadow"  # the same, and she is told only when it ends


class Rule(enum.StrEnum):
    """What imposed a sanction without a person; see Sanction.rule."""

    REPEAT_OFFENDER = "repeat_offender"


class Sanction(Base):
    """What was imposed on a person: why, by whom, from when until when.

    It ends by itself when `ends_at` has passed: nothing has to run for that, and the row is not
    written then. `ended_at` says that somebody ended it before, or that a warning was read.
    """

    __tablename__ = "sanctions"
    __table_args__ = (Index(None, "user_id", "ended_at"), Index(None, "site_id", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))  # None: on all
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(40))  # a Reason's value
    note: Mapped[str] = mapped_column(Text, default="")  # for colleagues
    message: Mapped[str] = mapped_column(Text, default="")  # to the person
    rule: Mapped[str | None] = mapped_column(String(40))  # which rule imposed it; None: a person did
    starts_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    ends_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # None: until somebody ends it
    ended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    end_note: Mapped[str] = mapped_column(Text, default="")  # for colleagues
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: the system, by a rule
    refused: Mapped[int] = mapped_column(default=0)  # posts, votes and flags it turned away
    end_mail_id: Mapped[int | None] = mapped_column(ForeignKey("mails.id", ondelete="SET NULL"))  # due when it ends
    seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # she has read that it ended
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    user: Mapped[User] = relationship(lazy="raise", foreign_keys=[user_id])
    actor: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[actor_id])
    ended_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[ended_by_id])

    def active(self, now: dt.datetime) -> bool:
        """Whether it holds at that time."""
        return self.ended_at is None and (self.ends_at is None or self.ends_at > now)

    @property
    def over_at(self) -> dt.datetime | None:
        """When it ends or ended; None while nobody knows."""
        return self.ended_at or self.ends_at

    @property
    def acknowledged(self) -> bool:
        """Whether this is a warning that its reader has read."""
        return self.ended_at is not None and self.kind == SanctionKind.WARN and self.ended_by_id == self.user_id


class PersonNote(Base):
    """What a community manager wants her colleagues to know of a person on their site."""

    __tablename__ = "person_notes"
    __table_args__ = (Index(None, "user_id", "site_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    edited_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    author: Mapped[User] = relationship(lazy="raise", foreign_keys=[author_id])


class SweepState(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Sweep(Base):
    """All of a person's comments on a site rejected in one step, which can be taken back as one."""

    __tablename__ = "sweeps"
    __table_args__ = (Index(None, "user_id", "site_id", "id"), Index(None, "state"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default=SweepState.RUNNING.value)
    position: Mapped[int] = mapped_column(BigId, default=0)  # the last comment (while undoing: step) looked at
    last_comment_id: Mapped[int] = mapped_column(BigId)  # what she posts later is not part of it
    total: Mapped[int] = mapped_column(default=0)  # comments to go through when it began
    seen: Mapped[int] = mapped_column(default=0)  # of them gone through
    rejected: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)
    stood: Mapped[int] = mapped_column(default=0)  # decided by others since, and left so by the undo
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    actor: Mapped[User] = relationship(lazy="raise", foreign_keys=[actor_id])
    undone_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys=[undone_by_id])


class SweepStep(Base):
    """One comment that a sweep rejected, by which decision."""

    __tablename__ = "sweep_steps"
    __table_args__ = (UniqueConstraint("site_id", "sweep_id", "comment_id"), Index(None, "sweep_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"))


class Merge(Base):
    """Two accounts of one person became one: `merged` gave all it had to `kept`, and opens no more."""

    __tablename__ = "merges"
    __table_args__ = (UniqueConstraint("merged_id"), Index(None, "kept_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    merged_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    comments: Mapped[int] = mapped_column(default=0)  # moved to the kept account
    votes: Mapped[int] = mapped_column(default=0)
    votes_dropped: Mapped[int] = mapped_column(default=0)  # doubles, and votes on one's own comments
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    kept: Mapped[User] = relationship(lazy="raise", foreign_keys=[kept_id])
    merged: Mapped[User] = relationship(lazy="raise", foreign_keys=[merged_id])
    actor: Mapped[User] = relationship(lazy="raise", foreign_keys=[actor_id])
