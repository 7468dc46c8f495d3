"""Score toxicity with ONNX Runtime: int8 weights, a tokenizer, numpy, and no torch or pickle.

Any ``str`` gets scores. A text longer than the model's window is read through overlapping windows,
so that a threat in the last sentence of a long comment counts as much as one in the first. It takes,
label by label, the log-odds halfway between the highest of them and their mean: the more windows,
the higher the highest of a harmless text, by chance (on official test rows the AUC is 97.41 with the
highest, 97.51 halfway). Where the model has a linear part (lexical.py), each window's logits are the
mean of both, weighted per label.

One bad window among many decent ones still counts by itself, its odds a twentieth: a threat does not
vanish in a long text. Within a window one bad sentence is diluted too ("I will kill you." scores 0.93
as a threat alone, 0.08 behind a hundred decent words). Where the model marks words, the sentence of
each window's strongest mark is therefore read once more by itself; its odds count a twentieth as
well, as much of what sounds bad alone is harmless among its neighbours: with that discount the AUCs
are those of the windows to within 0.04, but for threats, where it is 0.2 higher.

Windows run one at a time, never padded together. Int8 activations share one scale per tensor, so
in a batch a text's score would depend on its neighbours: by up to 0.1, measured, enough to cross a
threshold. Alone, the same text gets the same score every time, and on a CPU core that costs what a
batch does (with an earlier model 8.0 ms a comment alone, 6.9 in the best batch size, 9.3 in large ones).
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from commentsvc.screening.card import CARD, TOKENIZER, WEIGHTS, Card
from commentsvc.screening.highlights import explain_by_scoring, joined, sentences
from commentsvc.screening.lexical import LexicalModel
from commentsvc.screening.normalise import normalise, read
from commentsvc.screening.sentences import sentence_spans
from commentsvc.screening.toxicity import Explanation, ModelInfo, Scores, ScoringError

MAX_CHARACTERS: Final = 50_000
"""Longer texts keep their two ends, half of this each: the longest comment a site's policy can
allow is read whole, and 1 MB doesn't cost a minute of a core."""
MAX_WINDOWS: Final = 160
"""Per text; where a text would need more, they are spread evenly from its start to its end."""
OVERLAP_SHARE: Final = 0.0625
"""Of a window, shared with the next one: a short sentence cut by one window is whole in the other. With twice as
much the AUCs are the same, at 3 % more tokens."""

DISCOUNT: Final = 3.0
"""Log-odds that the worst of several windows, or a sentence read by itself, loses."""
SENTENCE_MARK: Final = 0.02
"""Mark below which nothing in a window stands out. Of 110 short bad comments put into the middle of decent ones, windows
hold 43 and this step 58 more, nearly all with marks above 0.3; but a threat in plain words ("Somebody should shoot him.")
has 0.07 among decent sentences. To go down from 0.3 costs a twelfth more tokens."""
SENTENCE_REACH: Final = 12
"""Tokens on either side of the mark that are read; people who insult forget full stops."""
SENTENCE_SHARE: Final = 0.6
"""Of a window; a sentence that is most of it has been read already."""
DILUTING: Final = 48
"""Tokens from which a window has room for a sentence to be overlooked."""

SLOW_FUSIONS: Final = ("SkipLayerNormFusion",)
"""Of the runtime's rewritings of the graph, those that cost time: adding and normalising in one step takes
three times as long as one after the other, together a thirteenth of a window."""

MAX_MARKED: Final = 20
"""Windows whose words are marked; what explains a longer text is which sentences, not words."""

Logits = npt.NDArray[np.float32]
Range = tuple[int, int]


class Session(Protocol):
    """The one thing asked of ONNX Runtime; tests put a failing one in its place."""

    def run(self, output_names: list[str], inputs: dict[str, npt.NDArray[np.int64]]) -> list[Any]:
        """Return the named outputs."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a normalised text that the model reads at once: token ids and their characters."""

    ids: list[int]
    offsets: list[Range]

    @property
    def span(self) -> Range:
        """The characters that the window covers."""
        return (self.offsets[0][0], self.offsets[-1][1]) if self.offsets else (0, 0)


