"""Who is what on which site, and finding people to grant it to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record
from commentsvc.accounts.identity import lookup_email
from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.sites.models import Site

# Every account is a member everywhere and everybody a reader: neither is granted.
GRANTED = (Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN)


def find_user_by_email(email: str) -> User | None:
    """The account with this address, however it is written."""
    return db.session.scalar(select(User).where(User.email == lookup_email(email)))


def grant_role(site: Site, user: User, role: Role, *, by: User | None = None) -> SiteRole:
    """Give the person this role on the site, in place of any other; flushes.

    `by` None is the command line. Conflict when it would leave the site without an admin.
    """
    if role not in GRANTED:
        raise Invalid(
            "Grant expert, community_manager or admin; everybody signed in is a member.",
            field="role", code="role_not_granted",
        )
    _lock(site)
    grant = _grant_of(site, user)
    if grant is not None and grant.role == role:
        return grant
    before = grant.role if grant else None
    if grant is None:
        grant = SiteRole(site_id=site.id, user_id=user.id)
        db.session.add(grant)
    elif before == Role.ADMIN:
        _keep_an_admin(site, user)
    grant.role, grant.granted_at, grant.granted_by_id = role.value, utcnow(), by.id if by else None
    record(by, "role.granted", site_id=site.id, subject=f"user:{user.id}", role=[before, role.value])
    db.session.flush()
    db.session.refresh(user, ["roles"])
    return grant


def revoke_role(site: Site, user: User, *, by: User | None = None) -> None:
    """Make the person a plain member of the site again; flushes.

    `by` None is the command line. NotFound when she holds no role there, Conflict when she is its last admin.
    """
    _lock(site)
    grant = _grant_of(site, user)
    if grant is None:
        raise NotFound("This person holds no role on this site.")
    if grant.role == Role.ADMIN:
        _keep_an_admin(site, user)
    db.session.delete(grant)
    record(by, "role.revoked", site_id=site.id, subject=f"user:{user.id}", role=[grant.role, None])
    db.session.flush()
    db.session.refresh(user, ["roles"])


def list_roles(site: Site) -> Sequence[SiteRole]:
    """The grants on a site with their people, admins first, then by name."""
    grants = db.session.scalars(
        select(SiteRole).where(SiteRole.site_id == site.id).options(joinedload(SiteRole.user))
    ).all()
    return sorted(grants, key=lambda g: (-GRANTED.index(Role(g.role)), g.user.display_name.casefold(), g.user_id))


def roles_of(user: User) -> Sequence[SiteRole]:
    """The person's grants with their sites, by the site's name."""
    grants = db.session.scalars(
        select(SiteRole).where(SiteRole.user_id == user.id).options(joinedload(SiteRole.site))
    ).all()
    return sorted(grants, key=lambda g: (g.site.name.casefold(), g.site_id))


def _grant_of(site: Site, user: User) -> SiteRole | None:
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
