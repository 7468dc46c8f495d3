"""Words written so that a filter does not see them, as a reader reads them.

Each function makes its edits to a draft whose white space and letters are plain already. All are
linear: a word longer than LONGEST is none, and every look at the lexicon is one in a dictionary.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

from commentsvc.screening import lexicon
from commentsvc.screening.lexicon import HIDDEN, SIGNS
from commentsvc.screening.lookalikes import LOOSE_TABLE
from commentsvc.screening.reading import Draft, Edit

LONGEST: Final = 40
"""Characters of a word that is looked at, once its stretched letters are shortened."""
CACHED: Final = 4096

_SPACED: Final = re.compile(
    r"(?<![\w@$])(?:[^\W_]|[@$!])(?:[ .,_*~+/\\|·•:;'\"=–—…-]{1,3}(?:[^\W_]|[@$!])(?!\w)){2,}"
)
_LETTER: Final = re.compile(r"[^\W_]|[@$!]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_JOINTS: Final = frozenset(" .-_*~/|,+'’")
_CONTRACTED: Final = frozenset({"s", "re", "ll", "d", "t", "m", "ve", "er", "in", "n"})
"""What follows an apostrophe in English: "who're" is no insult."""
_CHUNK: Final = re.compile(r"\S+")
_PART: Final = re.compile(r"[^\s/\\,;:\"()\[\]{}…—–-]+")
_STRETCHED: Final = re.compile(r"([A-Za-zÀ-ɏ])\1\1")
_ANY_LETTER: Final = re.compile(r"[^\W\d_]")
_ONE_LETTER: Final = re.compile(r"(\w?)\1*")
_ASCII_LETTER: Final = re.compile(r"[A-Za-z]")
_STARS: Final = re.compile(r"\**")
_RUN: Final = re.compile(r"([A-Za-zÀ-ɏ])\1{2,}")
_ROMAN: Final = re.compile(r"[IVXLCDM]+")
_AROUND: Final = "\"'“”‘’`´.,;:?…#_~>)]}«»"
_PLAIN_SIGNS: Final = frozenset("013457@$!")
"""What may stand for letters of words that are not masked: the rest is too often something else."""
_CODED: Final = re.compile(r"[0-9#={}<>&;|]|\A[A-Fa-f]{6}\Z")
_MASKS: Final = frozenset("*@$!#%&^+._-–—~=?")
"""Signs that hide a letter."""
_SIGN: Final = re.compile(r"\W|_")
_GRAWLIX: Final = re.compile(r"[a-z]{1,3}(?=.*([@#$%&*!^]).*(?!\1)[@#$%&*!^])[@#$%&*!^]{3,}")
_CAREFUL_MASKS: Final = frozenset("._-–—~=?+")
"""Signs that stand between letters for many reasons; as a mask, one of them in masked words only."""


def join_spaced(draft: Draft) -> None:
    """Join letters written one by one ("i d i o t", "f.u.c.k") where they spell words.

    They do where a masked or telling word of four letters comes out, or where, with nothing but
    spaces between them, all of them are common words, one of at least four letters. Capitals with full
    stops ("U.S.A.", "N.A.T.O.") are initials unless they spell a masked word.
    """
    edits: list[Edit] = []
    for match in _SPACED.finditer(draft.text):
        letters = [(match.start() + found.start(), found[0]) for found in _LETTER.finditer(match[0])]
        written = "".join(letter for _, letter in letters).translate(LOOSE_TABLE)
        if len(written) != len(letters) or 2 * sum(map(str.isalpha, written)) < len(written):
            continue
        spaced = " " in match[0]
        plainly = spaced and match[0].replace(" ", "").isalnum()
        found = _spelled(written.lower())
        if not _is_meant(written, found, spaced=spaced, plainly=plainly):
            continue
        for (start, end, word), following in zip(found, [*found[1:], None], strict=True):
            first, last = letters[start][0], letters[end - 1][0] + 1
            spelled = _in_case_of(written[start:end], word) if end - start > 1 else written[start]
            if following is not None and following[0] == end:
                last = letters[end][0]
                spelled += " "
            if draft.text[first:last] != spelled:
                edits.append((first, last, spelled))
    draft.apply(edits)


def _is_meant(written: str, found: list[tuple[int, int, str]], *, spaced: bool, plainly: bool) -> bool:
    """Whether the words that single letters spell are what their author wanted to say."""
    words = [word for _, _, word in found]
    if any(len(word) > 3 and word in lexicon.masked() for word in words):
        return True
    if written.isupper() and not spaced:
        return False
    if any(word in lexicon.telling() for word in words):
        return True
    if not plainly:
        return False
    if len(words) == 1 and words[0] in lexicon.masked():
        return len(written) == 3 and written.islower()
    covered = sum(end - start for start, end, _ in found)
    return covered == len(written) and any(len(word) > 3 for word in words)


def _spelled(written: str) -> list[tuple[int, int, str]]:
    """Return the words in a row of letters: as few letters left over, as few words as possible.

    A letter that is three times there or more, or twice where nothing is spelled otherwise, counts
    once as well ("f u u u c k").
    """
    found = _segmented(written, list(range(len(written) + 1)))
    if any(len(word) > 3 for _, _, word in found):
        return found
    kept = [i for i, letter in enumerate(written) if i == 0 or written[i - 1] != letter]
    if len(kept) == len(written):
        return found
    shorter = _segmented("".join(written[i] for i in kept), [*kept, len(written)])
    return shorter if any(len(word) > 3 for _, _, word in shorter) else found


def _segmented(written: str, places: list[int]) -> list[tuple[int, int, str]]:
    words, beginnings = lexicon.pieces()
    read = written.translate(SIGNS)
    size = len(read)
    cost = [0] * (size + 1)
    step = [0] * (size + 1)
    for start in range(size - 1, -1, -1):
        cost[start], step[start] = cost[start + 1] + 100, -1
        end = start + 1
        while end <= size and (piece := read[start:end]) in beginnings:
            if piece in words:
                price = cost[end] + (10 if end - start > 1 else 30)
                if price < cost[start]:
                    cost[start], step[start] = price, end
            end += 1
    found: list[tuple[int, int, str]] = []
    start = 0
    while start < size:
        end = step[start]
        if end > 0:
            found.append((places[start], places[end], words[read[start:end]]))
        start = end if end > 0 else start + 1
    return found


def join_split(draft: Draft) -> None:
    """Join a masked word that one sign or space cuts in two or three: "fu ck", "f-uck", "sh.it"."""
    text = draft.text
    seconds = lexicon.seconds()
    edits: list[Edit] = []
    words = list(_WORD.finditer(text))
    lows = [word[0].lower() for word in words]
    for index, (first, second) in enumerate(pairwise(lows)):
        if second in seconds.get(first, ()):
            for count in (2, 3):
                edit = _rejoined(text, words[index : index + count])
                if edit is not None and (not edits or edit[0] >= edits[-1][1]):
                    edits.append(edit)
                    break
    draft.apply(edits)


def _rejoined(  # noqa: PLR0911 - one exception a line
    text: str, parts: list[re.Match[str]]
) -> Edit | None:
    start, end = parts[0].start(), parts[-1].end()
    joints = {text[before.end() : after.start()] for before, after in pairwise(parts)}
    if not joints <= _JOINTS or (start and (text[start - 1].isalnum() or text[start - 1] in "'’@_")):
        return None
    if text[end : end + 1].isalnum() or text[end : end + 1] == "_":
        return None
    word = lexicon.split_word([part[0].lower() for part in parts])
    if word is None:
        return None
    written = text[start:end]
    if not written.isupper() and any(part[0][0].isupper() for part in parts[1:]):
        return None  # "Ana L." and "Shi Te" are names
    if joints & {"'", "’"} and not _CONTRACTED.isdisjoint(part[0].lower() for part in parts[1:]):
        return None
    if " " not in joints and lexicon.is_address(_chunk_around(text, start, end)):
        return None
    return start, end, _in_case_of(written, word)


def _chunk_around(text: str, start: int, end: int) -> str:
    """Return what stands around a range without white space; of a monster, the nearest part."""
    before = text[max(0, start - 300) : start].rsplit(" ", maxsplit=1)[-1]
    return before + text[start : end + 300].split(" ", maxsplit=1)[0]


def respell(draft: Draft) -> None:
    """Write out words with signs, digits, masks, accents or stretched letters in them.

    What can be a number, an address, a name or code stays: see :func:`_read_word` for what a word
    needs in order to be read as another.
    """
    text = draft.text
    edits: list[Edit] = []
    stretched = _STRETCHED.search(text) is not None
    spellings, twins = lexicon.spellings(), lexicon.twins()
    plain = draft.plain
    for match in _CHUNK.finditer(text):
        chunk = match[0]
        core = chunk if chunk.isalnum() else chunk.strip(_AROUND)
        if core.isascii() and core.isalpha():
            low = core.lower()
            if low not in spellings and low not in twins and not (stretched and _STRETCHED.search(core)):
                continue
        elif core in plain:
            continue
        start = match.start() + chunk.index(core)
        if not _respell_chunk(text, start, start + len(core), edits):
            plain.add(core)
    draft.apply(edits)


def _respell_chunk(text: str, start: int, end: int, edits: list[Edit]) -> bool:
    """Add the edits that read what stands without white space, and say whether there are any."""
    core = text[start:end]
    if not core or core.isdigit() or lexicon.is_address(core):
        return False
    if len(core) <= LONGEST and _respell_part(text, start, end, edits):
        return True
    parts = [part.span() for part in _PART.finditer(text, start, end)]
    if len(parts) == 1 and len(core) <= LONGEST:
        return False
    return any([_respell_part(text, *part, edits) for part in parts])  # noqa: C419 - every part


def _respell_part(text: str, start: int, end: int, edits: list[Edit]) -> bool:
    """Add the edit that reads ``text[start:end]``, and say whether there is one."""
    written = text[start:end]
    if len(written) > LONGEST:
        written = _shortened(written) if _STRETCHED.search(written) else written
        if len(written) > LONGEST:
            return False
    found = _read(written)
    if found is None:
        if written == text[start:end]:
            return False
        edits.append((start, end, written))
        return True
    first, last, word = found
    if len(written) != end - start:  # shortened: places inside it say nothing about the text
        edits.append((start, end, written[:first] + word + written[last:]))
    elif text[start + first : start + last] != word:
        edits.append((start + first, start + last, word))
    return True


@lru_cache(maxsize=CACHED)
def _read(written: str) -> tuple[int, int, str] | None:
    """Return which characters of *written* are read as which word; None where they are plain."""
    size = len(written)
    first = size - len(written.lstrip(_AROUND + "*"))
    bare_end = len(written.rstrip(_AROUND + "*!+-"))
    stars = _STARS.match(written, bare_end)
    masked_end = bare_end if stars is None else stars.end()
    stem = written[first:bare_end].lower()
    if not _ANY_LETTER.search(stem):
        return None
    ends: tuple[int, ...] = (masked_end, bare_end)
    if first or masked_end == bare_end or stem in lexicon.masked():
        ends = (bare_end,)
    for end in ends:
        stem_end = end - 2 if written[:end].endswith(("'s", "'S", "’s", "’S")) else end
        stem = written[first:stem_end]
        if _ONE_LETTER.fullmatch(stem):
            continue
        word = _read_word(stem)
        if word is not None:
            return first, stem_end, _in_case_of(stem, word)
    stem = written[first:bare_end]
    short = _shortened(stem)
    if short == stem:
        return None
    word = None if _ONE_LETTER.fullmatch(short) else _read_word(short)
    return first, bare_end, short if word is None else _in_case_of(short, word)


def _read_word(written: str) -> str | None:
    """Return the word of the lexicon that *written* stands for, in small letters, or None.

    In this order: a customary spelling; signs and digits read as letters, any of them in masked
    words, a few in others, and in common words only between letters; letters masked by signs, in
    masked words several, in telling ones one. Accents are taken off masked words, and off telling
    ones that have several.
    """
    low = written.lower()
    spellings = lexicon.spellings()
    if low in spellings and not (low == "fcuk" and written.isupper()):  # the label FCUK
        return spellings[low]
    if low in lexicon.twins() and lexicon.shows(written, lexicon.twins()[low]):
        return lexicon.twins()[low]
    if not low.isascii():
        if not _ASCII_LETTER.search(low):
            return None
        folded = _without_accents(low)
        if _is_plain_under_accents(low, folded):
            return folded
        low = folded
    if not low.isascii() or any(
        low in words for words in (lexicon.common(), lexicon.masked(), lexicon.telling())
    ):
        return None
    return _word_of_shape(low) or (None if low.isalpha() else _unmasked(written, low))


def _is_plain_under_accents(low: str, folded: str) -> bool:
    if len(folded) > 3 and folded in lexicon.masked():
        return True
    return folded in lexicon.telling() and sum(not c.isascii() for c in low) > 1


def _word_of_shape(low: str) -> str | None:
    shape = lexicon.shape(low)
    if shape.isalpha():
        for word in lexicon.by_shape().get(shape, ()):
            if lexicon.fits(low, word) and _may_stand_for(low, word):
                return word
    return None


def _may_stand_for(low: str, word: str) -> bool:  # noqa: PLR0911 - one rule a line
    """Whether signs and digits in *low* are enough like *word* to be read as it."""
    signs = [sign for sign in low if not sign.isalpha()]
    if not signs:
        return True  # stretched only
    if 2 * (len(low) - len(signs)) + 1 < len(low):
        return False
    if word in lexicon.masked():
        return len(word) > 3
    if not _PLAIN_SIGNS.issuperset(signs) or not low[0].isalnum():
        return False
    if word in lexicon.telling():
        return True
    if len(word) < 4:
        return low[1:-1] == "0" and low[0].isalpha() and low[-1].isalpha()
    if low.endswith(("2d", "3d")):
        return False
    return low[0].isalpha() and (low[-1].isalpha() or low[-1] == "$")


def _unmasked(written: str, low: str) -> str | None:
    """Return the word some of whose letters *low* hides behind signs, or None."""
    if len(low) < 3 or (not low[0].isalpha() and low[0] not in "5@$"):
        return None
    signs = set(_SIGN.findall(low))
    if not signs <= _MASKS:
        return None
    careful = bool(signs & _CAREFUL_MASKS)
    if _GRAWLIX.fullmatch(low):
        shown = low.rstrip("@#$%&*!^")
        low = shown + "*" * (3 if len(shown) == 1 else len(low) - len(shown))
    for reading in (_SIGNS_HIDE, _SIGNS_SPELL):
        pattern = low.translate(reading)
        word = lexicon.hard_masks().get(pattern)
        if word == "ass" and written[0] == "A":
            continue  # "A*" and "A**" are grades
        if word and _is_mask(low, pattern, careful=careful) and lexicon.agrees(low, word):
            return word
    word = lexicon.soft_masks().get(pattern)
    if word is None or careful or not signs & frozenset("*@#%") or not lexicon.agrees(low, word):
        return None
    return word


_SIGNS_SPELL: Final = {**dict.fromkeys(map(ord, _MASKS), HIDDEN), **SIGNS}
_SIGNS_HIDE: Final = {**SIGNS, **dict.fromkeys(map(ord, _MASKS), HIDDEN)}


def _is_mask(low: str, pattern: str, *, careful: bool) -> bool:
    hidden = pattern.count(HIDDEN)
    if not hidden:
        return False
    if careful:
        marks = {c for c, read in zip(low, pattern, strict=True) if read == HIDDEN}
        dashes = marks <= frozenset("-–—_") and hidden > 1
        return len(marks) == 1 and pattern[-1] != HIDDEN and (hidden == 1 or dashes)
    return pattern[-1] != HIDDEN or low.rstrip("*") != low


def _shortened(word: str) -> str:
    """Return *word* with letters that are four times there or more written twice.

    A word that is all one letter keeps three ("zzz"); Roman numbers, colours and code stay.
    """
    if _ROMAN.fullmatch(word):
        return word
    if _CODED.search(word):
        return word
    if len(word) > 3 and len(set(word.lower())) == 1:
        return word if len(word) < 5 or not word.isalpha() else word[:3]
    return _RUN.sub(lambda run: run[0] if len(run[0]) == 3 else run[0][:2], word)


@lru_cache(maxsize=CACHED)
def _without_accents(word: str) -> str:
    plain = unicodedata.normalize("NFD", word)
    return "".join(c for c in plain if not unicodedata.combining(c)).translate(LOOSE_TABLE).lower()


def _in_case_of(written: str, word: str) -> str:
    """Return *word* in capitals where *written* is, and with one where *written* begins so."""
    letters = [letter for letter in written if letter.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        return word.upper()
    return word.capitalize() if written[:1].isupper() else word


UNDOING: Final[tuple[Callable[[Draft], None], ...]] = (join_spaced, join_split, respell)
