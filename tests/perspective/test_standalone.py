"""`commentsvc perspective` as a process, asked by Google's own client and as Coral asks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

pytestmark = pytest.mark.once

TOXIC = "You are a complete idiot."
DECENT = "Thank you for reporting this."


@dataclass(frozen=True)
class Server:
    """A running service, a key for it, and what it printed."""

    address: str
    key: str
    log: Path

    def post(self, path: str, body: Any, *, headers: dict[str, str] | None = None, key: str | None = None) -> tuple[int, Any]:
        query = urllib.parse.urlencode({"key": self.key if key is None else key})
        sent = urllib.request.Request(
            f"{self.address}{path}?{query}", json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {})
        )
        try:
            with urllib.request.urlopen(sent, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


def environ(instance: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMENTSVC_")}
    return {**kept, "COMMENTSVC_INSTANCE": str(instance), "PYTHONPATH": str(Path(__file__).parents[2])}


def commentsvc(instance: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "commentsvc.cli", "perspective", *words]
    return subprocess.run(command, env=environ(instance), capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def running(instance: Path, *words: str, key: str = "") -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = instance.parent / f"{instance.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "commentsvc.cli", "perspective", "--port", str(port), *words],
            env=environ(instance), stdout=output, stderr=output,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield Server(address, key, log)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service with a key, on a database that was empty."""
    instance = tmp_path_factory.mktemp("alone")
    made = commentsvc(instance, "key", "Blog")
    assert made.returncode == 0, made.stderr
    with running(instance, "--access-log", "--threads", "8", key=made.stdout.strip()) as found:
        yield found


@pytest.fixture
def google(server: Server) -> Iterator[Any]:
    """Google's client, told nothing but the address."""
    with build(
        "commentanalyzer", "v1alpha1", developerKey=server.key, static_discovery=False,
        discoveryServiceUrl=f"{server.address}/$discovery/rest?version=v1alpha1",
    ) as service:
        yield service


def wanted(text: str, **more: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}} | more


def summary(response: dict[str, Any]) -> float:
    value: float = response["attributeScores"]["TOXICITY"]["summaryScore"]["value"]
    return value


def test_google_s_client_scores(google: Any) -> None:
    toxic = google.comments().analyze(body=wanted(f"{DECENT} {TOXIC}", spanAnnotations=True, clientToken="c")).execute()
    assert summary(toxic) > 0.5 > summary(google.comments().analyze(body=wanted(DECENT)).execute())
    first, second = toxic["attributeScores"]["TOXICITY"]["spanScores"]
    assert second["score"]["value"] > 0.5 > first["score"]["value"]
    assert (second["begin"], second["end"]) == (len(DECENT) + 1, len(DECENT) + 1 + len(TOXIC))
    assert (toxic["languages"], toxic["clientToken"]) == (["en"], "c")


def test_google_s_client_suggests(google: Any) -> None:
    body = {"comment": {"text": DECENT}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}}, "clientToken": "c"}
    assert google.comments().suggestscore(body=body).execute() == {"clientToken": "c", "detectedLanguages": ["en"]}


def test_google_s_client_understands_refusals(google: Any) -> None:
    with pytest.raises(HttpError) as caught:
        google.comments().analyze(body=wanted("Ich verstehe nicht, warum Sie das sagen.")).execute()
    assert caught.value.status_code == 400
    assert caught.value.reason == "Attribute TOXICITY does not support request languages: de"
    assert caught.value.error_details[0]["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"


def test_google_s_client_sends_batches(google: Any) -> None:
    answers: dict[str, tuple[Any, Any]] = {}
    batch = google.new_batch_http_request(callback=lambda name, answer, error: answers.__setitem__(name, (answer, error)))
    for name, text in {"toxic": TOXIC, "decent": DECENT, "empty": ""}.items():
        batch.add(google.comments().analyze(body=wanted(text)), request_id=name)
    batch.execute()
    assert summary(answers["toxic"][0]) > 0.5 > summary(answers["decent"][0])
    assert answers["empty"][1].reason == "Comment must be non-empty."


def test_coral_asks_and_tells_what_its_moderators_decide(server: Server) -> None:
    """The bodies of coralproject/talk, services/perspective: endpoint .../v1alpha1, model TOXICITY."""
    status, answer = server.post("/v1alpha1/comments:analyze", wanted(TOXIC, doNotStore=True, languages=["en"]))
    assert status == 200
    assert summary(answer) > 0.8  # Coral's default threshold
    told = {
        "comment": {"text": TOXIC}, "context": {"entries": [{"text": '{"url":"https://news.example/a"}'}]},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}, "languages": ["en"],
        "communityId": "Coral:https://talk.news.example", "clientToken": "comment:5",
    }
    assert server.post("/v1alpha1/comments:suggestscore", told)[0] == 200


def test_nothing_else_is_served(server: Server) -> None:
    for path in ("/review/", "/account/sign-in", "/api/v1/me", "/embed.js", "/"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.address}{path}", timeout=5)
        with caught.value as error:
            assert (error.code, json.load(error)["error"]["status"]) == (404, "NOT_FOUND")


def test_a_rush_is_answered_or_turned_away_and_health_stays(server: Server) -> None:
    long = wanted("An ordinary sentence about the harbour. " * 150, spanAnnotations=True)
    with ThreadPoolExecutor(16) as pool:
        rush = [pool.submit(server.post, "/v1alpha1/comments:analyze", long) for _ in range(16)]
        began = time.monotonic()
        with urllib.request.urlopen(f"{server.address}/healthz", timeout=30) as answer:
            assert answer.status == 200
        assert time.monotonic() - began < 30
        assert {future.result()[0] for future in rush} <= {200, 503}
    assert server.post("/v1alpha1/comments:analyze", wanted(DECENT))[0] == 200


def test_the_access_log_has_no_keys(server: Server) -> None:
    assert server.post("/v1alpha1/comments:analyze", wanted(DECENT))[0] == 200
    deadline = time.monotonic() + 10
    while not (found := _answered(log := server.log.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)  # written after the answer
    assert (found[0]["method"], found[0]["logger"]) == ("POST", "commentsvc.access")
    assert found[0]["ms"] >= 0
    assert found[0]["request_id"]
    assert server.key not in log
    assert DECENT not in log


def _answered(log: str) -> list[dict[str, Any]]:
    """The lines of texts that were scored."""
    lines = [json.loads(line) for line in log.splitlines() if "comments:analyze" in line]
    return [line for line in lines if line["status"] == 200]


def test_without_keys_only_this_machine_s_programs_are_answered(tmp_path: Path) -> None:
    refused = commentsvc(tmp_path / "x", "--open", "--host", "0.0.0.0")  # noqa: S104 - refused, that is the test
    assert refused.returncode == 2
    assert "--open" in refused.stderr
    assert not (tmp_path / "x").exists()
    with running(tmp_path / "open", "--open") as server:
        assert server.post("/v1alpha1/comments:analyze", wanted(DECENT))[0] == 200
        assert server.post("/v1alpha1/comments:analyze", wanted(DECENT), key="anything")[0] == 200
        for headers in ({"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}, {"Host": "[::1"}):
            assert server.post("/v1alpha1/comments:analyze", wanted(DECENT), headers=headers)[0] in {400, 403}


def test_the_process_that_serves_never_imports_a_runtime(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom commentsvc.cli.perspective import build_app\napp = build_app()\n"
        "print([m for m in ('torch', 'transformers', 'detoxify', 'onnxruntime') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environ(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
