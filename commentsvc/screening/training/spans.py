"""From which mark on a word is highlighted: where the character F1 on rows for tuning is highest."""

from collections.abc import Callable, Sequence
from typing import Final

from commentsvc.screening.highlights import joined
from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.training.metrics import character_f1, offsets

MarkedText = tuple[str, set[int]]
"""A comment and the offsets of the characters that make it toxic."""

STEPS: Final = tuple(step / 20 for step in range(2, 19))


def best_threshold(
    scorer: OnnxScorer, rows: Sequence[MarkedText], report: Callable[[int], None] = lambda _done: None
) -> float:
    """Return the one of STEPS with the highest mean character F1 over *rows*."""
    totals = dict.fromkeys(STEPS, 0.0)
    for done, (text, gold) in enumerate(rows, start=1):
        marks = scorer.word_marks(text)
        for step in STEPS:
            words = joined(text, marks, step)
            totals[step] += character_f1(offsets([(word.start, word.end) for word in words]), gold)
        report(done)
    return max(STEPS, key=totals.__getitem__)
