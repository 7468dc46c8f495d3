"""model.json: what a model is, which files it is made of, and how its outputs become scores.

One folder is one model: ``model.json`` names the SHA-256 of every other file that a score depends
on, so the SHA-256 of ``model.json`` alone (:attr:`ModelInfo.sha256`) names the whole model.

| field | meaning |
|---|---|
| ``name``, ``version`` | stored with every screening |
| ``sha256``, ``tokenizer_sha256`` | of model.onnx and tokenizer.json |
| ``labels`` | our names; all of LABELS, any of OPTIONAL_LABELS |
| ``columns`` | for each label its column in the logits; absent: in order |
| ``outputs`` | columns of the logits; absent: as many as labels |
| ``max_tokens`` | one window, special tokens included |
| ``pad_token_id`` | for padded batches; absent: 0 |
| ``calibration`` | label -> ``slope`` and ``offset`` of its Platt curve; absent: the plain sigmoid |
| ``lexical`` | ``file``, ``sha256``, ``weights`` (label -> share of the lexical logit); may be absent |
| ``spans`` | ``threshold`` from which a word counts as highlighted; may be absent |
| ``licence``, ``source``, ``measured`` | for people and ``commentsvc model list``; may be absent |
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from commentsvc.screening.toxicity import LABELS, OPTIONAL_LABELS, ModelInfo, ScoringError

CARD: Final = "model.json"
WEIGHTS: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"

MAX_TOKENS: Final = range(8, 8193)
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Curve:
    """Platt scaling of one label: probability = sigmoid(``slope`` * logit + ``offset``)."""

    slope: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Lexical:
    """A second, linear model over the words: its file, and its share of each label's logit."""

    file: str
    sha256: str
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A checked model.json; what is per label is in the order of ``labels``."""

    info: ModelInfo
    weights_sha256: str
    tokenizer_sha256: str
    max_tokens: int
    labels: tuple[str, ...] = LABELS
    columns: tuple[int, ...] = tuple(range(len(LABELS)))
    outputs: int = len(LABELS)
    pad_token_id: int = 0
    curves: tuple[Curve, ...] = (Curve(),) * len(LABELS)
    lexical: Lexical | None = None
    span_threshold: float | None = None
    licence: str = ""
    source: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read model.json, or raise :class:`ScoringError` naming it and what is wrong with it."""
        try:
            content = path.read_bytes()
            raw = json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            message = f"toxicity model file {path} is missing or unreadable: {error}"
            raise ScoringError(message) from error
        try:
            return cls._from(raw, hashlib.sha256(content).hexdigest())
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            message = f"toxicity model file {path} lacks or garbles {error}"
            raise ScoringError(message) from error

    @classmethod
    def _from(cls, raw: Mapping[str, Any], sha256: str) -> Self:
        labels, columns, outputs = _columns(raw)
        curves = raw.get("calibration")
        threshold = raw["spans"]["threshold"] if raw.get("spans") else None
        return cls(
            info=ModelInfo(_named(raw, "name"), _named(raw, "version"), sha256),
            weights_sha256=_hash(raw["sha256"]),
            tokenizer_sha256=_hash(raw["tokenizer_sha256"]),
            max_tokens=_within(int(raw["max_tokens"]), MAX_TOKENS, "max_tokens"),
            labels=labels,
            columns=columns,
            outputs=outputs,
            pad_token_id=_within(int(raw.get("pad_token_id", 0)), range(1 << 31), "pad_token_id"),
            curves=tuple(_curve(curves, label) for label in labels),
            lexical=_lexical(raw["lexical"], labels) if raw.get("lexical") else None,
            span_threshold=None if threshold is None else _finite(threshold),
            licence=str(raw.get("licence", "")),
            source=str(raw.get("source", "")),
            measured=dict(raw.get("measured") or {}),
        )


def _columns(raw: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...], int]:
    """Return labels in our order, their columns, and how many columns the logits have."""
    given = [str(label) for label in raw["labels"]]
    at = [int(column) for column in raw.get("columns", range(len(given)))]
    outputs = int(raw.get("outputs", max(len(given), max(at, default=0) + 1)))
    place = dict(zip(given, at, strict=True))
    known = tuple(label for label in (*LABELS, *OPTIONAL_LABELS) if label in place)
    if len(place) != len(given) or set(place) != set(known) or not set(LABELS) <= set(known):
        message = f"labels: {given} are not {list(LABELS)} with any of {list(OPTIONAL_LABELS)}"
        raise ValueError(message)
    if len(set(at)) != len(at) or not all(0 <= column < outputs for column in at):
        message = f"columns: {at} of {outputs} outputs"
        raise ValueError(message)
    return known, tuple(place[label] for label in known), outputs


def _curve(curves: Mapping[str, Any] | None, label: str) -> Curve:
    if curves is None:
        return Curve()
    return Curve(_finite(curves[label]["slope"]), _finite(curves[label]["offset"]))


def _lexical(raw: Mapping[str, Any], labels: tuple[str, ...]) -> Lexical:
    file = str(raw["file"])
    if Path(file).name != file:
        message = f"lexical file {file!r}: a name without a folder is wanted"
        raise ValueError(message)
    weights = raw["weights"]
    return Lexical(
        file, _hash(raw["sha256"]), tuple(_finite(weights.get(label, 0.0)) for label in labels)
    )


def _named(raw: Mapping[str, Any], name: str) -> str:
    text = str(raw[name])
    if not text:
        message = f"{name}: it is empty"
        raise ValueError(message)
    return text


def _hash(text: object) -> str:
    if not isinstance(text, str) or not _HASH.fullmatch(text):
        message = f"SHA-256 {text!r}"
        raise ValueError(message)
    return text


def _within(number: int, allowed: range, name: str) -> int:
    if number not in allowed:
        message = f"{name} {number}, not {allowed.start} to {allowed.stop - 1}"
        raise ValueError(message)
    return number


def _finite(number: Any) -> float:
    value = float(number)
    if not math.isfinite(value):
        message = f"{number}, which is no finite number"
        raise ValueError(message)
    return value
