"""``commentsvc secret``: the secret that signs sessions, cursors and links."""

from __future__ import annotations

import click

from commentsvc.config import Settings


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
    try:
        Settings.from_environment().rotate_secret(keep)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    former = "nothing that was signed before opens any more" if keep == 0 else "what was signed before still opens"
    click.echo(f"There is a new secret. Restart web and worker; {former}.")
