"""Fit the linear model of n-grams that serves beside the encoder (see screening/lexical.py).

For labels with many examples each n-gram is first weighted by how much more often it occurs in
comments that carry the label than in the others (Wang and Manning 2012, "Baselines and bigrams"),
which gained 0.4 points of AUC on held-out toxicity and 0.5 on the official test rows; with
few examples that ratio is noise, and plain TF-IDF is better.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from commentsvc.screening.lexical import Keys, LexicalModel, Values, features, weighted
from commentsvc.screening.toxicity import LABELS
from commentsvc.screening.training.data import Example

LEAST_ROWS: Final = 3
"""N-grams of fewer comments are left out: they tell nothing."""
VOCABULARY: Final = 150_000
"""The n-grams that say most about toxicity; three times as many scored no better."""
PENALTY: Final = 4.0
RATIO_PENALTY: Final = 0.5
ENOUGH: Final = 2_000
"""Examples of a label from which the ratio is used."""
MAX_CHARACTERS: Final = 4_000

_Found = Sequence[tuple[Keys, Values]]


def fit(
    examples: Sequence[Example],
    *,
    seed: int,
    report: Callable[[int, int], None] = lambda _d, _t: None,
) -> LexicalModel:
    """Return a linear model of the six labels; rows of other rules (weight below 1) are left out.

    Those come from other places and drew the words towards them. *report* gets (done, total) labels.
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    used = [example for example in examples if example.weight == 1.0]
    found = [features(example.text[:MAX_CHARACTERS]) for example in used]
    targets = np.array([example.targets for example in used])
    vocabulary, rarity = _vocabulary(found, targets[:, 0])
    matrix = _matrix(found, vocabulary, rarity)
    columns: list[Values] = []
    offsets: list[float] = []
    for column in range(len(LABELS)):
        known = ~np.isnan(targets[:, column])
        truth = targets[known, column] >= 0.5
        part = matrix[known]
        enough = truth.sum() >= ENOUGH
        ratio = _ratio(part, truth) if enough else np.ones(len(vocabulary), np.float32)
        model = LogisticRegression(
            C=RATIO_PENALTY if enough else PENALTY,
            solver="liblinear",
            dual=True,
            tol=0.05,
            max_iter=100,
            random_state=seed,
        )
        model.fit((part @ sparse.diags(ratio)).tocsr(), truth)
        columns.append(model.coef_[0].astype(np.float32) * ratio)
        offsets.append(float(model.intercept_[0]))
        report(column + 1, len(LABELS))
    weights: Values = np.stack(columns, axis=1)
    # Half a per mille of the weights stick out; cut off, they leave the others finer steps.
    scales = (np.quantile(np.abs(weights), 0.9995, axis=0) / 127).astype(np.float32)
    quantised = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    return LexicalModel(vocabulary, quantised, scales, np.array(offsets, dtype=np.float32), rarity)


def _vocabulary(
    found: _Found, toxicity: npt.NDArray[np.float64]
) -> tuple[Keys, npt.NDArray[np.uint8]]:
    """Return the keys of the n-grams that say most about toxicity, ascending, and their rarity.

    Most: the ratio of :func:`_ratio` times the root of the number of comments, a z-score in all but
    name.
    """
    keys, touched = np.unique(np.concatenate([keys for keys, _ in found]), return_counts=True)
    keys, touched = keys[touched >= LEAST_ROWS], touched[touched >= LEAST_ROWS]
    everything = _matrix(found, keys, np.ones(len(keys), np.uint8))
    known = ~np.isnan(toxicity)
    telling = np.abs(_ratio(everything[known], toxicity[known] >= 0.5)) * np.sqrt(touched)
    chosen = np.sort(np.argsort(-telling, kind="stable")[:VOCABULARY])
    rarity = np.log((1 + len(found)) / (1 + touched[chosen])) + 1
    return keys[chosen], np.round(rarity / rarity.max() * 255).astype(np.uint8)


def _matrix(found: _Found, vocabulary: Keys, rarity: npt.NDArray[np.uint8]) -> Any:
    from scipy import sparse

    def entries() -> Iterator[tuple[npt.NDArray[np.int32], Values]]:
        for keys, counts in found:
            rows, values = weighted(keys, counts, vocabulary, rarity)
            yield rows.astype(np.int32), values

    rows, values = zip(*entries(), strict=True)
    ends = np.cumsum([0, *map(len, rows)])
    shape = (len(found), len(vocabulary))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(rows), ends), shape=shape)


def _ratio(matrix: Any, truth: npt.NDArray[np.bool_]) -> Values:
    """Return for each n-gram the log of how much likelier it is in a comment with the label."""
    present = matrix.copy()
    present.data = (present.data > 0).astype(np.float32)
    inside = np.asarray(present[truth].sum(axis=0)).ravel() + 1
    outside = np.asarray(present[~truth].sum(axis=0)).ravel() + 1
    ratio: Values = np.log((inside / inside.sum()) / (outside / outside.sum())).astype(np.float32)
    return ratio
