"""What looking for phrases costs, by how many there are and how long the text is. `python -m benchmarks.phrases`."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import environment, publish, table
from benchmarks.servers import ROOT
from commentsvc.screening import phrases as matcher
from commentsvc.screening.policy import Policy

SEED = 7
PHRASES = (1_000, 5_000, 20_000)
SIZES = (500, 5_000, 50_000)  # characters
ROUNDS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md")
    given = parser.parse_args()
    base = ROOT / "instance"
    base.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        about = environment(Path(folder))
    publish("looking for phrases", f"{about}\n\n{measure()}", record=given.record)


def measure() -> str:
    """Made-up words, none of them a phrase but by chance: every text is read to its end."""
    rng = random.Random(SEED)
    rows: list[list[str]] = []
    for count in PHRASES:
        wanted = tuple(" ".join(_word(rng) for _ in range(rng.choice((1, 1, 2, 3)))) for _ in range(count))
        matcher._tree.cache_clear()  # noqa: SLF001 - what a new policy costs
        matcher._joined.cache_clear()  # noqa: SLF001
        began = time.process_time()
        matcher.find_phrases("nothing", wanted)
        built = time.process_time() - began
        data = json.dumps(Policy(suspect_phrases=wanted).to_data())
        read = _median(lambda data=data: Policy.from_data(json.loads(data)))  # type: ignore[misc]
        found = []
        for size in SIZES:
            text = " ".join(_word(rng) for _ in range(size // 7))[:size]
            found.append(_median(lambda text=text, wanted=wanted: matcher.find_phrases(text, wanted)))  # type: ignore[misc]
        rows.append([f"{count:,}", f"{built * 1000:,.0f}", f"{read * 1000:.2f}", *(f"{one * 1000:.2f}" for one in found)])
    head = ["phrases", "first time, ms", "policy from JSON, ms", *(f"{size:,} characters, ms" for size in SIZES)]
    return table(head, rows)


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(4, 9)))


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
