"""Which language a text is in, with the benefit of the doubt for English.

Compact Language Detector 2 says whether it is sure. Where it is not, and for short texts, Latin
letters count as English: a detector that has to name something calls "yo hamburger" Tsonga, and the
caller would get an error for it. docs/perspective.md says how often each mistake was seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

import regex

ENGLISH: Final = "en"
UNDETERMINED: Final = "und"
# Scots: what the detector makes of slang.
_AS_ENGLISH: Final = frozenset({"en", "sco"})
# In Latin letters, a language that much is written in is believed from so many characters on, and
# any other from more: names and slang look like languages of few speakers.
_BELIEVED_FROM: Final = 20
_RARE_FROM: Final = 40
_WIDELY_WRITTEN: Final = frozenset({
    "af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "id", "is", "it", "lt",
    "lv", "ms", "mt", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sr", "sv", "tl", "tr", "vi",
})
_READ: Final = 5_000  # characters: more say nothing new
# Addresses, mentions, entities and words with digits say nothing about the language.
_NOISE: Final = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+|&#?\w{1,10};|[^\W\d_]*\d\w*")
_BETWEEN: Final = regex.compile(r"[^\p{L}\p{M}']+")
_NOISY: Final = re.compile(r"[@#&/\d]|www\.")  # what any of it has in it: a tenth of the time
# Scripts that all but name the language, for texts that the detector is not sure of.
_SCRIPTS: Final = {
    "ARABIC": "ar", "ARMENIAN": "hy", "BENGALI": "bn", "CJK": "zh", "CYRILLIC": "ru", "DEVANAGARI": "hi", "GEORGIAN": "ka",
    "GREEK": "el", "GUJARATI": "gu", "GURMUKHI": "pa", "HANGUL": "ko", "HEBREW": "iw", "HIRAGANA": "ja", "KANNADA": "kn",
    "KATAKANA": "ja", "KHMER": "km", "LAO": "lo", "LATIN": ENGLISH, "MALAYALAM": "ml", "MYANMAR": "my", "SINHALA": "si",
    "TAMIL": "ta", "TELUGU": "te", "THAI": "th", "TIBETAN": "bo",
}


def detect(text: str) -> list[str]:
    """The likeliest language of a text; empty when it has no letters."""
    import pycld2

    words = _words(text[:_READ])
    script = _script(words)
    if script is None:
        return []
    by_script = _SCRIPTS.get(script, UNDETERMINED)
    if script == "LATIN" and len(words) < _BELIEVED_FROM:
        return [by_script]
    try:
        sure, _size, guesses = pycld2.detect(words, isPlainText=True)
    except (pycld2.error, UnicodeEncodeError):
        return [by_script]
    code: str = guesses[0][1]
    rare = script == "LATIN" and code not in _WIDELY_WRITTEN and len(words) < _RARE_FROM
    if not sure or code == "un" or rare:
        return [by_script]
    return [ENGLISH if code in _AS_ENGLISH else code]


def language_of(text: str) -> str:
    """The language a text is filed under, "" when it has no letters. Some 30 microseconds a comment."""
    return next(iter(detect(text)), "")


def supported(wanted: Iterable[str], served: frozenset[str]) -> bool:
    """Whether every language is served, whatever its region or script: `en-GB` is `en`."""
    return all(code.replace("_", "-").partition("-")[0].lower() in served for code in wanted)


def _words(text: str) -> str:
    """Letters, their marks and apostrophes, with one space between words."""
    if _NOISY.search(text):
        text = _NOISE.sub(" ", text)
    words = " ".join(_BETWEEN.sub(" ", text).split())
    return words.lower() if words == words.upper() else words  # shouted English looks like no language


def _script(words: str) -> str | None:
    """The script of most letters at the beginning; None when there are no letters."""
    if words.isascii():
        return "LATIN" if words.strip("' ") else None
    counts: dict[str, int] = {}
    for char, times in Counter(words[:500]).items():
        if char.isalpha():
            name = unicodedata.name(char, "").partition(" ")[0]
            counts[name] = counts.get(name, 0) + times
    return max(counts, key=lambda name: counts[name], default=None)
