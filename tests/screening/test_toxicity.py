"""The bundled model keeps the contract: sane scores, any input, the same answer every time."""

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from tokenizers import Tokenizer

from commentsvc.cli.model import model as model_commands
from commentsvc.screening import onnx_scorer
from commentsvc.screening.card import Card
from commentsvc.screening.normalise import normalise
from commentsvc.screening.onnx_scorer import OnnxScorer, window_parts
from commentsvc.screening.policy import DEFAULT_HOLD
from commentsvc.screening.toxicity import (
    BUNDLED_DIR,
    LABELS,
    ScoringError,
    ToxicityScorer,
    load_bundled_scorer,
)

INSULT = "You are a complete idiot, a worthless piece of shit."
THREAT = "I will find you and I will kill you."
DECENT = "Thank you, I had not thought of the bus lane that way."
FILLER = "The council discussed the budget for the new library and the road works. "


@pytest.fixture(scope="module")
def scorer() -> ToxicityScorer:
    return load_bundled_scorer()


@pytest.fixture
def copied_model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED_DIR, folder)
    return folder


def test_an_insult_scores_much_higher_than_a_decent_sentence(scorer: ToxicityScorer) -> None:
    insult, decent = scorer.score([INSULT, DECENT])
    assert insult["toxicity"] > 0.8
    assert insult["insult"] > 0.6
    assert decent["toxicity"] < 0.1


def test_a_threat_scores_much_higher_as_threat_than_a_decent_sentence(
    scorer: ToxicityScorer,
) -> None:
    threat, decent = scorer.score([THREAT, DECENT])
    # A bare threat holds no rude word, and its general toxicity stays below one half: sites hold
    # on the threat label as well.
    assert threat["threat"] > decent["threat"] + 0.5
    assert threat["toxicity"] > decent["toxicity"] + 0.3


@pytest.mark.parametrize(
    "text",
    ["Good morning!", "Thanks.", "Great article.", "I agree.", "No.", "Why?", "See you tomorrow."],
)
def test_short_decent_comments_stay_low(scorer: ToxicityScorer, text: str) -> None:
    assert scorer.score([text])[0]["toxicity"] < 0.2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\x00\x01\x07",
        "😀👨‍👩‍👧‍👦🏳️‍🌈",
        "مرحبا بالعالم",
        "\u202eolleh\u202c",
        "\ud800 alone \udfff",
        "\ud83d\ude00",
        "\U0010ffff\ufffe",
        "日本語のコメント",
        "a" + "\u0301\u0316" * 5000,
        "[CLS] [SEP] [PAD] [MASK]",
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_any_text_gets_finite_scores(scorer: ToxicityScorer, text: str) -> None:
    (scores,) = scorer.score([text])
    assert tuple(scores) == LABELS
    assert all(0 <= value <= 1 and math.isfinite(value) for value in scores.values())


