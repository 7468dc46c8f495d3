"""Score toxicity with ONNX Runtime: int8 weights, a tokenizer, numpy, and no torch or pickle.

Any ``str`` gets scores. A text longer than the model's window is read through overlapping windows
and takes, label by label, the highest score of any of them, so that a threat in the last sentence
of a long comment counts as much as one in the first.

Windows run one at a time, never padded together. Int8 activations share one scale per tensor, so
in a batch a text's score would depend on its neighbours: by up to 0.1, measured, enough to cross a
threshold. Alone, the same text gets the same score every time, and on a CPU core that costs what a
batch does (8.0 ms a comment alone, 6.9 in the best batch size, 9.3 in large ones).
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from commentsvc.screening.highlights import explain_by_scoring
from commentsvc.screening.normalise import normalise
from commentsvc.screening.toxicity import (
    LABELS,
    Explanation,
    ModelInfo,
    Scores,
    ScoringError,
    read_json,
)

MAX_CHARACTERS: Final = 50_000
"""Longer texts keep their two ends, half of this each: the longest comment a site's policy can
allow is read whole, and 1 MB doesn't cost a minute of a core."""
MAX_WINDOWS: Final = 160
"""Per text; where a text would need more, they are spread evenly from its start to its end."""
OVERLAP_SHARE: Final = 0.25
"""Of a window, shared with the next one: a sentence cut by one window is whole in the other."""

Logits = npt.NDArray[np.float32]


class Session(Protocol):
    """The one thing asked of ONNX Runtime; tests put a failing one in its place."""

    def run(self, output_names: list[str], inputs: dict[str, npt.NDArray[np.int64]]) -> list[Any]:
        """Return the named outputs."""
        ...


@dataclass(frozen=True, slots=True)
class Card:
    """What model.json says: identity, window, and one Platt curve (slope, offset) per label."""

    info: ModelInfo
    tokenizer_sha256: str
    max_tokens: int
    curves: tuple[tuple[float, float], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read model.json, or raise :class:`ScoringError` saying what is wrong with it."""
        raw: dict[str, Any] = read_json(path)
        try:
            if tuple(raw["labels"]) != LABELS:
                message = f"toxicity model file {path} has other labels: {raw['labels']}"
                raise ScoringError(message)
            return cls(
                ModelInfo(str(raw["name"]), str(raw["version"]), str(raw["sha256"])),
                str(raw["tokenizer_sha256"]),
                int(raw["max_tokens"]),
                tuple(
                    (
                        float(raw["calibration"][label]["slope"]),
                        float(raw["calibration"][label]["offset"]),
                    )
                    for label in LABELS
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            message = f"toxicity model file {path} lacks or garbles {error}"
            raise ScoringError(message) from error


class OnnxScorer:
    """A :class:`~commentsvc.screening.toxicity.ToxicityScorer` over one ONNX graph."""

    def __init__(self, session: Session, tokenizer: Tokenizer, card: Card) -> None:
        """Wrap loaded parts; :meth:`load` is the way in from files."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._session = session
        self._tokenizer = tokenizer
        self._card = card
        self._start, self._end = tokenizer.encode("").ids
        self._slopes = np.array([slope for slope, _ in card.curves])
        self._offsets = np.array([offset for _, offset in card.curves])

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load model.onnx, tokenizer.json and model.json from *folder*, checking both hashes.

        The bytes that were hashed are the bytes that run. Raises :class:`ScoringError` naming the
        file that is missing, corrupt or not a model.
        """
        card = Card.read(folder / "model.json")
        weights = _verified(folder / "model.onnx", card.info.sha256)
        vocabulary = _verified(folder / "tokenizer.json", card.tokenizer_sha256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A waiting pool spins by default: one busy core for an idle service.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Every batch has another shape; remembered memory plans would pile up.
        options.enable_mem_pattern = False
        try:
            session = onnxruntime.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_str(vocabulary.decode("utf-8"))
        except Exception as error:  # both runtimes raise their own, unrelated classes
            message = f"the toxicity model in {folder} does not load: {error}"
            raise ScoringError(message) from error
        return cls(session, tokenizer, card)

    @property
    def info(self) -> ModelInfo:
        """The model that gives the scores."""
        return self._card.info

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Return six calibrated probabilities per text, in order, or raise :class:`ScoringError`."""
        raw = self.logits(texts).astype(np.float64) * self._slopes + self._offsets
        return [
            {label: _sigmoid(float(value)) for label, value in zip(LABELS, row, strict=True)}
            for row in raw
        ]

    def explain(self, text: str) -> Explanation:
        """Return what in *text* carries its score, or raise :class:`ScoringError`."""
        return explain_by_scoring(self.score, text)

    def logits(self, texts: Sequence[str]) -> Logits:
        """Return the uncalibrated logits, one row per text: what calibration is fitted on."""
        highest = np.empty((len(texts), len(LABELS)), dtype=np.float32)
        for index, text in enumerate(texts):
            highest[index] = np.max([self._run(window) for window in self._windows(text)], axis=0)
        return highest

    def _windows(self, text: str) -> Iterator[list[int]]:
        if len(text) > MAX_CHARACTERS:
            half = MAX_CHARACTERS // 2
            text = f"{text[:half]} {text[-half:]}"
        ids = self._tokenizer.encode(normalise(text), add_special_tokens=False).ids
        size = self._card.max_tokens - 2
        for start in window_starts(len(ids), size):
            yield [self._start, *ids[start : start + size], self._end]

    def _run(self, ids: list[int]) -> Logits:
        """Return the six logits of one window, all finite."""
        tokens = np.array([ids], dtype=np.int64)
        inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        try:
            logits: Logits = np.asarray(self._session.run(["logits"], inputs)[0], dtype=np.float32)
        except Exception as error:  # whatever the runtime raises, the promise is ScoringError
            message = f"toxicity model {self.info.name} {self.info.version} failed: {error}"
            raise ScoringError(message) from error
        if logits.shape != (1, len(LABELS)) or not np.isfinite(logits).all():
            message = f"toxicity model {self.info.name} {self.info.version} gave no finite scores"
            raise ScoringError(message)
        row: Logits = logits[0]
        return row


def window_starts(length: int, size: int) -> list[int]:
    """Return where windows of *size* tokens start so that they cover *length*, both ends included.

    Neighbours overlap by at least OVERLAP_SHARE unless that takes more than MAX_WINDOWS; then the
    windows are spread evenly and what lies between them is not read.
    """
    if length <= size:
        return [0]
    stride = max(1, int(size * (1 - OVERLAP_SHARE)))
    count = min(1 + math.ceil((length - size) / stride), MAX_WINDOWS)
    return [round(step * (length - size) / (count - 1)) for step in range(count)]


def _sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow at either end."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(value)
    return power / (1 + power)


def _verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of *path*, or raise :class:`ScoringError` where their hash differs."""
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"toxicity model file {path} is missing or unreadable: {error}"
        raise ScoringError(message) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        message = f"toxicity model file {path} is corrupt: SHA-256 {found}, expected {sha256}"
        raise ScoringError(message)
    return content
