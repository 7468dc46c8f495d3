"""What the model commands share: options, progress on standard error, plain errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from commentsvc.config import Settings
from commentsvc.screening.toxicity import ScoringError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_PATH = click.Path(path_type=Path)

model_option = click.option(
    "--model",
    "name",
    default="",
    help='A model: "bundled", a name from `commentsvc model list`, a folder with model.json, or '
    '"detoxify:" and a name or checkpoint. The one in use by default.',
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads to use."
)


def settings() -> Settings:
    """Return the settings of the environment."""
    try:
        return Settings.from_environment()
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def chosen(name: str) -> str:
    """Return the model meant by *name*: itself, or what the setting says, or the current one."""
    return name or settings().TOXICITY_MODEL


def models_folder() -> Path:
    """Return the folder of pulled and exported models."""
    return settings().models_path


def progress(*, size: bool = False) -> Progress:
    """Return a progress bar on stderr: stdout may be a pipe into another program.

    With *size*, what is counted are bytes.
    """
    counts = (DownloadColumn(), TransferSpeedColumn()) if size else (MofNCompleteColumn(),)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *counts,
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def plain_errors(needs: str = "") -> Iterator[None]:
    """Turn what can go wrong with files and missing extras into one sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        hint = f" Install commentsvc with the extra {needs}." if needs else ""
        raise click.ClickException(f"{error}.{hint}") from error
    except (ScoringError, OSError) as error:
        raise click.ClickException(str(error)) from error
