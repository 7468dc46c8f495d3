"""Results as Markdown, with what they were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.load import CLIENT, WRK
from benchmarks.servers import ROOT

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("flask", "sqlalchemy", "psycopg", "granian", "orjson", "markdown-it-py")
SYNCS = 30


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Two digits that matter below 10, else none behind the point."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def environment(folder: Path, more: Sequence[str] = ()) -> str:
    """The machine and versions, of `more` packages too; `folder` holds the databases."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {_version(name)}" for name in (*PACKAGES, *more))
    client = CLIENT
    if WRK:
        client = " ".join(subprocess.run([WRK, "-v"], capture_output=True, text=True, check=False).stdout.split()[:2])
    return (
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}; "
        f"load average {os.getloadavg()[0]:.1f} before the run. Data on {_file_system(folder)}, one fsync "
        f"{sync_milliseconds(folder):.2f} ms. Python {platform.python_version()}, {packages}. Load by {client}."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def sync_milliseconds(folder: Path) -> float:
    """The median time to make one written block durable: what every durable post pays at least."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times) * 1000


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [m for m in mounts if folder.is_relative_to(m[1])]
    return max(inside, key=lambda m: len(m[1]))[2]


def publish(title: str, text: str, *, record: bool) -> None:
    """Print the results; append them, dated, to RESULTS.md when they are to be recorded."""
    print(f"\n{text}")
    if not record:
        return
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    at = f", revision {revision}" if revision else ""
    heading = f"\n## {dt.datetime.now(dt.UTC).date()}: {title}{at}\n\n"
    with RESULTS.open("a") as file:
        file.write(heading + text + "\n")
    print(f"\nAppended to {RESULTS.relative_to(ROOT)}.")
