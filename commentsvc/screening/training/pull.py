"""Bring a Detoxify model here: fetch, check, export, compare, publish.

Nothing in what is fetched is executed, nothing unchecked is served, and a step that fails leaves
the models folder as it was, but for a download that can go on.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from commentsvc.screening import engines
from commentsvc.screening.onnx_scorer import OnnxScorer
from commentsvc.screening.training import checkpoints, export, fetch, parity
from commentsvc.screening.training.checkpoints import (
    ARCHITECTURE_FILES,
    Checkpoint,
    CheckpointError,
)
from commentsvc.screening.training.published import KNOWN, Known
from commentsvc.screening.training.sample import SAMPLE

HUB: Final = "https://huggingface.co"
"""Where encoders' files are; HF_ENDPOINT in the environment names another, as for transformers."""

Stage = Callable[[str, int, int | None], None]
"""Called with what is being done, and how many bytes of how many are done."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to pull; ``file`` or ``url`` in place of where Detoxify publishes a known *name*.

    ``sha256`` is the whole hash, where the caller has it from somewhere else. ``tokenizer`` is a
    folder with the encoder's files, without which they come from the hub.
    """

    name: str
    url: str = ""
    file: Path | None = None
    sha256: str = ""
    tokenizer: Path | None = None
    made: export.Build | None = None

    @property
    def known(self) -> Known | None:
        """The published model, unless the caller brings another file."""
        return KNOWN.get(self.name)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled: where it is, and how far its scores are from Detoxify's."""

    folder: Path
    checkpoint: Path
    sha256: str
    confirmed: bool
    differences: Sequence[parity.Difference]


def pull(order: Order, models: Path, *, stage: Stage = lambda _text, _done, _total: None) -> Pulled:
    """Fetch and check the checkpoint, export it to ``models/<name>``, and return what was seen.

    Raises :class:`~commentsvc.screening.training.fetch.FetchError` when something cannot be
    fetched, and ScoringError when what was fetched is not what it should be.
    """
    if not engines.is_name(order.name):
        message = f"{order.name!r} cannot be a model's name: letters, digits, dots and dashes can"
        raise CheckpointError(message)
    folder = models / engines.CHECKPOINTS / order.name
    kept, partial = (
        folder / engines.CHECKPOINT_FILE,
        folder / f"{engines.CHECKPOINT_FILE}.partial",
    )
    _bring(order, kept, partial, stage)
    sha256 = _checked(order, partial, stage)
    stage("reading the weights", 0, None)
    try:
        loaded = checkpoints.read(partial)
    except CheckpointError:
        fetch.forget(partial)  # whole, and wrong: fetching it once more would change nothing
        raise
    _architecture(order, loaded, folder, stage)
    checkpoints.check_weights(loaded, checkpoints.architecture_folder(loaded))
    found: list[parity.Difference] = []

    def compared(scorer: OnnxScorer) -> Mapping[str, Any]:
        stage("comparing with Detoxify", 0, None)
        detoxify = checkpoints.as_detoxify(loaded)
        found.extend(parity.compare(scorer, detoxify, loaded))
        parity.refuse_strangers(found)
        texts = len(SAMPLE)
        return {"compared_with_detoxify": {"texts": texts, "labels": [asdict(d) for d in found]}}

    stage("exporting", 0, None)
    made = order.made or export.Build(order.name, "")
    export.build(partial, models / order.name, _named(order, made, sha256), check=compared)
    if not (kept.exists() and kept.samefile(partial)):
        partial.replace(kept)
    fetch.forget(partial)
    return Pulled(models / order.name, kept, sha256, bool(order.sha256 or order.known), found)


def _named(order: Order, made: export.Build, sha256: str) -> export.Build:
    """Fill in what the order leaves open: version, licence and source."""
    known = order.known
    licence, source = (known.licence, known.url) if known else ("", order.url)
    return replace(
        made,
        name=made.name if made.name != order.name else f"detoxify-{order.name}",
        version=made.version or (known.version if known else sha256[:12]),
        licence=made.licence or licence,
        source=made.source or order.url or source or f"checkpoint {sha256}",
    )


