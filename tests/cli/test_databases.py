"""``commentsvc db``: up, back, and on a database that is ahead."""

from __future__ import annotations

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from commentsvc.cli.databases import migrate
from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.revisions import known_revisions, revision_of
from tests.cli.conftest import Command
from tests.everything import row_counts
from tests.factories import make_article, make_comment

pytestmark = pytest.mark.usefixtures("app")

HEAD, *OLDER = known_revisions(Settings().migrations_path)


def test_a_database_of_a_newer_release_is_left_as_it_is(command: Command) -> None:
    """The way back from an upgrade: the release before runs on the newer schema."""
    make_comment(make_article())
    rows = row_counts()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '20991231a'"))
    try:
        assert not migrate()
        result = command("db", "upgrade")
    finally:
        with db.engine.begin() as connection:
            assert revision_of(connection) == "20991231a"
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
    assert result.exit_code == 0
    assert "newer release (revision 20991231a)" in result.stderr
    assert row_counts() == rows


def test_downgrade_goes_back_to_a_named_revision_only(command: Command) -> None:
    refused = command("db", "downgrade", "20991231a", "--yes")
    assert refused.exit_code == 2
    assert ", ".join(OLDER) in refused.stderr
    assert command("db", "downgrade", OLDER[0], input="n\n").exit_code == 1
    with db.engine.connect() as connection:
        assert revision_of(connection) == HEAD
    result = command("db", "downgrade", OLDER[0], "--yes")
    try:
        assert result.exit_code == 0, result.output
        with db.engine.connect() as connection:
            assert revision_of(connection) == OLDER[0]
        assert command("db", "downgrade", HEAD, "--yes").exit_code == 2
    finally:
        db.session.remove()
        upgrade()
