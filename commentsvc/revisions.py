"""Which migration a database stands at, and the way to this release's."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import Connection

from commentsvc.config import Settings
from commentsvc.extensions import db


def revision_of(connection: Connection) -> str | None:
    """The database's revision; None where it has no tables."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions(migrations: Path) -> list[str]:
    """This release's revisions, newest first."""
    return [script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()]


def bring_up_to_date() -> str | None:
    """Migrate the application's database to this release; the revision it has where a newer release made it.

    Such a database is left as it is: until a migration contracts, the release before works with it
    (docs/upgrading.md), and that is the way back from an upgrade.
    """
    settings: Settings = current_app.config["SETTINGS"]
    with db.engine.connect() as connection:
        found = revision_of(connection)
    if found is not None and found not in known_revisions(settings.migrations_path):
        return found
    upgrade()
    return None
