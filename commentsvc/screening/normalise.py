"""Text as the model reads it, and the way back to the text as it was written.

The same text is always read the same way, whatever was read before, and the models are trained on
what this module returns: a change here wants the model trained and measured again. Any ``str`` is
read, in time linear in its length; what is read already reads the same again. In this order:

 1. *Surrogates.* Pairs that a sloppy decoder left apart are joined, lone ones become U+FFFD.
 2. *Right-to-left override.* Words after U+202E that spell, from their end, a word that people
    mask are turned round.
 3. *The invisible is dropped*: zero-width, bidi and control characters, fillers, variation
    selectors, skin tones; and the strokes, lines and frames that Unicode draws over Latin letters.
 4. *Piled-up accents* ("zalgo"): more than three on one letter are dropped, on a Latin letter all
    of them. NFKC before and after it: full-width, circled, mathematical and other letters by their
    plain names, each with the accents that belong to it.
 5. *Symbols*: letters in black boxes and in brackets become letters, regional indicators that spell
    a masked word that word, and the few emoji that insult become words ("🖕", "🤡"). Flags and all
    other emoji stay.
 6. *White space* of any kind and number becomes one space, none at either end.
 7. *Look-alikes*: see :func:`~commentsvc.screening.lookalikes.unmask_lookalikes`.
 8. *Spaced letters*: see :func:`~commentsvc.screening.disguises.join_spaced`.
 9. *Split words*: see :func:`~commentsvc.screening.disguises.join_split`.
10. *Signs, digits, masks, stretched letters*: see :func:`~commentsvc.screening.disguises.respell`.

Rules 8 to 10 know a lexicon, and what leads to none of its words stays as it was written: numbers,
prices, versions, chess moves, initials, user names, addresses, code and drawings.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from commentsvc.screening.disguises import UNDOING
from commentsvc.screening.lexicon import masked
from commentsvc.screening.lookalikes import unmask_lookalikes
from commentsvc.screening.reading import Draft, Edit, Reading
from commentsvc.screening.symbols import write_symbols

MAX_COMBINING_RUN: Final = 3
"""Accents kept on one letter. Real text needs three at most (polytonic Greek, Vietnamese, pointed
Hebrew); runs of thousands make Unicode normalisation quadratic, a stall anyone could post."""
MAX_GROWTH: Final = 4
"""Signs that stand for whole phrases stay signs: U+FDFA would become 18 letters."""
MAX_PASSES: Final = 3
"""What one rule wrote may be what another looks for; measured, two passes leave nothing."""


def normalise(text: str) -> str:
    """Return *text* as the model reads it; see the rules above."""
    return _read(text).text


def read(text: str) -> Reading:
    """Return what :func:`normalise` returns, with the way back to *text*."""
    return _read(text).reading()


def _read(text: str) -> Draft:
    draft = Draft(text)
    if not text.isascii():
        _join_surrogates(draft)
        _write_windows_signs(draft)
        _turn_round(draft)
    _drop_invisible(draft)
    if not draft.text.isascii():
        write_symbols(draft)
        _thin_accents(draft, composed=False)
        _compose(draft)
        _thin_accents(draft, composed=True)
    _collapse_white_space(draft)
    unmask_lookalikes(draft)
    for _ in range(MAX_PASSES):
        before = draft.text
        for undo in UNDOING:
            undo(draft)
        if draft.text == before:
            break
    return draft


_SURROGATE: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


def _join_surrogates(draft: Draft) -> None:
    edits: list[Edit] = []
    for match in _SURROGATE.finditer(draft.text):
        joined = "\ufffd"
        if len(match[0]) == 2:
            joined = match[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        edits.append((match.start(), match.end(), joined))
    draft.apply(edits)


_WINDOWS: Final = {"\x91": "‘", "\x92": "’", "\x93": "“", "\x94": "”", "\x95": "•", "\x96": "–", "\x97": "—"}
_WINDOWS_SIGN: Final = re.compile("(?<![A-Za-z])[\x91-\x97]|[\x91-\x97](?![A-Za-z])|\x92")


def _write_windows_signs(draft: Draft) -> None:
    """Write the quotes and dashes of Windows texts that were decoded as if they were Latin-1."""
    found = _WINDOWS_SIGN.finditer(draft.text)
    draft.apply([(match.start(), match.end(), _WINDOWS[match[0]]) for match in found])


_OVERRIDDEN: Final = re.compile("\u202e([^\u202c\u202d\u202e\r\n]+)")
_LETTERS: Final = re.compile(r"[^\W\d_]+")


def _turn_round(draft: Draft) -> None:
    edits: list[Edit] = []
    for match in _OVERRIDDEN.finditer(draft.text):
        for word in _LETTERS.finditer(draft.text, match.start(1), match.end(1)):
            turned = word[0][::-1]
            if len(turned) > 3 and turned.lower() in masked() and word[0].lower() not in masked():
                edits.append((word.start(), word.end(), turned))
    draft.apply(edits)


def _class(codes: Iterable[int]) -> str:
    """Return *codes*, ascending, as ranges for use inside a regular expression's brackets."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


