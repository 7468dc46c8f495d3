"""What evaluate says is what a second, slower way of counting says."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import (
    BUNDLED_DIR,
    LABELS,
    Explanation,
    Highlight,
    ModelInfo,
    Scores,
)
from commentsvc.screening.training import measuring
from commentsvc.screening.training.card import model_card
from commentsvc.screening.training.data import measures
from commentsvc.screening.training.evaluate import Report, evaluate
from commentsvc.screening.training.metrics import (
    THRESHOLDS,
    at_thresholds,
    auc,
    bias,
    character_f1,
    offsets,
    power_mean,
)
from tests.screening.test_training import _row, _write

# Formulas


def pairs_auc(scores: Sequence[float], truth: Sequence[float], weights: Sequence[float]) -> float:
    """The definition: the weighted share of pairs that stand in the right order, ties half."""
    won = total = 0.0
    for (s, t, w), (other, u, v) in itertools.product(zip(scores, truth, weights, strict=True), repeat=2):
        if t == 1 and u == 0:
            total += w * v
            won += w * v * (1.0 if s > other else 0.5 if s == other else 0.0)
    return won / total if total else math.nan


def rows(seed: int, count: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = random.Random(seed)
    scores = np.array([rng.randrange(20) / 20 for _ in range(count)])
    truth = np.array([float(rng.random() < 0.3) for _ in range(count)])
    return scores, truth, np.array([rng.random() + 0.1 for _ in range(count)])


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    scores, truth, weights = rows(seed)
    assert auc(scores, truth, weights) == pytest.approx(
        pairs_auc(scores.tolist(), truth.tolist(), weights.tolist())
    )


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_that_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth, weights = rows(seed, 500)
    assert auc(scores, truth) == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert auc(scores, truth, weights) == pytest.approx(
        metrics.roc_auc_score(truth, scores, sample_weight=weights)
    )


def test_auc_counts_ties_half_and_respects_weights() -> None:
    scores, truth = np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    assert auc(scores, truth) == pytest.approx(3.5 / 4)
    assert auc(scores, truth, np.array([1.0, 3.0, 1.0, 1.0])) == pytest.approx(6.5 / 8)
    assert np.isnan(auc(scores, np.ones(4)))


@pytest.mark.parametrize("seed", range(3))
def test_bias_metrics_compare_the_rows_that_their_definition_names(seed: int) -> None:
    """Borkan et al. 2019: subgroup; background positive, subgroup negative; and the reverse."""
    scores, truth, _ = rows(seed, 120)
    rng = random.Random(seed)
    member = np.array([rng.random() < 0.4 for _ in scores])
    found = bias(scores, truth == 1, member, "x")

    def among(keep: list[bool]) -> float:
        chosen = [at for at, kept in enumerate(keep) if kept]
        ones = [1.0] * len(chosen)
        return 100 * pairs_auc([scores[a] for a in chosen], [truth[a] for a in chosen], ones)

    pairs = list(zip(member.tolist(), truth.tolist(), strict=True))
    assert found.rows == member.sum()
    assert found.subgroup_auc == pytest.approx(among([m for m, _ in pairs]))
    assert found.bpsn == pytest.approx(among([m != (t == 1) for m, t in pairs]))
    assert found.bnsp == pytest.approx(among([m == (t == 1) for m, t in pairs]))


def test_a_group_whose_decent_texts_score_high_has_a_low_bpsn_alone() -> None:
    toxic = np.array([True, True, False, False, True, False])
    member = np.array([False, False, False, False, True, True])
    scores = np.array([0.6, 0.6, 0.1, 0.1, 0.9, 0.8])
    found = bias(scores, toxic, member, "x")
    assert (found.subgroup_auc, found.bpsn, found.bnsp) == (100, 0, 100)


def test_the_power_mean_leans_to_the_worst() -> None:
    values = [90.0, 50.0, math.nan]
    assert power_mean(values) == pytest.approx(((90**-5 + 50**-5) / 2) ** (-1 / 5))
    assert 50 < power_mean(values) < 60
    assert power_mean([0.0, 90.0]) == 0
    assert math.isnan(power_mean([math.nan]))


def test_thresholds_count_what_scikit_learn_counts() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth, weights = rows(1, 400)
    for row in at_thresholds("toxicity", scores, truth, weights, np.array([0.1, 0.7])):
        over = scores >= row.threshold
        assert row.precision == pytest.approx(
            metrics.precision_score(truth, over, sample_weight=weights)
        )
        assert row.recall == pytest.approx(metrics.recall_score(truth, over, sample_weight=weights))
        assert row.news_held == (0.5 if row.threshold <= 0.7 else 0.0)


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ("", "", 1.0),
        ("1", "", 0.0),
        ("", "1", 0.0),
        ("12", "12", 1.0),
        ("12", "34", 0.0),
        ("1234", "34", 2 * (2 / 4) * 1 / (2 / 4 + 1)),
        ("123", "345", 1 / 3),
    ],
)
def test_character_f1_is_that_of_the_shared_task(predicted: str, gold: str, expected: float) -> None:
    assert character_f1(set(map(int, predicted)), set(map(int, gold))) == pytest.approx(expected)


def test_offsets_are_the_characters_of_ranges() -> None:
    assert offsets([(1, 3), (2, 4), (7, 7)]) == {1, 2, 3}


# Sets


def _measuring(text: str) -> str:
    """Return the first of "text 0", "text 1" … that measures and is never trained on."""
    return next(f"{text} {n}" for n in range(1000) if measures(f"{text} {n}"))


def _training(text: str) -> str:
    return next(f"{text} {n}" for n in range(1000) if not measures(f"{text} {n}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One small file of every kind, in the form of the real one."""
    jigsaw = tmp_path / "jigsaw"
    _write(
        jigsaw / "train_sixlabel_subset.csv.gz",
        [
            _row("A decent remark"), _row("A toxic remark", toxic="1"),
            _row("Held out and decent", "test"), _row("Held out and toxic", "test", toxic="1"),
        ],
    )
    _write(
        jigsaw / "test_toxic_balanced_6090.csv.gz",
        [{"comment_text": "Official toxic", "toxic": "1"}, {"comment_text": "Official", "toxic": "0"}],
    )
    six = {"id": "", "severe_toxic": "0", "obscene": "0", "threat": "0", "insult": "0", "identity_hate": "0"}
    _write(
        jigsaw / "test_sixlabel_small.csv.gz",
        [{**six, "comment_text": "small toxic", "toxic": "1"}, {**six, "comment_text": "small", "toxic": "0"}],
    )
    _write(
        tmp_path / "hatecheck/test_suite_cases.csv.gz",
        [
            {"test_case": text, "label_gold": gold, "functionality": kind, "target_ident": "women"}
            for text, gold, kind in (
                ("toxic Hateful case.", "hateful", "derog"),
                ("toxic neutral case", "non-hateful", "ident_neutral_nh"),
                ("positive case", "non-hateful", "ident_pos_nh"),
                ("counter case toxic", "non-hateful", "counter_quote_nh"),
            )
        ],
    )
    phrases = [
        ("hug gay", False, "verb_adj"), ("murder gay", True, "verb_adj"),
        ("hug middle aged", False, "verb_adj"), ("hug aged", False, "verb_adj"),
        ("Ziv is a kind gay", False, "name_adj"), ("Ziv is a toxic Gay.", True, "name_adj"),
        ("You are a kind doctor", False, "you_occupation"), ("Ann is a dumb middle aged", True, "name_adj"),
    ]
    _write(
        tmp_path / "unintended_bias/bias_madlibs_77k.csv.gz",
        [{"Text": t, "Label": "BAD" if bad else "NOT_BAD", "Template": k} for t, bad, k in phrases],
    )
    _write(
        tmp_path / "unintended_bias/en_sentence_templates.csv.gz",
        [{"template": k, "toxicity": "toxic" if bad else "nontoxic", "phrase": t} for t, bad, k in phrases],
    )
    for name, text in (("fuzzed", "noxious"), ("nonfuzzed", "toxic")):
        _write(
            tmp_path / f"unintended_bias/toxicity_{name}_testset.csv.gz",
            [{"rev_id": "1", "comment": text, "toxic": "True"}, {"rev_id": "2", "comment": "fine", "toxic": "False"}],
        )
    civil = tmp_path / "civil_comments_toxic_spans"
    _write(
        civil / "tsd_test.csv.gz",
        [
            {"spans": "[0, 1, 2, 3, 4]", "text": "toxic news"},
            {"spans": "[]", "text": "calm news"},
            {"spans": "[0, 1, 2]", "text": "bad and toxic"},
        ],
    )
    _write(
        civil / "comments.csv.gz",
        [
            {"comment_id": "1", "comment_text": "Toxic news!"}, {"comment_id": "2", "comment_text": "calm news"},
            {"comment_id": "3", "comment_text": "trained on"},
        ],
    )
    _write(
        civil / "annotations.csv.gz",
        [
            {"comment_id": str(one), "not toxic": str(vote)}
            for one, votes in ((1, (False, False, True)), (2, (True, True, False)), (3, (False,)))
            for vote in votes
        ],
    )
    _write(
        tmp_path / "davidson_tweets/labeled_data.csv.gz",
        [
            {"class": kind, "tweet": text}
            for kind, text in (
                ("0", _measuring("toxic hate")), ("1", _measuring("toxic slang")), ("2", _measuring("tea")),
                ("0", _training("toxic and trained on")),
            )
        ],
    )
    for name in ("gn", "gc"):
        _write(
            tmp_path / f"context_toxicity/{name}.csv.gz",
            [
                {"text": _measuring(f"{name} toxic"), "label": "1"},
                {"text": _measuring(f"{name} fine"), "label": "0"},
                {"text": _training(f"{name} trained on"), "label": "0"},
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


class KeywordScorer:
    """Finds the word "toxic" and marks it."""

    info = ModelInfo("keywords", "1", "0" * 64)

    def score(self, texts: Sequence[str]) -> list[Scores]:
        return [dict.fromkeys(LABELS, 0.95 if "toxic" in text else 0.05) for text in texts]

    def explain(self, text: str) -> Explanation:
        at = text.find("toxic")
        return Explanation(words=() if at < 0 else (Highlight(at, at + 5, 0.9),))


def sets(folder: Path) -> dict[str, measuring.MeasuringSet]:
    return {one.name: one for one in measuring.measuring_sets(folder)}


def test_every_set_is_read(folder: Path) -> None:
    found = sets(folder)
    assert tuple(found) == measuring.NAMES
    assert found["heldout"].texts == ["Held out and decent", "Held out and toxic"]
    assert found["civil_comments"].texts == ["Toxic news!", "calm news"]
    assert found["civil_comments"].truth["toxicity"].tolist() == [1, 0]
    assert found["spans"].spans == [{0, 1, 2, 3, 4}, set(), {0, 1, 2}]
    assert found["davidson"].truth["toxicity"].tolist() == [1, 1, 0]
    assert found["news"].texts == ["A published comment"]
    assert tuple(found["sixlabel_small"].truth) == LABELS


def test_identities_come_from_the_templates(folder: Path) -> None:
    madlibs = sets(folder)["madlibs"]
    assert list(madlibs.groups) == [
        ("gay",), ("gay",), ("middle aged",), ("aged",), ("gay",), ("gay",), (), ("middle aged",),
    ]


def test_a_sample_is_always_the_same_and_keeps_the_order(folder: Path) -> None:
    texts = [f"row {number}" for number in range(1000)]
    truth = {"toxicity": np.arange(1000.0)}
    whole = measuring.MeasuringSet("madlibs", "", texts, truth, of=1000, kinds=texts)
    part = whole.sampled(100)
    assert part.texts == whole.sampled(100).texts
    assert len(part.texts) == 100
    assert part.truth["toxicity"].tolist() == sorted(part.truth["toxicity"].tolist())
    assert [f"row {int(value)}" for value in part.truth["toxicity"]] == part.texts == part.kinds
    assert part.of == 1000
    assert set(part.texts) <= set(whole.sampled(200).texts)
    assert whole.sampled(0) is whole


def test_headline_sets_are_never_cut(folder: Path) -> None:
    found = {one.name: one for one in measuring.measuring_sets(folder, sample=1)}
    assert len(found["heldout"].texts) == 2
    assert len(found["official_test"].texts) == 2
    assert len(found["madlibs"].texts) == 1


# Reports


@pytest.fixture
def report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr("commentsvc.screening.training.evaluate.MIN_GROUP", 2)
    return evaluate(KeywordScorer(), folder)


def test_a_report_holds_a_number_for_every_set(report: Report) -> None:
    assert report.official_test_toxic == 100
    assert report.auc("heldout") == 100
    assert math.isnan(report.auc("heldout", "threat"))
    assert report.auc("nonfuzzed") == 100
    assert report.auc("fuzzed") == 50
    assert report.auc("civil_comments") == 50  # one is written "Toxic"
    assert report.auc("davidson") == 100
    assert math.isnan(report.auc("news"))
    assert report.missing == ()


def test_hatecheck_is_measured_against_the_kinds_that_are_named(report: Report) -> None:
    assert report.hatecheck_neutral == 50
    assert report.hatecheck_neutral_and_positive == 75
    assert report.auc("hatecheck") == pytest.approx(100 * (0.5 + 1 + 0.5) / 3)
    kinds = {one.name: one for one in report.functionalities}
    assert kinds["derog"].flagged == 1
    assert kinds["counter_quote_nh"].auc == 50
    assert not kinds["ident_pos_nh"].hateful


def test_bias_is_measured_for_each_group_of_each_set(report: Report) -> None:
    by_set = {one.name: {group.group: group for group in one.groups} for one in report.bias}
    assert list(by_set) == ["hatecheck", "madlibs", "sentence_templates"]
    assert set(by_set["madlibs"]) == {"gay", "middle aged"}
    assert by_set["madlibs"]["gay"].rows == 4
    assert by_set["madlibs"]["gay"].subgroup_auc == 75  # "murder" it does not know


def test_thresholds_are_there_for_every_label(report: Report) -> None:
    assert [(row.label, row.threshold) for row in report.thresholds] == list(
        itertools.product(LABELS, THRESHOLDS)
    )
    assert {row.news_held for row in report.thresholds} == {0}
    assert {row.recall for row in report.thresholds if row.label == "toxicity"} == {1}


def test_highlights_are_measured_by_the_mean_of_posts(report: Report) -> None:
    assert report.highlights_f1 == pytest.approx(100 * (1 + 1 + 0) / 3)
    assert report.highlights_posts == 3


def test_rows_that_training_reads_are_counted(report: Report) -> None:
    found = {one.name: one.in_training for one in report.sets}
    assert found["heldout"] == found["official_test"] == found["spans"] == 0


def test_a_report_is_json_without_nan(report: Report) -> None:
    text = json.dumps(report.as_dict(), allow_nan=False)
    assert json.loads(text)["official_test_toxic"] == 100
    assert json.loads(text)["heldout_mean"] is None


def test_progress_reaches_its_end(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(KeywordScorer(), folder, report=lambda *step: seen.append(step))
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_set_without_its_file_is_named_as_missing(folder: Path) -> None:
    (folder / "jigsaw/test_toxic_balanced_6090.csv.gz").unlink()
    (folder / "hatecheck/test_suite_cases.csv.gz").unlink()
    report = evaluate(KeywordScorer(), folder)
    assert report.missing == ("official_test", "hatecheck")
    assert math.isnan(report.official_test_toxic)
    assert math.isnan(report.hatecheck_neutral)
    assert "No file for: official_test, hatecheck." in model_card(report, None)


def test_a_folder_without_any_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no measuring rows"):
        evaluate(KeywordScorer(), tmp_path)


def test_the_model_card_names_the_model_and_its_numbers(report: Report) -> None:
    page = model_card(report, Card.read(BUNDLED_DIR / "model.json"))
    assert page.startswith("# Model card: keywords 1\n")
    for expected in (
        f"`{'0' * 64}`", "| official_test_toxic | toxicity | 100.00 |",
        "cost 50.00 points of AUC", "**66.67**", "| gay | 4 | 75.00 |", "| derog | hateful | 1 | 100 % |",
    ):
        assert expected in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in tables}) > 1
    assert "nan" not in page
