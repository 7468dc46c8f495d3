"""Signs and emoji that stand for letters or words."""

import re
from functools import lru_cache
from typing import Final

from commentsvc.screening.lexicon import masked
from commentsvc.screening.reading import Draft, Edit

EMOJI: Final = {
    "🖕": "fuck you",
    "💩": "poop",
    "🤡": "clown",
    "🐷": "pig", "🐖": "pig", "🐽": "pig",
    "🐒": "monkey", "🐵": "monkey", "🦍": "gorilla", "🦧": "ape",
    "🐍": "snake", "🐀": "rat", "🪳": "cockroach", "🐑": "sheep",
    "🤮": "vomit", "🗑": "trash", "🚮": "trash",
    "🔪": "knife", "🗡": "dagger", "🔫": "gun", "💣": "bomb", "🪓": "axe",
    "🫵": "you",
}  # fmt: skip
"""Emoji that people are insulted and threatened with -> their names. The model knows words, but
next to no emoji, and most others would only add noise. "🖕" has no other meaning."""
MAX_SAME: Final = 3
"""Of one emoji in a row, as many are written out; more say nothing more."""

_BOXED: Final = {
    0x1F150: "abcdefghijklmnopqrstuvwxyz",  # white on a black disc
    0x1F170: "abcdefghijklmnopqrstuvwxyz",  # white on a black square; A, B, O and P as blood groups
    0x249C: "abcdefghijklmnopqrstuvwxyz",  # in brackets
    0x1F110: "abcdefghijklmnopqrstuvwxyz",
}
_INDICATOR_A: Final = 0x1F1E6
BLANKS: Final = "\u2800"
"""Shows nothing and takes a letter's width: the Braille cell without dots."""


@lru_cache(maxsize=1)
def _letters() -> dict[str, str]:
    return {
        chr(first + place): letter
        for first, letters in _BOXED.items()
        for place, letter in enumerate(letters)
    }


@lru_cache(maxsize=1)
def _first_signs() -> re.Pattern[str]:
    return re.compile(f"[{''.join(EMOJI)}{''.join(_letters())}{chr(_INDICATOR_A)}-{chr(_INDICATOR_A + 25)}{BLANKS}]")


@lru_cache(maxsize=1)
def _symbols() -> re.Pattern[str]:
    emoji = "".join(EMOJI)
    boxed = "".join(_letters())
    indicators = f"{chr(_INDICATOR_A)}-{chr(_INDICATOR_A + 25)}"
    return re.compile(f"[{boxed}]|([{emoji}])\\1*|[{indicators}]{{4,}}|{BLANKS}")


def write_symbols(draft: Draft) -> None:
    """Write letters for letters in boxes, and words for emoji that are meant as such."""
    text = draft.text
    if _first_signs().search(text) is None:
        return
    edits: list[Edit] = []
    for match in _symbols().finditer(text):
        sign = match[0][0]
        if sign in EMOJI:
            words = " ".join([EMOJI[sign]] * min(len(match[0]), MAX_SAME))
            edits.append((match.start(), match.end(), f" {words} "))
        elif sign in BLANKS:
            edits.append((match.start(), match.end(), " "))
        elif sign in _letters():
            edits.append((match.start(), match.end(), _letters()[sign]))
        else:
            word = "".join(chr(ord(letter) - _INDICATOR_A + ord("a")) for letter in match[0])
            if word in masked():
                edits.append((match.start(), match.end(), f" {word} "))
    draft.apply(edits)
