"""The command line; `commentsvc --help` lists the groups, one module each."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import FlaskGroup


def _create_app() -> Flask:
    from commentsvc import create_app

    return create_app()


@click.group(cls=FlaskGroup, create_app=_create_app, add_default_commands=False, load_dotenv=False)
def main() -> None:
    """Comments and moderation for newsrooms."""


def register_commands(app: Flask) -> None:
    """Commands that need the application."""


def _register() -> None:
    from commentsvc.cli.model import model

    main.add_command(model)


_register()
