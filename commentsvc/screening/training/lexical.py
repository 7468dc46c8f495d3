"""Fit the linear model of n-grams that serves beside the encoder (see screening/lexical.py).

For labels with many examples each n-gram is first weighted by how much more often it occurs in
comments that carry the label than in the others (Wang and Manning 2012, "Baselines and bigrams"),
which gained 0.6 points of AUC on held-out toxicity and 0.9 on the official test rows; with
few examples that ratio is noise, and plain TF-IDF is better.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from commentsvc.screening.lexical import LexicalModel, features, weighted
from commentsvc.screening.toxicity import LABELS
from commentsvc.screening.training.data import Example

BITS: Final = 20
LEAST_ROWS: Final = 3
"""Table rows that fewer comments touch are left empty: they tell nothing and cost bytes."""
PENALTY: Final = 4.0
ENOUGH: Final = 2_000
"""Examples of a label from which the ratio is used."""
MAX_CHARACTERS: Final = 4_000

Values = npt.NDArray[np.float32]


def fit(
    examples: Sequence[Example], *, seed: int, report: Callable[[int, int], None] = lambda _d, _t: None
) -> LexicalModel:
    """Return a linear model of the six labels; rows of other rules (weight below 1) are left out.

    Those come from other places and drew the words towards them. *report* gets (done, total) labels.
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    used = [example for example in examples if example.weight == 1.0]
    found = [features(example.text[:MAX_CHARACTERS], BITS) for example in used]
    touched = np.bincount(np.concatenate([rows for rows, _ in found]), minlength=1 << BITS)
    rarity = np.log((1 + len(used)) / (1 + touched)) + 1
    rarity[touched < LEAST_ROWS] = 0.0
    scale = float(rarity.max()) / 255
    stored = np.round(rarity / scale).astype(np.uint8)
    values = [weighted(rows, counts, stored) for rows, counts in found]
    matrix = sparse.csr_matrix(
        (
            np.concatenate(values),
            np.concatenate([rows for rows, _ in found]).astype(np.int32),
            np.cumsum([0, *(len(rows) for rows, _ in found)]),
        ),
        shape=(len(used), 1 << BITS),
    )
    targets = np.array([example.targets for example in used])
    columns: list[Values] = []
    offsets: list[float] = []
    for column in range(len(LABELS)):
        known = ~np.isnan(targets[:, column])
        truth = targets[known, column] >= 0.5
        part = matrix[known]
        ratio = _ratio(part, truth) if truth.sum() >= ENOUGH else np.ones(1 << BITS, np.float32)
        model = LogisticRegression(
            C=PENALTY, solver="liblinear", dual=True, tol=0.05, max_iter=50, random_state=seed
        )
        model.fit((part @ sparse.diags(ratio)).tocsr(), truth)
        columns.append(model.coef_[0].astype(np.float32) * ratio)
        offsets.append(float(model.intercept_[0]))
        report(column + 1, len(LABELS))
    weights: Values = np.stack(columns, axis=1)
    # Half a per mille of the weights stick out; cut off, they leave the others finer steps.
    scales = (np.quantile(np.abs(weights), 0.9995, axis=0) / 127).astype(np.float32)
    quantised = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    return LexicalModel(quantised, scales, np.array(offsets, dtype=np.float32), stored)


def _ratio(matrix: Any, truth: npt.NDArray[np.bool_]) -> Values:
    """Return for each table row the log of how much likelier it is in a comment with the label."""
    present = matrix.copy()
    present.data = (present.data > 0).astype(np.float32)
    inside = np.asarray(present[truth].sum(axis=0)).ravel() + 1
    outside = np.asarray(present[~truth].sum(axis=0)).ravel() + 1
    ratio: Values = np.log((inside / inside.sum()) / (outside / outside.sum())).astype(np.float32)
    return ratio
