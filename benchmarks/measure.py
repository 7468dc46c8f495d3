"""Cells measured in turn, round by round, so that a noisy minute touches all of them alike."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import load
from benchmarks.databases import KINDS
from benchmarks.load import Load, Plan
from benchmarks.servers import ROOT, Server

FIRST_PORT = 8120


@dataclass
class Cell:
    """One line of a result: what is asked of which server, and what every round gave."""

    name: str
    server: Server
    plan: Plan
    cpu: list[float] = field(default_factory=list)  # milliseconds a request
    loads: list[Load] = field(default_factory=list)

    def measure(self, seconds: int, tag: str) -> None:
        before = self.server.cpu_seconds()
        result = load.run(self.server.port, self.plan, seconds, tag)
        spent = self.server.cpu_seconds() - before
        self.cpu.append(spent * 1000 / max(result.requests, 1))
        self.loads.append(result)

    @property
    def cpu_ms(self) -> float:
        return median(self.cpu)

    @property
    def p50(self) -> float:
        return median(one.p50 for one in self.loads)

    @property
    def p99(self) -> float:
        return median(one.p99 for one in self.loads)

    @property
    def per_second(self) -> float:
        return median(one.requests / one.seconds for one in self.loads)

    @property
    def server_errors(self) -> int:
        return sum(one.server_errors for one in self.loads)

    @property
    def refused(self) -> int:
        return sum(one.refused for one in self.loads)


def interleave(cells: Sequence[Cell], *, rounds: int, seconds: int) -> None:
    """Measure every cell once a round, after one round that only warms up."""
    for cell in cells:
        load.run(cell.server.port, cell.plan, 1, f"{cell.name}-warm-")
    for turn in range(rounds):
        for cell in cells:
            cell.measure(seconds, f"{cell.name}-{turn}-")
        print(f"  round {turn + 1} of {rounds} done", flush=True)


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    kinds: tuple[str, ...]
    quick: bool
    record: bool
    port: int


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments that every measurement has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--database", choices=[*KINDS, "both"], default="both")
    made.add_argument("--quick", action="store_true", help="one or two minutes, for a first look")
    made.add_argument("--record", action="store_true", help="append the results to benchmarks/RESULTS.md")
    made.add_argument("--port", type=int, default=FIRST_PORT, help="first of the ports to use")
    return made


def options(description: str) -> Options:
    return chosen(parser(description).parse_args())


def chosen(given: argparse.Namespace) -> Options:
    """What these arguments ask for."""
    kinds = KINDS if given.database == "both" else (given.database,)
    return Options(kinds, given.quick, given.record, given.port)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for databases that is gone afterwards, on the disk that holds this checkout."""
    base = ROOT / "instance"
    base.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=base) as folder:
        yield Path(folder)
