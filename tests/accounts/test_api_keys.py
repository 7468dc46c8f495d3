from __future__ import annotations

import pytest
from sqlalchemy import select

from commentsvc.accounts.api_keys import create_key, list_keys, revoke_key, user_by_key
from commentsvc.accounts.models import ApiKey
from commentsvc.accounts.permissions import Permission, Role, allowed
from commentsvc.errors import Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from tests.factories import make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_a_key_may_do_what_its_scopes_and_its_owner_may() -> None:
    site, other = make_site(), make_site()
    user = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    key, secret = create_key(user, "  Bot\n", ["review", "read", "read"], None)
    db.session.commit()
    assert (key.name, key.scopes, key.prefix) == ("Bot", "read review", secret[:9])
    assert secret.startswith("ck_")
    owner = user_by_key(secret)
    assert owner is not None
    assert allowed(owner, Permission.REVIEW, site.id)
    assert not allowed(owner, Permission.REVIEW, other.id)  # her role ends there
    assert not allowed(owner, Permission.POST, site.id)  # not among the scopes


def test_a_key_tied_to_a_site_acts_nowhere_else() -> None:
    site, other = make_site(), make_site()
    user = make_user()
    _key, secret = create_key(user, "Bot", ["post"], site)
    db.session.commit()
    owner = user_by_key(secret)
    assert owner is not None
    assert allowed(owner, Permission.POST, site.id)
    assert not allowed(owner, Permission.POST, other.id)


def test_nobody_gives_a_key_more_than_she_has() -> None:
    site, other = make_site(), make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    for scopes, where, code in [
        (["manage_roles"], None, "scope_not_held"), (["review"], other, "scope_not_held"),
        (["fly"], None, "scope_unknown"), ([], None, "scope_missing"),
    ]:
        with pytest.raises(Invalid) as error:
            create_key(manager, "Bot", scopes, where)
        assert (error.value.field, error.value.code) == ("scopes", code)
    with pytest.raises(Invalid):
        create_key(manager, " \u200b ", ["read"], None)
    with pytest.raises(Invalid):
        create_key(manager, "n" * 101, ["read"], None)


def test_a_key_cannot_make_a_stronger_key() -> None:
    _key, secret = create_key(make_user(), "Bot", ["read"], None)
    db.session.commit()
    owner = user_by_key(secret)
    assert owner is not None
    with pytest.raises(NotAllowed):
        create_key(owner, "Worse", ["post"], None)


def test_a_revoked_key_is_nobody_and_only_its_owner_revokes_it() -> None:
    user = make_user()
    key, secret = create_key(user, "Bot", ["read"], None)
    db.session.commit()
    with pytest.raises(NotFound):
        revoke_key(make_user(), key.id)
    assert user_by_key(secret) is not None
    revoke_key(user, key.id)
    assert user_by_key(secret) is None
    assert list_keys(user) == []
    with pytest.raises(NotFound):
        revoke_key(user, key.id)


def test_the_secret_is_kept_as_a_hash_only() -> None:
    _key, secret = create_key(make_user(), "Bot", ["read"], None)
    row = db.session.scalars(select(ApiKey)).one()
    assert len(row.token_hash) == 32
    assert secret not in str(vars(row))


@pytest.mark.parametrize("junk", ["", "ck_", "cs_x", "ck_\x00", "ck_\ud800"])
def test_any_other_text_is_nobody(junk: str) -> None:
    create_key(make_user(), "Bot", ["read"], None)
    assert user_by_key(junk) is None
