"""What SQLite is given that it does not have by itself."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from commentsvc import database
from commentsvc.database import WriterLock


def test_a_forked_process_takes_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = WriterLock(str(tmp_path / "writer"))
    assert lock.acquire()  # as one that was used before the processes part
    lock.release()
    told, tell = os.pipe()
    goes_on, go_on = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b"1" if lock.acquire() else b"0")
        os.read(goes_on, 1)
        os._exit(0)
    assert os.read(told, 1) == b"1"
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    try:
        assert not lock.acquire(), "the other process has it"
    finally:
        os.write(go_on, b"1")
        os.waitpid(child, 0)
    assert lock.acquire(), "what ended holds nothing"
    lock.release()


def test_where_its_file_is_gone_a_forked_process_hears_why(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    lock = WriterLock(str(folder / "writer"))
    lock.forked()
    shutil.rmtree(folder)
    began = time.monotonic()
    for _twice in range(2):
        with pytest.raises(FileNotFoundError):
            lock.acquire()
    assert time.monotonic() - began < 5, "the turn was given back"
