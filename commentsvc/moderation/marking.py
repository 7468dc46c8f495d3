"""What stands out in a comment's text: ranges from findings, and the text cut at their ends. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from commentsvc.comments.models import Comment, Revision
from commentsvc.moderation.models import Screening

Range = tuple[int, int]
"""Characters (code points) `start` to `end` of the text."""

# What never begins a character on the screen: it changes the one before it.
_JOINER = "\u200d"
_MODIFIERS = range(0x1F3FB, 0x1F400)  # skin tones
_TAGS = range(0xE0020, 0xE0080)  # in flags of regions
_LETTERS = range(0x1F1E6, 0x1F200)  # two of them are a flag


@dataclass(frozen=True)
class Marks:
    """The ranges of one text that stand out; each kind in order, none overlapping its own kind."""

    sentences: tuple[Range, ...] = ()  # that carry the model's score
    words: tuple[Range, ...] = ()  # that weigh most in them
    phrases: tuple[Range, ...] = ()  # that a rule of the site matched

    def __bool__(self) -> bool:
        return bool(self.sentences or self.words or self.phrases)


@dataclass(frozen=True)
class Piece:
    """A stretch of text to which the same marks apply throughout."""

    text: str
    sentence: bool = False
    word: bool = False
    phrase: bool = False


def marks_of(comment: Comment | Revision, screening: Screening | None) -> Marks:
    """What the screening found in the comment's text as it is now, or in that of its edit.

    None where the text was edited since: the ranges belong to the revision that was screened.
    """
    if screening is None or screening.revision != (comment.number if isinstance(comment, Revision) else comment.revision):
        return Marks()
    explained = [finding.get("explanation") or {} for finding in screening.findings]
    return Marks(
        sentences=fitted(comment.body, [h for e in explained for h in e.get("sentences", ())]),
        words=fitted(comment.body, [h for e in explained for h in e.get("words", ())]),
        phrases=fitted(comment.body, [m for f in screening.findings for m in f.get("matches", ())]),
    )


def fitted(text: str, found: Sequence[Mapping[str, Any]]) -> tuple[Range, ...]:
    """The ranges within the text, whole characters, in order; those that overlap become one.

    Ranges that merely touch stay two: they may be two sentences.
    """
    ranges: list[Range] = []
    for one in sorted((max(int(f["start"]), 0), min(int(f["end"]), len(text))) for f in found):
        if one[0] >= one[1]:
            continue
        start, end = _whole(text, *one)
        if ranges and start < ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return tuple(ranges)


def cut(text: str, marks: Marks) -> list[Piece]:
    """The text as pieces, each as long as the same marks apply; joined they are the text again."""
    kinds = (marks.sentences, marks.words, marks.phrases)
    ends = sorted({0, len(text), *(end for kind in kinds for found in kind for end in found)})
    pieces = []
    at = [0, 0, 0]
    for start, end in pairwise(ends):
        inside = []
        for number, kind in enumerate(kinds):
            while at[number] < len(kind) and kind[at[number]][1] <= start:
                at[number] += 1
            inside.append(at[number] < len(kind) and kind[at[number]][0] <= start)
        pieces.append(Piece(text[start:end], *inside))
    return pieces


def _whole(text: str, start: int, end: int) -> Range:
    """The range, grown where it would part an accent, a joined emoji or a flag from its character."""
    while start > 0 and _continues(text, start):
        start -= 1
    while end < len(text) and _continues(text, end):
        end += 1
    return start, end


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` is drawn as one with that before it."""
    this, before = text[at], text[at - 1]
    if _JOINER in {this, before} or unicodedata.category(this) in {"Mn", "Me", "Mc"}:
        return True
    if ord(this) in _MODIFIERS or ord(this) in _TAGS:
        return True
    if ord(this) not in _LETTERS or ord(before) not in _LETTERS:
        return False
    run = at
    while run and ord(text[run - 1]) in _LETTERS:
        run -= 1
    return (at - run) % 2 == 1
