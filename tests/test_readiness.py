"""/readyz says of every part how it does, and 503 only where nobody can be served."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from commentsvc import create_app, create_perspective_app
from commentsvc.comments.models import Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db, limiter
from commentsvc.moderation import alarms
from commentsvc.moderation.alarms import report
from commentsvc.readiness import ALARMS
from commentsvc.screening.toxicity import ModelInfo
from commentsvc.tasks import EXTENSION
from tests.factories import make_article, make_comment
from tests.redis import running_redis
from tests.test_documentation import OPERATIONS

MODEL = ModelInfo("minilm", "2", "a" * 64)

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("app")]


@contextmanager
def application(settings: Settings, **given: Any) -> Iterator[Flask]:
    """The application with other settings, on the test's database."""
    before = dict(vars(limiter))  # the one limiter of the process is set anew for each application
    made = create_app(replace(settings, **given))
    try:
        yield made
    finally:
        with made.app_context():
            db.engine.dispose()
        made.extensions[EXTENSION].huey.storage.close()
        vars(limiter).clear()
        vars(limiter).update(before)


def ask(app: Flask) -> tuple[int, dict[str, Any]]:
    db.session.commit()
    db.session.remove()
    answer = app.test_client().get("/readyz")
    assert answer.json is not None
    return answer.status_code, answer.json


def working(worker: str = "here:1:1") -> None:
    report(worker, utcnow(), MODEL, None)
    db.session.commit()


def test_it_says_of_every_part_how_it_does(app: Flask) -> None:
    working()
    status, found = ask(app)
    assert (status, found["status"], found["alarms"]) == (200, "ok", [])
    assert {name: check["ok"] for name, check in found["checks"].items()} == {
        "database": True, "queue": True, "model": True, "backlog": True, "disk": True,
    }
    assert found["checks"]["disk"]["free_bytes"] > 0
    assert found["checks"]["queue"]["waiting"] >= 0


def test_without_a_worker_nobody_knows_how_the_model_does(app: Flask) -> None:
    assert ask(app)[1]["checks"]["model"]["ok"] is None


def test_a_model_that_fails_everywhere_is_no_reason_to_send_readers_elsewhere(app: Flask) -> None:
    report("here:1:1", utcnow(), MODEL, "no such file")
    status, found = ask(app)
    assert (status, found["status"], found["checks"]["model"]["ok"]) == (200, "alarm", False)
    working("here:2:2")
    assert ask(app)[1]["checks"]["model"]["ok"] is True


def test_a_backlog_that_a_worker_does_not_work_off_is_an_alarm(app: Flask) -> None:
    working()
    comment = make_comment(make_article(), status=Status.PENDING)
    comment.accepted_at = utcnow() - dt.timedelta(minutes=11)
    status, found = ask(app)
    assert (status, [alarm["kind"] for alarm in found["alarms"]]) == (200, ["backlog"])
    assert found["checks"]["backlog"] == {"ok": False, "pending": 1, "oldest_seconds": pytest.approx(660, abs=30)}
    comment = db.session.merge(comment)
    comment.external_id = "wiki:1"
    assert ask(app)[1]["alarms"] == [], "an import takes its time"


def test_a_full_disk_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (alarms, __import__("commentsvc.readiness", fromlist=["x"])):
        monkeypatch.setattr(module, "free_bytes", lambda _folder: 5_000_000)
    status, found = ask(app)
    assert (status, found["checks"]["disk"]) == (200, {"ok": False, "free_bytes": 5_000_000})


def test_with_the_database_gone_it_is_503_and_the_other_parts_are_told_all_the_same(app: Flask) -> None:
    def gone(*_args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the server is away"))

    event.listen(db.engine, "before_cursor_execute", gone)
    try:
        status, found = ask(app)
    finally:
        event.remove(db.engine, "before_cursor_execute", gone)
    assert (status, found["status"], found["database"]) == (503, "unavailable", False)
    assert (found["checks"]["database"], found["checks"]["disk"]["ok"]) == ({"ok": False}, True)
    assert "server is away" not in str(found), "what a driver says is for the log"


def test_redis_is_asked_where_it_is_configured(settings: Settings, tmp_path: Path) -> None:
    working()
    with running_redis(tmp_path) as address, application(settings, REDIS_URL=address) as app:
        status, found = ask(app)
        assert (status, found["status"], found["checks"]["redis"]) == (200, "ok", {"ok": True})
        assert found["checks"]["queue"] == {"ok": True, "waiting": 0}
        app.extensions[EXTENSION].mail()
        assert ask(app)[1]["checks"]["queue"]["waiting"] == 1


def test_redis_gone_is_an_alarm_and_readers_are_served(settings: Settings, tmp_path: Path) -> None:
    working()
    with running_redis(tmp_path) as address, application(settings, REDIS_URL=address) as app:
        assert ask(app)[1]["status"] == "ok"
        gone = address
    with application(settings, REDIS_URL=gone) as app:
        status, found = ask(app)
    assert (status, found["status"]) == (200, "alarm")
    assert (found["checks"]["redis"]["ok"], found["checks"]["queue"]["ok"]) == (False, False)
    assert [alarm["kind"] for alarm in found["alarms"]] == ["queue", "redis"]


def test_a_redis_that_takes_the_call_and_says_nothing_does_not_keep_the_page(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.extend(silent.accept()[0] for _ in range(2)), daemon=True).start()
        with application(settings, REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0") as app:
            began = time.monotonic()
            status, found = ask(app)
            assert (status, found["checks"]["redis"]["ok"]) == (200, False)
            assert time.monotonic() - began < 5
        for one in held:
            one.close()


def test_the_perspective_api_alone_has_no_queue(settings: Settings) -> None:
    alone = create_perspective_app(settings, places=1)
    assert "queue" not in ask(alone)[1]["checks"]
    with alone.app_context():
        db.engine.dispose()


def test_every_alarm_is_documented() -> None:
    health = OPERATIONS.partition("## Health")[2].partition("\n## ")[0]
    for kind in ALARMS:
        assert f"| `{kind}` |" in health, kind
