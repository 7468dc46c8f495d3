"""``commentsvc audit``: whether the audit log is what was written, and all of it as lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click
from flask.cli import with_appcontext

from commentsvc.accounts import audit as core
from commentsvc.accounts.audit import Head
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db

BROKEN = 1
# A worker seals every minute; one that is away for this long is worth a word.
LATE_MINUTES = 10

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})", re.ASCII)


class _HeadType(click.ParamType[Head]):
    """`POSITION:HASH`, as `commentsvc audit head` prints it."""

    name = "position:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        found = _HEAD.fullmatch(str(value).strip())
        if found is None:
            self.fail("it reads like 4711:9f86d0… with 64 hexadecimal digits, as `commentsvc audit head` printed it", param, ctx)
        return Head(int(found[1]), bytes.fromhex(found[2]))


@click.group()
def audit() -> None:
    """Verify and export the audit log."""


@audit.command()
@click.argument("file", type=click.File("r", encoding="utf-8"), required=False)
@click.option("--head", "noted", type=_HeadType(), help="A head that was kept elsewhere: the chain must have passed through it.")
@with_appcontext
def verify(file: IO[str] | None, noted: Head | None) -> None:
    """Read the whole chain and say the first row that was changed, taken out or put in; exit status 1 then.

    With FILE, an export instead of the database.
    """
    with _reading():
        found = core.verify(_lines(file) if file else core.sealed_rows(), noted=noted)
        unsealed = None if file else core.waiting()
        stored = found.head if file else core.head()
    if found.problem is None and stored.position < found.head.position:
        stored = found.head  # a worker sealed meanwhile
    if found.problem is None and stored != found.head:
        found = core.Verified(found.head, f"The chain ends at row {found.head.position}; its head says row {stored.position}: what came after is gone.")
    if found.problem is not None:
        click.echo(f"Broken. {found.problem}")
        click.echo(f"Sound up to {found.head}")
        raise click.exceptions.Exit(BROKEN)
    click.echo(f"Sound: {found.head.position:,} rows. Head {found.head}")
    if unsealed and unsealed.since is not None:
        minutes = int((utcnow() - unsealed.since).total_seconds() // 60)
        late = minutes >= LATE_MINUTES
        click.echo(
            f"{unsealed.count:,} rows are not sealed yet, the oldest for {minutes} minutes"
            + (": does a worker run? Until they are sealed, they could be changed unnoticed." if late else "; a worker seals them every minute.")
        )


@audit.command()
@with_appcontext
def head() -> None:
    """Seal what waits and print where the chain ends; keep that where nobody with this database can change it."""
    core.seal_all()
    click.echo(core.head())
    db.session.rollback()


@audit.command()
@with_appcontext
def export() -> None:
    """Seal what waits and print the log as JSON lines, in the order of the chain."""
    core.seal_all()
    with _reading():
        for row in core.sealed_rows():
            sys.stdout.write(json.dumps(row, separators=(",", ":")) + "\n")


def _lines(file: IO[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, start=1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not found.keys() >= core.EXPORTED:
            raise click.ClickException(f"Line {number} is no row of an export.")
        yield found


@contextmanager
def _reading() -> Iterator[None]:
    """Hold nobody up meanwhile: the log may be long."""
    token = write_intent.set(False)
    try:
        yield
        db.session.rollback()
    finally:
        write_intent.reset(token)
