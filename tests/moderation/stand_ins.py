"""Models for moments a real one cannot be brought to: one that crashes, hangs, or gives nonsense.

As the scoring process loads them: `loader="tests.moderation.stand_ins:reader"`. What the model does
stands in the text it reads, and in files of the folder it is given.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from commentsvc.screening.policy import DEFAULT_HOLD
from commentsvc.screening.toxicity import Explanation, Highlight, ModelInfo, ScoringError

READER = "tests.moderation.stand_ins:reader"


class Reader:
    """Finds the word "toxic"; does what the text says."""

    def __init__(self, folder: Path = Path()) -> None:
        self.folder = folder
        self.info = ModelInfo("reader", "1.0", "1" * 64)

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        if (self.folder / "fails").exists():
            raise ScoringError("the model file is corrupt")
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Mapping[str, float]:
        if "CRASH" in text:
            _die(signal.SIGSEGV)
        if "HANG" in text:
            time.sleep(600)
        if "SLOW" in text:
            time.sleep(0.1)
        if "REFUSE" in text:
            raise ScoringError("not this one")
        value = float("nan") if "NAN" in text or (self.folder / "nan").exists() else 0.99 if "toxic" in text else 0.01
        return dict.fromkeys(DEFAULT_HOLD, value)

    def explain(self, text: str) -> Explanation:
        if "INEXPLICABLE" in text:
            _die(signal.SIGKILL)
        at = text.index("toxic")
        return Explanation((Highlight(0, len(text), 0.99),), (Highlight(at, at + 5, 0.9),))


def _die(how: signal.Signals) -> None:
    os.kill(os.getpid(), how)
    time.sleep(60)  # it may take a moment, and must not answer until then


def reader(_name: str, models: str) -> Callable[[], Reader]:
    """The reader, unless its folder says that it does not load."""
    folder = Path(models)

    def load() -> Reader:
        if (folder / "corrupt").exists():
            raise ScoringError(f"toxicity model file {folder / 'model.onnx'} is corrupt")
        return Reader(folder)

    return load
