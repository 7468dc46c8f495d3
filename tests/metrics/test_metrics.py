"""What /metrics says, to whom, and what it costs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from commentsvc import create_app, create_perspective_app
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.email import MAX_ATTEMPTS, queue_mail
from commentsvc.extensions import db
from commentsvc.metrics.figures import last_before
from commentsvc.metrics.page import may_read
from commentsvc.metrics.requests import REQUESTS, SECONDS
from commentsvc.moderation.alarms import Worker, report
from commentsvc.moderation.decide import approve, reject, withdraw
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.screening.toxicity import ModelInfo
from commentsvc.tasks import EXTENSION
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user

TOKEN = "a token of the newsroom's Prometheus"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("app")]


@pytest.fixture
def watched(settings: Settings) -> Iterator[Flask]:
    """The application with a token set, on the test's database."""
    made = create_app(dataclasses.replace(settings, METRICS_TOKEN=TOKEN))
    yield made
    with made.app_context():
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()


@pytest.fixture
def reader(watched: Flask) -> FlaskClient:
    return watched.test_client()


def families(client: FlaskClient) -> dict[str, Metric]:
    db.session.remove()
    answer = client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200, answer.text[:300]
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(found: dict[str, Metric], name: str, **labels: str) -> float | None:
    """The one sample of this full name and these labels."""
    for family in found.values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


# Who may read it