class OnnxScorer:
    """A :class:`~commentsvc.screening.toxicity.ToxicityScorer` over one ONNX graph."""

    def __init__(
        self,
        session: Session,
        tokenizer: Tokenizer,
        card: Card,
        lexical: LexicalModel | None = None,
        *,
        masked: bool = False,
    ) -> None:
        """Wrap loaded parts; :meth:`load` is the way in from files. A *masked* graph wants a mask of ones."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._session = session
        self._tokenizer = tokenizer
        self._card = card
        self._lexical = lexical
        self._masked = masked
        self._start, self._end = tokenizer.encode("").ids
        self._slopes = np.array([curve.slope for curve in card.curves])
        self._offsets = np.array([curve.offset for curve in card.curves])
        self._columns = np.array(card.columns)
        self._marks_words = card.span_threshold is not None
        self._share = np.array(card.lexical.weights if card.lexical else (), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load the model in *folder*, checking the SHA-256 of each file that model.json names.

        The bytes that were hashed are the bytes that run. Raises :class:`ScoringError` naming the
        file that is missing, corrupt or not a model.
        """
        card = Card.read(folder / CARD)
        weights = _verified(folder / WEIGHTS, card.weights_sha256)
        vocabulary = _verified(folder / TOKENIZER, card.tokenizer_sha256)
        lexical = None
        if card.lexical is not None:
            lexical = LexicalModel.read(_verified(folder / card.lexical.file, card.lexical.sha256))
            if lexical.weights.shape[1] < len(card.labels):
                message = f"the lexical model in {folder} lacks columns for {card.labels}"
                raise ScoringError(message)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A waiting pool spins by default: one busy core for an idle service.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Every batch has another shape; remembered memory plans would pile up.
        options.enable_mem_pattern = False
        try:
            session = onnxruntime.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"], disabled_optimizers=[*SLOW_FUSIONS]
            )
            tokenizer = Tokenizer.from_str(vocabulary.decode("utf-8"))
            masked = "attention_mask" in {given.name for given in session.get_inputs()}
            return cls(session, tokenizer, card, lexical, masked=masked)
        except Exception as error:  # both runtimes raise their own, unrelated classes
            message = f"the toxicity model in {folder} does not load: {error}"
            raise ScoringError(message) from error

    @property
    def info(self) -> ModelInfo:
        """The model that gives the scores."""
        return self._card.info

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Return calibrated probabilities per text, in order, or raise :class:`ScoringError`."""
        return [
            {label: _sigmoid(value) for label, value in zip(self._card.labels, row, strict=True)}
            for row in (self._log_odds(text).tolist() for text in texts)
        ]

    def _log_odds(self, text: str) -> npt.NDArray[np.float64]:
        """Return the calibrated log-odds per label: of all windows, or of what is worst by itself."""
        read_as = normalise(_shortened(text))
        spans = sentence_spans(read_as) if self._marks_words else []
        windows: list[npt.NDArray[np.float64]] = []
        apart: list[npt.NDArray[np.float64]] = []
        alone: set[Range] = set()
        for window in self._windows(read_as):
            logits, marks = self._read(read_as, window)
            windows.append(self._calibrated(logits))
            sentence = self._marked_sentence(window, marks, spans)
            if sentence is not None and sentence.span not in alone:  # windows overlap
                alone.add(sentence.span)
                logits, _ = self._read(read_as, sentence)
                apart.append(self._calibrated(logits))
        odds = _together(windows)
        if len(windows) + len(apart) > 1:
            odds = np.maximum(odds, np.max(windows + apart, axis=0) - DISCOUNT)
        return odds

    def _calibrated(self, logits: Logits) -> npt.NDArray[np.float64]:
        odds: npt.NDArray[np.float64] = logits.astype(np.float64) * self._slopes + self._offsets
        return odds

    def _marked_sentence(
        self, window: Window, marks: Logits, spans: Sequence[Range]
    ) -> Window | None:
        """Return the part of *window* that is the sentence of its strongest mark, if worth reading."""
        if len(marks) < DILUTING:
            return None
        strongest = int(marks.argmax())
        place = bisect_right(spans, (window.offsets[strongest][0], MAX_CHARACTERS)) - 1
        if _sigmoid(float(marks[strongest])) < SENTENCE_MARK or place < 0:
            return None
        start, end = spans[place]
        first, last = strongest, strongest + 1
        while first > max(0, strongest - SENTENCE_REACH) and window.offsets[first - 1][0] >= start:
            first -= 1
        reach = min(len(marks), strongest + 1 + SENTENCE_REACH)
        while last < reach and window.offsets[last][1] <= end:
            last += 1
        if last - first > SENTENCE_SHARE * len(marks):
            return None
        ids = [self._start, *window.ids[1 + first : 1 + last], self._end]
        return Window(ids, window.offsets[first:last])

    def explain(self, text: str) -> Explanation:
        """Return what in *text* carries its score, or raise :class:`ScoringError`."""
        if self._card.span_threshold is None:
            return explain_by_scoring(self.score, text)
        words = joined(text, self.word_marks(text), self._card.span_threshold)
        return Explanation(sentences(self.score, text), words)

    def logits(self, texts: Sequence[str]) -> Logits:
        """Return the windows' uncalibrated logits, one row per text: what calibration is fitted on."""
        found = np.empty((len(texts), len(self._card.labels)), dtype=np.float32)
        for index, text in enumerate(texts):
            read_as = normalise(_shortened(text))
            windows = [self._read(read_as, window)[0] for window in self._windows(read_as)]
            found[index] = _together(windows)
        return found

    def marks(self, text: str) -> list[tuple[Range, float]]:
        """Return the words of a normalised *text*, each with the mark of its strongest token, 0..1.

        Words are what the tokenizer split at first: runs of letters and digits, and single signs.
        Raises :class:`ScoringError` also where the model gives no marks.
        """
        strongest: dict[Range, float] = {}
        words = self._words(text)
        for window in list(self._windows(text))[:MAX_MARKED]:
            found, = self._run(window.ids, {"marks": (1, len(window.ids))})
            found = found[0, 1:-1]
            for offset, value in zip(window.offsets, found.tolist(), strict=True):
                word = words.get(offset[0], offset)
                strongest[word] = max(strongest.get(word, 0.0), _sigmoid(value))
        return sorted(strongest.items())

    def word_marks(self, text: str) -> list[tuple[Range, float]]:
        """Return what :meth:`marks` says of *text* as given: where each word stands in it."""
        reading = read(_shortened(text))
        placed = []
        for (start, end), value in self.marks(reading.text):
            first, last = reading.origin(start, end)
            if len(text) > MAX_CHARACTERS and last > MAX_CHARACTERS // 2:  # behind the gap
                shift = len(text) - MAX_CHARACTERS - 1
                first, last = max(first + shift, 0), last + shift
            placed.append(((first, max(first, last)), value))
        return placed

    def _words(self, text: str) -> dict[int, Range]:
        """Return for the start of each token the word it is part of."""
        words: dict[int, Range] = {}
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        for (start, end), word in zip(encoding.offsets, encoding.word_ids, strict=True):
            whole = (start, end) if word is None else encoding.word_to_chars(word)
            words[start] = whole or (start, end)
        return words

    def _windows(self, text: str) -> Iterator[Window]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = encoding.ids, encoding.offsets
        size = self._card.max_tokens - 2
        for part in window_parts(len(ids), size):
            yield Window([self._start, *ids[part], self._end], offsets[part])

    def _read(self, text: str, window: Window) -> tuple[Logits, Logits]:
        """Return one logit per label of the card for a window of *text*, and one per token of it.

        The second is empty where the model marks nothing.
        """
        shapes = {"logits": (1, self._card.outputs)}
        if self._marks_words:
            shapes["marks"] = (1, len(window.ids))
        found, *marks = self._run(window.ids, shapes)
        logits: Logits = found[0, self._columns]
        if self._lexical is not None:
            second = self._lexical.logits(text[slice(*window.span)])[: len(logits)]
            logits = logits + self._share * (second - logits)
        return logits, marks[0][0, 1:-1] if marks else logits[:0]

    def _run(self, ids: list[int], shapes: Mapping[str, tuple[int, int]]) -> list[Logits]:
        """Return outputs of the graph for one window, each of its shape and all of it finite."""
        tokens = np.array([ids], dtype=np.int64)
        inputs = {"input_ids": tokens}
        if self._masked:  # as the graphs of older exports are
            inputs["attention_mask"] = np.ones_like(tokens)
        try:
            found = [np.asarray(o, dtype=np.float32) for o in self._session.run([*shapes], inputs)]
        except Exception as error:  # whatever the runtime raises, the promise is ScoringError
            message = f"toxicity model {self.info.name} {self.info.version} failed: {error}"
            raise ScoringError(message) from error
        if [one.shape for one in found] != [*shapes.values()] or not all(
            np.isfinite(one).all() for one in found
        ):
            message = f"toxicity model {self.info.name} {self.info.version} gave no finite scores"
            raise ScoringError(message)
        return found


