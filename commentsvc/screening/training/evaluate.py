"""Measure a scorer on rows that no model of ours is trained on, and say so where that isn't so.

The two headline numbers are ROC AUCs times 100: ``heldout_mean`` over six labels on held-out rows
of the training distribution, weighted to natural prevalence, and ``official_test_toxic`` on a
balanced half of the challenge's own test set. The first reads higher than the second.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from commentsvc.screening.toxicity import LABELS, ToxicityScorer
from commentsvc.screening.training import names
from commentsvc.screening.training.data import load, text_key
from commentsvc.screening.training.measuring import (
    NAMES,
    TOXICITY,
    MeasuringSet,
    measuring_sets,
)
from commentsvc.screening.training.metrics import (
    AtThreshold,
    Bias,
    Values,
    at_thresholds,
    auc,
    bias,
    character_f1,
    offsets,
    power_mean,
)

CHUNK: Final = 64
DEFAULT_SAMPLE: Final = 4_000
"""Rows of a large set that are measured unless all are asked for: a few minutes on one core."""
FLAGGED: Final = 0.5
MIN_GROUP: Final = 20
"""Rows that name a group, below which its numbers would say nothing."""
NEUTRAL: Final = frozenset({"ident_neutral_nh"})
NEUTRAL_AND_POSITIVE: Final = frozenset({"ident_neutral_nh", "ident_pos_nh"})


@dataclass(frozen=True, slots=True)
class SetResult:
    """One set: AUC times 100 for each label it knows, and how its rows were chosen.

    ``in_training`` is the share of its rows that ``model train`` reads from the same folder: of a
    set where that is not 0, a model trained here says less than its number.
    """

    name: str
    about: str
    rows: int
    of: int
    positive: int
    auc: dict[str, float]
    in_training: float


@dataclass(frozen=True, slots=True)
class Functionality:
    """One kind of HateCheck case: its share flagged at 0.5, and its AUC against the other class."""

    name: str
    hateful: bool
    rows: int
    flagged: float
    auc: float


@dataclass(frozen=True, slots=True)
class GroupBias:
    """Every group of one set, and the means in which the worst groups count most."""

    name: str
    groups: tuple[Bias, ...]
    subgroup_auc: float
    bpsn: float
    bnsp: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything measured about one model; AUCs times 100, NaN (null in JSON) where not measured."""

    model: dict[str, str]
    heldout_mean: float
    official_test_toxic: float
    hatecheck_neutral: float
    hatecheck_neutral_and_positive: float
    sets: tuple[SetResult, ...]
    missing: tuple[str, ...]
    functionalities: tuple[Functionality, ...] = ()
    bias: tuple[GroupBias, ...] = ()
    thresholds: tuple[AtThreshold, ...] = ()
    highlights_f1: float = math.nan
    highlights_posts: int = 0
    names: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, where nothing is NaN."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    def auc(self, name: str, label: str = TOXICITY) -> float:
        """Return one AUC times 100; NaN where it was not measured."""
        for one in self.sets:
            if one.name == name:
                return one.auc.get(label, math.nan)
        return math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def evaluate(
    scorer: ToxicityScorer,
    folder: Path,
    *,
    sample: int = DEFAULT_SAMPLE,
    report: Callable[[int, int], None] | None = None,
) -> Report:
    """Return the :class:`Report` of *scorer* on the measuring files under *folder*.

    Large sets are cut to *sample* rows (0: none is), always the same. *report* is called with
    (done, total). A file that is missing is named in the report; FileNotFoundError when all are.
    """
    sets = measuring_sets(folder, sample=sample)
    marked = [one for one in sets if one.name == "spans"]
    total = sum(len(one.texts) for one in [*sets, *marked])
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if report is not None:
            report(done, total)

    trained = _training_keys(folder)
    scores = {one.name: score_all(scorer, one.texts, advance) for one in sets}
    results = tuple(_measured(one, scores[one.name], trained) for one in sets)
    by_name = {one.name: one for one in sets}
    found = {one.name: one.auc for one in results}
    hatecheck = by_name.get("hatecheck")
    return Report(
        model=asdict(scorer.info),
        heldout_mean=float(
            np.mean([found.get("heldout", {}).get(label, np.nan) for label in LABELS])
        ),
        official_test_toxic=found.get("official_test", {}).get(TOXICITY, math.nan),
        hatecheck_neutral=_against(hatecheck, scores, NEUTRAL),
        hatecheck_neutral_and_positive=_against(hatecheck, scores, NEUTRAL_AND_POSITIVE),
        sets=results,
        missing=tuple(name for name in NAMES if name not in by_name),
        functionalities=_functionalities(hatecheck, scores) if hatecheck else (),
        bias=tuple(_group_bias(one, scores[one.name]) for one in sets if any(one.groups)),
        thresholds=_thresholds(by_name, scores),
        highlights_f1=_highlights(scorer, marked[0], advance) if marked else math.nan,
        highlights_posts=len(marked[0].texts) if marked else 0,
        names=names.measure(scorer),
    )


