"""Detection gives English the benefit of the doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.screening.languages import detect, supported


@pytest.mark.parametrize("text", [
    "yo hamburger", "lol", "FUCK OFF", "u r so ghay", "5SOS is trash", "faggot http://t.co/tkPokv3ncd", "I hate women.",
    "Bradford Pyne did a great job on the council.", "Shital and Nishit live in Ahmedabad.", "Deez niggas", "k", "ok 👍",
    "WHAT A LOAD OF RUBBISH", "She fuckin wit a young boy", "Thank you for reporting this.", "@someone lmao #tbt",
])
def test_english_is_english_however_short_or_rude(text: str) -> None:
    assert detect(text) == ["en"]


@pytest.mark.parametrize(("text", "language"), [
    ("Du weisst, wo du mich wieder finden kannst.", "de"), ("La verdad es que no le veo la necesidad.", "es"),
    ("Je ne comprends pas pourquoi vous dites cela.", "fr"), ("Это пиздец.", "ru"), ("Привет", "ru"), ("你好", "zh"),
    ("こんにちは", "ja"), ("안녕", "ko"), ("مرحبا", "ar"), ("Καλησπέρα", "el"), ("สวัสดี", "th"), ("नमस्ते", "hi"),
    ("Sự biểu diễn dấu chấm thập phân", "vi"), ("Het is een heel erg leuk spelletje", "nl"),
])
def test_other_languages_are_told(text: str, language: str) -> None:
    assert detect(text)[0].startswith(language)


@pytest.mark.parametrize("text", ["", " ", "12345", "!!!", "👍👍", "http://example.org/a", "\x00", "٣٤٥"])
def test_without_letters_there_is_no_language(text: str) -> None:
    assert detect(text) == []


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert all(isinstance(code, str) and code for code in detect(text))


def test_regions_and_scripts_do_not_matter() -> None:
    served = frozenset({"en", "fr"})
    assert supported(["en-GB", "fr_CA", "EN"], served)
    assert not supported(["en", "de"], served)
    assert not supported([""], served)
