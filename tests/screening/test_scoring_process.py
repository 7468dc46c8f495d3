"""The model in a process of its own: what kills it costs the caller an error, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commentsvc.screening.scoring_process import ScorerDied, ScoringProcess
from commentsvc.screening.toxicity import LABELS, Explanation, Highlight, ScoringError
from tests.moderation.stand_ins import READER

Start = Callable[..., ScoringProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[ScoringProcess] = []

    def begin(timeout: float = 20.0) -> ScoringProcess:
        made.append(ScoringProcess(READER, "", str(tmp_path), timeout=timeout))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_the_bundled_model_scores_the_same_in_a_process_of_its_own(tmp_path: Path) -> None:
    from commentsvc.screening.toxicity import load_bundled_scorer

    texts = ["What a thoughtful column.", "You are an idiot.", "", "\ud800 \x00 \U0001f600", "word " * 400]
    process = ScoringProcess("commentsvc.screening.scoring_child:current", "bundled", str(tmp_path), timeout=60)
    here = load_bundled_scorer()
    try:
        assert process.score(texts) == here.score(texts)
        assert process.explain(texts[1]) == here.explain(texts[1])
        assert process.info == here.info
    finally:
        process.close()


def test_scores_and_explanations_come_through(start: Start) -> None:
    process = start()
    clean, toxic = process.score(["fine", "toxic"])
    assert set(clean) == set(LABELS)
    assert (clean["insult"], toxic["insult"]) == (0.01, 0.99)
    assert process.explain("so toxic") == Explanation((Highlight(0, 8, 0.99),), (Highlight(3, 8, 0.9),))
    assert process.info.name == "reader"


def test_a_crash_is_an_error_and_the_next_call_works(start: Start) -> None:
    process = start()
    with pytest.raises(ScorerDied, match="SIGSEGV") as error:
        process.score(["CRASH"])
    assert error.value.blamed
    assert process.score(["fine"])[0]["threat"] == 0.01


def test_a_call_that_hangs_is_ended_and_its_neighbour_not_blamed(start: Start) -> None:
    process = start(timeout=1.5)
    process.score(["fine"])
    blamed: list[bool] = []

    def ask() -> None:
        try:
            process.score(["HANG"])
        except ScorerDied as died:
            blamed.append(died.blamed)

    first, second = threading.Thread(target=ask), threading.Thread(target=ask)
    first.start()
    time.sleep(0.6)
    second.start()
    assert process.score(["a short one"]) is not None  # it does not wait behind the one that hangs
    first.join()
    second.join()
    assert blamed == [True, False]


def test_a_model_that_does_not_load_is_no_texts_fault(start: Start, tmp_path: Path) -> None:
    (tmp_path / "corrupt").touch()
    process = start()
    with pytest.raises(ScoringError, match="is corrupt") as error:
        process.score(["fine"])
    assert not isinstance(error.value, ScorerDied)
    assert process.pid is None
    (tmp_path / "corrupt").unlink()
    assert process.score(["fine"])


def test_what_the_model_raises_comes_as_its_words(start: Start) -> None:
    process = start()
    with pytest.raises(ScoringError, match="not this one"):
        process.score(["REFUSE"])
    with pytest.raises(ScoringError, match="ValueError"):
        process.explain("nothing in here")
    assert process.pid is not None


OWNER = """
import sys, threading, time
from commentsvc.screening.scoring_process import ScoringProcess
process = ScoringProcess("tests.moderation.stand_ins:reader", "", sys.argv[1], timeout=600)
process.score(["fine"])
threading.Thread(target=process.score, args=(["HANG"],), daemon=True).start()
time.sleep(0.3)
print(process.pid, flush=True)
time.sleep(600)
"""


def test_a_process_that_hangs_ends_with_its_killed_owner(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        owner.kill()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
