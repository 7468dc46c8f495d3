"""People, their roles, sessions, keys and unfinished registrations; and what all of it is signed with."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Any, Final

from flask_login import UserMixin
from sqlalchemy import (
    JSON,
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
from commentsvc.i18n import N_

if TYPE_CHECKING:
    from commentsvc.sites.models import Site

NAME_LENGTH = 200
EXPERT_LENGTH = 60
EMAIL_LENGTH = 254  # RFC 5321
ISSUER_LENGTH = 255
SUBJECT_LENGTH = 255  # as OpenID Connect has it

# Who asked to be forgotten, beside what she wrote: stored as it stands here, shown in the reader's language.
FORMER_READER: Final = N_("Former reader")


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
    # Since when her address is proved without an account: she writes as a guest. None: an account, or an imported author.
    guest_since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    follow_on_post: Mapped[bool] = mapped_column(default=True, server_default=true())  # conversations she writes in
    erased_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # since when nothing names her any more; None: an account
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
    via: Mapped[str | None] = mapped_column(String(10))  # "sso": as the publisher's tokens say; None: given by a person
    user: Mapped[User] = relationship(back_populates="roles", lazy="raise")
    site: Mapped[Site] = relationship(lazy="raise")

    if TYPE_CHECKING:
        factor_from: dt.datetime | None


# From when on the site asks its staff for a second factor: read with the role, at no statement of its own.
_SITES = table("sites", column("id"), column("second_factor_from", UtcDateTime))
SiteRole.factor_from = column_property(  # type: ignore[assignment]
    select(_SITES.c.second_factor_from).where(_SITES.c.id == SiteRole.site_id).correlate_except(_SITES).scalar_subquery()
)


class SiteBadge(Base):
    """What a site says of a person beside her name; who reviews there carries the badge of that without a row."""

    __tablename__ = "site_badges"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True)
    expert: Mapped[str | None] = mapped_column(String(EXPERT_LENGTH))  # in what; "": nobody said; None: no expert
    member: Mapped[bool] = mapped_column(default=False, server_default=false())  # a subscriber
    expert_via: Mapped[str | None] = mapped_column(String(10))  # "sso": as the publisher's tokens say; None: given by a person
    member_via: Mapped[str | None] = mapped_column(String(10))


class BioState(enum.StrEnum):
    """How a text stands that others do not read, or not yet."""

    PENDING = "pending"  # the model has not read it
    HELD = "held"  # waits for a community manager
    REJECTED = "rejected"


class Profile(Base):
    """What a person says about herself, and whether others see what she wrote; without a row: nothing, and they do."""

    __tablename__ = "profiles"
    __table_args__ = (
        # The worker's list and the managers'; SQLite wants the WHERE in the query to the letter.
        Index("ix_profiles_pending", "user_id", postgresql_where=text("state = 'pending'"), sqlite_where=text("state = 'pending'")),
        Index("ix_profiles_held", "user_id", postgresql_where=text("state = 'held'"), sqlite_where=text("state = 'held'")),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    bio: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))  # what others read
    offered: Mapped[str | None] = mapped_column(Text)  # the text that `state` is about; None: there is none
    state: Mapped[str | None] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(default=0, server_default="0")  # moves with every text
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))  # why it was held or rejected
    reason: Mapped[str | None] = mapped_column(String(40))  # a moderation Reason's value: why it was rejected
    reason_words: Mapped[str] = mapped_column(String(100), default="", server_default=text("''"))  # the deciding site's own for it
    offered_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)  # by a worker
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")  # claims that may have ended badly
    history_private: Mapped[bool] = mapped_column(default=False, server_default=false())
    user: Mapped[User] = relationship(lazy="raise")


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


class ExternalIdentity(Base):
    """Who somebody is at an identity provider, or at a publisher with single sign-on: a way into this account."""

    __tablename__ = "external_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    issuer: Mapped[str] = mapped_column(String(ISSUER_LENGTH))  # a provider's, or "sso:<site id>"
    subject: Mapped[str] = mapped_column(String(SUBJECT_LENGTH))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), index=True)  # whose single sign-on; None: a provider
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))  # as it was verified there; never a way in by itself
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class ExternalSignIn(Base):
    """A sign-in that is away at a provider: good once, for minutes, and for the browser that began it."""

    __tablename__ = "external_sign_ins"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    provider: Mapped[str] = mapped_column(String(40))
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(128))  # of PKCE
    next: Mapped[str] = mapped_column(String(2000))  # where it leads, as `local_target` lets through
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)  # who links it; None: a sign-in
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class HandOver(Base):
    """A sign-in in a window of our own that the frame which opened it may take over: good once, for a minute."""

    __tablename__ = "hand_overs"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary(32))  # SHA-256 of what the frame made before it opened the window
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class SsoSettings(Base):
    """How a publisher signs its own readers on to its site."""

    __tablename__ = "sso_settings"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    issuer: Mapped[str] = mapped_column(String(ISSUER_LENGTH))  # what `iss` says
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)  # that a token may give, beside member
    jwks_url: Mapped[str] = mapped_column(String(500), default="")  # where the publisher keeps its public keys; "": pasted ones alone
    changed_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class SsoKey(Base):
    """A key that a publisher signs tokens with: its public half, or a shared secret."""

    __tablename__ = "sso_keys"
    __table_args__ = (UniqueConstraint("site_id", "kid"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    kid: Mapped[str] = mapped_column(String(100))
    algorithm: Mapped[str] = mapped_column(String(10))  # the only one it is good for
    sealed: Mapped[str] = mapped_column(Text)  # a JWK as JSON, sealed with the secret key
    added_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)
    added_by_id: Mapped[int | None] = mapped_column(BigInteger)  # None: the command line; no key, as in the audit log


class SsoToken(Base):
    """A token of a publisher that was used: none is good twice."""

    __tablename__ = "sso_tokens"
    __table_args__ = (UniqueConstraint("site_id", "jti_hash"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    jti_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)


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
