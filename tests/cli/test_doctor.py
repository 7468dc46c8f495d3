"""`commentsvc doctor` finds what is wrong, says what to do, and touches nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import text

from commentsvc import create_app
from commentsvc.cli import main
from commentsvc.cli.doctor import CHECKS
from commentsvc.cli.doctor.machine import file_system
from commentsvc.comments.models import Status
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.email import MAX_ATTEMPTS
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.alarms import Worker, report
from commentsvc.revisions import known_revisions
from commentsvc.screening.toxicity import BUNDLED_DIR, ModelInfo, ToxicityScorer
from commentsvc.tasks import EXTENSION
from tests.delivery.test_email import MailServer
from tests.factories import make_article, make_comment, make_site
from tests.redis import running_redis
from tests.servers import Server
from tests.test_documentation import ROOT

MONITORING = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
KEY = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5q6r7s8t9"

Findings = list[dict[str, str]]
Examine = Callable[..., Findings]


def doctor(environ: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Exit status and output, with these settings and none of the surroundings'."""
    outside: dict[str, str | None] = {name: None for name in os.environ if name.startswith("COMMENTSVC_")}
    result = CliRunner().invoke(main, ["doctor", *options], env={**outside, **environ})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def examined(environ: Mapping[str, str]) -> Findings:
    """All findings; the exit status and the summary must agree with them."""
    status, output = doctor(environ, "--json")
    found = json.loads(output)
    findings: Findings = found["findings"]
    problems = [one for one in findings if one["level"] == "problem"]
    assert (status, found["status"]) == ((1, "problems") if problems else (0, "fine"))
    for one in problems:
        assert one["message"].endswith((".", "?")) or one["message"]
        assert one["action"], f"{one['message']} and what to do?"
    return findings


def problems(findings: Findings) -> dict[str, str]:
    """Check -> what is wrong."""
    return {one["check"]: one["message"] for one in findings if one["level"] == "problem"}


def wait_for_the_disk(wanted: bool) -> None:
    """Whether the tests' PostgreSQL does, as no server of a sound installation leaves out."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER SYSTEM SET fsync = {'on' if wanted else 'off'}"))
        connection.execute(text("SELECT pg_reload_conf()"))
        while connection.scalar(text("SHOW fsync")) != ("on" if wanted else "off"):
            time.sleep(0.01)


@pytest.fixture
def disk(app: Flask) -> Iterator[None]:
    if db.engine.dialect.name == "postgresql":
        wait_for_the_disk(True)
        yield
        wait_for_the_disk(False)
    else:
        yield


@pytest.fixture
def environ(app: Flask, disk: None, settings: Settings, scorer: ToxicityScorer, tmp_path: Path) -> dict[str, str]:
    """A sound installation on the test's database: its worker has just reported."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    make_site(key="courier")
    report("here:1:1", utcnow(), scorer.info, None)
    db.session.commit()
    return {
        "COMMENTSVC_INSTANCE": str(folder), "COMMENTSVC_DATABASE_URL": settings.DATABASE_URL, "COMMENTSVC_SECRET_KEY": KEY,
        "COMMENTSVC_BASE_URL": "http://localhost:8000",
    }


@pytest.fixture
def examine(environ: dict[str, str]) -> Examine:
    """Look at that installation, with settings changed by keyword."""

    def run(**given: str) -> Findings:
        db.session.commit()
        db.session.remove()
        return examined({**environ, **{f"COMMENTSVC_{name}": value for name, value in given.items()}})

    return run


# As a whole


def test_a_sound_installation_is_fine(examine: Examine) -> None:
    found = examine()
    assert problems(found) == {}
    assert {one["check"] for one in found} == set(CHECKS) - {"hosts"}, "hosts are looked at where there are several"


def test_a_server_that_does_not_wait_for_its_disk_is_said(examine: Examine) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("a setting of PostgreSQL")
    wait_for_the_disk(False)
    assert "power cut" in problems(examine())["integrity"]


def test_people_read_lines_and_the_exit_status_says_the_same(environ: dict[str, str]) -> None:
    assert doctor(environ)[0] == 0
    assert "Nothing is wrong." in doctor(environ)[1]
    status, output = doctor({**environ, "COMMENTSVC_METRICS_TOKEN": "short", "COMMENTSVC_MAX_WAIT": "long"})
    assert status == 1
    assert re.search(r"^problem  metrics\s+COMMENTSVC_METRICS_TOKEN has 5 characters", output, re.MULTILINE)
    assert re.search(r"^\s+→ Take one of 20 or more", output, re.MULTILINE)
    assert output.endswith("2 problems.\n")


