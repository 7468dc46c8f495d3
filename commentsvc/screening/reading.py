"""Rewrite a text step by step, and know where each character of the result came from."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Edit = tuple[int, int, str]
"""Characters ``start`` to ``end`` become the string."""


class Step:
    """Edits that were made to one text at once, ascending and apart from one another."""

    __slots__ = ("_edits", "_places")

    def __init__(self, edits: Sequence[Edit]) -> None:
        """Keep *edits*; where they stand in the result is worked out when somebody asks."""
        self._edits = edits
        self._places: tuple[list[int], list[int]] | None = None

    def before(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the text before this step that became *start* to *end*.

        A range that touches what an edit wrote takes in all that the edit replaced; what was
        dropped at either end of the range stays outside.
        """
        starts, ends = self._where()
        edits = self._edits
        # The last edit that begins at or before `start`; one that wrote nothing lies before it.
        index = bisect_right(starts, start) - 1
        if index >= 0 and start < ends[index]:
            first = edits[index][0]
        else:
            first = start if index < 0 else edits[index][1] + start - ends[index]
        # The first edit that ends at or after `end`; one that wrote nothing lies behind it.
        index = bisect_left(ends, end)
        if index < len(edits) and end > starts[index]:
            last = edits[index][1]
        elif index == len(edits):
            last = edits[-1][1] + end - ends[-1]
        else:
            last = edits[index][0] + end - starts[index]
        return first, max(first, last)

    def _where(self) -> tuple[list[int], list[int]]:
        if self._places is None:
            starts: list[int] = []
            ends: list[int] = []
            shift = 0
            for start, end, written in self._edits:
                starts.append(start + shift)
                shift += len(written) - (end - start)
                ends.append(end + shift)
            self._places = starts, ends
        return self._places


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the model reads it, and the way back to the text as it was given."""

    text: str
    given_length: int
    steps: tuple[Step, ...] = ()

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the given text that is read as ``text[start:end]``.

        Always inside the given text, and never empty unless the asked range is, or lies outside.
        What became several characters, or several that became one, is taken whole.
        """
        start = min(max(start, 0), len(self.text))
        end = min(max(end, start), len(self.text))
        if start == end:
            return self._point(start)
        for step in reversed(self.steps):
            start, end = step.before(start, end)
        return start, end

    def _point(self, position: int) -> tuple[int, int]:
        """Return the empty range where the character at *position* began."""
        if position < len(self.text):
            place = self.origin(position, position + 1)[0]
        else:
            place = self.given_length
        return place, place


class Draft:
    """A text that is being rewritten."""

    __slots__ = ("_given_length", "_steps", "plain", "text")

    def __init__(self, text: str) -> None:
        """Begin with *text* as it was given."""
        self.text: str = text
        self.plain: set[str] = set()
        """Words that were looked at and mean nothing but themselves."""
        self._given_length: Final = len(text)
        self._steps: list[Step] = []

    def apply(self, edits: Sequence[Edit]) -> bool:
        """Make *edits*, ascending and apart from one another; say whether there were any."""
        if not edits:
            return False
        pieces: list[str] = []
        position = 0
        for start, end, written in edits:
            pieces.append(self.text[position:start])
            pieces.append(written)
            position = end
        pieces.append(self.text[position:])
        self.text = "".join(pieces)
        self._steps.append(Step(edits))
        return True

    def reading(self) -> Reading:
        """Return what has become of the text."""
        return Reading(self.text, self._given_length, tuple(self._steps))
