"""Scores that clients of the API say a text should have had."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.database import Base, BigId, UtcDateTime, utcnow

TOKEN_LENGTH = 500  # Coral's are about 50 characters, its community ids as long as its address
LANGUAGES_LENGTH = 200


class ScoreSuggestion(Base):
    """One attribute of one suggestion.

    The text is somebody's comment. It may train a model only where her consent is recorded
    (`suggestions.trainable`), and nothing records it yet.
    """

    __tablename__ = "score_suggestions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"), index=True)
    # What makes it the same suggestion, sent again; None where the client gave no token to tell by.
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    text: Mapped[str] = mapped_column(Text)
    attribute: Mapped[str] = mapped_column(String(64))
    score: Mapped[float | None]  # of the whole text, 0..1
    spans: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))  # start, end, score; characters of `text`
    languages: Mapped[str] = mapped_column(String(LANGUAGES_LENGTH))  # as the client says, space-separated
    community_id: Mapped[str | None] = mapped_column(String(TOKEN_LENGTH))
    client_token: Mapped[str | None] = mapped_column(String(TOKEN_LENGTH))
    training_consent: Mapped[bool | None]  # None: nobody was asked, which is a no
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
