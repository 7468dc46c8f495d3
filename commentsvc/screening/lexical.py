"""A linear model over hashed n-grams: the encoder's second opinion, at a thirtieth of its cost.

It knows words that the small encoder has seen too rarely (threats and identity attacks, swearing in
odd spellings), and the encoder knows what the words mean together; their mean is better than
either. Features are runs of two to five bytes of the lower-cased text, words, and pairs of
neighbouring words; each is hashed to one of the rows of a table and weighted by 1 + log(count) and
by its rarity, the usual TF-IDF; the runs and the words are scaled to length one each, or the many
runs would drown the words.
"""

import io
import re
import zlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from commentsvc.screening.toxicity import ScoringError

GRAMS: Final = (2, 3, 4, 5)
MAX_BYTES: Final = 20_000
"""Of a window; longer only where one token spells a monster."""
_WORD: Final = re.compile(r"\w+")
_PRIME: Final = np.uint32(0x01000193)
_MIX: Final = np.uint32(0x9E3779B1)

Rows = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.float32]


def features(text: str, bits: int) -> tuple[Rows, Counts]:
    """Return the table rows that *text* touches, each once and ascending, and 1 + log(count).

    *text* is normalised already. There are 2**bits rows. Any text, also the empty one, has some.
    """
    lowered = f" {text.lower()} "
    content = np.frombuffer(lowered.encode("utf-8", "replace")[:MAX_BYTES], dtype=np.uint8)
    found: list[Rows] = []
    running = content.astype(np.uint32)
    for size in range(2, GRAMS[-1] + 1):
        running = running[:-1] * _PRIME + content[size - 1 :]
        if size in GRAMS:
            found.append(running + np.uint32(size * 0x51ED270B & 0xFFFFFFFF))
        if len(running) < 2:
            break
    words = np.array(
        [zlib.crc32(word.encode("utf-8", "replace")) for word in _WORD.findall(lowered)],
        dtype=np.uint32,
    )
    hashed = np.concatenate([*found, words, words[:-1] * _PRIME + words[1:]])
    hashed ^= hashed >> np.uint32(15)
    hashed = (hashed * _MIX) >> np.uint32(33 - bits)
    runs = sum(map(len, found))
    hashed[runs:] += np.uint32(1 << (bits - 1))  # words have the upper half of the table
    rows, counts = np.unique(hashed, return_counts=True)
    return rows, (1 + np.log(counts)).astype(np.float32)


def weighted(rows: Rows, counts: Counts, rarity: npt.NDArray[np.uint8]) -> Counts:
    """Return the value of each of *rows*: count times rarity, words and runs of length one each.

    The unit of *rarity* cancels out.
    """
    values: Counts = counts * rarity[rows]
    first_word = int(np.searchsorted(rows, len(rarity) // 2))
    for half in (slice(first_word), slice(first_word, None)):
        values[half] /= np.sqrt(values[half] @ values[half]) or 1.0
    return values


@dataclass(frozen=True, slots=True)
class LexicalModel:
    """Quantised weights, one column per label, and each row's rarity; both are 8-bit.

    ``weights[row, label] * scales[label]`` is a weight, ``rarity[row]`` an inverse document
    frequency in any unit.
    """

    weights: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]
    rarity: npt.NDArray[np.uint8]

    @property
    def bits(self) -> int:
        """The table has 2**bits rows."""
        return len(self.rarity).bit_length() - 1

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read what :meth:`write` gave, without pickle; :class:`ScoringError` for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                model = cls(
                    arrays["weights"].astype(np.int8, casting="no"),
                    arrays["scales"].astype(np.float32, casting="no"),
                    arrays["offsets"].astype(np.float32, casting="no"),
                    arrays["rarity"].astype(np.uint8, casting="no"),
                )
        except Exception as error:  # a broken archive fails in many ways, all meaning one thing
            message = f"the lexical model is no archive of its four arrays: {error}"
            raise ScoringError(message) from error
        rows, labels = model.weights.shape if model.weights.ndim == 2 else (0, 0)
        right = model.scales.shape == model.offsets.shape == (labels,)
        if not right or rows < 2 or rows != len(model.rarity) or rows & (rows - 1):
            message = f"the lexical model has arrays of unfitting shapes: {model.weights.shape}"
            raise ScoringError(message)
        return model

    def write(self) -> bytes:
        """Return the model as an uncompressed-at-use, compressed-at-rest archive."""
        target = io.BytesIO()
        np.savez_compressed(
            target,
            weights=self.weights,
            scales=self.scales,
            offsets=self.offsets,
            rarity=self.rarity,
        )
        return target.getvalue()

    def logits(self, text: str) -> npt.NDArray[np.float32]:
        """Return one logit per label for a normalised *text*."""
        rows, counts = features(text, self.bits)
        values = weighted(rows, counts, self.rarity)
        found: npt.NDArray[np.float32] = values @ self.weights[rows].astype(np.float32)
        return found * self.scales + self.offsets
