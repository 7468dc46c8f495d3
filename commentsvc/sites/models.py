"""Publishers' sites and the articles that carry a conversation."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.screening.policy import Policy

WELCOME = (
    "Welcome to {site} comments! Please keep conversations courteous and on-topic. "
    "To foster productive and respectful conversations, you may see comments from our "
    "Community Managers."
)

URL_LENGTH = 2000
TITLE_LENGTH = 500


class Site(Base):
    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    welcome: Mapped[str] = mapped_column(Text, default=WELCOME)  # "{site}" stands for the name
    guidelines: Mapped[str] = mapped_column(Text, default="")  # Markdown
    origins: Mapped[list[str]] = mapped_column(JSON, default=list)  # those that may frame it
    policy_data: Mapped[dict[str, Any]] = mapped_column("policy", JSON, default=dict)
    timezone: Mapped[str] = mapped_column(String(64), default="UTC", server_default="UTC")  # at whose midnights its figures' days begin
    version: Mapped[int] = mapped_column(default=1)  # moves when a page would look different
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    @property
    def policy(self) -> Policy:
        return Policy.from_data(self.policy_data)

    @property
    def welcome_text(self) -> str:
        return self.welcome.replace("{site}", self.name)


class Article(Base):
    """A page of the publisher; `version` moves with every change a reader could see."""

    __tablename__ = "articles"
    __table_args__ = (UniqueConstraint("site_id", "url"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(URL_LENGTH))  # canonical
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    closed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    premoderated: Mapped[bool] = mapped_column(default=False)
    comment_count: Mapped[int] = mapped_column(default=0)  # published comments
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    site: Mapped[Site] = relationship(lazy="raise")
