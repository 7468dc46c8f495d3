"""What a backup keeps, and what becomes of it elsewhere: everything, once, and the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select, text

from commentsvc.accounts.models import User
from commentsvc.accounts.sessions import start_session, user_by_token
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import submit_comment
from commentsvc.config import Settings
from commentsvc.delivery.email import deliver_due
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason
from commentsvc.sites.models import Article
from commentsvc.transfer.archive import SECRET, Manifest, Member, opened
from commentsvc.transfer.backup import target_of, write_backup
from commentsvc.transfer.restore import (
    Restored,
    check_revision,
    check_room,
    filled,
    put_counts_right,
    put_files,
    restore,
)
from commentsvc.transfer.rows import digest, snapshot
from tests.conftest import serving
from tests.everything import fill_everything, fill_mails, row_counts
from tests.factories import fresh, make_article, make_comment, make_site, make_user
from tests.kept import tables_of

WRITERS = 3


@pytest.fixture
def archive(app: Flask, settings: Settings, tmp_path: Path) -> Path:
    """A backup of a database with something in every table."""
    fill_everything()
    write_backup(tmp_path / "backup.zip", settings)
    return tmp_path / "backup.zip"


def _restore(path: Path, *, replace: bool = False) -> Restored:
    with opened(path) as archive:
        archive.verify()
        return restore(archive, replace=replace)


def _digests() -> dict[str, str]:
    db.session.remove()
    with snapshot(db.engine) as connection:
        return {t.name: digest(connection, t, t.c.keys()) for t in tables_of(connection).sorted_tables}


@pytest.mark.once
def test_the_tests_fill_every_table(app: Flask) -> None:
    fill_everything()
    assert [name for name, rows in row_counts().items() if not rows] == []


def test_everything_comes_back_the_same(app: Flask, archive: Path, elsewhere: Settings) -> None:
    before, rows = _digests(), row_counts()
    with serving(elsewhere):
        restored = _restore(archive)
        assert (_digests(), row_counts()) == (before, rows)
        assert (restored.left_out, restored.miscounted) == ([], [])
        assert put_counts_right() == []


def test_new_rows_get_numbers_of_their_own_afterwards(app: Flask, archive: Path, elsewhere: Settings) -> None:
    highest = db.session.scalar(select(func.max(Comment.id))) or 0
    with serving(elsewhere):
        _restore(archive)
        article = db.session.scalars(select(Article).where(Article.closed_at.is_(None))).first()
        assert article is not None
        assert make_comment(fresh(article)).id > highest


def test_the_manifest_says_what_is_in_it(app: Flask, archive: Path, settings: Settings) -> None:
    with opened(archive) as found:
        about = found.manifest
    assert about.database == db.engine.dialect.name
    assert {name: about.rows(name) for name in about.tables} == row_counts()
    assert dt.datetime.fromisoformat(about.made_at).utcoffset() == dt.timedelta(0)
    assert about.model == "bundled"
    assert archive.stat().st_mode & 0o777 == 0o600


def test_sqlite_and_postgresql_restore_each_other_s(
    app: Flask, archive: Path, elsewhere: Settings, settings: Settings, tmp_path: Path
) -> None:
    if settings.database_url.startswith("sqlite"):
        pytest.skip("runs where there is a PostgreSQL")
    before = _digests()
    sqlite = dataclasses.replace(settings, INSTANCE=str(tmp_path / "sqlite"), DATABASE_URL="")
    with serving(sqlite):
        _restore(archive)
        assert _digests() == before
        assert put_counts_right() == []
        write_backup(tmp_path / "again.zip", sqlite)
    with serving(elsewhere):
        _restore(tmp_path / "again.zip")
        assert _digests() == before
        assert put_counts_right() == []


def test_what_does_not_fit_into_postgresql_is_said_and_nothing_is_kept(
    app: Flask, elsewhere: Settings, settings: Settings, tmp_path: Path
) -> None:
    if settings.database_url.startswith("sqlite"):
        pytest.skip("runs where there is a PostgreSQL")
    sqlite = dataclasses.replace(settings, INSTANCE=str(tmp_path / "sqlite"), DATABASE_URL="")
    with serving(sqlite):
        upgrade()
        make_user("x" * 300)
        write_backup(tmp_path / "long.zip", sqlite)
    with serving(elsewhere):
        with pytest.raises(Invalid, match=r"rows of users could not be stored: value too long"):
            _restore(tmp_path / "long.zip")
        assert filled() == {}


def test_a_mail_that_was_sent_is_not_sent_again_and_one_that_waits_is(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    fill_mails()
    write_backup(tmp_path / "backup.zip", settings)
    with serving(elsewhere):
        _restore(tmp_path / "backup.zip")
        assert deliver_due(elsewhere) == 1
        assert [path.name.partition("-waits")[1] for path in (elsewhere.instance_path / "outbox").iterdir()] == ["-waits"]
        assert deliver_due(elsewhere) == 0
        later = db.session.scalars(select(Mail).where(Mail.sent_at.is_(None))).one()
        assert (later.subject, later.attempts) == ("was tried", 2)


def test_a_filled_database_is_refused_and_keeps_what_it_has(app: Flask, archive: Path, elsewhere: Settings) -> None:
    with serving(elsewhere):
        upgrade()
        make_user("Was here")
        before = _digests()
        with pytest.raises(Conflict, match="not empty: 1 users"):
            _restore(archive)
        assert _digests() == before


def test_replacing_leaves_nothing_of_what_was_there(app: Flask, archive: Path, elsewhere: Settings) -> None:
    before = _digests()
    with serving(elsewhere):
        upgrade()
        for _ in range(3):
            make_comment(make_article())
        _restore(archive, replace=True)
        assert _digests() == before


def test_a_database_without_tables_is_no_backup(app: Flask, elsewhere: Settings, tmp_path: Path) -> None:
    with serving(elsewhere), pytest.raises(Invalid, match="no tables"):
        write_backup(tmp_path / "empty.zip", elsewhere)
    assert list(tmp_path.glob("empty*")) == []


def test_a_table_of_somebody_else_s_is_left_out_and_said(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE strange (id INTEGER PRIMARY KEY)"))
    try:
        write_backup(tmp_path / "backup.zip", settings)
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE strange"))
    with serving(elsewhere):
        assert _restore(tmp_path / "backup.zip").left_out == ["strange"]


@pytest.mark.once
def test_a_backup_of_a_newer_release_is_refused_by_its_name(app: Flask, archive: Path, settings: Settings) -> None:
    with opened(archive) as found:
        check_revision(found.manifest, settings.migrations_path)
        newer = dataclasses.replace(found.manifest, revision="20991231a", version="9.8.7")
    with pytest.raises(Conflict, match=r"release 9\.8\.7, revision 20991231a.*Install commentsvc 9\.8\.7"):
        check_revision(newer, settings.migrations_path)
    # Alembic would take the beginning of a revision for the whole.
    with pytest.raises(Conflict, match="does not know"):
        check_revision(dataclasses.replace(newer, revision=found.manifest.revision[:4]), settings.migrations_path)


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda manifest: manifest.tables.pop("flags"), "no rows of flags"),
        (lambda manifest: manifest.tables["users"].remove("email"), "rows of users lack email"),
        (lambda manifest: manifest.tables["users"].append("shoe_size"), "never had: shoe_size"),
    ],
)
def test_a_manifest_that_lacks_what_its_release_had_is_refused_and_nothing_kept(
    app: Flask, archive: Path, elsewhere: Settings, change: Callable[[Manifest], object], says: str
) -> None:
    with serving(elsewhere), opened(archive) as found:
        change(found.manifest)
        with pytest.raises(Invalid, match=says):
            restore(found)
        assert filled() == {}


def test_wrong_counts_are_put_right_and_said(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    wrong, right = make_article(), make_article()
    make_comment(right)
    make_comment(wrong)
    db.session.execute(text("UPDATE articles SET comment_count = 7 WHERE id = :id"), {"id": wrong.id})
    db.session.commit()
    write_backup(tmp_path / "backup.zip", settings)
    with serving(elsewhere):
        assert _restore(tmp_path / "backup.zip").miscounted == [wrong.id]
        assert db.session.get_one(Article, wrong.id).comment_count == 1


@pytest.mark.once
def test_secret_and_models_are_in_it_only_where_asked_for(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    own = dataclasses.replace(settings, INSTANCE=str(tmp_path / "own"))
    for name, content in {"paper-2/model.json": "{}", "current": "paper-2\n", "paper-2/x.onnx.partial": "half"}.items():
        (own.models_path / name).parent.mkdir(parents=True, exist_ok=True)
        (own.models_path / name).write_text(content)
    write_backup(tmp_path / "without.zip", own)
    with opened(tmp_path / "without.zip") as archive:
        assert not [name for name in archive.manifest.members if not name.startswith("tables/")]
        notes = put_files(archive, elsewhere)
    assert [note for note in notes if "sign in again" in note]
    assert [note for note in notes if "model paper-2" in note]
    assert not (elsewhere.models_path / "current").exists()
    write_backup(tmp_path / "with.zip", own, secret=True, models=True)
    with opened(tmp_path / "with.zip") as archive:
        archive.verify()
        [note] = put_files(archive, dataclasses.replace(elsewhere, SECRET_KEY="set"))
        assert "COMMENTSVC_SECRET_KEY is set" in note
        assert not (elsewhere.instance_path / SECRET).exists()
        assert put_files(archive, elsewhere) == []
    assert elsewhere.secret_key() == own.secret_key()
    assert (elsewhere.instance_path / SECRET).stat().st_mode & 0o777 == 0o600
    there = {str(path.relative_to(elsewhere.models_path)) for path in elsewhere.models_path.rglob("*") if path.is_file()}
    assert there == {"current", "paper-2/model.json"}


@pytest.mark.once
def test_a_disk_without_room_is_said_before_anything_is_written(archive: Path, elsewhere: Settings) -> None:
    with opened(archive) as found:
        check_room(found, elsewhere.instance_path, sqlite=True)
        found.manifest.members["tables/users.jsonl"] = Member(10**18, "", 1)
        with pytest.raises(Conflict, match=r"unpacks to 1,000,000,000,\d{3} MB, and .* has room for"):
            check_room(found, elsewhere.instance_path, sqlite=True)
        # Where the rows go to a server, its disk is not this one.
        check_room(found, elsewhere.instance_path, sqlite=False)
    assert not elsewhere.instance_path.exists()


@pytest.mark.once
def test_a_token_signs_in_after_a_restore_without_the_secret(
    app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    user = make_user("Ada")
    token = start_session(user, device="A program")
    db.session.commit()
    write_backup(tmp_path / "backup.zip", settings)
    with serving(elsewhere) as restored:
        _restore(tmp_path / "backup.zip")
        assert restored.config["SECRET_KEY"] != app.config["SECRET_KEY"]
        found = user_by_token(token)
        assert found is not None
        assert found.display_name == "Ada"


def test_a_folder_gets_a_file_named_for_the_time(tmp_path: Path) -> None:
    assert re.fullmatch(r"commentsvc-\d{8}T\d{6}Z\.zip", target_of(tmp_path).name)
    assert target_of(tmp_path).parent == tmp_path
    assert target_of(tmp_path / "named.zip") == tmp_path / "named.zip"


def _post(article_id: int, author_id: int, number: int, rng: random.Random) -> int:
    """As a surface posts: accepted once this returns."""
    article = fresh(db.session.get_one(Article, article_id))
    author = db.session.get_one(User, author_id)
    published = db.session.scalars(
        select(Comment.id).where(Comment.article_id == article_id, Comment.depth < 3).order_by(Comment.id).limit(20)
    ).all()
    parent = rng.choice(published) if published and rng.random() < 0.6 else None
    comment = submit_comment(article, author, f"comment {number} of {author_id}", parent)
    decide(comment, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=comment.version)
    db.session.commit()
    posted = comment.id
    db.session.remove()
    return posted


class Writers:
    """Readers who post until they are told to stop; what was acknowledged, in order."""

    def __init__(self, app: Flask, articles: list[int], authors: list[int]) -> None:
        self.acknowledged: list[int] = []
        self.failed: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(app, articles, author, n)) for n, author in enumerate(authors)]
        for thread in self._threads:
            thread.start()

    def _work(self, app: Flask, articles: list[int], author: int, seed: int) -> None:
        rng = random.Random(seed)
        number = 0
        with app.app_context():
            while not self._stop.is_set():
                number += 1
                try:
                    self.acknowledged.append(_post(rng.choice(articles), author, number, rng))
                except Exception as error:  # noqa: BLE001 - the test says what it was
                    self.failed.append(error)
                    return

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture
def writers(app: Flask) -> Iterator[Writers]:
    site = make_site()
    articles, authors = [make_article(site).id for _ in range(2)], [make_user().id for _ in range(WRITERS)]
    db.session.remove()  # this thread's transaction would have the writers wait
    made = Writers(app, articles, authors)
    yield made
    made.stop()


def test_every_comment_acknowledged_before_is_in_it_and_none_by_half(
    app: Flask, settings: Settings, writers: Writers, elsewhere: Settings, tmp_path: Path
) -> None:
    _until(lambda: len(writers.acknowledged) > 50)
    before = list(writers.acknowledged)
    seen: list[int] = []

    def slowly(*_: object) -> None:
        seen.append(len(writers.acknowledged))
        time.sleep(0.05)

    write_backup(tmp_path / "backup.zip", settings, progress=slowly)
    assert seen[-1] > seen[0], "nobody could write during the backup"
    writers.stop()
    assert writers.failed == []
    with serving(elsewhere):
        restored = _restore(tmp_path / "backup.zip")
        there = set(db.session.scalars(select(Comment.id)))
        assert set(before) <= there <= set(writers.acknowledged)
        assert restored.miscounted == []
        # A comment and its revision are one transaction: neither is there without the other.
        assert there == set(db.session.scalars(text("SELECT comment_id FROM revisions")))


def _until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_manifest_survives_its_own_spelling() -> None:
    made = Manifest("1", "r", "sqlite", "2026-01-01T00:00:00+00:00", "bundled", {})
    assert Manifest.from_json(made.to_json()) == made


@pytest.mark.once
def test_former_secrets_come_back_too(app: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """What they signed still opens after a restore, as it did before."""
    own = dataclasses.replace(settings, INSTANCE=str(tmp_path / "own"), SECRET_KEY="")
    first = own.secret_key()
    own.rotate_secret(keep=1)
    write_backup(tmp_path / "with.zip", own, secret=True)
    with opened(tmp_path / "with.zip") as archive:
        put_files(archive, elsewhere)
    assert elsewhere.secret_keys() == own.secret_keys()
    assert elsewhere.secret_keys()[1] == first
