"""``commentsvc figures``: the dashboards' daily figures, made anew."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from commentsvc.extensions import db
from commentsvc.figures.keeping import recount as count_anew
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site


@click.group()
def figures() -> None:
    """The daily figures behind the dashboards."""


@figures.command()
@click.option("--site", "key", help="Only this site's.")
@with_appcontext
def recount(*, key: str | None) -> None:
    """Count every day anew from the comments and decisions.

    Workers keep the figures by themselves; this is for whoever changed the database by hand. It
    may run beside them, and can be broken off and repeated.
    """
    sites = [get_site(key)] if key else list(db.session.scalars(select(Site).order_by(Site.key)))
    names = {site.id: site.key for site in sites}
    for site_id, name in names.items():
        site = db.session.get_one(Site, site_id)
        days = count_anew(site)
        click.echo(f"{name}: {days:,} {'day' if days == 1 else 'days'}")
