"""The supervisor's rules, with small real processes in place of web and worker."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commentsvc.cli import supervisor as module
from commentsvc.cli.supervisor import Child, Supervisor, pause_before_restart

# Stands for our own command line: sleeps, ignores SIGTERM, or ends with a status.
STAND_IN = """
import signal, subprocess, sys, time
from commentsvc.cli.lifeline import hold
hold(int(sys.argv[sys.argv.index("--lifeline") + 1]))
what = sys.argv[1]
if what == "ends":
    sys.exit(3)
if what == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if what == "parent":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[2], "w").close()
time.sleep(60)
"""

Start = Callable[..., tuple[Supervisor, list[str]]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor over children doing `what`; returns it and what it says."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nshift 2\nexec {sys.executable} {tmp_path / 'stand_in.py'} \"$@\"\n")
    script.chmod(0o755)
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(sys, "executable", str(script))
    made: list[Supervisor] = []

    def run(*what: str) -> tuple[Supervisor, list[str]]:
        said: list[str] = []
        children = [Child(name, (name, str(tmp_path / f"{name}.up"))) for name in what]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        made.append(Supervisor(children, environ, said.append))
        made[-1].start()
        return made[-1], said

    yield run
    for one in made:
        one.stop()


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def group(leader: int) -> bool:
    """Whether any process of the group is left (a zombie that nobody waits for is not)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                return True
    return False


def pid(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_child_that_dies_is_started_again_after_a_pause(start: Start, tmp_path: Path) -> None:
    one, said = start("sleeps")
    (child,) = one.children
    until((tmp_path / "sleeps.up").exists)
    first = pid(child)
    os.kill(first, signal.SIGKILL)
    until(lambda: (one.watch() or bool(said)))  # type: ignore[func-returns-value]
    assert said == ["sleeps ended (SIGKILL); it starts again in 1 s."]
    until(lambda: (one.watch() or child.process is not None))  # type: ignore[func-returns-value]
    assert pid(child) != first


def test_the_pause_grows_while_a_child_keeps_dying(start: Start) -> None:
    one, said = start("ends")
    until(lambda: (one.watch() or len(said) == 2))  # type: ignore[func-returns-value]
    assert said == ["ends ended (exit status 3); it starts again in 1 s.", "ends ended (exit status 3); it starts again in 2 s."]
    assert [pause_before_restart(n) for n in (1, 2, 3, 6, 50)] == [1, 2, 4, 30, 30]


def test_stopping_ends_whatever_the_children_started(start: Start, tmp_path: Path) -> None:
    one, _ = start("parent", "sleeps")
    until(lambda: (tmp_path / "parent.up").exists() and (tmp_path / "sleeps.up").exists())
    leaders = [pid(child) for child in one.children]
    one.stop()
    until(lambda: not any(group(leader) for leader in leaders), 2)  # killed; the system takes a moment


def test_a_child_that_does_not_listen_is_killed(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.3)
    one, _ = start("stubborn")
    until((tmp_path / "stubborn.up").exists)
    leader = pid(one.children[0])
    one.stop()
    until(lambda: not group(leader), 2)


def test_what_a_dead_childs_children_hold_is_set_free(start: Start, tmp_path: Path) -> None:
    one, said = start("parent")
    until((tmp_path / "parent.up").exists)
    leader = pid(one.children[0])
    os.kill(leader, signal.SIGKILL)
    until(lambda: (one.watch() or bool(said)))  # type: ignore[func-returns-value]
    until(lambda: not group(leader))


def test_children_end_when_the_supervisors_end_of_the_pipe_closes(start: Start, tmp_path: Path) -> None:
    one, _ = start("parent", "sleeps")
    until(lambda: (tmp_path / "parent.up").exists() and (tmp_path / "sleeps.up").exists())
    leaders = [pid(child) for child in one.children]
    os.close(one._held)  # what the system does when the supervisor is killed
    until(lambda: not any(group(leader) for leader in leaders))


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from commentsvc.cli.run import run

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(run, ["--port", str(port), "--instance", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.output
    assert not (tmp_path / "data" / "commentsvc.sqlite3").exists()
