"""A comment as plain text, and where its parts are in what the client sent.

Offsets that clients send and get count UTF-16 code units, as JavaScript and Java do: Google's
discovery document says so of `begin` and `end`.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from commentsvc.screening.sentences import sentence_spans

MAX_SPANS: Final = 50
"""Parts of a text that are scored by themselves: 20 KB of one-letter sentences must not cost a
minute of a core. Where there are more sentences, neighbours share a span."""

# Elements that a reader sees as parts of the same line; any other ends the line.
_INLINE: Final = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr",
})
_UNSEEN: Final = {
    name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in ("script", "style", "template", "noscript", "title")
}
# Possessive, so that thousands of "<" that nothing closes are looked at once each.
_TOKEN: Final = re.compile(
    r"<(/?)([a-zA-Z][^\s/<>]*+)[^<>]*+>|<!--|<[!?/][^<>]*+>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});?", re.ASCII
)


@dataclass(frozen=True)
class Plain:
    """What a reader sees, and for each of its characters (and its end) where it is in `given`."""

    given: str
    text: str
    origins: Sequence[int] | None = None  # None: the text is what was given

    def utf16(self, positions: Sequence[int]) -> list[int]:
        """Ascending positions in `text` as offsets into what was given."""
        if self.origins is not None:
            positions = [self.origins[position] for position in positions]
        return utf16_offsets(self.given, positions)

    def position(self, offset: int) -> int:
        """An offset into what was given as a position in `text`."""
        index = from_utf16(self.given, offset)
        return index if self.origins is None else bisect_left(self.origins, index)


def plain_text(given: str, kind: str) -> Plain:
    """The text of a TextEntry of type `kind`."""
    return _strip(given) if kind == "HTML" else Plain(given, given)


def parts(text: str) -> list[tuple[int, int]]:
    """The ranges of its sentences, at most MAX_SPANS: neighbours together where there are more."""
    found = sentence_spans(text)
    size = -(-len(found) // MAX_SPANS)
    return [(found[n][0], found[min(n + size, len(found)) - 1][1]) for n in range(0, len(found), max(size, 1))]


def utf16_offsets(text: str, positions: Sequence[int]) -> list[int]:
    """Ascending positions in code points as offsets in UTF-16 code units."""
    offsets: list[int] = []
    offset = last = 0
    for position in positions:
        piece = text[last:position]
        offset += len(piece) + sum(char > "\uffff" for char in piece)
        offsets.append(offset)
        last = position
    return offsets


def from_utf16(text: str, offset: int) -> int:
    """The position of a UTF-16 offset; one inside a character or past the end goes forward or to the end."""
    if text.isascii():
        return min(offset, len(text))
    units = 0
    for position, char in enumerate(text):
        if units >= offset:
            return position
        units += 2 if char > "\uffff" else 1
    return len(text)


def _strip(given: str) -> Plain:
    """HTML without its tags, comments and unseen elements; one pass, whatever the tags are worth."""
    pieces: list[str] = []
    origins: list[int] = []
    for text, start, end in _pieces(given):
        pieces.append(text)
        # What an entity or a tag became is where that began.
        origins.extend(range(start, end) if len(text) == end - start else [start] * len(text))
    origins.append(len(given))
    return Plain(given, "".join(pieces), origins)


def _pieces(given: str) -> Iterator[tuple[str, int, int]]:
    position = 0
    while (token := _TOKEN.search(given, position)) is not None:
        if token.start() > position:
            yield given[position : token.start()], position, token.start()
        position = token.end()
        found = token[0]
        if found.startswith("&"):
            yield html.unescape(found), token.start(), position
        elif found == "<!--":
            end = given.find("-->", position)
            position = len(given) if end < 0 else end + 3
        elif token[2]:
            name = token[2].lower()
            if name in _UNSEEN and not token[1]:
                closing = _UNSEEN[name].search(given, position)
                position = closing.start() if closing else len(given)
            elif name not in _INLINE:
                yield "\n", token.start(), position
    if position < len(given):
        yield given[position:], position, len(given)
