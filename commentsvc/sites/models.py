"""Publishers' sites and the articles that carry a conversation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.i18n import N_
from commentsvc.screening.policy import Policy, section_key

WELCOME = N_(
    "Welcome to {site} comments! Please keep conversations courteous and on-topic. "
    "To foster productive and respectful conversations, you may see comments from our "
    "Community Managers."
)

LANGUAGE_LENGTH = 35
URL_LENGTH = 2000
TITLE_LENGTH = 500
SECTION_LENGTH = 100


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
    language: Mapped[str] = mapped_column(String(LANGUAGE_LENGTH), default="en", server_default="en")  # BCP 47
    # Of the policy, section ("": all others) -> days, for pages that must know without reading the whole of it.
    closing_days: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    reasons: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))  # None: the built-in ones
    messages: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True), deferred=True)  # canned, to authors
    phrase_notes: Mapped[dict[str, dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    # The number of the latest version of what is set here; 0 before the first change that was kept.
    policy_version: Mapped[int] = mapped_column(default=0, server_default="0")
    second_factor_from: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # staff need one from then on; None: they may

    @property
    def policy(self) -> Policy:
        data = self.policy_data
        kept: tuple[dict[str, Any], Policy] | None = vars(self).get("_policy")
        if kept is None or kept[0] is not data:  # a post asks four times
            kept = vars(self)["_policy"] = (data, Policy.from_data(data))
        return kept[1]

    def policy_in(self, section: str | None) -> Policy:
        """The policy that holds in a section of the paper."""
        return self.policy.within(section)

    @validates("policy_data")
    def _note_closing(self, _key: str, data: dict[str, Any]) -> dict[str, Any]:
        own = {section_key(name): its["close_after_days"] for name, its in (data.get("sections") or {}).items() if "close_after_days" in its}
        everywhere = data.get("close_after_days", 0)
        self.closing_days = {"": everywhere, **own} if everywhere or own else None
        return data

    @property
    def welcome_text(self) -> str:
        return self.welcome.replace("{site}", self.name)


class Article(Base):
    """A page of the publisher; `version` moves with every change a reader could see."""

    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("site_id", "url"),
        # The sections a site has, for the console's filter; SQLite wants the WHERE in the query to the letter.
        Index(
            "ix_articles_section", "site_id", "section",
            postgresql_where=text("section <> ''"), sqlite_where=text("section <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(URL_LENGTH))  # canonical
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    # The part of the paper it stands in, as the publisher calls it; "" when nobody said.
    section: Mapped[str] = mapped_column(String(SECTION_LENGTH), default="", server_default=text("''"))
    closed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # by a person
    reopened_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # from when the days until it closes are counted
    premoderated: Mapped[bool] = mapped_column(default=False)
    comment_count: Mapped[int] = mapped_column(default=0)  # published comments
    # The comment that stands first, while it is published. No foreign key: comments refer to articles.
    pinned_id: Mapped[int | None] = mapped_column(BigId)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    site: Mapped[Site] = relationship(lazy="raise")

    @property
    def policy(self) -> Policy:
        """What holds under this article; its site is loaded."""
        return self.site.policy_in(self.section)

    @property
    def closing(self) -> dt.datetime | None:
        """When the conversation was closed, or closes by itself; None: never. Its site is loaded."""
        return closing_time(self.site.closing_days, self.section, self.closed_at, self.reopened_at or self.created_at)

    @property
    def closed(self) -> bool:
        """Whether the conversation is closed now."""
        return is_past(self.closing)

    @property
    def respect(self) -> bool:
        """Whether readers give one reaction in place of votes up and down; its site is loaded."""
        return self.site.policy.respect


def closing_time(
    days: Mapping[str, int] | None, section: str, closed_at: dt.datetime | None, opened_at: dt.datetime
) -> dt.datetime | None:
    """When a conversation closes: at once by hand, else so many days after it was opened; None: never.

    Reckoned whenever somebody asks, so that no process has to close anything.
    """
    if closed_at is not None or not days:
        return closed_at
    after = days.get(section_key(section), days.get("", 0)) if section else days.get("", 0)
    return opened_at + dt.timedelta(days=after) if after else None


def is_past(closing: dt.datetime | None) -> bool:
    """Whether a conversation that closes then is closed now."""
    return closing is not None and closing <= utcnow()
