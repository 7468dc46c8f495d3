"""Which model scores: the bundled one, one in the models folder, any folder, or Detoxify itself.

A model is named by one string, the same on the command line, in a setting and in ``models/current``:

| name | model |
|---|---|
| ``bundled`` | what ships with the package |
| ``original``, ``paper-2`` … | ``models/<name>``: exported here, by ``model pull`` or ``model export`` |
| ``detoxify:original`` | ``models/checkpoints/<name>``: a pulled checkpoint, run by the detoxify package |
| ``detoxify:/path/x.ckpt`` | any checkpoint, run by the detoxify package |
| ``/path/to/folder`` | any folder with a model.json |

``models/current`` holds the name that ``commentsvc model use`` chose. Nothing here goes to the
network, and only Detoxify's own models need torch.
"""

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from commentsvc.screening.card import CARD, Card
from commentsvc.screening.toxicity import BUNDLED_DIR, ScoringError, ToxicityScorer

BUNDLED: Final = "bundled"
DETOXIFY: Final = "detoxify:"
CHECKPOINTS: Final = "checkpoints"
"""In the models folder: what ``model pull`` fetched, one folder each."""
CHECKPOINT_FILE: Final = "checkpoint.ckpt"
CURRENT: Final = "current"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED: Final = frozenset({BUNDLED, CHECKPOINTS, CURRENT})


@dataclass(frozen=True, slots=True)
class Found:
    """A named model: its full name and the folder or checkpoint that holds it."""

    name: str
    engine: Literal["onnx", "detoxify"]
    path: Path

    @property
    def stamped(self) -> Path:
        """The file that changes when the model does."""
        return self.path / CARD if self.engine == "onnx" else self.path


def is_name(name: str) -> bool:
    """Whether a model in the models folder may be called *name*."""
    return bool(_NAME.fullmatch(name)) and name not in _RESERVED and not name.endswith(".partial")


def current(models: Path) -> str:
    """Return the name that ``model use`` chose; "bundled" where it chose none."""
    try:
        return (models / CURRENT).read_text(encoding="utf-8").strip() or BUNDLED
    except FileNotFoundError:
        return BUNDLED
    except (OSError, ValueError) as error:
        message = f"{models / CURRENT}, which names the model in use, is unreadable: {error}"
        raise ScoringError(message) from error


def find(name: str, models: Path) -> Found:
    """Return the model called *name* (empty: the current one), or raise :class:`ScoringError`.

    The files are not read: a model that is found may still be corrupt.
    """
    name = name or current(models)
    if name == BUNDLED:
        return Found(BUNDLED, "onnx", BUNDLED_DIR)
    if name.startswith(DETOXIFY):
        return _find_checkpoint(name.removeprefix(DETOXIFY), models)
    if is_name(name) and (models / name / CARD).is_file():
        return Found(name, "onnx", models / name)
    folder = Path(name)
    if (folder / CARD).is_file():
        return Found(str(folder.resolve()), "onnx", folder.resolve())
    known = ", ".join([BUNDLED, *names(models)])
    message = f"no toxicity model is called {name!r}; there are {known}, and any folder with {CARD}"
    raise ScoringError(message)


def _find_checkpoint(given: str, models: Path) -> Found:
    pulled = models / CHECKPOINTS / given / CHECKPOINT_FILE
    if is_name(given) and pulled.is_file():
        return Found(f"{DETOXIFY}{given}", "detoxify", pulled)
    path = Path(given)
    if given and path.is_file():
        return Found(f"{DETOXIFY}{path.resolve()}", "detoxify", path.resolve())
    hint = f"; `commentsvc model pull {given}` fetches it" if is_name(given) else ""
    message = f"no Detoxify checkpoint {given!r}: neither {pulled} nor a file of this name{hint}"
    raise ScoringError(message)


def names(models: Path) -> list[str]:
    """Return the names of the models in the models folder, sorted; they may be corrupt."""
    if not models.is_dir():
        return []
    return sorted(
        path.parent.name for path in models.glob(f"*/{CARD}") if is_name(path.parent.name)
    )


