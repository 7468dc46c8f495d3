"""``commentsvc demo``: the publisher that ships."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext


@click.group("demo")
def demo_group() -> None:
    """The demo publisher."""


@demo_group.command()
@with_appcontext
def load() -> None:
    """Load the demo publisher, its articles and conversations, and screen them. Repeatable.

    `commentsvc run --demo` does this by itself.
    """
    from commentsvc.demo.load import import_threads, prepare, raise_flags, screen_threads

    base_url = current_app.config["SETTINGS"].BASE_URL
    prepare(base_url)
    import_threads(base_url)
    screen_threads()
    raise_flags()
    click.echo(f"The demo is loaded, for {base_url}.")
