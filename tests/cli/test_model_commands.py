"""`commentsvc model` as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from commentsvc.cli.model import model as model_commands
from commentsvc.screening import engines
from commentsvc.screening.lexical import LexicalModel
from commentsvc.screening.toxicity import BUNDLED_DIR, LABELS
from commentsvc.screening.training.data import Example

ROOT = Path(__file__).parents[2]
INSULT = "You are a complete idiot, a worthless piece of shit."
DECENT = "Thank you, I had not thought of the bus lane that way."

Run = Callable[..., Result]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of an instance of its own."""
    monkeypatch.setenv("COMMENTSVC_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.delenv("COMMENTSVC_TOXICITY_MODEL", raising=False)
    return tmp_path / "instance" / "models"


@pytest.fixture
def run(models: Path) -> Run:
    """Run `commentsvc model` with these words."""

    def typed(*words: object, **given: object) -> Result:
        return CliRunner().invoke(model_commands, [str(word) for word in words], **given)  # type: ignore[arg-type]

    return typed


def add(models: Path, name: str) -> Path:
    """Put a copy of the bundled model there that calls itself *name*."""
    shutil.copytree(BUNDLED_DIR, models / name)
    card = json.loads((models / name / "model.json").read_text())
    (models / name / "model.json").write_text(json.dumps({**card, "name": name}))
    return models / name


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


# list


def test_list_shows_what_is_here_and_what_can_be_pulled(run: Run, models: Path) -> None:
    add(models, "mine")
    run("use", "mine")
    result = run("list")
    assert result.exit_code == 0, result.output
    for expected in ("bundled\n", "mine  (in use)", "multilingual", "Apache-2.0", *LABELS):
        assert expected in result.stdout
    info = engines.load_scorer("mine", models).info
    assert info.sha256 in result.stdout


def test_list_as_json_has_every_fact(run: Run, models: Path) -> None:
    folder = add(models, "mine")
    found = json.loads(run("list", "--json").stdout)
    bundled, mine = found["models"]
    assert (bundled["name"], bundled["in_use"]) == ("bundled", True)
    assert (mine["name"], mine["in_use"], mine["labels"]) == ("mine", False, list(LABELS))
    assert mine["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    names = ["original", "unbiased", "multilingual", "original-small", "unbiased-small"]
    assert [one["name"] for one in found["can_be_pulled"]] == names
    assert all(one["licence"] and one["megabytes"] for one in found["can_be_pulled"])


def test_list_shows_a_broken_model_and_the_others(run: Run, models: Path) -> None:
    (add(models, "broken") / "model.json").write_text("{")
    result = run("list")
    assert result.exit_code == 0
    assert "broken" in result.stdout
    assert "missing or unreadable" in result.stdout


def test_list_shows_a_choice_that_has_vanished(run: Run, models: Path) -> None:
    shutil.rmtree(add(models, "mine")) if run("use", "bundled").exit_code == 0 else None
    models.mkdir(exist_ok=True)
    (models / "current").write_text("mine\n")
    result = run("list")
    assert result.exit_code == 0, result.output
    assert "mine  (in use)" in result.stdout
    assert "no toxicity model is called 'mine'" in result.stdout


# use, verify


def test_use_changes_which_model_scores_and_goes_back(run: Run, models: Path) -> None:
    add(models, "mine")
    assert "in use: mine" in run("use", "mine").stdout
    assert json.loads(run("score", "-", input="hello\n").stdout)["model"] == "mine"
    assert run("use", "--bundled").exit_code == 0
    assert json.loads(run("score", "-", input="hello\n").stdout)["model"] != "mine"


def test_use_refuses_a_corrupt_model_and_keeps_the_old_one(run: Run, models: Path) -> None:
    add(models, "mine")
    run("use", "mine")
    flip_a_byte(add(models, "broken") / "model.onnx")
    result = run("use", "broken")
    assert result.exit_code == 1
    assert "corrupt" in result.stderr
    assert engines.current(models) == "mine"


@pytest.mark.parametrize("words", [[], ["mine", "--bundled"]])
def test_use_wants_one_model(run: Run, words: list[str]) -> None:
    assert run("use", *words).exit_code == 2


def test_use_says_when_a_setting_wins(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(models, "mine")
    monkeypatch.setenv("COMMENTSVC_TOXICITY_MODEL", "bundled")
    assert "COMMENTSVC_TOXICITY_MODEL is bundled, and wins" in run("use", "mine").stderr


def test_verify_checks_the_model_in_use_or_a_named_one(run: Run, models: Path) -> None:
    folder = add(models, "mine")
    assert "matches" in run("verify").stdout
    for name in ("mine", folder):
        assert "mine" in run("verify", "--model", name).stdout
    flip_a_byte(folder / "model.onnx")
    damaged = run("verify", "--model", "mine")
    assert damaged.exit_code == 1
    assert "corrupt" in damaged.stderr
    assert "matches" not in damaged.stdout


# score


def scored(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_score_keeps_the_order_and_all_other_fields(run: Run, tmp_path: Path) -> None:
    given = [{"text": f"remark {n}", "id": n, "nested": {"a": [n, None]}} for n in range(150)]
    path = tmp_path / "comments.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    rows = scored(run("score", path))
    assert [{k: row[k] for k in ("text", "id", "nested")} for row in rows] == given
    info = engines.load_scorer("bundled", Path()).info
    for row in rows:
        assert tuple(row["scores"]) == LABELS  # type: ignore[arg-type]
        assert (row["model"], row["version"], row["sha256"]) == (info.name, info.version, info.sha256)


def test_score_reads_plain_lines_of_any_kind(run: Run) -> None:
    lines = [DECENT, "", "{sigh} not again", "[1] he said", '"quoted"', "null", INSULT]
    rows = scored(run("score", "-", input="\n".join(lines) + "\n"))
    assert [row["text"] for row in rows] == lines
    toxicity = [row["scores"]["toxicity"] for row in rows]  # type: ignore[index]
    assert toxicity[-1] > 0.8 > toxicity[0]


def test_score_takes_bytes_that_are_no_text_and_lone_surrogates(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes(b"\xef\xbb\xbffirst\n\xff\xfe\n" + b'{"text": "\\ud800"}\n')
    rows = scored(run("score", path))
    assert len(rows) == 3
    assert rows[0]["text"] == "first"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "cut', "line 3 is no JSON"),
        ('{"body": 1}', 'line 3 is a JSON object without a string "text"'),
        ('{"text": 7}', 'line 3 is a JSON object without a string "text"'),
        ("{}", "line 3"),
    ],
)
def test_score_names_a_bad_line_after_the_good_ones(run: Run, line: str, said: str) -> None:
    result = run("score", "-", input=f"one\ntwo\n{line}\nfour\n")
    assert result.exit_code == 1
    assert said in result.stderr
    assert [json.loads(row)["text"] for row in result.stdout.splitlines()] == ["one", "two"]


def test_score_writes_as_it_reads(models: Path, tmp_path: Path) -> None:
    """Constant memory: the first comments are out while the last are still to come."""
    with subprocess.Popen(
        [sys.executable, "-m", "commentsvc.cli", "model", "score", "-"], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"one comment\n" * 2000)
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert first["text"] == "one comment"
        process.stdin.close()
        assert len(process.stdout.readlines()) == 1999
    assert process.returncode == 0


def test_score_ends_quietly_when_its_reader_has_seen_enough(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "comments.txt"
    path.write_text("ok\n" * 3000)
    command = f"{sys.executable} -m commentsvc.cli model score {path} | head -n 2"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True,
        check=False, env=dict(os.environ),
    )
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["score", "verify"])
def test_a_model_that_is_not_there_is_an_error_in_words(run: Run, command: str) -> None:
    words = ["-"] if command == "score" else []
    result = run(command, *words, "--model", "nowhere", input="hello\n")
    assert result.exit_code == 1
    assert "no toxicity model is called 'nowhere'" in result.stderr


def test_a_detoxify_model_without_the_package_is_an_error_in_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"x")
    result = run("verify", "--model", f"detoxify:{path}")
    assert result.exit_code == 1
    assert "extra detoxify" in result.stderr


# evaluate


def test_evaluate_writes_json_the_card_and_the_numbers_for_list(
    run: Run, models: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    from tests.screening.test_training import _write

    folder = add(models, "mine")
    rows = [{"comment_text": INSULT, "toxic": "1"}, {"comment_text": DECENT, "toxic": "0"}]
    _write(tmp_path / "data/jigsaw/test_toxic_balanced_6090.csv.gz", rows)
    page = tmp_path / "docs" / "model-card.md"
    result = run(
        "evaluate", tmp_path / "data", "--model", "mine", "--json", "--card", page, "--record"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["official_test_toxic"] == 100
    assert found["model"]["name"] == "mine"
    assert page.read_text().startswith("# Model card: mine ")
    listed = json.loads(run("list", "--json").stdout)["models"]
    assert listed[1]["measured"]["official_test_toxic"] == 100
    assert "official_test_toxic 100.00" in run("list").stdout
    card = folder / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "version": "another"}))
    assert json.loads(run("list", "--json").stdout)["models"][1]["measured"] == {}


