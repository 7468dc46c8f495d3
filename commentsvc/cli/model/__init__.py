"""``commentsvc model``: list, pull, train, export, measure, verify, use and ask toxicity models."""

import click

from commentsvc.cli.model.build import export, train
from commentsvc.cli.model.choose import list_models, use, verify
from commentsvc.cli.model.measure import evaluate
from commentsvc.cli.model.pull import pull
from commentsvc.cli.model.score import score


@click.group()
def model() -> None:
    """List, pull, train, export, measure, verify and use toxicity models."""


for command in (list_models, pull, train, export, evaluate, verify, use, score):
    model.add_command(command)
