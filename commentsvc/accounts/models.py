"""People, their roles, sessions, keys and unfinished registrations; and what all of it is signed with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flask_login import UserMixin
from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    column,
    false,
    select,
    table,
    text,
    true,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from commentsvc.accounts.permissions import STAFF, Role
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
    second_factor_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # since when she signs in with one; None: without
    language: Mapped[str | None] = mapped_column(String(10))  # one of i18n.LANGUAGES, of her own pages and mails; None: not chosen
    blur_words: Mapped[bool] = mapped_column(default=False, server_default=false())  # marked words, in the console
    follow_on_post: Mapped[bool] = mapped_column(default=True, server_default=true())  # conversations she writes in
    roles: Mapped[list[SiteRole]] = relationship(back_populates="user", lazy="selectin")

    # The token of the session or key this request came with; set by accounts.sessions.
    session_token: str = ""
    scopes: frozenset[str] | None = None  # None: a person's session, all she may do
    key_site_id: int | None = None  # an API key tied to one site acts nowhere else
    key_id: int | None = None  # of the API key

    def get_id(self) -> str:
        """What Flask-Login puts into the cookie: the session's token, so that it can be revoked."""
        return self.session_token

    def role_on(self, site_id: int) -> Role:
        """The role held on a site, else member: also while the site asks for a second factor that she lacks."""
        for grant in self.roles:
            if grant.site_id == site_id:
                return Role.MEMBER if self.awaits_factor(grant) else Role(grant.role)
        return Role.MEMBER

    def awaits_factor(self, grant: SiteRole) -> bool:
        """Whether this role rests until she has set a second factor up."""
        due = grant.factor_from
        return due is not None and self.second_factor_at is None and Role(grant.role) in STAFF and due <= utcnow()


class SiteRole(Base):
    """A role above member that a person holds on one site."""

    __tablename__ = "site_roles"
    __allow_unmapped__ = True  # for what is read from the site, below
    __table_args__ = (UniqueConstraint("site_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(30))
    granted_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # None: before this was kept
    granted_by_id: Mapped[int | None] = mapped_column(BigInteger)  # None: the command line, or not kept; no key, as in the audit log
    user: Mapped[User] = relationship(back_populates="roles", lazy="raise")
    site: Mapped[Site] = relationship(lazy="raise")

    if TYPE_CHECKING:
        factor_from: dt.datetime | None


# From when on the site asks its staff for a second factor: read with the role, at no statement of its own.
_SITES = table("sites", column("id"), column("second_factor_from", UtcDateTime))
SiteRole.factor_from = column_property(  # type: ignore[assignment]
    select(_SITES.c.second_factor_from).where(_SITES.c.id == SiteRole.site_id).correlate_except(_SITES).scalar_subquery()
)


class Invitation(Base):
    """A role that waits for whoever reads this address's mail; gone once accepted or withdrawn."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("site_id", "email"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))
    role: Mapped[str] = mapped_column(String(30))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)  # None: the command line
    sent_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    invited_by: Mapped[User | None] = relationship(lazy="raise")
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


class EmailChange(Base):
    """A link to a person's new address that makes it hers, once."""

    __tablename__ = "email_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))  # the new one
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
    confirmed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # when she last proved on it who she is
    user: Mapped[User] = relationship(lazy="raise")


class NotificationWish(Base):
    """How a person wants to be told of one kind of thing; without a row it is as accounts.wishes.DEFAULTS says."""

    __tablename__ = "notification_wishes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    widget: Mapped[bool]
    mail: Mapped[str] = mapped_column(String(10))


class Totp(Base):
    """An authenticator app's shared secret, sealed with the secret key; counts once a first code was right."""

    __tablename__ = "totp_secrets"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    sealed: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    confirmed_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)  # of the last code taken: none counts twice


class Passkey(Base):
    """The public half of a key that a device or password manager holds."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[str] = mapped_column(String(200), default="")  # as the browser named them, space-separated
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A code to sign in with when every factor is lost: hashed, good once, deleted by its use."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)


class SignInStep(Base):
    """What waits for a second factor or a passkey: a sign-in, or a passkey being made. Good once, for minutes."""

    __tablename__ = "sign_in_steps"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    purpose: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)  # None: a passkey will say who
    challenge: Mapped[bytes] = mapped_column(LargeBinary(32))
    attempts: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


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


class AuditEntry(Base):
    """An action of staff; `accounts.audit` writes and chains them.

    No foreign keys: what was done stays told when whom or what it was done by or to is gone.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "site_id", "id"), Index(None, "site_id", "actor_id", "id"),
        Index(
            "ix_audit_entries_unsealed", "id",
            postgresql_where=text("position IS NULL"), sqlite_where=text("position IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column(BigInteger)  # None: the command line
    via: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(60))
    site_id: Mapped[int | None] = mapped_column(BigInteger)  # None: the whole installation
    subject: Mapped[str] = mapped_column(String(100))
    facts: Mapped[str] = mapped_column(Text)  # JSON, as it was hashed
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)  # in the chain; None: not sealed yet
    hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))


class AuditHead(Base):
    """Where the chain of the audit log ends: one row, or none yet."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class SigningKey(Base):
    """The secret key that this database's nodes sign with, by its fingerprint: one row, or none yet."""

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    since: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
