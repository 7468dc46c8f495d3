"""docs/api.md names every error code and rate limit that the API has."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

from flask import Flask

import commentsvc
from commentsvc import busy, errors
from commentsvc.accounts.permissions import Permission
from commentsvc.api.problems import MEANINGS
from commentsvc.config import Settings

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
PACKAGE = Path(commentsvc.__file__).parent
# What cannot happen under /api/v1: forms of the account pages, the widget's registration, no such status.
ELSEWHERE = {"ledger_broken", "same_address", "link_expired", "not_registered", "error", "not_acceptable", "unavailable", "trap"}


def codes() -> set[str]:
    """Every code="..." given to an error in the package, and the ones the kinds of errors have."""
    found = {code for code, _ in MEANINGS.values()}
    found |= {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CommentsvcError)}
    found.add(busy.CODE)  # said before Flask is reached
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
    return found


def test_every_code_is_in_the_table_of_errors() -> None:
    table = GUIDE.split("## Errors")[1]
    documented = set(re.findall(r"`([a-z_]+)`", "".join(line.split("|")[2] for line in table.splitlines() if line.startswith(("| 4", "| 5")))))
    assert codes() - ELSEWHERE == documented


def test_every_limit_the_api_uses_is_in_the_table_of_limits() -> None:
    named = re.compile(r'(?:limited\("|settings_of\(current_app\)\.)(LIMIT_[A-Z]+)')
    used = {match for path in (PACKAGE / "api").glob("*.py") for match in named.findall(path.read_text())}
    assert used == set(re.findall(r"\| `(LIMIT_[A-Z]+)` \|", GUIDE))
    assert used <= {field.name for field in fields(Settings)}


def test_every_permission_is_in_the_table_of_roles() -> None:
    assert {permission.value for permission in Permission} <= set(re.findall(r"`([a-z_]+)`", GUIDE.split("## Keys")[1].split("## Limits")[0]))


def test_the_guide_asks_for_nothing_that_is_not_there(app: Flask) -> None:
    rules = {re.sub(r"<[^>]+>", "*", rule.rule) for rule in app.url_map.iter_rules()}
    asked = re.findall(r"\$API(/[a-z0-9/-]+)", GUIDE)
    assert len(asked) > 7
    for path in asked:
        pattern = re.sub(r"/(\d+|courier)(?=/|$)", "/*", path).replace("/queues/held", "/queues/*")
        assert f"/api/v1{pattern}" in rules, path
