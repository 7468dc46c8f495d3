"""Measure a scorer on rows that no model of ours is trained on.

The two headline numbers are ROC AUCs times 100: ``heldout_mean`` over six labels on held-out rows
of the training distribution, weighted to natural prevalence, and ``official_test_toxic`` on a
balanced half of the challenge's own test set. The first reads higher than the second.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from commentsvc.screening.toxicity import LABELS, ToxicityScorer
from commentsvc.screening.training.data import JIGSAW_COLUMNS, prevalence_weights, read_rows

THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
CHUNK: Final = 64
NEWS: Final = "news_threads_sfu/old_comments.csv.gz"

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What a threshold on the toxicity score does; shares of 1, weighted to natural prevalence.

    ``bin_rate`` is the observed toxic share among scores from ``threshold`` up to 0.1 above it:
    a calibrated score has it inside that range. ``news_held`` is the share of comments that a
    newspaper's community managers published and that this threshold would hold.
    """

    threshold: float
    precision: float
    recall: float
    flagged: float
    bin_rate: float
    news_held: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured about one model; AUCs times 100."""

    model: dict[str, str]
    heldout_mean: float
    official_test_toxic: float
    heldout: dict[str, float]
    hatecheck_neutral: float
    hatecheck_neutral_and_positive: float
    thresholds: tuple[AtThreshold, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


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


def score_all(
    scorer: ToxicityScorer, texts: Sequence[str], report: Callable[[int], None] | None = None
) -> Values:
    """Return one row of six probabilities per text, telling *report* how many more are done."""
    rows: list[list[float]] = []
    for start in range(0, len(texts), CHUNK):
        found = scorer.score(texts[start : start + CHUNK])
        rows.extend([scores[label] for label in LABELS] for scores in found)
        if report is not None:
            report(len(found))
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(LABELS))


def _share(chosen: npt.NDArray[np.bool_], weights: Values) -> float:
    return float(weights[chosen].sum() / weights.sum()) if weights.sum() else float("nan")


def _at_thresholds(
    toxicity: Values, truth: Values, weights: Values, news: Values
) -> Iterable[AtThreshold]:
    for threshold in THRESHOLDS:
        over = toxicity >= threshold
        in_bin = over & (toxicity < threshold + 0.1)
        toxic = truth == 1
        yield AtThreshold(
            threshold=threshold,
            precision=_share(toxic[over], weights[over]),
            recall=_share(over[toxic], weights[toxic]),
            flagged=_share(over, weights),
            bin_rate=_share(toxic[in_bin], weights[in_bin]),
            news_held=_share(news >= threshold, np.ones_like(news)),
        )


def _hatecheck_auc(scores: Values, rows: Sequence[dict[str, str]], decent: set[str]) -> float:
    hateful = np.array([row["label_gold"] == "hateful" for row in rows])
    chosen = hateful | np.array([row["functionality"] in decent for row in rows])
    return 100 * auc(scores[chosen], hateful[chosen].astype(np.float64))


def evaluate(
    scorer: ToxicityScorer, folder: Path, *, report: Callable[[int, int], None] | None = None
) -> Report:
    """Return the :class:`Report` of *scorer* on the measuring files under *folder*.

    *report* is called with (done, total). A missing file raises FileNotFoundError.
    """
    heldout = [
        row
        for row in read_rows(folder / "jigsaw/train_sixlabel_subset.csv.gz")
        if row["split"] == "test"
    ]
    official = list(read_rows(folder / "jigsaw/test_toxic_balanced_6090.csv.gz"))
    hatecheck = list(read_rows(folder / "hatecheck/test_suite_cases.csv.gz"))
    news = [row["text"] for row in read_rows(folder / NEWS) if row["status"] == "published"]
    sets = {
        "heldout": [row["comment_text"] for row in heldout],
        "official": [row["comment_text"] for row in official],
        "hatecheck": [row["test_case"] for row in hatecheck],
        "news": news,
    }
    for name, texts in sets.items():
        if not texts:
            message = f"no {name} rows under {folder}"
            raise FileNotFoundError(message)
    total, done = sum(map(len, sets.values())), 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if report is not None:
            report(done, total)

    found = {name: score_all(scorer, texts, advance) for name, texts in sets.items()}
    truth = np.array([[float(row[column]) for column in JIGSAW_COLUMNS] for row in heldout])
    weights = np.array(prevalence_weights([row[0] == 1 for row in truth]))
    per_label = {
        label: 100 * auc(found["heldout"][:, column], truth[:, column], weights)
        for column, label in enumerate(LABELS)
    }
    official_truth = np.array([float(row["toxic"]) for row in official])
    toxicity = found["hatecheck"][:, 0]
    thresholds = _at_thresholds(found["heldout"][:, 0], truth[:, 0], weights, found["news"][:, 0])
    return Report(
        model=asdict(scorer.info),
        heldout_mean=float(np.mean(list(per_label.values()))),
        official_test_toxic=100 * auc(found["official"][:, 0], official_truth),
        heldout=per_label,
        hatecheck_neutral=_hatecheck_auc(toxicity, hatecheck, {"ident_neutral_nh"}),
        hatecheck_neutral_and_positive=_hatecheck_auc(
            toxicity, hatecheck, {"ident_neutral_nh", "ident_pos_nh"}
        ),
        thresholds=tuple(thresholds),
    )
