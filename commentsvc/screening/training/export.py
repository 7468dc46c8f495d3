"""Turn a checkpoint into the files that serve: int8 ONNX, tokenizer, model.json.

The folder is complete or untouched: everything is written beside it and renamed into place, weights
first and model.json last, because model.json names the weights by SHA-256 and a reader that finds
the two at odds must refuse.
"""

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from commentsvc.screening.card import CARD, TOKENIZER, WEIGHTS, Curve
from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.training.checkpoints import (
    OUR_ENCODER,
    Checkpoint,
    CheckpointError,
    architecture_folder,
    build_model,
    read,
    sha256_of,
)
from commentsvc.screening.training.data import Example, prevalence_weights
from commentsvc.screening.training.spans import MarkedText, best_threshold

OPSET: Final = 17
LEXICAL: Final = "lexical.npz"
Precision = Literal["int8", "float32"]


@dataclass(frozen=True, slots=True)
class Lexical:
    """The linear model that goes with the encoder, and its share of each label's logit."""

    path: Path
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Build:
    """What :func:`build` makes of a checkpoint; all of it ends up in model.json or in the graph.

    ``max_tokens`` is the window that serves, 0 for the longest the encoder reads; it may differ
    from the one trained with. ``span_threshold`` is that of the highlighted words.
    """

    name: str
    version: str
    max_tokens: int = 0
    precision: Precision = "int8"
    lexical: Lexical | None = None
    span_threshold: float | None = None
    licence: str = ""
    source: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)


def write_onnx(
    model: Any, path: Path, span_head: Mapping[str, Any] | None = None, span_layer: int = -1
) -> None:
    """Write the float graph: ``input_ids``, whole texts of one length each without padding, to ``logits``.

    Segment and position ids, where the encoder has them, are those of one text and computed inside. With a
    *span_head* the graph also gives ``marks``: one logit per token, high where the token makes the text toxic,
    read from *span_layer*, counted from the last, -1. *model* is no good afterwards (:mod:`graph`).
    """
    import torch

    from commentsvc.screening.training.graph import rewrite

    rewrite(model, first_token=span_head is None or span_layer < -1)
    head = None
    hidden: list[torch.Tensor] = []
    if span_head is not None:
        head = torch.nn.Linear(model.config.hidden_size, 1)
        head.load_state_dict(dict(span_head), strict=True)
        read_from = model.base_model.encoder.layer[span_layer]
        read_from.register_forward_hook(lambda _layer, _given, found: hidden.append(found))

    class Outputs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.head = head

        def forward(self, input_ids: torch.Tensor) -> Any:
            logits = self.model(input_ids=input_ids).logits
            return logits if self.head is None else (logits, self.head(hidden.pop())[..., 0])

    shape = {0: "batch", 1: "tokens"}
    axes = {"input_ids": shape, "logits": {0: "batch"}}
    if head is not None:
        axes["marks"] = shape
    with warnings.catch_warnings():  # the tracer's, about branches that depend on no text
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Outputs().eval(),
            (torch.full((2, 16), 5, dtype=torch.long),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            custom_opsets={"com.microsoft": 1},
            input_names=["input_ids"],
            output_names=["logits"] if head is None else ["logits", "marks"],
            dynamic_axes=axes,
        )


