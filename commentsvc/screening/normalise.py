"""Text as the model reads it."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_COMBINING_RUN: Final = 3
"""Accents kept on one letter. Real text needs three at most (polytonic Greek, Vietnamese); runs of
thousands ("zalgo") make Unicode normalisation quadratic, a stall anyone could post."""


@lru_cache(maxsize=1)
def _dropped_characters() -> dict[int, str | None]:
    """Map what the eye cannot see to nothing: zero-width, bidi, control and filler characters."""
    keep = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")  # spaces to split(), which ends words
    hidden = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiner and fillers: letters by category
    ranges = (range(0x3000), range(0xFE00, 0x10000), range(0x1BCA0, 0x1BCA4))
    planes = (*ranges, range(0x1D173, 0x1D17B), range(0xE0000, 0xE01F0))
    drop = {
        code
        for span in planes
        for code in span
        if unicodedata.category(chr(code)) in {"Cc", "Cf"} and chr(code) not in keep
    }
    variation = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}
    return dict.fromkeys(drop | variation | {ord(char) for char in hidden})


_COMBINING_CANDIDATE: Final = re.compile(r"[^\x00-\u02ff]{4,}")


def _cap_combining(match: re.Match[str]) -> str:
    """Keep at most :data:`MAX_COMBINING_RUN` combining marks in a row."""
    kept: list[str] = []
    run = 0
    for char in match[0]:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= MAX_COMBINING_RUN:
            kept.append(char)
    return "".join(kept)


def normalise(text: str) -> str:
    """Return *text* as the model reads it: NFKC, no invisible characters, single spaces.

    Total and linear: any ``str`` is accepted, lone surrogates become U+FFFD, surrogate pairs that
    a sloppy JSON decoder left apart are joined. It does not undo disguises such as "1d10t".
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.translate(_dropped_characters())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _COMBINING_CANDIDATE.sub(_cap_combining, text))
    return " ".join(text.split())