@pytest.mark.parametrize("unit", ["x", "word ", "\u0301\u0316", "\ufdfa", "😀", "\x00", "."])
def test_a_megabyte_gets_scores_without_a_stall(scorer: ToxicityScorer, unit: str) -> None:
    started = time.process_time()
    (scores,) = scorer.score([unit * (1_000_000 // len(unit))])
    assert set(scores) == set(LABELS)
    assert time.process_time() - started < 30  # a stall takes minutes; busy machines are slow


def test_the_last_sentence_of_a_long_comment_counts(scorer: ToxicityScorer) -> None:
    long = (FILLER * 200)[: 10_000 - len(INSULT)]
    plain, insulting = scorer.score([long, long + INSULT])
    assert insulting["toxicity"] > 0.6
    assert insulting["toxicity"] > plain["toxicity"] + 0.4


@pytest.mark.parametrize(
    ("sentence", "label"),
    [
        ("You are an idiot.", "toxicity"),
        ("I will kill you.", "threat"),
        ("Somebody should shoot him.", "threat"),
        ("Go to hell, you filthy immigrants.", "toxicity"),
    ],
)
def test_one_bad_sentence_among_a_hundred_decent_ones_is_held(
    scorer: ToxicityScorer, sentence: str, label: str
) -> None:
    decent, last, middle = scorer.score(
        [FILLER * 100, FILLER * 100 + sentence, f"{FILLER * 50}{sentence} {FILLER * 50}"]
    )
    assert min(last[label], middle[label]) >= DEFAULT_HOLD[label]
    assert all(decent[one] < DEFAULT_HOLD[one] / 2 for one in DEFAULT_HOLD)


def test_the_middle_of_a_long_comment_counts(scorer: ToxicityScorer) -> None:
    plain, insulting = scorer.score([FILLER * 100, FILLER * 50 + INSULT + FILLER * 50])
    assert insulting["toxicity"] > plain["toxicity"] + 0.3


def test_a_batch_scores_as_its_texts_do_alone(scorer: ToxicityScorer) -> None:
    texts = [DECENT, "", THREAT, FILLER * 30, INSULT, "😀"]
    together = scorer.score(texts)
    alone = [scorer.score([text])[0] for text in texts]
    assert together == alone


def test_no_texts_give_no_scores(scorer: ToxicityScorer) -> None:
    assert scorer.score([]) == []


def test_the_model_names_its_weights(scorer: ToxicityScorer) -> None:
    assert scorer.info.name
    assert scorer.info.version
    # model.json names the hash of every other file, so its own stands for the whole model.
    assert scorer.info.sha256 == hashlib.sha256((BUNDLED_DIR / "model.json").read_bytes()).hexdigest()


def test_the_bundle_stays_under_thirty_megabytes() -> None:
    assert sum(path.stat().st_size for path in BUNDLED_DIR.iterdir()) < 30_000_000


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _drop_labels(path: Path) -> None:
    card = json.loads(path.read_text())
    del card["calibration"]["threat"]
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.onnx", _flip_a_byte),
        ("model.onnx", Path.unlink),
        ("model.onnx", lambda path: path.write_bytes(b"")),
        ("tokenizer.json", _flip_a_byte),
        ("tokenizer.json", Path.unlink),
        ("model.json", lambda path: path.write_text("{")),
        ("model.json", lambda path: path.write_text("[]")),
        ("model.json", _drop_labels),
        ("model.json", Path.unlink),
    ],
)
def test_a_damaged_file_is_named_in_the_error(
    copied_model: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(copied_model / name)
    with pytest.raises(ScoringError, match=name):
        OnnxScorer.load(copied_model)


def test_a_file_that_is_no_model_is_an_error(copied_model: Path) -> None:
    (copied_model / "model.onnx").write_bytes(b"not a graph")
    card = json.loads((copied_model / "model.json").read_text())
    card["sha256"] = hashlib.sha256(b"not a graph").hexdigest()
    (copied_model / "model.json").write_text(json.dumps(card))
    with pytest.raises(ScoringError, match="does not load"):
        OnnxScorer.load(copied_model)


class FakeSession:
    """Answers every window with the same logits, or raises them."""

    def __init__(self, answer: list[float] | Exception) -> None:
        self.answer = answer

    def run(
        self, names: list[str], inputs: dict[str, npt.NDArray[np.int64]]
    ) -> list[npt.NDArray[np.float32]]:
        if isinstance(self.answer, Exception):
            raise self.answer
        marks = np.full(inputs["input_ids"].shape, -9.0, dtype=np.float32)
        return [np.array([self.answer], dtype=np.float32), marks][: len(names)]


def _faked(answer: list[float] | Exception) -> OnnxScorer:
    tokenizer = Tokenizer.from_file(str(BUNDLED_DIR / "tokenizer.json"))
    return OnnxScorer(FakeSession(answer), tokenizer, Card.read(BUNDLED_DIR / "model.json"))


@pytest.mark.parametrize(
    "answer",
    [
        [0.0, 0.0, 0.0, float("nan"), 0.0, 0.0],
        [float("inf")] * 6,
        [0.0] * 5,
        RuntimeError("out of memory"),
    ],
    ids=["nan", "infinite", "five labels", "failed"],
)
def test_an_answer_that_is_no_score_fails_the_whole_call(answer: list[float] | Exception) -> None:
    with pytest.raises(ScoringError):
        _faked(answer).score([DECENT, INSULT])


def test_extreme_logits_stay_probabilities() -> None:
    assert set(_faked([1e30] * 6).score(["x"])[0].values()) == {1.0}
    assert set(_faked([-1e30] * 6).score(["x"])[0].values()) == {0.0}


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 253, 1000, 5000, 60_000])
def test_windows_reach_both_ends_and_are_bounded(length: int) -> None:
    parts = window_parts(length, 126)
    assert parts[0].start == 0
    assert parts[-1].stop == length
    assert len({part.stop - part.start for part in parts}) == 1
    assert parts[0].stop <= 126
    assert len(parts) <= onnx_scorer.MAX_WINDOWS
    if length <= 10_000:
        shared = [before.stop - after.start for before, after in pairwise(parts)]
        assert all(7 <= tokens <= 10 for tokens in shared), "about a sixteenth of a window is read twice, not more"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("i\u200bd\u00adi\u2060ot", "idiot"),
        ("ｉｄｉｏｔ", "idiot"),
        ("\u202eabc\u202c", "abc"),
        ("a \n\t\u00a0 b", "a b"),
        ("a\x00b", "ab"),
        ("\ud83d\ude00", "😀"),
        ("\ud800", "\ufffd"),
        ("cafe\u0301", "café"),
        ("", ""),
    ],
)
def test_normalise_shows_the_model_what_a_reader_sees(given: str, expected: str) -> None:
    assert normalise(given) == expected


def test_score_command_writes_one_json_line_per_comment(tmp_path: Path) -> None:
    comments = tmp_path / "comments.txt"
    record = json.dumps({"id": 7, "text": INSULT})
    comments.write_bytes(f"{DECENT}\n{record}\n".encode() + b"\xff\n")
    result = CliRunner().invoke(model_commands, ["score", str(comments)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("id") for row in rows] == [None, 7, None]
    assert all(tuple(row["scores"]) == LABELS for row in rows)
    assert rows[1]["scores"]["toxicity"] > rows[0]["scores"]["toxicity"]
    assert all(row["model"] and row["version"] for row in rows)


def test_score_command_reads_standard_input_and_names_a_bad_line() -> None:
    result = CliRunner().invoke(model_commands, ["score", "-"], input='fine\n{"body": 1}\n')
    assert result.exit_code == 1
    assert "line 2" in result.stderr


def test_verify_command_tells_a_good_model_from_a_damaged_one(copied_model: Path) -> None:
    arguments = ["verify", "--model", str(copied_model)]
    assert "matches" in CliRunner().invoke(model_commands, arguments).stdout
    _flip_a_byte(copied_model / "model.onnx")
    damaged = CliRunner().invoke(model_commands, arguments)
    assert damaged.exit_code == 1
    assert "corrupt" in damaged.stderr
