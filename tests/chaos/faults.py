"""What else can go wrong than a process that dies: connections that break, clocks that move, a disk that is full.

Each has `kill`, which does its worst and says what it was, and `keep_going`, which mends what is to be mended.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

HOUR = 3600.0
PIECE = 65536


class Cutter:
    """Stands between those who connect to `port` and the other end, and cuts connections: now, or in the middle of a message."""

    def __init__(self, name: str, other_end: Callable[[], socket.socket]) -> None:
        self.name = f"a connection to {name}"
        self._other_end = other_end
        self._pairs: set[_Pair] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def kill(self, rng: random.Random) -> str | None:
        """Cut up to three of the connections there are, at once or when some more bytes have passed."""
        with self._lock:
            there = list(self._pairs)
        if not there:
            return None
        for pair in rng.sample(there, min(len(there), rng.randint(1, 3))):
            if rng.random() < 0.3:
                pair.cut()
            else:
                pair.left = rng.randrange(1, 3000)
        return self.name

    def keep_going(self) -> None:
        """Whoever lost a connection has to make another."""

    def stop(self) -> None:
        self._listening.close()
        with self._lock:
            for pair in self._pairs:
                pair.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = self._other_end()
            except OSError:
                near.close()
                continue
            pair = _Pair(near, far)
            with self._lock:
                self._pairs.add(pair)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(pair, source, target), daemon=True).start()

    def _pass_on(self, pair: _Pair, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(PIECE):
                if pair.left is None:
                    target.sendall(data)
                    continue
                target.sendall(data[: pair.left])
                pair.left -= len(data)
                if pair.left <= 0:
                    pair.cut()
                    break
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
        except OSError:
            pair.cut()
        with self._lock:
            pair.ended += 1
            if pair.ended == 2:
                self._pairs.discard(pair)
                pair.close()


class _Pair:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._ends = (near, far)
        self.left: int | None = None  # bytes that still pass
        self.ended = 0

    def cut(self) -> None:
        """As a cable does: nobody is told more than that it is over."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for end in self._ends:
            end.close()


class Clock:
    """The clock of one process and those it starts: right, an hour fast or an hour slow."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._file = folder / f"{name.replace(' ', '-')}.clock"
        self._file.write_bytes(struct.pack("d", 0.0))
        self._hours = 0

    @property
    def environ(self) -> dict[str, str]:
        """What tells a process to follow it; `PYTHONPATH` apart."""
        return {"CHAOS_CLOCK": str(self._file)}

    def kill(self, rng: random.Random) -> str | None:
        self.set(rng.choice([h for h in (-1, 0, 1) if h != self._hours]))
        return f"{self.name}'s clock"

    def set(self, hours: int) -> None:
        """In place: those who look at the file see it at once."""
        self._hours = hours
        with self._file.open("r+b") as file:
            file.write(struct.pack("d", hours * HOUR))

    def keep_going(self) -> None:
        """A clock goes on by itself, right or wrong."""

    def stop(self) -> None:
        self.set(0)


class Disk:
    """A small file system of its own at `folder`; full for a second or two at a time."""

    name = "the disk"

    def __init__(self, folder: Path, megabytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """PermissionError where one may not mount anything."""
        mount = shutil.which("mount")
        if mount is None:
            raise PermissionError("there is no mount")
        done = subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)], capture_output=True, text=True, check=False,
        )
        if done.returncode:
            raise PermissionError(done.stderr.strip())
        self._folder = folder
        self._filler = folder / "filler"
        self._clock = clock
        self._until = 0.0

    def kill(self, rng: random.Random) -> str | None:
        if self._filler.exists():
            return None
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        self._until = self._clock() + rng.uniform(0.5, 2.5)
        return self.name

    def keep_going(self) -> None:
        if self._clock() > self._until:
            self._filler.unlink(missing_ok=True)

    def stop(self) -> None:
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """When nobody uses it any more."""
        for _ in range(50):
            if subprocess.run(["umount", str(self._folder)], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", str(self._folder)], check=False)
