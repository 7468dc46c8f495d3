"""Consents, what was exported under them, and accounts that are about to go."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.database import Base, BigId, UtcDateTime, utcnow


class Consent(Base):
    """An entry of the consent ledger: somebody said yes or no to a purpose. Never changed, never deleted.

    `hash` covers the entry and the hash of the one before, so that none can be altered, taken out or put
    in later unnoticed. `previous_hash` is unique: the ledger cannot fork, whoever writes at once.
    """

    __tablename__ = "consents"
    __table_args__ = (Index(None, "user_id", "purpose", "id"), Index(None, "purpose", "user_id", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str] = mapped_column(String(40))
    granted: Mapped[bool]
    text_version: Mapped[int]
    text_sha256: Mapped[str] = mapped_column(String(64))  # of what she was shown
    language: Mapped[str | None] = mapped_column(String(10))  # that it was in; None: English
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    previous_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hash: Mapped[str] = mapped_column(String(64))


class TrainingExport(Base):
    """A file of comments written for training, and what came of it."""

    __tablename__ = "training_exports"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"))  # None: all sites
    comments: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))  # of the file of comments
    used_for: Mapped[str] = mapped_column(String(500), default="")  # the model's later use, as recorded
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class TrainingExportConsent(Base):
    """Under which consent, and so whose comments, an export holds."""

    __tablename__ = "training_export_consents"
    __table_args__ = (UniqueConstraint("export_id", "consent_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("training_exports.id", ondelete="CASCADE"))
    consent_id: Mapped[int] = mapped_column(ForeignKey("consents.id"), index=True)
    comments: Mapped[int]


class Erasure(Base):
    """An account that its owner had deleted: until `due_at` she can take it back, then it is anonymous."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    remove_comments: Mapped[bool]
    asked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    due_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)
    done_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
