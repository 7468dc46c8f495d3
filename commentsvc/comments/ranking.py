"""How good a comment is, and how much readers differ about it, going by few or many votes."""

from __future__ import annotations

from math import sqrt

Z = 1.281551565545  # 80 % confidence: a newsroom's threads have tens of votes, not thousands


def wilson_lower_bound(up: int, down: int) -> float:
    """The lower bound of the share of readers who like it, 0 with no votes.

    Two votes up must not beat ninety up and ten down, nor one down sink a new comment for good:
    the bound of the Wilson score interval (Wilson 1927, J. Am. Stat. Assoc. 22:209) weighs the
    share against how few votes it rests on.
    """
    n = up + down
    if n == 0:
        return 0.0
    share = up / n
    middle = share + Z * Z / (2 * n)
    spread = Z * sqrt((share * (1 - share) + Z * Z / (4 * n)) / n)
    return (middle - spread) / (1 + Z * Z / n)


def controversy(up: int, down: int) -> float:
    """How much readers differ: 0 where all of them agree, the number of votes where they are split in half.

    The number of votes to the power of the smaller side's share of the larger: a hundred split evenly
    are before ten split evenly, and those before a hundred of which one is against.
    """
    if up <= 0 or down <= 0:
        return 0.0
    return float((up + down) ** (min(up, down) / max(up, down)))
