"""``commentsvc model pull``: a Detoxify model, fetched, checked, exported and compared."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import TaskID
from rich.table import Table

from commentsvc.cli.model.console import FILE, FOLDER, models_folder, plain_errors, progress


@click.command()
@click.argument("name")
@click.option("--url", default="", help="Where the checkpoint is, if not where Detoxify has it.")
@click.option("--file", "path", type=FILE, help="The checkpoint on this machine.")
@click.option("--sha256", default="", help="The whole SHA-256 that the checkpoint must have.")
@click.option(
    "--tokenizer",
    type=FOLDER,
    help="Folder with config.json, tokenizer.json and tokenizer_config.json of the encoder; from "
    "the Hugging Face hub by default.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(8, 512),
    help="One window; the longest that the encoder reads by default.",
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "float32"]),
    default="int8",
    show_default=True,
    help="float32 is four times as large and slower, and scores as Detoxify does.",
)
@click.option("--version", "version", default="", help="Stored with every screening.")
@click.option("--licence", default="", help="Of a model that is not Detoxify's.")
def pull(
    name: str,
    *,
    url: str,
    path: Path | None,
    sha256: str,
    tokenizer: Path | None,
    max_tokens: int | None,
    precision: str,
    version: str,
    licence: str,
) -> None:
    """Fetch the Detoxify model NAME, check and export it, and compare the scores with Detoxify's.

    NAME is one of original, unbiased, multilingual, original-small, unbiased-small, or a name of
    your own with --url or --file. Run it again after a broken download; it goes on from there.
    """
    if url and path:
        raise click.UsageError("Give --url or --file, not both.")
    if sha256 and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise click.UsageError("--sha256 takes 64 hexadecimal digits.")
    with plain_errors("training,detoxify"), progress(size=True) as bar:
        from commentsvc.screening.training import export
        from commentsvc.screening.training.pull import Order
        from commentsvc.screening.training.pull import pull as fetch

        tasks: dict[str, TaskID] = {}

        def stage(text: str, done: int, total: int | None) -> None:
            if text not in tasks:
                tasks[text] = bar.add_task(text, total=None)
            bar.update(tasks[text], completed=done, total=total)

        made = export.Build(
            name=name,
            version=version,
            max_tokens=max_tokens or 0,
            precision="int8" if precision == "int8" else "float32",
            licence=licence,
        )
        order = Order(name, url, path, sha256, tokenizer, made)
        found = fetch(order, models_folder(), stage=stage)
        for task in bar.tasks:  # what had no length is done as well
            bar.update(task.id, total=task.total or 1, completed=task.total or 1)
    table = Table("label", "largest difference", "mean", title="Scores against Detoxify's own")
    for one in found.differences:
        table.add_row(one.label, f"{one.largest:.4f}", f"{one.mean:.4f}")
    Console().print(table)
    click.echo(
        f"checkpoint SHA-256 {found.sha256}{'' if found.confirmed else ' (nothing to check it against)'}"
    )
    click.echo(f"{found.folder}: ready; `commentsvc model use {name}` lets it score")
