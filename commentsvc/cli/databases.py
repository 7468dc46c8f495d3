"""``commentsvc db``: migrations."""

from __future__ import annotations

import warnings

import click
from alembic.util import CommandError
from flask import current_app
from flask.cli import with_appcontext

from commentsvc.config import Settings


@click.group("db")
def db_group() -> None:
    """Bring the database to this release's tables, take it back, or check that it is there."""


def migrate() -> bool:
    """Migrate the application's database; False, and a word about it, where a newer release already did."""
    from commentsvc.revisions import bring_up_to_date

    newer = bring_up_to_date()
    if newer is not None:
        click.echo(f"The database is of a newer release (revision {newer}); it is left as it is.", err=True)
    return newer is None


@db_group.command()
@with_appcontext
def upgrade() -> None:
    """Migrate the database to this release; an empty one gets its tables."""
    if migrate():
        click.echo("The database is up to date.")


@db_group.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def downgrade(*, revision: str, yes: bool) -> None:
    """Take the database back to an older release's revision; what was new since is dropped.

    With the release that made it, before the older one is installed. docs/upgrading.md says when this is needed.
    """
    from commentsvc.extensions import db
    from commentsvc.revisions import known_revisions, revision_of

    settings: Settings = current_app.config["SETTINGS"]
    known = known_revisions(settings.migrations_path)
    with db.engine.connect() as connection:
        found = revision_of(connection)
    if revision not in known or found not in known or known.index(revision) < known.index(found):
        raise click.UsageError(f"The database is at {found}; it can go back to: {', '.join(known[known.index(found) + 1:]) if found in known else 'none'}.")
    if not yes:
        click.confirm(f"Columns and tables that came after {revision} are dropped with what is in them. Is there a backup?", abort=True)
    from flask_migrate import downgrade as go_back

    go_back(revision=revision)
    click.echo(f"The database is at {revision}.")


@db_group.command()
@with_appcontext
def rekey() -> None:
    """From now on, the nodes on this database sign with this node's secret key.

    Everybody is signed out. Nodes that run go on with the old key until they are started again.
    """
    from commentsvc.accounts.audit import record
    from commentsvc.accounts.signing import adopt_signing_key
    from commentsvc.extensions import db

    settings: Settings = current_app.config["SETTINGS"]
    adopt_signing_key(settings)
    record(None, "secret.adopted")
    db.session.commit()
    click.echo("Nodes that start from now on need this secret key. Start all of them again; everybody is signed out.")


@db_group.command()
@with_appcontext
def check() -> None:
    """Fail when the models and the migrations differ: a migration is missing."""
    from flask_migrate import check as compare

    # Of an index on an expression nothing can be compared on SQLite; the tests ask for it by what reads it.
    warnings.filterwarnings("ignore", message=".*expression-based index")
    try:
        compare()
    except (CommandError, SystemExit) as error:
        raise click.ClickException("The models and the database's tables differ; see above.") from error