def test_without_a_token_in_the_settings_there_is_no_such_page(client: FlaskClient) -> None:
    for headers in ({}, BEARER, {"Authorization": "Bearer "}, {"Authorization": "Bearer"}):
        answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})
        assert answer.status_code == 404
        assert "commentsvc_" not in answer.text


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN.upper()}", TOKEN, f"Basic {TOKEN}",
        "Bearer \xff\xfe", "Bearer " + "x" * 100_000, f"Bearer {TOKEN}\x00", "Bearer null",
    ],
)
def test_whoever_lacks_the_token_reads_nothing(reader: FlaskClient, header: str) -> None:
    answer = reader.get("/metrics", headers={"Authorization": header}, environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "commentsvc_" not in answer.text


def test_the_token_is_compared_whole_and_its_scheme_in_any_case() -> None:
    assert may_read(f"bearer  {TOKEN}", TOKEN)
    assert not may_read("Bearer \ud800", TOKEN)
    assert may_read("Bearer schlüssel", "schlüssel")


def test_the_answer_is_kept_by_no_cache(reader: FlaskClient) -> None:
    answer = reader.get("/metrics", headers=BEARER)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "text/plain"
    assert "Set-Cookie" not in answer.headers


# Requests


def test_requests_are_counted_by_template_method_and_status(reader: FlaskClient) -> None:
    article = make_article().id
    labels = {"route": "/embed/a/<int:article_id>", "method": "GET", "status": "200"}
    before = value(families(reader), "commentsvc_http_requests_total", **labels) or 0.0
    for _ in range(3):
        reader.get(f"/embed/a/{article}")
    after = families(reader)
    assert value(after, "commentsvc_http_requests_total", **labels) == before + 3
    count = value(after, "commentsvc_http_request_seconds_count", route=labels["route"], method="GET")
    assert count is not None
    assert count >= 3


def test_answers_from_memory_are_counted_by_themselves(settings: Settings) -> None:
    made = create_app(dataclasses.replace(settings, METRICS_TOKEN=TOKEN, PAGE_REUSE_MS=10_000))
    client, path = made.test_client(), f"/api/v1/articles/{make_article().id}/comments"
    before = value(families(client), "commentsvc_http_reused_total", status="200") or 0.0
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert value(families(client), "commentsvc_http_reused_total", status="200") == before + 2
    with made.app_context():
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()


def test_no_stranger_can_make_labels(reader: FlaskClient) -> None:
    for n in range(50):
        reader.get(f"/no/such/page-{n}")
        reader.get(f"/embed/a/{n + 900000}")
        reader.open(f"/account/reset/token-{n}", method=f"METHOD{n}")
    found = families(reader)["commentsvc_http_requests"]
    routes = {sample.labels["route"] for sample in found.samples}
    assert routes <= {"(none)", *(rule.rule for rule in reader.application.url_map.iter_rules())}
    assert {sample.labels["method"] for sample in found.samples} <= {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "(other)"}
    assert not any("token-" in sample.labels["route"] for sample in found.samples)


def test_counting_adds_no_statement_to_a_request(watched: Flask, client: FlaskClient) -> None:
    path = f"/embed/a/{make_article().id}"
    db.session.remove()

    def statements_of(app: Flask) -> list[str]:
        seen: list[str] = []

        def record(_c: object, _cur: object, statement: str, *_rest: object) -> None:
            if not statement.startswith("BEGIN"):
                seen.append(statement)

        assert app.test_client().get(path).status_code == 200  # from now on the page is in the cache
        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", record)
        assert app.test_client().get(path).status_code == 200
        with app.app_context():
            event.remove(db.engine, "before_cursor_execute", record)
        return seen

    plain = statements_of(client.application)
    assert plain
    assert statements_of(watched) == plain


def test_counting_a_request_costs_less_than_a_tenth_of_a_millisecond() -> None:
    rounds = 5000
    began = time.process_time()
    for _ in range(rounds):
        REQUESTS.labels("/embed/a/<int:article_id>", "GET", "200").inc()
        SECONDS.labels("/embed/a/<int:article_id>", "GET").observe(0.003)
    assert (time.process_time() - began) / rounds < 0.0001


def test_the_pool_says_what_is_in_use(watched: Flask, reader: FlaskClient) -> None:
    idle = value(families(reader), "commentsvc_database_pool_in_use")
    with watched.app_context(), db.engine.connect():
        assert value(families(reader), "commentsvc_database_pool_in_use") == (idle or 0) + 1
    found = families(reader)
    assert value(found, "commentsvc_database_pool_in_use") == idle
    assert (value(found, "commentsvc_database_pool_size") or 0) > 1


# Comments


def test_what_waits_is_counted_and_how_long(reader: FlaskClient) -> None:
    article = make_article()
    waiting = make_comment(article, status=Status.PENDING)
    imported = make_comment(article, status=Status.PENDING)
    make_comment(article, status=Status.HELD)
    make_comment(make_article(make_site()), status=Status.HELD)
    waiting.accepted_at = utcnow() - dt.timedelta(minutes=5)
    imported.accepted_at = utcnow() - dt.timedelta(hours=1)
    imported.external_id = "wiki:1"
    db.session.commit()
    found = families(reader)
    assert value(found, "commentsvc_comments_pending") == 2
    assert value(found, "commentsvc_comments_held") == 2
    assert value(found, "commentsvc_oldest_pending_seconds", origin="posted") == pytest.approx(300, abs=30)
    assert (value(found, "commentsvc_oldest_pending_seconds", origin="any") or 0) >= 270


def test_decisions_are_counted_by_who_decided_and_what_became_of_it(reader: FlaskClient) -> None:
    site = make_site()
    article, author = make_article(site), make_user()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    held = [make_comment(article, author, status=Status.HELD) for _ in range(3)]
    approve(held[0], actor=manager, seen=held[0].version)
    reject(held[1], actor=manager, reason=Reason.ABUSE, seen=held[1].version)
    withdraw(held[2], author)
    db.session.commit()
    found = families(reader)
    name = "commentsvc_decisions_total"
    assert value(found, name, actor="system", outcome="held") == 3
    assert value(found, name, actor="community_manager", outcome="published") == 1
    assert value(found, name, actor="community_manager", outcome="rejected") == 1
    assert value(found, name, actor="author", outcome="withdrawn") == 1
    assert value(found, name, actor="system", outcome="published") == 0, "counters begin at zero, not with their first count"


def test_a_verdict_s_time_runs_from_the_post_to_the_first_decision(reader: FlaskClient) -> None:
    article = make_article()
    for seconds in (0.2, 4.0, 3000.0):
        comment = make_comment(article, status=Status.PUBLISHED)
        decided = db.session.query(Decision).filter_by(comment_id=comment.id).one()
        comment.accepted_at = decided.created_at - dt.timedelta(seconds=seconds)
    imported = make_comment(article)
    imported.external_id = "wiki:1"
    db.session.commit()
    found = families(reader)
    at = {le: value(found, "commentsvc_verdict_seconds_bucket", le=le) for le in ("0.1", "0.25", "2.5", "5.0", "1800.0", "+Inf")}
    assert at == {"0.1": 0, "0.25": 1, "2.5": 1, "5.0": 2, "1800.0": 2, "+Inf": 3}
    assert value(found, "commentsvc_verdict_seconds_sum") == pytest.approx(3004.2, abs=0.01)
    assert value(found, "commentsvc_verdict_seconds_count") == 3


def test_a_decision_before_the_post_by_another_machine_s_clock_took_no_time(reader: FlaskClient) -> None:
    comment = make_comment(make_article())
    comment.accepted_at = utcnow() + dt.timedelta(seconds=5)
    db.session.commit()
    found = families(reader)
    assert value(found, "commentsvc_verdict_seconds_sum") == 0
    assert value(found, "commentsvc_verdict_seconds_bucket", le="0.025") == 1


def test_screenings_are_counted_by_model_version(reader: FlaskClient, run_worker: Callable[[], int]) -> None:
    article = make_article()
    for n in range(3):
        make_comment(article, body=f"The council meets at {n} o'clock.", status=Status.PENDING)
    run_worker()
    screening = db.session.query(Screening).first()
    assert screening is not None
    found = families(reader)["commentsvc_screenings"].samples
    assert sum(s.value for s in found if s.labels["model"] == screening.model_name) == 3
    assert {s.labels["version"] for s in found} == {screening.model_version}


def test_a_model_at_work_is_counted_from_zero(reader: FlaskClient) -> None:
    report("here:1:1", utcnow(), ModelInfo("minilm", "2", "a" * 64), None)
    db.session.commit()
    found = families(reader)
    assert value(found, "commentsvc_screenings_total", model="minilm", version="2", verdict="hold") == 0


def test_counters_begin_anew_at_midnight(reader: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    article = make_article()
    make_comment(article)
    assert value(families(reader), "commentsvc_decisions_total", actor="system", outcome="published") == 1
    tomorrow = utcnow() + dt.timedelta(days=1)
    monkeypatch.setattr("commentsvc.metrics.figures.utcnow", lambda: tomorrow)
    assert value(families(reader), "commentsvc_decisions_total", actor="system", outcome="published") == 0
    comment = make_comment(article)
    db.session.execute(update(Decision).where(Decision.comment_id == comment.id).values(created_at=tomorrow))
    db.session.commit()
    found = families(reader)
    assert value(found, "commentsvc_decisions_total", actor="system", outcome="published") == 1
    assert value(found, "commentsvc_verdict_seconds_count") == 1


def test_the_last_row_before_a_moment_is_found_by_a_few_looks(statements: Statements) -> None:
    article = make_article()
    comment = make_comment(article)
    start = utcnow().replace(microsecond=0) - dt.timedelta(days=10)
    for n in range(1, 200, 2):
        db.session.add(Decision(
            id=1000 + n * n, site_id=comment.site_id, comment_id=comment.id, revision=1, from_status="held",
            to_status="published", reason="approved", note="", created_at=start + dt.timedelta(hours=n),
        ))
    db.session.commit()
    ids = db.session.query(Decision.id, Decision.created_at).order_by(Decision.id).all()
    for moment in (start, start + dt.timedelta(hours=100), start + dt.timedelta(hours=101), start + dt.timedelta(days=30)):
        statements.clear()
        assert last_before(Decision, moment) == max((i for i, at in ids if at < moment), default=0)
        assert len(statements) < 20


def test_mails_tasks_and_workers_are_counted(reader: FlaskClient) -> None:
    for _ in range(3):
        mail = queue_mail("nora@example.org", "A code", "verify", name="x", code="1", link="x", site=None)
    mail.attempts = MAX_ATTEMPTS
    report("here:1:1", utcnow(), ModelInfo("minilm", "2", "a" * 64), None)
    report("here:2:2", utcnow(), ModelInfo("minilm", "2", "a" * 64), "no such file")
    report("here:3:3", utcnow(), None, None)
    db.session.flush()
    db.session.get_one(Worker, "here:3:3").seen_at = utcnow() - dt.timedelta(minutes=10)
    db.session.commit()
    found = families(reader)
    assert (value(found, "commentsvc_mails_waiting"), value(found, "commentsvc_mails_given_up")) == (2, 1)
    assert value(found, "commentsvc_tasks_waiting") is not None
    assert {s: value(found, "commentsvc_workers", state=s) for s in ("working", "failing", "silent")} == {"working": 1, "failing": 1, "silent": 1}
    assert value(found, "commentsvc_alarm", kind="model") == 1
    assert value(found, "commentsvc_alarm", kind="worker") == 0


def test_with_the_database_gone_it_still_answers_and_says_so(watched: Flask, reader: FlaskClient) -> None:
    def gone(*_args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the server is away"))

    with watched.app_context():
        event.listen(db.engine, "before_cursor_execute", gone)
    found = families(reader)
    with watched.app_context():
        event.remove(db.engine, "before_cursor_execute", gone)
    assert value(found, "commentsvc_database_up") == 0
    assert "commentsvc_comments_pending" not in found
    assert "commentsvc_http_requests" in found


def test_the_perspective_api_alone_has_them_too(settings: Settings) -> None:
    alone = create_perspective_app(dataclasses.replace(settings, METRICS_TOKEN=TOKEN), places=1)
    found = families(alone.test_client())
    assert value(found, "commentsvc_database_up") == 1
    assert "commentsvc_queue_up" not in found
    with alone.app_context():
        db.engine.dispose()


def test_no_label_names_a_person_or_what_she_said(reader: FlaskClient) -> None:
    site = make_site()
    author = make_user("Nora Vance", email="nora.vance@example.org")
    comment = make_comment(make_article(site), author, body="An unmistakable sentence.", status=Status.HELD)
    reader.get(f"/embed/c/{comment.id}?flag=nora.vance@example.org")
    db.session.remove()
    text = reader.get("/metrics", headers=BEARER).text
    for secret in ("Nora", "nora.vance", "unmistakable", "127.0.0.1", TOKEN, "@"):
        assert secret not in text


