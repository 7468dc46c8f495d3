"""The worker process: lanes that screen, a keeper that watches the model, and the queue's tasks."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import structlog
from flask import Flask
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from commentsvc.bell import Bell
from commentsvc.config import Settings
from commentsvc.database import utcnow, words_of
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.moderation import alarms
from commentsvc.moderation.bios import bios_waiting, screen_bio
from commentsvc.moderation.claims import Lane, waiting
from commentsvc.moderation.scoring import probe
from commentsvc.moderation.screen import screen_pending
from commentsvc.moderation.unscored import open_overdue, screen_again
from commentsvc.screening.engines import current
from commentsvc.screening.scoring_process import ScoringProcess
from commentsvc.screening.toxicity import Explanation, ModelInfo, Scores, ScoringError

log = structlog.get_logger()

LOADER = "commentsvc.screening.scoring_child:current"
LOOK_SECONDS = {Lane.FRESH: 1.0, Lane.BACKLOG: 2.0}  # where no bell was heard
# A lone comment is left to the lane for fresh ones: two lanes that race for it cost it time.
HEAD_START = 0.05
LONGEST_PAUSE = 30.0  # between two tries, of a model or a database that fails
# Of the lease: a call that takes longer is ended while its claims still hold.
TIMEOUT_SHARE = 0.8
STOP_SECONDS = 8.0  # for what is being decided; the supervisor is patient for 10


class Pause:
    """1, 2, 4 … seconds between tries, up to half a minute."""

    def __init__(self) -> None:
        self._failures = 0

    def longer(self) -> float:
        self._failures += 1
        return float(min(2 ** (self._failures - 1), LONGEST_PAUSE))

    def over(self) -> None:
        self._failures = 0

    @property
    def failures(self) -> int:
        return self._failures


class Turnstile:
    """A model that at most so many ask at once: a backlog fills the cores it is given, no more."""

    def __init__(self, model: ScoringProcess, gate: AbstractContextManager[object]) -> None:
        self._model = model
        self._gate = gate

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def score(self, texts: Sequence[str]) -> list[Scores]:
        with self._gate:
            return self._model.score(texts)

    def explain(self, text: str) -> Explanation:
        with self._gate:
            return self._model.explain(text)


class ScreeningWorker:
    """Screens until it is stopped, whatever fails.

    One lane for what readers have just posted, and for the backlog one more than may score at a
    time: one writes down what was decided while another scores. A model that fails stops
    the lanes and raises an alarm; the keeper tries it again and again, and meanwhile decides
    without it what a site's policy does not let wait longer. A text that takes the scoring process
    down is found out and held (`moderation.screen`). A database that fails makes a lane pause.
    """

    def __init__(self, app: Flask, settings: Settings, bell: Bell, *, loader: str = LOADER) -> None:
        self._app = app
        self._settings = settings
        self._bell = bell
        self.model = ScoringProcess(
            loader, settings.TOXICITY_MODEL, str(settings.models_path), timeout=settings.SCREENING_LEASE * TIMEOUT_SHARE
        )
        self._gate = threading.BoundedSemaphore(settings.SCREENING_THREADS)
        self.id = f"{socket.gethostname()[:80]}:{os.getpid()}:{int(time.time())}"
        self._started_at = utcnow()
        self._stopping = threading.Event()
        self._ready = threading.Event()  # the model answers
        self._error: str | None = "The model is being loaded."
        self._news = threading.Event()  # there is something to report before the next report is due
        self._threads: list[threading.Thread] = []
        self.info: ModelInfo | None = None  # of the last answer

    def start(self) -> None:
        """Start the lanes and the keeper; returns at once."""
        # The lane for fresh comments waits for Python's lock behind the others: let go of it sooner.
        sys.setswitchinterval(0.001)
        lanes = [Lane.FRESH, *[Lane.BACKLOG] * (self._settings.SCREENING_THREADS + 1)]
        self._threads = [threading.Thread(target=self._keep, name="keeper", daemon=True)]
        self._threads += [
            threading.Thread(target=self._run, args=(lane,), name=f"{lane.value}-{n}", daemon=True)
            for n, lane in enumerate(lanes)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what is being decided finish, sign off, and end the scoring process."""
        self._stopping.set()
        self._news.set()
        self._bell.ring()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.model.close()
        self._quietly(lambda: alarms.sign_off(self.id))

    # Lanes

    def _run(self, lane: Lane) -> None:
        gate: AbstractContextManager[object] = nullcontext() if lane is Lane.FRESH else self._gate
        model = Turnstile(self.model, gate)
        pause = Pause()
        with self._app.app_context():
            while not self._stopping.is_set():
                if not self._ready.wait(1.0):
                    continue
                heard = self._bell.count
                try:
                    busy = self._step(lane, model)
                    pause.over()
                    if busy:
                        self.info = self.model.info  # another one where `model use` chose it
                except ScoringError as error:
                    self._failed(error)
                except Exception as error:  # noqa: BLE001 - a lane never ends: what fails now may work later
                    self._say_once(pause, "screening paused", error)
                    self._stopping.wait(pause.longer())
                else:
                    if not busy:
                        self._rest(lane, heard)
                finally:
                    db.session.remove()

    def _step(self, lane: Lane, model: Turnstile) -> bool:
        """Take one batch; whether there was any."""
        batch, lease = self._settings.SCREENING_BATCH, self._settings.SCREENING_LEASE
        if waiting(lane, lease) and screen_pending(lambda: model, batch=batch, lease=lease, lane=lane):
            return True
        if lane is Lane.FRESH:
            if waiting(Lane.EDITS, lease):
                return bool(screen_pending(lambda: model, batch=batch, lease=lease, lane=Lane.EDITS))
            return bios_waiting() and screen_bio(lambda: model, lease=lease)
        return lane is Lane.BACKLOG and waiting(Lane.AGAIN, lease) and bool(screen_again(lambda: model, batch=batch, lease=lease))

    def _rest(self, lane: Lane, heard: int) -> None:
        if self._bell.wait(heard, LOOK_SECONDS[lane]) and lane is not Lane.FRESH:
            self._stopping.wait(HEAD_START)

    # The keeper

    def _failed(self, error: ScoringError) -> None:
        self._ready.clear()
        self._error = str(error)
        self._news.set()

    def _keep(self) -> None:
        """Try the model while it fails, report how it does, open what a site lets pass."""
        tries, storage = Pause(), Pause()
        try_at = report_at = 0.0
        info: ModelInfo | None = None
        with self._app.app_context():
            while not self._stopping.is_set():
                if self._ready.is_set():
                    info = self.info or info
                    if time.monotonic() > try_at + LONGEST_PAUSE:
                        tries.over()  # it has worked for a while: the next failure is a new one
                elif time.monotonic() >= try_at:
                    info = self._try(info)
                    try_at = time.monotonic() + tries.longer()
                    self._news.set()
                try:
                    if self._news.is_set() or time.monotonic() >= report_at:
                        self._news.clear()
                        error = self._error
                        alarms.report(
                            self.id, self._started_at, info or self._chosen(), error,
                            failures=tries.failures if error else 0, problem=self.model.problem,
                        )
                        db.session.commit()
                        report_at = time.monotonic() + alarms.REPORT_SECONDS
                    if self._error is not None and not alarms.a_model_works():
                        db.session.rollback()
                        open_overdue(self._stopping.is_set)
                    storage.over()
                except Exception as error:  # noqa: BLE001 - a full disk: nothing can be reported, and silence is an alarm too
                    self._say_once(storage, "cannot report", error)
                    self._stopping.wait(storage.longer())
                finally:
                    db.session.remove()
                self._news.wait(1.0)

    def _chosen(self) -> ModelInfo:
        """What should have been loaded, for as long as nothing was."""
        try:
            name = self._settings.TOXICITY_MODEL or current(self._settings.models_path)
        except ScoringError:
            name = "unknown"
        return ModelInfo(name, "", "")

    def _try(self, info: ModelInfo | None) -> ModelInfo | None:
        """Ask the model for a plain sentence; the lanes go on once it answers."""
        try:
            probe(self.model)
            info = self.model.info
        except ScoringError as error:
            if self._error != str(error):
                log.error("the model does not answer; comments wait", error=str(error))  # noqa: TRY400 - a traceback of ours says nothing
            self._error = str(error)
        else:
            if self._error is not None:
                log.info("the model answers", model=info.name, version=info.version)
            self._error = None
            self._ready.set()
            self._bell.ring()
        return info

    def _say_once(self, pause: Pause, what: str, error: Exception) -> None:
        """Log the first of a row of failures; the bug that nobody thought of with its traceback."""
        db.session.rollback()
        if pause.failures == 0:
            said = words_of(error) if isinstance(error, OperationalError) else name_of(error)
            log.error(what, error=said, exc_info=None if isinstance(error, SQLAlchemyError) else error)

    def _quietly(self, act: Callable[[], None]) -> None:
        with self._app.app_context():
            try:
                act()
                db.session.commit()
            except SQLAlchemyError:
                db.session.rollback()

