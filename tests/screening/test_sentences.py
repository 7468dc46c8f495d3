"""Sentences: where they end, and that nothing is lost between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.screening.sentences import LONGEST, sentence_spans


def _cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("  \n ", []),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("No end", ["No end"]),
        ("First line\nsecond line", ["First line", "second line"]),
        ("It cost 3.50 at example.org. Fine.", ["It cost 3.50 at example.org.", "Fine."]),
        ("Dr. Who met J. R. R. Tolkien. They spoke.", ["Dr. Who met J. R. R. Tolkien.", "They spoke."]),
        ("Really?! Yes... no.", ["Really?!", "Yes...", "no."]),
        ("这是一句。 还有一句！", ["这是一句。", "还有一句！"]),
        ("So I said no. You left.", ["So I said no.", "You left."]),
        ("See No. 5. Then go.", ["See No. 5.", "Then go."]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, sentences: list[str]) -> None:
    assert _cut(text) == sentences


def test_an_endless_sentence_is_cut_between_words() -> None:
    text = "word " * LONGEST
    found = _cut(text)
    assert max(map(len, found)) <= LONGEST
    assert " ".join(found).split() == text.split()
    assert all(piece.split()[0] == "word" for piece in found)


@given(st.text(st.sampled_from("ab .!?\n\u2028。Dr")))
def test_nothing_but_white_space_is_between_sentences(text: str) -> None:
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()
