"""The model behind a web process: started when first asked for, one text at a time, never a long queue.

It lives in a process of its own, as the worker's does: the web process stays small and free of any
model's runtime, and a text that kills or hangs one takes no other request along.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, runtime_checkable

import structlog
from flask import Flask, current_app

from commentsvc.config import Settings
from commentsvc.screening.scoring_process import ScoringProcess
from commentsvc.screening.toxicity import Explanation, Scores, ScoringError

log = structlog.get_logger()

PATIENCE: Final = 10.0  # seconds a request waits for its turn; clients give up about then
LONGEST: Final = 30.0  # seconds for one request's texts; then the model's process is ended
LOAD_AGAIN: Final = 10.0  # seconds until a model that did not load is tried again
RETRY_AFTER: Final = 1

_IN_USE: Final = "commentsvc.screening.scoring_child:current"
_EXTENSION: Final = "commentsvc.perspective"


class Scorer(Protocol):
    """What is asked of a model."""

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of each text, or ScoringError."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """A scorer that can say what in a text carries its scores."""

    def explain(self, text: str) -> Explanation:
        """The sentences and words, or ScoringError."""
        ...


def scorer_in_use(settings: Settings) -> Scorer:
    """The model that the worker uses too, in a process that begins with the first text."""
    return ScoringProcess(_IN_USE, settings.TOXICITY_MODEL, str(settings.models_path), timeout=LONGEST)


class Busy(Exception):  # noqa: N818
    """As many requests wait as the process has places for; `retry_after` in seconds."""

    retry_after = RETRY_AFTER


class Broken(Exception):  # noqa: N818
    """The model does not load, or failed; the log says why."""

    retry_after = int(LOAD_AGAIN)


class Engine:
    """Scores texts for as many requests as there are `places`: one is scored, the others wait."""

    def __init__(self, places: int, *, load: Callable[[], Scorer], patience: float = PATIENCE) -> None:
        self._places = threading.BoundedSemaphore(max(places, 1))
        self._turn = threading.Lock()
        self._load = load
        self._patience = patience
        self._scorer: Scorer | None = None
        self._ready = False
        self._labels: frozenset[str] = frozenset()
        self._failed_at = -LOAD_AGAIN

    def labels(self) -> frozenset[str]:
        """What the model scores; loads it. Busy or Broken."""
        if not self._ready:
            with self._my_turn():
                self._loaded()
        return self._labels

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of each text. Busy or Broken."""
        with self._my_turn():
            scorer = self._loaded()
            try:
                scores = scorer.score(texts)
            except ScoringError as error:
                self._ready = False
                log.error("scoring failed", error=str(error))  # noqa: TRY400 - a traceback may show the text
                raise Broken from error
            self._labels = frozenset(scores[0])  # another model may have been chosen meanwhile
            return scores

    def explain(self, text: str) -> Explanation | None:
        """What in a text carries its scores; None where nobody can say. Busy or Broken."""
        with self._my_turn():
            scorer = self._loaded()
            try:
                return scorer.explain(text) if isinstance(scorer, Explainer) else None
            except ScoringError as error:
                log.warning("no explanation", error=str(error))
                return None

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise Busy
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def _loaded(self) -> Scorer:
        if self._scorer is None or not self._ready:
            if time.monotonic() - self._failed_at < LOAD_AGAIN:
                raise Broken
            try:
                self._scorer = self._scorer or self._load()
                # The contract names labels that only some models have: its answer says which.
                self._labels = frozenset(self._scorer.score(["."])[0])
            except ScoringError as error:
                self._failed_at = time.monotonic()
                log.error("the model does not load", error=str(error))  # noqa: TRY400
                raise Broken from error
            self._ready = True
        return self._scorer


def install_engine(app: Flask, engine: Engine) -> None:
    """Give the application its engine."""
    app.extensions[_EXTENSION] = engine


def engine() -> Engine:
    """The application's engine."""
    found: Engine = current_app.extensions[_EXTENSION]
    return found
