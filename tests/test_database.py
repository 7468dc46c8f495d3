"""What SQLite is given that it does not have by itself."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from commentsvc import database
from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment
from commentsvc.database import WriterLock, begin_writing, reads_first
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, Browser
from tests.api.conftest import Caller
from tests.conftest import Statements
from tests.factories import make_article, make_user


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


def test_who_read_first_may_write_although_another_wrote_meanwhile(app: Flask) -> None:
    user_id = make_user("Ada").id
    db.session.commit()
    reads_first.set(True)
    reader = db.session.get_one(User, user_id)
    with db.engine.begin() as other:  # where it had the lock, this would wait for itself
        other.execute(User.__table__.update().values(email="other@example.org"))  # type: ignore[attr-defined]
    begin_writing(db.session)
    reader.display_name = "Ada Lovelace"
    db.session.commit()
    assert db.session.execute(select(User.display_name, User.email)).one() == ("Ada Lovelace", "other@example.org")


@pytest.mark.once
def test_only_the_first_transaction_reads_first(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the view fails before it writes, the answer to that may write something."""
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    reads_first.set(True)
    for has_the_lock in (False, True):
        db.session.execute(select(User.id))
        other = db.engine.connect()
        with pytest.raises(OperationalError) if has_the_lock else nullcontext():
            other.execute(select(User.id))
        other.close()
        db.session.rollback()


@pytest.mark.once
@pytest.mark.parametrize("way", ["widget", "api"])
def test_a_post_reads_what_it_needs_before_it_waits_for_other_writers(
    app: Flask, monkeypatch: pytest.MonkeyPatch, statements: Statements, way: str
) -> None:
    """What it reads is half of its work, and another process can do that at the same time."""
    author = make_user(password_hash=hash_password(PASSWORD))
    article_id, program = make_article().id, Caller(app, start_session(author, device="a test"))
    page, browser = f"/embed/a/{article_id}", Browser(app)
    assert browser.post(f"{page}/sign-in", {"email": author.email, "password": PASSWORD}, page=page).status_code == 303

    def post() -> int:
        if way == "api":
            return program.post(f"/articles/{article_id}/comments", {"body": "The ferry is late."}).status_code
        answer = browser.post(f"{page}/comments", {"body": "The ferry is late."}, page=page)
        assert answer.status_code == 303 or "The ferry is late.</textarea>" in answer.text, "it stands in its form"
        return answer.status_code

    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    with db.engine.begin() as other:
        other.execute(select(func.count()).select_from(Comment))
        statements.clear()
        assert post() == 503, "it is told to come again"
        assert any("FROM user_sessions" in statement for statement in statements)
        assert not any(statement.startswith("INSERT") for statement in statements)
    assert post() in {201, 303}
    assert db.session.scalar(select(func.count()).select_from(Comment)) == 1
