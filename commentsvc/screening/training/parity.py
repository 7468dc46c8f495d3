"""Whether an exported model scores as its checkpoint does when Detoxify itself runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from commentsvc.screening.normalise import normalise
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer
from commentsvc.screening.training.checkpoints import Checkpoint
from commentsvc.screening.training.sample import SAMPLE

MAX_DIFFERENCE: Final = 0.15
"""Of one score of one text. Rounding weights to eight bits moves a score in the middle of the
scale by several hundredths, one near its ends by next to nothing."""
MEAN_DIFFERENCE: Final = 0.02
"""Of one label, over all texts. A wrong vocabulary, column or layer is far beyond."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Between the two scores of one label over the sample; shares of 1."""

    label: str
    largest: float
    mean: float

    @property
    def tolerable(self) -> bool:
        """Whether the two may be taken for the same model."""
        return self.largest <= MAX_DIFFERENCE and self.mean <= MEAN_DIFFERENCE


def compare(
    scorer: ToxicityScorer, detoxify: Any, checkpoint: Checkpoint, texts: Sequence[str] = SAMPLE
) -> list[Difference]:
    """Return for each label how far *scorer* is from ``Detoxify.predict``, text by text.

    Both read the normalised text. *scorer* has the plain sigmoid for its calibration.
    """
    columns = dict(zip(checkpoint.labels, checkpoint.columns, strict=True))
    ours, theirs = scorer.score(texts), []
    for text in texts:
        found = detoxify.predict(normalise(text))
        values = list(found.values())
        theirs.append({label: float(values[column]) for label, column in columns.items()})
    differences = []
    for label in columns:
        apart = [abs(a[label] - b[label]) for a, b in zip(ours, theirs, strict=True)]
        differences.append(Difference(label, max(apart), sum(apart) / len(apart)))
    return differences


def refuse_strangers(differences: Sequence[Difference]) -> None:
    """Raise :class:`ScoringError` where a label differs by more than is tolerable."""
    far = [one for one in differences if not one.tolerable]
    if far:
        named = ", ".join(f"{one.label} {one.largest:.3f} (mean {one.mean:.3f})" for one in far)
        message = (
            f"the exported model does not score as Detoxify does: {named}; at most "
            f"{MAX_DIFFERENCE} and a mean of {MEAN_DIFFERENCE} are tolerated. Nothing was kept"
        )
        raise ScoringError(message)
