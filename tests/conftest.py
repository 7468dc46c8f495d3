"""Real parts: SQLite or PostgreSQL with the migrations, and the bundled model."""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, event, text

from commentsvc import create_app
from commentsvc.budgets import budgets
from commentsvc.config import Settings
from commentsvc.database import write_intent
from commentsvc.extensions import db, limiter
from commentsvc.moderation.screen import screen_pending
from commentsvc.page_cache import PageCache
from commentsvc.screening.toxicity import ToxicityScorer, load_bundled_scorer
from commentsvc.tasks import EXTENSION

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", default=os.environ.get("COMMENTSVC_TEST_DATABASE", "sqlite"),
        help="sqlite, postgresql (started from a wheel), or a PostgreSQL address to use",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests talk to Chromium through pipes that pytest-socket must not see.

    With a database other than SQLite, only those run that use the database: the others would be the same again.
    """
    for item in items:
        if "browser" in item.keywords:
            item.add_marker(pytest.mark.enable_socket)
    if config.getoption("--database") != "sqlite":
        same = [item for item in items if "database_url" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=same)
        items[:] = [item for item in items if item not in set(same)]


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database of the kind asked for."""
    wanted: str = request.config.getoption("--database")
    folder = tmp_path_factory.mktemp("database")
    if wanted == "sqlite":
        return f"sqlite:///{folder / 'test.sqlite3'}"
    if wanted == "postgresql":
        from tests.postgres import start_postgres

        return start_postgres(folder)
    return wanted


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        INSTANCE=str(tmp_path_factory.mktemp("instance")),
        DATABASE_URL=database_url,
        SECRET_KEY="a secret for tests only",
        BASE_URL="http://localhost",
        COOKIE_SECURE=False,  # the test client speaks plain HTTP
        RATE_LIMITS=False,
        PAGE_REUSE_MS=0,  # a test changes things and looks at once
        DEMO=True,
    )


@pytest.fixture(scope="session")
def _app(settings: Settings) -> Iterator[Flask]:
    from flask_migrate import upgrade

    app = create_app(settings)
    app.testing = True
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions[EXTENSION].huey.storage.close()


@pytest.fixture
def app(_app: Flask) -> Iterator[Flask]:
    """The application inside its context, on an empty database."""
    token = write_intent.set(True)
    limiter.enabled = False  # there is one for all applications, and another test's may have limits
    # Another test's store may have been away a moment ago: then this process counts, and has counted.
    budgets.forget()
    limiter._storage_dead = False
    for kept in _app.extensions.values():
        if isinstance(kept, PageCache):
            kept.clear()  # of earlier tests, whose emptied databases had the same ids
    with _app.app_context():
        yield _app
        db.session.remove()
        _empty(db.engine)
    write_intent.reset(token)


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A second place for the service: an empty folder, and an empty database of the same kind."""
    instance = str(tmp_path / "elsewhere")
    if settings.database_url.startswith("sqlite"):
        yield dataclasses.replace(settings, INSTANCE=instance, DATABASE_URL="", SECRET_KEY="")
        return
    name = f"elsewhere_{secrets.token_hex(6)}"
    engine = create_engine(settings.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        address = engine.url.set(database=name).render_as_string(hide_password=False)
        yield dataclasses.replace(settings, INSTANCE=instance, DATABASE_URL=address, SECRET_KEY="")
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@contextmanager
def serving(settings: Settings) -> Iterator[Flask]:
    """An application of its own, inside its context; its connections are closed afterwards."""
    app = create_app(settings)
    token = write_intent.set(True)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()
            app.extensions[EXTENSION].huey.storage.close()
            write_intent.reset(token)


def _empty(engine: Engine) -> None:
    tables = list(reversed(db.metadata.sorted_tables))
    if engine.dialect.name == "postgresql":
        # TRUNCATE makes new files for every table and index, 0.1 s for these; most of them are empty.
        emptied = "".join(f"IF EXISTS (SELECT FROM {t.name}) THEN DELETE FROM {t.name}; END IF; " for t in tables)
        restarted = "PERFORM setval(CAST(quote_ident(sequencename) AS regclass), 1, false) FROM pg_sequences WHERE last_value IS NOT NULL AND sequencename NOT LIKE 'huey%'; "
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys, in any order
            connection.execute(text(f"DO $$ BEGIN {emptied} {restarted} END $$"))
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for table in tables:
            connection.execute(table.delete())
        counted = connection.exec_driver_sql("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").first()
        if counted:  # by a test that had its rows counted, and plans follow it
            connection.exec_driver_sql("DROP TABLE sqlite_stat1")
        connection.commit()
        connection.exec_driver_sql("COMMIT") if connection.connection.in_transaction else None
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
    if counted:
        engine.dispose()  # a connection remembers what was counted when the table is gone


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def scorer() -> ToxicityScorer:
    """The model that ships."""
    return load_bundled_scorer()


@pytest.fixture
def run_worker(app: Flask, scorer: ToxicityScorer) -> Callable[[], int]:
    """What the worker does when the bell rings; returns how many comments it took."""

    def run() -> int:
        token = write_intent.set(True)
        total = 0
        while taken := screen_pending(lambda: scorer, batch=32, lease=30):
            total += taken
        write_intent.reset(token)
        return total

    return run


class Statements(list[str]):
    """The SQL sent while `counting`."""


@pytest.fixture
def statements(app: Flask) -> Iterator[Statements]:
    """Every statement the engine sends during the test; clear() it before what is measured."""
    seen = Statements()

    def record(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", record)
    yield seen
    event.remove(db.engine, "before_cursor_execute", record)


@pytest.fixture
def instance(settings: Settings) -> Path:
    return settings.instance_path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, one for the whole process: Playwright allows no second one beside it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield found
        found.close()
