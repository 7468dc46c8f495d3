"""Backup and restore as a person runs them: in processes of their own where they are killed or limited, and once as a whole."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from commentsvc.cli import main
from commentsvc.config import Settings
from commentsvc.database import utcnow, write_intent
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.transfer.restore import filled
from tests.conftest import serving
from tests.everything import fill_everything, row_counts
from tests.factories import make_article, make_comment, make_user

ROOT = Path(__file__).parents[2]


def told(settings: Settings) -> dict[str, str]:
    return {
        "COMMENTSVC_INSTANCE": settings.INSTANCE, "COMMENTSVC_DATABASE_URL": settings.DATABASE_URL,
        "COMMENTSVC_SECRET_KEY": settings.SECRET_KEY,
    }


def environ(settings: Settings) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COMMENTSVC_")} | told(settings)


def run(settings: Settings, *words: object) -> Result:
    """`commentsvc` with these words, in this process: one of its own takes two seconds to start. What would be a traceback fails."""
    outside: dict[str, str | None] = {name: None for name in os.environ if name.startswith("COMMENTSVC_")}
    intent = write_intent.set(False)  # as a command begins
    try:
        done = CliRunner().invoke(main, [*map(str, words)], env={**outside, **told(settings)})
    finally:
        write_intent.reset(intent)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def run_apart(settings: Settings, *words: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process; no file it writes may become larger than `limit` bytes."""
    return subprocess.run(
        [sys.executable, "-m", "commentsvc.cli", *map(str, words)], cwd=ROOT, env=environ(settings), capture_output=True, text=True,
        check=False, preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def _fill_much() -> None:
    """Some seconds' worth of backup, in letters that do not get smaller."""
    rows = [{"recipient": f"{n}@example.org", "subject": "s", "text": os.urandom(8000).hex(), "created_at": utcnow()} for n in range(2000)]
    db.session.execute(Mail.__table__.insert(), rows)  # type: ignore[attr-defined]
    db.session.commit()


def test_a_backup_is_written_verified_and_restored(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    fill_everything()
    rows = row_counts()
    made = run_apart(settings, "backup", tmp_path, "--verify", "--with-secret")
    assert made.returncode == 0, made.stderr
    [path] = tmp_path.glob("commentsvc-*.zip")
    assert "restored and compared" in made.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    checked = run(elsewhere, "restore", path, "--check")
    assert checked.exit_code == 0, checked.stderr
    assert "can be restored" in checked.stdout
    assert not elsewhere.instance_path.exists()
    done = run_apart(elsewhere, "restore", path)
    assert done.returncode == 0, done.stderr
    assert f"Restored: {sum(rows.values()):,} rows" in done.stdout
    assert (elsewhere.instance_path / "secret_key").read_text() == f"{settings.SECRET_KEY}\n"
    with serving(elsewhere):
        assert row_counts() == rows | {"audit_entries": rows["audit_entries"] + 1}  # that it was restored
    # Nothing but the archive is left beside it.
    assert {found.name for found in tmp_path.iterdir()} <= {path.name, "elsewhere"}


def test_replacing_keeps_a_backup_of_what_was_there(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    make_comment(make_article())
    assert run(settings, "backup", tmp_path / "a.zip").exit_code == 0
    with serving(elsewhere):
        upgrade()
        make_user("Was here before")
    refused = run(elsewhere, "restore", tmp_path / "a.zip")
    assert refused.exit_code == 1
    assert "not empty: 1 users" in refused.stderr
    done = run(elsewhere, "restore", tmp_path / "a.zip", "--replace")
    assert done.exit_code == 0, done.stderr
    [before] = elsewhere.instance_path.glob("before-restore-*.zip")
    assert f"kept in {before}" in done.stderr
    with zipfile.ZipFile(before) as kept:
        assert b"Was here before" in kept.read("tables/users.jsonl")
    with serving(elsewhere):
        assert row_counts()["comments"] == 1


@pytest.mark.once
def test_a_damaged_backup_touches_nothing(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    make_comment(make_article())
    assert run(settings, "backup", tmp_path / "a.zip").exit_code == 0
    whole = (tmp_path / "a.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        at = packed.getinfo("tables/comments.jsonl").header_offset + 30 + len("tables/comments.jsonl") + 60
    (tmp_path / "damaged.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pg.zip").write_bytes(b"PGDMP\x01\x0e" + bytes(100))
    for name, says in (("damaged", "tables/comments.jsonl is damaged"), ("cut", "cut off"), ("pg", "not a backup")):
        done = run(elsewhere, "restore", tmp_path / f"{name}.zip")
        assert done.exit_code == 1, done.stderr
        assert says in done.stderr
    assert not elsewhere.instance_path.exists()


@pytest.mark.once
def test_killed_in_the_middle_nothing_has_its_name_and_the_next_one_works(app: Flask, settings: Settings, tmp_path: Path) -> None:
    _fill_much()
    path, partial = tmp_path / "a.zip", tmp_path / "a.zip.partial"
    process = subprocess.Popen(
        [sys.executable, "-m", "commentsvc.cli", "backup", str(path)], cwd=ROOT, env=environ(settings), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not partial.exists() or partial.stat().st_size < 1_000_000:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it was over before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    assert partial.stat().st_mode & 0o777 == 0o600
    done = run(settings, "backup", path, "--verify")
    assert done.exit_code == 0, done.stderr
    assert not partial.exists()


def _loading(settings: Settings) -> bool:
    """Whether a restore into this place has come to the rows, and is in the middle of them."""
    if settings.DATABASE_URL:
        db.session.rollback()  # what goes on elsewhere stands still within a transaction
        return bool(db.session.scalar(text("SELECT count(*) FROM pg_stat_progress_copy WHERE tuples_processed > 0")))
    wal = settings.instance_path / "commentsvc.sqlite3-wal"
    return wal.exists() and wal.stat().st_size > 5_000_000


def test_a_restore_that_is_killed_leaves_an_empty_database_and_can_be_run_again(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    _fill_much()
    rows = row_counts()
    assert run(settings, "backup", tmp_path / "a.zip").exit_code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "commentsvc.cli", "restore", str(tmp_path / "a.zip")], cwd=ROOT, env=environ(elsewhere),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not _loading(elsewhere):
        assert time.monotonic() < deadline
        assert process.poll() is None, "it was over before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with serving(elsewhere):
        assert filled() == {}
    done = run(elsewhere, "restore", tmp_path / "a.zip")
    assert done.exit_code == 0, done.stderr
    with serving(elsewhere):
        assert row_counts() == rows | {"audit_entries": rows["audit_entries"] + 1}  # that it was restored


@pytest.mark.once
def test_ctrl_c_leaves_nothing(app: Flask, settings: Settings, tmp_path: Path) -> None:
    _fill_much()
    # Where the tests run in the background they ignore it, and so would a child of theirs.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "commentsvc.cli", "backup", str(tmp_path / "a.zip")], cwd=ROOT, env=environ(settings),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    signal.signal(signal.SIGINT, heard)
    while not list(tmp_path.glob("*.partial")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith("a.zip")] == []


@pytest.mark.once
def test_a_disk_that_is_full_leaves_nothing(app: Flask, settings: Settings, tmp_path: Path) -> None:
    _fill_much()
    done = run_apart(settings, "backup", tmp_path / "a.zip", limit=5_000_000)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith("a.zip")] == []


@pytest.mark.once
def test_a_backup_does_not_replace_a_file(app: Flask, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("mine")
    done = run(settings, "backup", tmp_path / "a.zip")
    assert done.exit_code == 1
    assert "already there" in done.stderr
    assert (tmp_path / "a.zip").read_text() == "mine"


@pytest.mark.once
def test_restore_refuses_where_the_supervisor_runs(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    from commentsvc.cli.run import alone

    make_comment(make_article())
    assert run(settings, "backup", tmp_path / "a.zip").exit_code == 0
    with alone(elsewhere.instance_path):
        done = run(elsewhere, "restore", tmp_path / "a.zip")
    assert done.exit_code == 1
    assert "already runs" in done.stderr


@pytest.mark.once
def test_check_and_replace_exclude_each_other(elsewhere: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    assert run(elsewhere, "restore", tmp_path / "a.zip", "--check", "--replace").exit_code == 2


@pytest.mark.once
def test_a_damaged_sqlite_file_is_said_and_leaves_no_backup(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    make_comment(make_article())
    assert run(settings, "backup", tmp_path / "a.zip").exit_code == 0
    place = dataclasses.replace(elsewhere, DATABASE_URL="")
    with serving(place):
        upgrade()
        make_comment(make_article())
    file = place.instance_path / "commentsvc.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    said = run_apart(place, "backup", tmp_path / "b.zip")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False), said.stderr
    assert not list(tmp_path.glob("b.zip*"))
    file.write_bytes(os.urandom(20_000))
    done = run(place, "restore", tmp_path / "a.zip", "--replace")
    assert done.exit_code == 1, done.stderr
    assert "Move it away" in done.stderr
    file.unlink()
    assert run(place, "restore", tmp_path / "a.zip").exit_code == 0


@pytest.mark.once
def test_a_folder_that_is_not_there_is_said(app: Flask, settings: Settings, tmp_path: Path) -> None:
    done = run(settings, "backup", tmp_path / "no/such/folder/a.zip")
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr
