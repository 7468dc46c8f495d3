"""The linear model over n-grams: its features, its file, and what it learns."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsvc.screening.lexical import GRAMS, LexicalModel, features, weighted
from commentsvc.screening.toxicity import BUNDLED_DIR, LABELS, ScoringError


@pytest.fixture(scope="module")
def words() -> LexicalModel:
    return LexicalModel.read((BUNDLED_DIR / "lexical.npz").read_bytes())


def ngrams(text: str) -> int:
    """How many features a text has, counted slowly."""
    lowered = f" {' '.join(text.lower().split())} "
    runs = {
        lowered[at : at + size]
        for size in GRAMS
        for at in range(len(lowered) - size + 1)
        if " " not in lowered[at + 1 : at + size - 1]
    }
    split = lowered.split()
    return len(runs) + len(set(split)) + len(set(pairwise(split)))


@pytest.mark.parametrize("text", ["a", "the council meets", "ab  cd\n\tab", "öl für alle 日本"])
def test_features_are_runs_within_words_and_words_and_pairs(text: str) -> None:
    keys, counts = features(text)
    assert len(keys) == ngrams(text)
    assert (np.diff(keys.astype(np.int64)) > 0).all()
    assert counts.min() >= 1.0


def test_features_count_and_see_what_is_shouted() -> None:
    plain = dict(zip(*features("you idiot"), strict=True))
    loud = dict(zip(*features("you IDIOT"), strict=True))
    assert set(plain) < set(loud)
    assert len(loud) == len(plain) + 1
    twice = dict(zip(*features("no no"), strict=True))
    assert max(twice.values()) == pytest.approx(1 + np.log(2), abs=1e-6)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_any_text_gets_finite_logits(words: LexicalModel, text: str) -> None:
    logits = words.logits(text)
    assert logits.shape == (len(LABELS),)
    assert np.isfinite(logits).all()


def test_a_text_of_unknown_ngrams_gets_the_offsets(words: LexicalModel) -> None:
    assert words.logits("\U0001fa90" * 3) == pytest.approx(words.offsets)


def test_words_and_runs_weigh_the_same_however_many() -> None:
    keys, counts = features("an entirely decent remark about the new road")
    rows, values = weighted(keys, counts, keys, np.full(len(keys), 7, np.uint8))
    assert rows.tolist() == list(range(len(keys)))
    words_begin = int(np.searchsorted(keys, 1 << 31))
    assert np.linalg.norm(values[:words_begin]) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(values[words_begin:]) == pytest.approx(1, abs=1e-6)


def test_what_was_written_is_read(words: LexicalModel) -> None:
    again = LexicalModel.read(words.write())
    assert (again.vocabulary == words.vocabulary).all()
    text = "what a stupid thing to say"
    assert again.logits(text).tolist() == words.logits(text).tolist()


def archive(**changed: Any) -> bytes:
    arrays: dict[str, Any] = {
        "steps": np.array([3, 5, 7], np.uint32), "weights": np.zeros((3, 6), np.int8), "scales": np.ones(6, np.float32),
        "offsets": np.zeros(6, np.float32), "rarity": np.ones(3, np.uint8),
    }
    arrays.update(changed)
    target = io.BytesIO()
    np.savez(target, **{name: value for name, value in arrays.items() if value is not None})
    return target.getvalue()


def test_a_sound_archive_is_read() -> None:
    assert LexicalModel.read(archive()).vocabulary.tolist() == [3, 8, 15]


@pytest.mark.parametrize(
    "changed",
    [
        {"rarity": None},
        {"steps": np.array([3, 0, 7], np.uint32)},  # a key twice
        {"steps": np.array([3, 5, 2**32 - 4], np.uint32)},  # beyond 32 bits and back
        {"steps": np.array([3, 5, 7], np.int64)},
        {"steps": np.array([3, 5], np.uint32)},
        {"weights": np.zeros((3, 6))},
        {"weights": np.zeros(3, np.int8)},
        {"weights": np.zeros((0, 6), np.int8), "steps": np.zeros(0, np.uint32), "rarity": np.zeros(0, np.uint8)},
        {"scales": np.ones(5, np.float32)},
        {"offsets": np.array([{}] * 6, object)},  # would need pickle
    ],
    ids=str,
)
def test_an_unsound_archive_is_an_error(changed: dict[str, Any]) -> None:
    with pytest.raises(ScoringError, match="lexical model"):
        LexicalModel.read(archive(**changed))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04pickle"])
def test_what_is_no_archive_is_an_error(content: bytes) -> None:
    with pytest.raises(ScoringError, match="lexical model"):
        LexicalModel.read(content)


def test_fitting_learns_the_words_and_does_it_twice_alike(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from commentsvc.screening.training import lexical
    from commentsvc.screening.training.data import OTHER_RULES, Example

    rude = (1.0, 0.0, 1.0, 0.0, 1.0, 0.0)
    decent = (0.0,) * 6
    rows = [Example(f"you are a complete plonker, number {n}", rude) for n in range(30)]
    rows += [Example(f"the road is fine again, number {n}", decent) for n in range(30)]
    rows += [Example(f"a lovely gnome by other rules {n}", rude, weight=OTHER_RULES) for n in range(30)]
    # The labels that nobody carries need a row of each kind.
    rows += [Example("one of everything that is bad", (1.0,) * 6)] * 3
    model = lexical.fit(rows, seed=1)
    assert model.logits("what a plonker")[0] > model.logits("what a road")[0]
    assert model.logits("a gnome")[0] == pytest.approx(model.logits("a qqq")[0], abs=0.2)
    assert lexical.fit(rows, seed=1).write() == model.write()
