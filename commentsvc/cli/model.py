"""``commentsvc model``: train, export, measure, verify and use the toxicity model."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from commentsvc.screening.toxicity import BUNDLED_DIR, ScoringError

SCORE_CHUNK = 64
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_PATH = click.Path(path_type=Path)

model_folder = click.option(
    "--model",
    "folder",
    type=FOLDER,
    default=BUNDLED_DIR,
    help="Folder with model.onnx, tokenizer.json and model.json; the bundled one by default.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads to use."
)


@click.group()
def model() -> None:
    """Train, export, measure, verify and use the toxicity model."""


def _progress() -> Progress:
    """Return a progress bar on stderr: stdout may be a pipe into another program."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def _plain_errors(needs: str = "") -> Iterator[None]:
    """Turn what can go wrong with files and missing extras into one sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        hint = f" Install commentsvc with the extra {needs}." if needs else ""
        raise click.ClickException(f"{error}.{hint}") from error
    except (ScoringError, OSError) as error:
        raise click.ClickException(str(error)) from error


@model.command()
@click.argument("data", type=FOLDER)
@click.argument("checkpoint", type=NEW_PATH)
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True)
@click.option("--decent-rows", type=click.IntRange(0), default=20_000, show_default=True)
@click.option("--short-rows", type=click.IntRange(0), default=2_000, show_default=True)
@click.option("--learning-rate", type=float, default=1.2e-4, show_default=True)
@click.option("--max-tokens", type=click.IntRange(8, 512), default=112, show_default=True)
@click.option("--seed", type=int, default=20, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--half-precision/--full-precision",
    default=True,
    show_default=True,
    help="bfloat16 arithmetic, float32 weights; twice as fast on processors that have it.",
)
def train(
    data: Path,
    checkpoint: Path,
    *,
    epochs: int,
    decent_rows: int,
    short_rows: int,
    learning_rate: float,
    max_tokens: int,
    seed: int,
    threads: int,
    half_precision: bool,
) -> None:
    """Fine-tune the encoder on the files in DATA and write CHECKPOINT after every epoch.

    DECENT and SHORT rows are counted per epoch; all toxic rows are used in each.
    """
    from commentsvc.screening.training import data as rows
    from commentsvc.screening.training import train as training

    recipe = training.Recipe(
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        seed=seed,
        threads=threads,
        half_precision=half_precision,
    )
    with _plain_errors("training,detoxify"), _progress() as progress:
        loaded = rows.load(data)
        chosen = rows.epoch_rows(
            loaded, epochs=epochs, decent_rows=decent_rows, short_rows=short_rows, seed=seed
        )
        task = progress.add_task("training", total=None)

        def report(state: training.Progress) -> None:
            text = f"epoch {state.epoch}, loss {state.loss:.3f}"
            progress.update(task, completed=state.step, total=state.steps, description=text)

        training.train(chosen, recipe, checkpoint, report=report)
    click.echo(f"{checkpoint}: {epochs} epochs over {len(chosen[0])} rows each")


@model.command()
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=NEW_PATH)
@click.option("--data", type=FOLDER, required=True, help="Training data; its calibration rows.")
@click.option("--name", default="commentsvc-minilm-l6", show_default=True)
@click.option("--version", "version", required=True, help="Stored with every screening.")
@click.option("--max-tokens", type=click.IntRange(8, 512), default=128, show_default=True)
def export(
    checkpoint: Path, folder: Path, *, data: Path, name: str, version: str, max_tokens: int
) -> None:
    """Turn CHECKPOINT into int8 ONNX in FOLDER, calibrated on held-out rows of the data.

    A FOLDER that holds a model keeps it until the new one is complete.
    """
    from commentsvc.screening.training import data as rows
    from commentsvc.screening.training import export as exporting

    with _plain_errors("training,detoxify"), _progress() as progress:
        calibration = rows.load(data).calibration
        task = progress.add_task("calibrating", total=len(calibration))
        exporting.build(
            checkpoint,
            folder,
            calibration=calibration,
            name=name,
            version=version,
            max_tokens=max_tokens,
            report=lambda done: progress.update(task, completed=done),
        )
    click.echo(f"{folder}: {name} {version}")


@model.command()
@click.argument("data", type=FOLDER)
@model_folder
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def evaluate(data: Path, *, folder: Path, threads: int, as_json: bool) -> None:
    """Measure a model on the test files in DATA."""
    from commentsvc.screening.onnx_scorer import OnnxScorer
    from commentsvc.screening.training.evaluate import evaluate as measure

    with _plain_errors(), _progress() as progress:
        scorer = OnnxScorer.load(folder, threads=threads)
        task = progress.add_task("scoring", total=None)
        found = measure(
            scorer,
            data,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    numbers = Table("AUC x 100", "value", title=f"{scorer.info.name} {scorer.info.version}")
    numbers.add_row("heldout_mean", f"{found.heldout_mean:.2f}")
    numbers.add_row("official_test_toxic", f"{found.official_test_toxic:.2f}")
    for label, value in found.heldout.items():
        numbers.add_row(f"heldout {label}", f"{value:.2f}")
    numbers.add_row("HateCheck, hateful : neutral identity", f"{found.hatecheck_neutral:.2f}")
    positive = found.hatecheck_neutral_and_positive
    numbers.add_row("HateCheck, hateful : neutral or positive", f"{positive:.2f}")
    columns = ("toxicity >=", "precision", "recall", "flagged", "toxic in bin", "news held")
    table = Table(*columns, title="At natural prevalence")
    for row in found.thresholds:
        table.add_row(*(f"{value:.3f}" for value in asdict(row).values()))
    console = Console()
    console.print(numbers, table)


@model.command()
@model_folder
def verify(folder: Path) -> None:
    """Check the files of a model against the SHA-256 in its model.json, and load it."""
    from commentsvc.screening.onnx_scorer import OnnxScorer

    with _plain_errors():
        scorer = OnnxScorer.load(folder)
        scorer.score(["ok"])
    info = scorer.info
    click.echo(f"{folder}: {info.name} {info.version}, SHA-256 {info.sha256} matches")


@model.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"))
@model_folder
@threads_option
def score(file: TextIO, *, folder: Path, threads: int) -> None:
    """Score the comments in FILE ("-": standard input) and write JSON lines.

    One comment a line, or JSON objects with "text", whose other fields are passed through.
    """
    from commentsvc.screening.onnx_scorer import OnnxScorer

    with _plain_errors(), _progress() as progress:
        scorer = OnnxScorer.load(folder, threads=threads)
        named = {"model": scorer.info.name, "version": scorer.info.version}
        task = progress.add_task("scoring", total=None)
        rows = _comments(file)
        while chunk := list(islice(rows, SCORE_CHUNK)):
            found = scorer.score([row["text"] for row in chunk])
            for row, scores in zip(chunk, found, strict=True):
                # ASCII only: lone surrogates in the input must not break the output.
                sys.stdout.write(json.dumps({**row, "scores": dict(scores), **named}) + "\n")
            progress.advance(task, len(chunk))


def _comments(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield one object with a ``text`` per line; a line that is no JSON object is the text."""
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        row: object = None
        if text.startswith("{"):
            try:
                row = json.loads(text)
            except ValueError:
                row = None
        if not isinstance(row, dict):
            yield {"text": text}
        elif isinstance(row.get("text"), str):
            yield row
        else:
            raise click.ClickException(f'line {number} is a JSON object without a string "text"')
