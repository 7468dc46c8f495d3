"""`commentsvc perspective key`, `keys` and `revoke` as a person types them."""

from __future__ import annotations

import re

import pytest

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.extensions import db
from tests.cli.conftest import Command
from tests.cli.conftest import command as command  # noqa: PLC0414 - a fixture
from tests.factories import make_site, make_user

pytestmark = pytest.mark.once


def test_keys_are_made_listed_and_revoked(command: Command) -> None:
    assert "There is no key yet" in command("perspective", "keys").output
    made = command("perspective", "key", "My [b]log", "--quota", "5 per minute")
    secret = made.stdout
    assert re.fullmatch(r"ck_\S{43}\n", secret)  # alone on standard output, for scripts
    assert "My [b]log" in made.stderr
    listed = command("perspective", "keys").output
    assert "5 per minute" in listed
    assert "My [b]log" in listed
    assert secret[:9] in listed
    assert secret.strip() not in listed
    assert command("perspective", "revoke", secret[:9]).output == "Revoked My [b]log.\n"
    assert "There is no key yet" in command("perspective", "keys").output


def test_a_key_may_belong_to_an_admin(command: Command) -> None:
    admin = make_user(role=Role.ADMIN, site=make_site())
    assert command("perspective", "key", "Blog", "--owner", admin.email or "").exit_code == 0
    assert str(admin.email) in command("perspective", "keys").output.replace("\n", "")
    assert db.session.query(User).filter_by(email=None).count() == 0


@pytest.mark.parametrize(("words", "said"), [
    (["key", "x", "--quota", "lots"], "is no quota"), (["key", " \u200b"], "Give it a name"),
    (["key", "x", "--owner", "nobody@example.org"], "no account for nobody@example.org"),
    (["key", "x", "--owner", "member@example.org"], "admin of no site"), (["revoke", "ck_nosuch"], "No key for scoring begins with"),
])
def test_what_cannot_be_done_is_said(command: Command, words: list[str], said: str) -> None:
    make_user(email="member@example.org")
    done = command("perspective", *words)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert "Error" not in command("perspective", "keys").output
