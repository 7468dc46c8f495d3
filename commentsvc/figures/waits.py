"""Times to decision, kept as counts in bins 2 % wide: medians of any period, exact to 1 %."""

from __future__ import annotations

import math
from collections.abc import Mapping

WIDTH = 1.02
_LOG = math.log(WIDTH)


def bin_of(seconds: float) -> int:
    """The bin of a time; everything under a second is bin 0."""
    return 0 if seconds < 1 else 1 + int(math.log(seconds) / _LOG)


def seconds_of(number: int) -> float:
    """What a bin stands for: its geometric middle, at most 1 % from any time in it."""
    return 0.0 if number == 0 else WIDTH ** (number - 0.5)


def quantile(bins: Mapping[int, int], share: float) -> float | None:
    """The time that this share of all took at most (the nearest rank); None of nothing."""
    total = sum(bins.values())
    if not total:
        return None
    rank = max(1, math.ceil(share * total))
    for number in sorted(bins):
        rank -= bins[number]
        if rank <= 0:
            return seconds_of(number)
    raise AssertionError("the bins hold fewer than their sum")
