from __future__ import annotations

import pytest

from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import (
    find_user_by_email,
    grant_role,
    list_roles,
    revoke_role,
    roles_of,
)
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from tests.factories import make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_a_person_holds_one_role_on_each_site() -> None:
    site, other = make_site(name="Zeta"), make_site(name="Alpha")
    user = make_user()
    grant_role(site, user, Role.EXPERT)
    grant_role(site, user, Role.COMMUNITY_MANAGER)
    grant_role(other, user, Role.EXPERT)
    db.session.commit()
    assert (user.role_on(site.id), user.role_on(other.id)) == (Role.COMMUNITY_MANAGER, Role.EXPERT)
    assert [(g.site.name, g.role) for g in roles_of(user)] == [("Alpha", "expert"), ("Zeta", "community_manager")]
    revoke_role(site, user)
    assert user.role_on(site.id) == Role.MEMBER
    with pytest.raises(NotFound):
        revoke_role(site, user)


def test_roles_are_listed_admins_first() -> None:
    site = make_site()
    for name, role in [("Zoe", Role.EXPERT), ("Ben", Role.ADMIN), ("Ann", Role.COMMUNITY_MANAGER), ("Al", Role.ADMIN)]:
        grant_role(site, make_user(name), role)
    make_user("Elsewhere", role=Role.ADMIN, site=make_site())
    assert [g.user.display_name for g in list_roles(site)] == ["Al", "Ben", "Ann", "Zoe"]


def test_a_site_keeps_its_last_admin() -> None:
    site = make_site()
    first, second = make_user(role=Role.ADMIN, site=site), make_user()
    make_user(role=Role.ADMIN, site=make_site())  # of another site: does not count
    with pytest.raises(Conflict):
        revoke_role(site, first)
    with pytest.raises(Conflict):
        grant_role(site, first, Role.EXPERT)
    grant_role(site, second, Role.ADMIN)
    revoke_role(site, first)
    assert [g.user_id for g in list_roles(site)] == [second.id]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.READER])
def test_what_everybody_is_cannot_be_granted(role: Role) -> None:
    with pytest.raises(Invalid):
        grant_role(make_site(), make_user(), role)


def test_a_person_is_found_however_her_address_is_written() -> None:
    user = make_user(email="ada@example.org")
    assert find_user_by_email(" ADA@Example.org") is user
    assert find_user_by_email("nobody@example.org") is None
    assert find_user_by_email("") is None
