"""The OpenAPI document: complete, true to the schemas, and kept in docs/openapi.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from commentsvc.api import examples
from commentsvc.api.document import openapi_document, openapi_json
from commentsvc.api.problems import MEANINGS
from commentsvc.api.schemas.accounts import CredentialsSchema, SignedInSchema, UserSchema
from commentsvc.api.schemas.comments import CommentDetailSchema, CommentSchema, ThreadSchema
from commentsvc.api.schemas.fields import BaseSchema
from commentsvc.api.schemas.moderation import DecidedSchema
from commentsvc.api.schemas.sites import ArticleSchema
from commentsvc.cli.openapi import openapi
from tests.api.conftest import Caller

pytestmark = pytest.mark.once

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def test_the_kept_document_is_what_the_api_says(app: Flask) -> None:
    assert KEPT.read_bytes() == openapi_json(), "run: commentsvc openapi"


def test_every_route_under_api_v1_is_documented(app: Flask) -> None:
    documented = {(method.upper(), path) for method, path, _ in operations(openapi_document())}
    routes = {
        (method, re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert documented == routes - {("GET", "/api/v1/openapi.json")}


def test_every_operation_says_what_it_is_and_what_may_go_wrong(app: Flask) -> None:
    document = openapi_document()
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert "security" in operation, where
        assert "500" in operation["responses"], where
        if operation["security"]:
            assert "401" in operation["responses"], where
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), where
            assert "example" in operation["requestBody"]["content"]["application/json"], where


def test_errors_are_documented_as_problems(app: Flask) -> None:
    for name, response in openapi_document()["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
        assert content["example"]["detail"] == MEANINGS[content["example"]["status"]][1]


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        (examples.CREDENTIALS, CredentialsSchema()), (examples.USER, UserSchema()), (examples.SIGNED_IN, SignedInSchema()),
        (examples.ARTICLE, ArticleSchema()), (examples.COMMENT, CommentSchema()), (examples.THREAD, ThreadSchema()),
        (examples.OWN_COMMENT, CommentDetailSchema()), (examples.DECISION, DecidedSchema()),
    ],
)
def test_the_examples_fit_their_schemas(example: dict[str, Any], schema: BaseSchema) -> None:
    assert schema.validate(example) == {}


def test_the_document_is_served_to_any_tool(anyone: Caller) -> None:
    served = anyone.get("/openapi.json")
    assert served.json == json.loads(KEPT.read_bytes())
    assert served.headers["Access-Control-Allow-Origin"] == "*"
    assert anyone.get("/openapi.json", headers={"If-None-Match": served.headers["ETag"]}).status_code == 304


def test_the_page_to_try_it_allows_nothing_inline(anyone: Caller) -> None:
    page = anyone.get("/api/docs")
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert page.text.count("nonce=") == page.text.count("<script") + page.text.count("<link")


def test_the_command_writes_and_checks_the_document(app: Flask, tmp_path: Path) -> None:
    target = tmp_path / "openapi.json"
    runner = app.test_cli_runner()
    missing = runner.invoke(openapi, ["--output", str(target), "--check"])
    assert missing.exit_code == 1
    written = runner.invoke(openapi, ["--output", str(target)])
    assert (written.exit_code, target.read_bytes()) == (0, openapi_json())
    assert runner.invoke(openapi, ["--output", str(target), "--check"]).exit_code == 0
    target.write_bytes(b"{}")
    stale = runner.invoke(openapi, ["--output", str(target), "--check"])
    assert stale.exit_code == 1
    assert "commentsvc openapi" in stale.output
