"""Sites, accounts and roles from the command line."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import verify_password
from commentsvc.accounts.permissions import Role
from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.cli.conftest import Command
from tests.factories import make_article, make_comment, make_site, make_user

PASSWORD = "harbour-lights-and-gulls"


def test_a_site_is_created_with_its_origins(command: Command) -> None:
    result = command("site", "create", "tide", "--name", "The Tide", "--origin", "https://Tide.example/", "--origin", "https://tide.example")
    assert result.exit_code == 0, result.output
    site = db.session.scalars(select(Site)).one()
    assert (site.key, site.name, site.origins) == ("tide", "The Tide", ["https://tide.example"])


@pytest.mark.parametrize("words", [
    ("Tide", "--name", "x"), ("tide-", "--name", "x"), ("tide", "--name", " "), ("tide", "--name", "x", "--origin", "tide.example"),
    ("taken", "--name", "x"),
])
def test_a_bad_site_is_refused_in_one_sentence(command: Command, words: tuple[str, ...]) -> None:
    make_site(key="taken")
    result = command("site", "create", *words)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output
    assert len(db.session.scalars(select(Site)).all()) == 1


def test_sites_are_listed_with_what_is_said_on_them(command: Command) -> None:
    assert "no site yet" in command("site", "list").output
    site = make_site(key="tide", name="The [bold]Tide[/bold]")
    make_comment(make_article(site))
    output = command("site", "list").output
    assert "tide" in output
    assert "[bold]" in output  # a name is no markup


def test_an_account_is_created_and_granted_a_role(command: Command) -> None:
    make_site(key="tide")
    made = command("user", "create", "Nora@Example.org", "--name", "Nora Vance", "--password", PASSWORD)
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    granted = command("role", "grant", "nora@example.org", "community_manager", "--site", "tide")
    assert granted.exit_code == 0, granted.output
    user = db.session.scalars(select(User).execution_options(populate_existing=True)).one()
    assert verify_password(user.password_hash, PASSWORD)
    assert user.role_on(db.session.scalars(select(Site.id)).one()) == Role.COMMUNITY_MANAGER


def test_the_password_is_asked_for_when_not_given(command: Command) -> None:
    result = command("user", "create", "nora@example.org", "--name", "Nora", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output


@pytest.mark.parametrize(("email", "password"), [("nowhere", PASSWORD), ("nora@example.org", "password12"), ("taken@example.org", PASSWORD)])
def test_a_bad_account_is_refused(command: Command, email: str, password: str) -> None:
    make_user(email="taken@example.org")
    result = command("user", "create", email, "--name", "Nora", "--password", password)
    assert result.exit_code == 1
    assert len(db.session.scalars(select(User)).all()) == 1


@pytest.mark.parametrize("words", [("nobody@example.org", "admin", "--site", "tide"), ("ann@example.org", "admin", "--site", "none")])
def test_a_role_needs_an_account_and_a_site(command: Command, words: tuple[str, ...]) -> None:
    make_site(key="tide")
    make_user(email="ann@example.org")
    result = command("role", "grant", *words)
    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no ")


def test_a_role_outside_the_table_is_refused(command: Command) -> None:
    assert command("role", "grant", "ann@example.org", "owner", "--site", "tide").exit_code == 2
