"""A linear model over runs of letters and words: the encoder's second opinion, at a thirtieth of its cost.

It knows words that the small encoder has seen too rarely (threats and identity attacks, swearing in
odd spellings), and the encoder knows what the words mean together; their mean is better than
either. Features are runs of two to five characters of the lower-cased text that stay within a word
and the blanks around it, words, pairs of neighbouring words, and words that are shouted. Only those of a vocabulary count:
a table that every n-gram is hashed into, whatever it is, cost 1.3 points of AUC on the official
test rows by its collisions. Each is weighted by 1 + log(count) and by its rarity, the usual TF-IDF;
the runs and the words are scaled to length one each, or the many runs would drown the words.
"""

import io
import re
import zlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from commentsvc.screening.toxicity import ScoringError

GRAMS: Final = range(2, 6)
MAX_CHARACTERS: Final = 20_000
"""Of a window; longer only where one token spells a monster."""
_WORD: Final = re.compile(r"\w+")
_FIRST_WORD: Final = np.uint32(1 << 31)
"""Keys of words and pairs have the highest bit set, those of runs have not."""
_PRIME: Final = np.uint32(0x01000193)
_MIX: Final = np.uint32(0x9E3779B1)
_BLANK: Final = 32

Keys = npt.NDArray[np.uint32]
Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]


def features(text: str) -> tuple[Keys, Values]:
    """Return the keys of all n-grams of *text*, each once and ascending, and 1 + log(count).

    *text* is normalised already. A key is a 32-bit hash: two n-grams of a vocabulary of 150,000
    share one by chance in five cases, an unknown one meets a known one in 7 of 100,000.
    """
    text = text[:MAX_CHARACTERS]
    lowered = " ".join(text.lower().split())
    letters = np.frombuffer(f" {lowered} ".encode("utf-32-le", "replace"), dtype=np.uint32)
    blanks = np.cumsum(letters == _BLANK)
    found: list[Keys] = []
    running = letters
    for size in range(2, min(GRAMS[-1], len(letters)) + 1):
        running = running[:-1] * _PRIME + letters[size - 1 :]
        salt = np.uint32(size * 0x51ED270B & 0xFFFFFFFF)
        # No blank but the first and the last character: as many until the last but one as until the first.
        within = blanks[size - 2 : -1] == blanks[: len(running)]
        found.append((running + salt)[within])
    runs = _mixed(np.concatenate(found)) & ~_FIRST_WORD
    hashed = [zlib.crc32(word.encode("utf-8", "replace")) for word in _WORD.findall(lowered)]
    words = np.array(hashed, dtype=np.uint32)
    shouted = [word for word in _WORD.findall(text) if len(word) > 1 and word.isupper()]
    loud = np.array([zlib.crc32(f"!{word}".encode("utf-8", "replace")) for word in shouted], np.uint32)
    words = _mixed(np.concatenate([words, words[:-1] * _PRIME + words[1:], loud])) | _FIRST_WORD
    keys, counts = np.unique(np.concatenate([runs, words]), return_counts=True)
    return keys, (1 + np.log(counts)).astype(np.float32)


def _mixed(hashed: Keys) -> Keys:
    hashed = (hashed ^ (hashed >> np.uint32(15))) * _MIX
    mixed: Keys = hashed ^ (hashed >> np.uint32(13))
    return mixed


def weighted(
    keys: Keys, counts: Values, vocabulary: Keys, rarity: npt.NDArray[np.uint8]
) -> tuple[Rows, Values]:
    """Return the rows of *vocabulary* that *keys* touch, ascending, and the value of each.

    That is count times rarity, words and runs of length one each; the unit of *rarity* cancels out.
    """
    rows = np.searchsorted(vocabulary, keys)
    rows[rows == len(vocabulary)] = 0
    known = vocabulary[rows] == keys
    rows = rows[known]
    values: Values = counts[known] * rarity[rows]
    first_word = int(np.searchsorted(vocabulary[rows], _FIRST_WORD))
    for half in (slice(first_word), slice(first_word, None)):
        values[half] /= np.sqrt(values[half] @ values[half]) or 1.0
    return rows, values


@dataclass(frozen=True, slots=True)
class LexicalModel:
    """A vocabulary, and quantised weights of its n-grams, one column per label.

    ``weights[row, label] * scales[label]`` is a weight, ``rarity[row]`` an inverse document
    frequency in any unit, ``vocabulary[row]`` the key of the n-gram, ascending.
    """

    vocabulary: Keys
    weights: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]
    rarity: npt.NDArray[np.uint8]

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read what :meth:`write` gave, without pickle; :class:`ScoringError` for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                model = cls(
                    np.cumsum(arrays["steps"].astype(np.uint32, casting="no"), dtype=np.uint32),
                    arrays["weights"].astype(np.int8, casting="no"),
                    arrays["scales"].astype(np.float32, casting="no"),
                    arrays["offsets"].astype(np.float32, casting="no"),
                    arrays["rarity"].astype(np.uint8, casting="no"),
                )
        except Exception as error:  # a broken archive fails in many ways, all meaning one thing
            message = f"the lexical model is no archive of its five arrays: {error}"
            raise ScoringError(message) from error
        rows, labels = model.weights.shape if model.weights.ndim == 2 else (0, 0)
        right = model.scales.shape == model.offsets.shape == (labels,)
        right = right and model.vocabulary.shape == model.rarity.shape == (rows,)
        if not right or rows < 1 or (np.diff(model.vocabulary.astype(np.int64)) < 1).any():
            message = f"the lexical model has arrays of unfitting shapes: {model.weights.shape}"
            raise ScoringError(message)
        return model

    def write(self) -> bytes:
        """Return the model as an uncompressed-at-use, compressed-at-rest archive.

        Of the vocabulary the steps from key to key are kept, which compress, as keys do not.
        """
        target = io.BytesIO()
        np.savez_compressed(
            target,
            steps=np.diff(self.vocabulary, prepend=np.uint32(0)),
            weights=self.weights,
            scales=self.scales,
            offsets=self.offsets,
            rarity=self.rarity,
        )
        return target.getvalue()

    def logits(self, text: str) -> Values:
        """Return one logit per label for a normalised *text*."""
        rows, values = weighted(*features(text), self.vocabulary, self.rarity)
        found: Values = values @ self.weights[rows].astype(np.float32)
        return found * self.scales + self.offsets
