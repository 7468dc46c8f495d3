"""Checkpoints are read without running what is in them, and must be whole."""

from __future__ import annotations

import errno
import functools
import hashlib
import http.server
import json
import os
import pickle
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from commentsvc.screening import engines
from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import LABELS, ScoringError
from commentsvc.screening.training import checkpoints, fetch, published
from commentsvc.screening.training.checkpoints import CheckpointError
from tests.screening import tiny_models

pytest.importorskip("torch")
pytest.importorskip("detoxify")
pytest.importorskip("onnx")

from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.training import export, parity
from commentsvc.screening.training.pull import Order, pull
from commentsvc.screening.training.sample import SAMPLE

KINDS = list(tiny_models.KINDS)
SEVEN = (*LABELS, "sexual_explicit")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder per architecture, each with a tiny checkpoint."""
    base = tmp_path_factory.mktemp("checkpoints")
    for kind in KINDS:
        small = kind == "bert"
        tiny_models.write_checkpoint(
            base / kind, kind,
            classes=tiny_models.SIX if small else tiny_models.SEVEN,
            outputs=None if small else 16,
        )
    return base


@pytest.fixture
def checkpoint(made: Path, tmp_path: Path) -> Path:
    """A BERT checkpoint to damage."""
    shutil.copytree(made / "bert", tmp_path / "bert")
    return tmp_path / "bert" / "checkpoint.ckpt"


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit what is in a checkpoint."""
    content = tiny_models.load(path)
    edit(content)
    tiny_models.save(path, content)


def check(path: Path) -> None:
    """Read a checkpoint and hold it against its architecture."""
    loaded = checkpoints.read(path)
    checkpoints.check_weights(loaded, checkpoints.architecture_folder(loaded))


@pytest.mark.parametrize("kind", KINDS)
def test_each_architecture_is_read_with_its_labels(made: Path, kind: str) -> None:
    path = made / kind / "checkpoint.ckpt"
    loaded = checkpoints.read(path)
    checkpoints.check_weights(loaded, path.parent)
    assert loaded.labels == (LABELS if kind == "bert" else SEVEN)
    assert loaded.columns == ((0, 1, 2, 3, 4, 5) if kind == "bert" else (0, 1, 2, 5, 4, 3, 6))
    assert loaded.outputs == (6 if kind == "bert" else 16)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


