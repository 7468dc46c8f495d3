"""``commentsvc db``: migrations."""

from __future__ import annotations

import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext

from commentsvc.web import settings_of


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
def rekey() -> None:
    """From now on, the nodes on this database sign with this node's secret key.

    Everybody is signed out. Nodes that run go on with the old key until they are started again.
    """
    from commentsvc.accounts.signing import adopt_signing_key
    from commentsvc.extensions import db

    adopt_signing_key(settings_of(current_app))
    db.session.commit()
    click.echo("Nodes that start from now on need this secret key. Start all of them again; everybody is signed out.")


@db_group.command()
@with_appcontext
def check() -> None:
    """Fail when the models and the migrations differ: a migration is missing."""
    from flask_migrate import check as compare

    try:
        compare()
    except (CommandError, SystemExit) as error:
        raise click.ClickException("The models and the database's tables differ; see above.") from error
