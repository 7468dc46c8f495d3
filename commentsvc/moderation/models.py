"""What the pipeline found, what was decided, and what readers flagged."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.accounts.models import User
from commentsvc.comments.models import MARKED, Comment
from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.i18n import N_
from commentsvc.moderation.people_models import Sanction
from commentsvc.sites.models import Site

# Named here: a class with a column `text` cannot say it.
_EMPTY = text("''")


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
    policy_version: Mapped[int | None]  # the site's, whose rules these are; None before there was any
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
    UPHELD = "upheld"  # after an appeal: the rejection stands
    OVERTURNED = "overturned"  # after an appeal: it was wrong
    FEATURED = "featured"
    UNFEATURED = "unfeatured"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    IMPORTED = "imported"
    EDITED = "edited"  # its author wrote it anew before anybody else read it
    EDIT_ACCEPTED = "edit_accepted"  # the new text stands in place of the one before
    EDIT_HELD = "edit_held"
    EDIT_REJECTED = "edit_rejected"


# What is decided about an edit, while the comment stays published.
EDIT_REASONS = frozenset({Reason.EDIT_ACCEPTED, Reason.EDIT_HELD, Reason.EDIT_REJECTED})


# What a community manager may choose when rejecting, in the order the console offers it.
REJECT_REASONS: dict[Reason, str] = {
    Reason.ABUSE: N_("Personal attack or insult"),
    Reason.HATE: N_("Hateful towards a group"),
    Reason.THREAT: N_("Threat or incitement"),
    Reason.SPAM: N_("Spam or advertising"),
    Reason.OFF_TOPIC: N_("Off topic"),
    Reason.MISINFORMATION: N_("Misleading claim"),
    Reason.BANNED_PHRASE: N_("Language we do not publish"),
    Reason.PRIVACY: N_("Somebody's private data"),
    Reason.OTHER: N_("Against our guidelines"),
}


class Decision(Base):
    """A change of a comment's status: by whom, from what to what, and why. The modlog is these."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "site_id", "id"), Index(None, "comment_id", "id"), Index(None, "site_id", "created_at"),
        Index(
            "ix_decisions_batch", "batch",
            postgresql_where=text("batch IS NOT NULL"), sqlite_where=text("batch IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    revision: Mapped[int]
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: the system
    reason: Mapped[str] = mapped_column(String(40))
    site_reason: Mapped[str | None] = mapped_column(String(40))  # the site's own, under `reason`
    note: Mapped[str] = mapped_column(Text, default="")  # for colleagues
    message: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))  # to the author
    batch: Mapped[str | None] = mapped_column(String(32))  # what was decided in one step, and is taken back in one
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    actor: Mapped[User | None] = relationship(lazy="raise")
    comment: Mapped[Comment] = relationship(lazy="raise")


class Ending(enum.StrEnum):
    """How a restriction ended, in the statement of its reasons."""

    TAKEN_BACK = "taken_back"  # undone, or decided otherwise since
    OVERTURNED = "overturned"  # after an appeal
    WITHDRAWN = "withdrawn"  # its author took the comment back: there is nothing left that could be restricted


class Statement(Base):
    """Why something of a person's was restricted, as she is told it: one for each restriction.

    Its fields are those of the EU's Transparency Database, by the names and with the codes of its API (see
    docs/statements.md). It is written with the decision and keeps the words of that day. `ended_at` is set, by the
    decision `ended_by_id`, when the restriction is no more; undoing that one makes the statement hold again.
    """

    __tablename__ = "statements"
    __table_args__ = (
        Index(None, "site_id", "id"), Index(None, "user_id", "id"), Index(None, "comment_id"),
        Index(
            "ux_statements_sanction", "sanction_id", unique=True,
            postgresql_where=text("sanction_id IS NOT NULL"), sqlite_where=text("sanction_id IS NOT NULL"),
        ),
        # What is restricted is so for one reason at a time; the edits of it that were rejected each have their own.
        Index(
            "ux_statements_live", "comment_id", unique=True,
            postgresql_where=text("ended_at IS NULL AND comment_id IS NOT NULL AND revision IS NULL"),
            sqlite_where=text("ended_at IS NULL AND comment_id IS NOT NULL AND revision IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    puid: Mapped[str] = mapped_column(String(36), unique=True)  # says nothing about anybody
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))  # whom it is for
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    sanction_id: Mapped[int | None] = mapped_column(ForeignKey(Sanction.id, ondelete="CASCADE"))
    revision: Mapped[int | None]  # of the comment: that edit alone was rejected, and the text before stands
    reason: Mapped[str] = mapped_column(String(40))

    decision_visibility: Mapped[str | None] = mapped_column(String(60))
    decision_provision: Mapped[str | None] = mapped_column(String(60))
    decision_account: Mapped[str | None] = mapped_column(String(60))
    decision_ground: Mapped[str] = mapped_column(String(60))
    ground: Mapped[str] = mapped_column(String(500))  # the rule or the law
    explanation: Mapped[str] = mapped_column(Text)
    decision_facts: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(100))
    content_date: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)  # application_date
    end_date: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # when it ends by itself
    source_type: Mapped[str] = mapped_column(String(60))
    automated_detection: Mapped[bool] = mapped_column(default=False)
    automated_decision: Mapped[str] = mapped_column(String(60))

    appeal_until: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    ending: Mapped[str | None] = mapped_column(String(20))
    told: Mapped[bool] = mapped_column(default=False, server_default=false())  # a mail about it went, or is on its way
    mail_id: Mapped[int | None] = mapped_column(ForeignKey(Mail.id, ondelete="SET NULL"), index=True)  # the last one

    site: Mapped[Site] = relationship(lazy="raise")
    comment: Mapped[Comment | None] = relationship(lazy="raise")
    decision: Mapped[Decision | None] = relationship(lazy="raise", foreign_keys="Statement.decision_id")
    sanction: Mapped[Sanction | None] = relationship(lazy="raise")

    @property
    def decider(self) -> User | None:
        """Who made the decision, where a person did; with decision or sanction loaded."""
        made = self.decision if self.sanction_id is None else self.sanction
        return made.actor if made is not None else None

    @property
    def note(self) -> str:
        """What whoever made the decision wrote for colleagues."""
        made = self.decision if self.sanction_id is None else self.sanction
        return made.note if made is not None else ""


