"""``commentsvc rescore``: another model over old comments; says what would change, and acts when told to."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from commentsvc.accounts.audit import record
from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.moderation import rescore as core
from commentsvc.moderation.rescore import OUTCOMES, Report, Selection
from commentsvc.screening.engines import load_scorer
from commentsvc.screening.toxicity import ScoringError
from commentsvc.sites.articles import get_site

INTERRUPTED = 130
SAVE_EVERY = 10  # chunks between two saves of where it is
# Comments that people wait for have the processor first.
NICENESS = 10


@click.command()
@click.option("--site", "key", help="Only this site's comments.")
@click.option("--model", "name", default="", help="As for `commentsvc model`: a name, or a folder with model.json. The one in use by default.")
@click.option("--since", type=click.DateTime(), help="Only comments of this time (UTC) or later, as 2026-01-31.")
@click.option("--apply", is_flag=True, help="Store the new scores, and publish what was held for the old ones alone.")
@click.option("--hold", is_flag=True, help="With --apply: also hold what was published and the new model objects to.")
@click.option("--largest", type=click.IntRange(0, 1000), default=20, show_default=True, help="How many of the largest changes to list.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on where the same command was interrupted.")
@with_appcontext
def rescore(
    *, key: str | None, name: str, since: dt.datetime | None, apply: bool, hold: bool, largest: int, as_json: bool, restart: bool
) -> None:
    """Score old comments with another model and say what would change.

    Changes nothing without --apply. What a person decided, and what was rejected, is always left
    as it is. Interrupted, the same command goes on where it was.
    """
    if hold and not apply:
        raise click.UsageError("--hold says what --apply may do; give both.")
    settings: Settings = current_app.config["SETTINGS"]
    site = get_site(key) if key else None
    since = since.replace(tzinfo=dt.UTC) if since else None
    try:
        model = load_scorer(name or settings.TOXICITY_MODEL, settings.models_path)
    except ScoringError as error:
        raise click.ClickException(str(error)) from error
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    asked = {
        "site": key, "since": since.isoformat() if since else None, "model": model.info.sha256, "apply": apply,
        "hold": hold, "largest": largest,
    }
    kept = _Kept(settings.instance_path / "rescore.json", asked)
    report, until_id = (None if restart else kept.read()) or (Report(), core.last_id())
    if report.read:
        click.echo(f"Going on after {report.read} comments.", err=True)
    selection = Selection(site, since, until_id)
    left = core.count(selection, report.last_id)
    db.session.rollback()
    if apply:  # before the first change: killed in the middle, it was done all the same
        record(
            None, "comments.rescored", site_id=site.id if site else None, subject=f"site:{site.id}" if site else "",
            model=model.info.sha256, hold=hold, since=since.isoformat() if since else None,
        )
        db.session.commit()
    try:
        with _progress() as bar:
            task = bar.add_task("scoring", total=report.read + left, completed=report.read)
            for number, done in enumerate(core.rescore(selection, model, report, apply=apply, hold=hold, keep=largest), start=1):
                bar.update(task, completed=done.read)
                if number % SAVE_EVERY == 0:
                    kept.write(done, until_id)
    except ScoringError as error:
        kept.write(report, until_id)
        raise click.ClickException(f"{error}. What is done is kept; the same command goes on from here.") from error
    except KeyboardInterrupt:
        db.session.rollback()
        kept.write(report, until_id)
        click.echo("Interrupted. What is done is kept; the same command goes on from here.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    kept.forget()
    if as_json:
        click.echo(json.dumps({**asked, **report.summary()}, indent=2))
    else:
        _show(report, apply=apply, hold=hold)


@dataclass(frozen=True)
class _Kept:
    """Where an interrupted run is, and what it has counted; only for the same question."""

    path: Path
    asked: dict[str, Any]

    def read(self) -> tuple[Report, int] | None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return (Report.from_data(found["report"]), int(found["until_id"])) if found["asked"] == self.asked else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, report: Report, until_id: int) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({"asked": self.asked, "until_id": until_id, "report": report.to_data()}), encoding="utf-8")
        partial.replace(self.path)

    def forget(self) -> None:
        if self.read() is not None:
            self.path.unlink(missing_ok=True)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _show(report: Report, *, apply: bool, hold: bool) -> None:
    found = report.summary()
    console = Console()
    model = found["model"]
    table = Table("", "comments", title=f"{model.get('name', '')} {model.get('version', '')}", title_justify="left")
    for outcome, words in OUTCOMES.items():
        table.add_row(words, str(report.outcomes[outcome]))
    table.add_row("all", str(report.read))
    labels = Table("label", "compared", "mean change", "mean size", "over the limit before", "now")
    for label, row in found["labels"].items():
        change, size = (f"{row[k]:+.3f}" if row[k] is not None else "" for k in ("mean_change", "mean_absolute_change"))
        labels.add_row(label, str(row["compared"]), change, size.lstrip("+"), str(row["over_limit_before"]), str(row["over_limit_now"]))
    console.print(table, labels)
    if found["largest_changes"]:
        largest = Table("comment", "label", "before", "now", "", title="Largest changes", title_justify="left")
        for row in found["largest_changes"]:
            largest.add_row(str(row["comment"]), row["label"], f"{row['before']:.2f}", f"{row['now']:.2f}", OUTCOMES[row["outcome"]])
        console.print(largest)
    done = report.applied
    if apply:
        click.echo(f"{done['screenings']} comments have new scores; {done['published']} were published, {done['held']} held.")
        if not hold and report.outcomes["published_would_be_held"]:
            click.echo("Published ones that the model objects to stay published; --hold holds them.")
    else:
        click.echo("Nothing was changed. --apply does so.")
