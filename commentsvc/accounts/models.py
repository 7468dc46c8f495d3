"""People, their roles, sessions, keys and unfinished registrations; and what all of it is signed with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flask_login import UserMixin
from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.accounts.permissions import Role
from commentsvc.database import Base, BigId, UtcDateTime, utcnow

if TYPE_CHECKING:
    from commentsvc.sites.models import Site

NAME_LENGTH = 200
EMAIL_LENGTH = 254  # RFC 5321


class User(UserMixin, Base):
    """A person. Accounts made by sign-up are verified; imported authors have no e-mail."""

    __tablename__ = "users"
    __allow_unmapped__ = True  # for what a request adds, below

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH), unique=True)  # lower case
    display_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    blur_words: Mapped[bool] = mapped_column(default=False, server_default=false())  # marked words, in the console
    roles: Mapped[list[SiteRole]] = relationship(back_populates="user", lazy="selectin")

    # The token of the session or key this request came with; set by accounts.sessions.
    session_token: str = ""
    scopes: frozenset[str] | None = None  # None: a person's session, all she may do
    key_site_id: int | None = None  # an API key tied to one site acts nowhere else

    def get_id(self) -> str:
        """What Flask-Login puts into the cookie: the session's token, so that it can be revoked."""
        return self.session_token

    def role_on(self, site_id: int) -> Role:
        """The role granted on a site, else member."""
        for grant in self.roles:
            if grant.site_id == site_id:
                return Role(grant.role)
        return Role.MEMBER


class SiteRole(Base):
    """A role above member that a person holds on one site."""

    __tablename__ = "site_roles"
    __table_args__ = (UniqueConstraint("site_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(30))
    user: Mapped[User] = relationship(back_populates="roles", lazy="raise")
    site: Mapped[Site] = relationship(lazy="raise")


class ExternalAuthor(Base):
    """Who somebody was in the system a site's comments came from, so that an import can be repeated."""

    __tablename__ = "external_authors"
    __table_args__ = (UniqueConstraint("site_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(200))  # "<format>:<what the source calls her>"
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class Registration(Base):
    """A sign-up that waits for its e-mail to be verified; becomes a User then.

    One row is written whether or not the address already has an account, so that neither the
    answer nor its timing tells; a registration for a known address can never be completed.
    """

    __tablename__ = "registrations"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # the link in the mail
    handle_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # held by the browser
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32))  # the six digits in the mail
    attempts: Mapped[int] = mapped_column(default=0)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), index=True)
    display_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class PasswordReset(Base):
    """A link that lets its holder choose a new password, once; user_id is None for a decoy."""

    __tablename__ = "password_resets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class UserSession(Base):
    """A sign-in on one device: listed to its owner, revocable."""

    __tablename__ = "user_sessions"
    __table_args__ = (Index(None, "user_id", "revoked_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    device: Mapped[str] = mapped_column(String(200), default="")  # the User-Agent, shortened
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(lazy="raise")


class ApiKey(Base):
    """A key of a person for a program; stored hashed, shown once."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))  # what a person recognises it by
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(300))  # permissions, space-separated
    quota: Mapped[str | None] = mapped_column(String(100))  # instead of LIMIT_ANALYZE, in the same notation
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(lazy="raise")


class SigningKey(Base):
    """The secret key that this database's nodes sign with, by its fingerprint: one row, or none yet."""

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    since: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