def _together(windows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return what the *windows* of one text say together, label by label."""
    if len(windows) == 1:
        return windows[0]
    together: npt.NDArray[Any] = (np.max(windows, axis=0) + np.mean(windows, axis=0)) / 2
    return together


def _shortened(text: str) -> str:
    """Return *text*, or its two ends where it is longer than anything a site can allow."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def window_parts(length: int, size: int) -> list[slice]:
    """Return windows of at most *size* tokens that cover *length*, both ends included, of one width.

    Neighbours overlap by about OVERLAP_SHARE of *size*, so that no more is read twice than that: windows of full
    size where the last two all but agree cost an eighth more. A text that needs more than MAX_WINDOWS gets so
    many of full size, spread evenly, and what lies between them is not read.
    """
    if length <= size:
        return [slice(0, length)]
    overlap = math.ceil(size * OVERLAP_SHARE)
    count = 1 + math.ceil((length - size) / max(1, size - overlap))
    if count > MAX_WINDOWS:
        count, width = MAX_WINDOWS, size
    else:
        width = math.ceil((length + (count - 1) * overlap) / count)
    starts = [round(step * (length - width) / (count - 1)) for step in range(count)]
    return [slice(start, start + width) for start in starts]


def _sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)) without overflow at either end."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(value)
    return power / (1 + power)


def _verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of *path*, or raise :class:`ScoringError` where their hash differs."""
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"toxicity model file {path} is missing or unreadable: {error}"
        raise ScoringError(message) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        message = f"toxicity model file {path} is corrupt: SHA-256 {found}, expected {sha256}"
        raise ScoringError(message)
    return content
