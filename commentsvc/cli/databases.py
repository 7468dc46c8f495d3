"""``commentsvc db``: migrations."""

from __future__ import annotations

import click
from alembic.util import CommandError
from flask.cli import with_appcontext


@click.group("db")
def db_group() -> None:
    """Bring the database to this release's tables, or check that it is."""


@db_group.command()
@with_appcontext
def upgrade() -> None:
    """Migrate the database to this release; an empty one gets its tables."""
    from flask_migrate import upgrade as migrate

    migrate()
    click.echo("The database is up to date.")


@db_group.command()
@with_appcontext
def check() -> None:
    """Fail when the models and the migrations differ: a migration is missing."""
    from flask_migrate import check as compare

    try:
        compare()
    except (CommandError, SystemExit) as error:
        raise click.ClickException("The models and the database's tables differ; see above.") from error
