"""Toxicity: the engines side by side, then the worker: `python -m benchmarks.toxicity [--quick] [--record]`."""

from __future__ import annotations

import csv
import gzip
import os
import random
import sys
from pathlib import Path
from statistics import mean, median, quantiles

from benchmarks import backlog, engines
from benchmarks.measure import chosen, parser, workspace
from benchmarks.report import environment, publish
from benchmarks.synthetic import SEED, make_body

COMMENTS = Path("news_threads_sfu", "old_comments.csv.gz")
PACKAGES = ("onnxruntime", "tokenizers", "numpy", "torch", "transformers", "detoxify")
LONGEST = 4_900  # what a site accepts by default, less a mark that tells posts apart
SYNTHETIC = 2_000
PARTS = ("engines", "worker")


def comments(data: Path | None) -> tuple[list[str], str]:
    """Comments in random order, the same ones each time, and a sentence on what they are."""
    rng = random.Random(SEED)
    if data is None:
        texts = [make_body(rng) for _ in range(SYNTHETIC)]
        what = "made-up bodies of 20 to 60 words (no --data given; real comments are longer and vary more)"
    else:
        csv.field_size_limit(10**9)
        with gzip.open(data / COMMENTS, "rt", encoding="utf-8", newline="") as file:
            found = {row["text"].strip() for row in csv.DictReader(file) if row["status"] == "published"}
        texts = sorted(text for text in found if 0 < len(text) <= LONGEST)
        rng.shuffle(texts)
        what = "published comments of a Canadian newspaper (SFU Opinion and Comments Corpus), lengths as they occur"
    sizes = [len(text) for text in texts]
    return texts, (
        f"{what}: {len(texts):,}, {mean(sizes):.0f} characters on average, median {median(sizes):.0f}, "
        f"p95 {quantiles(sizes, n=20)[-1]:.0f}"
    )


def main() -> None:
    """Measure, print, and record when asked to."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--data", type=Path, help="folder of data sets, for real comments; without: made-up ones")
    arguments.add_argument("--original", type=Path, help="a checkpoint of Detoxify `original`; without: a stand-in of its shape")
    arguments.add_argument("--cores", type=int, default=1, help="cores that the worker is given (default: 1)")
    arguments.add_argument("--part", choices=[*PARTS, "both"], default="both")
    given = arguments.parse_args()
    asked = chosen(given)
    parts = PARTS if given.part == "both" else (given.part,)
    count, rounds = (60, 3) if asked.quick else (300, 10)
    size = 1_000 if asked.quick else 10_000
    there = sorted(os.sched_getaffinity(0))
    if not 1 <= given.cores <= len(there):
        sys.exit(f"--cores: this machine lends {len(there)}.")
    cores = there[-given.cores :]
    with workspace() as folder:
        texts, what = comments(given.data)
        results = [environment(folder, PACKAGES), f"Comments: {what}."]
        if "engines" in parts:
            line_up = engines.line_up(folder, given.original)
        # From here on only what is measured works on its cores, where there are others.
        os.sched_setaffinity(0, there[: -given.cores] or there)
        if "engines" in parts:
            how = (
                f"Engines, each in a process on core {there[-1]} with one thread, one comment a call, {count} of the comments in "
                f"{rounds} interleaved rounds. CPU ms: user and system time of the whole process. x stock: by the mean."
            )
            results += [how, engines.side_by_side(line_up, engines.sample(texts, count), core=there[-1], rounds=rounds)]
        if "worker" in parts:
            results.append(
                f"Worker: `commentsvc worker` on {given.cores} of {len(there)} cores with COMMENTSVC_SCREENING_THREADS="
                f"{given.cores}; web server (2 workers x 1 thread), database server and client on the rest, if there is any. "
                f"Verdict: from sending a post with `Prefer: wait={backlog.WAIT_SECONDS}` to its answer; late: no verdict by then. "
                f"Backlog: {size:,} of the comments, numbered, for they repeat, 70 % of them replies, stored while no worker "
                "ran; meanwhile a reader posts another, one after the other; then a quarter of them with only the scoring process kept to its "
                "core, if there are others. The rate counts from the first verdict to the last. "
                f"Model alone: the bundled one on the same cores in the same run, before and after, {backlog.OWN_SPEED_TEXTS} of "
                f"the same comments, their lengths spread as those of all, by the clock."
            )
            results += [backlog.measure(kind, folder, asked, texts, size, cores, asked.port) for kind in asked.kinds]
    publish("toxicity", "\n\n".join(results), record=asked.record)


if __name__ == "__main__":
    main()
