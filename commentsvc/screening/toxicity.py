"""The toxicity contract: six calibrated scores for each text, and the scorer that ships with us.

Nothing here imports a model runtime, so that phases, tests and the web process can name scores
without paying for one; :func:`load_bundled_scorer` imports the runtime when it is called.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

LABELS: Final[tuple[str, ...]] = (
    "toxicity",
    "severe_toxicity",
    "obscene",
    "threat",
    "insult",
    "identity_attack",
)

OPTIONAL_LABELS: Final[tuple[str, ...]] = ("sexual_explicit",)
"""Labels that some models give in addition."""

BUNDLED_DIR: Final = Path(__file__).parent / "bundled"

Scores = Mapping[str, float]
"""Label -> calibrated probability, 0 to 1, finite; every label of :data:`LABELS` is present, those
of :data:`OPTIONAL_LABELS` where the model has them."""

class ScoringError(Exception):
    """The model is missing or corrupt, failed, or answered with something that is no probability."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model gave a score; stored with every screening.

    ``sha256`` is that of model.json, which names the SHA-256 of every file the scores depend on.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Highlight:
    """Characters ``start`` to ``end`` of the text as it was given, and how much they weigh, 0..1."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text scored as it did: the sentences and the words that carry its score.

    Both in the order of the text, none overlapping another of its kind; empty where nothing
    stands out. The ranges index the text as it was given, not as the model reads it.
    """

    sentences: tuple[Highlight, ...] = ()
    words: tuple[Highlight, ...] = ()


class ToxicityScorer(Protocol):
    """Anything that scores texts; the engine behind it is nobody's business."""

    @property
    def info(self) -> ModelInfo:
        """The model that gives the scores."""
        ...

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Return one :data:`Scores` per text, in order, or raise :class:`ScoringError`.

        Never a partial list: an answer that is not a number fails the whole call, because a caller
        that saw no score must not mistake it for a low one.
        """
        ...

    def explain(self, text: str) -> Explanation:
        """Return which parts of *text* carry its score, or raise :class:`ScoringError`.

        Costs a few scorings of *text*: cheap enough for every comment that is held.
        """
        ...


def load_bundled_scorer(*, threads: int = 1) -> ToxicityScorer:
    """Load the model that ships with the package, checked against the SHA-256 in its model.json.

    Raises :class:`ScoringError` naming the file when one is missing or corrupt.
    """
    from commentsvc.screening.onnx_scorer import OnnxScorer

    return OnnxScorer.load(BUNDLED_DIR, threads=threads)


def read_json(path: Path) -> dict[str, object]:
    """Return the JSON object in *path*; :class:`ScoringError` naming the file if there is none."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"toxicity model file {path} is missing or unreadable: {error}"
        raise ScoringError(message) from error
    if not isinstance(loaded, dict):
        message = f"toxicity model file {path} is not a JSON object"
        raise ScoringError(message)
    return loaded
