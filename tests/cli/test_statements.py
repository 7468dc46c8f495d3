"""Statements in the schema of the DSA Transparency Database, and a report's figures."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask

from commentsvc.accounts.permissions import Role
from commentsvc.cli import main
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.appeals import Outcome, judge, lodge
from commentsvc.moderation.decide import reject, undo
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason, Statement
from commentsvc.moderation.statement_export import EEA, EU, FIELDS
from commentsvc.moderation.statements import live_statement
from commentsvc.sites.models import Site
from tests.factories import make_article, make_comment, make_site, make_user

# What version 2 of the database's API refuses a statement without.
REQUIRED = {
    "puid", "decision_ground", "content_type", "category", "territorial_scope", "content_date", "application_date", "decision_facts",
    "source_type", "automated_detection", "automated_decision",
}


def run(app: Flask, *words: str) -> Result:
    db.session.commit()
    result = app.test_cli_runner().invoke(main, ["statements", *words])
    db.session.rollback()
    return result


@pytest.fixture
def site(app: Flask) -> Site:
    """One statement that was upheld, one that was overturned, one that was taken back, one by a program."""
    site = make_site(key="post", name="Zoë's \"Post\"")
    article, author = make_article(site), make_user("Ada Author")
    nora, tomas = (make_user(n, role=Role.COMMUNITY_MANAGER, site=site) for n in ("Nora Secret", "Tomas Secret"))
    for outcome in Outcome:
        comment = make_comment(article, author, f"A secret text, {outcome}.")
        flag(comment, tomas, "abuse", "")
        reject(comment, actor=nora, reason=Reason.HATE, seen=comment.version, law="Section 130" if outcome == Outcome.UPHELD else "")
        found = live_statement(comment.id)
        assert found is not None
        judge(lodge(found, author, "A secret appeal."), outcome, actor=tomas, answer="A secret answer.")
    comment = make_comment(article, author)
    undo(reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version), actor=nora)
    make_comment(article, author, status=Status.REJECTED)
    make_comment(make_article(), status=Status.REJECTED)
    db.session.commit()
    return site


def test_the_json_is_what_the_database_s_call_takes(app: Flask, site: Site) -> None:
    result = run(app, "export", "--site", "post")
    assert result.exit_code == 0, result.output
    assert "4 statements." in result.stderr
    records = json.loads(result.stdout)["statements"]
    assert len(records) == 4
    for record in records:
        assert record.keys() >= REQUIRED
        assert set(record) <= set(FIELDS)
        assert re.fullmatch(r"[A-Za-z0-9_-]+", record["puid"])
        assert record["territorial_scope"] == list(EEA)
        assert record["content_type"] == ["CONTENT_TYPE_TEXT"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["content_date"])
        illegal = record["decision_ground"] == "DECISION_GROUND_ILLEGAL_CONTENT"
        kind = "illegal_content" if illegal else "incompatible_content"
        assert record[f"{kind}_explanation"]
        assert record["illegal_content_legal_ground" if illegal else "incompatible_content_ground"]
    assert [("end_date_visibility_restriction" in r) for r in records] == [False, True, True, False]
    assert [r["automated_decision"].rsplit("_", 1)[1] for r in records] == ["AUTOMATED", "AUTOMATED", "AUTOMATED", "FULLY"]
    for secret in ("Ada", "Secret", "secret"):
        assert secret not in result.stdout


def test_the_csv_has_the_same_and_a_period_leaves_out_what_is_not_of_it(app: Flask, site: Site) -> None:
    result = run(app, "export", "--format", "csv", "--territory", "DE", "--territory", "at")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 5
    assert json.loads(rows[0]["territorial_scope"]) == ["AT", "DE"]
    assert json.loads(rows[0]["decision_visibility"]) == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    old = db.session.query(Statement).order_by(Statement.id).first()
    assert old is not None
    old.created_at = utcnow() - timedelta(days=40)
    today = utcnow().date().isoformat()
    assert len(list(csv.DictReader(io.StringIO(run(app, "export", "--format", "csv", "--since", today, "--until", today).stdout)))) == 4
    wrong = run(app, "export", "--since", "2026-02-01", "--until", "2026-01-01")
    assert "ends before it begins" in wrong.output
    assert "no country" in run(app, "export", "--territory", "US").output
    assert "4" not in run(app, "export", "--site", "nowhere").stdout


def test_countries_are_those_of_the_union_and_the_area() -> None:
    assert (len(EU), len(EEA)) == (27, 30)


def test_a_report_counts_what_was_decided_and_appealed(app: Flask, site: Site) -> None:
    today = utcnow().date().isoformat()
    result = run(app, "report", "--site", "post", "--since", today, "--until", today)
    assert result.exit_code == 0, result.output
    found = {(r["indicator"], r["scope"]): r["value"] for r in csv.DictReader(io.StringIO(result.stdout))}
    assert found["restrictions, not solely by automated means", "DECISION_VISIBILITY_CONTENT_REMOVED"] == "3"
    assert found["restrictions, solely by automated means", "DECISION_VISIBILITY_CONTENT_DISABLED"] == "1"
    assert found["decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"] == "1"
    assert found["flags by readers", "all"] == "2"
    assert found["submitted", "all"] == "2"
    assert (found["outcome", "upheld"], found["outcome", "overturned"], found["outcome", "open"]) == ("1", "1", "0")
    assert found["median time to the decision, hours", "all"] == "0"
    assert found["reversed", "without a complaint"] == "1"
