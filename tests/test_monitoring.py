"""The dashboard, the alerts and their documentation name what /metrics gives, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from commentsvc import create_app
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.alarms import report
from commentsvc.screening.toxicity import ModelInfo
from commentsvc.tasks import EXTENSION
from tests.redis import running_redis
from tests.test_documentation import ROOT
from tests.test_readiness import application

pytestmark = pytest.mark.once

DASHBOARD = json.loads((ROOT / "deploy/grafana/commentsvc.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
MONITORING = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
PARTS = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
TARGET_LABELS = {"job", "instance"}  # Prometheus adds them
SEVERITIES = {"critical", "warning", "info"}


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """Every PromQL expression of the dashboard and of the alerts."""
    return [target["expr"] for panel in panels() for target in panel["targets"]] + [rule["expr"] for rule in alerts()]


@pytest.fixture
def given(app: Flask, settings: Settings, tmp_path: Path) -> dict[str, set[str]]:
    """Every sample that /metrics gives -> its labels; with Redis, so that nothing is missing."""
    report("here:1:1", utcnow(), ModelInfo("minilm", "2", "a" * 64), None)
    db.session.commit()
    found: dict[str, set[str]] = {}
    with running_redis(tmp_path) as address, application(settings, REDIS_URL=address, METRICS_TOKEN="x" * 30) as watched:
        client = watched.test_client()
        for _ in range(2):  # the first is counted when the second is answered
            db.session.remove()
            text = client.get("/metrics", headers={"Authorization": "Bearer " + "x" * 30}).text
    for family in text_string_to_metric_families(text):
        for part in PARTS[family.type]:
            name = family.name + part
            found[name] = {label for s in family.samples if s.name == name for label in s.labels}
    return found


def test_every_metric_of_the_dashboard_and_the_alerts_is_given(given: dict[str, set[str]]) -> None:
    named = {name for expression in expressions() for name in re.findall(r"\bcommentsvc_[a-z_]+", expression)}
    assert named <= set(given), named - set(given)
    assert len(named) > 20


def test_every_label_they_choose_or_group_by_is_that_metric_s(given: dict[str, set[str]]) -> None:
    for expression in expressions():
        names = re.findall(r"\bcommentsvc_[a-z_]+", expression)
        known = set().union(*(given[name] for name in names)) | TARGET_LABELS
        grouped = [label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")]
        for name, matchers in re.findall(r"\b(commentsvc_[a-z_]+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)(?:=~|=)", matchers)) <= given[name] | TARGET_LABELS, expression
        assert set(grouped) <= known, expression


def test_every_value_that_is_chosen_is_one_there_is(app: Flask, settings: Settings) -> None:
    """`state="working"`, `origin="posted"`: a misspelt one is an alert that never comes."""
    made = create_app(dataclasses.replace(settings, METRICS_TOKEN="x" * 30))
    text = made.test_client().get("/metrics", headers={"Authorization": "Bearer " + "x" * 30}).text
    with made.app_context():
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()
    for expression in expressions():
        for name, label, wanted in re.findall(r'\b(commentsvc_[a-z_]+)\{[^}]*?(state|origin|kind|actor|outcome)="(\w+)"', expression):
            assert re.search(rf'^{name}\{{.*{label}="{wanted}"', text, re.MULTILINE), expression


def test_expressions_are_closed() -> None:
    for expression in expressions():
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), expression
        assert expression.count('"') % 2 == 0, expression


def test_the_dashboard_can_be_imported_anywhere() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "job"}
    places = set()
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}", "no data source of somebody's own"
        assert panel["title"]
        assert panel["description"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
    assert len(places) == len(list(panels()))


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        assert rule["labels"]["severity"] in SEVERITIES, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert f"| `{rule['alert']}` | {rule['labels']['severity']} |" in MONITORING, f"{rule['alert']} is not in docs/monitoring.md"


def test_every_metric_is_documented_and_every_documented_one_is_given(given: dict[str, set[str]]) -> None:
    documented = set(re.findall(r"^\| `(commentsvc_[a-z_]+)` \|", MONITORING, re.MULTILINE))
    assert documented == {re.sub(r"_(bucket|sum|count)$", "", name) for name in given}
