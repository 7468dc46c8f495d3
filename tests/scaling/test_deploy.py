"""The examples in deploy/ are what the programs that read them accept, and name only what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from commentsvc.config import Settings
from tests.scaling.fleet import ROOT, free_port
from tests.scaling.nginx import EXAMPLE, NGINX, configured

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
SETTINGS = {f"COMMENTSVC_{field.name}" for field in fields(Settings)}
SECRETS = {"COMMENTSVC_SECRET_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"}
# Of 10, by systemd's own reckoning: "OK" ends at 5.
EXPOSURE = 20


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.mark.parametrize("path", [COMPOSE, DEPLOY / "commentsvc.env.example", DEPLOY / "Dockerfile", EXAMPLE, *UNITS], ids=lambda p: p.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"COMMENTSVC_[A-Z_]+", path.read_text()))
    assert named, "it tells the service something"
    assert named <= SETTINGS


def test_compose_has_the_whole_service(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "valkey", "migrate", "web", "worker", "nginx"}
    assert services["web"]["command"][:2] == ["commentsvc", "web"]
    assert services["worker"]["command"] == ["commentsvc", "worker"]
    assert "commentsvc" in services["migrate"]["command"]
    for name, service in services.items():
        assert "healthcheck" in service or name == "migrate", name
        assert ("ports" in service) == (name == "nginx"), f"{name}: only nginx is reached from outside"
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert not services[name].get("volumes"), f"{name}: nodes share no folder"


def test_nodes_are_all_told_the_same(services: dict[str, Any]) -> None:
    assert services["web"]["environment"] == services["worker"]["environment"] == services["migrate"]["environment"]
    assert services["web"]["environment"]["COMMENTSVC_TRUSTED_PROXIES"] == "1", "nginx, and nothing else"
    assert {"COMMENTSVC_SECRET_KEY", "COMMENTSVC_DATABASE_URL", "COMMENTSVC_REDIS_URL"} <= set(services["web"]["environment"])


def test_no_secret_has_a_default() -> None:
    text = COMPOSE.read_text()
    for name in SECRETS:
        used = re.findall(rf"(?<!\$)\${{{name}(.?.?)", text)
        assert used, name
        assert set(used) == {":?"}, f"{name} must be given"
    for line in (DEPLOY / "commentsvc.env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            assert line.endswith("="), f"a value that somebody might leave as it is: {line}"


def test_what_compose_asks_of_its_env_file_is_in_the_example() -> None:
    asked = set(re.findall(r"(?<!\$)\${(\w+)", COMPOSE.read_text()))
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOY / "commentsvc.env.example").read_text(), re.MULTILINE))


def test_image_has_no_tools_runs_as_nobody_and_copies_what_exists() -> None:
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    last = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]
    assert any(line.startswith("USER commentsvc") for line in last)
    assert not [line for line in last if "pip " in line or "apt-get" in line]
    copied = [name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]]
    assert copied
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in copied:
        assert (ROOT / name).exists()
        assert name in allowed, "else the build does not see it"


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_accepted_and_hardened(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, which is not here")
    text = unit.read_text()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=", "Restart=always"):
        assert line in text.splitlines()
    assert re.search(r"^MemoryMax=\S+$", text, re.MULTILINE)
    # The program is on the machine that runs it, not on this one.
    here = tmp_path / unit.name
    here.write_text(text.replace("/opt/commentsvc/.venv/bin/commentsvc", shutil.which("true") or "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", str(here)], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout[-500:]


def test_units_start_commands_that_exist() -> None:
    started = {re.search(r"^ExecStart=/opt/commentsvc/.venv/bin/commentsvc (\w+)", unit.read_text(), re.MULTILINE) for unit in UNITS}
    assert {found and found[1] for found in started} == {"web", "worker"}


def test_nginx_accepts_its_example(tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip("needs nginx, which is not here")
    main = configured(tmp_path, [free_port()], http=free_port(), https=free_port())
    said = subprocess.run([NGINX, "-t", "-c", str(main)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in re.sub(r'\[warn\] the "user" directive.*|.*"listen ... http2" directive is deprecated.*', "", said.stderr)
