"""``commentsvc secret``: the secret that signs sessions, cursors and links, and seals what has to be read again."""

from __future__ import annotations

import click
from sqlalchemy.exc import DatabaseError

from commentsvc.config import Settings
from commentsvc.errors import name_of


@click.group()
def secret() -> None:
    """Change the secret key."""


@secret.command()
@click.option(
    "--keep", type=click.IntRange(0, 10), default=1, show_default=True,
    help="Former secrets that go on opening what they signed; 0 makes it void at once.",
)
def rotate(*, keep: int) -> None:
    """Make a new secret in the instance folder; restart web and worker afterwards."""
    settings = Settings.from_environment()
    former_keys = settings.secret_keys()
    try:
        settings.rotate_secret(keep)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    _reseal(settings, former_keys)
    former = "nothing that was signed before opens any more" if keep == 0 else "what was signed before still opens"
    click.echo(f"There is a new secret. Restart web and worker; {former}.")


def _reseal(settings: Settings, former: list[str]) -> None:
    """What authenticator apps share with us must not be lost with the key that sealed it."""
    from commentsvc import create_app
    from commentsvc.accounts.audit import record
    from commentsvc.accounts.factors import reseal
    from commentsvc.extensions import db
    from commentsvc.tasks import EXTENSION

    app = create_app(settings)
    with app.app_context():
        try:
            record(None, "secret.rotated", apps=reseal(former, settings.secret_key()))
            db.session.commit()
        except DatabaseError as error:
            db.session.rollback()
            click.echo(
                f"The secrets of authenticator apps were not sealed anew ({name_of(error)}): they need the former secret. "
                "Where there is no database yet, there are none.", err=True,
            )
        finally:
            db.session.remove()
            db.engine.dispose()
            app.extensions[EXTENSION].huey.storage.close()
