"""Characters as people count them: what one arrow key steps over, however many code points it is made of."""

from __future__ import annotations

from typing import Final

import regex

CODE_POINTS: Final = 4
"""So many code points of a text may stand for one character on average: a flag has two, a family of four seven."""

_CHARACTER: Final = regex.compile(r"\X")


def characters(text: str) -> int:
    """How many characters a text has: extended grapheme clusters, as `Intl.Segmenter` counts them in the browser."""
    return len(text) if text.isascii() and "\r" not in text else sum(1 for _ in _CHARACTER.finditer(text))


def too_many(text: str, most: int) -> int:
    """How many characters a text has above `most`; 0 where it fits.

    Marks can be heaped on one letter without end: what has more than CODE_POINTS times as many code points is too long by those.
    """
    if len(text) <= most:
        return 0  # never fewer code points than characters
    return max(characters(text) - most, len(text) - CODE_POINTS * most, 0)