def test_every_check_is_documented() -> None:
    section = MONITORING.partition("## Doctor")[2].partition("\n## ")[0]
    for name in ("database", *CHECKS):
        assert f"| {name} |" in section, name


def _tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every file and folder below: mode, time of change, content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data folder as a service leaves it, with its own SQLite database."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("about the embedded database")
    from flask_migrate import upgrade

    folder = tmp_path / "service"
    made = create_app(Settings(INSTANCE=str(folder)))
    with made.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()
    return folder


@pytest.mark.parametrize("running", [False, True])
def test_it_changes_nothing(service: Path, running: bool) -> None:
    database = service / "commentsvc.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        if running:  # somebody has it open, with what is not in the file itself yet
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("CREATE TABLE more (x)")
            connection.commit()
            assert (service / "commentsvc.sqlite3-wal").stat().st_size > 0
        before = _tree(service.parent)
        found = examined({"COMMENTSVC_INSTANCE": str(service)})
        after = _tree(service.parent)
        for tree in (before, after):  # shared memory of those that have it open: readers leave marks in it
            tree.pop("service/commentsvc.sqlite3-shm", None)
        assert after == before
    assert problems(found) == {}
    assert [one["level"] for one in found if one["check"] == "worker"] == ["note"], "there is no site yet"


def test_beside_a_service_that_runs_it_finds_nothing_wrong(service: Path, tmp_path: Path) -> None:
    server = Server(tmp_path, worker=True, METRICS_TOKEN="a-token-that-is-long-enough")
    try:
        server.run("site", "create", "courier", "--name", "The Courier", "--origin", "https://courier.example")
        deadline = time.monotonic() + 60
        while (found := problems(examined(_settings_of(server)))).keys() == {"worker"}:  # it has yet to load its model
            assert time.monotonic() < deadline, server.said("worker")
            time.sleep(0.2)
        assert found == {}
        assert server.run("doctor").endswith("Nothing is wrong.\n")
    finally:
        server.end()


def _settings_of(server: Server) -> dict[str, str]:
    return {name: value for name, value in server.environ.items() if name.startswith("COMMENTSVC_")}


def test_a_database_named_by_a_short_address_is_looked_for_where_the_service_has_it(service: Path) -> None:
    (service / "commentsvc.sqlite3").rename(service / "other.sqlite3")
    found = examined({"COMMENTSVC_INSTANCE": str(service), "COMMENTSVC_DATABASE_URL": "sqlite:///other.sqlite3"})
    assert problems(found) == {}


def test_it_makes_no_folder_and_no_secret(tmp_path: Path) -> None:
    found = problems(examined({"COMMENTSVC_INSTANCE": str(tmp_path / "none" / "data")}))
    assert "There is no database" in found["database"]
    assert list(tmp_path.iterdir()) == []


def test_nothing_it_says_has_a_password_in_it(environ: dict[str, str]) -> None:
    secrets = ("hunter2", "swordfish", "opensesame", KEY, "sixteen-and-more-characters")
    given = {
        **environ, "COMMENTSVC_DATABASE_URL": "postgresql+psycopg://me:hunter2@127.0.0.1:1/x", "COMMENTSVC_SMTP_SERVER": "127.0.0.1:1",
        "COMMENTSVC_SMTP_USER": "me", "COMMENTSVC_SMTP_PASSWORD": "swordfish", "COMMENTSVC_REDIS_URL": "redis://:opensesame@127.0.0.1:1/0",
        "COMMENTSVC_METRICS_TOKEN": "sixteen-and-more-characters",
    }
    for output in (doctor(given)[1], doctor(given, "--json")[1]):
        for secret in secrets:
            assert secret not in output
    assert {"database", "redis", "mail"} <= problems(examined(given)).keys()


# Settings