def test_evaluate_prints_tables(run: Run, models: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    from tests.screening.test_training import _write

    rows = [{"comment_text": INSULT, "toxic": "1"}, {"comment_text": DECENT, "toxic": "0"}]
    _write(tmp_path / "jigsaw/test_toxic_balanced_6090.csv.gz", rows)
    result = run("evaluate", tmp_path)
    assert result.exit_code == 0, result.output
    assert "official_test_toxic" in result.stdout
    assert "heldout" in result.stdout.partition("Not measured")[2]


def test_evaluate_without_files_is_an_error_in_words(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    result = run("evaluate", tmp_path)
    assert result.exit_code == 1
    assert "no measuring rows" in result.stderr


# pull, export


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint with its architecture."""
    pytest.importorskip("detoxify")
    pytest.importorskip("onnx")
    from tests.screening import tiny_models

    return tiny_models.write_checkpoint(tmp_path_factory.mktemp("tiny"), "roberta", classes=tiny_models.SEVEN, outputs=16)


def test_pull_says_how_far_the_scores_are_apart(run: Run, models: Path, tiny: Path) -> None:
    result = run("pull", "mine", "--file", tiny, "--tokenizer", tiny.parent, "--licence", "MIT")
    assert result.exit_code == 0, result.output
    for expected in ("sexual_explicit", "largest difference", "nothing to check it against", "model use mine"):
        assert expected in result.stdout
    assert run("use", "mine").exit_code == 0
    (row,) = scored(run("score", "-", input="hello\n"))
    assert tuple(row["scores"]) == (*LABELS, "sexual_explicit")  # type: ignore[arg-type]
    listed = json.loads(run("list", "--json").stdout)["models"]
    assert [one["name"] for one in listed] == ["bundled", "mine", "detoxify:mine"]
    assert listed[1]["licence"] == "MIT"
    assert scored(run("score", "-", "--model", "detoxify:mine", input="hello\n"))


def test_pull_without_a_network_says_what_to_bring(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("detoxify")
    monkeypatch.setattr("commentsvc.screening.training.published.RELEASES", "http://127.0.0.1:9/")
    result = run("pull", "original")
    assert result.exit_code == 1
    assert "could not be reached" in result.stderr
    assert "--tokenizer" in result.stderr


@pytest.mark.parametrize("words", [["x", "--sha256", "abc"], ["x", "--url", "http://a/b", "--file", __file__]])
def test_pull_refuses_options_that_make_no_sense(run: Run, words: list[str]) -> None:
    assert run("pull", *words).exit_code == 2


def test_pull_of_an_unknown_name_says_which_there_are(run: Run) -> None:
    pytest.importorskip("detoxify")
    result = run("pull", "orignal")
    assert result.exit_code == 1
    assert "original, unbiased, multilingual" in result.stderr


def test_export_turns_a_checkpoint_into_a_model(run: Run, tmp_path: Path, tiny: Path) -> None:
    words = ["export", tiny, tmp_path / "out", "--name", "tiny", "--version", "7", "--max-tokens", 32]
    assert run(*words).exit_code == 0
    assert "tiny 7" in run("verify", "--model", tmp_path / "out").stdout


def test_export_of_a_checkpoint_without_its_bias_is_an_error_in_words(
    run: Run, tmp_path: Path, tiny: Path
) -> None:
    from tests.screening import tiny_models

    shutil.copytree(tiny.parent, tmp_path / "cut")
    content = tiny_models.load(tiny)
    del content["state_dict"]["classifier.out_proj.bias"]
    tiny_models.save(tmp_path / "cut" / "checkpoint.ckpt", content)
    result = run("export", tmp_path / "cut" / "checkpoint.ckpt", tmp_path / "out", "--version", "1")
    assert result.exit_code == 1
    assert "classifier.out_proj.bias is missing" in result.stderr
    assert not (tmp_path / "out").exists()


def test_train_passes_its_options_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commentsvc.screening.training import lexical, train
    from tests.screening.test_training import _row, _write

    rows = [_row(f"A decent remark, number {number}.") for number in range(30)]
    _write(tmp_path / "jigsaw/train_sixlabel_subset.csv.gz", rows)
    seen: list[train.Recipe] = []

    runs: list[list[list[Example]]] = []

    def noted(
        rows: list[list[list[Example]]], recipe: train.Recipe, _path: Path, **_more: object
    ) -> None:
        seen.append(recipe)
        runs.extend(rows)

    no_weights = np.zeros((16, 6), np.int8)
    ones, zeros = np.ones(6, np.float32), np.zeros(6, np.float32)
    vocabulary = np.arange(16, dtype=np.uint32)
    words = LexicalModel(vocabulary, no_weights, ones, zeros, np.zeros(16, np.uint8))
    monkeypatch.setattr(train, "train", noted)
    monkeypatch.setattr(lexical, "fit", lambda *_rows, **_more: words)
    result = run(
        "train", tmp_path, tmp_path / "x.ckpt", "--runs", 2, "--epochs", 1, "--seed", 9, "--full-precision"
    )
    assert result.exit_code == 0, result.output
    assert (seen[0].seed, seen[0].half_precision) == (9, False)
    assert [len(epochs) for epochs in runs] == [1, 1]
    assert runs[0] != runs[1]
    assert LexicalModel.read((tmp_path / "x.npz").read_bytes()) is not None
