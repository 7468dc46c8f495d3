"""Where the sentences of a text are."""

import re
from typing import Final

LONGEST: Final = 600
"""Characters of one sentence. Text without full stops is cut at white space, or at this many
characters where there is none, so that a highlight says more than "somewhere in here"."""

_STOPS: Final = ".!?…‼⁇⁈⁉؟۔।॥։።᙮"
_WIDE_STOPS: Final = "。！？｡．"
_CLOSING: Final = "\"'”’»›)\\]}*_"
_BREAK: Final = re.compile(
    # Whether white space follows is asked afterwards: a look-ahead would read a row of a million
    # stops again from each of them.
    rf"(?P<stop>[{_STOPS}]+[{_CLOSING}{_STOPS}]*)"
    rf"|[{_WIDE_STOPS}]+[{_CLOSING}{_WIDE_STOPS}」』）]*"
    r"|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+"
)
_ABBREVIATIONS: Final = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "rev", "hon", "st", "mt", "sen", "rep", "gov", "gen", "col", "capt", "lt", "sgt", "jr", "sr", "vs", "e.g", "i.e", "cf", "approx", "no", "nos", "vol", "fig", "pp", "ed", "eds", "al", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept", "oct", "nov", "dec", "inc", "ltd", "co", "corp", "dept"]
)
_WORD_BEFORE: Final = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*\Z")
_SEARCHED: Final = 12
"""Characters before a full stop in which the word that it may shorten begins."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the character range of each sentence of *text*, in order, without outer white space.

    A sentence ends at a full stop, exclamation or question mark (of any script) that white space
    follows, or at a line break; a dot inside a number or an address ends none, nor does one after
    an initial ("J. R. R. Tolkien") or a common abbreviation ("Dr. Who"). No range is empty, none is
    longer than LONGEST, together they hold all of the text but white space, and finding them takes
    time linear in its length.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        end = match.end()
        if match["stop"] and not _ends_sentence(text, match.start(), end, match["stop"]):
            continue
        _add(spans, text, start, end)
        start = end
    _add(spans, text, start, len(text))
    return spans


def _ends_sentence(text: str, start: int, end: int, stop: str) -> bool:
    """Whether what is at *start* to *end* ends a sentence rather than a number or a short form."""
    if end < len(text) and not text[end].isspace():
        return False
    if stop != "." or end == len(text):
        return True
    before = _WORD_BEFORE.search(text, max(0, start - _SEARCHED), start)
    if before is None:
        return True
    word = before[0]
    if len(word) == 1:
        return not word.isupper() or word == "I"
    if word.lower() not in _ABBREVIATIONS:
        return True
    # "No." and "Co." are also ends of sentences; a digit or a name tells the short form.
    following = text[end + 1 : end + 2]
    return not (following.isdigit() if word.lower() in {"no", "nos", "mar"} else following.isalnum())


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    """Add ``text[start:end]`` without outer white space, in pieces where it is too long."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST:
        cut = start + LONGEST
        while cut > start + LONGEST // 2 and not text[cut].isspace():
            cut -= 1
        if not text[cut].isspace():
            cut = start + LONGEST
        last = cut
        while text[last - 1].isspace():
            last -= 1
        spans.append((start, last))
        start = cut
        while text[start].isspace():
            start += 1
    if start < end:
        spans.append((start, end))
