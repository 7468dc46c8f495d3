"""Comments, their revisions, whom they mention, votes, and whom readers hide."""

from __future__ import annotations

import datetime as dt
import enum

from sqlalchemy import (
    BigInteger,
    Float,
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

from commentsvc.accounts.models import EMAIL_LENGTH, NAME_LENGTH, User
from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.sites.models import SECTION_LENGTH, Article


class Status(enum.StrEnum):
    PENDING = "pending"  # not screened yet
    HELD = "held"  # waits for a community manager
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # by its author


# The console's indexes hold what is held alone, so that a comment with nothing wrong costs none of them anything. A
# planner takes such an index for a query that has this as a term, to the letter.
HELD = "status = 'held'"
BY_MANAGERS = "status = 'published' AND author_role = 'community_manager'"


class EditStatus(enum.StrEnum):
    """Of an edit of a published comment, whose text before stands meanwhile."""

    PENDING = "pending"  # not screened yet
    HELD = "held"  # waits for a community manager
    REJECTED = "rejected"  # kept for its author to see, until she edits again


# Of new accounts' votes and flags, while it is known which of them came from one network.
MARKED = "network IS NOT NULL"

EDIT_HELD = "edit_status = 'held'"


class RevisionState(enum.StrEnum):
    """What became of a text. What its comment says now, whatever that is worth, has none of these."""

    WAITING = "waiting"  # the text before stands
    SHOWN = "shown"  # others could read it, until another took its place
    REPLACED = "replaced"  # by its author, before anybody else read it
    REJECTED = "rejected"


class Comment(Base):
    """What somebody said under an article.

    `status` is written by moderation.decide alone. `listed` means that a thread shows a place for
    it: published, or no longer so but still holding listed replies together (a tombstone). The
    counts and `preview` are kept by comments.counts, in the transaction that changes a status.

    An edit of a published comment is a revision that waits: `edit` is its number, and `body` is the text before until
    moderation.edits accepts it. An edit of what nobody else has read takes the place of the text at once.
    """

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    root_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    depth: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author_role: Mapped[str] = mapped_column(String(30), default="member")  # when it was posted
    author_level: Mapped[str | None] = mapped_column(String(20))  # of trust, when it was posted; None: nobody asked
    # Why a person reads it first whatever the pipeline finds: a sanction or rule that held when it was posted.
    hold_for: Mapped[str | None] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20), default=Status.PENDING.value)
    version: Mapped[int] = mapped_column(default=1)  # moves with status and body
    revision: Mapped[int] = mapped_column(default=1)  # the current one's number
    body: Mapped[str] = mapped_column(Text)  # of the current revision
    body_html: Mapped[str] = mapped_column(Text)  # rendered and sanitised at write time
    body_hash: Mapped[str] = mapped_column(String(32))  # of the folded text, to find repeats
    request_key: Mapped[str | None] = mapped_column(String(32))  # of the post's Idempotency-Key, where it had one
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    published_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    edited_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    reviewed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # last decision by a person
    # When we took it in, whatever its own time says; None on rows of releases before 20261124a.
    accepted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=utcnow)
    claimed_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # by a screening worker
    screen_attempts: Mapped[int] = mapped_column(default=0, server_default="0")  # claims that may have ended badly
    # Published while no model could score it; screened when one can.
    screen_again: Mapped[bool] = mapped_column(default=False, server_default=false())
    external_id: Mapped[str | None] = mapped_column(String(200))  # in the system it came from
    featured_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # shown while it is published
    edit: Mapped[int | None]  # the number of the revision that is not, or not yet, what others read
    edit_status: Mapped[str | None] = mapped_column(String(20))

    listed: Mapped[bool] = mapped_column(default=False)
    preview: Mapped[bool] = mapped_column(default=False)  # shown without "Show more replies"
    reply_count: Mapped[int] = mapped_column(default=0)  # listed direct replies
    thread_count: Mapped[int] = mapped_column(default=0)  # of a root: published replies, any depth
    up: Mapped[int] = mapped_column(default=0)
    down: Mapped[int] = mapped_column(default=0)
    top_score: Mapped[float] = mapped_column(Float(53), default=0.0)  # Wilson lower bound
    controversy: Mapped[float] = mapped_column(Float(53), default=0.0, server_default="0")
    flag_count: Mapped[int] = mapped_column(default=0)  # open flags, and open legal notices
    notice_count: Mapped[int] = mapped_column(default=0, server_default="0")  # open legal notices

    # What queues are read by. `section` is the article's, kept here by comments.sections.
    section: Mapped[str] = mapped_column(String(SECTION_LENGTH), default="", server_default=text("''"))
    language: Mapped[str] = mapped_column(String(10), default="", server_default=text("''"))  # ISO 639; "": no letters
    label: Mapped[str] = mapped_column(String(30), default="", server_default=text("''"))  # why it was held: moderation.urgency
    # Its place in the order by urgency, the smaller the sooner (moderation.urgency). Where nobody said it comes first.
    due: Mapped[float] = mapped_column(Float(53), default=0.0, server_default="0")

    author: Mapped[User] = relationship(lazy="raise")
    article: Mapped[Article] = relationship(lazy="raise")
    parent: Mapped[Comment | None] = relationship(
        lazy="raise", remote_side="Comment.id", foreign_keys="Comment.parent_id"
    )

    __table_args__ = (
        UniqueConstraint("site_id", "external_id"),
        # One index for each sort of a thread's roots, and one for replies. SQLite takes a partial
        # index only when its WHERE stands in the query to the letter, hence "= 1".
        Index(
            "ix_comments_roots_by_time", "article_id", "created_at", "id",
            postgresql_where=text("parent_id IS NULL AND listed"),
            sqlite_where=text("parent_id IS NULL AND listed = 1"),
        ),
        Index(
            "ix_comments_roots_by_top", "article_id", "top_score", "id",
            postgresql_where=text("parent_id IS NULL AND listed"),
            sqlite_where=text("parent_id IS NULL AND listed = 1"),
        ),
        Index(
            "ix_comments_roots_by_replies", "article_id", "thread_count", "id",
            postgresql_where=text("parent_id IS NULL AND listed"),
            sqlite_where=text("parent_id IS NULL AND listed = 1"),
        ),
        Index(
            "ix_comments_roots_by_featured", "article_id", text("(featured_at IS NOT NULL)"), "id",
            postgresql_where=text("parent_id IS NULL AND listed"),
            sqlite_where=text("parent_id IS NULL AND listed = 1"),
        ),
        Index(
            "ix_comments_roots_by_controversy", "article_id", "controversy", "id",
            postgresql_where=text("parent_id IS NULL AND listed"),
            sqlite_where=text("parent_id IS NULL AND listed = 1"),
        ),
        # Feeds, and how many came since a page was read.
        Index(
            "ix_comments_latest", "site_id", "published_at", "id",
            postgresql_where=text("status = 'published'"), sqlite_where=text("status = 'published'"),
        ),
        Index(
            "ix_comments_latest_of_article", "article_id", "published_at", "id",
            postgresql_where=text("status = 'published'"), sqlite_where=text("status = 'published'"),
        ),
        Index(
            "ix_comments_preview", "root_id", "created_at", "id",
            postgresql_where=text("preview AND listed"),
            sqlite_where=text("preview = 1 AND listed = 1"),
        ),
        Index(
            "ix_comments_replies", "parent_id", "created_at", "id",
            postgresql_where=text("parent_id IS NOT NULL AND listed"),
            sqlite_where=text("parent_id IS NOT NULL AND listed = 1"),
        ),
        # Where Community Managers have spoken. With what it is told by, or SQLite would take the longer list of all.
        Index("ix_comments_managers", "article_id", "status", "author_role", "id", postgresql_where=text(BY_MANAGERS), sqlite_where=text(BY_MANAGERS)),
        # Partial, so that no planner takes it for a list of roots. root_id has none but the preview's:
        # SQLite would choose it and read whole threads.
        Index(
            "ix_comments_parent", "parent_id",
            postgresql_where=text("parent_id IS NOT NULL"), sqlite_where=text("parent_id IS NOT NULL"),
        ),
        # The worker's lists (all that waits, what readers just posted, what is due again) and the
        # review queues.
        Index(
            "ix_comments_pending", "id",
            postgresql_where=text("status = 'pending'"), sqlite_where=text("status = 'pending'"),
        ),
        Index(
            "ix_comments_posted", "id",
            postgresql_where=text("status = 'pending' AND external_id IS NULL"),
            sqlite_where=text("status = 'pending' AND external_id IS NULL"),
        ),
        Index(
            "ix_comments_screen_again", "id",
            postgresql_where=text("screen_again"), sqlite_where=text("screen_again = 1"),
        ),
        Index(
            "ix_comments_edits", "id",
            postgresql_where=text("edit_status = 'pending'"), sqlite_where=text("edit_status = 'pending'"),
        ),
        Index(
            "ix_comments_edits_due", "site_id", "edit_status", "due", "id",
            postgresql_where=text(EDIT_HELD), sqlite_where=text(EDIT_HELD),
        ),
        Index("ix_comments_queue", "site_id", "status", "created_at", "id"),
        # Each with all that its queue is told by: SQLite takes one that saves it the row before another.
        Index(
            "ix_comments_flagged", "site_id", "created_at", "id", "status", "flag_count",
            postgresql_where=text("flag_count > 0"), sqlite_where=text("flag_count > 0"),
        ),
        Index(
            "ix_comments_new", "site_id", "status", "created_at", "id", "reviewed_at",
            postgresql_where=text("status = 'published' AND reviewed_at IS NULL"),
            sqlite_where=text("status = 'published' AND reviewed_at IS NULL"),
        ),
        Index(
            "ix_comments_approved", "site_id", "status", "reviewed_at", "id",
            postgresql_where=text("status = 'published' AND reviewed_at IS NOT NULL"),
            sqlite_where=text("status = 'published' AND reviewed_at IS NOT NULL"),
        ),
        Index(
            "ix_comments_held_due", "site_id", "status", "due", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_article_due", "article_id", "status", "due", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index("ix_comments_article", "article_id", "status", "created_at", "id"),
        Index(
            "ix_comments_held_section_due", "site_id", "section", "status", "due", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_section", "site_id", "section", "status", "created_at", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_label_due", "site_id", "label", "status", "due", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_label", "site_id", "label", "status", "created_at", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_language_due", "site_id", "language", "status", "due", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        Index(
            "ix_comments_held_language", "site_id", "language", "status", "created_at", "id",
            postgresql_where=text(HELD), sqlite_where=text(HELD),
        ),
        # With the status, which it is entered without: see moderation.queue.
        Index(
            "ix_comments_flagged_due", "site_id", "due", "id", "status", "flag_count",
            postgresql_where=text("flag_count > 0"), sqlite_where=text("flag_count > 0"),
        ),
        # Members write nearly everything; what experts and staff wrote is found by this.
        Index(
            "ix_comments_named", "site_id", "author_role", "status", "created_at", "id",
            postgresql_where=text("author_role <> 'member'"), sqlite_where=text("author_role <> 'member'"),
        ),
        Index("ix_comments_author", "author_id", "created_at", "id"),
        Index("ix_comments_repeat", "author_id", "body_hash"),
        # What others see of a person's comments: page by page, how many, and how often readers liked them. With the status,
        # or SQLite would take the next one.
        Index(
            "ix_comments_profile", "author_id", "site_id", "status", "created_at", "id", "up",
            postgresql_where=text("status = 'published'"), sqlite_where=text("status = 'published'"),
        ),
        # A person's record on a site, without reading her comments.
        Index("ix_comments_record", "author_id", "site_id", "status", "created_at"),
        Index(
            "ux_comments_request", "site_id", "author_id", "request_key", unique=True,
            postgresql_where=text("request_key IS NOT NULL"), sqlite_where=text("request_key IS NOT NULL"),
        ),
    )


class Revision(Base):
    """A comment's text as it stood; a Screening and a Decision name the one they judged."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("comment_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(default=1)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(String(20))  # None: it is what the comment says now
    reason: Mapped[str | None] = mapped_column(String(40))  # why an edit was rejected
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Mention(Base):
    """A person whom a comment addresses by name.

    What is kept is whom the text that others read addresses: written by `comments.mentions.keep` when a comment is
    published and when an edit of it is accepted, never for a text that waits, and never for its own author.
    """

    __tablename__ = "mentions"
    __table_args__ = (UniqueConstraint("comment_id", "user_id"), Index(None, "user_id", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class Vote(Base):
    """A reader's opinion of a comment: 1 or -1; no row is none. One that is not counted is kept all the same (`comments.brigades`)."""

    __tablename__ = "votes"
    __table_args__ = (
        UniqueConstraint("comment_id", "user_id"),
        # What is asked before a new account's vote is counted, and what is forgotten at night; others' votes are in neither. The first with
        # all that it is asked for, or SQLite would take the longer list of all of the comment's votes.
        Index(
            "ix_votes_crowd", "comment_id", "created_at", "network", "counted",
            postgresql_where=text("network IS NOT NULL AND counted"), sqlite_where=text("network IS NOT NULL AND counted = 1"),
        ),
        Index("ix_votes_marked", "created_at", postgresql_where=text(MARKED), sqlite_where=text(MARKED)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    value: Mapped[int]
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    network: Mapped[bytes | None] = mapped_column(LargeBinary(16))  # of a new account's vote: brigades.mark_of
    counted: Mapped[bool] = mapped_column(default=True, server_default=true())


class Hidden(Base):
    """A person whom a reader hides for herself, on every site; nobody else learns of it, that person least of all."""

    __tablename__ = "hidden_people"
    __table_args__ = (UniqueConstraint("user_id", "hidden_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    hidden_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    hidden: Mapped[User] = relationship(lazy="raise", foreign_keys=hidden_id)


class GuestComment(Base):
    """What somebody without an account wrote, until she opens the link in her mail: nobody else sees it, and it is no comment yet."""

    __tablename__ = "guest_comments"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[int | None] = mapped_column(BigInteger)  # no key: the parent may go meanwhile, and is looked for then
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # the link in the mail
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), index=True)
    display_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)
