"""What holds for the application as a whole."""

from __future__ import annotations

import contextvars
import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import unescape
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as SqlTimeout

from commentsvc import create_app
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Status
from commentsvc.config import REDIS_SECONDS, Settings
from commentsvc.database import after_commit, configure_engine, follow_up
from commentsvc.extensions import db, limiter
from commentsvc.pages import content_security_policy
from commentsvc.tasks import EXTENSION
from commentsvc.waiting import patience
from tests.accounts.browsing import PASSWORD, Browser
from tests.factories import make_article, make_comment, make_site, make_user
from tests.redis import running_redis
from tests.test_readiness import application


def test_the_web_process_never_imports_torch_or_the_model(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from commentsvc import create_app\n"
        "from commentsvc.config import Settings\n"
        f"create_app(Settings(INSTANCE={str(tmp_path)!r}, DEMO=True))\n"
        "print([m for m in ('torch', 'transformers', 'detoxify', 'onnxruntime') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind in {"table", "index"} and name is not None and name.startswith(("huey_", "search_")))


# Of an index on an expression SQLite cannot say what it is on; test_paging asks for it by the statement that reads it.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_give_exactly_the_models(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _ours})
        assert compare_metadata(context, db.metadata) == []


def test_the_first_migration_goes_down_and_up_again(app: Flask) -> None:
    db.session.remove()
    downgrade(revision="base")
    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version", "huey_kv", "huey_schedule", "huey_task", "huey_counter"}
    upgrade()
    assert "comments" in inspect(db.engine).get_table_names()


def test_readiness_says_what_waits(client: FlaskClient) -> None:
    make_comment(make_article(), status=Status.PENDING)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["pending"] == 1
    assert answer.json["oldest_pending_seconds"] >= 0


def test_a_database_that_says_nothing_is_given_up_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is reached but does not answer, as after a failover that went wrong."""
    monkeypatch.setattr("commentsvc.config.CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql+psycopg://nobody@127.0.0.1:{silent.getsockname()[1]}/commentsvc"
        with pytest.raises(psycopg.OperationalError, match="timeout"):  # a process that starts then
            create_app(Settings(INSTANCE=str(tmp_path), DATABASE_URL=address, SECRET_KEY="a secret for tests only"))
        settings = Settings(INSTANCE=str(tmp_path), DATABASE_URL=address, SECRET_KEY="a secret for tests only", RATE_LIMITS=False, REDIS_URL="redis://127.0.0.1:1/0")
        app = create_app(settings)
        begun = time.monotonic()
        answer = app.test_client().get("/api/v1/sites/courier")
        assert time.monotonic() - begun < 5
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_redis_that_says_nothing_costs_a_moment_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        app = create_app(Settings(INSTANCE=str(tmp_path), REDIS_URL=address, SECRET_KEY="a secret for tests only"))
        with app.app_context():
            upgrade()
        client = app.test_client()
        begun = time.monotonic()
        answers = [client.get("/api/v1/sites/courier").status_code for _ in range(5)]
        assert time.monotonic() - begun < 4 * REDIS_SECONDS
    assert answers == [404] * 5


@pytest.mark.usefixtures("app")
def test_a_redis_that_goes_after_it_has_counted_spoils_no_answer(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another request has found it out already; this one only wants to say in its headers how many are left."""
    def gone(*_args: object) -> None:
        raise ConnectionError("Redis went away")

    monkeypatch.setattr(limiter, "_swallow_errors", None)  # one limiter for all tests: this application's own setting counts
    with running_redis(tmp_path) as address, application(settings, REDIS_URL=address, RATE_LIMITS=True) as made:
        client = made.test_client()
        assert "X-RateLimit-Remaining" in client.get("/api/v1/sites/courier").headers
        monkeypatch.setattr(limiter.limiter, "get_window_stats", gone)
        monkeypatch.setattr(limiter, "_in_memory_fallback_enabled", False)  # as after the other one's finding
        assert client.get("/api/v1/sites/courier").status_code == 404


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("end", ["rollback", "close", "remove"])
def test_with_its_connection_gone_a_transaction_is_over_and_the_next_works(end: str) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("a SQLite database has no connection to lose")
    followed: list[str] = []
    after_commit(db.session, lambda: followed.append("this must not happen"))
    mine = db.session.scalar(text("select pg_backend_pid()"))
    with db.engine.connect() as other:
        other.execute(text("select pg_terminate_backend(:pid)"), {"pid": mine})
    getattr(db.session, end)()
    assert db.session.scalar(text("select 1")) == 1
    db.session.commit()
    assert followed == []


@pytest.mark.usefixtures("app")
def test_a_postgresql_that_stands_still_is_given_up(settings: Settings) -> None:
    """The network is well then, and whoever waits for its answer waits for good."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite is no server")
    article = make_article().id
    db.session.commit()
    token = patience.set(0.5)
    try:
        with application(settings) as made, made.app_context():
            for path, when_well in ((f"/api/v1/articles/{article}", 200), ("/readyz", 200)):
                mine = db.session.scalar(text("select pg_backend_pid()"))
                db.session.remove()
                os.kill(mine or 0, signal.SIGSTOP)
                try:
                    began = time.monotonic()
                    answer = contextvars.copy_context().run(made.test_client().get, path)
                    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
                    assert time.monotonic() - began < 5
                    assert made.test_client().get(path).status_code == when_well, "a new connection is made"
                finally:
                    os.kill(mine or 0, signal.SIGCONT)
    finally:
        patience.reset(token)


def test_an_engine_of_a_web_process_gives_up_after_the_server_would_have(settings: Settings) -> None:
    if not settings.database_url.startswith("postgresql"):
        pytest.skip("SQLite is no server")
    for give_up in (1.0, None):
        made = create_engine(settings.database_url, **settings.engine_options)
        configure_engine(made, give_up=give_up)
        began = time.monotonic()
        with suppress(SQLAlchemyError), made.connect() as connection:
            first = connection.scalar(text("select pg_backend_pid()"))
            connection.execute(text("select pg_sleep(2)"))
        assert (time.monotonic() - began < 1.9) == (give_up is not None)
        with made.connect() as connection:
            assert (connection.scalar(text("select pg_backend_pid()")) == first) == (give_up is None), "its answer could still come"
        made.dispose()


def _connections(server: socket.socket) -> int:
    """How many were made to it, which it never accepted."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_a_bell_that_could_not_be_rung_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        app = create_app(Settings(INSTANCE=str(tmp_path), REDIS_URL=address, SECRET_KEY="only for this one test", RATE_LIMITS=False))
        with app.app_context():
            for _ in range(5):  # posts, one after the other
                follow_up(db.session, "screen")
                db.session.execute(text("select 1"))
                db.session.commit()
            assert 1 <= _connections(silent) <= 2, "it costs one of them the time to find out, with a second try"
            db.session.remove()
            db.engine.dispose()


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (InterfaceError("SELECT", {}, Exception("the connection is closed")), 503),
        (InternalError("SELECT", {}, Exception("current transaction is aborted")), 503),
        (PendingRollbackError("rolled back"), 503),
        (SqlTimeout("QueuePool limit"), 503),
        (ProgrammingError("SELECT", {}, Exception("no such column: secret")), 500),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_server_that_went_away_is_no_fault_of_ours(app: Flask, failure: SQLAlchemyError, status: int) -> None:
    def gone(*_args: object) -> None:
        raise failure

    event.listen(db.engine, "before_cursor_execute", gone)
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False
    try:
        answer = app.test_client().get("/api/v1/sites/x")
    finally:
        event.remove(db.engine, "before_cursor_execute", gone)
        app.testing, app.config["PROPAGATE_EXCEPTIONS"] = True, None
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/sites/x", "application/problem+json"), ("/embed/a/1", "text/html")]
)
def test_a_database_that_fails_is_said_in_words_on_every_surface(
    client: FlaskClient, path: str, kind: str
) -> None:
    def full(*_args: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    event.listen(db.engine, "before_cursor_execute", full)
    try:
        answer = client.get(path)
    finally:
        event.remove(db.engine, "before_cursor_execute", full)
    assert (answer.status_code, answer.mimetype) == (503, kind)
    assert "try again" in answer.text
    assert "INSERT" not in answer.text
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture
def signed_in(app: Flask) -> tuple[Browser, str, str]:
    """An admin in her browser, an article's page, and her site's settings."""
    site = make_site()
    page, settings = f"/embed/a/{make_article(site).id}", f"/review/{site.key}/settings"
    email = make_user(role=Role.ADMIN, site=site, password_hash=hash_password(PASSWORD)).email
    browser = Browser(app)
    assert browser.post(f"{page}/sign-in", {"email": email, "password": PASSWORD}, page=page).status_code == 303
    assert browser.sign_in(email or "").status_code == 303
    return browser, page, settings


@contextmanager
def no_database() -> Iterator[None]:
    def gone(*_args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    db.session.remove()
    event.listen(db.engine, "before_cursor_execute", gone)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", gone)


def test_with_the_database_gone_a_form_without_script_gets_its_text_back(signed_in: tuple[Browser, str, str]) -> None:
    """The page it stands in cannot be put together then."""
    browser, page, settings = signed_in
    typed = '</textarea><script>alert(1)</script> "quoted" שלום'
    sent = [
        (f"{page}/comments", {"csrf_token": browser.token(page), "body": typed, "parent_id": '3"><b>'}),
        (settings, {"csrf_token": browser.token(settings), "text": typed}),
    ]
    for path, fields in reversed(sent):
        with no_database():
            answer = browser.open(path, method="POST", data=fields)
        assert (answer.status_code, answer.mimetype) == (503, "text/html"), path
        assert int(answer.headers["Retry-After"]) > 0
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "cannot store anything just now" in answer.text
        assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text
        assert "<script>" not in answer.text
        assert "שלום" in answer.text
        again = {name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text)}
        assert again == {name: value for name, value in fields.items() if value != typed}
    again = {"csrf_token": again["csrf_token"], "body": "Once more, and it is there.", "parent_id": ""}
    assert browser.open(f"{page}/comments", method="POST", data=again).status_code == 303


def test_with_the_database_gone_every_page_says_so_and_no_password_is_given_back(signed_in: tuple[Browser, str, str]) -> None:
    browser, page, settings = signed_in
    secret = {"email": "anna@news.example", "password": "my secret words", "csrf_token": browser.token(page)}
    with no_database():
        answers = [browser.get(path) for path in (page, settings, "/account/", "/no/such/page")]
        answers += [browser.open(path, method="POST", data=secret) for path in (f"{page}/sign-in", "/account/sign-in")]
        german = browser.get("/no/such/page", headers={"Accept-Language": "de"})
        console = browser.get(settings, headers={"HX-Request": "true"})
        large = browser.open(f"{page}/comments", method="POST", data={"body": "x" * 1_100_000})
    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert int(answer.headers["Retry-After"]) > 0
        assert "secret" not in answer.text
        assert "anna" not in answer.text
    assert "Der Dienst kann gerade nichts speichern." in german.text
    assert '<html lang="de" dir="ltr">' in german.text
    assert (console.status_code, console.headers["Retry-After"]) == (503, "30")
    assert large.status_code in {413, 503}


@pytest.mark.parametrize("number", ["9223372036854775808", "1" + "0" * 30, "9" * 5000])
@pytest.mark.parametrize(
    "path", ["/embed/a/{}", "/embed/c/{}", "/embed/comments/{}/replies", "/review/x/comments/{}", "/api/v1/comments/{}", "/embed/a/1?reply={}", "/embed/a/1?flag={}"]
)
def test_a_number_no_id_can_be_is_not_found(client: FlaskClient, path: str, number: str) -> None:
    assert client.get(path.format(number)).status_code in {302, 401, 404}


def test_an_unknown_page_is_a_page_with_headers(client: FlaskClient) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_has_no_place_for_inline_code() -> None:
    policy = content_security_policy("abc", ancestors=["'self'", "https://news.example"])
    assert "script-src 'nonce-abc'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors 'self' https://news.example")


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment({"COMMENTSVC_DEMO": "yes", "COMMENTSVC_MAX_WAIT": "3", "OTHER": "x"})
    assert (settings.DEMO, settings.MAX_WAIT) == (True, 3)


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(INSTANCE=str(tmp_path))
    assert settings.secret_key() == Settings(INSTANCE=str(tmp_path)).secret_key()
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_every_page_names_the_icon_and_browsers_find_it_unasked(client: FlaskClient) -> None:
    icon = client.get("/favicon.ico", buffered=True)
    assert (icon.status_code, icon.mimetype) == (200, "image/svg+xml")
    assert "Set-Cookie" not in icon.headers
    article = make_article()
    for path in ("/account/sign-in", "/no/such/page", f"/embed/a/{article.id}", "/embed/x/thread?url=https://a.example/", "/api/docs"):
        found = re.search(r'<link rel="icon" href="([^"]+)"', client.get(path).text)
        assert found, path
        assert client.get(found[1], buffered=True).data == icon.data


def test_a_page_that_was_given_asks_nobody_to_wait(app: Flask, settings: Settings) -> None:
    before = limiter.enabled
    limited = create_app(dataclasses.replace(settings, RATE_LIMITS=True, LIMIT_READ="2 per minute"))
    limiter.reset()
    path = f"/embed/a/{make_article().id}"
    db.session.remove()
    answers = [limited.test_client().get(path) for _ in range(3)]
    limiter.reset()
    limiter.enabled = before
    with limited.app_context():
        db.engine.dispose()
    limited.extensions[EXTENSION].huey.storage.close()
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("Retry-After") is not None for answer in answers] == [False, False, True]
    assert all("X-RateLimit-Remaining" in answer.headers for answer in answers[:2])
