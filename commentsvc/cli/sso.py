"""``commentsvc site sso``: how a site's publisher signs its own readers on."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commentsvc.accounts import sso as verbs
from commentsvc.accounts.tokens import ALGORITHMS
from commentsvc.cli.sites import site
from commentsvc.extensions import db
from commentsvc.sites.articles import get_site


@site.group()
def sso() -> None:
    """Single sign-on: the publisher's tokens sign its readers in."""


@sso.command("set")
@click.argument("key")
@click.option("--issuer", required=True, help="What the tokens' iss says, such as https://news.example")
@click.option("--role", "roles", multiple=True, help="A role that tokens may give: expert or community_manager; repeatable.")
@click.option("--jwks-url", default="", help="Where the publisher keeps its public keys as a JWK Set.")
@with_appcontext
def set_command(key: str, issuer: str, roles: tuple[str, ...], jwks_url: str) -> None:
    """Switch it on for the site KEY, or change it."""
    verbs.set_sso(get_site(key), issuer, roles=roles, jwks_url=jwks_url, by=None)
    db.session.commit()
    click.echo(f"Tokens for {key} say iss {issuer} and aud {key}. Next: commentsvc site sso add {key} KID FILE --algorithm EdDSA")


@sso.command("add")
@click.argument("key")
@click.argument("kid")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--algorithm", required=True, type=click.Choice(ALGORITHMS), help="The only one the key is good for.")
@with_appcontext
def add_key(key: str, kid: str, file: Path | None, algorithm: str) -> None:
    """Believe tokens signed with the key in FILE: a PEM or JWK, "-" for standard input. For HS256 without FILE one is made and shown."""
    found = get_site(key)
    if file is None and algorithm != "HS256":
        raise click.UsageError("Name the file of the public key.")
    made = secrets.token_urlsafe(48) if file is None else ""
    material = made or (sys.stdin.read() if str(file) == "-" else (file.read_text() if file else ""))
    verbs.add_key(found, kid, algorithm, material, by=None)
    db.session.commit()
    click.echo(f"Added {kid} to {key}.")
    if made:
        click.echo(f"The secret, shown this once: {made}")


@sso.command("remove")
@click.argument("key")
@click.argument("kid")
@with_appcontext
def remove_key(key: str, kid: str) -> None:
    """Believe tokens of KID no longer."""
    verbs.remove_key(get_site(key), kid, by=None)
    db.session.commit()
    click.echo(f"Removed {kid} from {key}.")


@sso.command()
@click.argument("key")
@with_appcontext
def show(key: str) -> None:
    """Say how the site signs on, and by which keys."""
    found = get_site(key)
    settings = verbs.settings_of_site(found)
    if settings is None:
        click.echo(f"{key} has no single sign-on. Switch it on: commentsvc site sso set {key} --issuer https://news.example")
        return
    click.echo(f"iss {settings.issuer}, aud {key}, roles: {', '.join(settings.roles) or 'none'}, key set: {settings.jwks_url or 'none'}")
    table = Table()
    for title in ("kid", "algorithm", "added"):
        table.add_column(title, overflow="fold")
    for one in verbs.keys_of(found):
        table.add_row(escape(one.kid), one.algorithm, f"{one.added_at:%Y-%m-%d %H:%M} UTC")
    Console().print(table)


@sso.command()
@click.argument("key")
@with_appcontext
def off(key: str) -> None:
    """Switch it off and forget its keys."""
    verbs.drop_sso(get_site(key), by=None)
    db.session.commit()
    click.echo(f"{key} has no single sign-on any more. Who came by it keeps her account.")
