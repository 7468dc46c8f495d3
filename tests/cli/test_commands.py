"""The command line as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from commentsvc.cli import COMMANDS
from commentsvc.extensions import db
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]


def test_every_command_shows_help_without_an_application(tmp_path: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from commentsvc.cli import COMMANDS, main\n"
        "for words in [[], *([name] for name in COMMANDS)]:\n"
        "    done = CliRunner().invoke(main, [*words, '--help'], prog_name='commentsvc')\n"
        "    assert done.exit_code == 0 and done.output.startswith('Usage: commentsvc'), (words, done.output)\n"
    )
    environ = {**os.environ, "COMMENTSVC_INSTANCE": str(tmp_path / "untouched")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "untouched").exists()


def test_web_and_worker_never_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from commentsvc.cli.serve import build_app; app = build_app();"
        "import commentsvc.worker; served = {'onnxruntime'} & set(sys.modules);"
        "from commentsvc.screening.scoring_child import current; current('bundled', '')().score(['ok']);"
        "print(sorted(served | {'torch', 'transformers', 'detoxify'} & set(sys.modules)))"
    )
    environ = {**os.environ, "COMMENTSVC_INSTANCE": str(tmp_path), "COMMENTSVC_DATABASE_URL": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_traceback_under_another_wsgi_server_shows_no_local_variables(tmp_path: Path) -> None:
    code = (
        "import wsgi, structlog\n"
        "def fail(body): raise RuntimeError('no such luck')\n"
        "try: fail('what a ' + 'reader wrote')\n"
        "except RuntimeError: structlog.get_logger().exception('broken')\n"
        "structlog.get_logger().info('chatter')"
    )
    environ = {**os.environ, "COMMENTSVC_INSTANCE": str(tmp_path), "COMMENTSVC_DATABASE_URL": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    [line] = (done.stdout + done.stderr).splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["level"]) == ("broken", "error")
    assert (logged["exception"], "in fail" in logged["at"][0]) == (["RuntimeError"], True)
    assert "no such luck" not in line, "a message may quote what a reader wrote"
    assert "reader wrote" not in line


def test_models_and_migrations_agree(command: Command) -> None:
    result = command("db", "check")
    assert result.exit_code == 0, result.output


def test_a_missing_migration_fails_the_check(app: Flask, command: Command) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)"))
    try:
        result = command("db", "check")
    finally:
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE forgotten"))
    assert result.exit_code == 1
    assert "differ" in result.output


def test_upgrading_twice_is_harmless(command: Command) -> None:
    assert command("db", "upgrade").exit_code == 0
    assert command("db", "upgrade").output.endswith("The database is up to date.\n")


def test_a_database_without_tables_is_an_error_in_words(tmp_path: Path) -> None:
    environ = {**os.environ, "COMMENTSVC_INSTANCE": str(tmp_path), "COMMENTSVC_DATABASE_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", "commentsvc.cli", "site", "list"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "commentsvc db upgrade" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    assert command("nonsense").exit_code == 2
