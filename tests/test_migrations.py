"""Upgrading with data in the database, and back; and migrations that leave the release before working."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.operations.base import AbstractOperations
from alembic.script import Script, ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text

from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import page_of_roots
from commentsvc.config import Settings
from commentsvc.delivery.email import deliver_due
from commentsvc.extensions import db
from commentsvc.moderation.screen import screen_pending
from commentsvc.revisions import known_revisions, revision_of
from commentsvc.sites.models import Article
from commentsvc.transfer.archive import opened
from commentsvc.transfer.backup import write_backup
from commentsvc.transfer.restore import check_revision, put_counts_right, restore
from commentsvc.transfer.rows import digest, lines, load, snapshot
from tests.conftest import serving
from tests.everything import fill_everything
from tests.factories import fresh, make_article, make_comment
from tests.kept import tables_of
from tests.moderation.stand_ins import Reader

SETTINGS = Settings()
HEAD, *BEFORE = known_revisions(SETTINGS.migrations_path)
# The two before the newest, the first, and some between: a way up from any passes through the others.
OLDER = list(dict.fromkeys([*BEFORE[:2], *BEFORE[2:-1:9], BEFORE[-1]]))
# With PostgreSQL, where a way takes four times as long, the shortest, the longest and one between.
WAYS = [revision if revision in {OLDER[0], OLDER[len(OLDER) // 2], OLDER[-1]} else pytest.param(revision, marks=pytest.mark.once) for revision in OLDER]

# Table -> columns, and table -> what rows say of these.
Shape = dict[str, list[str]]
Rows = dict[str, list[bytes]]


def shape() -> Shape:
    """The tables of the application's database, parents first."""
    with snapshot(db.engine) as connection:
        return {table.name: table.c.keys() for table in tables_of(connection).sorted_tables}


def rows_of(wanted: Shape) -> Rows:
    db.session.remove()
    with snapshot(db.engine) as connection:
        tables = tables_of(connection).tables
        return {name: list(b"".join(lines(connection, tables[name], columns)).splitlines()) for name, columns in wanted.items()}


def digests(wanted: Shape) -> dict[str, str]:
    db.session.remove()
    with snapshot(db.engine) as connection:
        tables = tables_of(connection).tables
        return {name: digest(connection, tables[name], columns) for name, columns in wanted.items()}


def write_as(old: Shape, rows: Rows) -> None:
    """Insert as a release does that knows these columns and no others."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in tables_of(connection).sorted_tables:
            if table.name in old:
                load(connection, table, old[table.name], rows[table.name], lambda _: None)
                if connection.dialect.name == "postgresql" and "id" in table.c and isinstance(table.c["id"].type, sa.BigInteger):
                    connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), 100000)"))


_older: dict[str, tuple[Shape, bytes]] = {}


def shape_at(revision: str, elsewhere: Settings) -> Shape:
    """Make that release's tables there, and say which. With SQLite once a process: each release is where three tests begin."""
    sqlite = elsewhere.database_url.startswith("sqlite")
    file = elsewhere.instance_path / "commentsvc.sqlite3"
    if sqlite and revision in _older:
        found, made = _older[revision]
        elsewhere.make_instance()
        file.write_bytes(made)
        return found
    with serving(elsewhere):
        upgrade(revision=revision)
        found = shape()
    if sqlite:
        _older[revision] = found, file.read_bytes()
    return found


def works(settings: Settings) -> None:
    """This release's own verbs over what is there."""
    assert put_counts_right() == []
    article = db.session.scalars(select(Article).order_by(Article.id.desc())).first()
    assert article is not None
    waiting = set(db.session.scalars(select(Comment.id).where(Comment.status == Status.PENDING)))
    assert waiting
    db.session.rollback()
    while screen_pending(Reader, batch=32, lease=30):
        pass
    left = db.session.scalars(select(Comment.status).where(Comment.id.in_(waiting))).all()
    assert Status.PENDING not in left
    assert page_of_roots(fresh(article)).nodes
    make_comment(fresh(article), body="Written after the upgrade.")
    assert deliver_due(settings) > 0
    assert put_counts_right() == []
    if db.engine.dialect.name == "sqlite":
        with snapshot(db.engine) as connection:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


@pytest.fixture
def full(app: Flask) -> Flask:
    fill_everything()
    return app