@pytest.mark.parametrize(
    ("check", "words", "given"),
    [
        ("settings", "must be a whole number", {"MAX_WAIT": "ten"}),
        ("settings", "is no setting", {"BASE_URI": "http://localhost"}),
        ("settings", "counts as no", {"RATE_LIMITS": "sure"}),
        ("settings", "SCREENING_BATCH is 0", {"SCREENING_BATCH": "0"}),
        ("settings", "OIDC_PROVIDERS must be a JSON list", {"OIDC_PROVIDERS": "https://id.example"}),
        ("settings", "SECURITY_CONTACT has an address", {"SECURITY_CONTACT": "security@news.example news.example"}),
        ("settings", "LIMIT_POST is no limit", {"LIMIT_POST": "some"}),
        ("settings", "DATABASE_URL is no address", {"DATABASE_URL": "mysql://x"}),
        ("settings", "DATABASE_URL is no address", {"DATABASE_URL": "not an address"}),
        ("secret key", "too short", {"SECRET_KEY": "secret"}),
        ("secret key", "too plain", {"SECRET_KEY": "x" * 64}),
        ("address", "lead nowhere", {"BASE_URL": "comments.example"}),
        ("address", "lead nowhere", {"BASE_URL": "https://comments.example/"}),
        ("address", "The public address is http", {"BASE_URL": "http://comments.example"}),
        ("address", "no proxy is trusted", {"BASE_URL": "https://comments.example"}),
        ("address", "over plain http", {"BASE_URL": "https://comments.example", "TRUSTED_PROXIES": "1", "COOKIE_SECURE": "0"}),
        ("address", "links in mails work nowhere else", {"TRUSTED_PROXIES": "1"}),
        ("address", "The demo is on", {"BASE_URL": "https://comments.example", "TRUSTED_PROXIES": "1", "DEMO": "1"}),
        ("metrics", "can be guessed", {"METRICS_TOKEN": "guess"}),
        ("mail", "No mail is sent", {"BASE_URL": "https://comments.example", "TRUSTED_PROXIES": "1"}),
        ("mail", "in the clear", {"SMTP_SERVER": "mail.invalid:25", "SMTP_STARTTLS": "0"}),
        ("mail", "other servers refuse", {"SMTP_SERVER": "mail.invalid:25"}),
        ("mail", "does not answer", {"SMTP_SERVER": "127.0.0.1:1"}),
        ("mail", "SMTP_SERVER is", {"SMTP_SERVER": "127.0.0.1:smtp"}),
        ("redis", "does not answer", {"REDIS_URL": "redis://127.0.0.1:1/0"}),
        ("redis", "does not answer", {"REDIS_URL": "no address"}),
        ("model", "no toxicity model is called", {"TOXICITY_MODEL": "nonesuch"}),
    ],
)
def test_a_setting_that_is_wrong_is_found(examine: Examine, check: str, words: str, given: dict[str, str]) -> None:
    said = [one["message"] for one in examine(**given) if (one["check"], one["level"]) == (check, "problem")]
    assert any(words in message for message in said), said


def test_a_name_that_is_nearly_right_is_pointed_out(examine: Examine) -> None:
    [finding] = [one for one in examine(TRUSTED_PROXY="1") if one["check"] == "settings"]
    assert "COMMENTSVC_TRUSTED_PROXIES" in finding["action"]


def test_behind_a_proxy_with_mail_and_a_token_all_is_well(examine: Examine) -> None:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        found = examine(
            BASE_URL="https://comments.example", TRUSTED_PROXIES="1", METRICS_TOKEN="a-token-that-is-long-enough",
            SMTP_SERVER=f"127.0.0.1:{server.server_address[1]}", SMTP_STARTTLS="0", MAIL_FROM="Comments <comments@news.example>",
        )
        server.shutdown()
    assert problems(found) == {}
    assert server.taken == [], "it says hello and sends nothing"


def test_a_redis_that_answers_is_fine(examine: Examine, tmp_path: Path) -> None:
    with running_redis(tmp_path) as address:
        assert [one["message"] for one in examine(REDIS_URL=address) if one["check"] == "redis"] == ["It answers."]


# The machine


def test_a_secret_that_others_may_read_is_found(service: Path) -> None:
    assert "secret key" not in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))
    (service / "secret_key").chmod(0o644)
    assert "may read" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["secret key"]
    (service / "secret_key").chmod(0o600)
    (service / "secret_key").write_text("short")
    assert "too short" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["secret key"]


