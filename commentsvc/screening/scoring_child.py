"""The process that holds a model for :class:`~commentsvc.screening.scoring_process.ScoringProcess`."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from commentsvc.screening.engines import CurrentScorer
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer

Loader = Callable[[], ToxicityScorer]
"""Gives the scorer in use, which may be another one each time; may have a ``problem`` to tell."""


def current(name: str, models: str) -> Loader:
    """Return the scorer called *name* in the folder *models*, or what ``model use`` chose."""
    return CurrentScorer(name, Path(models))


def serve(descriptor: int, loader: Loader) -> None:
    """Load the model, say which, and answer calls until the other end is closed.

    Each call has a thread: runtimes work outside Python's lock, and a short text must not wait
    for a long one. Whoever sends them decides how many there are at a time. Each answer names the
    model that gave it.
    """
    pipe = Connection(descriptor)
    lock = threading.Lock()

    def say(number: int, **answer: object) -> None:
        message = json.dumps({"call": number, **answer}).encode("ascii")
        with lock:
            pipe.send_bytes(message)

    def answer(number: int, what: str, given: Any) -> None:
        try:
            model = loader()
            found = CALLS[what](model, given)
            info = asdict(model.info)
        except Exception as error:  # noqa: BLE001 - the promise is ScoringError, whatever the runtime raises
            say(number, error=_words(error, what))
        else:
            say(number, found=found, info=info, problem=getattr(loader, "problem", ""))

    answer(0, "load", None)
    while True:
        try:
            number, what, given = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)  # a call that hangs must not keep an orphan alive
        threading.Thread(target=answer, args=(number, what, given), daemon=True).start()


CALLS: Mapping[str, Callable[[ToxicityScorer, Any], object]] = {
    "load": lambda _model, _none: None,
    "score": lambda model, texts: [dict(scores) for scores in model.score(texts)],
    "explain": lambda model, text: asdict(model.explain(text)),
}


def _words(error: Exception, what: str) -> str:
    """What is logged and stored: of an error that a text caused never the message, which may quote it."""
    if isinstance(error, ScoringError):
        return str(error)
    name = type(error).__name__
    return f"{name}: {error}" if what == "load" else name


def main(descriptor: str, loader: str, given: str) -> None:
    """Serve the model that the named function gives for these arguments."""
    # Ctrl-C in a terminal reaches the whole group; the other side ends this one when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, name = loader.partition(":")
    serve(int(descriptor), getattr(importlib.import_module(module), name)(*json.loads(given)))


if __name__ == "__main__":
    main(*sys.argv[1:])