@pytest.mark.parametrize("revision", WAYS)
def test_a_filled_database_of_an_older_release_goes_up_down_and_up_again_without_loss(
    full: Flask, elsewhere: Settings, revision: str
) -> None:
    old = shape_at(revision, elsewhere)
    rows = rows_of(old)
    with serving(elsewhere):
        write_as(old, rows)
        before = digests(old)
        assert all(rows.values()), "a table without rows proves nothing"
        upgrade()
        assert digests(old) == before
        downgrade(revision=revision)
        assert (shape(), digests(old)) == (old, before)
        upgrade()
        assert digests(old) == before
        works(elsewhere)
        after = digests(old)
        downgrade(revision=revision)
        assert digests(old) == after
        upgrade()
        assert digests(old) == after
        assert "Written after the upgrade." in db.session.scalars(select(Comment.body)).all()


@pytest.mark.parametrize("revision", WAYS)
def test_an_older_release_goes_on_writing_after_the_migration_and_this_one_works_with_it(
    full: Flask, elsewhere: Settings, revision: str
) -> None:
    """While machines are upgraded one after the other, both write into the newest schema."""
    old = shape_at(revision, elsewhere)
    rows = rows_of(old)
    with serving(elsewhere):
        upgrade()
        write_as(old, rows)
        assert rows_of(old) == rows
        works(elsewhere)


@pytest.mark.parametrize("revision", WAYS)
def test_a_backup_of_an_older_release_is_restored_and_migrated(
    full: Flask, elsewhere: Settings, tmp_path: Path, revision: str
) -> None:
    old = shape_at(revision, elsewhere)
    rows = rows_of(old)
    with serving(elsewhere):
        write_as(old, rows)
        write_backup(tmp_path / "old.zip", elsewhere)
        upgrade()
        with opened(tmp_path / "old.zip") as archive:
            assert archive.manifest.revision == revision
            check_revision(archive.manifest, elsewhere.migrations_path)
            restore(archive, replace=True)
        with snapshot(db.engine) as connection:
            assert revision_of(connection) == HEAD
        assert rows_of(old) == rows
        works(elsewhere)


def test_a_database_of_a_newer_release_can_be_replaced_by_an_older_backup(
    full: Flask, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    """The way back over a migration that contracted: the older release restores the backup made before the upgrade."""
    write_backup(tmp_path / "before.zip", settings)
    wanted = shape()
    before = digests(wanted)
    with serving(elsewhere):
        upgrade()
        make_comment(make_article())
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE badges (id INTEGER PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id))"))
            connection.execute(text("INSERT INTO badges SELECT 1, id FROM users"))
            connection.execute(text("ALTER TABLE comments DROP COLUMN screen_attempts"))
            connection.execute(text("UPDATE alembic_version SET version_num = '20991231a'"))
        write_backup(tmp_path / "newer.zip", elsewhere)  # what --replace keeps of it
        with opened(tmp_path / "before.zip") as archive:
            restore(archive, replace=True)
        assert (shape(), digests(wanted)) == (wanted, before)
    with opened(tmp_path / "newer.zip") as archive:
        archive.verify()
        assert archive.manifest.rows("badges") == 1


# A migration runs while the release before still serves. So it may add what that release need not know; what takes
# something away from it stands in a migration of its own, a release later, which says CONTRACT = "why, and since when
# nothing uses it". A unique index that is made anew over fewer rows asks less than the release before knows: RELAXES = {its name: "why"}.
_CONTRACTING_SQL = re.compile(r"\b(DROP\s+(TABLE|COLUMN)|RENAME|SET\s+NOT\s+NULL|ADD\s+CONSTRAINT|TYPE\s+\w+|DELETE|TRUNCATE)\b", re.IGNORECASE)


def contracting(done: list[ops.MigrateOperation], relaxed: Container[str] = ()) -> list[str]:
    """What of these operations an older release cannot live with, in words."""
    new = {one.table_name for one in done if isinstance(one, ops.CreateTableOp)}
    unknown = {one.column.name for one in done if isinstance(one, ops.AddColumnOp) and one.column.nullable}
    return [
        f"{type(one).__name__}: {why}"
        for one in done
        if getattr(one, "table_name", None) not in new and getattr(one, "index_name", None) not in relaxed and (why := _why(one, unknown))
    ]


