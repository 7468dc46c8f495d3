"""The secret key: made once, its owner's alone, changed without losing anybody, and never written down."""

from __future__ import annotations

import contextvars
import logging
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from structlog.testing import capture_logs

from commentsvc import create_app, tasks
from commentsvc.accounts.api_keys import create_key
from commentsvc.accounts.models import User
from commentsvc.accounts.sessions import COOKIE, start_session
from commentsvc.cli import COMMANDS
from commentsvc.cli.people import user as user_commands
from commentsvc.cli.secret import secret as secret_commands
from commentsvc.config import Settings
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.pagination import Cursors
from tests.accounts.browsing import PASSWORD, make_known
from tests.factories import make_article, make_user


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings of a new installation, which names no secret."""
    return Settings(INSTANCE=str(tmp_path / "instance"))


def test_the_first_start_makes_a_secret_for_its_owner_alone(own: Settings) -> None:
    key = own.secret_key()
    assert len(key) >= 43  # 256 bits and more
    assert own.secret_key() == key
    assert stat.S_IMODE(own.secret_path.stat().st_mode) == 0o600
    assert [path.name for path in own.secret_path.parent.iterdir()] == ["secret_key"]


def test_processes_that_start_together_agree_on_one(own: Settings) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(own.secret_key())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0]


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="random characters"):
        Settings(SECRET_KEY="changeme").secret_key()
    with pytest.raises(ValueError, match="random characters"):
        Settings(SECRET_KEY="long enough for anybody", SECRET_KEY_FALLBACKS="short").secret_keys()


def test_rotating_keeps_the_former_secret_for_reading(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = own.secret_key()
    monkeypatch.setenv("COMMENTSVC_INSTANCE", own.INSTANCE)
    monkeypatch.delenv("COMMENTSVC_SECRET_KEY", raising=False)
    assert CliRunner().invoke(secret_commands, ["rotate"]).exit_code == 0
    second, former = own.secret_keys()
    assert (second != first, former) == (True, first)
    assert stat.S_IMODE(own.secret_path.stat().st_mode) == 0o600
    answer = CliRunner().invoke(secret_commands, ["rotate", "--keep", "0"])
    assert "nothing that was signed before" in answer.output
    assert first not in own.secret_keys()
    assert second not in answer.output
    monkeypatch.setenv("COMMENTSVC_SECRET_KEY", "a configured secret of some length")
    answer = CliRunner().invoke(secret_commands, ["rotate"])
    assert answer.exit_code == 1
    assert "COMMENTSVC_SECRET_KEY_FALLBACKS" in answer.output
    assert "secret" in COMMANDS


def test_cookies_and_cursors_outlive_a_rotation_and_not_their_secret(app: Flask, settings: Settings) -> None:
    known = make_known()
    token = start_session(known, device="")
    db.session.commit()
    cookie = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
    cursor = Cursors(settings.SECRET_KEY).write("list", 1, 1)
    new = "another secret, for the tests"
    statuses = []
    for former in ([settings.SECRET_KEY], []):
        rotated = create_app(replace(settings, SECRET_KEY=new))
        # Not as a setting: those are separated by spaces, and the tests' own secret has some.
        rotated.config["SECRET_KEY_FALLBACKS"] = former
        client = rotated.test_client()
        client.set_cookie(COOKIE, cookie, path="/")
        db.session.commit()
        statuses.append(contextvars.Context().run(client.get, "/account/").status_code)
        with rotated.app_context():
            db.engine.dispose()
        rotated.extensions[tasks.EXTENSION].huey.storage.close()
    assert statuses == [200, 401]
    assert Cursors(new, settings.SECRET_KEY).read("list", cursor)[1] == 1
    with pytest.raises(Invalid):
        Cursors(new).read("list", cursor)
    assert Cursors(settings.SECRET_KEY).read("list", Cursors(settings.SECRET_KEY, new).write("list", 1, 1))  # the first one signs


def test_an_administrator_ends_one_persons_sessions_or_everybodys(app: Flask) -> None:
    known: User = make_known()
    other = make_user()
    for person in (known, known, other):
        start_session(person, device="")
    create_key(known, "a program", ["read"], None)
    db.session.commit()
    runner = app.test_cli_runner()
    assert "Ended 2 sessions and 1 keys" in runner.invoke(user_commands, ["signout", "known@example.org", "--keys"]).output
    assert "Ended 1 sessions." in runner.invoke(user_commands, ["signout", "--everybody"]).output
    assert "no account" in str(runner.invoke(user_commands, ["signout", "nobody@example.org"]).exception)
    assert runner.invoke(user_commands, ["signout"]).exit_code == 2


def test_no_secret_is_written_to_any_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """A day in the life of an account, with everything that is logged, at every level."""
    known = make_known()
    article = make_article()
    bearer = start_session(known, device="")
    db.session.commit()
    secrets = [PASSWORD, bearer, app.config["SECRET_KEY"], "a wrong pass word", "known@example.org", "words nobody logs"]
    headers = {"Authorization": f"Bearer {bearer}"}
    with capture_logs() as ours, caplog.at_level(logging.DEBUG):
        for method, path, given in [
            ("POST", "/api/v1/sessions", {"email": "known@example.org", "password": PASSWORD}),
            ("POST", "/api/v1/sessions", {"email": "known@example.org", "password": "a wrong pass word"}),
            ("POST", "/api/v1/password-resets", {"email": "known@example.org"}),
            ("PUT", "/api/v1/password-resets/a-reset-token", {"password": PASSWORD}),
            ("POST", f"/api/v1/articles/{article.id}/comments", {"body": "words nobody logs"}),
            ("POST", "/api/v1/api-keys", {"name": "x", "scopes": ["read"]}),
            ("GET", "/api/v1/me?key=ck_words", None),
        ]:
            db.session.remove()
            answer = contextvars.Context().run(app.test_client().open, path, method=method, json=given, headers=headers)
            if answer.is_json and isinstance(answer.json, dict):
                secrets += [answer.json[name] for name in ("token", "secret") if name in answer.json]
    written = repr(ours) + caplog.text
    assert not [value for value in secrets if value in written]


def test_secrets_are_kept_as_hashes(app: Flask) -> None:
    """Whoever reads the database finds nothing to sign in with."""
    known = make_known()
    token = start_session(known, device="")
    _key, secret = create_key(known, "a program", ["read"], None)
    db.session.commit()
    rows = ""
    for name in ("users", "user_sessions", "api_keys", "registrations", "password_resets"):
        rows += repr(db.session.execute(db.metadata.tables[name].select()).all())
    assert token not in rows
    assert secret not in rows
    assert PASSWORD not in rows
    assert "$argon2id$" in rows
