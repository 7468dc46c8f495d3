"""A table as a page, a CSV file and a program can show it: what stands in each column, and its kind."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Kind(enum.StrEnum):
    TEXT = "text"
    DAY = "day"
    NUMBER = "number"
    SHARE = "share"  # 0 to 1
    SCORE = "score"  # 0 to 1, of a model
    SECONDS = "seconds"


@dataclass(frozen=True)
class Column:
    """`name` for programs, `title` for people: in English, and given in the reader's language where it is shown."""

    name: str
    title: str
    kind: Kind = Kind.NUMBER


Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows of cells; None where there is nothing to say."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]

    def column(self, name: str) -> list[Cell]:
        """All that stands in one column."""
        place = [c.name for c in self.columns].index(name)
        return [row[place] for row in self.rows]
