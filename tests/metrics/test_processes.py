"""Several web processes of one server, as they run: what each counts adds up, also when one is killed."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from tests.test_make_run import free_port, listening

TOKEN = "a token of the newsroom's Prometheus"
LABELS = {"route": "/healthz", "method": "GET", "status": "200"}


class Server:
    """`commentsvc web --workers 2` on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("COMMENTSVC_", "PROMETHEUS_"))}
        environ = {
            **inherited, "COMMENTSVC_INSTANCE": str(folder / "data"), "COMMENTSVC_METRICS_TOKEN": TOKEN,
            "TMPDIR": str(self.temporary),
        }
        command = [sys.executable, "-m", "commentsvc.cli"]
        subprocess.run([*command, "db", "upgrade"], env=environ, check=True, capture_output=True)
        self.process = subprocess.Popen(
            [*command, "web", "--workers", "2", "--port", str(self.port)], env=environ, start_new_session=True,
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def counted(self) -> float:
        """How many times /healthz was answered, as any one process says of all of them."""
        status, text = self.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
        assert status == 200
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return sum(s.value for s in samples if s.name == "commentsvc_http_requests_total" and s.labels == LABELS)

    def files(self) -> dict[int, Path]:
        """Process -> the file with its counters."""
        return {int(path.stem.rpartition("_")[2]): path for path in self.temporary.glob("commentsvc-metrics-*/counter_*.db")}

    def share_of(self, file: Path) -> float:
        """What one process counted of /healthz."""
        found = MultiProcessCollector.merge([str(file)])  # type: ignore[no-untyped-call]
        return sum(s.value for metric in found for s in metric.samples if s.labels == LABELS)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("the server brings its own SQLite database")
    one = Server(tmp_path)
    try:
        deadline = time.monotonic() + 30
        while not listening(one.port):
            assert one.process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.05)
        yield one
    finally:
        one.end()


def test_two_processes_add_up_whichever_is_asked_and_also_after_one_was_killed(server: Server) -> None:
    sent = 0
    deadline = time.monotonic() + 30
    while len([f for f in server.files().values() if server.share_of(f)]) < 2:
        assert time.monotonic() < deadline, "one process never got a request"
        assert server.get("/healthz")[0] == 200
        sent += 1
    assert {server.counted() for _ in range(8)} == {sent}
    assert sum(map(server.share_of, server.files().values())) == sent

    victim = next(iter(server.files()))
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while len(set(server.files()) - {victim}) < 2:
        assert time.monotonic() < deadline, "no process took its place"
        time.sleep(0.1)
        try:
            sent += server.get("/healthz")[0] == 200
        except OSError:  # it was the victim's to answer
            continue
    assert server.counted() == sent, "what the killed one counted still happened"

    server.end()
    assert not list(server.temporary.glob("commentsvc-metrics-*")), "its folder is gone with it"
