"""Who is what on which site, and finding people to grant it to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record, staffed_sites
from commentsvc.accounts.identity import lookup_email
from commentsvc.accounts.models import ApiKey, Invitation, SiteRole, User, UserSession
from commentsvc.accounts.permissions import STAFF, Role
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.sites.models import Site

# Every account is a member everywhere and everybody a reader: neither is granted.
GRANTED = (Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN)


def find_user_by_email(email: str) -> User | None:
    """The account with this address, however it is written."""
    return db.session.scalar(select(User).where(User.email == lookup_email(email)))


def check_granted(role: Role) -> None:
    """Invalid for a role that everybody has."""
    if role not in GRANTED:
        raise Invalid(
            "Grant expert, community_manager or admin; everybody signed in is a member.",
            field="role", code="role_not_granted",
        )


def grant_role(site: Site, user: User, role: Role, *, by: User | None = None, via: str | None = None) -> SiteRole:
    """Give the person this role on the site, in place of any other; flushes.

    `by` None is the command line, or what `via` says: "sso" for a publisher's token. Conflict when it would leave the site without an admin.
    """
    check_granted(role)
    _lock(site)
    grant = grant_of(site, user)
    if grant is not None and grant.role == role:
        grant.via = via  # given by hand, it no longer goes when a token says nothing of it
        return grant
    before = grant.role if grant else None
    if grant is None:
        grant = SiteRole(site_id=site.id, user_id=user.id)
        db.session.add(grant)
    elif before == Role.ADMIN:
        _keep_an_admin(site, user)
        _withdraw_invitations(site, user, by)
    grant.role, grant.granted_at, grant.granted_by_id, grant.via = role.value, utcnow(), by.id if by else None, via
    noted = record(by, "role.granted", site_id=site.id, subject=f"user:{user.id}", role=[before, role.value])
    noted.via = via or noted.via
    db.session.flush()
    db.session.refresh(user, ["roles"])
    return grant


def revoke_role(site: Site, user: User, *, by: User | None = None, via: str | None = None) -> None:
    """Make the person a plain member of the site again; flushes.

    `by` and `via` as for `grant_role`. NotFound when she holds no role there, Conflict when she is its last admin.

    Her keys that are tied to the site end, and invitations that she sent. Where somebody else does this and she is staff
    nowhere else, her sessions end too: the console she left open, and whoever sits at it.
    """
    _lock(site)
    grant = grant_of(site, user)
    if grant is None:
        raise NotFound("This person holds no role on this site.")
    if grant.role == Role.ADMIN:
        _keep_an_admin(site, user)
    _withdraw_invitations(site, user, by)
    db.session.delete(grant)
    db.session.flush()
    db.session.refresh(user, ["roles"])
    keys = db.session.execute(
        update(ApiKey).where(ApiKey.user_id == user.id, ApiKey.site_id == site.id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=utcnow()).returning(ApiKey.id).execution_options(synchronize_session=False)
    ).all()
    own_step = by is not None and by.id == user.id
    ended = 0 if own_step or staffed_sites(user) or Role(grant.role) not in STAFF else _end_sessions(user)
    noted = record(
        by, "role.revoked", site_id=site.id, subject=f"user:{user.id}", role=[grant.role, None], keys=len(keys), sessions=ended
    )
    noted.via = via or noted.via
    db.session.flush()


def end_sessions_of_staff(site: Site, user: User, *, by: User) -> int:
    """Sign a member of the site's team out everywhere, after a lost laptop; flushes. NotFound for anybody else."""
    if grant_of(site, user) is None:
        raise NotFound("This person holds no role on this site.")
    ended = _end_sessions(user)
    record(by, "sessions.ended", site_id=site.id, subject=f"user:{user.id}", sessions=ended)
    db.session.flush()
    return ended


def _end_sessions(user: User) -> int:
    return len(db.session.execute(
        update(UserSession)
        .where(UserSession.user_id == user.id, UserSession.revoked_at.is_(None), UserSession.expires_at > utcnow())
        .values(revoked_at=utcnow()).returning(UserSession.id).execution_options(synchronize_session=False)
    ).all())


def _withdraw_invitations(site: Site, admin: User, by: User | None) -> None:
    """An admin who leaves leaves nobody behind whom she let in."""
    gone = db.session.execute(
        delete(Invitation).where(Invitation.site_id == site.id, Invitation.invited_by_id == admin.id)
        .returning(Invitation.id, Invitation.role).execution_options(synchronize_session=False)
    ).all()
    for row in gone:
        record(by, "invitation.withdrawn", site_id=site.id, subject=f"invitation:{row.id}", role=row.role)


def list_roles(site: Site) -> Sequence[SiteRole]:
    """The grants on a site with their people, admins first, then by name."""
    grants = db.session.scalars(
        select(SiteRole).where(SiteRole.site_id == site.id).options(joinedload(SiteRole.user))
    ).all()
    return sorted(grants, key=lambda g: (-GRANTED.index(Role(g.role)), g.user.display_name.casefold(), g.user_id))


@dataclass(frozen=True)
class Member:
    """Somebody of a site's team, and what its admins should know of her."""

    grant: SiteRole
    granted_by: str  # a name; empty for the command line, and where it was not kept
    last_seen_at: dt.datetime | None  # on any device, to the hour; None: not since sessions are kept

    @property
    def second_factor(self) -> bool:
        return self.grant.user.second_factor_at is not None


def list_team(site: Site) -> list[Member]:
    """The people of a site, as `list_roles` orders them; three statements."""
    grants = list_roles(site)
    people = {grant.user_id for grant in grants}
    seen: dict[int, dt.datetime] = {
        row.user_id: row.seen
        for row in db.session.execute(
            select(UserSession.user_id, func.max(UserSession.last_seen_at).label("seen"))
            .where(UserSession.user_id.in_(people)).group_by(UserSession.user_id)
        )
    }
    givers = {grant.granted_by_id for grant in grants} - {None}
    names = {row.id: row.display_name for row in db.session.execute(select(User.id, User.display_name).where(User.id.in_(givers)))}
    return [
        Member(grant, names.get(grant.granted_by_id or 0, ""), seen.get(grant.user_id)) for grant in grants
    ]


def roles_of(user: User) -> Sequence[SiteRole]:
    """The person's grants with their sites, by the site's name."""
    grants = db.session.scalars(
        select(SiteRole).where(SiteRole.user_id == user.id).options(joinedload(SiteRole.site))
    ).all()
    return sorted(grants, key=lambda g: (g.site.name.casefold(), g.site_id))


def grant_of(site: Site, user: User) -> SiteRole | None:
    """The person's grant on the site."""
    return db.session.scalar(select(SiteRole).where(SiteRole.site_id == site.id, SiteRole.user_id == user.id))


def _lock(site: Site) -> None:
    # Two admins who demote each other at once: the second must see what the first did.
    db.session.execute(select(Site.id).where(Site.id == site.id).with_for_update())


def _keep_an_admin(site: Site, user: User) -> None:
    others = db.session.scalar(
        select(func.count()).select_from(SiteRole).where(
            SiteRole.site_id == site.id, SiteRole.role == Role.ADMIN.value, SiteRole.user_id != user.id
        )
    )
    if not others:
        raise Conflict("This is the site's last admin. Make somebody else admin first.", code="last_admin")