def quantise(source: Path, target: Path) -> None:
    """Write *source* with int8 weights, embeddings included; activations stay dynamic."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)  # it advises on convolutions, of which there are none
    try:
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=["MatMul", "Gemm", "Gather", "Attention"],
            per_channel=True,
            # Seven bits: processors without VNNI add int8 products in 16 bits, and eight overflow.
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.setLevel(before)


def write_tokenizer(checkpoint: Checkpoint, folder: Path, path: Path) -> None:
    """Write tokenizer.json as Detoxify would tokenise: the class it names, over *folder*'s files.

    Our own checkpoints take the encoder's file as it is, which is what they were trained with.
    """
    if checkpoint.encoder == OUR_ENCODER:
        shutil.copyfile(folder / TOKENIZER, path)
        return
    import transformers

    try:
        tokenizer = getattr(transformers, checkpoint.tokenizer_name).from_pretrained(
            str(folder), local_files_only=True
        )
        backend = tokenizer.backend_tokenizer
    except Exception as error:  # transformers raises whatever it met
        message = f"the tokenizer {checkpoint.tokenizer_name} in {folder} does not load: {error}"
        raise CheckpointError(message) from error
    path.write_text(backend.to_str(), encoding="utf-8")


def write_card(
    folder: Path,
    checkpoint: Checkpoint,
    made: Build,
    *,
    max_tokens: int,
    pad_token_id: int,
    curves: Mapping[str, Curve],
) -> None:
    """Write model.json: what the model is, the hashes of its files, its calibration."""
    card: dict[str, Any] = {
        "name": made.name,
        "version": made.version,
        "sha256": sha256_of(folder / WEIGHTS),
        "tokenizer_sha256": sha256_of(folder / TOKENIZER),
        "labels": list(checkpoint.labels),
        "columns": list(checkpoint.columns),
        "outputs": checkpoint.outputs,
        "max_tokens": max_tokens,
        "pad_token_id": pad_token_id,
        "calibration": {label: asdict(curves.get(label, Curve())) for label in checkpoint.labels},
    }
    if made.lexical is not None:
        card["lexical"] = {
            "file": LEXICAL,
            "sha256": sha256_of(folder / LEXICAL),
            "weights": dict(made.lexical.weights),
        }
    if made.span_threshold is not None:
        card["spans"] = {"threshold": made.span_threshold}
    card["licence"] = made.licence
    card["source"] = made.source or f"checkpoint {checkpoint.sha256}"
    if made.measured:
        card["measured"] = dict(made.measured)
    text = json.dumps(card, indent=2) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def publish(source: Path, target: Path) -> None:
    """Replace the files of *target* by those of *source*, each at once, the card last."""
    target.mkdir(parents=True, exist_ok=True)
    names = [name for name in (WEIGHTS, TOKENIZER, LEXICAL, CARD) if (source / name).exists()]
    partials = [target / f"{name}.partial" for name in names]
    try:
        for name, partial in zip(names, partials, strict=True):
            shutil.copyfile(source / name, partial)
        for name, partial in zip(names, partials, strict=True):
            partial.replace(target / name)
    finally:
        for partial in partials:  # after a full disk; after success there are none
            partial.unlink(missing_ok=True)


def build(
    checkpoint: Path,
    folder: Path,
    made: Build,
    *,
    calibration: Sequence[Example] = (),
    marked: Sequence[MarkedText] = (),
    architecture: Path | None = None,
    check: Callable[[OnnxScorer], Mapping[str, Any]] = lambda _scorer: {},
    report: Callable[[int], None] = lambda _done: None,
) -> None:
    """Export, quantise and calibrate *checkpoint*, then publish it in *folder*.

    The curves are fitted on the scores that exactly the weights that serve give to *calibration*;
    without rows a score is the plain sigmoid, as Detoxify's is. On *marked* rows the threshold of
    the highlighted words is chosen, unless it is given or the model marks none. *check* sees the finished scorer;
    what it returns is kept in model.json under ``measured``, and when it raises nothing is
    published. *report* counts calibrated rows.
    """
    loaded = read(checkpoint)
    files = architecture_folder(loaded, architecture)
    model = build_model(loaded, files)
    window = loaded.window(model.config)
    card: dict[str, Any] = {
        "max_tokens": min(made.max_tokens or window, window),
        "pad_token_id": int(model.config.pad_token_id or 0),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as scratch:
        built = Path(scratch)
        graph = built / ("float.onnx" if made.precision == "int8" else WEIGHTS)
        write_onnx(model, graph, loaded.span_head, loaded.span_layer)
        del model
        if made.precision == "int8":
            quantise(graph, built / WEIGHTS)
            graph.unlink()
        write_tokenizer(loaded, files, built / TOKENIZER)
        if made.lexical is not None:
            shutil.copyfile(made.lexical.path, built / LEXICAL)
        write_card(built, loaded, made, curves={}, **card)
        if marked and loaded.span_head is not None and made.span_threshold is None:
            threshold = best_threshold(OnnxScorer.load(built), marked)
            made = replace(made, span_threshold=threshold)
        curves = {}
        if calibration:
            curves = _calibrated(OnnxScorer.load(built), loaded.labels, calibration, report)
        write_card(built, loaded, made, curves=curves, **card)
        if measured := check(OnnxScorer.load(built)):
            kept = replace(made, measured={**made.measured, **measured})
            write_card(built, loaded, kept, curves=curves, **card)
            OnnxScorer.load(built)
        publish(built, folder)


def _calibrated(
    scorer: OnnxScorer,
    labels: Sequence[str],
    rows: Sequence[Example],
    report: Callable[[int], None],
) -> dict[str, Curve]:
    logits: list[list[float]] = []
    for row in rows:
        logits.extend(scorer.logits([row.text]).tolist())
        report(len(logits))
    weights = prevalence_weights([row.toxic for row in rows])
    return fit_curves(logits, [row.targets for row in rows], weights, labels=labels)


def fit_curves(
    logits: Sequence[Sequence[float]],
    targets: Sequence[Sequence[float]],
    weights: Sequence[float],
    *,
    labels: Sequence[str],
) -> dict[str, Curve]:
    """Fit one Platt curve per label on held-out rows, weighted to natural prevalence.

    A label that the rows do not have, or have in one class only, keeps the plain sigmoid.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    values, truth = np.asarray(logits), np.asarray(targets)
    share = np.asarray(weights)
    curves: dict[str, Curve] = {}
    for column, label in enumerate(labels[: truth.shape[1]]):
        known = ~np.isnan(truth[:, column])
        if len(set(truth[known, column].tolist())) < 2:
            continue
        fit = LogisticRegression(C=100.0, max_iter=1000)
        fit.fit(
            values[known, column : column + 1], truth[known, column], sample_weight=share[known]
        )
        curves[label] = Curve(float(fit.coef_[0, 0]), float(fit.intercept_[0]))
    return curves
