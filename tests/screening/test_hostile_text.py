"""Text that is written to crash, stall or mislead: every reader of it answers, in linear time."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsvc.screening.normalise import normalise, read
from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.phrases import find_phrases
from commentsvc.screening.policy import DEFAULT_HOLD
from commentsvc.screening.sentences import LONGEST, sentence_spans
from commentsvc.screening.toxicity import BUNDLED_DIR

MEGABYTE = 1_000_000
DECENT = "The council met on Tuesday and talked about the new bridge over the river. "
HOSTILE = {
    "spaces between letters": "f u c k ",
    "letters that spell nothing": "a ",
    "asterisks": "*",
    "masked letters": "f*",
    "masked words": "f@#$ ",
    "combining marks": "\u0301",
    "accents on letters": "e\u0301\u0301\u0301\u0301\u0301",
    "struck through": "f\u0336",
    "one letter": "a",
    "stretched words": "fuuuuck ",
    "split words": "fu ck ",
    "hyphens": "fu-ck-",
    "emoji": "🖕",
    "joined emoji": "👩\u200d",
    "regional indicators": "🇫🇺",
    "dots": ".",
    "letters and dots": "f.",
    "ellipses": " . ",
    "digits": "1",
    "numbers": "1.",
    "look-alikes": "аb ",
    "full-width": "ｆ",
    "circled": "ⓕ",
    "ligatures that grow": "\ufdfa",
    "jamo": "\u1100\u1161\u11a8",
    "overridden": "\u202ekcuf ",
    "overrides": "\u202ea",
    "lone surrogates": "\ud800",
    "zero width": "\u200b",
    "addresses": "a@b.",
    "white space": " \n",
}
MOST = 20
"""Times what a decent megabyte takes. The slowest of these takes 6; quadratic work takes thousands."""


def _megabyte(pattern: str) -> str:
    return (pattern * (MEGABYTE // len(pattern) + 1))[:MEGABYTE]


def _seconds(work: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


@pytest.fixture(scope="module")
def decent() -> dict[str, float]:
    text = _megabyte(DECENT)
    read(f"{text[:1000]} 🖕 ｆ*ck")  # tables are built at first use
    find_phrases(text[:1000], PHRASES)
    return {
        "read": max(_seconds(read, text) for _ in range(2)),
        "cut": max(_seconds(sentence_spans, text) for _ in range(2)),
        "found": max(_seconds(_find, text[:100_000]) for _ in range(2)),
    }


PHRASES = ("idiot", "snake oil", "a a a b", "f u c k e r")


def _find(text: str) -> object:
    return find_phrases(text, PHRASES)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_takes_a_bounded_multiple_of_a_decent_one(
    name: str, decent: dict[str, float]
) -> None:
    text = _megabyte(HOSTILE[name])
    assert _seconds(read, text) < MOST * decent["read"]
    assert _seconds(sentence_spans, text) < MOST * decent["cut"]
    assert _seconds(_find, text[:100_000]) < MOST * decent["found"]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_way_back_from_hostile_text_stays_inside_it(name: str) -> None:
    text = (HOSTILE[name] * 3_000)[:3_000]
    reading = read(text)
    assert reading.text.encode("utf-8") is not None
    ranges = [reading.origin(at, at + 1) for at in range(len(reading.text))]
    assert all(0 <= start < end <= len(text) for start, end in ranges)
    assert ranges == sorted(ranges)


CLEAN = st.sampled_from(["council", "Tuesday", "bridge", "river", "quiet", "morning", "Zürich", "дом"])
DISGUISED = st.sampled_from(
    ["f u c k", "sh1t", "f*ck", "b\u200bi\u200bt\u200bc\u200bh", "ｉｄｉｏｔ", "fuuuuuck", "🖕", "🅵🆄🅲🅺",
     "f\u0336u\u0336c\u0336k\u0336", "сunt", "\ud83d", "\u202ekcuf\u202c", "f̷̨̛̛̛u̶c̸k̵", "  ", "\ufdfa"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), CLEAN, DISGUISED), min_size=1, max_size=12))
def test_clean_words_among_disguised_ones_stand_where_they_stood(
    parts: list[tuple[bool, str, str]],
) -> None:
    text, places = "", []
    for number, (clean, word, disguised) in enumerate(parts):
        if clean:
            places.append((len(text), word))
        # The numbers keep what is disguised apart; a full stop ends it.
        text += f"{word if clean else disguised} ({number * 7919}). "
    reading = read(text)
    position = 0
    for start, word in places:
        position = reading.text.index(word, position)
        assert reading.origin(position, position + len(word)) == (start, start + len(word))
        position += len(word)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=300),
    st.integers(-5, 400), st.integers(-5, 400), st.integers(-5, 400), st.integers(-5, 400),
)  # fmt: skip
def test_ranges_of_any_text_lead_back_in_order(
    text: str, first: int, second: int, third: int, fourth: int
) -> None:
    reading = read(text)
    (a, b), (c, d) = sorted([first, second]), sorted([third, fourth])
    one, other = reading.origin(a, b), reading.origin(c, d)
    for start, end in (one, other):
        assert 0 <= start <= end <= len(text)
    if a <= c < len(reading.text):
        assert one[0] <= other[0]
    # A range behind the text read is the end of the text given, and of what was dropped there.
    if max(a, 0) < b <= d and max(a, c, 0) < min(d, len(reading.text)):
        assert one[1] <= other[1]


def test_a_range_behind_the_text_is_its_end() -> None:
    reading = read("ab \u200b")
    assert reading.text == "ab"
    assert reading.origin(5, 6) == (4, 4)
    assert reading.origin(0, 7) == (0, 2)


@settings(max_examples=200, deadline=None)
@given(st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=1500))
def test_sentences_of_any_text(text: str) -> None:
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end <= min(len(text), start + LONGEST)
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()


@given(st.text(st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=300))
@settings(max_examples=200, deadline=None)
def test_phrases_are_looked_for_in_any_text(text: str) -> None:
    for match in find_phrases(text, PHRASES):
        assert 0 <= match.start < match.end <= len(text)


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer.load(BUNDLED_DIR)


@pytest.mark.slow
@pytest.mark.parametrize("insult", ["You are a stupid fucking idiot.", "You are a f u c k i n g 1d10t."])
def test_the_last_sentence_of_ten_thousand_characters_counts(scorer: OnnxScorer, insult: str) -> None:
    before = (DECENT * 200)[: 10_000 - len(insult) - 1].rsplit(". ", maxsplit=1)[0] + ". "
    text = before + insult
    assert len(text) > 9_900
    calm, angry = scorer.score([before, text])
    assert calm["toxicity"] < DEFAULT_HOLD["toxicity"] <= angry["toxicity"]
    found = scorer.explain(text)
    assert [text[one.start : one.end] for one in found.sentences] == [insult]
    assert found.words
    assert all(len(before) <= one.start < one.end <= len(text) for one in found.words)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spaces between letters", "emoji", "lone surrogates", "ligatures that grow"])
def test_a_hostile_megabyte_is_scored(scorer: OnnxScorer, name: str) -> None:
    [scores] = scorer.score([_megabyte(HOSTILE[name])])
    assert all(0 <= value <= 1 for value in scores.values())


def test_invisible_text_is_nothing() -> None:
    assert normalise("\u200b\u2060\u202e\ufeff\u00ad" * 1000) == ""