WEIGHT = "bert.encoder.layer.0.output.dense.weight"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c["state_dict"].pop("classifier.bias"), r"classifier\.bias is missing"),
        (lambda c: c["state_dict"].pop(WEIGHT), rf"{re.escape(WEIGHT)} is missing"),
        (lambda c: c["state_dict"].update({"classifier.bias": c["state_dict"]["classifier.bias"][:5]}), "shape"),
        (lambda c: c["state_dict"].update({"extra.weight": c["state_dict"]["classifier.bias"]}), "extra.weight is unknown"),
        (lambda c: c["state_dict"]["classifier.bias"].fill_(float("nan")), "no numbers"),
        (lambda c: c["state_dict"].update({"classifier.bias": "text"}), "shape"),
        (lambda c: c["config"]["arch"]["args"].update(num_classes=7), "shape"),
        (lambda c: c["config"]["arch"]["args"].update(num_classes=5), "classes"),
        (lambda c: c["config"]["arch"]["args"].update(model_name="os"), "class name"),
        (lambda c: c["config"]["arch"]["args"].update(model_name="NoSuchForSequenceClassification"), "unknown"),
        (lambda c: c["config"]["arch"]["args"].update(tokenizer_name="__import__"), "class name"),
        (lambda c: c["config"]["dataset"]["args"].update(classes=["toxic", "insult"]), "missing"),
        (lambda c: c["config"]["dataset"]["args"].update(classes=["toxicity", *tiny_models.SIX[:5]]), "twice"),
        (lambda c: c.pop("config"), "config"),
        (lambda c: c.pop("state_dict"), "state_dict"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(
    checkpoint: Path, edit: Callable[[dict[str, Any]], object], said: str
) -> None:
    check(checkpoint)
    change(checkpoint, edit)
    with pytest.raises(CheckpointError, match=said):
        check(checkpoint)


def test_leftovers_of_older_versions_are_let_pass(made: Path, tmp_path: Path) -> None:
    import torch

    for kind, name in (("bert", "bert"), ("roberta", "roberta")):
        shutil.copytree(made / kind, tmp_path / kind)
        path = tmp_path / kind / "checkpoint.ckpt"
        extra: dict[str, Any] = {f"{name}.embeddings.position_ids": torch.arange(64)[None]}
        if kind == "roberta":
            extra["roberta.pooler.dense.weight"] = torch.ones(16, 16)
        change(path, lambda c, extra=extra: c["state_dict"].update(extra))  # type: ignore[misc]
        check(path)


def test_stock_detoxify_takes_what_is_refused_here(checkpoint: Path) -> None:
    """The reason for the check: Detoxify gives random scores and no error."""
    import transformers
    from detoxify.detoxify import get_model_and_tokenizer

    transformers.logging.set_verbosity_error()
    change(checkpoint, lambda c: c["state_dict"].pop("classifier.bias"))
    loaded = tiny_models.load(checkpoint)
    arguments = {**loaded["config"]["arch"]["args"], "model_type": str(checkpoint.parent)}
    model, _ = get_model_and_tokenizer(**arguments, state_dict=loaded["state_dict"])
    assert model.classifier.bias is not None


class Bomb:
    """Pickles into a call of os.mkdir."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_not_run(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    change(checkpoint, lambda c: c.update(bomb=Bomb(target)))
    with pytest.raises(CheckpointError, match="no file of weights alone"):
        checkpoints.read(checkpoint)
    assert not target.exists()
    pickle.loads(pickle.dumps(Bomb(target)))  # noqa: S301 - the bomb is a live one
    assert target.is_dir()


@pytest.mark.parametrize("kept", [0, 10, 1000, -1, -200])
def test_a_cut_off_checkpoint_is_refused(checkpoint: Path, kept: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.read(checkpoint)


def test_a_missing_architecture_is_an_error_that_says_what_is_needed(checkpoint: Path) -> None:
    (checkpoint.parent / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"bert-base-uncased.*tokenizer\.json.*--tokenizer"):
        checkpoints.architecture_folder(checkpoints.read(checkpoint))


def test_known_models_are_those_of_the_detoxify_package() -> None:
    from detoxify.detoxify import MODEL_URLS

    assert {known.name: known.url for known in published.KNOWN.values()} == MODEL_URLS
    for known in published.KNOWN.values():
        assert known.url.endswith(f"-{known.sha256}.ckpt")


# Export


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_model_scores_as_detoxify_does(
    made: Path, tmp_path: Path, kind: str, precision: export.Precision
) -> None:
    path = made / kind / "checkpoint.ckpt"
    export.build(path, tmp_path / "out", export.Build("tiny", "1", precision=precision))
    scorer = OnnxScorer.load(tmp_path / "out")
    loaded = checkpoints.read(path)
    # What a tiny model reads at once is short; both must have read all of it.
    texts = [text for text in SAMPLE if text.isascii() and len(text) < 50]
    found = parity.compare(scorer, checkpoints.as_detoxify(loaded), loaded, texts)
    assert [one.label for one in found] == list(loaded.labels)
    limit = 0.1 if precision == "int8" else 1e-4
    assert max(one.largest for one in found) < limit
    apart = [list(scores.values()) for scores in scorer.score(texts[:8])]
    assert len({tuple(row) for row in apart}) > 4, "scores of a model that says nothing would agree"


def test_an_export_serves_without_its_checkpoint(made: Path, tmp_path: Path) -> None:
    made_of = export.Build("tiny", "3", max_tokens=16, licence="MIT", source="here")
    export.build(made / "roberta" / "checkpoint.ckpt", tmp_path / "out", made_of)
    card = Card.read(tmp_path / "out" / "model.json")
    assert (card.info.name, card.info.version, card.max_tokens) == ("tiny", "3", 16)
    assert (card.licence, card.source, card.labels) == ("MIT", "here", SEVEN)
    (scores,) = OnnxScorer.load(tmp_path / "out").score(["word " * 500])
    assert tuple(scores) == SEVEN
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "model.json", "model.onnx", "tokenizer.json",
    ]


def test_a_window_is_never_longer_than_the_encoder_reads(made: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        out = tmp_path / kind
        export.build(made / kind / "checkpoint.ckpt", out, export.Build("t", "1", max_tokens=500))
        assert Card.read(out / "model.json").max_tokens == 64
        OnnxScorer.load(out).score(["thank you for the article " * 100])


def test_exporting_twice_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = made / "bert" / "checkpoint.ckpt"
        export.build(path, tmp_path / name, export.Build("tiny", "1"))
    for file in ("model.json", "tokenizer.json", "model.onnx"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("layer", [None, -1, -2])
def test_a_span_head_becomes_a_second_output_of_the_layer_it_learned_from(
    checkpoint: Path, tmp_path: Path, layer: int | None
) -> None:
    import onnxruntime
    import torch

    head = torch.nn.Linear(16, 1)
    said = {} if layer is None else {"span_layer": layer}  # older checkpoints don't say
    change(checkpoint, lambda c: c.update(span_head=dict(head.state_dict()), **said))
    export.build(checkpoint, tmp_path / "out", export.Build("tiny", "1", span_threshold=0.5))
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    assert [output.name for output in session.get_outputs()] == ["logits", "marks"]
    assert Card.read(tmp_path / "out" / "model.json").span_threshold == 0.5
    tokens = torch.tensor([[2, 9, 10, 11, 3]])
    logits, marks = session.run(None, {"input_ids": tokens.numpy()})
    model = checkpoints.build_model(checkpoints.read(checkpoint), checkpoint.parent)
    with torch.no_grad():
        whole = model(tokens, output_hidden_states=True)
        expected = head(whole.hidden_states[layer or -1])[..., 0]
    assert marks.shape == (1, 5)
    assert abs(marks - expected.numpy()).max() < 0.1
    assert abs(logits - whole.logits.numpy()).max() < 0.1


def test_what_nothing_listens_to_is_left_out_of_the_graph(checkpoint: Path, tmp_path: Path) -> None:
    import onnx

    def silence(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        inner = state["bert.encoder.layer.0.output.dense.weight"]
        assert inner.shape == (16, 32)
        inner[:, 5:15] = 0
        heads = state["bert.encoder.layer.0.attention.output.dense.weight"]
        assert heads.shape == (16, 16)
        heads[:, 8:16] = 0  # of two heads the second
        state["bert.encoder.layer.1.output.dense.weight"].zero_()

    change(checkpoint, silence)
    export.build(checkpoint, tmp_path / "out", export.Build("tiny", "1", precision="float32"))
    graph = onnx.load(tmp_path / "out" / "model.onnx").graph
    shapes = [tuple(given.dims) for given in graph.initializer]
    (attention,) = [node for node in graph.node if node.op_type == "Attention"]
    assert attention.attribute[0].i == 1
    assert (16, 24) in shapes  # queries, keys and values of the head that is left
    assert (22,) in shapes
    assert (1,) in shapes, "of a layer to which nothing listens one neuron stays"
    loaded = checkpoints.read(checkpoint)
    texts = [text for text in SAMPLE if text.isascii() and len(text) < 50]
    found = parity.compare(OnnxScorer.load(tmp_path / "out"), checkpoints.as_detoxify(loaded), loaded, texts)
    assert max(one.largest for one in found) < 1e-4


def test_a_failed_export_leaves_the_old_model(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made / "bert" / "checkpoint.ckpt"
    export.build(path, tmp_path / "out", export.Build("tiny", "1"))
    before = OnnxScorer.load(tmp_path / "out").info

    def full(_source: object, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        export.build(path, tmp_path / "out", export.Build("tiny", "2"))
    assert OnnxScorer.load(tmp_path / "out").info == before
    assert not list(tmp_path.rglob("*.partial"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_model_that_scores_otherwise_is_not_published(made: Path, tmp_path: Path) -> None:
    path = made / "bert" / "checkpoint.ckpt"
    loaded = checkpoints.read(path)
    stranger = checkpoints.as_detoxify(loaded)
    stranger.model.classifier.bias.data.add_(5.0)

    def compared(scorer: OnnxScorer) -> Mapping[str, Any]:
        parity.refuse_strangers(parity.compare(scorer, stranger, loaded))
        return {}

    with pytest.raises(ScoringError, match="does not score as Detoxify"):
        export.build(path, tmp_path / "out", export.Build("tiny", "1"), check=compared)
    assert not (tmp_path / "out").exists()


def test_the_sample_is_large_and_varied_enough() -> None:
    assert len(SAMPLE) >= 64
    assert len(set(SAMPLE)) == len(SAMPLE)


# Pull


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; `break_after` bytes of an answer, it hangs up."""

    break_after: int | None = None
    requests: list[tuple[str, str]]


class Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        given = self.headers.get("Range", "")
        self.server.requests.append((self.path, given))
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:][: self.server.break_after])

    def log_message(self, *_args: object) -> None: ...


