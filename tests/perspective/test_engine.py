"""The model in a web process: loaded once, asked by one at a time, never a long queue."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from commentsvc.config import Settings
from commentsvc.moderation.engine import (
    LOAD_AGAIN,
    Broken,
    Busy,
    Engine,
    install_engine,
    scorer_in_use,
)
from commentsvc.screening.scoring_process import ScoringProcess
from commentsvc.screening.toxicity import Scores, ScoringError
from tests.perspective.conftest import CountingScorer, request

pytestmark = pytest.mark.once


class Slow(CountingScorer):
    """Answers when it is let go on, and sees how many ask at once."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.begun = threading.Event()
        self.at_once = self.most_at_once = 0

    def score(self, texts: Sequence[str]) -> list[Scores]:
        if list(texts) == ["."]:
            return super().score(texts)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        assert self.go_on.wait(10)
        self.at_once -= 1
        return super().score(texts)


def test_the_model_is_loaded_when_first_asked_and_once() -> None:
    loaded: list[int] = []

    def load() -> CountingScorer:
        loaded.append(1)
        return CountingScorer("sexual_explicit")

    engine = Engine(8, load=load)
    assert loaded == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: engine.score(["a"]), range(8)))
    assert loaded == [1]
    assert "sexual_explicit" in engine.labels()


def test_one_text_is_scored_at_a_time_and_who_finds_no_place_is_told_at_once() -> None:
    scorer = Slow()
    engine = Engine(3, load=lambda: scorer)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(engine.score, [str(n)]) for n in range(3)]
        assert scorer.begun.wait(10)
        while engine._places._value:
            pass
        with pytest.raises(Busy):
            engine.score(["one too many"])
        scorer.go_on.set()
        assert [len(future.result()) for future in waiting] == [1, 1, 1]
    assert scorer.most_at_once == 1
    assert engine.score(["later"])


def test_nobody_waits_forever() -> None:
    scorer = Slow()
    engine = Engine(2, load=lambda: scorer, patience=0.05)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine.score, ["a"])
        assert scorer.begun.wait(10)
        with pytest.raises(Busy):
            engine.score(["b"])
        scorer.go_on.set()
        assert first.result()


def test_a_model_that_does_not_load_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def load() -> CountingScorer:
        tries.append(1)
        if len(tries) == 1:
            message = "corrupt"
            raise ScoringError(message)
        return CountingScorer()

    now = 1000.0
    monkeypatch.setattr("commentsvc.moderation.engine.time.monotonic", lambda: now)
    engine = Engine(1, load=load)
    for _ in range(3):
        with pytest.raises(Broken):
            engine.score(["a"])
    assert len(tries) == 1
    now += LOAD_AGAIN
    assert engine.score(["a"])


def test_a_failure_gives_the_place_back() -> None:
    class Failing(CountingScorer):
        def score(self, texts: Sequence[str]) -> list[Scores]:
            if list(texts) == ["a"]:
                message = "no finite scores"
                raise ScoringError(message)
            return super().score(texts)

    engine = Engine(1, load=Failing)
    for _ in range(5):
        with pytest.raises(Broken):
            engine.score(["a"])
    assert engine.score(["b"])


def test_a_model_may_be_exchanged_at_work() -> None:
    scorer = CountingScorer()
    engine = Engine(1, load=lambda: scorer)
    assert "sexual_explicit" not in engine.labels()
    scorer.labels = (*scorer.labels, "sexual_explicit")
    engine.score(["a"])
    assert "sexual_explicit" in engine.labels()


def test_other_requests_are_served_while_scoring_takes_its_time(app: Flask, secret: str) -> None:
    scorer = Slow()
    install_engine(app, Engine(1, load=lambda: scorer))
    ask: Callable[[], int] = lambda: app.test_client().post(f"/v1alpha1/comments:analyze?key={secret}", json=request()).status_code  # noqa: E731
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask)
        assert scorer.begun.wait(10)
        assert app.test_client().get("/healthz").status_code == 200
        answer = app.test_client().post(f"/v1alpha1/comments:analyze?key={secret}", json=request())
        assert answer.json == {"error": {"code": 503, "status": "UNAVAILABLE", "message": "The service is currently unavailable."}}
        assert answer.headers["Retry-After"] == "1"
        scorer.go_on.set()
        assert first.result() == 200


def test_a_model_process_that_is_killed_is_started_again(settings: Settings) -> None:
    scorer = scorer_in_use(settings)
    assert isinstance(scorer, ScoringProcess)
    engine = Engine(1, load=lambda: scorer)
    try:
        before = engine.score(["You idiot."])
        assert scorer.pid is not None
        os.kill(scorer.pid, signal.SIGKILL)
        for _ in range(2):  # the request that finds it dead may be told to come back
            with contextlib.suppress(Broken):
                assert engine.score(["You idiot."]) == before
        assert engine.score(["You idiot."]) == before
    finally:
        scorer.close()
