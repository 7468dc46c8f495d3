"""``commentsvc model list``, ``verify`` and ``use``: which models there are, and which one serves."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from commentsvc.cli.model.console import (
    chosen,
    model_option,
    models_folder,
    plain_errors,
    progress,
    settings,
)
from commentsvc.screening import engines
from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import ScoringError
from commentsvc.screening.training.published import KNOWN


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def list_models(*, as_json: bool) -> None:
    """List the models that are here, the one in use, and those that can be pulled."""
    models = models_folder()
    with plain_errors():
        in_use = settings().TOXICITY_MODEL or engines.current(models)
        here = [_described(*found, in_use) for found in engines.cards(models)]
        here += [_pulled(name, models, in_use) for name in engines.checkpoint_names(models)]
    if in_use not in {row["name"] for row in here}:
        here.append(_elsewhere(in_use, models))
    offered = [
        {
            "name": one.name,
            "licence": one.licence,
            "megabytes": one.megabytes,
            "encoder": one.encoder,
            "languages": one.languages,
            "url": one.url,
            "pulled": one.name in engines.checkpoint_names(models),
        }
        for one in KNOWN.values()
    ]
    if as_json:
        click.echo(json.dumps({"models": here, "can_be_pulled": offered}, indent=2))
        return
    console = Console()
    for row in here:
        _show(row)
    table = Table("name", "licence", "about MB", "encoder", "languages", title="Can be pulled")
    for one in offered:
        name = f"{one['name']} (here)" if one["pulled"] else str(one["name"])
        table.add_row(
            name,
            str(one["licence"]),
            str(one["megabytes"]),
            str(one["encoder"]),
            str(one["languages"]),
        )
    console.print(table)


def _described(name: str, folder: Path, card: Card | ScoringError, in_use: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "in_use": name == in_use, "path": str(folder)}
    row["bytes"] = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    if isinstance(card, ScoringError):
        return {**row, "error": str(card)}
    return {
        **row,
        "model": card.info.name,
        "version": card.info.version,
        "labels": list(card.labels),
        "sha256": card.info.sha256,
        "licence": card.licence,
        "measured": {**card.measured, **_recorded(folder, card)},
    }


def _recorded(folder: Path, card: Card) -> dict[str, Any]:
    """Return what ``evaluate --record`` left beside the model, if it was this very model."""
    try:
        found = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
        return dict(found["numbers"]) if found["sha256"] == card.info.sha256 else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _pulled(name: str, models: Path, in_use: str) -> dict[str, Any]:
    full = f"{engines.DETOXIFY}{name}"
    path = models / engines.CHECKPOINTS / name / engines.CHECKPOINT_FILE
    return {
        "name": full,
        "in_use": full == in_use,
        "path": str(path),
        "bytes": path.stat().st_size,
        "model": "a checkpoint, run by the detoxify package",
    }


def _elsewhere(in_use: str, models: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"name": in_use, "in_use": True}
    try:
        found = engines.find(in_use, models)
    except ScoringError as error:
        return {**row, "error": str(error)}
    if found.engine == "onnx":
        try:
            card: Card | ScoringError = Card.read(found.stamped)
        except ScoringError as error:
            card = error
        return _described(found.name, found.path, card, found.name)
    return {**row, "path": str(found.path), "bytes": found.path.stat().st_size}


def _show(row: dict[str, Any]) -> None:
    """Print one model, a fact a line: hashes and paths stay whole, for copying."""
    click.echo(f"{row['name']}{'  (in use)' if row['in_use'] else ''}")
    facts = {
        "error": row.get("error"),
        "model": f"{row.get('model', '')} {row.get('version', '')}".strip(),
        "labels": ", ".join(row.get("labels", [])),
        "size": f"{row['bytes'] / 1e6:.1f} MB" if "bytes" in row else None,
        "SHA-256": row.get("sha256"),
        "licence": row.get("licence"),
        "folder": row.get("path"),
    }
    for label, value in facts.items():
        if value:
            click.echo(f"  {label:9}{value}")
    for label, value in row.get("measured", {}).items():
        if isinstance(value, int | float):
            click.echo(f"  {label} {value:.2f}")
    click.echo()


@click.command()
@model_option
def verify(*, name: str) -> None:
    """Check the files of a model against their SHA-256, load it, and score a sentence."""
    with plain_errors(), progress() as bar:
        task = bar.add_task("verifying", total=1)
        models = models_folder()
        found = engines.find(chosen(name), models)
        scorer = engines.load_scorer(found.name, models)
        scorer.score(["Good morning, everyone."])
        bar.update(task, completed=1)
    info = scorer.info
    click.echo(f"{found.path}: {info.name} {info.version}, SHA-256 {info.sha256} matches")


@click.command()
@click.argument("name", required=False)
@click.option("--bundled", is_flag=True, help="Go back to the model that ships.")
def use(name: str | None, *, bundled: bool) -> None:
    """Let the model NAME score from now on, after checking it; see `commentsvc model list`.

    Workers notice with their next batch. A model that is missing or corrupt is refused, and the
    one before stays.
    """
    if bool(name) == bundled:
        raise click.UsageError("Name one model, or --bundled.")
    with plain_errors(), progress() as bar:
        task = bar.add_task("verifying", total=1)
        scorer = engines.use(name or engines.BUNDLED, models_folder())
        bar.update(task, completed=1)
    click.echo(f"in use: {scorer.info.name} {scorer.info.version}, SHA-256 {scorer.info.sha256}")
    if set_to := settings().TOXICITY_MODEL:
        click.echo(f"But COMMENTSVC_TOXICITY_MODEL is {set_to}, and wins.", err=True)
