"""What stands beside a name, and what nobody can write there."""

from __future__ import annotations

import pytest
from flask import Flask

from commentsvc.accounts.badges import badges, clean_field, refuse_imitation
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id, read_public_id
from commentsvc.accounts.registration import start_registration
from commentsvc.comments.authors import rename_author
from commentsvc.errors import Invalid
from tests.factories import make_site, make_user


@pytest.mark.parametrize(("role", "expert", "member", "shown"), [
    ("member", None, None, []),
    ("member", None, False, []),
    ("member", "", False, [("expert", "")]),
    ("expert", None, None, [("expert", "")]),
    ("expert", "Law", True, [("expert", "Law"), ("member", "")]),
    ("community_manager", None, True, [("staff", ""), ("member", "")]),
    ("admin", None, None, [("staff", "")]),
])
def test_badges_come_from_the_role_and_the_site(role: str, expert: str | None, member: bool | None, shown: list[tuple[str, str]]) -> None:
    assert [(badge.kind, badge.field) for badge in badges(role, expert, member)] == shown


@pytest.mark.parametrize("name", [
    "Community Manager", "Tom, community manager", "C0mmunity Manаger", "Moderator", "Adm1n", "Community-Management", "Staff", "Tom (Staff)",
    "[Expert] Tom", "Tom · Member", "✓ Expert Tom", "Tom – Expert", "Tom, Expert", "فريق التحرير", "The Evening Post Staff", "S t a f f",
])
def test_a_name_that_reads_like_a_badge_is_refused(app: Flask, name: str) -> None:
    make_site(name="The Evening Post")
    with pytest.raises(Invalid) as refused:
        refuse_imitation(name)
    assert (refused.value.field, refused.value.code) == ("display_name", "imitates_badge")


@pytest.mark.parametrize("name", ["Jamie Staff", "J. Staff", "Ann-Staff Lee", "Member of Parliament", "Admiral Ada", "Experta Lopez", "Stafford", "Modesty"])
def test_people_may_be_called_what_they_are_called(app: Flask, name: str) -> None:
    make_site(name="The Evening Post")
    assert refuse_imitation(name) == name


def test_every_way_to_a_name_asks_but_that_of_staff(app: Flask) -> None:
    site = make_site()
    reader, manager = make_user("Ada"), make_user("Mia", role=Role.COMMUNITY_MANAGER, site=site)
    with pytest.raises(Invalid):
        rename_author(reader, "Ada (Staff)")
    with pytest.raises(Invalid):
        start_registration("new@example.org", "Moderator", "seven green umbrellas")
    rename_author(manager, "Mia, Community Manager")
    rename_author(reader, "Ada, Expert", vouched=True)  # by the publisher, whose token says so
    assert (manager.display_name, reader.display_name) == ("Mia, Community Manager", "Ada, Expert")


@pytest.mark.parametrize("text", ["Community Manager", "Staff", "Head of Staff", "Moderator", "x" * 61])
def test_what_somebody_is_an_expert_in_is_no_office_here(app: Flask, text: str) -> None:
    with pytest.raises(Invalid):
        clean_field(text)


def test_a_field_is_one_line(app: Flask) -> None:
    assert clean_field(" Bell\n founding\u202e ") == "Bell founding"
    assert clean_field("  ") == ""


def test_public_ids_say_nothing_and_hold_with_a_former_secret_key(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {public_id(site, user) for site in (1, 2) for user in range(1, 200)}
    assert len(ids) == 398
    assert {len(one) for one in ids} == {22}
    assert len({one[:4] for one in ids}) > 390  # neighbours are not alike
    one = public_id(1, 7)
    assert (read_public_id(1, one), read_public_id(2, one)) == (7, None)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
    monkeypatch.setitem(app.config, "SECRET_KEY", "another key, thirty-two letters long")
    assert public_id(1, 7) != one
    assert read_public_id(1, one) == 7
    for other in ("", one + "=", one[:-1], "é" * 22, one[:-1] + chr(ord(one[-1]) + 1)):
        assert read_public_id(1, other) is None
