"""How good scores are: areas under curves, bias by subgroup, thresholds, marked characters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
BIAS_POWER: Final = -5.0
"""Of the mean over subgroups, as in the challenge that made these metrics known: the worst count."""

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def auc(scores: Values, truth: Values, weights: Values | None = None) -> float:
    """Return the area under the ROC curve, ties counted half; NaN where one class is missing."""
    weight = np.ones_like(scores) if weights is None else weights
    values, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weights=weight * truth, minlength=len(values))
    negative = np.bincount(place, weights=weight * (1 - truth), minlength=len(values))
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / pairs)


@dataclass(frozen=True, slots=True)
class Bias:
    """How a score treats texts that name one group (Borkan et al. 2019); AUCs times 100.

    ``bpsn`` is low where decent texts about the group score like attacks elsewhere (it is held too
    often), ``bnsp`` where attacks on it score like decent texts elsewhere (it is protected too
    little). NaN where a class is missing.
    """

    group: str
    rows: int
    subgroup_auc: float
    bpsn: float
    bnsp: float


def bias(scores: Values, toxic: Flags, member: Flags, group: str) -> Bias:
    """Measure one group: its own rows, and its rows of one class against the others' of the other."""

    def among(chosen: Flags) -> float:
        return 100 * auc(scores[chosen], toxic[chosen].astype(np.float64))

    return Bias(
        group=group,
        rows=int(member.sum()),
        subgroup_auc=among(member),
        bpsn=among((member & ~toxic) | (~member & toxic)),
        bnsp=among((member & toxic) | (~member & ~toxic)),
    )


def power_mean(values: Iterable[float], power: float = BIAS_POWER) -> float:
    """Return the generalised mean of what is a number among *values*; NaN where nothing is."""
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return float("nan")
    if power < 0 and (known <= 0).any():
        return 0.0
    return float(np.mean(known**power) ** (1 / power))


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What a threshold on one score does; shares of 1, weighted to natural prevalence.

    ``bin_rate`` is the observed share of the label among scores from ``threshold`` up to 0.1 above
    it: a calibrated score has it inside that range. ``news_held`` is the share of comments that a
    newspaper's community managers published and that this threshold would hold.
    """

    label: str
    threshold: float
    precision: float
    recall: float
    flagged: float
    bin_rate: float
    news_held: float


def at_thresholds(
    label: str, scores: Values, truth: Values, weights: Values, news: Values
) -> list[AtThreshold]:
    """Return what each of THRESHOLDS does; a share of nothing is NaN."""
    found = []
    positive = truth == 1
    for threshold in THRESHOLDS:
        over = scores >= threshold
        in_bin = over & (scores < threshold + 0.1)
        found.append(
            AtThreshold(
                label=label,
                threshold=threshold,
                precision=_share(positive[over], weights[over]),
                recall=_share(over[positive], weights[positive]),
                flagged=_share(over, weights),
                bin_rate=_share(positive[in_bin], weights[in_bin]),
                news_held=_share(news >= threshold, np.ones_like(news)),
            )
        )
    return found


def _share(chosen: Flags, weights: Values) -> float:
    return float(weights[chosen].sum() / weights.sum()) if weights.sum() else float("nan")


def character_f1(predicted: set[int], gold: set[int]) -> float:
    """Return the F1 of two sets of character offsets of one post; 1 where both are empty.

    The measure of SemEval-2021 task 5: where one of the two is empty and the other is not, it is 0.
    """
    if not predicted and not gold:
        return 1.0
    if not predicted or not gold:
        return 0.0
    hits = len(predicted & gold)
    return 2 * hits / (len(predicted) + len(gold))


def offsets(ranges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the character offsets that *ranges* cover."""
    return {offset for start, end in ranges for offset in range(start, end)}
