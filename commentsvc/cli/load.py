"""``commentsvc load``: comments from elsewhere, one command each format."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from commentsvc.accounts.audit import record
from commentsvc.cli.sites import create_site
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation.screen import pending_count, screen_pending
from commentsvc.screening.engines import load_scorer
from commentsvc.screening.toxicity import ScoringError
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site
from commentsvc.transfer import sfu, wiki
from commentsvc.transfer.importer import import_comments
from commentsvc.transfer.records import SKIP_WORDS, ImportedComment, Skipped
from commentsvc.transfer.report import ImportReport

INTERRUPTED = 130  # what a shell expects of a program ended by Ctrl-C


@dataclass(frozen=True)
class Format:
    """A format: how it is read, and the site made for it where none is named."""

    name: str
    read: Callable[[Path], Iterator[ImportedComment | Skipped]]
    site_name: str
    origin: str
    help: str


FORMATS = (
    Format(
        sfu.FORMAT, sfu.read, "News threads", sfu.ORIGIN,
        "Load a folder of the SFU Comment Extractor: old_comments.csv.gz, and articles.json.gz for titles.",
    ),
    Format(
        wiki.FORMAT, wiki.read, "Talk pages", wiki.ORIGIN,
        "Load WikiConv conversations: a conversations_job*.json.gz, or a folder of them.",
    ),
)


@click.group()
def load() -> None:
    """Load comments from another system; running it again adds only what is missing."""


def _command(chosen: Format) -> click.Command:
    @click.command(chosen.name, help=chosen.help)
    @click.argument("path", type=click.Path(exists=True, path_type=Path))
    @click.option("--site", "key", default=chosen.name, show_default=True, help="The site's key; its default is made when it is not there.")
    @click.option("--screen", is_flag=True, help="Screen everything now, in this process, instead of leaving it to the worker.")
    @click.option("--report", "report_path", type=click.Path(dir_okay=False, path_type=Path), help="Write what happened as JSON.")
    @with_appcontext
    def command(path: Path, *, key: str, screen: bool, report_path: Path | None) -> None:
        console = Console(stderr=True)
        site = _site(chosen, key)
        with _progress(console) as progress:
            task = progress.add_task("loading", total=None)
            report = import_comments(
                site, chosen.read(path), progress=lambda done, total: progress.update(task, completed=done, total=total)
            )
        record(
            None, "comments.imported", site_id=site.id, subject=f"site:{site.id}", format=chosen.name, read=report.read,
            imported=report.imported,
        )
        db.session.commit()
        _show(report)
        if report_path is not None:
            report_path.write_text(json.dumps(report.to_data(), indent=2) + "\n", encoding="utf-8")
        if report.interrupted:
            click.echo("Interrupted. What was loaded is kept; the same command goes on from here.", err=True)
            raise click.exceptions.Exit(INTERRUPTED)
        if screen:
            _screen(console)
        elif waiting := pending_count():
            click.echo(f"{waiting} comments wait for the worker: commentsvc worker")

    return command


for _format in FORMATS:
    load.add_command(_command(_format))


def _site(chosen: Format, key: str) -> Site:
    try:
        site = get_site(key)
    except NotFound:
        if key != chosen.name:
            raise NotFound(f"There is no site {key}. Make it: commentsvc site create {key} --name NAME") from None
        site = create_site(key, chosen.site_name, [chosen.origin])
    db.session.commit()
    return site


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _show(report: ImportReport) -> None:
    table = Table("", "comments", title=f"Loaded into {escape(report.site)}", title_justify="left")
    table.add_row("in the source", str(report.read))
    table.add_row("imported", str(report.imported))
    table.add_row("  of these rejected in the source", str(report.kept_rejected))
    table.add_row("  of these withdrawn in the source", str(report.kept_withdrawn))
    table.add_row("already there", str(report.already_there))
    for reason, count in report.by_reason().items():
        table.add_row(f"skipped: {SKIP_WORDS[reason]}", str(count))
    console = Console()
    console.print(table)
    click.echo(
        f"{report.articles_made} articles, {report.authors_made} authors and {report.votes} votes made; {report.seconds:.1f} s"
    )


def _screen(console: Console) -> None:
    """Screen whatever waits, as the worker does, with a bar."""
    settings = current_app.config["SETTINGS"]
    started = time.monotonic()
    total = pending_count()
    db.session.commit()
    try:
        scorer = load_scorer(settings.TOXICITY_MODEL, settings.models_path)
        with _progress(console) as progress:
            task = progress.add_task("screening", total=total)
            while screen_pending(
                lambda: scorer, batch=settings.SCREENING_BATCH, lease=settings.SCREENING_LEASE,
                after_each=lambda: progress.advance(task),
            ):
                pass
    except ScoringError as error:
        raise click.ClickException(f"{error}. What is not screened stays pending.") from error
    except KeyboardInterrupt:
        db.session.rollback()
        click.echo("Interrupted. What is not screened stays pending, for the worker or another --screen.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    click.echo(f"{total - pending_count()} comments screened in {time.monotonic() - started:.1f} s")
