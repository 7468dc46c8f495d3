"""``commentsvc model train`` and ``export``: from rows to a checkpoint to what serves."""

from pathlib import Path

import click

from commentsvc.cli.model.console import FILE, FOLDER, NEW_PATH, plain_errors, progress
from commentsvc.screening.toxicity import LABELS

LEXICAL_SUFFIX = ".npz"


@click.command()
@click.argument("data", type=FOLDER)
@click.argument("checkpoint", type=NEW_PATH)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True, help="Of each run.")
@click.option(
    "--last-epochs",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="Of each of the last runs, which set out from the mean of the others; 0 leaves them out.",
)
@click.option("--decent-rows", type=click.IntRange(0), default=20_000, show_default=True)
@click.option("--short-rows", type=click.IntRange(0), default=2_000, show_default=True)
@click.option("--identity-rows", type=click.IntRange(0), default=4_000, show_default=True)
@click.option("--learning-rate", type=float, default=1.2e-4, show_default=True)
@click.option("--max-tokens", type=click.IntRange(8, 512), default=112, show_default=True)
@click.option("--seed", type=int, default=20, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="As torch names it: cuda is one accelerator.")
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
    runs: int,
    epochs: int,
    last_epochs: int,
    decent_rows: int,
    short_rows: int,
    identity_rows: int,
    learning_rate: float,
    max_tokens: int,
    seed: int,
    threads: int,
    device: str,
    half_precision: bool,
) -> None:
    """Fine-tune the encoder on the files in DATA; write CHECKPOINT and the words' model beside it.

    CHECKPOINT is the mean of several runs, then of that mean and last runs that set out from it, and written after each
    run. Decent, short and identity rows are counted per epoch; all toxic rows are used in each. The linear model over
    words, for ``export --lexical``, is CHECKPOINT with the ending .npz.
    """
    with plain_errors("training,detoxify"), progress() as bar:
        from commentsvc.screening.training import data as rows
        from commentsvc.screening.training import lexical
        from commentsvc.screening.training import train as training

        recipe = training.Recipe(
            learning_rate=learning_rate,
            max_tokens=max_tokens,
            seed=seed,
            threads=threads,
            half_precision=half_precision,
            device=device,
        )
        task = bar.add_task("reading", total=None)
        loaded = rows.load(data)
        task_of_words = bar.add_task("words", total=None)
        words = lexical.fit(
            rows.lexical_rows(loaded, identity_rows=identity_rows, seed=seed),
            seed=seed,
            report=lambda done, total: bar.update(task_of_words, completed=done, total=total),
        )
        checkpoint.with_suffix(LEXICAL_SUFFIX).write_bytes(words.write())

        def of_run(run: int, epochs: int) -> list[list[rows.Example]]:
            return rows.epoch_rows(
                loaded,
                epochs=epochs,
                decent_rows=decent_rows,
                short_rows=short_rows,
                identity_rows=identity_rows,
                seed=seed + run,
            )

        chosen = [of_run(run, epochs) for run in range(runs)]
        last = [of_run(runs + at, last_epochs) for at in range(len(training.LAST_RATES) if last_epochs else 0)]

        def report(state: training.Progress) -> None:
            text = f"run {state.run}, epoch {state.epoch}, loss {state.loss:.3f}"
            bar.update(task, completed=state.step, total=state.steps, description=text)

        training.train(chosen, recipe, checkpoint, last=last, report=report)
    click.echo(f"{checkpoint}: {runs} runs of {epochs} epochs over {len(chosen[0][0])} rows each")


@click.command()
@click.argument("checkpoint", type=FILE)
@click.argument("folder", type=NEW_PATH)
@click.option(
    "--data",
    type=FOLDER,
    help="Training data: its calibration rows make scores probabilities, and others say from which "
    "mark on a word is highlighted. Without it scores are Detoxify's own.",
)
@click.option("--name", default="commentsvc-minilm-l6", show_default=True)
@click.option("--version", "version", required=True, help="Stored with every screening.")
@click.option(
    "--max-tokens",
    type=click.IntRange(8, 512),
    help="One window; the longest that the encoder reads by default.",
)
@click.option(
    "--precision", type=click.Choice(["int8", "float32"]), default="int8", show_default=True
)
@click.option(
    "--tokenizer", type=FOLDER, help="Folder with config.json and tokenizer.json of the encoder."
)
@click.option("--lexical", type=FILE, help="Linear model over words that goes with the encoder.")
@click.option(
    "--lexical-share",
    type=click.FloatRange(0, 1),
    default=0.15,
    show_default=True,
    help="Its share of each label's logit.",
)
@click.option(
    "--lexical-weight",
    "lexical_weights",
    type=(str, click.FloatRange(0, 1)),
    multiple=True,
    metavar="LABEL SHARE",
    help="Another share for one label.",
)
@click.option("--span-threshold", type=float, help="From which a word counts as highlighted.")
@click.option("--licence", default="", help="For the model card.")
@click.option("--source", default="", help="For the model card.")
def export(
    checkpoint: Path,
    folder: Path,
    *,
    data: Path | None,
    name: str,
    version: str,
    max_tokens: int | None,
    precision: str,
    tokenizer: Path | None,
    lexical: Path | None,
    lexical_share: float,
    lexical_weights: tuple[tuple[str, float], ...],
    span_threshold: float | None,
    licence: str,
    source: str,
) -> None:
    """Turn any Detoxify CHECKPOINT into ONNX in FOLDER.

    A FOLDER that holds a model keeps it until the new one is complete.
    """
    with plain_errors("training,detoxify"), progress() as bar:
        from commentsvc.screening.training import data as rows
        from commentsvc.screening.training import export as exporting

        task = bar.add_task("reading and exporting", total=None)
        calibration = rows.load(data).calibration if data else []
        shares = {**dict.fromkeys(LABELS, lexical_share), **dict(lexical_weights)}
        words = exporting.Lexical(lexical, shares) if lexical else None
        exporting.build(
            checkpoint,
            folder,
            exporting.Build(
                name=name,
                version=version,
                max_tokens=max_tokens or 0,
                precision="int8" if precision == "int8" else "float32",
                lexical=words,
                span_threshold=span_threshold,
                licence=licence,
                source=source,
            ),
            calibration=calibration,
            marked=rows.tuning_spans(data) if data else (),
            architecture=tokenizer,
            report=lambda done: bar.update(
                task, completed=done, total=len(calibration), description="calibrating"
            ),
        )
        bar.update(task, completed=1, total=1) if not calibration else None
    click.echo(f"{folder}: {name} {version}")
