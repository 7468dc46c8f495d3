"""``commentsvc model evaluate``: how good a model is, as tables, JSON and a page under docs/."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from commentsvc.cli.model.console import (
    FOLDER,
    NEW_PATH,
    chosen,
    model_option,
    models_folder,
    plain_errors,
    progress,
    threads_option,
)
from commentsvc.screening import engines
from commentsvc.screening.card import Card

if TYPE_CHECKING:
    from commentsvc.screening.training.evaluate import Report


@click.command()
@click.argument("data", type=FOLDER)
@model_option
@threads_option
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=4_000,
    show_default=True,
    help="Rows of each large set, always the same ones; the headline sets are never cut.",
)
@click.option("--full", is_flag=True, help="Measure every row of every set.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--card", "page", type=NEW_PATH, help="Write the model card (Markdown) to this file.")
@click.option("--record", is_flag=True, help="Keep the main numbers beside the model, for `list`.")
def evaluate(
    data: Path,
    *,
    name: str,
    threads: int,
    sample: int,
    full: bool,
    as_json: bool,
    page: Path | None,
    record: bool,
) -> None:
    """Measure a model on the test files in DATA, and write its card."""
    with plain_errors("training"), progress() as bar:
        from commentsvc.screening.training import card as cards
        from commentsvc.screening.training.evaluate import evaluate as measure

        models = models_folder()
        found = engines.find(chosen(name), models)
        scorer = engines.load_scorer(found.name, models, threads=threads)
        task = bar.add_task("scoring", total=None)
        report = measure(
            scorer,
            data,
            sample=0 if full else sample,
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )
        card = Card.read(found.stamped) if found.engine == "onnx" else None
        if page is not None:
            _write(page, cards.model_card(report, card))
        if record and card is not None:
            numbers = {
                "heldout_mean": report.heldout_mean,
                "official_test_toxic": report.official_test_toxic,
                "hatecheck_neutral": report.hatecheck_neutral,
                "highlights_f1": report.highlights_f1,
            }
            known = {key: value for key, value in numbers.items() if not math.isnan(value)}
            kept = {"sha256": card.info.sha256, "numbers": known}
            _write(found.path / "measured.json", json.dumps(kept, indent=2) + "\n")
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        _tables(report)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _tables(report: "Report") -> None:
    console = Console()
    console.print(_headline(report), _sets(report), _groups(report))
    console.print(_functionalities(report), _thresholds(report))
    if report.names:
        held = f"{report.names['held_by_default']} of {report.names['sentences']}"
        names = Table("sentence", "toxicity", title=f"Neutral sentences with names: {held} held")
        for one in report.names["highest_toxicity"]:
            names.add_row(one["text"], _number(one["toxicity"], 3))
        console.print(names)
    if report.missing:
        console.print(f"Not measured, for want of files: {', '.join(report.missing)}")


def _number(value: float, digits: int = 2) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _headline(report: "Report") -> Table:
    table = Table("AUC x 100", "value", title=f"{report.model['name']} {report.model['version']}")
    table.add_row("heldout_mean", _number(report.heldout_mean))
    table.add_row("official_test_toxic", _number(report.official_test_toxic))
    table.add_row("HateCheck, hateful : neutral identity", _number(report.hatecheck_neutral))
    positive = report.hatecheck_neutral_and_positive
    table.add_row("HateCheck, hateful : neutral or positive", _number(positive))
    table.add_row("highlights, character F1", _number(report.highlights_f1))
    return table


def _sets(report: "Report") -> Table:
    from commentsvc.screening.training.card import share

    table = Table("set", "label", "AUC", "rows", "in training", title="Per data set and label")
    for one in report.sets:
        if one.name in {"news", "spans"}:
            continue
        for label, value in one.auc.items():
            rows = f"{one.rows} of {one.of}" if one.rows < one.of else str(one.rows)
            table.add_row(one.name, label, _number(value), rows, share(one.in_training))
    return table


def _groups(report: "Report") -> Table:
    table = Table("set", "group", "rows", "subgroup AUC", "BPSN", "BNSP", title="Per group")
    for one in report.bias:
        table.add_row(one.name, "(mean)", "", *map(_number, (one.subgroup_auc, one.bpsn, one.bnsp)))
        for group in one.groups:
            values = (group.subgroup_auc, group.bpsn, group.bnsp)
            table.add_row(one.name, group.group, str(group.rows), *map(_number, values))
    return table


def _functionalities(report: "Report") -> Table:
    table = Table("HateCheck", "gold", "rows", "flagged at 0.5", "AUC", title="Functionalities")
    for kind in report.functionalities:
        gold = "hateful" if kind.hateful else "decent"
        flagged = f"{100 * kind.flagged:.0f} %"
        table.add_row(kind.name, gold, str(kind.rows), flagged, _number(kind.auc))
    return table


def _thresholds(report: "Report") -> Table:
    columns = ("label", ">=", "precision", "recall", "flagged", "true in bin", "news held")
    table = Table(*columns, title="At natural prevalence")
    for row in report.thresholds:
        shares = (row.precision, row.recall, row.flagged, row.bin_rate, row.news_held)
        table.add_row(row.label, f"{row.threshold:.1f}", *(_number(one, 3) for one in shares))
    return table
