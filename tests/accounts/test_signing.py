"""Nodes on one database sign with one key, and one that would not does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from commentsvc.accounts.signing import check_signing_key
from commentsvc.config import Settings
from commentsvc.errors import Conflict
from commentsvc.extensions import db


@pytest.fixture
def first(app: Flask, settings: Settings, tmp_path: Path) -> Settings:
    """A host with a folder of its own and no COMMENTSVC_SECRET_KEY, on a database of its own kind."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("a SQLite database has one machine")
    return replace(settings, INSTANCE=str(tmp_path / "first"), SECRET_KEY="")


COMMAND = ("-m", "commentsvc.cli")


def command(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMENTSVC_")}
    given = {f"COMMENTSVC_{name}": str(getattr(settings, name)) for name in ("INSTANCE", "DATABASE_URL", "SECRET_KEY")}
    return subprocess.run(
        [sys.executable, *words], env={**kept, **given, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=60,
    )


def test_second_host_without_the_first_ones_key_is_refused_in_words(first: Settings, tmp_path: Path) -> None:
    assert check_signing_key(first), "the first one"
    assert not check_signing_key(first), "again, after a restart"
    second = replace(first, INSTANCE=str(tmp_path / "second"))
    with pytest.raises(Conflict, match=r"COMMENTSVC_SECRET_KEY is not set, so this node made its own in .*second/secret_key"):
        check_signing_key(second)
    assert not check_signing_key(replace(second, SECRET_KEY=first.secret_key()))


@pytest.mark.parametrize("words", [(*COMMAND, "web"), (*COMMAND, "worker"), ("-c", "import wsgi")], ids=["web", "worker", "wsgi"])
def test_nothing_serves_or_works_with_another_key(first: Settings, tmp_path: Path, words: tuple[str, ...]) -> None:
    check_signing_key(first)
    stranger = replace(first, INSTANCE=str(tmp_path / "second"), SECRET_KEY="quite another secret key")
    ended = command(stranger, *words)
    assert ended.returncode == 1
    assert "ours is not it (the one in COMMENTSVC_SECRET_KEY)" in ended.stderr
    assert "quite another secret" not in ended.stderr


def test_rekey_lets_the_new_key_in_and_shuts_the_old_one_out(first: Settings, tmp_path: Path) -> None:
    check_signing_key(first)
    new = replace(first, INSTANCE=str(tmp_path / "second"), SECRET_KEY="the new one of all nodes")
    done = command(new, *COMMAND, "db", "rekey")
    assert done.returncode == 0, done.stderr
    assert not check_signing_key(new)
    with pytest.raises(Conflict):
        check_signing_key(first)


def test_key_of_a_sqlite_database_may_change(tmp_path: Path) -> None:
    for secret in ("one", "another"):
        assert not check_signing_key(Settings(INSTANCE=str(tmp_path), SECRET_KEY=secret))


def test_a_new_key_with_the_old_one_behind_it_takes_over(first: Settings, tmp_path: Path) -> None:
    """Node by node: each knows both keys before the first one signs with the new one."""
    old, new = first.secret_key(), "the-new-one-of-all-nodes"
    check_signing_key(first)
    waiting = replace(first, SECRET_KEY=old, SECRET_KEY_FALLBACKS=new)
    changed = replace(first, SECRET_KEY=new, SECRET_KEY_FALLBACKS=old)
    assert not check_signing_key(waiting)
    assert not check_signing_key(changed)
    assert not check_signing_key(waiting), "one that was not changed yet, started again"
    assert not check_signing_key(changed)
    assert not check_signing_key(replace(first, SECRET_KEY=new)), "when the old one is gone"
    with pytest.raises(Conflict):
        check_signing_key(first)
