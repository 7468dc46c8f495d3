"""Score toxicity with the detoxify package: any of its models, in torch, as it runs them.

Detoxify builds the model and the tokenizer, and its weights give the scores; for a text that fits
its window they are those of ``Detoxify.predict``. Two things are ours. The checkpoint is read
without running code in it, checked key by key against its architecture, and handed over: Detoxify
itself unpickles whatever is in the file and fills a missing weight with random numbers. And text is
normalised and read through overlapping windows as in every engine, where Detoxify reads the
first 512 tokens and nothing after them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from commentsvc.screening.highlights import explain_by_scoring
from commentsvc.screening.normalise import normalise
from commentsvc.screening.onnx_scorer import MAX_CHARACTERS, window_parts
from commentsvc.screening.toxicity import Explanation, ModelInfo, Scores, ScoringError
from commentsvc.screening.training.checkpoints import Checkpoint


class DetoxifyScorer:
    """A :class:`~commentsvc.screening.toxicity.ToxicityScorer` over one Detoxify model."""

    def __init__(self, detoxify: Any, checkpoint: Checkpoint, info: ModelInfo) -> None:
        """Wrap a loaded ``Detoxify``; :meth:`load` is the way in from files."""
        self.detoxify = detoxify
        self._labels = checkpoint.labels
        self._columns = checkpoint.columns
        self._info = info
        self._size = checkpoint.window(detoxify.model.config) - 2
        self._start, self._end = detoxify.tokenizer("")["input_ids"]

    @classmethod
    def load(cls, path: Path, *, architecture: Path | None = None, threads: int = 1) -> Self:
        """Load a checkpoint; *architecture* is the folder with config.json and the tokenizer.

        Without one it is looked for beside the checkpoint, in the encoder's package and in the
        local Hugging Face cache, never on the network. Raises :class:`ScoringError`.
        """
        import torch

        from commentsvc.screening.training import checkpoints

        torch.set_num_threads(threads)
        checkpoint = checkpoints.read(path)
        detoxify = checkpoints.as_detoxify(checkpoint, architecture)
        pulled = path.parent.name if path.name == "checkpoint.ckpt" else path.stem
        info = ModelInfo(f"detoxify-{pulled}", checkpoint.sha256[:12], checkpoint.sha256)
        return cls(detoxify, checkpoint, info)

    @property
    def info(self) -> ModelInfo:
        """The model that gives the scores; ``sha256`` is that of the checkpoint."""
        return self._info

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Return one probability per label and text, in order, or raise :class:`ScoringError`."""
        return [self._score(text) for text in texts]

    def explain(self, text: str) -> Explanation:
        """Return what in *text* carries its score, or raise :class:`ScoringError`."""
        return explain_by_scoring(self.score, text)

    def _score(self, text: str) -> Scores:
        highest: list[float] = [0.0] * len(self._labels)
        for window in self._windows(text):
            found = self._run(window)
            highest = [max(pair) for pair in zip(highest, found, strict=True)]
        return dict(zip(self._labels, highest, strict=True))

    def _windows(self, text: str) -> Iterator[list[int]]:
        if len(text) > MAX_CHARACTERS:
            half = MAX_CHARACTERS // 2
            text = f"{text[:half]} {text[-half:]}"
        encoded = self.detoxify.tokenizer(
            normalise(text), add_special_tokens=False, truncation=False, verbose=False
        )
        ids: list[int] = encoded["input_ids"]
        for part in window_parts(len(ids), self._size):
            yield [self._start, *ids[part], self._end]

    def _run(self, ids: list[int]) -> list[float]:
        """Return the probabilities of one window, all finite, in the order of the labels."""
        import torch

        tokens = torch.tensor([ids])
        try:
            with torch.inference_mode():
                logits = self.detoxify.model(tokens, torch.ones_like(tokens))[0]
                row = torch.sigmoid(logits.double())[0]
        except Exception as error:  # whatever torch raises, the promise is ScoringError
            message = f"toxicity model {self.info.name} {self.info.version} failed: {error}"
            raise ScoringError(message) from error
        if not torch.isfinite(row).all():
            message = f"toxicity model {self.info.name} {self.info.version} gave no finite scores"
            raise ScoringError(message)
        values: list[float] = row[list(self._columns)].tolist()
        return values
