"""What changed between two texts, word by word. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

# A comparison takes time with the square of the words; beyond this, only the common ends are kept.
WORDS_LIMIT = 3000
_PARTS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Change:
    """A stretch of text: the same in both, or only in the old or the new one."""

    kind: str  # same, gone, new
    text: str


def changes(old: str, new: str) -> list[Change]:
    """The stretches of both texts in reading order; those not `new` join to the old text, those not `gone` to the new."""
    before, after = _PARTS.findall(old), _PARTS.findall(new)
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    found = [Change("same", "".join(before[:start]))]
    found += _middle(before[start : len(before) - end], after[start : len(after) - end])
    found.append(Change("same", "".join(before[len(before) - end :])))
    return [change for change in found if change.text]


def _middle(before: list[str], after: list[str]) -> list[Change]:
    if len(before) + len(after) > WORDS_LIMIT:
        return [Change("gone", "".join(before)), Change("new", "".join(after))]
    found = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Change("same", "".join(before[i:j])))
        else:
            found += [Change("gone", "".join(before[i:j])), Change("new", "".join(after[k:m]))]
    return found


def _common(one: list[str], other: list[str]) -> int:
    """How many parts both begin with."""
    number = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        number += 1
    return number
