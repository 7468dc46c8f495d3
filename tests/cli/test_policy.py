"""`commentsvc policy`: phrases from a file, the history, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.cli.conftest import Command
from tests.factories import make_site

pytestmark = pytest.mark.usefixtures("app")


def test_phrases_come_from_a_file_and_a_version_comes_back(command: Command, tmp_path: Path) -> None:
    site = make_site(key="courier")
    file = tmp_path / "list.csv"
    file.write_text("phrase,list,note\nsnake oil,banned,Sold in March\nidiot,,\n", encoding="utf-8")
    assert command("policy", "history", "courier").output.strip() == "Nothing was changed yet."
    assert "2 added" in command("policy", "phrases", "courier", str(file)).output
    db.session.expire_all()
    policy = db.session.get_one(Site, site.id).policy
    assert (policy.banned_phrases, policy.suspect_phrases) == (("snake oil",), ("idiot",))
    assert "banned_phrases" in command("policy", "history", "courier").output
    assert "Version 1 holds again, as version 3." in command("policy", "restore", "courier", "1").output
    db.session.expire_all()
    assert db.session.get_one(Site, site.id).policy.banned_phrases == ()
    again = command("policy", "restore", "courier", "1")
    assert again.exit_code != 0
    assert "says the same" in again.output


def test_a_file_with_a_mistake_adds_nothing(command: Command, tmp_path: Path) -> None:
    site = make_site(key="courier")
    file = tmp_path / "list.txt"
    file.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in command("policy", "phrases", "courier", str(file)).output
    file.write_text("fine\n???\n")
    assert "Nothing was added" in command("policy", "phrases", "courier", str(file)).output
    db.session.expire_all()
    assert db.session.get_one(Site, site.id).policy.suspect_phrases == ()
