"""The toxicity contract: six calibrated scores for each text, and the scorer that ships with us.

Nothing here imports a model runtime, so that phases, tests and the web process can name scores
without paying for one; :func:`load_bundled_scorer` imports the runtime when it is called.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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

BUNDLED_DIR: Final = Path(__file__).parent / "bundled"

Scores = Mapping[str, float]
"""Label -> calibrated probability, 0 to 1, finite; every label of :data:`LABELS` is present."""

MAX_COMBINING_RUN: Final = 3
"""Accents kept on one letter. Real text needs three at most (polytonic Greek, Vietnamese); runs of
thousands ("zalgo") make Unicode normalisation quadratic, a stall anyone could post."""


class ScoringError(Exception):
    """The model is missing or corrupt, failed, or answered with something that is no probability."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model gave a score; stored with every screening. ``sha256`` is that of the weights."""

    name: str
    version: str
    sha256: str


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


def load_bundled_scorer(*, threads: int = 1) -> ToxicityScorer:
    """Load the model that ships with the package, checked against the SHA-256 in its model.json.

    Raises :class:`ScoringError` naming the file when one is missing or corrupt.
    """
    from commentsvc.screening.onnx_scorer import OnnxScorer

    return OnnxScorer.load(BUNDLED_DIR, threads=threads)


@lru_cache(maxsize=1)
def _dropped_characters() -> dict[int, str | None]:
    """Map what the eye cannot see to nothing: zero-width, bidi, control and filler characters."""
    keep = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")  # spaces to split(), which ends words
    hidden = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiner and fillers: letters by category
    ranges = (range(0x3000), range(0xFE00, 0x10000), range(0x1BCA0, 0x1BCA4))
    planes = (*ranges, range(0x1D173, 0x1D17B), range(0xE0000, 0xE01F0))
    drop = {
        code
        for span in planes
        for code in span
        if unicodedata.category(chr(code)) in {"Cc", "Cf"} and chr(code) not in keep
    }
    variation = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}
    return dict.fromkeys(drop | variation | {ord(char) for char in hidden})


_COMBINING_CANDIDATE: Final = re.compile(r"[^\x00-\u02ff]{4,}")


def _cap_combining(match: re.Match[str]) -> str:
    """Keep at most :data:`MAX_COMBINING_RUN` combining marks in a row."""
    kept: list[str] = []
    run = 0
    for char in match[0]:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= MAX_COMBINING_RUN:
            kept.append(char)
    return "".join(kept)


def normalise(text: str) -> str:
    """Return *text* as the model reads it: NFKC, no invisible characters, single spaces.

    Total and linear: any ``str`` is accepted, lone surrogates become U+FFFD, surrogate pairs that
    a sloppy JSON decoder left apart are joined. It does not undo disguises such as "1d10t".
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.translate(_dropped_characters())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _COMBINING_CANDIDATE.sub(_cap_combining, text))
    return " ".join(text.split())


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