_CODES: Final = (range(0x80, 0xD800), range(0xE000, 0x1FC00), range(0x2F800, 0x2FA20), range(0xE0000, 0xE01F0))
"""All code points that can be invisible, combine, or have another compatible form."""


def _codes() -> Iterator[int]:
    for span in _CODES:
        yield from span


@lru_cache(maxsize=1)
def _invisible() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What the eye cannot see; and what can be drawn over letters to hide them."""
    keep = frozenset("\x85")  # a line break, which ends words
    hidden = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiner and fillers: letters by category
    drop = {c for c in _codes() if unicodedata.category(chr(c)) in {"Cc", "Cf"} and chr(c) not in keep}
    drop |= {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}
    drop |= {*map(ord, hidden), *range(0x1F3FB, 0x1F400)}
    over = {c for c in _codes() if unicodedata.category(chr(c)) == "Me" or unicodedata.combining(chr(c)) == 1}
    over |= {0x0305, 0x0332, 0x0333, 0x033F}
    seen, drawn = f"[\\x00-\\x08\\x0e-\\x1b\\x7f{_class(sorted(drop))}]", f"[{_class(sorted(over))}]"
    return re.compile(f"{seen}{seen}*"), re.compile(f"{drawn}{drawn}*")


_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]+")


def _drop_invisible(draft: Draft) -> None:
    if draft.text.isascii():
        draft.apply([(found.start(), found.end(), "") for found in _CONTROLS.finditer(draft.text)])
        return
    invisible, drawn = _invisible()
    draft.apply([(found.start(), found.end(), "") for found in invisible.finditer(draft.text)])
    text = draft.text
    draft.apply(
        [
            (found.start(), found.end(), "")
            for found in drawn.finditer(text)
            if found.start() and text[found.start() - 1].isascii() and text[found.start() - 1].isalnum()
        ]
    )


@lru_cache(maxsize=1)
def _accents() -> re.Pattern[str]:
    accents = _class(code for code in _codes() if unicodedata.combining(chr(code)))
    return re.compile(f"[{accents}][{accents}]+")  # so begun, a pattern is searched for fast


def _thin_accents(draft: Draft, *, composed: bool) -> None:
    """Drop what is piled up; once *composed*, two accents left on a plain letter belong to none."""
    text = draft.text
    edits: list[Edit] = []
    for match in _accents().finditer(text):
        start, end = match.span()
        base = unicodedata.normalize("NFKD", text[start - 1])[0] if start else ""
        if base.isascii() and base.isalpha():
            if end - start > MAX_COMBINING_RUN or (composed and text[start - 1].isascii()):
                edits.append((start, end, ""))
        elif end - start > MAX_COMBINING_RUN:
            edits.append((start + MAX_COMBINING_RUN, end, ""))
    draft.apply(edits)


@lru_cache(maxsize=1)
def _composable() -> re.Pattern[str]:
    """Each stretch of a text that NFKC may change, and that what is around it cannot affect."""
    seconds: set[str] = set()
    changing: set[int] = set()
    trailing: set[int] = {*range(0x1160, 0x1200), *range(0xD7B0, 0xD7FC)}  # vowels, final consonants
    for code in _codes():
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    for code in _codes():
        if unicodedata.normalize("NFKC", chr(code)) != chr(code):
            changing.add(code)
        first = unicodedata.normalize("NFKD", chr(code))[0]
        if unicodedata.combining(first) or first in seconds or 0x1160 <= ord(first) < 0x1200:
            trailing.add(code)
    follow, change = _class(sorted(trailing)), _class(sorted(changing - trailing))
    return re.compile(f"(?:[{change}]|[^{follow}](?=[{follow}]))[{follow}]*|[{follow}]+")


def _compose(draft: Draft) -> None:
    """Write *draft* in NFKC, stretch by stretch, so that each can be found again."""
    if unicodedata.is_normalized("NFKC", draft.text):
        return
    edits: list[Edit] = []
    for match in _composable().finditer(draft.text):
        composed = unicodedata.normalize("NFKC", match[0])
        if composed != match[0] and len(composed) <= MAX_GROWTH * len(match[0]):
            edits.append((match.start(), match.end(), composed))
    draft.apply(edits)


_WHITE_SPACE: Final = re.compile(r"\s{2,}|[^\S ]|\A |(?<=\S) \Z")


def _collapse_white_space(draft: Draft) -> None:
    """Leave one space between words and none at the ends; the blank Braille cell is one too."""
    text = draft.text
    edits: list[Edit] = []
    for match in _WHITE_SPACE.finditer(text):
        outer = match.start() == 0 or match.end() == len(text)
        edits.append((match.start(), match.end(), "" if outer else " "))
    draft.apply(edits)
