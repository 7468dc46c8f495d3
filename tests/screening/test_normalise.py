"""Disguised words are read as what they stand for, and clean text stays as it was written."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsvc.screening.normalise import normalise, read

DISGUISED = [
    ("You are a f u c k i n g idiot", "fucking"),
    ("you F.U.C.K.E.R", "FUCKER"),
    ("what a b-i-t-c-h", "bitch"),
    ("sh1t", "shit"),
    ("$h!t happens to you", "shit"),
    ("you a$$hole", "asshole"),
    ("an 1d10t like you", "idiot"),
    ("what an id10t", "idiot"),
    ("fuuuuuuuck you", "fuck"),
    ("FUUUCK YOUUUU", "FUCK"),
    ("you f*cking liar", "fucking"),
    ("f**k this", "fuck"),
    ("f***ing liar", "fucking"),
    ("sh*t", "shit"),
    ("you c*nt", "cunt"),
    ("fu ck you", "fuck"),
    ("f\u200bu\u200bc\u200bk you", "fuck"),
    ("f\u00aduck you", "fuck"),
    ("ｆｕｃｋ ｙｏｕ", "fuck"),
    ("𝓯𝓾𝓬𝓴 you", "fuck"),
    ("🅵🆄🅲🅺 you", "FUCK"),
    ("fυck you", "fuck"),
    ("сunt", "cunt"),
    ("ѕhіt", "shit"),
    ("fück you", "fuck"),
    ("f̷̨̛u̶̧͝c̸̛͘k̵̕͢ you", "fuck"),
    ("\u202ekcuf you", "fuck"),
    ("phuck you", "fuck"),
    ("b!tch", "bitch"),
    ("n1gger", "nigger"),
    ("f@ggot", "faggot"),
]

CLEAN = [
    "See https://example.org/a_b/c-d?e=f&g=1#h, or write to jane.doe+news@example.co.uk.",
    "www.example.com/sh1t-happens is an address",
    "On 24.11.2026 at 7:30 a.m. it cost $1,299.99 (10 % off), i.e. £5 more than in 2019.",
    "Version 3.11.4 of Python; x = y[0] * 2; if (a != b) return 1;",
    "#metoo #Brexit2019 @user_name42 thanks",
    "J. R. R. Tolkien, C. S. Lewis and the U.S. president met at 10 Downing St.",
    "Henry VIII, Louis XIV, chapter iii, Pope John XXIII",
    "Die Straße ist nass, Herr Müller. Übermäßig große Öfen!",
    "Où est l'élève? Ça coûte cher à Noël, n'est-ce pas?",
    "İstanbul'da çok güzel bir gün, teşekkürler",
    "هذا تعليق عادي، شكرا لكم",
    "这是一条普通的评论。",
    "Это обычный комментарий.",
    "Αυτό είναι ένα κανονικό σχόλιο.",
    "Scunthorpe, Penistone, Cockermouth, Essex, Middlesex, Sussex and Lightwater",
    "Shital, Nishit, Phuc Dat Bich, Dikshit, Hancock, Dickens, Cummings",
    "I passed the class, assessed the assets and discussed the cockpit.",
    "Titanic, analysis, therapist, basement, shitake, peacock, document",
    "Good morning 😀 and thank you 👍🏽 🇫🇷",
    "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6",
    "A B C D, plan B, vitamin C, type A, grade A+, C++ and C#",
    "The 1st, 2nd and 3rd at 4x100 m; B2B, 5G, H2O, CO2, MP3, 3D, 4WD, PS5",
    "zzz... mmm, hmm, ooh, brrr, yeee-haw",
    "He wrote “so-called ‘experts’” – and left…",
    "5*3=15 and 2**8 = 256, **bold** and *emphasis*, ***",
    "AAA, BBB+, 90/60, 3-2, 4-4-2",
    "don't, can't, shouldn't've, rock'n'roll, o'clock, y'all",
    "Will-o'-the-wisp, mother-in-law, state-of-the-art",
]


@pytest.mark.parametrize(("written", "word"), DISGUISED)
def test_a_disguised_word_is_read(written: str, word: str) -> None:
    words = normalise(written).replace(",", " ").split()
    assert word.lower() in [found.lower() for found in words], normalise(written)


@pytest.mark.parametrize("text", CLEAN)
def test_clean_text_stays(text: str) -> None:
    skin_tones = {0x1F3FD: None}  # they tell nothing about what is said
    assert normalise(text) == text.translate(skin_tones).replace("…", "...")


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\ufeff"])
def test_nothing_is_read_as_nothing(text: str) -> None:
    assert normalise(text) == ""


ANY_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("fuckshita$1@3!*. -_\u200b\u0301\u202e\u202c\ud83d\udd95\U0001f595с"),
        st.characters(categories=["Cs"]),
    ),
    max_size=200,
)


@settings(max_examples=400, deadline=None)
@given(ANY_TEXT)
def test_any_text_is_read_and_the_way_back_stays_inside_it(text: str) -> None:
    reading = read(text)
    assert reading.text == normalise(text)
    before = 0
    for at in range(len(reading.text)):
        start, end = reading.origin(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert start >= before
        before = start
    reading.text.encode("utf-8")  # no lone surrogate is left, which no database would take


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_what_is_read_already_reads_the_same_again(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(st.sampled_from("abc xyz.,"), max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_untouched_characters_stand_where_they_stood(text: str, first: int, last: int) -> None:
    reading = read(text)
    if reading.text != text:
        return
    start, end = min(first, last, len(text)), min(max(first, last), len(text))
    assert reading.origin(start, end) == (start, end)


def test_the_way_back_finds_the_disguise() -> None:
    text = "Well,  you  f\u200b u c k, good   night"
    reading = read(text)
    at = reading.text.index("fuck")
    start, end = reading.origin(at, at + 4)
    assert text[start:end] == "f\u200b u c k"
    at = reading.text.index("night")
    assert text[slice(*reading.origin(at, at + 5))] == "night"


PATTERNS = [
    "a", "0", " ", "!", ".", "*", "\u0301", "\u0336", "\u200b", "\ud800", "🖕", "🇫", "a ", "f.",
    "f u c k ", "f*", "а", "аb", "\ufdfa", "a@b.", "fu ck ", "aaab ", "\u202ea", "http://", "👩\u200d",
    "f@#$ ", "x\u0301\u0301\u0301\u0301\u0301",
]  # fmt: skip


def _seconds(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        read(text)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_twice_the_text_takes_about_twice_the_time(pattern: str) -> None:
    # Quadratic work would take four times as long, and half a minute for the megabyte.
    size = 20_000
    short, long = (_seconds((pattern * n)[:n]) for n in (size, 4 * size))
    assert long < 10 * short + 0.05
