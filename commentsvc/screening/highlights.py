"""Which sentences and words carry a score.

A sentence is shown when it would score high by itself. The words come from the model's own marks
where it has learned to give them (see training/train.py); for any other model, from leaving out one
word at a time and looking how far the score falls.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from commentsvc.screening.sentences import sentence_spans
from commentsvc.screening.toxicity import Explanation, Highlight, Scores

SENTENCE_THRESHOLD: Final = 0.3
"""Of the highest label. Lower than where comments are held: within one that is, this is telling."""
MAX_SENTENCES: Final = 60
"""Scored one by one; in a longer text neighbours are taken together, so that all of it is read."""
MAX_OMISSIONS: Final = 60
"""Words left out one at a time."""
FALL: Final = 0.25
"""A word that takes this share of the score with it carries it."""
_WORD: Final = re.compile(r"\w+(?:['’*@$!]\w+)*")

Score = Callable[[Sequence[str]], list[Scores]]


def highest(scores: Scores) -> float:
    """Return the score of the label that scores highest."""
    return max(scores.values())


def sentences(score: Score, text: str) -> tuple[Highlight, ...]:
    """Return the sentences of *text* that score high by themselves, in order.

    Where none does though the whole text would, the one that comes nearest is returned.
    """
    spans = sentence_spans(text)
    if len(spans) > MAX_SENTENCES:
        size = -(-len(spans) // MAX_SENTENCES)
        groups = [spans[at : at + size] for at in range(0, len(spans), size)]
        spans = [(group[0][0], group[-1][1]) for group in groups]
    if not spans:
        return ()
    values = [highest(found) for found in score([text[start:end] for start, end in spans])]
    chosen = [at for at, value in enumerate(values) if value >= SENTENCE_THRESHOLD]
    if not chosen and highest(score([text])[0]) >= SENTENCE_THRESHOLD:
        chosen = [values.index(max(values))]
    return tuple(Highlight(*spans[at], values[at]) for at in chosen)


def words_by_omission(score: Score, text: str, within: Sequence[Highlight]) -> tuple[Highlight, ...]:
    """Return the words in the sentences *within* whose absence makes the sentence score lower."""
    left = MAX_OMISSIONS
    found: list[Highlight] = []
    for sentence in sorted(within, key=lambda one: -one.score):
        words = [
            (sentence.start + match.start(), sentence.start + match.end())
            for match in _WORD.finditer(text[sentence.start : sentence.end])
        ][:left]
        left -= len(words)
        if not words:
            continue
        without = [
            f"{text[sentence.start : start]} {text[end : sentence.end]}" for start, end in words
        ]
        for (start, end), scores in zip(words, score(without), strict=True):
            fall = (sentence.score - highest(scores)) / sentence.score if sentence.score else 0.0
            if fall >= FALL:
                found.append(Highlight(start, end, min(1.0, fall)))
    return tuple(sorted(found, key=lambda one: one.start))


def explain_by_scoring(score: Score, text: str) -> Explanation:
    """Explain *text* with nothing but a scorer's scores; any engine can be asked this way."""
    found = sentences(score, text)
    return Explanation(found, words_by_omission(score, text, found))


def joined(
    text: str, marks: Sequence[tuple[tuple[int, int], float]], threshold: float
) -> tuple[Highlight, ...]:
    """Return the words whose mark reaches the threshold, neighbours as one highlight."""
    found: list[Highlight] = []
    for (start, end), value in marks:
        if value < threshold:
            continue
        if found and not text[found[-1].end : start].strip():
            before = found.pop()
            found.append(Highlight(before.start, end, max(value, before.score)))
        else:
            found.append(Highlight(start, end, value))
    return tuple(found)
