"""What is logged, and above all what is not: nothing anybody wrote, nor who or where she is."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from flask import Flask
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.models import User
from commentsvc.comments.models import Status
from commentsvc.config import Settings
from commentsvc.delivery.email import deliver_due
from commentsvc.errors import name_of
from commentsvc.extensions import db
from commentsvc.moderation.screen import screen_pending
from commentsvc.observability import ACCESS, configure_logging
from commentsvc.screening.toxicity import Explanation, ModelInfo, Scores
from tests.accounts.browsing import Browser, code_in, link_in, mails
from tests.api.conftest import Caller
from tests.factories import make_article, make_comment, make_user
from tests.servers import Server

EMAIL = "nora.vance@mailbox.example"
NAME = "Nora Vance"
PASSWORD = "quiet-harbour-lanterns"
WRONG = "wrong-lantern-harbours"
BODY = "An unmistakable sentence about the aqueduct."
ADDRESS = "203.0.113.77"
SECRETS = (EMAIL, "nora.vance", NAME, PASSWORD, WRONG, BODY, "unmistakable", "aqueduct", ADDRESS)


class Logs:
    """What the configured logging has written."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each line as JSON; fails for one that is none."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    """Logging as the processes configure it, but from INFO on and with a line for each request."""
    stream = io.StringIO()
    root, access = logging.getLogger(), logging.getLogger(ACCESS)
    before = root.handlers[:], root.level, access.level, threading.excepthook
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(logging.INFO, access=True)
    yield Logs(stream)
    root.handlers[:], root.level, access.level, threading.excepthook = before
    structlog.reset_defaults()


def assert_silent_about(text: str, secrets: Sequence[str]) -> None:
    for secret in secrets:
        assert secret not in text, f"{secret} is logged"


def test_a_reader_s_whole_day_leaves_nothing_of_her_in_the_logs(
    app: Flask, logs: Logs, run_worker: Callable[[], int], settings: Settings
) -> None:
    article = make_article().id
    anyone = Caller(app)
    given: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": ADDRESS}, "headers": {"X-Forwarded-For": ADDRESS}}
    handle = anyone.post("/registrations", {"email": EMAIL, "display_name": NAME, "password": PASSWORD}, **given).json["handle"]
    code = code_in(mails()[-1])
    anyone.post(f"/registrations/{handle}/verification", {"code": "000000"}, **given)
    token = anyone.post(f"/registrations/{handle}/verification", {"code": code}, **given).json["token"]
    assert anyone.post("/sessions", {"email": EMAIL, "password": WRONG}, **given).status_code == 422
    anyone.post("/sessions", {"email": EMAIL, "password": PASSWORD}, **given)
    nora = Caller(app, token)
    assert nora.post(f"/articles/{article}/comments", {"body": BODY}, **given).status_code in {201, 202}
    run_worker()
    nora.get("/me", **given)
    Caller(app, token + "x").get("/me", **given)
    anyone.post("/password-resets", {"email": EMAIL}, **given)
    reset = link_in(mails()[-1]).rpartition("/")[2]
    browser = Browser(app)
    assert browser.get(f"/account/reset/{reset}", **given).status_code == 200
    browser.get(f"/no/such/{reset}?email={EMAIL}", **given)
    anyone.put(f"/password-resets/{reset}", {"password": PASSWORD + "2"}, **given)
    browser.open("/account/sign-in", method="POST", data={"email": EMAIL, "password": WRONG}, **given)
    anyone.call("POST", "/sessions", data=f'{{"email": "{EMAIL}", "password": "{PASSWORD}', content_type="application/json", **given)
    db.session.commit()
    assert deliver_due(replace(settings, SMTP_SERVER="127.0.0.1:1")) == 0, "nobody listens there"

    assert_silent_about(logs.text, [*SECRETS, handle, code, token, reset])
    assert {"request", "mail not delivered"} <= {line["event"] for line in logs.lines}
    asked = [line for line in logs.lines if line["event"] == "request"]
    assert {"/account/reset/<token>", "/api/v1/sessions", "(none)"} <= {line["route"] for line in asked}
    assert all(line["request_id"] and line["ms"] >= 0 for line in asked)


