"""The worker's bell: a commit rings it, and a worker that waits for work looks at once.

It carries nothing. Pending rows are the truth, and a worker that hears nothing looks by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog

log = structlog.get_logger()


class Bell:
    """What the threads of one process wait on; ringing while nobody waits is not lost."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it rang; give it to `wait`, read before looking for work."""
        return self._count

    def ring(self) -> None:
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def wait(self, count: int, seconds: float) -> bool:
        """Return once it has rung since `count` was read (True), or after so many seconds."""
        with self._rung:
            return self._rung.wait_for(lambda: self._count != count, seconds)


class LocalBell:
    """Rings the workers of this machine through a named pipe: no polling, and no message to store.

    A queue in a file has to be asked again and again, which costs a verdict the time between two
    askings and an idle machine its rest. Several workers may listen: all of them look.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def ring(self) -> None:
        """Wake whoever listens; nobody is fine."""
        try:
            pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in {errno.ENXIO, errno.ENOENT}:
                return  # no worker runs, or none ever did
            raise
        try:
            os.write(pipe, b"!")
        except BlockingIOError:
            pass  # full of rings that nobody has heard yet
        finally:
            os.close(pipe)

    def listen(self, heard: Callable[[], None], stopping: Callable[[], bool]) -> None:
        """Call `heard` after each ring, until `stopping`; OSError where there can be no pipe."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)  # read and write: never at its end
        try:
            if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
                raise OSError(errno.EINVAL, "not a pipe", str(self._path))
            while not stopping():
                if select.select([pipe], [], [], 1.0)[0]:
                    with contextlib.suppress(BlockingIOError):  # another worker's read was quicker
                        os.read(pipe, 4096)
                    heard()
        finally:
            os.close(pipe)


CHANNEL: Final = "commentsvc_bell"
AGAIN_SECONDS: Final = 2.0  # between two tries to listen


class DatabaseBell:
    """Rings the workers of all machines through PostgreSQL, which stores nothing for it.

    A message in the queue's table would be a second durable commit of every post, and one of the worker that takes it
    out: a tenth of a post's CPU. `send` runs a statement, `connect` makes a connection; both commit by themselves.
    """

    def __init__(self, send: Callable[[str], object], connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._send = send
        self._connect = connect

    def ring(self) -> None:
        """Wake whoever listens; nobody is fine."""
        self._send(f"NOTIFY {CHANNEL}")

    def listen(self, heard: Callable[[], None], stopping: Callable[[], bool]) -> None:
        """Call `heard` after each ring, until `stopping`; over and over where the database is away."""
        while not stopping():
            try:
                with self._connect() as line:
                    line.execute(f"LISTEN {CHANNEL}")
                    heard()  # for what rang while nobody listened
                    while not stopping():
                        for _ in line.notifies(timeout=1.0, stop_after=1):
                            heard()
            except psycopg.OperationalError as error:
                log.warning("no bell; comments are looked for every second", error=str(error)[:200])
                time.sleep(AGAIN_SECONDS)
