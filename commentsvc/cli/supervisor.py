"""Child processes kept alive, and ended together with the one that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

STEP = 0.1  # seconds between looks at the children
GRACE = 15.0  # seconds for a child to finish what it does: longer than it waits for the writer of SQLite, as deploy/ has it
LONGEST_PAUSE = 30.0
STEADY = 60.0  # after so many seconds of life a child's earlier ends are forgotten


@dataclass
class Child:
    """One process, and the `arguments` it gets on our command line."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    ends: int = 0  # in a row, without a steady life in between


def pause_before_restart(ends: int) -> float:
    """1, 2, 4 … seconds, up to half a minute: a child that cannot live must not eat the machine."""
    return float(min(2 ** (ends - 1), LONGEST_PAUSE))


class Supervisor:
    """Starts children in groups of their own, restarts those that die, ends them all.

    Groups of their own, so that Ctrl-C reaches the supervisor alone and children end in order.
    Each holds the reading end of a pipe (`commentsvc.cli.lifeline`), so that none outlives it.
    """

    def __init__(self, children: Sequence[Child], environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.children = children
        self._environ = dict(environ)
        self._say = say
        self._lifeline, self._held = os.pipe()  # neither is inherited but where passed below
        self.stopping = False

    def start(self) -> None:
        for child in self.children:
            self._start(child)

    def watch(self) -> None:
        """Look once after every child: restart the dead ones whose pause is over."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if child.restart_at and now >= child.restart_at:
                    self._start(child)
            elif child.process.poll() is not None:
                self._ended(child, child.process, now)

    def stop(self) -> None:
        """End every child and whatever it started; after GRACE seconds without asking."""
        self.stopping = True
        processes = [child.process for child in self.children if child.process is not None]
        for process in processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):  # the group is killed below
                process.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def request_stop(self) -> None:
        self.stopping = True

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "commentsvc.cli", *child.arguments, "--lifeline", str(self._lifeline)],
            env=self._environ, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(self._lifeline,),
        )
        child.started_at = time.monotonic()
        child.restart_at = 0.0

    def _ended(self, child: Child, process: subprocess.Popen[bytes], now: float) -> None:
        # Its own children must not keep the port: granian's are not ended by its SIGKILL.
        _signal_group(process, signal.SIGKILL)
        child.process = None
        child.ends = 1 if now - child.started_at > STEADY else child.ends + 1
        pause = pause_before_restart(child.ends)
        child.restart_at = now + pause
        self._say(f"{child.name} ended ({_how(process.returncode)}); it starts again in {pause:.0f} s.")


def _how(code: int) -> str:
    """The end of a process in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(process.pid, number)