def test_a_fault_of_ours_is_logged_with_its_place_and_without_what_it_was_about(
    app: Flask, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database quotes the row that it refuses: its e-mail address, its text."""
    article = make_article().id
    make_user(NAME, email=EMAIL)
    author = make_user()
    token = _token(author)

    def refused(*_args: object, **_given: object) -> NoReturn:
        db.session.add(User(email=EMAIL, display_name=BODY))
        db.session.flush()
        raise AssertionError("two accounts with one address")

    monkeypatch.setattr("commentsvc.moderation.posting.submit_comment", refused)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = Caller(app, token).post(f"/articles/{article}/comments", {"body": BODY}, environ_base={"REMOTE_ADDR": ADDRESS})
    assert answer.status_code == 500
    assert_silent_about(logs.text, [*SECRETS, token])
    [line] = [line for line in logs.lines if line["level"] == "error"]
    assert line["exception"][0] == "sqlalchemy.exc.IntegrityError"
    assert "in refused" in line["at"][0]
    assert line["route"] == "/api/v1/articles/<row_id:article_id>/comments"
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_an_address_with_a_token_is_not_logged_when_its_page_fails(
    app: Flask, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(token: str) -> NoReturn:
        raise ValueError(f"cannot read {token}")

    monkeypatch.setitem(app.view_functions, "account.reset_form", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert Browser(app).get("/account/reset/a-secret-token").status_code == 500
    assert "a-secret-token" not in logs.text
    [line] = [line for line in logs.lines if line["level"] == "error"]
    assert (line["route"], line["exception"]) == ("/account/reset/<token>", ["ValueError"])


class Quoting:
    """A model whose explanation fails, and whose error quotes the text."""

    info = ModelInfo("quoting", "1", "0" * 64)

    def score(self, texts: Sequence[str]) -> list[Scores]:
        return [dict.fromkeys(("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"), 0.9) for _ in texts]

    def explain(self, text: str) -> Explanation:
        raise ValueError(f"cannot explain {text!r}")


def test_a_model_that_quotes_a_text_in_its_error_is_not_quoted(app: Flask, logs: Logs) -> None:
    make_comment(make_article(), body=BODY, status=Status.PENDING)
    assert screen_pending(Quoting, batch=8, lease=30) == 1
    assert [line["event"] for line in logs.lines] == ["no explanation"]
    assert logs.lines[0]["error"] == "ValueError"
    assert_silent_about(logs.text, SECRETS)


def test_a_library_s_line_comes_as_json_without_its_arguments(logs: Logs) -> None:
    try:
        int(BODY)
    except ValueError:
        logging.getLogger("huey").exception("Unhandled exception in task %s.", EMAIL)
    [line] = logs.lines
    assert (line["event"], line["logger"], line["level"]) == ("Unhandled exception in task %s.", "huey", "error")
    assert line["exception"] == ["ValueError"]
    assert_silent_about(logs.text, SECRETS)


def test_a_thread_that_ends_by_an_error_does_not_print_it(logs: Logs) -> None:
    thread = threading.Thread(target=int, args=(BODY,), name="keeper")
    thread.start()
    thread.join()
    [line] = logs.lines
    assert (line["event"], line["thread"], line["exception"]) == ("a thread ended by an error", "keeper", ["ValueError"])
    assert_silent_about(logs.text, SECRETS)


def test_an_error_is_logged_with_those_that_caused_it(logs: Logs) -> None:
    try:
        try:
            int(BODY)
        except ValueError as error:
            raise RuntimeError(EMAIL) from error
    except RuntimeError:
        structlog.get_logger().exception("it failed")
    [line] = logs.lines
    assert line["exception"] == ["RuntimeError", "ValueError"]
    assert_silent_about(logs.text, SECRETS)


def test_an_error_s_name_says_where_it_comes_from() -> None:
    assert (name_of(ValueError("x")), name_of(IntegrityError("x", {}, Exception()))) == ("ValueError", "sqlalchemy.exc.IntegrityError")


def test_the_log_is_quiet_while_all_is_well(app: Flask, monkeypatch: pytest.MonkeyPatch, logs: Logs) -> None:
    configure_logging(logging.WARNING)
    Caller(app).get("/articles/1/comments")
    Browser(app).get("/healthz")
    assert logs.text == ""


def test_a_request_that_is_refused_at_once_is_logged_too_and_has_an_id(app: Flask, logs: Logs) -> None:
    answer = app.test_client().get("/account/reset/%00")
    assert answer.status_code == 404
    [line] = logs.lines
    assert (line["status"], line["request_id"]) == (404, answer.headers["X-Request-Id"])


def _token(user: User) -> str:
    from commentsvc.accounts.sessions import start_session

    token = start_session(user, device="test")
    db.session.commit()
    return token


# As the processes run


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("the server brings its own SQLite database")
    one = Server(tmp_path, "--access-log", worker=True, TRUSTED_PROXIES="1", SMTP_SERVER="127.0.0.1:1", RATE_LIMITS="0")
    yield one
    one.end()


def test_neither_process_writes_what_it_was_sent(server: Server) -> None:
    server.environ["COMMENTSVC_PASSWORD"] = PASSWORD
    server.run("site", "create", "courier", "--name", "The Courier", "--origin", "https://courier.example")
    server.run("user", "create", EMAIL, "--name", NAME)
    server.run("role", "grant", EMAIL, "admin", "--site", "courier")
    given = {"X-Forwarded-For": ADDRESS, "User-Agent": "A telling browser"}

    def call(method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        status, text = server.ask(method, f"/api/v1{path}", body, {**given, **bearer})
        return status, json.loads(text or "null")

    token = call("POST", "/sessions", {"email": EMAIL, "password": PASSWORD})[1]["token"]
    assert call("POST", "/sessions", {"email": EMAIL, "password": WRONG})[0] == 422
    status, article = call("POST", "/sites/courier/articles", {"url": "https://courier.example/a", "title": "An article"}, token)
    assert status == 201
    assert call("POST", f"/articles/{article['id']}/comments", {"body": BODY}, token)[0] in {201, 202}
    status, started = call("POST", "/registrations", {"email": "x." + EMAIL, "display_name": "Another", "password": PASSWORD})
    assert status == 201
    assert call("POST", "/password-resets", {"email": EMAIL})[0] in {200, 202, 204}
    assert server.get("/account/reset/a-secret-token", given)[0] in {200, 404, 410}
    deadline = time.monotonic() + 60
    while "mail not delivered" not in server.said("worker"):
        assert time.monotonic() < deadline, "the worker never tried the mails"
        time.sleep(0.1)
    server.end()

    web, worker = server.said("web"), server.said("worker")
    secrets = [*SECRETS, token, started["handle"], "a-secret-token", "telling browser", "127.0.0.1"]
    assert_silent_about(web, secrets)
    assert_silent_about(worker, secrets)
    lines = [json.loads(line) for line in web.splitlines()]
    assert {line["route"] for line in lines} >= {"/api/v1/sessions", "/account/reset/<token>"}