def _training_keys(folder: Path) -> set[str]:
    try:
        data = load(folder)
    except FileNotFoundError:
        return set()
    return {text_key(row.text) for row in [*data.train, *data.calibration]}


def _measured(one: MeasuringSet, scores: Values, trained: set[str]) -> SetResult:
    seen = sum(text_key(text) in trained for text in one.texts)
    return SetResult(
        name=one.name,
        about=one.about,
        rows=len(one.texts),
        of=one.of,
        positive=int(one.truth[TOXICITY].sum()),
        auc={
            label: 100 * auc(scores[:, LABELS.index(label)], truth, one.weights)
            for label, truth in one.truth.items()
        },
        in_training=seen / len(one.texts),
    )


def _against(
    hatecheck: MeasuringSet | None, scores: Mapping[str, Values], decent: frozenset[str]
) -> float:
    """Return the AUC of all hateful cases against the decent ones of these kinds."""
    if hatecheck is None:
        return math.nan
    hateful = hatecheck.truth[TOXICITY]
    chosen = (hateful == 1) | np.array([kind in decent for kind in hatecheck.kinds])
    return 100 * auc(scores["hatecheck"][chosen, 0], hateful[chosen])


def _functionalities(
    hatecheck: MeasuringSet, scores: Mapping[str, Values]
) -> tuple[Functionality, ...]:
    toxicity, hateful = scores["hatecheck"][:, 0], hatecheck.truth[TOXICITY] == 1
    kinds = np.array(hatecheck.kinds)
    found = []
    for name in sorted(set(hatecheck.kinds)):
        chosen = kinds == name
        gold = bool(hateful[chosen][0])
        pitted = chosen | (hateful != gold)
        found.append(
            Functionality(
                name=name,
                hateful=gold,
                rows=int(chosen.sum()),
                flagged=float((toxicity[chosen] >= FLAGGED).mean()),
                auc=100 * auc(toxicity[pitted], hateful[pitted].astype(np.float64)),
            )
        )
    return tuple(found)


def _group_bias(one: MeasuringSet, scores: Values) -> GroupBias:
    """Return the bias against each group that at least MIN_GROUP rows name."""
    toxic: npt.NDArray[np.bool_] = one.truth[TOXICITY] == 1
    named = sorted({group for groups in one.groups for group in groups})
    found = []
    for group in named:
        member = np.array([group in groups for groups in one.groups])
        if member.sum() >= MIN_GROUP:
            found.append(bias(scores[:, 0], toxic, member, group))
    return GroupBias(
        name=one.name,
        groups=tuple(found),
        subgroup_auc=power_mean(group.subgroup_auc for group in found),
        bpsn=power_mean(group.bpsn for group in found),
        bnsp=power_mean(group.bnsp for group in found),
    )


def _thresholds(
    sets: Mapping[str, MeasuringSet], scores: Mapping[str, Values]
) -> tuple[AtThreshold, ...]:
    heldout = sets.get("heldout")
    if heldout is None or heldout.weights is None:
        return ()
    news = scores.get("news", np.empty((0, len(LABELS))))
    return tuple(
        row
        for column, label in enumerate(LABELS)
        for row in at_thresholds(
            label,
            scores["heldout"][:, column],
            heldout.truth[label],
            heldout.weights,
            news[:, column],
        )
    )


def _highlights(
    scorer: ToxicityScorer, marked: MeasuringSet, report: Callable[[int], None]
) -> float:
    """Return the mean character F1, times 100, of the highlighted words."""
    found = []
    for text, gold in zip(marked.texts, marked.spans, strict=True):
        words = scorer.explain(text).words
        found.append(character_f1(offsets([(word.start, word.end) for word in words]), gold))
        report(1)
    return 100 * float(np.mean(found))
