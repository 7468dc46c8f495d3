"""Highlighted words: which marks become highlights, and from which threshold on."""

from commentsvc.screening.highlights import joined
from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.toxicity import Highlight, load_bundled_scorer
from commentsvc.screening.training.spans import STEPS, best_threshold

TEXT = "You utter oaf, go home"
MARKS = [((0, 3), 0.12), ((4, 9), 0.62), ((10, 13), 0.71), ((13, 14), 0.3), ((15, 17), 0.1)]


class Marker(OnnxScorer):
    """A scorer whose marks are known beforehand."""

    def __init__(self) -> None:
        """Load nothing."""

    def word_marks(self, text: str) -> list[tuple[tuple[int, int], float]]:
        """Return MARKS for the one text there is."""
        assert text == TEXT
        return MARKS


def test_neighbouring_words_are_one_highlight_with_the_higher_mark() -> None:
    assert joined(TEXT, MARKS, 0.6) == (Highlight(4, 13, 0.71),)
    assert joined(TEXT, MARKS, 0.65) == (Highlight(10, 13, 0.71),)
    assert joined(TEXT, MARKS, 0.8) == ()
    apart = [((0, 3), 0.9), ((10, 13), 0.8)]
    assert joined(TEXT, apart, 0.5) == (Highlight(0, 3, 0.9), Highlight(10, 13, 0.8))


def test_the_threshold_is_the_one_that_agrees_best_with_people() -> None:
    told: list[int] = []
    found = best_threshold(Marker(), [(TEXT, set(range(4, 13)))] * 2, told.append)
    assert 0.3 < found <= 0.62
    assert told == [1, 2]
    assert 0.62 < best_threshold(Marker(), [(TEXT, set(range(10, 13)))]) <= 0.71
    assert best_threshold(Marker(), [(TEXT, set())]) == min(s for s in STEPS if s > 0.71)


def test_marks_stand_where_the_words_are_written() -> None:
    scorer = load_bundled_scorer()
    text = "Good morning.  You are a f\u200bucking   i d i o t, said nobody."
    if not isinstance(scorer, OnnxScorer) or not scorer.explain(text).words:
        raise AssertionError
    marked = [text[word.start : word.end] for word in scorer.explain(text).words]
    assert any("f\u200bucking" in words for words in marked)
    assert not any("morning" in words or "nobody" in words for words in marked)
