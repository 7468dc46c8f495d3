"""Who may do what: one table. A role holds on one site; `Role.READER` is anyone at all."""

from __future__ import annotations

import enum
from typing import Protocol


class Role(enum.StrEnum):
    READER = "reader"  # not signed in
    MEMBER = "member"  # signed in; every account is one everywhere
    EXPERT = "expert"  # named by the newsroom; carries a badge
    COMMUNITY_MANAGER = "community_manager"
    ADMIN = "admin"


class Permission(enum.StrEnum):
    READ = "read"  # sites, articles, threads, counts
    POST = "post"  # comments and replies; withdrawing one's own
    VOTE = "vote"
    FLAG = "flag"
    SKIP_SCREENING = "skip_screening"  # staff are not sent to their own queue
    REVIEW = "review"  # queues, cards, decisions, undo, modlog
    MANAGE_ARTICLES = "manage_articles"  # register, close, pre-moderate
    MANAGE_SITE = "manage_site"  # welcome text, guidelines, origins, policy
    MANAGE_ROLES = "manage_roles"
    ANALYZE = "analyze"  # have texts scored by a program: it spends the service's processors


_P = Permission
_MEMBER = frozenset({_P.READ, _P.POST, _P.VOTE, _P.FLAG})
_MANAGER = _MEMBER | {_P.SKIP_SCREENING, _P.REVIEW, _P.MANAGE_ARTICLES}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.READER: frozenset({_P.READ}),
    Role.MEMBER: _MEMBER,
    Role.EXPERT: _MEMBER,
    Role.COMMUNITY_MANAGER: _MANAGER,
    Role.ADMIN: _MANAGER | {_P.MANAGE_SITE, _P.MANAGE_ROLES, _P.ANALYZE},
}

# Who enters the console.
STAFF = frozenset(role for role, held in PERMISSIONS.items() if _P.REVIEW in held)


class Holder(Protocol):
    """What the table needs to know of a person or key (accounts.models.User is one)."""

    scopes: frozenset[str] | None
    key_site_id: int | None

    def role_on(self, site_id: int) -> Role: ...


def allowed(user: Holder | None, permission: Permission, site_id: int) -> bool:
    """Whether `user` (None: not signed in) may do this on the site.

    An API key may do what both its owner's role and its scopes allow, on its own site if tied.
    """
    if user is None:
        return permission in PERMISSIONS[Role.READER]
    if user.scopes is not None and permission.value not in user.scopes:
        return False
    if user.key_site_id is not None and user.key_site_id != site_id:
        return False
    return permission in PERMISSIONS[user.role_on(site_id)]
