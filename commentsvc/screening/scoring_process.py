"""A model in a process of its own, so that what kills or hangs it costs the caller nothing.

A text that crashes the runtime, eats all memory or never comes back takes down the process that
scores, not the one that holds the comments. The next call starts a new one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from multiprocessing.connection import Connection
from typing import Any, Final

from commentsvc.screening.toxicity import Explanation, Highlight, ModelInfo, Scores, ScoringError

START_SECONDS: Final = 120.0
"""To import the runtime and load the model, on a machine that does a lot of other work."""
CHILD: Final = "commentsvc.screening.scoring_child"


class ScorerDied(ScoringError):  # noqa: N818 - reads as the outcome it is
    """The scoring process ended, or was ended because it did not answer in time.

    ``blamed``: it may have been this call's texts; else it was another call's that never ended.
    """

    def __init__(self, message: str, *, blamed: bool = True) -> None:
        """Say how it ended, and whether this call may be why."""
        super().__init__(message)
        self.blamed = blamed


class ScoringProcess:
    """A :class:`~commentsvc.screening.toxicity.ToxicityScorer` in a child process.

    Calls may come from several threads; each is answered by a thread of the child, so a short
    text does not wait for a long one. ``loader`` names a function, as ``module:function``, that
    returns for ``given`` a callable that returns the scorer in use. ``timeout`` is for one call;
    the process that exceeds it is killed.
    """

    def __init__(self, loader: str, *given: str, timeout: float) -> None:
        """Start nothing yet; the first call does."""
        self._loader = loader
        self._given = given
        self._timeout = timeout
        self._answered = threading.local()
        self.problem = ""
        """What is wrong though a model answers: a newly chosen one that does not load."""
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @property
    def info(self) -> ModelInfo:
        """The model that gave this thread its last answer; loads it where there was none."""
        if not hasattr(self._answered, "info"):
            self._call("load", None)
        info: ModelInfo = self._answered.info
        return info

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        child = self._child
        return child.process.pid if child is not None and child.ended is None else None

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """Return one :data:`Scores` per text, or raise :class:`ScoringError`."""
        scores: list[Scores] = self._call("score", list(texts))
        return scores

    def explain(self, text: str) -> Explanation:
        """Return what in *text* carries its score, or raise :class:`ScoringError`."""
        found: dict[str, list[dict[str, Any]]] = self._call("explain", text)
        return Explanation(
            sentences=tuple(Highlight(**one) for one in found["sentences"]),
            words=tuple(Highlight(**one) for one in found["words"]),
        )

    def close(self) -> None:
        """End the child; a later call starts another."""
        with self._lock:
            if self._child is not None:
                self._child.end("closed")
                self._child = None

    def _call(self, what: str, given: object) -> Any:
        child = self._running()
        answer = child.ask(what, given)
        try:
            said = answer.result(self._timeout)
        except FutureTimeout:
            message = f"the model did not answer in {self._timeout:g} s"
            child.end(message)
            raise ScorerDied(message) from None
        self._answered.info = ModelInfo(**said["info"])
        self.problem = said["problem"]
        return said["found"]

    def _running(self) -> _Child:
        with self._lock:
            if self._child is None or self._child.ended is not None:
                self._child = None  # where starting fails, the next call tries again
                self._child = _Child(self._loader, self._given)
            return self._child


class _Child:
    """One life of the scoring process: its pipe, and the calls it has not answered."""

    def __init__(self, loader: str, given: Sequence[str]) -> None:
        self.ended: str | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", CHILD, str(theirs.fileno()), loader, json.dumps(given)],
                stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
            )
        self._pipe = Connection(ours.detach())
        hello: Future[Any] = Future()
        self._calls[0] = hello
        threading.Thread(target=self._listen, name="scoring", daemon=True).start()
        try:
            hello.result(START_SECONDS)
        except FutureTimeout:
            self.end("the model did not load")
            raise ScoringError(f"the model did not load in {START_SECONDS:g} s") from None
        except ScoringError as error:
            self.end("the model did not load")
            # Whatever ended it, it was no text of a caller.
            raise ScoringError(str(error)) from error

    def ask(self, what: str, given: object) -> Future[Any]:
        """Send a call; its future gets the answer, or ScoringError."""
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            if self.ended is not None:
                raise ScorerDied(self.ended, blamed=False)
            self._calls[number] = answer
            # Where it has just ended, the listener says so to every open call.
            with contextlib.suppress(OSError):
                # JSON, not pickles; ASCII, so that lone surrogates survive.
                self._pipe.send_bytes(json.dumps([number, what, given]).encode("ascii"))
        return answer

    def end(self, why: str) -> None:
        """Kill the process; calls it has not answered are told that it was not their fault."""
        if self.ended is None:
            self.ended = why
        self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        try:
            while True:
                said = json.loads(self._pipe.recv_bytes())
                with self._lock:
                    call = self._calls.pop(said["call"])
                if "error" in said:
                    call.set_exception(ScoringError(said["error"]))
                else:
                    call.set_result(said)
        except (EOFError, OSError, ValueError, KeyError):
            pass
        code = self.process.wait() if self.ended is not None else _reap(self.process)
        with self._lock:
            asked_to = self.ended
            self.ended = asked_to or f"the scoring process ended ({_how(code)})"
            calls, self._calls = list(self._calls.values()), {}
            self._pipe.close()
        for call in calls:
            call.set_exception(ScorerDied(self.ended, blamed=asked_to is None))


def _reap(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process whose pipe is closed; one that lives on without it is killed."""
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _how(code: int) -> str:
    """The end of a process in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