def checkpoint_names(models: Path) -> list[str]:
    """Return the names of the pulled checkpoints, sorted."""
    found = (models / CHECKPOINTS).glob(f"*/{CHECKPOINT_FILE}")
    return sorted(path.parent.name for path in found if is_name(path.parent.name))


def load_scorer(name: str, models: Path, *, threads: int = 1) -> ToxicityScorer:
    """Load the model called *name* (empty: the current one); *models* is the models folder.

    Raises :class:`ScoringError` when there is none of this name, when a file is missing or
    corrupt, and when the engine it needs is not installed.
    """
    found = find(name, models)
    if found.engine == "onnx":
        from commentsvc.screening.onnx_scorer import OnnxScorer

        return OnnxScorer.load(found.path, threads=threads)
    try:
        from commentsvc.screening.detoxify_scorer import DetoxifyScorer

        return DetoxifyScorer.load(found.path, threads=threads)
    except ModuleNotFoundError as error:
        message = f"{found.name} needs the extra detoxify, which is not installed: {error}"
        raise ScoringError(message) from error


def use(name: str, models: Path) -> ToxicityScorer:
    """Make *name* the current model, after it has been loaded and has scored a sentence.

    One that is missing or corrupt is refused with :class:`ScoringError` and changes nothing. The
    choice is one file that is replaced at once: a reader sees the old name or the new one.
    """
    found = find(name, models)
    scorer = load_scorer(found.name, models)
    scorer.score(["Good morning, everyone."])
    models.mkdir(parents=True, exist_ok=True)
    target = models / CURRENT
    if found.name == BUNDLED:
        target.unlink(missing_ok=True)
        return scorer
    partial = models / f"{CURRENT}.{os.getpid()}.partial"
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(found.name + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return scorer


def cards(models: Path) -> Iterator[tuple[str, Path, Card | ScoringError]]:
    """Yield name, folder and card of the bundled model and of each in the models folder.

    In place of the card of a model whose model.json cannot be read stands what is wrong with it.
    """
    for name in (BUNDLED, *names(models)):
        folder = find(name, models).path
        try:
            yield name, folder, Card.read(folder / CARD)
        except ScoringError as error:
            yield name, folder, error


class Choice:
    """Which model is in use, and whether that has changed since somebody last looked.

    Looking costs two ``stat`` calls, cheap enough for every batch. Whoever keeps a model in a
    process of its own starts a new one when :meth:`changed` says so.
    """

    def __init__(self, name: str, models: Path) -> None:
        """Watch *models*; a *name* that is not empty wins over what ``model use`` chose."""
        self.name = name
        self.models = models
        self._seen = self._look()

    def changed(self) -> bool:
        """Whether another model was chosen, or the same one replaced, since the last call."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> tuple[object, ...]:
        choice = _stamp(self.models / CURRENT)
        try:
            return choice, _stamp(find(self.name, self.models).stamped)
        except ScoringError:
            return (choice,)


class CurrentScorer:
    """Calling it gives the scorer in use: loaded once, and again when the choice changed.

    A new choice that does not load leaves the old model at work and says why in :attr:`problem`;
    without an old one it raises :class:`ScoringError`. Safe to call from several threads.
    """

    def __init__(self, name: str, models: Path, *, threads: int = 1) -> None:
        """Watch *models*; a *name* that is not empty wins over what ``model use`` chose."""
        self._choice = Choice(name, models)
        self._threads = threads
        self._lock = threading.Lock()
        self._scorer: ToxicityScorer | None = None
        self.problem = ""

    def __call__(self) -> ToxicityScorer:
        """Return the scorer in use."""
        with self._lock:
            if self._choice.changed() or self._scorer is None:
                self._scorer = self._loaded(self._scorer)
            return self._scorer

    def _loaded(self, before: ToxicityScorer | None) -> ToxicityScorer:
        try:
            found = load_scorer(self._choice.name, self._choice.models, threads=self._threads)
        except ScoringError as error:
            if before is None:
                raise
            self.problem = str(error)
            return before
        self.problem = ""
        return found


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
