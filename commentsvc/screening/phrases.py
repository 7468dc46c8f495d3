"""Banned and suspect phrases: whole words, whatever they are dressed up as, in linear time.

A phrase is looked for in the text as it was written and in the text as the model reads it (see
normalise.py), which undoes more disguises but only those of words it knows. Letters written one by
one ("v a x x e r") are joined for any phrase.

A word is what stands between spaces. Where a script has none (ideographs, kana, Thai, Lao, Khmer, Burmese),
each character is a word of its own, and a phrase of them is found wherever it stands; not across the end of a
sentence. A run of katakana is one word again: Japanese writes borrowed words so, and "アホ" is no part of "アホウドリ".

All phrases are one tree of words, each under all spellings it may stand for, so that 20,000 take no longer than 1,000
(benchmarks/phrases.py). Aho-Corasick and RE2 search characters faster, but only as they are written: to find what
is disguised, every text would be searched in each of its spellings, and word boundaries checked afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from commentsvc.screening.normalise import read
from commentsvc.screening.submission import Match
from commentsvc.screening.symbols import EMOJI

_UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u1780-\u17b3\u17d7\u17dc"
)
# What changes the character before it: vowel signs and tone marks of the same scripts, and kana's voicing marks.
_SIGNS = "\u3099\u309a\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u17dd"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30fe\uff66-\uff9f"
# A word may carry signs that stand for letters ("1d!0t", "a$$") and characters that show nothing.
_DRESSED = "@$!|€\u00ad\u200b-\u200d\u2060\ufeff"
_WORD = re.compile(
    f"(?P<unspaced>[{_UNSPACED}][{_SIGNS}]*)|[{_KATAKANA}\u3099\u309a]+|(?:[^\\W{_UNSPACED}{_KATAKANA}]|[{_DRESSED}])+"
)
_ASCII_WORD = re.compile(f"[\\w{_DRESSED}]+")
# Between two characters of such a script: at most a sign or two, or it is another sentence.
_APART = re.compile(r"[.!?,;:。！？、，；：｡､…]|.{4}", re.DOTALL)
_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
_LEET = str.maketrans("01345789@$!|€", "oieastbgasiie")
_LEET_L = str.maketrans("01345789@$!|€", "oleastbgaslle")  # 1, ! and | stand for l as well
_LOOKALIKES = str.maketrans("абвгдеёзікмнортухѕјԁοαενικτυρχ", "a6brdee3ikmhoptyxsjdoaeviktupx")
_STRETCHED = re.compile(r"(.)\1{2,}")
# At least four, so that initials and short lists stay what they are.
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){3,}")
# Found in one text, after which nothing more is looked for: it is held or rejected by the first of them.
MOST_MATCHES = 1000
# Phrases that differ in disguises alone ("a 4", "4 a") are all reached by one disguised text.
MOST_PLACES = 64
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


@dataclass
class _Node:
    """Where phrases that begin with the same words have come to; `phrases` end here."""

    phrases: list[str] = field(default_factory=list)
    # A word that follows, by all its spellings and by each of them.
    words: dict[frozenset[str], _Node] = field(default_factory=dict)
    spelled: dict[str, list[_Node]] = field(default_factory=dict)


@lru_cache(maxsize=64)
def _tree(phrases: tuple[str, ...]) -> _Node:
    """All phrases, word by word: what a thousand of them begin with is compared once, not a thousand times."""
    root = _Node()
    for phrase in phrases:
        node = root
        for word in _WORD.finditer(phrase):
            spellings = fold(word.group())
            following = node.words.get(spellings)
            if following is None:
                following = node.words[spellings] = _Node()
                for spelling in spellings:
                    node.spelled.setdefault(spelling, []).append(following)
            node = following
        if node is not root:
            node.phrases.append(phrase)
    return root


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
    if not _tree(wanted).words:
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
    root, joined = _tree(phrases), _joined(phrases)
    words = [(m.start(), m.end(), fold(m.group())) for m in (_ASCII_WORD if text.isascii() else _WORD).finditer(text)]
    apart = _ends_of_sentences(text)
    matches: list[Match] = []
    for i, (start, _, _) in enumerate(words):
        reached = [root]
        for k in range(i, len(words)):
            _, end, spellings = words[k]
            if k > i and words[k][0] in apart:
                break
            reached = _onwards(reached, spellings)
            if not reached:
                break
            matches += [Match(start, end, phrase) for node in reached for phrase in node.phrases]
        if len(matches) > MOST_MATCHES:
            break
    for row in _SPACED.finditer(text):
        spelled = {p for w in fold(_SEPARATORS.sub("", row[0])) for p in joined.get(w, ())}
        matches += [Match(row.start(), row.end(), phrase) for phrase in sorted(spelled)]
    return matches


def _ends_of_sentences(text: str) -> set[int]:
    """Where a character of a script without spaces begins that does not go on what the one before began."""
    if text.isascii():
        return set()
    found: set[int] = set()
    before: int | None = None  # where the last one ended
    for word in _WORD.finditer(text):
        if word["unspaced"] is None:
            before = None
            continue
        if before is not None and _APART.search(text, before, word.start()):
            found.add(word.start())
        before = word.end()
    return found


def _onwards(reached: list[_Node], spellings: frozenset[str]) -> list[_Node]:
    """Where the phrases are that go on with this word, each place once, and not more than MOST_PLACES."""
    found = {
        id(node): node for place in reached if place.spelled
        for spelling in spellings for node in place.spelled.get(spelling, ())
    }
    return list(islice(found.values(), MOST_PLACES))


def _once(matches: list[Match]) -> tuple[Match, ...]:
    """`matches` in order of appearance, each place once where it was found in several ways."""
    ends: dict[str, int] = {}
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.start, m.end, m.phrase)):
        if match.start >= ends.get(match.phrase, 0):
            ends[match.phrase] = match.end
            kept.append(match)
    return tuple(kept)
