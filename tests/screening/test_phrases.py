"""Phrases against a matcher that compares every phrase with every place, and in scripts without spaces."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commentsvc.screening.phrases import find_phrases, fold

WORDS = st.sampled_from(["idiot", "1d10t", "id1ot", "snake", "oil", "sn4ke", "a", "b", "4", "idiotic", "OIL", "öil", "ass", "class"])
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", ", ", "-", "\n", " … "])), max_size=12).map(lambda parts: "".join(w + s for w, s in parts))
PHRASES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=6, unique=True)


def naive(text: str, phrases: list[str]) -> set[tuple[int, int, str]]:
    """Every phrase at every word, word by word: slow, and plainly right. Each place once, the first of those that overlap."""
    words = [(m.start(), m.end(), fold(m.group())) for m in re.finditer(r"[\w@$!|€]+", text)]
    found: set[tuple[int, int, str]] = set()
    for phrase in phrases:
        wanted = [fold(m) for m in re.findall(r"[\w@$!|€]+", phrase)]
        last = 0
        for i in range(len(words) - len(wanted) + 1):
            here = words[i : i + len(wanted)]
            if here[0][0] >= last and all(spellings & w for (_, _, spellings), w in zip(here, wanted, strict=True)):
                last = here[-1][1]
                found.add((here[0][0], last, phrase))
    return found


@given(TEXTS, PHRASES)
@example("a b a b a ", ["a b a"])
@example("sn4ke oil, 1d10t", ["snake oil", "idiot", "oil"])
def test_all_that_a_plain_comparison_finds_is_found(text: str, phrases: list[str]) -> None:
    found = {(m.start, m.end, m.phrase) for m in find_phrases(text, phrases)}
    # Letters written one by one, and what the model's reading undoes, are found in addition.
    assert {(p, s) for s, _, p in naive(text, phrases)} <= {(p, s) for s, _, p in found}
    for start, end, phrase in found - naive(text, phrases):
        letters = re.sub(r"[\W_]+", "", text[start:end])
        assert fold(letters) & fold(re.sub(r"[\W_]+", "", phrase)), (text[start:end], phrase)


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("你这个笨蛋啊", "笨蛋", "笨蛋"),
        ("笨 蛋", "笨蛋", "笨 蛋"),
        ("笨*蛋", "笨蛋", "笨*蛋"),
        ("笨\n蛋", "笨蛋", "笨\n蛋"),
        ("the iPhone手机", "手机", "手机"),
        ("the iPhone手机", "iphone", "iPhone"),
        ("このアホが", "アホ", "アホ"),
        ("ばかやろう", "ばか", "ばか"),
        ("ｶﾞｽ", "ガス", "ｶﾞｽ"),
        ("ไอ้ควายเอ๊ย", "ควาย", "ควาย"),
        ("바보 같은", "바보", "바보"),
        ("你是1d10t吗", "idiot", "1d10t"),
    ],
)
def test_a_phrase_is_found_where_a_script_has_no_spaces(text: str, phrase: str, found: str) -> None:
    [match] = find_phrases(text, [phrase])
    assert text[match.start : match.end] == found


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("アホウドリを見た", "アホ"),  # an albatross
        ("今天很笨。蛋很好吃", "笨蛋"),  # two sentences
        ("笨，蛋", "笨蛋"),
        ("Scunthorpe, Penistone and Cockermouth", "cunt"),
        ("a class act", "ass"),
    ],
)
def test_what_merely_contains_its_letters_is_no_phrase(text: str, phrase: str) -> None:
    assert not find_phrases(text, [phrase])


@given(st.text(alphabet="笨蛋アホばか。 ,\u3099\u0e31ค๊a1", max_size=60), st.lists(st.text(alphabet="笨蛋アホばかคa", min_size=1, max_size=4), max_size=4))
def test_matches_of_any_scripts_lie_inside_the_text(text: str, phrases: list[str]) -> None:
    for match in find_phrases(text, phrases):
        assert 0 <= match.start < match.end <= len(text)
        assert match.phrase in phrases
