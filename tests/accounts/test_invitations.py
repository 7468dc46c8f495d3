"""Invitations: one mail and one row whatever the address, a link that is good once, and nobody else's."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from commentsvc import database
from commentsvc.accounts import expiry, invitations
from commentsvc.accounts.expiry import forget_expired
from commentsvc.accounts.invitations import (
    LIFETIME,
    MAX_PENDING,
    accept_invitation,
    accept_with_new_account,
    find_invitation,
    invite,
    list_invitations,
    resend_invitation,
    withdraw_invitation,
)
from commentsvc.accounts.models import AuditEntry, Invitation, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role, revoke_role
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound, TooSoon
from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.accounts.browsing import PASSWORD, link_in, mails
from tests.conftest import Statements
from tests.factories import make_site, make_user

pytestmark = pytest.mark.usefixtures("app")

Later = Callable[[dt.timedelta], None]


@pytest.fixture
def site() -> Site:
    return make_site(name="The Post")


@pytest.fixture
def admin(site: Site) -> User:
    return make_user("Nora", role=Role.ADMIN, site=site)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    def advance(by: dt.timedelta) -> None:
        for module in (invitations, expiry):
            monkeypatch.setattr(module, "utcnow", lambda: database.utcnow() + by)

    return advance


def token() -> str:
    """Of the latest mail."""
    return link_in(mails()[-1]).rpartition("/")[2]


def test_the_answer_and_the_work_are_the_same_for_known_and_unknown(
    site: Site, admin: User, known: User, statements: Statements, hashings: Counter[str]
) -> None:
    sent: list[list[str]] = []
    for address in ("known@example.org", "nobody@example.org"):
        statements.clear()
        invited = invite(site, address, Role.COMMUNITY_MANAGER, by=admin)
        sent.append([statement.replace(address, "") for statement in statements])
        assert invited.email == address
    assert sent[0] == sent[1]
    assert not hashings
    first, second = mails()
    assert first.subject == second.subject
    assert first.text.replace(link_in(first), "") == second.text.replace(link_in(second), "")


def test_who_has_an_account_accepts_once(site: Site, admin: User, known: User) -> None:
    invite(site, " KNOWN@example.org", Role.COMMUNITY_MANAGER, by=admin)
    link = token()
    assert accept_invitation(link, known).id == site.id
    grant = known.roles[0]
    assert (grant.role, grant.granted_by_id) == ("community_manager", admin.id)
    with pytest.raises(Invalid) as raised:
        accept_invitation(link, known)
    assert raised.value.code == "invitation_expired"
    assert list_invitations(site) == []


def test_another_account_cannot_accept(site: Site, admin: User, known: User) -> None:
    invite(site, "somebody@example.org", Role.ADMIN, by=admin)
    with pytest.raises(NotAllowed):
        accept_invitation(token(), known)
    assert find_invitation(token()) is not None


def test_who_has_none_makes_one_that_counts_as_verified(site: Site, admin: User) -> None:
    invite(site, "new@example.org", Role.EXPERT, by=admin)
    link = token()
    db.session.commit()
    for name, password, field in (("x", PASSWORD, "display_name"), ("Nell New", "short", "password"), ("Nell New", "new@example.org", "password")):
        with pytest.raises(Invalid) as raised:
            accept_with_new_account(link, name, password)
        assert raised.value.field == field
        db.session.rollback()
    user, where = accept_with_new_account(link, "Nell New", PASSWORD)
    assert (user.email, user.role_on(site.id), where.id) == ("new@example.org", Role.EXPERT, site.id)
    db.session.commit()
    with pytest.raises(Invalid):
        accept_with_new_account(link, "Nell New", PASSWORD)


def test_an_account_that_was_made_meanwhile_is_not_taken_over(site: Site, admin: User) -> None:
    invite(site, "new@example.org", Role.ADMIN, by=admin)
    link = token()
    db.session.commit()
    made = make_user(email="new@example.org", password_hash="hers")
    with pytest.raises(Invalid) as raised:
        accept_with_new_account(link, "Nell New", PASSWORD)
    assert raised.value.code == "account_exists"
    db.session.rollback()
    db.session.refresh(made)
    assert (made.password_hash, made.roles) == ("hers", [])
    assert find_invitation(link) is not None  # she accepts it signed in


def test_a_link_lasts_a_week(site: Site, admin: User, known: User, later: Later) -> None:
    invite(site, "known@example.org", Role.EXPERT, by=admin)
    later(LIFETIME - dt.timedelta(minutes=1))
    assert find_invitation(token()) is not None
    later(LIFETIME)
    assert find_invitation(token()) is None
    with pytest.raises(Invalid):
        accept_invitation(token(), known)
    assert len(list_invitations(site)) == 1  # its admins see that nobody came
    forget_expired()
    assert len(list_invitations(site)) == 1
    later(LIFETIME + expiry.KEEP_INVITATIONS + dt.timedelta(minutes=1))
    forget_expired()
    assert list_invitations(site) == []


def test_sending_again_makes_the_former_link_void(site: Site, admin: User, later: Later) -> None:
    invited = invite(site, "new@example.org", Role.EXPERT, by=admin)
    former = token()
    with pytest.raises(TooSoon):
        resend_invitation(site, invited.id, by=admin)
    with pytest.raises(TooSoon):
        invite(site, "new@example.org", Role.EXPERT, by=admin)
    later(dt.timedelta(minutes=2))
    resend_invitation(site, invited.id, by=admin)
    assert find_invitation(former) is None
    assert find_invitation(token()) is not None


def test_inviting_to_another_role_takes_the_place_of_the_first(site: Site, admin: User) -> None:
    invite(site, "new@example.org", Role.EXPERT, by=admin)
    former = token()
    invite(site, "new@example.org", Role.COMMUNITY_MANAGER, by=admin)
    assert find_invitation(former) is None
    assert [one.role for one in list_invitations(site)] == ["community_manager"]


def test_withdrawing_ends_it_and_other_sites_admins_cannot(site: Site, admin: User) -> None:
    invited = invite(site, "new@example.org", Role.EXPERT, by=admin)
    with pytest.raises(NotFound):
        withdraw_invitation(make_site(), invited.id, by=admin)
    withdraw_invitation(site, invited.id, by=admin)
    assert find_invitation(token()) is None
    with pytest.raises(NotFound):
        withdraw_invitation(site, invited.id, by=admin)


@pytest.mark.parametrize("leave", [
    lambda site, admin, by: revoke_role(site, admin, by=by), lambda site, admin, by: grant_role(site, admin, Role.EXPERT, by=by),
])
def test_an_admin_who_leaves_leaves_no_invitation_behind(
    site: Site, admin: User, leave: Callable[[Site, User, User], object]
) -> None:
    other = make_user(role=Role.ADMIN, site=site)
    invite(site, "puppet@example.org", Role.ADMIN, by=admin)
    invite(site, "kept@example.org", Role.EXPERT, by=other)
    leave(site, admin, other)
    assert [one.email for one in list_invitations(site)] == ["kept@example.org"]


def test_an_invitation_takes_no_site_its_last_admin(site: Site, admin: User) -> None:
    invite(site, str(admin.email), Role.EXPERT)
    with pytest.raises(Conflict):
        accept_invitation(token(), admin)


def test_a_site_has_so_many_waiting_and_no_more(site: Site, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MAX_PENDING", 2)
    for number in range(2):
        invite(site, f"n{number}@example.org", Role.EXPERT, by=admin)
    with pytest.raises(Conflict):
        invite(site, "n9@example.org", Role.EXPERT, by=admin)
    assert MAX_PENDING >= 2


def test_a_mailbox_gets_five_an_hour_and_nobody_learns_why_not_more(site: Site, admin: User) -> None:
    for number in range(7):
        invite(make_site(), "new@example.org", Role.EXPERT, by=admin)
        assert db.session.scalar(select(func.count()).select_from(Mail)) == min(number + 1, 5)


@pytest.mark.parametrize(("address", "role", "field"), [("no address", Role.EXPERT, "email"), ("a@example.org", Role.MEMBER, "role")])
def test_what_cannot_be_invited_is_said(site: Site, admin: User, address: str, role: Role, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        invite(site, address, role, by=admin)
    assert raised.value.field == field


def test_the_log_tells_of_invitations_without_their_addresses(site: Site, admin: User, known: User) -> None:
    invite(site, "known@example.org", Role.EXPERT, by=admin)
    accept_invitation(token(), known)
    rows = db.session.scalars(select(AuditEntry).where(AuditEntry.site_id == site.id).order_by(AuditEntry.id)).all()
    assert [row.action for row in rows] == ["invitation.sent", "invitation.accepted", "role.granted"]
    assert "@" not in "".join(row.facts + row.subject for row in rows)


def test_only_hashes_of_links_are_kept(site: Site, admin: User) -> None:
    invite(site, "new@example.org", Role.EXPERT, by=admin)
    row = db.session.scalars(select(Invitation)).one()
    assert len(row.token_hash) == 32
    assert token().encode() not in row.token_hash