class News(enum.StrEnum):
    """What is announced to those whom it concerns."""

    GONE = "gone"  # a comment is public no more: mails that quote it must not go out
    PUBLISHED = "published"
    APPROVED = "approved"  # published after it had waited for a person
    EDITED = "edited"  # a published comment says something else now: whom it mentions is told, its followers are not
    FEATURED = "featured"
    STATED = "stated"  # rejected, with a statement


class Announcement(Base):
    """What people are to be told of, written with the change itself; a worker tells them and deletes the row.

    `position` is how far it got through a conversation's followers, so that a worker that is killed loses none.
    """

    __tablename__ = "announcements"
    __table_args__ = (Index(None, "due_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    what: Mapped[str] = mapped_column(String(20))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"))
    position: Mapped[int | None] = mapped_column(BigId)  # the last follower told; None: those it concerns by name come first
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    due_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    attempts: Mapped[int] = mapped_column(default=0)  # that failed
    statement: Mapped[Statement | None] = relationship(lazy="raise")


class AppealStatus(enum.StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"
    SETTLED = "settled"  # the decision was taken back without it
    DROPPED = "dropped"  # the author took the comment back


class Appeal(Base):
    """What a person says against a decision about her, and what became of that: one for each statement."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index(None, "site_id", "status", "due_at", "id"), Index(None, "user_id", "id"), Index(None, "decision_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    statement_id: Mapped[int] = mapped_column(ForeignKey("statements.id", ondelete="CASCADE"), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), default=AppealStatus.OPEN.value)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    due_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)  # by when the site means to answer
    decided_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))  # what closed it; undoing that opens it
    answer: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)  # its author is told
    alone: Mapped[bool] = mapped_column(default=False, server_default=false())  # by the first decider: there was nobody else
    mail_id: Mapped[int | None] = mapped_column(ForeignKey(Mail.id, ondelete="SET NULL"), index=True)

    statement: Mapped[Statement] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise", foreign_keys="Appeal.user_id")
    decided_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys="Appeal.decided_by_id")
class PolicyVersion(Base):
    """What was set on a site after one change of it, whole; the highest number is what holds."""

    __tablename__ = "policy_versions"
    __table_args__ = (UniqueConstraint("site_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    number: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    # What differs from the one before: path, and of lists how many came and went.
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: a command, or nobody knows
    via: Mapped[str] = mapped_column(String(20))  # console, api, command
    comment: Mapped[str] = mapped_column(String(500), default="")
    restores: Mapped[int | None]  # the number of the version that was gone back to
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    actor: Mapped[User | None] = relationship(lazy="raise")


class FlagReason(enum.StrEnum):
    ABUSE = "abuse"
    SPAM = "spam"
    OFF_TOPIC = "off_topic"
    MISINFORMATION = "misinformation"
    OTHER = "other"


FLAG_REASONS: dict[FlagReason, str] = {
    FlagReason.ABUSE: N_("It is abusive"),
    FlagReason.SPAM: N_("It is spam"),
    FlagReason.OFF_TOPIC: N_("It is off topic"),
    FlagReason.MISINFORMATION: N_("It is misleading"),
    FlagReason.OTHER: N_("Something else"),
}


class Flag(Base):
    """A reader's report of a comment; open until a community manager decides. `counted`: in the comment's urgency (`moderation.flags.flag`)."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("comment_id", "user_id"), Index(None, "site_id", "created_at"),
        Index("ix_flags_marked", "created_at", postgresql_where=text(MARKED), sqlite_where=text(MARKED)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    network: Mapped[bytes | None] = mapped_column(LargeBinary(16))  # of a new account's flag: brigades.mark_of
    counted: Mapped[bool] = mapped_column(default=True, server_default=true())
    user: Mapped[User] = relationship(lazy="raise")


class NoticeKind(enum.StrEnum):
    """What somebody says is illegal about a comment."""

    HATE = "hate"
    THREAT = "threat"
    DEFAMATION = "defamation"
    HARASSMENT = "harassment"
    PRIVACY = "privacy"
    MINORS = "minors"
    COPYRIGHT = "copyright"
    FRAUD = "fraud"
    OTHER = "other"


# In the order the form offers them.
NOTICE_KINDS: dict[NoticeKind, str] = {
    NoticeKind.HATE: N_("Incitement to hatred against a group"),
    NoticeKind.THREAT: N_("Threat, or a call for violence"),
    NoticeKind.DEFAMATION: N_("Insult or defamation"),
    NoticeKind.HARASSMENT: N_("Stalking or harassment"),
    NoticeKind.PRIVACY: N_("Somebody's private data"),
    NoticeKind.MINORS: N_("Sexual abuse or exploitation of children"),
    NoticeKind.COPYRIGHT: N_("Breach of copyright or a trade mark"),
    NoticeKind.FRAUD: N_("Fraud"),
    NoticeKind.OTHER: N_("Breach of another law"),
}


class NoticeStatus(enum.StrEnum):
    OPEN = "open"
    UPHELD = "upheld"  # the comment was taken off
    DISMISSED = "dismissed"  # the comment stays
    MOOT = "moot"  # its author took the comment back


class LegalNotice(Base):
    """What somebody says is illegal about a comment (article 16 of the Digital Services Act), and what became of that.

    Who she is stays with those who decide. Name, address and text go some time after the decision (`legal_notices.forget_notices`).
    """

    __tablename__ = "legal_notices"
    __table_args__ = (
        Index(None, "site_id", "status", "created_at", "id"), Index(None, "comment_id", "id"), Index(None, "user_id", "id"),
        Index(None, "decision_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    puid: Mapped[str] = mapped_column(String(36), unique=True)  # what she is told to name it by
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    revision: Mapped[int]  # the text that she read
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))  # where she was signed in
    kind: Mapped[str] = mapped_column(String(20))
    explanation: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(200), default="", server_default=_EMPTY)
    email: Mapped[str] = mapped_column(String(254), default="", server_default=_EMPTY)
    language: Mapped[str] = mapped_column(String(10))  # that of the form, in which she is answered
    status: Mapped[str] = mapped_column(String(20), default=NoticeStatus.OPEN.value)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    decided_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: a program
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))  # what closed it; undoing that opens it
    answer: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)  # why the comment stays; she is told
    mail_id: Mapped[int | None] = mapped_column(ForeignKey(Mail.id, ondelete="SET NULL"), index=True)  # that tells her the decision

    decision: Mapped[Decision | None] = relationship(lazy="raise")
    decided_by: Mapped[User | None] = relationship(lazy="raise", foreign_keys="LegalNotice.decided_by_id")
    comment: Mapped[Comment] = relationship(lazy="raise")


