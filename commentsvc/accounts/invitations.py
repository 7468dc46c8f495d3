"""Roles offered by mail: whoever reads the address's mail accepts, with the account that has it or a new one.

An admin sees the same whether or not the address has an account; only the mailbox's owner learns more.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record
from commentsvc.accounts.identity import check_email, clean_name, token_hash
from commentsvc.accounts.mailing import mail_account
from commentsvc.accounts.models import Invitation, User
from commentsvc.accounts.passwords import check_password, hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import check_granted, grant_role
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.sites.models import Site

LIFETIME = dt.timedelta(days=7)
RESEND_AFTER = dt.timedelta(minutes=1)
MAX_PENDING = 100  # on one site: a newsroom's team, and no mailing list

ROLE_WORDS = {
    Role.EXPERT: N_("%(by)s invites you to be an expert, who writes with a badge, for the comments of %(site)s."),
    Role.COMMUNITY_MANAGER: N_("%(by)s invites you to be a community manager, who reviews comments, for the comments of %(site)s."),
    Role.ADMIN: N_("%(by)s invites you to be an admin, who looks after settings and team, for the comments of %(site)s."),
}


def invite(site: Site, email: str, role: Role, *, by: User | None = None) -> Invitation:
    """Mail this address a link to the role, in place of an earlier invitation there; flushes.

    `by` None is the command line. Invalid names the field at fault, Conflict says that too many wait; TooSoon within
    a minute of the last mail. Whether the address has an account shows nowhere.
    """
    address = check_email(email)
    check_granted(role)
    waiting = db.session.scalar(
        select(Invitation).where(Invitation.site_id == site.id, Invitation.email == address).with_for_update()
    )
    if waiting is None:
        if (db.session.scalar(select(func.count()).where(Invitation.site_id == site.id)) or 0) >= MAX_PENDING:
            raise Conflict("%(most)s invitations wait already. Withdraw some first.", code="too_many_invitations", values={"most": MAX_PENDING})
        waiting = Invitation(site_id=site.id, email=address)
    elif waiting.role == role:
        _not_too_soon(waiting)
    waiting.role, waiting.invited_by_id = role.value, by.id if by else None
    _send(waiting, site, by)
    try:
        with db.session.begin_nested():
            db.session.add(waiting)
    except IntegrityError:
        raise Conflict("Somebody else has just invited this address.", code="invited_already") from None
    record(by, "invitation.sent", site_id=site.id, subject=f"invitation:{waiting.id}", role=role.value)
    db.session.flush()
    return waiting


def resend_invitation(site: Site, invitation_id: int, *, by: User) -> Invitation:
    """Mail it once more with a new link, good for another week; the former link is dead. Flushes.

    NotFound where it is gone, TooSoon within a minute of the last mail.
    """
    waiting = _of(site, invitation_id)
    _not_too_soon(waiting)
    _send(waiting, site, by)
    record(by, "invitation.resent", site_id=site.id, subject=f"invitation:{waiting.id}", role=waiting.role)
    db.session.flush()
    return waiting


def withdraw_invitation(site: Site, invitation_id: int, *, by: User) -> None:
    """Take it back: its link is dead. Flushes. NotFound where it is gone, perhaps because it was accepted."""
    waiting = _of(site, invitation_id)
    record(by, "invitation.withdrawn", site_id=site.id, subject=f"invitation:{waiting.id}", role=waiting.role)
    db.session.delete(waiting)
    db.session.flush()


def list_invitations(site: Site) -> Sequence[Invitation]:
    """Those that wait, with who sent them, latest first; expired ones too, for a month."""
    return db.session.scalars(
        select(Invitation).where(Invitation.site_id == site.id).options(joinedload(Invitation.invited_by))
        .order_by(Invitation.sent_at.desc(), Invitation.id.desc())
    ).all()


def find_invitation(token: str) -> Invitation | None:
    """What a link offers, with its site and who sent it; None when it is no longer good."""
    return db.session.scalar(
        select(Invitation)
        .where(Invitation.token_hash == token_hash(token), Invitation.expires_at > utcnow())
        .options(joinedload(Invitation.site, innerjoin=True), joinedload(Invitation.invited_by))
        .execution_options(populate_existing=True)
    )


def has_account(invitation: Invitation) -> bool:
    """Whether its address has an account: for whoever holds the link, which only that mailbox got."""
    return db.session.scalar(select(User.id).where(User.email == invitation.email)) is not None


def accept_invitation(token: str, user: User) -> Site:
    """Give the role to the account that has the invited address; flushes. Returns where.

    Invalid when the link is used up, NotAllowed for another account, Conflict as in `grant_role`.
    """
    invitation = _usable(token)
    if user.email != invitation.email:
        raise NotAllowed("This invitation is for another address than that of your account.", code="not_your_invitation")
    return _accept(invitation, user)


def accept_with_new_account(token: str, display_name: str, password: str) -> tuple[User, Site]:
    """Make the account of the invited address, which the link verifies, with the role; flushes.

    Ends the caller's open transaction. Invalid names the field at fault, or says that the link is used up or that
    there is an account to sign in with.
    """
    invitation = _usable(token)
    address = invitation.email
    db.session.rollback()  # nothing is held while the hash takes its time
    display_name = clean_name(display_name)
    check_password(password, inputs=[address, display_name])
    hashed = hash_password(password)
    invitation = _usable(token)
    user = User(email=address, display_name=display_name, password_hash=hashed, created_at=utcnow(), roles=[])
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:
        raise Invalid("There is an account with this address already: sign in with it.", code="account_exists") from None
    return user, _accept(invitation, user)


def _accept(invitation: Invitation, user: User) -> Site:
    site = invitation.site
    taken = db.session.execute(
        delete(Invitation).where(Invitation.id == invitation.id, Invitation.token_hash == invitation.token_hash)
        .returning(Invitation.id).execution_options(synchronize_session=False)
    ).first()
    db.session.expunge(invitation)
    if taken is None:
        raise _used_up()
    record(user, "invitation.accepted", site_id=site.id, subject=f"invitation:{invitation.id}", role=invitation.role)
    grant_role(site, user, Role(invitation.role), by=invitation.invited_by)
    return site


def _usable(token: str) -> Invitation:
    invitation = find_invitation(token)
    if invitation is None:
        raise _used_up()
    return invitation


def _used_up() -> Invalid:
    return Invalid("This invitation has been used, withdrawn or has expired. Ask for a new one.", code="invitation_expired")


def _of(site: Site, invitation_id: int) -> Invitation:
    waiting = db.session.scalar(
        select(Invitation).where(Invitation.id == invitation_id, Invitation.site_id == site.id).with_for_update()
    )
    if waiting is None:
        raise NotFound("This invitation is gone: it was accepted, withdrawn, or never there.")
    return waiting


def _not_too_soon(waiting: Invitation) -> None:
    waited = utcnow() - waiting.sent_at
    if waited < RESEND_AFTER:
        seconds = max(1, round((RESEND_AFTER - waited).total_seconds()))
        raise TooSoon("A mail is on its way. You can send another in %(seconds)s seconds.", retry_after=seconds, values={"seconds": seconds})


def _send(waiting: Invitation, site: Site, by: User | None) -> None:
    token = secrets.token_urlsafe(32)
    now = utcnow()
    waiting.token_hash, waiting.sent_at, waiting.expires_at = token_hash(token), now, now + LIFETIME
    mail_account(
        waiting.email, "invitation", fallback=site.language, site=site.name, by=by.display_name if by else "",
        role=ROLE_WORDS[Role(waiting.role)], link=f"/account/invitation/{token}",
    )
