"""`commentsvc load` with small folders in the real formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.cli.conftest import Command
from tests.factories import make_site
from tests.transfer.test_formats import said, write_sfu, write_wiki


def statuses() -> dict[str, int]:
    rows = db.session.execute(select(Comment.status, func.count()).group_by(Comment.status))
    return {status: count for status, count in rows}  # noqa: C416 - typed so


def test_a_folder_is_loaded_into_a_site_made_for_it_and_waits_for_the_worker(command: Command, tmp_path: Path) -> None:
    folder = write_sfu(tmp_path / "sfu", [{}, {"parentID": "id0"}, {"parentID": "gone"}, {"status": "rejected"}])
    result = command("load", "sfu", str(folder), "--report", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.output
    assert "2 comments wait for the worker" in result.output
    assert statuses() == {Status.PENDING: 2, Status.REJECTED: 1}
    assert db.session.scalars(select(Site.key)).one() == "sfu"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["imported"], report["kept_rejected"]) == (3, 1)
    assert report["skipped"]["unknown_parent"]["comments"] == ["sfu:id2"]


def test_screening_here_leaves_nothing_pending(command: Command, tmp_path: Path) -> None:
    folder = write_sfu(tmp_path / "sfu", [{"text": "A fair point about the budget."}, {"text": "Shut up, you stupid worthless idiot."}])
    result = command("load", "sfu", str(folder), "--screen")
    assert result.exit_code == 0, result.output
    assert statuses() == {Status.PUBLISHED: 1, Status.HELD: 1}
    assert "2 comments screened" in result.output


def test_a_second_load_adds_nothing(command: Command, tmp_path: Path) -> None:
    path = write_wiki(tmp_path / "conversations_job1.json.gz", {"1": said("Hello."), "2": said("And hello.", "1")})
    make_site(key="talk")
    for expected in (2, 0):
        report = tmp_path / "report.json"
        assert command("load", "wiki", str(path), "--site", "talk", "--report", str(report)).exit_code == 0
        assert json.loads(report.read_text())["imported"] == expected
    assert statuses() == {Status.PENDING: 2}


def test_an_unknown_site_is_not_made_from_a_typing_error(command: Command, tmp_path: Path) -> None:
    path = write_wiki(tmp_path / "conversations_job1.json.gz", {"1": said("Hello.")})
    result = command("load", "wiki", str(path), "--site", "tlak")
    assert result.exit_code == 1
    assert "There is no site tlak" in result.output
    assert db.session.scalars(select(Site)).all() == []


@pytest.mark.parametrize("name", ["sfu", "wiki"])
def test_a_folder_of_something_else_is_an_error_in_one_sentence(command: Command, tmp_path: Path, name: str) -> None:
    result = command("load", name, str(tmp_path))
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert "Traceback" not in result.output
