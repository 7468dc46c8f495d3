"""``commentsvc statements``: statements of reasons, for the DSA Transparency Database and for reports."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterable
from typing import IO, Any

import click
from flask.cli import with_appcontext

from commentsvc.database import utcnow, write_intent
from commentsvc.errors import Invalid
from commentsvc.moderation.statement_export import (
    FIELDS,
    record_of,
    report,
    statements_between,
    territory,
)
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def statements() -> None:
    """Why comments were rejected: for the EU's Transparency Database, and counted for reports."""


def _period(since: dt.datetime | None, until: dt.datetime | None) -> tuple[dt.datetime, dt.datetime]:
    """From the beginning of a day to the end of another, in UTC; without them, all there is."""
    start = (since or dt.datetime(2000, 1, 1)).replace(tzinfo=dt.UTC)  # noqa: DTZ001 - given its zone in the same breath
    end = until.replace(tzinfo=dt.UTC) + dt.timedelta(days=1) if until is not None else utcnow() + dt.timedelta(days=1)
    if end <= start:
        raise Invalid("The period ends before it begins.", field="until")
    return start, end


def _site(key: str | None) -> Site | None:
    return get_site(key) if key is not None else None


@statements.command()
@click.option("--site", "site_key", help="Of this site alone.")
@click.option("--since", type=DAY, help="The first day, as 2026-01-31.")
@click.option("--until", type=DAY, help="The last day.")
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--territory", "where", multiple=True, default=["EEA"], show_default=True, help="Where the decisions hold: two letters of a country, EU or EEA; repeatable.")
@click.option("--output", type=click.File("w", encoding="utf-8", lazy=False), default="-", help="Where to write it; else on standard output.")
@with_appcontext
def export(
    site_key: str | None, since: dt.datetime | None, until: dt.datetime | None, form: str, where: tuple[str, ...], output: IO[str]
) -> None:
    """Write statements in the schema of the DSA Transparency Database, version 2."""
    write_intent.set(False)
    start, end = _period(since, until)
    scope = territory(where)
    records = (record_of(one, scope) for one in statements_between(_site(site_key), start, end))
    count = _write_json(records, output) if form == "json" else _write_csv(records, output)
    click.echo(f"{count:,} statement{'' if count == 1 else 's'}.", err=True)


def _write_json(records: Iterable[dict[str, Any]], output: IO[str]) -> int:
    """The body of the database's `statements` call, one statement a line; it takes 100 at a time."""
    count = 0
    output.write('{"statements": [')
    for count, record in enumerate(records, 1):
        output.write((",\n" if count > 1 else "\n") + json.dumps(record, ensure_ascii=False))
    output.write("\n]}\n")
    return count


def _write_csv(records: Iterable[dict[str, Any]], output: IO[str]) -> int:
    """Lists are JSON in their cell, as in the database's own downloads."""
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(FIELDS)
    count = 0
    for record in records:
        writer.writerow([json.dumps(v) if isinstance(v := record.get(name, ""), list) else v for name in FIELDS])
        count += 1
    return count


@statements.command("report")
@click.option("--site", "site_key", help="Of this site alone.")
@click.option("--since", type=DAY, required=True, help="The first day, as 2026-01-01.")
@click.option("--until", type=DAY, required=True, help="The last day.")
@click.option("--output", type=click.File("w", encoding="utf-8", lazy=False), default="-", help="Where to write it; else on standard output.")
@with_appcontext
def report_command(site_key: str | None, since: dt.datetime, until: dt.datetime, output: IO[str]) -> None:
    """Count a period's restrictions, flags and appeals, as CSV, for a transparency report."""
    write_intent.set(False)
    start, end = _period(since, until)
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(("section", "indicator", "scope", "value"))
    writer.writerows(report(_site(site_key), start, end))