@pytest.fixture
def served(made: Path, tmp_path: Path) -> Iterator[tuple[Server, str, Path]]:
    """A server of checkpoints and, under the hub's paths, of encoders' files."""
    root = tmp_path / "www"
    for kind in KINDS:
        encoder = tiny_models.KINDS[kind]["encoder"]
        (root / encoder / "resolve" / "main").mkdir(parents=True)
        for name in checkpoints.ARCHITECTURE_FILES:
            shutil.copy(made / kind / name, root / encoder / "resolve" / "main" / name)
        shutil.copy(made / kind / "checkpoint.ckpt", root / f"{kind}.ckpt")
    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def models(tmp_path: Path, served: tuple[Server, str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder; the hub is the test's server, and nothing is cached from before."""
    monkeypatch.setenv("HF_ENDPOINT", served[1])
    monkeypatch.setattr(checkpoints, "_cached", lambda _encoder: None)
    return tmp_path / "models"


Served = tuple[Server, str, Path]


@pytest.mark.parametrize("kind", KINDS)
def test_pulling_fetches_checks_exports_and_compares(served: Served, models: Path, kind: str) -> None:
    stages: list[str] = []
    order = Order("mine", url=f"{served[1]}/{kind}.ckpt")
    found = pull(order, models, stage=lambda text, _done, _total: stages.append(text))
    assert found.sha256 == hashlib.sha256((served[2] / f"{kind}.ckpt").read_bytes()).hexdigest()
    assert not found.confirmed
    assert all(one.tolerable for one in found.differences)
    ours = engines.load_scorer("mine", models)
    theirs = engines.load_scorer("detoxify:mine", models)
    assert theirs.info.sha256 == found.sha256
    (a,), (b,) = ours.score(["you are an idiot"]), theirs.score(["you are an idiot"])
    assert max(abs(a[label] - b[label]) for label in a) < 0.1
    assert ours.info.version == found.sha256[:12]
    card = Card.read(models / "mine" / "model.json")
    assert card.measured["compared_with_detoxify"]["texts"] == len(SAMPLE)
    assert list(dict.fromkeys(stages)) == [
        "downloading", "checking the SHA-256", "reading the weights", *checkpoints.ARCHITECTURE_FILES,
        "exporting", "comparing with Detoxify",
    ]
    assert sorted(path.name for path in (models / "checkpoints" / "mine").iterdir()) == sorted(
        ["checkpoint.ckpt", *checkpoints.ARCHITECTURE_FILES]
    )


def test_a_download_that_breaks_off_goes_on_where_it_was(served: Served, models: Path) -> None:
    server, url, root = served
    size = (root / "bert.ckpt").stat().st_size
    server.break_after = size // 3
    with pytest.raises(fetch.FetchError, match="broke off"):
        pull(Order("mine", url=f"{url}/bert.ckpt"), models)
    partial = models / "checkpoints" / "mine" / "checkpoint.ckpt.partial"
    assert partial.stat().st_size == size // 3
    server.break_after = None
    server.requests.clear()
    pull(Order("mine", url=f"{url}/bert.ckpt"), models)
    assert server.requests[0] == ("/bert.ckpt", f"bytes={size // 3}-")
    assert (models / "checkpoints" / "mine" / "checkpoint.ckpt").read_bytes() == (
        root / "bert.ckpt"
    ).read_bytes()


def test_what_is_left_of_another_file_is_not_gone_on_with(served: Served, models: Path) -> None:
    server, url, _ = served
    server.break_after = 5000
    with pytest.raises(fetch.FetchError):
        pull(Order("mine", url=f"{url}/roberta.ckpt"), models)
    server.break_after = None
    pull(Order("mine", url=f"{url}/bert.ckpt"), models)
    assert engines.load_scorer("mine", models).score(["hello"])


def test_another_hash_than_promised_is_refused_and_removed(served: Served, models: Path) -> None:
    order = Order("mine", url=f"{served[1]}/bert.ckpt", sha256="0" * 64)
    with pytest.raises(CheckpointError, match="it was removed"):
        pull(order, models)
    assert not [path for path in models.rglob("*") if path.is_file()]


def test_the_whole_hash_confirms_the_file(served: Served, models: Path) -> None:
    sha256 = hashlib.sha256((served[2] / "bert.ckpt").read_bytes()).hexdigest()
    assert pull(Order("mine", url=f"{served[1]}/bert.ckpt", sha256=sha256), models).confirmed


def test_a_known_model_must_have_the_digits_of_its_name(
    served: Served, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "RELEASES", f"{served[1]}/")
    sha256 = hashlib.sha256((served[2] / "bert.ckpt").read_bytes()).hexdigest()
    right = published.Known("original", "bert.ckpt", sha256[:8], "bert-base-uncased", 1)
    wrong = published.Known("original", "bert.ckpt", "c1212f89", "bert-base-uncased", 1)
    monkeypatch.setitem(published.KNOWN, "original", wrong)
    with pytest.raises(CheckpointError, match=f"--sha256 {sha256}"):
        pull(Order("original"), models)
    refused = models / "checkpoints" / "original" / "checkpoint.ckpt.refused"
    assert engines.names(models) == []
    found = pull(Order("original", file=refused, sha256=sha256), models)
    assert found.confirmed
    shutil.rmtree(models)
    monkeypatch.setitem(published.KNOWN, "original", right)
    assert pull(Order("original"), models).confirmed
    card = Card.read(models / "original" / "model.json")
    assert card.licence == "Apache-2.0"
    assert card.source == f"{served[1]}/bert.ckpt"


def test_a_pulled_model_is_exported_again_without_a_network(served: Served, models: Path) -> None:
    server, url, _ = served
    pull(Order("mine", url=f"{url}/bert.ckpt"), models)
    server.requests.clear()
    made = export.Build("mine", "", max_tokens=20)
    pull(Order("mine", made=made), models)
    assert server.requests == []
    assert Card.read(models / "mine" / "model.json").max_tokens == 20
    assert (models / "checkpoints" / "mine" / "checkpoint.ckpt").exists()
    assert not list(models.rglob("*.partial"))


def test_files_brought_by_hand_need_no_network(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_cached", lambda _encoder: None)
    alone = tmp_path / "alone.ckpt"
    shutil.copy(made / "bert" / "checkpoint.ckpt", alone)
    pull(Order("mine", file=alone, tokenizer=made / "bert"), tmp_path / "models")
    assert alone.exists()
    assert engines.load_scorer("detoxify:mine", tmp_path / "models").score(["hello"])


def test_without_a_network_the_error_says_what_to_bring(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_cached", lambda _encoder: None)
    monkeypatch.setattr(published, "RELEASES", "http://127.0.0.1:9/")
    with pytest.raises(fetch.FetchError, match=r"could not be reached.*bert-base-uncased.*--file"):
        pull(Order("original"), tmp_path / "models")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    alone = tmp_path / "alone.ckpt"
    shutil.copy(made / "bert" / "checkpoint.ckpt", alone)
    with pytest.raises(fetch.FetchError, match=r"config\.json.*could not be reached.*--tokenizer"):
        pull(Order("mine", file=alone), tmp_path / "models")
    assert engines.names(tmp_path / "models") == []


@pytest.mark.parametrize("path", ["missing.ckpt", ""])
def test_an_address_that_has_nothing_says_so(served: Served, models: Path, path: str) -> None:
    with pytest.raises(fetch.FetchError, match="404"):
        pull(Order("mine", url=f"{served[1]}/{path}"), models)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "/etc/passwd"])
def test_only_web_addresses_are_fetched(models: Path, url: str) -> None:
    with pytest.raises(fetch.FetchError, match="no http"):
        pull(Order("mine", url=url), models)


@pytest.mark.parametrize("name", ["../up", "", "current", "bundled", "checkpoints", "a/b", ".hidden"])
def test_a_name_that_is_none_is_refused(models: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="name"):
        pull(Order(name, url="http://127.0.0.1:9/x"), models)


def test_a_full_disk_is_said_before_it_is_full(
    served: Served, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(fetch.FetchError, match="bytes free"):
        pull(Order("mine", url=f"{served[1]}/bert.ckpt"), models)


def test_a_disk_that_fills_up_meanwhile_is_cleared(
    served: Served, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_copy", full)
    with pytest.raises(fetch.FetchError, match="full"):
        pull(Order("mine", url=f"{served[1]}/bert.ckpt"), models)
    assert not [path for path in models.rglob("*") if path.is_file()]


def test_a_checkpoint_without_its_bias_is_not_pulled(
    served: Served, models: Path, checkpoint: Path
) -> None:
    change(checkpoint, lambda c: c["state_dict"].pop("classifier.bias"))
    shutil.copy(checkpoint, served[2] / "bert.ckpt")
    with pytest.raises(CheckpointError, match=r"classifier\.bias is missing"):
        pull(Order("mine", url=f"{served[1]}/bert.ckpt"), models)
    assert engines.names(models) == engines.checkpoint_names(models) == []


def test_a_wrong_vocabulary_is_noticed(served: Served, models: Path) -> None:
    config = served[2] / "bert-base-uncased/resolve/main/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "vocab_size": 7}))
    with pytest.raises(CheckpointError, match="word_embeddings"):
        pull(Order("mine", url=f"{served[1]}/bert.ckpt"), models)
