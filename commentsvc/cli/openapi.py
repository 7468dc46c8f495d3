"""The API's OpenAPI document as a file."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

DEFAULT = Path("docs/openapi.json")


@click.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True, help="Where to write it.")
@click.option("--check", is_flag=True, help="Write nothing; fail when the file differs.")
@with_appcontext
def openapi(output: Path, check: bool) -> None:
    """Write the API's OpenAPI document, or check the one that is kept."""
    from commentsvc.api.document import openapi_json

    document = openapi_json()
    if not check:
        output.write_bytes(document)
        click.echo(f"Wrote {output}.")
    elif not output.is_file() or output.read_bytes() != document:
        raise click.ClickException(f"{output} is not what the API says; run: commentsvc openapi")
    else:
        click.echo(f"{output} is up to date.")
