"""``commentsvc training`` and ``commentsvc consents``: comments for training, of those who agreed, and the ledger that says who did."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from flask.cli import with_appcontext

from commentsvc.errors import Conflict
from commentsvc.extensions import db
from commentsvc.privacy.consents import verify
from commentsvc.privacy.training import export_training, exports, note_in_manifest, record_use
from commentsvc.sites.articles import get_site


@click.group()
def training() -> None:
    """Comments for training a model: only of authors who agreed to that."""


@training.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--site", "site_key", help="The key of one site; without it, all of them.")
@with_appcontext
def export_command(folder: Path, site_key: str | None) -> None:
    """Write the comments of everybody who agrees today into FOLDER, with a manifest that names the consents."""
    site = get_site(site_key) if site_key else None
    made = export_training(folder, site, lambda number: click.echo(f"{number:,} comments", err=True))
    click.echo(
        f"Export {made.id}: {made.comments:,} comments in {folder}. Once a model is trained with it, say so: "
        f'commentsvc training used {made.id} "NAME AND VERSION" --folder {shlex.quote(str(folder))}'
    )


@training.command()
@click.argument("export_id", type=int)
@click.argument("use")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where the export lies: its manifest says it, too.")
@with_appcontext
def used(export_id: int, use: str, folder: Path | None) -> None:
    """Note what export EXPORT_ID was used for; authors whose comments it holds see that on their consent page."""
    made = record_use(export_id, use)
    if folder is not None:
        note_in_manifest(folder, made)
    db.session.commit()
    click.echo(f"Export {made.id} was used for: {made.used_for}.")


@training.command(name="list")
@with_appcontext
def list_command() -> None:
    """All exports, the latest first."""
    for made in exports():
        click.echo(f"{made.id}\t{made.created_at:%Y-%m-%d %H:%M}\t{made.comments:,} comments\t{made.used_for or 'use not recorded'}")


@click.group()
def consents() -> None:
    """The ledger of who agreed to what."""


@consents.command(name="verify")
@with_appcontext
def verify_command() -> None:
    """Compute the whole ledger's hashes again; fails where an entry was changed, taken out or put in.

    Keep the head elsewhere: a ledger that somebody wrote anew from the start has another one.
    """
    checked = verify()
    if checked.problem:
        raise Conflict(checked.problem, code="ledger_broken")
    click.echo(f"{checked.entries:,} entries, all intact. Head: {checked.head}")
