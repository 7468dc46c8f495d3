"""The service as it runs: `commentsvc web` and its worker as processes, on a data folder of their own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from commentsvc.cli import main
from commentsvc.config import Settings
from tests.conftest import serving

COMMAND = [sys.executable, "-m", "commentsvc.cli"]
START_SECONDS = 30


class Server:
    """One `commentsvc web`, and a worker where wanted; what they say is in `web.log` and `worker.log`."""

    def __init__(self, folder: Path, *options: str, worker: bool = False, **settings: str) -> None:
        self.port = _free_port()
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("COMMENTSVC_", "PROMETHEUS_"))}
        self.environ = {
            **inherited, "COMMENTSVC_INSTANCE": str(folder / "data"), "TMPDIR": str(self.temporary),
            **{f"COMMENTSVC_{name}": value for name, value in settings.items()},
        }
        self.run("db", "upgrade")
        self.process = self._start("web", *options, "--port", str(self.port))
        self._worker = self._start("worker") if worker else None
        deadline = time.monotonic() + START_SECONDS
        while not self._listening():
            assert self.process.poll() is None, self.said("web")
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.05)

    def run(self, *words: str) -> str:
        """A command of ours with the same settings; what it prints. In this process: one of its own takes two seconds to start."""
        with serving(Settings.from_environment(self.environ)):
            done = CliRunner().invoke(main, words, env=self.environ)
        assert done.exit_code == 0, done.output
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and text of an answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        content = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(
                method, path, body=json.dumps(body) if body is not None else None,
                headers={"Connection": "close", **content, **(headers or {})},
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        return self.ask("GET", path, headers=headers)

    def said(self, name: str) -> str:
        """What a process wrote so far to its standard error."""
        return (self.folder / f"{name}.log").read_text()

    def end(self) -> None:
        for process in (self.process, self._worker):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20)

    def _start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*COMMAND, name, *options], env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )

    def _listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
