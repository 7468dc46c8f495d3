"""Turn a checkpoint into the files that serve: int8 ONNX, tokenizer, model.json.

The folder is complete or untouched: everything is written beside it and renamed into place, weights
first and model.json last, because model.json names the weights by SHA-256 and a reader that finds
the two at odds must refuse.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.toxicity import LABELS
from commentsvc.screening.training.data import Example, prevalence_weights
from commentsvc.screening.training.train import encoder_folder

OPSET = 17
WEIGHTS, TOKENIZER, CARD = "model.onnx", "tokenizer.json", "model.json"


@dataclass(frozen=True, slots=True)
class Curve:
    """Platt scaling of one label: probability = sigmoid(``slope`` * logit + ``offset``)."""

    slope: float = 1.0
    offset: float = 0.0


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        for block in iter(lambda: source.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def load_checkpoint(path: Path) -> Any:
    """Return the model of a Detoxify-style checkpoint, ready to export.

    Loaded without pickle's code execution. Every key and shape must match: a checkpoint that lacks
    the classifier's bias is an error, where a lenient load would serve a random one.
    """
    import torch
    import transformers

    loaded = torch.load(path, map_location="cpu", weights_only=True)
    config = transformers.BertConfig.from_pretrained(
        str(encoder_folder()),
        num_labels=len(LABELS),
        local_files_only=True,
        attn_implementation="eager",
    )
    model = transformers.BertForSequenceClassification(config)
    model.load_state_dict(loaded["state_dict"], strict=True)
    model.eval()
    return model


def write_onnx(model: Any, path: Path) -> None:
    """Write the float graph: ``input_ids`` and ``attention_mask`` (any batch, any length) to logits."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(
                input_ids=input_ids, attention_mask=attention_mask
            ).logits
            return logits

    tokens = torch.ones(2, 16, dtype=torch.long)
    shape = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        Logits(),
        (tokens, torch.ones_like(tokens)),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": shape, "attention_mask": shape, "logits": {0: "batch"}},
    )


def quantise(source: Path, target: Path) -> None:
    """Write *source* with int8 weights, embeddings included; activations stay dynamic."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source),
        str(target),
        op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        per_channel=True,
        # Seven bits: processors without VNNI add int8 products in 16 bits, and eight overflow.
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )


def write_card(
    folder: Path, *, name: str, version: str, max_tokens: int, curves: Mapping[str, Curve]
) -> None:
    """Write model.json: what the model is, the hash of its weights, its calibration."""
    card = {
        "name": name,
        "version": version,
        "sha256": sha256_of(folder / WEIGHTS),
        "tokenizer_sha256": sha256_of(folder / TOKENIZER),
        "labels": list(LABELS),
        "max_tokens": max_tokens,
        "calibration": {label: asdict(curves.get(label, Curve())) for label in LABELS},
    }
    text = json.dumps(card, indent=2) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")


def publish(source: Path, target: Path) -> None:
    """Replace the three files of *target* by those of *source*, each at once, the card last."""
    target.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, TOKENIZER, CARD):
        partial = target / f"{name}.partial"
        shutil.copyfile(source / name, partial)
    for name in (WEIGHTS, TOKENIZER, CARD):
        (target / f"{name}.partial").replace(target / name)


def build(
    checkpoint: Path,
    folder: Path,
    *,
    calibration: Sequence[Example],
    name: str,
    version: str,
    max_tokens: int,
    report: Callable[[int], None] = lambda _done: None,
) -> None:
    """Export, quantise and calibrate *checkpoint*, then publish it in *folder*.

    *max_tokens* is the window that serves; it may exceed the one trained with. The curves are
    fitted on the scores of exactly the int8 weights that serve. *report* counts calibrated rows.
    """
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch)
        write_onnx(loaded, built / "float.onnx")
        quantise(built / "float.onnx", built / WEIGHTS)
        shutil.copyfile(encoder_folder() / TOKENIZER, built / TOKENIZER)
        write_card(built, name=name, version=version, max_tokens=max_tokens, curves={})
        scorer = OnnxScorer.load(built)
        logits: list[list[float]] = []
        for example in calibration:
            logits.extend(scorer.logits([example.text]).tolist())
            report(len(logits))
        weights = prevalence_weights([example.toxic for example in calibration])
        curves = fit_curves(logits, [example.targets for example in calibration], weights)
        write_card(built, name=name, version=version, max_tokens=max_tokens, curves=curves)
        publish(built, folder)


def fit_curves(
    logits: Sequence[Sequence[float]], targets: Sequence[Sequence[float]], weights: Sequence[float]
) -> dict[str, Curve]:
    """Fit one Platt curve per label on held-out rows, weighted to natural prevalence."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    values, truth = np.asarray(logits), np.asarray(targets)
    share = np.asarray(weights)
    curves: dict[str, Curve] = {}
    for column, label in enumerate(LABELS):
        known = ~np.isnan(truth[:, column])
        fit = LogisticRegression(C=100.0, max_iter=1000)
        fit.fit(
            values[known, column : column + 1], truth[known, column], sample_weight=share[known]
        )
        curves[label] = Curve(float(fit.coef_[0, 0]), float(fit.intercept_[0]))
    return curves
