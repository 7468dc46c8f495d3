"""Several web processes of one server, as they run: what each counts adds up, also when one is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import Server

TOKEN = "a token of the newsroom's Prometheus"
LABELS = {"route": "/healthz", "method": "GET", "status": "200"}


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("the server brings its own SQLite database")
    one = Server(tmp_path, "--workers", "2", METRICS_TOKEN=TOKEN)
    yield one
    one.end()


def given(server: Server, name: str, **labels: str) -> float:
    """A metric, as any one process says of all of them."""
    status, text = server.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return sum(s.value for s in samples if s.name == name and s.labels == labels)


def counted(server: Server) -> float:
    """How many times /healthz was answered."""
    return given(server, "commentsvc_http_requests_total", **LABELS)


def shares(server: Server) -> dict[int, float]:
    """Process -> what it counted of /healthz itself."""
    found = {}
    for path in server.temporary.glob("commentsvc-metrics-*/counter_*.db"):
        merged = MultiProcessCollector.merge([str(path)])  # type: ignore[no-untyped-call]
        found[int(path.stem.rpartition("_")[2])] = sum(s.value for m in merged for s in m.samples if s.labels == LABELS)
    return found


def test_two_processes_add_up_whichever_is_asked_and_also_after_one_was_killed(server: Server) -> None:
    sent = 0
    deadline = time.monotonic() + 30
    while sum(share > 0 for share in shares(server).values()) < 2:
        assert time.monotonic() < deadline, "one process never got a request"
        assert server.get("/healthz")[0] == 200
        sent += 1
    assert {counted(server) for _ in range(8)} == {sent}
    assert sum(shares(server).values()) == sent
    connections = given(server, "commentsvc_database_pool_size")
    assert connections > 0

    victim = next(process for process, share in shares(server).items() if share)
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while sum(share > 0 for process, share in shares(server).items() if process != victim) < 2:
        assert time.monotonic() < deadline, "no process took its place"
        time.sleep(0.05)
        try:
            sent += server.get("/healthz")[0] == 200
        except OSError:  # it was the victim's to answer
            continue
    assert counted(server) == sent, "what the killed one counted still happened"
    assert given(server, "commentsvc_database_pool_size") == connections, "and its connections are no longer there"

    server.end()
    assert not list(server.temporary.glob("commentsvc-metrics-*")), "its folder is gone with it"
