"""One toxicity engine in a process of its own: `python -m benchmarks.engine_child KIND PATH CORES`.

Keeps to the cores it is told (numbers with commas). A line on standard input is JSON: the comments
to read, and how. "each": one after the other, answered by the CPU seconds of each. "all": by so many
threads as there are cores, answered by the seconds that took. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

Read = Callable[[str], object]


def detoxify(path: Path) -> Read:
    """`Detoxify.predict` of a checkpoint, as the package runs it, in one thread."""
    import torch

    from commentsvc.screening.training.checkpoints import as_detoxify, read

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    predict: Read = as_detoxify(read(path)).predict
    return predict


def onnx(path: Path) -> Read:
    """The scores of an exported model, one comment a call."""
    from commentsvc.screening.onnx_scorer import OnnxScorer

    scorer = OnnxScorer.load(path)
    return lambda text: scorer.score([text])


def explain(path: Path) -> Read:
    """Why an exported model scores a comment as it does."""
    from commentsvc.screening.onnx_scorer import OnnxScorer

    return OnnxScorer.load(path).explain


KINDS: dict[str, Callable[[Path], Read]] = {"detoxify": detoxify, "onnx": onnx, "explain": explain}


def cpu_of_each(read: Read, texts: Sequence[str]) -> list[float]:
    """User and system seconds of the whole process, by comment."""
    spent = []
    for text in texts:
        before = time.process_time()
        read(text)
        spent.append(time.process_time() - before)
    return spent


def seconds_for_all(read: Read, texts: Sequence[str], threads: int) -> list[float]:
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(read, texts):
            pass
        return [time.perf_counter() - started]


def main(kind: str, path: str, cores: str) -> None:
    """Load the engine, say so with an empty list, and answer."""
    chosen = {int(core) for core in cores.split(",")}
    os.sched_setaffinity(0, chosen)
    # What the libraries print must not end up among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    read = KINDS[kind](Path(path))
    print(json.dumps([]), file=answers)
    for line in sys.stdin:
        how, texts = json.loads(line)
        found = cpu_of_each(read, texts) if how == "each" else seconds_for_all(read, texts, len(chosen))
        print(json.dumps(found), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
