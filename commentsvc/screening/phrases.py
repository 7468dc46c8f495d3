"""Banned and suspect phrases: whole words, whatever they are dressed up as, in linear time.

A phrase is looked for in the text as it was written and in the text as the model reads it (see
normalise.py), which undoes more disguises but only those of words it knows. Letters written one by
one ("v a x x e r") are joined for any phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from commentsvc.screening.normalise import read
from commentsvc.screening.submission import Match
from commentsvc.screening.symbols import EMOJI

# A word may carry signs that stand for letters ("1d!0t", "a$$") and characters that show nothing.
_WORD = re.compile(r"[\w@$!|€\u00ad\u200b-\u200d\u2060\ufeff]+")
_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
_LEET = str.maketrans("01345789@$!|€", "oieastbgasiie")
_LEET_L = str.maketrans("01345789@$!|€", "oleastbgaslle")  # 1, ! and | stand for l as well
_LOOKALIKES = str.maketrans("абвгдеёзікмнортухѕјԁοαενικτυρχ", "a6brdee3ikmhoptyxsjdoaeviktupx")
_STRETCHED = re.compile(r"(.)\1{2,}")
# At least four, so that initials and short lists stay what they are.
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){3,}")
_SEPARATORS = re.compile(r"[\W_]+")
_PICTURES = re.compile(f"[{''.join(EMOJI)}]")


def fold(word: str) -> frozenset[str]:
    """The spellings a word may stand for: case, accents, look-alikes, digits, stretched letters."""
    text = unicodedata.normalize("NFKD", word.translate(_INVISIBLE)).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c))
    spellings = {text, text.rstrip("!|$@€")}
    if not text.isdigit():
        for spelling in list(spellings):
            plain = spelling.translate(_LOOKALIKES)
            spellings |= {plain, plain.translate(_LEET), plain.translate(_LEET_L)}
    for spelling in list(spellings):
        spellings |= {_STRETCHED.sub(r"\1", spelling), _STRETCHED.sub(r"\1\1", spelling)}
    return frozenset(s for s in spellings if s)


@lru_cache(maxsize=64)
def _index(phrases: tuple[str, ...]) -> dict[str, list[tuple[str, list[frozenset[str]]]]]:
    """First word's plain spelling -> phrases that begin with it."""
    index: dict[str, list[tuple[str, list[frozenset[str]]]]] = defaultdict(list)
    for phrase in phrases:
        words = [fold(m.group()) for m in _WORD.finditer(phrase)]
        if words:
            for spelling in words[0]:
                index[spelling].append((phrase, words))
    return dict(index)


@lru_cache(maxsize=64)
def _joined(phrases: tuple[str, ...]) -> dict[str, list[str]]:
    """Spelling without anything between the letters -> phrases that have it."""
    index: dict[str, list[str]] = defaultdict(list)
    for phrase in phrases:
        for spelling in fold(_SEPARATORS.sub("", phrase)):
            index[spelling].append(phrase)
    return dict(index)


def find_phrases(text: str, phrases: Iterable[str]) -> tuple[Match, ...]:
    """Where `text` has one of `phrases` as whole words, in order of appearance."""
    wanted = tuple(phrases)
    if not _index(wanted):
        return ()
    matches = _found(text, wanted)
    reading = read(text)
    if reading.text != text:
        for found in _found(reading.text, wanted):
            start, end = reading.origin(found.start, found.end)
            # A pig's face is read as "pig" for the model's sake; nobody wrote the word.
            if not _PICTURES.search(text, start, end):
                matches.append(Match(start, end, found.phrase))
    return _once(matches)


def _found(text: str, phrases: tuple[str, ...]) -> list[Match]:
    index, joined = _index(phrases), _joined(phrases)
    words = [(m.start(), m.end(), fold(m.group())) for m in _WORD.finditer(text)]
    matches: list[Match] = []
    for i, (start, _, spellings) in enumerate(words):
        seen: set[str] = set()
        for spelling in spellings:
            for phrase, wanted in index.get(spelling, ()):
                if phrase in seen or i + len(wanted) > len(words):
                    continue
                if all(w & words[i + k][2] for k, w in enumerate(wanted)):
                    seen.add(phrase)
                    matches.append(Match(start, words[i + len(wanted) - 1][1], phrase))
    for row in _SPACED.finditer(text):
        spelled = {p for w in fold(_SEPARATORS.sub("", row[0])) for p in joined.get(w, ())}
        matches += [Match(row.start(), row.end(), phrase) for phrase in sorted(spelled)]
    return matches


def _once(matches: list[Match]) -> tuple[Match, ...]:
    """`matches` in order of appearance, each place once where it was found in several ways."""
    ends: dict[str, int] = {}
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.start, m.end, m.phrase)):
        if match.start >= ends.get(match.phrase, 0):
            ends[match.phrase] = match.end
            kept.append(match)
    return tuple(kept)
