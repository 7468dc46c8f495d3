"""``commentsvc site``: publishers' sites."""

from __future__ import annotations

import re

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import func, select

from commentsvc.accounts.audit import record
from commentsvc.accounts.identity import clean_name
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.settings import first_version
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import WELCOME, Article, Site
from commentsvc.sites.origins import check_origin

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


@click.group()
def site() -> None:
    """Create and list sites."""


@site.command()
@click.argument("key")
@click.option("--name", required=True, help="As readers see it: “Welcome to <name> comments!”")
@click.option("--origin", "origins", multiple=True, help="Who may frame the widget, as https://news.example; repeatable.")
@with_appcontext
def create(key: str, name: str, origins: tuple[str, ...]) -> None:
    """Create the site KEY; its embed tags carry the key."""
    made = create_site(key, name, list(origins))
    db.session.commit()
    click.echo(f"Created {made.key}. Next: commentsvc role grant EMAIL admin --site {made.key}")


def create_site(key: str, name: str, origins: list[str]) -> Site:
    """A new site with the default policy; flushes. Invalid or Conflict says what is wrong."""
    if not KEY.fullmatch(key):
        raise Invalid("A key has 1 to 60 lower-case letters, digits and inner hyphens.", field="key")
    name = clean_name(name, field="name", least=1)
    checked = list(dict.fromkeys(check_origin(origin) for origin in origins))
    if db.session.scalar(select(Site.id).where(Site.key == key)) is not None:
        raise Conflict(f"There is a site {key} already.")
    made = Site(key=key, name=name, origins=checked, welcome=WELCOME, guidelines="", policy_data=Policy().to_data())
    db.session.add(made)
    db.session.flush()
    first_version(made, actor=None, via="command")
    record(None, "site.created", site_id=made.id, subject=f"site:{made.id}")
    return made


@site.command("list")
@with_appcontext
def list_sites() -> None:
    """List the sites with their origins and how much is said on them."""
    counts = (
        select(Article.site_id, func.count().label("articles"), func.sum(Article.comment_count).label("comments"))
        .group_by(Article.site_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Site, counts.c.articles, counts.c.comments).outerjoin(counts, counts.c.site_id == Site.id).order_by(Site.key)
    ).all()
    if not rows:
        click.echo("There is no site yet. Make one: commentsvc site create KEY --name NAME --origin https://news.example")
        return
    table = Table()
    for title in ("key", "name", "origins", "articles", "published comments"):
        table.add_column(title, overflow="fold")
    for found, articles, comments in rows:
        origins = "\n".join(found.origins) or "none: nobody may frame it"
        table.add_row(found.key, escape(found.name), escape(origins), str(articles or 0), str(comments or 0))
    Console().print(table)
