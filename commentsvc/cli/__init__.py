"""The command line; `commentsvc --help` lists the commands, one module each group."""

from __future__ import annotations

import importlib
from typing import Any

import click
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy.exc import OperationalError, ProgrammingError

from commentsvc.errors import CommentsvcError

# Name -> module and object. A command imports only what it needs: the worker must not pay for
# tables of numbers, nor the web process for a model runtime.
COMMANDS = {
    "audit": "commentsvc.cli.audit:audit",
    "backup": "commentsvc.cli.backup:backup",
    "consents": "commentsvc.cli.training:consents",
    "db": "commentsvc.cli.databases:db_group",
    "demo": "commentsvc.cli.demo:demo_group",
    "doctor": "commentsvc.cli.doctor:doctor",
    "figures": "commentsvc.cli.figures:figures",
    "load": "commentsvc.cli.load:load",
    "model": "commentsvc.cli.model:model",
    "openapi": "commentsvc.cli.openapi:openapi",
    "perspective": "commentsvc.cli.perspective:perspective",
    "policy": "commentsvc.cli.policy:policy",
    "rescore": "commentsvc.cli.rescore:rescore",
    "restore": "commentsvc.cli.backup:restore",
    "role": "commentsvc.cli.people:role",
    "run": "commentsvc.cli.run:run",
    "secret": "commentsvc.cli.secret:secret",
    "site": "commentsvc.cli.sites:site",
    "training": "commentsvc.cli.training:training",
    "translations": "commentsvc.cli.translations:translations",
    "statements": "commentsvc.cli.statements:statements",
    "user": "commentsvc.cli.people:user",
    "web": "commentsvc.cli.serve:web",
    "worker": "commentsvc.cli.serve:worker",
}


def _create_app() -> Flask:
    from commentsvc import create_app

    return create_app()


class Commands(click.Group):
    """Imports a command when it is asked for, and says what went wrong in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommentsvcError as error:
            raise click.ClickException(error.message) from error
        except (OperationalError, ProgrammingError) as error:
            raise click.ClickException(
                f"The database could not do this: {error.orig}. Is it there, and has `commentsvc db upgrade` been run?"
            ) from error


@click.group(cls=Commands)
@click.version_option(package_name="commentsvc")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Comments and moderation for newsrooms.

    Settings come from COMMENTSVC_* variables of the environment; docs/operations.md lists them.
    """
    if not isinstance(ctx.obj, ScriptInfo):
        ctx.obj = ScriptInfo(create_app=_create_app)