class ReviewNote(Base):
    """What a community manager tells her colleagues about a comment, apart from any decision."""

    __tablename__ = "review_notes"
    __table_args__ = (Index(None, "comment_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    author: Mapped[User] = relationship(lazy="raise")


class Question(Base):
    """A comment put before a colleague, or all of them; open until somebody decides or answers with a note."""

    __tablename__ = "questions"
    __table_args__ = (
        Index(None, "comment_id", "id"),
        Index(
            "ix_questions_open", "site_id", "id",
            postgresql_where=text("answered_at IS NULL"), sqlite_where=text("answered_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    asker_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    asked_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: all colleagues
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    answered_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))  # that answered it
    asker: Mapped[User] = relationship(lazy="raise", foreign_keys="Question.asker_id")
    asked: Mapped[User | None] = relationship(lazy="raise", foreign_keys="Question.asked_id")
    comment: Mapped[Comment] = relationship(lazy="raise")


class Skip(Base):
    """A comment that a community manager put to the end of her queue for a while."""

    __tablename__ = "skips"
    __table_args__ = (UniqueConstraint("user_id", "comment_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class DeskClaim(Base):
    """Which comment a community manager has before her, until when it is believed; one a person and site."""

    __tablename__ = "desk_claims"
    __table_args__ = (UniqueConstraint("site_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"), index=True)
    until: Mapped[dt.datetime] = mapped_column(UtcDateTime)
