"""``commentsvc policy``: what is set on a site from the command line, with the same history."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext

from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.phrase_lists import IMPORT_BYTES, LISTS, SUSPECT, adding, read_phrases
from commentsvc.moderation.settings import (
    change_settings,
    get_version,
    go_back,
    lock_site,
    versions_of,
)
from commentsvc.sites.articles import get_site

LISTED = 20


@click.group()
def policy() -> None:
    """Phrases and the history of a site's settings."""


@policy.command()
@click.argument("key")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "name", type=click.Choice(list(LISTS)), default=SUSPECT, show_default=True, help="For phrases whose line names none.")
@click.option("--note", default="", help="Why they are here, for colleagues.")
@with_appcontext
def phrases(key: str, file: Path, name: str, note: str) -> None:
    """Add the phrases of FILE to site KEY: text, one a line, or CSV with the columns phrase, list and note."""
    if file.stat().st_size > IMPORT_BYTES:
        raise Invalid(f"The file has more than {IMPORT_BYTES // 1000} kB; bring it in parts.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The file is not UTF-8 text.") from None
    given = read_phrases(text, name, note)
    site = lock_site(get_site(key).id)
    values, tally = adding(site, given)
    change_settings(site, values, actor=None, via="command", comment=note)
    db.session.commit()
    click.echo(f"{tally.added} added, {tally.moved} moved, {tally.noted} got another note, {tally.known} known already.")


@policy.command()
@click.argument("key")
@click.option("--limit", type=click.IntRange(1, 1000), default=LISTED, show_default=True)
@with_appcontext
def history(key: str, limit: int) -> None:
    """The versions of site KEY's settings, latest first."""
    found = versions_of(get_site(key), limit=limit)
    if not found:
        click.echo("Nothing was changed yet.")
        return
    for one in found:
        changed = ", ".join(".".join(change["path"]) for change in one.changes) or "-"
        who = f"{one.actor.display_name}, {one.via}" if one.actor else one.via
        back = f"back to {one.restores}: " if one.restores else ""
        why = f"  ({one.comment})" if one.comment else ""
        click.echo(f"{one.number:>5}  {one.created_at:%Y-%m-%d %H:%M} UTC  {who}  {back}{changed}{why}")


@policy.command("restore")
@click.argument("key")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@click.option("--comment", default="", help="Why, for the history.")
@with_appcontext
def restore_version(key: str, number: int, comment: str) -> None:
    """Make a new version of site KEY's settings equal to version NUMBER."""
    site = lock_site(get_site(key).id)
    made = go_back(site, get_version(site, number), actor=None, via="command", comment=comment)
    db.session.commit()
    click.echo(f"Version {number} holds again, as version {made.number}.")
