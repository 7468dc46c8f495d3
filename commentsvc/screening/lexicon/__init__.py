"""The words that are looked for under disguises, and the spellings that lead to them.

Only ``masked`` words are worth a guess ("f**k"). ``telling`` ones are read where signs or digits
stand for their letters, and ``common`` ones only where little is left to guess. The lists decide
nothing about toxicity: they say what a reader would read.
"""

import re
from functools import lru_cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_SINGLES: Final = frozenset("aiur")
"""Letters that are words: "u" and "r" where people type s p a c e d."""

SIGNS: Final = str.maketrans(
    {
        **dict(zip("01345789", "oieastbg", strict=True)),
        **dict(zip("@$€¢+(<", "asectcc", strict=True)),
        **dict.fromkeys("!|l£", "i"),
        "6": "g",
    }
)
"""The letter that a digit or sign looks like. "l" becomes "i" because 1, ! and | stand for both."""
HIDDEN: Final = "?"
"""In a pattern, a letter that the author masked."""


def _expand(name: str) -> list[str]:
    """Return the words of a list in which "fool+s+ish" stands for fool, fools and foolish."""
    words: list[str] = []
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        for entry in line.partition("#")[0].split():
            base, *endings = entry.split("+")
            words += [base, *(base + ending for ending in endings)]
    return list(dict.fromkeys(words))


@lru_cache(maxsize=1)
def masked() -> dict[str, int]:
    """Words people mask -> their rank: of several that fit, the lowest is meant."""
    return {word: rank for rank, word in enumerate(_expand("masked"))}


@lru_cache(maxsize=1)
def telling() -> frozenset[str]:
    """Words people disguise but do not mask, at least four letters."""
    return frozenset(word for word in _expand("telling") if len(word) > 3) - masked().keys()


@lru_cache(maxsize=1)
def telltale() -> dict[str, int]:
    """Masked words, and telling ones of five letters: long enough to be known in pieces."""
    words = [*masked(), *sorted(word for word in telling() if len(word) > 4)]
    return {word: rank for rank, word in enumerate(words)}


@lru_cache(maxsize=1)
def common() -> frozenset[str]:
    """Everyday words, and the three-letter ones of the other lists."""
    return frozenset(_expand("common")) - masked().keys() - telling()


@lru_cache(maxsize=1)
def spellings() -> dict[str, str]:
    """Whole words -> what they stand for: misspellings that are customary, and doubled letters.

    One letter written twice ("fuuck", "iddiot") leads to the word, unless that is one itself.
    """
    found: dict[str, str] = {}
    for word in telltale():
        if len(word) > 3:
            for place, letter in enumerate(word):
                found.setdefault(word[:place] + letter + word[place:], word)
    known = {*masked(), *telling(), *common(), *NOT_DISGUISED}
    found = {spelling: word for spelling, word in found.items() if spelling not in known}
    for entry in _expand("spellings"):
        spelling, _, word = entry.partition("=")
        found[spelling] = word.replace("_", " ")
    return found


@lru_cache(maxsize=1)
def twins() -> dict[str, str]:
    """Words with a small l for i, or a capital I (here i) for l -> the words they show."""
    found: dict[str, str] = {}
    for word in (*masked(), *sorted(telling())):
        if len(word) > 3:
            for twin in (word.replace("i", "l"), word.replace("i", "l", 1), word.replace("l", "i")):
                found.setdefault(twin, word)
    known = {*masked(), *telling(), *common()}
    return {twin: word for twin, word in found.items() if twin not in known}


def shows(written: str, word: str) -> bool:
    """Whether every letter of *written* is that of *word*, or looks like it: l for i, I for l."""
    return len(written) == len(word) and all(
        a.lower() == b or (a, b) in {("l", "i"), ("I", "l")} for a, b in zip(written, word, strict=True)
    )


NOT_DISGUISED: Final = frozenset(
    ["hatter", "hatters", "rapped", "rapping", "shiite", "shiites", "assess", "assessed", "assesses", "assessing", "twatt", "coonn", "titts", "hoorn", "spicc", "dickk", "bittch", "arrse", "anall", "cocck", "buggerr", "mooron", "cunntt", "puusy", "tiits", "cockk", "dykke", "dykes", "crapp", "prickk", "slagg", "kikke", "homoo", "boobb"]
)
"""Doubled spellings that are surnames, places or words of their own."""


@lru_cache(maxsize=1)
def by_shape() -> dict[str, tuple[str, ...]]:
    """Shape -> the words of all lists that have it, the strongest list and longest word first."""
    shapes: dict[str, list[str]] = {}
    order = {word: (0, -len(word)) for word in masked()}
    order |= {word: (1, -len(word)) for word in telling()}
    order |= {word: (2, -len(word)) for word in common()}
    for word in sorted(order, key=lambda word: (order[word], word)):
        shapes.setdefault(shape(word), []).append(word)
    return {key: tuple(words) for key, words in shapes.items()}


_REPEATED: Final = re.compile(r"(.)\1+")


def shape(word: str) -> str:
    """Return *word* with signs read as letters and no letter twice in a row."""
    return _REPEATED.sub(r"\1", word.translate(SIGNS))


