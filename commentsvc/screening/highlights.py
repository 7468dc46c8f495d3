"""Which sentences and words carry a score."""

from collections.abc import Callable, Sequence
from typing import Final

from commentsvc.screening.sentences import sentence_spans
from commentsvc.screening.toxicity import Explanation, Highlight, Scores

SENTENCE_THRESHOLD: Final = 0.4
MAX_SENTENCES: Final = 200


def explain_by_scoring(score: Callable[[Sequence[str]], list[Scores]], text: str) -> Explanation:
    """Explain *text* by scoring its sentences one by one; any scorer can be asked this way."""
    spans = sentence_spans(text)[:MAX_SENTENCES]
    found = score([text[start:end] for start, end in spans])
    return Explanation(
        sentences=tuple(
            Highlight(start, end, max(scores.values()))
            for (start, end), scores in zip(spans, found, strict=True)
            if max(scores.values()) >= SENTENCE_THRESHOLD
        )
    )
