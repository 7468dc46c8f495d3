"""``commentsvc audit``: verified, exported, anchored."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import delete, select, update

from commentsvc.accounts.audit import head, record, seal_all
from commentsvc.accounts.models import AuditEntry
from commentsvc.extensions import db
from tests.cli.conftest import Command
from tests.factories import make_user


def _rows(number: int) -> None:
    for n in range(number):
        record(None, "site.created", subject=f"site:{n}")
    db.session.commit()


def test_a_sound_log_says_so_and_what_is_not_sealed_yet(command: Command) -> None:
    _rows(2)
    seal_all()
    _rows(1)
    result = command("audit", "verify")
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Sound: 2 rows. Head {head()}")
    assert "1 rows are not sealed yet" in result.output


def test_a_broken_log_says_the_first_broken_row_and_exits_with_1(command: Command) -> None:
    _rows(3)
    noted = command("audit", "head").output.strip()
    db.session.execute(update(AuditEntry).where(AuditEntry.position == 2).values(subject="site:9"))
    db.session.commit()
    result = command("audit", "verify")
    assert result.exit_code == 1
    assert "Row 2 of the chain" in result.output
    assert "Sound up to 1:" in result.output
    assert noted.startswith("3:")


def test_a_tail_that_was_cut_off_is_found_by_the_head(command: Command) -> None:
    _rows(3)
    noted = command("audit", "head").output.strip()
    db.session.execute(delete(AuditEntry).where(AuditEntry.position == 3))
    db.session.commit()
    assert "The chain ends at row 2" in command("audit", "verify").output
    result = command("audit", "verify", "--head", noted)
    assert result.exit_code == 1
    assert "row 3 was noted" in result.output


def test_a_noted_head_is_passed_through_by_a_log_that_grew(command: Command) -> None:
    _rows(1)
    noted = command("audit", "head").output.strip()
    _rows(2)
    seal_all()
    assert command("audit", "verify", "--head", noted).exit_code == 0
    assert command("audit", "verify", "--head", noted[:-1] + ("0" if noted[-1] != "0" else "1")).exit_code == 1
    assert command("audit", "verify", "--head", "one:two").exit_code == 2


def test_an_export_can_be_verified_elsewhere(command: Command, tmp_path: Path) -> None:
    _rows(2)
    exported = command("audit", "export").output
    assert [json.loads(line)["subject"] for line in exported.splitlines()] == ["site:0", "site:1"]
    path = tmp_path / "audit.jsonl"
    path.write_text(exported, encoding="utf-8")
    assert command("audit", "verify", str(path)).exit_code == 0
    path.write_text(exported.replace("site:0", "site:7"), encoding="utf-8")
    assert command("audit", "verify", str(path)).exit_code == 1
    path.write_text("{}\n", encoding="utf-8")
    assert "Line 1 is no row" in command("audit", "verify", str(path)).output


def test_commands_leave_rows(command: Command) -> None:
    ada = make_user(email="ada@example.org")
    assert command("site", "create", "tide", "--name", "The Tide").exit_code == 0
    assert command("role", "grant", "ada@example.org", "admin", "--site", "tide").exit_code == 0
    assert command("user", "signout", "ada@example.org").exit_code == 0
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(row.action, row.via, row.actor_id) for row in rows] == [
        ("site.created", "command", None), ("role.granted", "command", None), ("sessions.ended", "command", None),
    ]
    assert {row.subject for row in rows[1:]} == {f"user:{ada.id}"}
    assert "@" not in "".join(row.facts for row in rows)
