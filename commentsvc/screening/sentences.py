"""Where the sentences of a text are."""

import re
from typing import Final

_BREAK: Final = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s)|[\n\r]+|[。！？]+")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the character range of each sentence of *text*, in order, without outer white space.

    A sentence ends at a full stop, exclamation or question mark that white space follows, or at a
    line break; a dot inside a number or an address ends none. Linear in the length of *text*.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in (*(match.end() for match in _BREAK.finditer(text)), len(text)):
        sentence = text[start:end]
        first = start + len(sentence) - len(sentence.lstrip())
        last = start + len(sentence.rstrip())
        if first < last:
            spans.append((first, last))
        start = end
    return spans
