"""What the pipeline found, what was decided, and what readers flagged."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment
from commentsvc.database import Base, BigId, UtcDateTime, utcnow


class Screening(Base):
    """One run of the pipeline over one revision: findings, scores, and the model that gave them."""

    __tablename__ = "screenings"
    __table_args__ = (Index(None, "comment_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    revision: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(20))
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    scores: Mapped[dict[str, float] | None] = mapped_column(JSON)
    model_name: Mapped[str | None] = mapped_column(String(100))
    model_version: Mapped[str | None] = mapped_column(String(50))
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Reason(enum.StrEnum):
    """Why a comment was decided as it was; shown to its author and in the modlog."""

    CLEAN = "clean"  # the pipeline found nothing
    TRUSTED = "trusted"  # staff
    UNSCORED = "unscored"  # nothing else found; the model did not answer, and the site does not wait
    HELD_FOR_REVIEW = "held_for_review"
    APPROVED = "approved"  # a community manager found nothing wrong
    ABUSE = "abuse"
    HATE = "hate"
    THREAT = "threat"
    SPAM = "spam"
    OFF_TOPIC = "off_topic"
    MISINFORMATION = "misinformation"
    BANNED_PHRASE = "banned_phrase"
    PRIVACY = "privacy"
    CLOSED = "closed"
    OTHER = "other"
    WITHDRAWN = "withdrawn"
    UNDONE = "undone"
    IMPORTED = "imported"


# What a community manager may choose when rejecting, in the order the console offers it.
REJECT_REASONS: dict[Reason, str] = {
    Reason.ABUSE: "Personal attack or insult",
    Reason.HATE: "Hateful towards a group",
    Reason.THREAT: "Threat or incitement",
    Reason.SPAM: "Spam or advertising",
    Reason.OFF_TOPIC: "Off topic",
    Reason.MISINFORMATION: "Misleading claim",
    Reason.BANNED_PHRASE: "Language we do not publish",
    Reason.PRIVACY: "Somebody's private data",
    Reason.OTHER: "Against our guidelines",
}


class Decision(Base):
    """A change of a comment's status: by whom, from what to what, and why. The modlog is these."""

    __tablename__ = "decisions"
    __table_args__ = (Index(None, "site_id", "id"), Index(None, "comment_id", "id"), Index(None, "site_id", "created_at"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    revision: Mapped[int]
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: the system
    reason: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text, default="")  # for colleagues
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    actor: Mapped[User | None] = relationship(lazy="raise")
    comment: Mapped[Comment] = relationship(lazy="raise")


class FlagReason(enum.StrEnum):
    ABUSE = "abuse"
    SPAM = "spam"
    OFF_TOPIC = "off_topic"
    MISINFORMATION = "misinformation"
    OTHER = "other"


FLAG_REASONS: dict[FlagReason, str] = {
    FlagReason.ABUSE: "It is abusive",
    FlagReason.SPAM: "It is spam",
    FlagReason.OFF_TOPIC: "It is off topic",
    FlagReason.MISINFORMATION: "It is misleading",
    FlagReason.OTHER: "Something else",
}


class Flag(Base):
    """A reader's report of a comment; open until a community manager decides."""

    __tablename__ = "flags"
    __table_args__ = (UniqueConstraint("comment_id", "user_id"), Index(None, "site_id", "created_at"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    user: Mapped[User] = relationship(lazy="raise")