def fits(written: str, word: str) -> bool:
    """Whether *written*, of the same shape, is *word* with its letters stretched.

    A letter written three times or more stands for any number of them, else the number must agree:
    "fuuuck" is fuck and "asss" is ass, but "as" is not.
    """
    if written.isalpha():
        given, wanted = _runs(written), _runs(word)
    elif len(written) == len(word) and not agrees(written, word):
        return False
    else:
        given, wanted = _runs(written.translate(SIGNS)), _runs(word.translate(SIGNS))
    return len(given) == len(wanted) and all(
        a == b and (count == wished or count > max(wished, 2))
        for (a, count), (b, wished) in zip(given, wanted, strict=True)
    )


def agrees(written: str, word: str) -> bool:
    """Whether each letter that *written* shows is that of *word*, of the same length."""
    return all(a == b or not a.isalpha() for a, b in zip(written, word, strict=True))


def _runs(word: str) -> list[tuple[str, int]]:
    return [(letter, len(list(run))) for letter, run in groupby(word)]


@lru_cache(maxsize=1)
def hard_masks() -> dict[str, str]:
    """Patterns with masked letters -> the masked word they stand for.

    One or two letters inside the word, any stretch inside it, or its end from the third letter on;
    of the few words that everybody masks, all but the first letter.
    """
    found: dict[str, str] = {}
    for word in masked():
        last = len(word) - 1
        if len(word) == 3:
            found.setdefault(_hide(word, [1]), word)
            continue
        for count in (1, 2):
            for places in combinations(range(1, last), count):
                found.setdefault(_hide(word, places), word)
        for start in range(1, last):
            for end in range(start + 3, last + 1):
                found.setdefault(_hide(word, range(start, end)), word)
        for start in range(2, last):
            found.setdefault(_hide(word, range(start, last + 1)), word)
    for word in ("fuck", "shit", "bitch", "cunt", "fucker", "fucking", "nigger", "nigga"):
        found.setdefault(_hide(word, range(1, len(word))), word)
    found["a??"] = "ass"
    return found


@lru_cache(maxsize=1)
def soft_masks() -> dict[str, str]:
    """Patterns with one masked letter -> the telling word they stand for ("m?ron")."""
    found: dict[str, str] = {}
    for word in sorted(telling()):
        for place in range(1, len(word) - 1):
            found.setdefault(_hide(word, [place]), word)
    return found


def _hide(word: str, places: object) -> str:
    letters = list(word.translate(SIGNS))
    for place in places:  # type: ignore[attr-defined]
        letters[place] = HIDDEN
    return "".join(letters)


@lru_cache(maxsize=1)
def seconds() -> dict[str, frozenset[str]]:
    """The beginning of a telltale word -> what may follow it where the word is cut in two or three."""
    found: dict[str, set[str]] = {}
    for word in telltale():
        if len(word) > 3:
            for cut, end in combinations(range(1, len(word) + 1), 2):
                if word[:cut] not in {"a", "i"}:
                    found.setdefault(word[:cut], set()).add(word[cut:end])
    return {first: frozenset(following) for first, following in found.items()}


PARTS_THAT_ARE_WORDS: Final = frozenset(
    ["al", "ana", "apes", "arse", "assed", "back", "backs", "bags", "ball", "bats", "bel", "bell", "bells", "boo", "bs", "bulls", "chickens", "chin", "chins", "co", "dam", "dip", "ends", "ge", "goo", "hat", "hats", "head", "heads", "hinks", "hit", "ho", "ike", "inge", "ink", "inks", "itch", "itches", "itchy", "job", "jobs", "king", "knob", "ks", "lend", "lends", "les", "laughter", "lam", "lacks", "ll", "min", "ming", "mo", "necks", "ned", "nut", "pa", "pak", "pen", "pic", "pick", "rap", "re", "res", "rick", "ricks", "rim", "sack", "sp", "stain", "tran", "wan", "wat", "weed", "wet", "rash", "ripple", "ripples", "utter", "hoot", "ed", "er", "es", "ing", "ist", "ic", "que", "mor"]
)
"""Parts of masked words that turn up on their own, though in none of the lists."""


def split_word(parts: list[str]) -> str | None:
    """Return the telltale word that *parts* were cut from, or None.

    One part at least has two letters and is no word: "fu ck" and "f uck", but not "s hit".
    """
    word = "".join(parts)
    if len(word) < 4 or word not in telltale():
        return None
    for part in parts:
        if len(part) > 1 and not (
            part in PARTS_THAT_ARE_WORDS or part in common() or part in masked() or part in telling()
        ):
            return word
    return None


@lru_cache(maxsize=1)
def pieces() -> tuple[dict[str, str], frozenset[str]]:
    """What spaced letters may spell, signs read as letters -> the word; and all beginnings."""
    words: dict[str, str] = {}
    for word in (*masked(), *sorted(telling()), *sorted(common()), *_SINGLES):
        if len(word) > 1 or word in _SINGLES:
            words.setdefault(word.translate(SIGNS), word)
    return words, frozenset(word[:end] for word in words for end in range(1, len(word) + 1))


_ADDRESS: Final = re.compile(
    r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|(?:[\w-]{1,63}\.){1,8}(?:com|org|net|edu|gov|info|io|co|uk|us|ca|au|de|fr|eu|in|ru|tv|me|ly|gl)"
    r"(?:[/:?#].*)?"
)


def is_address(chunk: str) -> bool:
    """Whether *chunk*, free of white space, is a web or e-mail address."""
    if "://" in chunk or chunk[:4].lower() == "www.":
        return True
    return len(chunk) < 300 and "." in chunk and _ADDRESS.fullmatch(chunk.lower()) is not None