def _bring(order: Order, kept: Path, partial: Path, stage: Stage) -> None:
    """Have the checkpoint in *partial*: copied, downloaded, or pulled before."""
    if order.file is not None:
        fetch.copy(order.file, partial, report=lambda d, t: stage("copying", d, t))
        return
    if kept.exists() and not order.url:
        fetch.forget(partial)
        os.link(kept, partial)
        return
    url = order.url or (order.known.url if order.known else "")
    if not url:
        known = ", ".join(KNOWN)
        message = f"{order.name} is none of {known}: say where it is with --url or --file"
        raise CheckpointError(message)
    try:
        fetch.fetch(url, partial, report=lambda d, t: stage("downloading", d, t))
    except fetch.FetchError as error:
        raise fetch.FetchError(f"{error}. {_by_hand(order)}") from error


def _by_hand(order: Order) -> str:
    """Say how to do it where this machine has no network."""
    encoder = order.known.encoder if order.known else "its encoder"
    return (
        f"Without a network: bring the checkpoint, and config.json, tokenizer.json and "
        f"tokenizer_config.json of {encoder} in one folder, and run `commentsvc model pull "
        f"{order.name} --file CHECKPOINT --tokenizer FOLDER`"
    )


def _checked(order: Order, partial: Path, stage: Stage) -> str:
    """Return the SHA-256 of *partial*; :class:`CheckpointError` where another one was promised.

    Of the published files only the first digits are known, from their names. Detoxify's own script
    hashes a file and then saves the weights once more under the name with the digits, which need
    not give the same bytes, so a mismatch is not always damage; who has compared the file says
    so with its whole hash.
    """
    found = fetch.sha256_of(partial, lambda d, t: stage("checking the SHA-256", d, t))
    expected = order.sha256.lower() or (order.known.sha256 if order.known else "")
    if found.startswith(expected) and (not order.sha256 or found == expected):
        return found
    if order.sha256:
        fetch.forget(partial)
        message = f"the checkpoint has the SHA-256 {found}, not {order.sha256}; it was removed"
        raise CheckpointError(message)
    refused = partial.with_name(f"{engines.CHECKPOINT_FILE}.refused")
    partial.replace(refused)
    fetch.forget(partial)
    message = (
        f"the checkpoint's SHA-256 {found} does not begin with {expected}, the digits in its "
        f"published name: it is damaged, or not that file, or was saved again after it was named. "
        f"It is kept as {refused}. When you have compared it with a copy that you trust, run "
        f"`commentsvc model pull {order.name} --file {refused} --sha256 {found}`; else delete it"
    )
    raise CheckpointError(message)


def _architecture(order: Order, loaded: Checkpoint, folder: Path, stage: Stage) -> None:
    """Have the encoder's files beside the checkpoint."""
    needed = ARCHITECTURE_FILES[:2]
    if order.tokenizer is not None:
        checkpoints.architecture_folder(loaded, order.tokenizer)
        for name in ARCHITECTURE_FILES:
            if (order.tokenizer / name).is_file():
                fetch.copy(order.tokenizer / name, folder / f"{name}.partial")
                (folder / f"{name}.partial").replace(folder / name)
        return
    if all((folder / name).is_file() for name in needed):
        return
    try:  # in the encoder's package, or in the cache of Hugging Face
        source = checkpoints.architecture_folder(loaded)
    except CheckpointError:
        source = None
    if source is not None:
        return
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    for name in ARCHITECTURE_FILES:
        url = f"{hub}/{loaded.encoder}/resolve/main/{name}"
        partial = folder / f"{name}.partial"
        fetch.forget(partial)
        try:
            fetch.fetch(url, partial, report=lambda d, t, name=name: stage(name, d, t))  # type: ignore[misc]
        except fetch.FetchError as error:
            if name in needed:
                raise fetch.FetchError(f"{error}. {_by_hand(order)}") from error
            continue
        partial.replace(folder / name)
        fetch.forget(partial)
