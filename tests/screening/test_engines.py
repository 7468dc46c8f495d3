"""A model is found by its name, checked before it is used, and changed without a gap."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commentsvc.screening import engines
from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import BUNDLED_DIR, LABELS, ScoringError

DECENT = "Thank you, I had not thought of the bus lane that way."


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with one model, "mine": the bundled one under another name."""
    folder = tmp_path / "models"
    add(folder, "mine")
    return folder


def add(models: Path, name: str) -> None:
    """Put a copy of the bundled model there that calls itself *name*."""
    shutil.copytree(BUNDLED_DIR, models / name)
    card = json.loads((models / name / "model.json").read_text())
    (models / name / "model.json").write_text(json.dumps({**card, "name": name}))


def damage(models: Path, name: str) -> None:
    """Change one byte of the weights."""
    path = models / name / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_without_a_choice_the_bundled_model_scores(tmp_path: Path) -> None:
    scorer = engines.load_scorer("", tmp_path / "nothing here")
    assert scorer.info == engines.load_scorer("bundled", tmp_path).info
    assert set(scorer.score([DECENT])[0]) >= set(LABELS)


def test_a_model_is_found_by_its_name_and_by_its_folder(models: Path) -> None:
    assert engines.load_scorer("mine", models).info.name == "mine"
    assert engines.load_scorer(str(models / "mine"), models).info.name == "mine"
    assert engines.names(models) == ["mine"]


@pytest.mark.parametrize(
    "name",
    ["yours", "../mine", "detoxify:", "detoxify:original", "detoxify:/no/such.ckpt", "/", "current"],
)
def test_an_unknown_model_is_an_error_that_names_it(models: Path, name: str) -> None:
    with pytest.raises(ScoringError, match=re.escape(repr(name.removeprefix("detoxify:")))):
        engines.load_scorer(name, models)


def test_an_unknown_model_is_told_which_there_are(models: Path) -> None:
    with pytest.raises(ScoringError, match=r"bundled, mine"):
        engines.find("yours", models)


def test_a_choice_stays_until_another_is_made(models: Path) -> None:
    engines.use("mine", models)
    assert engines.load_scorer("", models).info.name == "mine"
    engines.use("bundled", models)
    assert engines.current(models) == "bundled"
    assert not (models / "current").exists()


def test_a_corrupt_model_is_refused_and_the_choice_stays(models: Path) -> None:
    engines.use("mine", models)
    add(models, "broken")
    damage(models, "broken")
    with pytest.raises(ScoringError, match="corrupt"):
        engines.use("broken", models)
    assert engines.current(models) == "mine"
    assert sorted(path.name for path in models.iterdir()) == ["broken", "current", "mine"]


