"""Servers under measurement, and the CPU time and memory of whole process trees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
WORKERS = 2
READY_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A running server; `pids` head the process trees that work for it, its database included."""

    port: int
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request, apart from any measurement: status, headers in lower case, body."""
        return self.send("GET", path, headers or {}, None)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@contextmanager
def serve(
    target: str, port: int, environment: Mapping[str, str], *, log: Path, beside: int | None = None, python: str = sys.executable
) -> Iterator[Server]:
    """Granian with 2 workers of 1 thread; `beside` is the database server's process."""
    command = [
        python, "-m", "granian", "--interface", "wsgi", "--workers", str(WORKERS),
        "--blocking-threads", "1", "--http", "1", "--no-ws", "--host", "127.0.0.1",
        "--port", str(port), "--log-level", "warning", target,
    ]
    with _served(command, port, environment, log=log, beside=beside) as server:
        yield server


@contextmanager
def serve_as_shipped(port: int, environment: Mapping[str, str], *, log: Path) -> Iterator[Server]:
    """`commentsvc web` with 2 workers and as many threads as it has by itself."""
    command = [sys.executable, "-m", "commentsvc.cli", "web", "--workers", str(WORKERS), "--port", str(port)]
    with _served(command, port, environment, log=log, beside=None) as server:
        yield server


@contextmanager
def _served(command: list[str], port: int, environment: Mapping[str, str], *, log: Path, beside: int | None) -> Iterator[Server]:
    with started(command, environment, log=log) as process:
        server = Server(port, (process.pid,) if beside is None else (process.pid, beside))
        await_answer(server, process, log)
        yield server


@contextmanager
def started(command: list[str], environment: Mapping[str, str], *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a child, ended by SIGTERM afterwards, and what does not end by that by SIGKILL: Isso's threads keep it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("COMMENTSVC_", "GRANIAN_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **environment}, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        members = tree([process.pid])
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def await_answer(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once it answers; SystemExit with what it said where it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.get("/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"The server did not start:\n{log.read_text()[-3000:]}")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name: 1 is the parent's id."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(heads: Iterable[int]) -> set[int]:
    """These processes and all below them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            try:
                children.setdefault(int(_stat(pid)[1]), []).append(pid)
            except OSError:
                continue  # it ended meanwhile
    found: set[int] = set()
    waiting = list(heads)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def cpu_seconds(heads: Iterable[int]) -> float:
    """User and system time so far, of ended children too; a process counts in ticks of 10 ms."""
    total = 0
    for pid in tree(heads):
        try:
            total += sum(map(int, _stat(pid)[11:15]))
        except OSError:
            continue
    return total / TICKS


def pin(heads: Iterable[int], cores: Collection[int]) -> None:
    """Keep these processes and all below them, every thread of each, on these cores."""
    for pid in tree(heads):
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)
        except OSError:
            continue  # it ended meanwhile


def resident_mib(pid: int) -> tuple[float, float]:
    """The resident set size of one process, now and at its highest; pages it shares count in full."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, peak = (int(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def memory_mib(pid: int) -> float:
    """The proportional set size of a process and all below it."""
    kilobytes = 0
    for member in tree([pid]):
        try:
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        except OSError:
            continue
    return kilobytes / 1024
