"""What `make run` starts, started for real: web, worker and the demo under one supervisor."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.transfer.test_formats import said, write_wiki

pytestmark = pytest.mark.slow

READY_SECONDS = 60  # generous: other tests run at the same time; the promise of 10 is measured alone


class Service:
    """A supervisor in its own session, and every line it and its children print."""

    def __init__(self, port: int, instance: Path, *options: str) -> None:
        self.instance = instance
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "commentsvc.cli", "run", *options, "--port", str(port), "--instance", str(instance)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def end(self) -> None:
        """Stop it if it runs, and read what is left of its lines."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self._reader.join(30)

    def address(self, name: str) -> str:
        for line in self.lines:
            if match := re.fullmatch(rf"{name}: (http://\S+)", line):
                return match[1]
        return ""

    def children(self) -> dict[str, int]:
        """The supervisor's children by command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if parent == self.process.pid and b"commentsvc.cli" in words:
                    found[words[words.index(b"commentsvc.cli") + 1].decode()] = int(entry.name)
        return found


def until(true: Callable[[], object], seconds: float, lines: list[str]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "\n".join(["it did not happen in time; so far:", *lines])
        time.sleep(0.1)


def get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request("GET", parts.path, headers={"Connection": "close"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def rows(instance: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{instance / 'commentsvc.sqlite3'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def demo_is_done(service: Service) -> None:
    """Wait until the demo's flags are raised, which comes last; nobody writes any more then."""
    until(lambda: rows(service.instance, "SELECT count(*) FROM flags") != [(0,)], 60, service.lines)


def worker_works(service: Service) -> None:
    until(lambda: rows(service.instance, "SELECT count(*) FROM workers WHERE error IS NULL") != [(0,)], 60, service.lines)


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts one and waits until it says where it is; to load the demo, which one test is about, takes it twice as long."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("the supervisor brings its own SQLite database")
    made: list[Service] = []

    def start(port: int, *options: str) -> Service:
        one = Service(port, tmp_path / "data", *options)
        made.append(one)
        until(lambda: one.address("api") or one.process.poll() is not None, READY_SECONDS, one.lines)
        assert one.process.poll() is None, "\n".join(one.lines)
        return one

    yield start
    for one in made:
        one.end()


def test_it_serves_what_it_prints_and_ends_cleanly_and_keeps_its_data(service: Callable[..., Service]) -> None:
    port = free_port()
    one = service(port, "--demo")
    for name, path in (("article", "/demo/"), ("console", "/review/"), ("api", "/api/docs")):
        address = one.address(name)
        assert address.startswith(f"http://127.0.0.1:{port}{path}")
        assert get(address)[0] in {200, 302}
    text = "\n".join(one.lines)
    for email in ("reader@courier.example", "manager@courier.example", "admin@courier.example"):
        assert email in text
    demo_is_done(one)
    before = rows(one.instance, "SELECT status, count(*) FROM comments GROUP BY status ORDER BY status")
    assert {status for status, _ in before} == {"published", "held", "rejected"}
    children = one.children()
    assert set(children) == {"web", "worker"}
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(30) == 0
    assert not listening(port)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())

    other = free_port()
    again = service(other, "--demo")
    assert rows(again.instance, "SELECT status, count(*) FROM comments GROUP BY status ORDER BY status") == before
    busy = rows(again.instance, "SELECT url FROM articles WHERE comment_count > 40")
    assert len(busy) >= 3
    assert all(str(url).startswith(f"http://127.0.0.1:{other}/demo/") for (url,) in busy)


def test_a_killed_worker_is_replaced_and_decides_what_waited(service: Callable[..., Service], tmp_path: Path) -> None:
    port = free_port()
    one = service(port)
    worker_works(one)
    worker = one.children()["worker"]
    os.kill(worker, signal.SIGSTOP)  # so that everything below waits when it is killed
    folder = write_wiki(tmp_path / "conversations_job1.json.gz", {str(n): said(f"A fair remark, the {n}th.") for n in range(40)})
    environ = {**os.environ, "COMMENTSVC_INSTANCE": str(one.instance)}
    subprocess.run([sys.executable, "-m", "commentsvc.cli", "load", "wiki", str(folder)], env=environ, check=True, capture_output=True)
    pending = "SELECT count(*) FROM comments WHERE status = 'pending'"
    assert rows(one.instance, pending) == [(40,)]
    assert json.loads(get(f"http://127.0.0.1:{port}/readyz")[1])["pending"] == 40
    os.kill(worker, signal.SIGKILL)
    until(lambda: rows(one.instance, pending) == [(0,)], 60, one.lines)
    assert one.children()["worker"] != worker
    assert any("worker ended (SIGKILL)" in line for line in one.lines)
    decided = rows(
        one.instance,
        "SELECT to_status FROM decisions JOIN comments ON comments.id = comment_id WHERE external_id LIKE 'wiki:%' ORDER BY comment_id",
    )
    assert decided == [("published",)] * 40  # once each
    # A batch is decided article by article; nobody is overtaken by what came a batch of 32 later.
    late = (
        "SELECT count(*) FROM decisions a JOIN decisions b ON a.id < b.id AND a.comment_id >= b.comment_id + 32"
        " WHERE b.comment_id >= (SELECT min(id) FROM comments WHERE external_id LIKE 'wiki:%')"
    )
    assert rows(one.instance, late) == [(0,)]


def test_nothing_outlives_a_supervisor_that_is_killed(service: Callable[..., Service]) -> None:
    port = free_port()
    one = service(port)
    worker_works(one)
    children = one.children()
    one.process.kill()
    one.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()) and not listening(port), 20, one.lines)


def test_a_second_supervisor_on_the_same_folder_is_refused(service: Callable[..., Service]) -> None:
    one = service(free_port())
    second = subprocess.run(
        [sys.executable, "-m", "commentsvc.cli", "run", "--port", str(free_port()), "--instance", str(one.instance)],
        capture_output=True, text=True, check=False, timeout=60,
    )
    assert second.returncode == 1
    assert "already runs" in second.stderr