def test_a_choice_is_replaced_at_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines.use("mine", models)
    add(models, "other")

    def fail(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        engines.use("other", models)
    assert engines.current(models) == "mine"
    assert not list(models.glob("*.partial"))


def test_a_folder_elsewhere_is_remembered_by_its_full_path(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path / "far", "away")
    monkeypatch.chdir(tmp_path / "far")
    engines.use("./away", models)
    monkeypatch.chdir(tmp_path)
    assert engines.load_scorer("", models).info.name == "away"


def test_the_scorer_in_use_is_loaded_once_and_again_when_the_choice_changes(models: Path) -> None:
    current = engines.CurrentScorer("", models)
    bundled = current()
    assert current() is bundled
    engines.use("mine", models)
    assert current().info.name == "mine"
    engines.use("bundled", models)
    assert current().info == bundled.info


def test_a_model_that_is_replaced_in_its_folder_is_loaded_again(models: Path) -> None:
    current = engines.CurrentScorer("mine", models)
    before = current()
    card = models / "mine" / "model.json"
    text = json.dumps({**json.loads(card.read_text()), "version": "2"})
    partial = card.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(card)
    assert current() is not before
    assert current().info.version == "2"


def test_a_choice_that_does_not_load_leaves_the_old_model_at_work(models: Path) -> None:
    engines.use("mine", models)
    current = engines.CurrentScorer("", models)
    before = current()
    (models / "current").write_text("vanished\n")
    assert current() is before
    assert "vanished" in current.problem
    engines.use("bundled", models)
    assert current().info.name != "mine"
    assert current.problem == ""


def test_a_setting_wins_over_the_choice(models: Path) -> None:
    engines.use("mine", models)
    assert engines.CurrentScorer("bundled", models)().info.name != "mine"


def test_without_any_model_that_loads_there_is_an_error(models: Path) -> None:
    damage(models, "mine")
    with pytest.raises(ScoringError, match="corrupt"):
        engines.CurrentScorer("mine", models)()


def test_watching_the_choice_says_once_that_it_changed(models: Path) -> None:
    choice = engines.Choice("", models)
    assert not choice.changed()
    engines.use("mine", models)
    assert choice.changed()
    assert not choice.changed()


def test_the_sha256_of_a_model_is_that_of_its_card(models: Path) -> None:
    expected = hashlib.sha256((models / "mine" / "model.json").read_bytes()).hexdigest()
    assert engines.load_scorer("mine", models).info.sha256 == expected


def card_text(**changes: object) -> str:
    """Return today's bundled model.json with some fields changed; None leaves one out."""
    raw = json.loads((BUNDLED_DIR / "model.json").read_text())
    return json.dumps({k: v for k, v in {**raw, **changes}.items() if v is not None})


def test_a_card_may_name_a_seventh_label_and_other_columns(tmp_path: Path) -> None:
    labels = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat"]
    path = tmp_path / "model.json"
    path.write_text(
        card_text(
            labels=[*labels, "sexual_explicit"], columns=list(range(7)), outputs=16,
            calibration=None, lexical=None,
        )
    )
    card = Card.read(path)
    assert card.labels == (*LABELS, "sexual_explicit")
    assert card.columns == (0, 1, 2, 5, 4, 3, 6)
    assert card.outputs == 16
    assert {(curve.slope, curve.offset) for curve in card.curves} == {(1.0, 0.0)}


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["toxicity"]},
        {"labels": [*LABELS, "male"], "columns": list(range(7))},
        {"labels": [*LABELS, "toxicity"], "columns": list(range(7))},
        {"columns": [0, 1, 2, 3, 4]},
        {"columns": [0, 1, 2, 3, 4, 4]},
        {"columns": [0, 1, 2, 3, 4, 6], "outputs": 6},
        {"columns": [0, 1, 2, 3, 4, -1]},
        {"sha256": "abc"},
        {"sha256": None},
        {"tokenizer_sha256": "../../etc"},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"name": ""},
        {"version": None},
        {"calibration": {}},
        {"calibration": {label: {"slope": float("nan"), "offset": 0} for label in LABELS}},
        {"lexical": {"file": "../evil.npz", "sha256": "0" * 64, "weights": {}}},
        {"spans": {"threshold": "high"}},
    ],
    ids=",".join,
)
def test_a_card_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "model.json"
    path.write_text(card_text(**changes))
    with pytest.raises(ScoringError, match=r"model\.json"):
        Card.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"', "[" * 100_000, "\ud800"])
def test_a_card_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ScoringError, match=r"model\.json"):
        Card.read(path)


def test_serving_unpickles_nothing_and_imports_no_torch() -> None:
    code = """
import pickle, sys, io

def refuse(*_args, **_more):
    raise AssertionError("something was unpickled")

pickle.load = pickle.loads = pickle._load = pickle._loads = refuse
class Refused:
    def __init__(self, *_args, **_more):
        refuse()
pickle.Unpickler = pickle._Unpickler = Refused
import _pickle
_pickle.load = _pickle.loads = refuse
_pickle.Unpickler = Refused

from pathlib import Path
from commentsvc.screening.engines import load_scorer
scorer = load_scorer("bundled", Path("nowhere"))
scorer.score(["ok"])
scorer.explain("You are a complete idiot.")
print(sorted({"torch", "transformers", "detoxify", "sklearn", "onnx"} & set(sys.modules)))
try:
    pickle.loads(b"N.")
except AssertionError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.splitlines() == ["[]", "something was unpickled"]