def _why(one: ops.MigrateOperation, unknown: set[str]) -> str:
    match one:
        case ops.DropTableOp() | ops.RenameTableOp() | ops.DropColumnOp():
            why = "an older release still uses it"
        case ops.AddColumnOp(column=column) if not column.nullable and column.server_default is None:
            why = f"an older release writes no {column.name}: give it a server_default, or let it be NULL"
        case ops.AlterColumnOp() if one.modify_name or one.modify_nullable is False or one.modify_type is not None or one.modify_server_default is None:
            why = f"an older release may write what {one.column_name} no longer takes"
        case ops.CreateUniqueConstraintOp() | ops.CreateCheckConstraintOp() | ops.CreateForeignKeyOp() | ops.CreatePrimaryKeyOp():
            why = "an older release does not know the constraint"
        case ops.CreateIndexOp(unique=True) if not unknown & {str(column) for column in one.columns}:
            why = "an older release does not know that it is unique"
        case ops.ExecuteSQLOp() if _CONTRACTING_SQL.search(str(one.sqltext)):
            why = str(one.sqltext)
        case _:
            why = ""
    return why


def recorded(migration: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[ops.MigrateOperation]:
    """The operations of a migration, which writes SQL for PostgreSQL into nowhere."""
    done: list[ops.MigrateOperation] = []
    invoke = AbstractOperations.invoke

    def record(self: AbstractOperations, operation: Any) -> Any:
        done.append(operation)
        return invoke(self, operation)

    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": io.StringIO()})
    with monkeypatch.context() as patched, Operations.context(context):
        patched.setattr(AbstractOperations, "invoke", record)
        migration()
    return done


SCRIPTS = list(ScriptDirectory(str(SETTINGS.migrations_path)).walk_revisions())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
def test_a_migration_takes_nothing_from_the_release_before_unless_it_says_so(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    done = recorded(script.module.upgrade, monkeypatch)
    assert done
    if not getattr(script.module, "CONTRACT", ""):
        assert contracting(done, getattr(script.module, "RELAXES", {})) == []


def _batch(change: Callable[[Any], object]) -> Callable[[], None]:
    def migration() -> None:
        with op.batch_alter_table("comments") as batch:
            change(batch)

    return migration


@pytest.mark.parametrize(
    ("migration", "harmful"),
    [
        (lambda: op.drop_column("comments", "body"), True),
        (_batch(lambda batch: batch.drop_column("body")), True),
        (lambda: op.drop_table("votes"), True),
        (lambda: op.rename_table("votes", "opinions"), True),
        (lambda: op.alter_column("comments", "body", new_column_name="text"), True),
        (lambda: op.alter_column("comments", "external_id", nullable=False), True),
        (lambda: op.alter_column("comments", "body", type_=sa.String(100)), True),
        (lambda: op.alter_column("comments", "screen_again", server_default=None), True),
        (lambda: op.add_column("comments", sa.Column("mood", sa.Text(), nullable=False)), True),
        (_batch(lambda batch: batch.add_column(sa.Column("mood", sa.Text(), nullable=False))), True),
        (lambda: op.create_unique_constraint("uq", "comments", ["body"]), True),
        (lambda: op.create_check_constraint("ck", "comments", "depth < 3"), True),
        (lambda: op.create_foreign_key("fk", "comments", "users", ["author_id"], ["id"]), True),
        (lambda: op.create_index("ix", "comments", ["body"], unique=True), True),
        (lambda: op.execute("ALTER TABLE comments DROP COLUMN body"), True),
        (lambda: op.execute(sa.text("ALTER TABLE comments ALTER body SET NOT NULL")), True),
        (lambda: op.add_column("comments", sa.Column("mood", sa.Text(), nullable=True)), False),
        (lambda: op.add_column("comments", sa.Column("mood", sa.Text(), nullable=False, server_default="")), False),
        (lambda: op.alter_column("comments", "body", nullable=True), False),
        (lambda: op.create_index("ix", "comments", ["body"]), False),
        (lambda: op.drop_index("ix_comments_author", "comments"), False),
        (lambda: op.create_table("moods", sa.Column("id", sa.Integer(), nullable=False), sa.UniqueConstraint("id")), False),
        (lambda: op.execute("UPDATE comments SET depth = 0 WHERE depth IS NULL"), False),
    ],
)
def test_the_rule_tells_expanding_from_contracting(
    migration: Callable[[], object], harmful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bool(contracting(recorded(migration, monkeypatch))) is harmful


def test_what_is_new_in_the_same_migration_may_be_made_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def migration() -> None:
        op.create_table("moods", sa.Column("id", sa.Integer()))
        op.add_column("moods", sa.Column("name", sa.Text(), nullable=False))
        op.create_index("ix", "moods", ["name"], unique=True)

    assert contracting(recorded(migration, monkeypatch)) == []
