"""``commentsvc model score``: comments in, JSON lines out."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

import click

from commentsvc.cli.model.console import (
    chosen,
    model_option,
    models_folder,
    plain_errors,
    progress,
    threads_option,
)
from commentsvc.screening import engines

CHUNK: Final = 64
_OBJECT: Final = re.compile(r'\s*\{\s*["}]')
"""How a JSON object begins; a comment that begins with {sigh} does not."""


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"))
@model_option
@threads_option
def score(file: TextIO, *, name: str, threads: int) -> None:
    """Score the comments in FILE ("-": standard input) and write JSON lines, in their order.

    One comment a line, or JSON objects with "text", whose other fields are passed through.
    """
    with plain_errors(), progress() as bar:
        scorer = engines.load_scorer(chosen(name), models_folder(), threads=threads)
        info = scorer.info
        named = {"model": info.name, "version": info.version, "sha256": info.sha256}
        task = bar.add_task("scoring", total=None)
        try:
            for chunk in _chunks(_comments(file)):
                found = scorer.score([row["text"] for row in chunk])
                for row, scores in zip(chunk, found, strict=True):
                    # ASCII only: lone surrogates in the input must not break the output.
                    sys.stdout.write(json.dumps({**row, "scores": dict(scores), **named}) + "\n")
                sys.stdout.flush()
                bar.advance(task, len(chunk))
        except BrokenPipeError:
            # `| head` has seen enough. What Python would flush at its end has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows CHUNK at a time; those before a bad line come before its error."""
    chunk: list[dict[str, Any]] = []
    try:
        for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except click.ClickException:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _comments(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield one object with a ``text`` per line; a line that opens no JSON object is the text.

    What looks like an object and is none is an error that names the line, not a comment: a broken
    export would else be scored, braces and all.
    """
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if number == 1:
            text = text.removeprefix("\ufeff")
        if not _OBJECT.match(text):
            yield {"text": text}
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise click.ClickException(f"line {number} is no JSON: {error}") from error
        if not isinstance(row.get("text"), str):
            raise click.ClickException(f'line {number} is a JSON object without a string "text"')
        yield row