def test_the_service_makes_its_folder_for_itself_alone(service: Path) -> None:
    assert service.stat().st_mode & 0o077 == 0
    service.chmod(0o755)
    [finding] = [one for one in examined({"COMMENTSVC_INSTANCE": str(service)}) if one["check"] == "folder"]
    assert (finding["level"], finding["action"]) == ("problem", f"chmod 700 {service}")


def test_a_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    found = problems(examined({"COMMENTSVC_INSTANCE": str(tmp_path / "data")}))
    assert "is no folder" in found["folder"]


@pytest.mark.parametrize(("free", "level"), [(5_000_000, "problem"), (500_000_000, "note"), (50_000_000_000, "ok")])
def test_room_on_the_disk_is_looked_at(examine: Examine, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr("commentsvc.cli.doctor.machine.free_bytes", lambda _folder: free)
    [finding] = [one for one in examine() if one["check"] == "disk"]
    assert finding["level"] == level


def test_a_folder_s_file_system_is_that_of_its_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nfiler:/x /srv nfs4 rw 0 0\n/dev/sdb /srv/local xfs rw 0 0\nbroken\n")
    assert file_system(Path("/srv/comments/data"), mounts) == "nfs4"
    assert file_system(Path("/srv/local/data"), mounts) == "xfs"
    assert file_system(Path("/var"), mounts) == "ext4"
    assert file_system(Path("/var"), tmp_path / "none") == ""


def test_a_database_on_a_network_file_system_is_found(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commentsvc.cli.doctor.stores.file_system", lambda _folder: "nfs4")
    assert "network file system (nfs4)" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["integrity"]


def test_a_model_with_one_wrong_byte_is_found(examine: Examine, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED_DIR, folder)
    assert "model" not in problems(examine(TOXICITY_MODEL=str(folder)))
    weights = bytearray((folder / "model.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (folder / "model.onnx").write_bytes(weights)
    assert "model.onnx" in problems(examine(TOXICITY_MODEL=str(folder)))["model"]
    (folder / "tokenizer.json").unlink()
    assert "tokenizer.json" in problems(examine(TOXICITY_MODEL=str(folder)))["model"]


def test_a_worker_with_another_model_is_pointed_out(examine: Examine) -> None:
    report("there:2:2", utcnow(), ModelInfo("older", "1", "b" * 64), None)
    assert any(one["level"] == "note" and "older 1" in one["message"] for one in examine() if one["check"] == "model")


# The database


def test_a_database_that_is_away_does_not_keep_it_from_the_rest(examine: Examine) -> None:
    found = examine(DATABASE_URL="postgresql+psycopg://me@127.0.0.1:1/x", METRICS_TOKEN="guess")
    assert {"database", "metrics"} == problems(found).keys()
    assert {"model", "disk", "settings"} <= {one["check"] for one in found}


def test_a_file_that_is_no_database_is_found(service: Path) -> None:
    (service / "commentsvc.sqlite3").write_bytes(b"These are not the bytes you are looking for." * 100)
    assert "no SQLite database" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["database"]


def test_a_database_with_a_torn_page_is_found(service: Path) -> None:
    database = service / "commentsvc.sqlite3"
    content = bytearray(database.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'comments'").fetchone()
    content[(root - 1) * page : root * page] = os.urandom(page)
    database.write_bytes(content)
    assert "damaged" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["integrity"]


def test_a_database_that_left_wal_mode_is_found(service: Path) -> None:
    with closing(sqlite3.connect(service / "commentsvc.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    assert "WAL" in problems(examined({"COMMENTSVC_INSTANCE": str(service)}))["integrity"]


def test_an_empty_database_wants_its_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "commentsvc.sqlite3")) as connection:
        connection.execute("PRAGMA user_version=1")
    [finding] = [one for one in examined({"COMMENTSVC_INSTANCE": str(tmp_path)}) if one["check"] == "tables"]
    assert "db upgrade" in finding["action"]


@pytest.mark.parametrize(("revision", "level"), [("first", "problem"), ("29990101", "note")])
def test_tables_of_another_release_are_found(examine: Examine, revision: str, level: str) -> None:
    now = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    other = known_revisions(ROOT / "migrations")[-1] if revision == "first" else revision
    db.session.execute(text("UPDATE alembic_version SET version_num = :other"), {"other": other})
    try:
        [finding] = [one for one in examine() if one["check"] == "tables"]
        assert finding["level"] == level
        assert other in finding["message"]
    finally:
        db.session.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": now})
        db.session.commit()


def test_a_clock_that_was_put_back_is_found(examine: Examine) -> None:
    comment = make_comment(make_article())
    comment.accepted_at = utcnow() + dt.timedelta(minutes=3)
    assert "in the future" in problems(examine())["clock"]


# The work


def test_no_worker_is_found_and_so_is_one_that_fell_silent(examine: Examine) -> None:
    db.session.get_one(Worker, "here:1:1").seen_at = utcnow() - dt.timedelta(minutes=10)
    assert "No worker reports since" in problems(examine())["worker"]
    db.session.query(Worker).delete()
    assert "No worker reports:" in problems(examine())["worker"]


def test_a_worker_whose_model_fails_is_found(examine: Examine, scorer: ToxicityScorer) -> None:
    report("here:1:1", utcnow(), scorer.info, "the file is corrupt")
    assert "the file is corrupt" in problems(examine())["worker"]
    report("here:1:1", utcnow(), scorer.info, None, problem="no such folder")
    assert "no such folder" in problems(examine())["worker"]


def test_comments_of_readers_that_wait_are_found_and_an_import_is_not(examine: Examine) -> None:
    comment = make_comment(make_article(), status=Status.PENDING)
    comment.accepted_at = utcnow() - dt.timedelta(minutes=5)
    assert "1 comments of readers wait, the longest for 5 minutes" in problems(examine())["backlog"]
    comment = db.session.merge(comment)
    comment.external_id = "wiki:1"
    assert "backlog" not in problems(examine())


def test_mails_that_wait_or_were_given_up_are_found(examine: Examine) -> None:
    old = utcnow() - dt.timedelta(hours=3)
    given = {"subject": "A code", "text": "x", "created_at": old, "next_attempt_at": old}
    db.session.add(Mail(recipient="nora@example.org", attempts=MAX_ATTEMPTS, **given))
    found = examine()
    assert "mail" not in problems(found)
    assert any("1 mails could not be delivered" in one["message"] for one in found)
    db.session.add(Mail(recipient="nora@example.org", attempts=2, **given))
    found = examine()
    assert "A mail has waited for 3 hours" in problems(found)["mail"]
    assert "nora@" not in json.dumps(found)


def test_an_origin_that_is_http_is_found(examine: Examine) -> None:
    make_site(key="gazette", origins=["https://gazette.example", "http://old.gazette.example", "http://localhost:3000"])
    said = problems(examine())["sites"]
    assert "gazette may be shown on http://old.gazette.example:" in said


def test_several_machines_need_more_than_the_embedded_parts(
    examine: Examine, environ: dict[str, str], scorer: ToxicityScorer, settings: Settings
) -> None:
    report("there:2:2", utcnow(), scorer.info, None)
    said = [one["message"] for one in examine(SECRET_KEY="") if (one["check"], one["level"]) == ("hosts", "problem")]
    assert any("secret key of its own" in message for message in said)
    assert any("SQLite" in message for message in said) == settings.DATABASE_URL.startswith("sqlite")


def test_findings_of_the_settings_alone_do_not_need_the_rest(tmp_path: Path) -> None:
    """Whatever is in the environment, it answers."""
    hostile = {f"COMMENTSVC_{field.name}": "\u202e\x01" * 3 for field in fields(Settings)}
    found = problems(examined({**hostile, "COMMENTSVC_INSTANCE": str(tmp_path)}))
    assert {"settings", "secret key", "address", "database"} <= found.keys()


def test_looking_leaves_the_locks_of_an_open_database_alone(service: Path) -> None:
    """The system drops all locks that a process has on a file when it closes the file once."""
    database = service / "commentsvc.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("SELECT count(*) FROM comments").fetchone()
        before = locks_of(database)
        assert before
        examined({"COMMENTSVC_INSTANCE": str(service)})
        assert before <= locks_of(database)


def locks_of(path: Path) -> set[str]:
    """This process's locks on a file, as the system lists them."""
    mine = f":{path.stat().st_ino} "
    rows = Path("/proc/locks").read_text().splitlines()
    return {" ".join(row.split()[1:]) for row in rows if mine in row and row.split()[4] == str(os.getpid())}
