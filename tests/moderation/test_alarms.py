from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation import alarms
from commentsvc.moderation.alarms import Worker, alarms_of, health, report, sign_off
from commentsvc.screening.toxicity import ModelInfo
from tests.factories import make_article, make_comment, make_site, make_user
from tests.journeys.test_review import Desk

pytestmark = pytest.mark.usefixtures("app")

MODEL = ModelInfo("minilm", "1.2", "a" * 64)
CORRUPT = "toxicity model file model.onnx is corrupt"


def _report(error: str | None = None, worker: str = "host:1:1", **given: Any) -> None:
    report(worker, utcnow(), MODEL, error, **given)
    db.session.commit()


def _kinds() -> list[str]:
    return [alarm.kind for alarm in health().alarms]


def _wait_long(comment: Comment) -> None:
    comment.accepted_at = utcnow() - dt.timedelta(minutes=5)
    db.session.commit()


def _fall_silent(seconds: int = 300) -> None:
    for worker in db.session.query(Worker):
        worker.seen_at = utcnow() - dt.timedelta(seconds=seconds)
    db.session.commit()


def test_with_nothing_waiting_and_no_worker_yet_there_is_no_alarm() -> None:
    assert _kinds() == []


def test_a_failing_model_is_an_alarm_that_says_which_since_when_and_why() -> None:
    make_comment(make_article(), status=Status.PENDING)
    _report()
    assert _kinds() == []
    before = utcnow()
    _report(CORRUPT)
    _report(CORRUPT, failures=2)
    [alarm] = health().alarms
    assert (alarm.kind, alarm.model, alarm.error, alarm.worker) == ("model", "minilm 1.2", CORRUPT, "host:1:1")
    assert alarm.since is not None
    assert before <= alarm.since <= utcnow(), "since the first of the failures"
    assert health().backlog.number == 1


def test_it_is_over_when_the_model_answers_again() -> None:
    _report(CORRUPT)
    _report()
    assert _kinds() == []
    assert health().workers[0].error_since is None


def test_nobody_reporting_is_an_alarm_once_a_comment_waits_for_long() -> None:
    _report()
    _fall_silent()
    assert _kinds() == [], "nothing waits"
    comment = make_comment(make_article(), status=Status.PENDING)
    assert _kinds() == [], "not for long"
    _wait_long(comment)
    assert _kinds() == ["worker"]
    _report(worker="host:2:2")
    assert _kinds() == []


def test_a_comment_imported_with_an_old_date_is_no_alarm_by_itself() -> None:
    make_comment(make_article(), status=Status.PENDING, created_at=utcnow() - dt.timedelta(days=3000))
    assert _kinds() == []


def test_a_worker_that_ends_in_order_leaves_nothing_behind() -> None:
    _report(CORRUPT)
    sign_off("host:1:1")
    db.session.commit()
    assert health().workers == []


def test_workers_long_gone_are_forgotten_when_a_new_one_comes() -> None:
    _report()
    _fall_silent(2 * 3600)
    _report(worker="host:2:2")
    assert [w.id for w in health().workers] == ["host:2:2"]


def test_a_chosen_model_that_does_not_load_is_an_alarm_while_the_old_one_works() -> None:
    _report(problem="no such file")
    assert _kinds() == ["choice"]
    assert health().alarms[0].error == "no such file"
    _report()
    assert _kinds() == []


def test_a_disk_that_is_nearly_full_is_an_alarm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [a.kind for a in health(tmp_path / "not there").alarms] == []
    monkeypatch.setattr(alarms, "free_bytes", lambda _folder: 5 * 1024 * 1024)
    assert [a.kind for a in health(tmp_path).alarms] == ["disk"]


def test_a_long_error_is_cut_not_refused() -> None:
    _report("x" * 5000)
    assert len(health().alarms[0].error) == alarms.ERROR_LENGTH


def test_the_health_page_says_it_all_to_programs(client: FlaskClient) -> None:
    make_comment(make_article(), status=Status.PENDING)
    _report(CORRUPT)
    answer = client.get("/readyz")
    assert answer.status_code == 200, "readers are served all the same"
    found = answer.json
    assert found is not None
    assert (found["status"], found["pending"]) == ("alarm", 1)
    assert found["oldest_pending_seconds"] >= 0
    [alarm] = found["alarms"]
    assert {k: alarm[k] for k in ("kind", "error", "model")} == {"kind": "model", "error": CORRUPT, "model": "minilm 1.2"}
    assert dt.datetime.fromisoformat(alarm["since"]).tzinfo is not None
    assert found["workers"][0]["sha256"] == "a" * 64
    _report()
    answer = client.get("/readyz")
    assert answer.json is not None
    assert (answer.json["status"], answer.json["alarms"]) == ("ok", [])


def test_a_database_that_does_not_answer_is_said_too(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: object) -> None:
        db.session.execute(text("SELECT * FROM nowhere"))

    monkeypatch.setattr("commentsvc.readiness.health", gone)
    assert client.get("/readyz").status_code == 503


# The console


@pytest.fixture
def manager(app: Flask) -> tuple[Any, Callable[[str], str]]:
    """A community manager's site, and how she opens its pages."""
    site = make_site()
    desk = Desk(app, make_user(role=Role.COMMUNITY_MANAGER, site=site))

    def get(path: str) -> str:
        answer = desk.get(f"/review/{site.key}/{path}")
        assert answer.status_code == 200
        return answer.text

    return site, get


def test_community_managers_are_told_and_can_go_on_by_hand(manager: tuple[Any, Callable[[str], str]]) -> None:
    site, get = manager
    _report()
    assert "does not answer" not in get("held")
    comment = make_comment(make_article(site), body="Waiting patiently.", status=Status.PENDING)
    _report(CORRUPT)
    page = get("held")
    assert "The model that reads comments does not answer" in page
    assert "1 comment waits" in page
    assert "Nothing is published unchecked" in page
    assert CORRUPT not in page, "how it failed is for those who run the service"
    waiting = get("waiting")
    assert "Waiting patiently." in waiting
    assert f"/comments/{comment.id}/approve" in waiting
    _report()
    assert "does not answer" not in get("held")


def test_the_alarm_names_the_deadline_of_a_site_that_has_one(manager: tuple[Any, Callable[[str], str]]) -> None:
    site, get = manager
    site.policy_data = {**site.policy_data, "fail_open_after": 600}
    _report(CORRUPT)
    assert "longer than 10 minutes is published without it" in get("held")


def test_another_sites_backlog_is_not_counted_here(manager: tuple[Any, Callable[[str], str]]) -> None:
    site, get = manager
    make_comment(make_article(), status=Status.PENDING)
    _report(CORRUPT)
    assert "No comment waits here yet" in get("held")
    assert alarms_of(site)[1].number == 0
