"""The addresses around the two methods: discovery, batches, browsers, logs."""

from __future__ import annotations

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsvc.perspective.blueprint import MAX_BATCH
from commentsvc.perspective.discovery import document
from commentsvc.perspective.messages import MESSAGES
from tests.perspective.conftest import Ask, request, suggestion

pytestmark = pytest.mark.once

DISCOVERY = "/$discovery/rest?version=v1alpha1"

# Google's schemas of commentanalyzer v1alpha1: message -> its properties.
GOOGLES = {
    "AnalyzeCommentRequest": "clientToken comment communityId context doNotStore dropUnsupportedAttributes languages requestedAttributes sessionId spanAnnotations",
    "AnalyzeCommentResponse": "attributeScores clientToken detectedLanguages languages",
    "ArticleAndParentComment": "article parentComment",
    "AttributeParameters": "scoreThreshold scoreType",
    "AttributeScores": "spanScores summaryScore",
    "Context": "articleAndParentComment entries",
    "Score": "type value",
    "SpanScore": "begin end score",
    "SuggestCommentScoreRequest": "attributeScores clientToken comment communityId context languages sessionId",
    "SuggestCommentScoreResponse": "clientToken detectedLanguages requestedLanguages",
    "TextEntry": "text type",
}


def test_the_document_describes_google_s_messages_at_our_address(client: FlaskClient) -> None:
    answer = client.get(DISCOVERY, base_url="https://comments.example/prefix")
    assert answer.json is not None
    assert (answer.json["id"], answer.json["rootUrl"], answer.json["servicePath"]) == (
        "commentanalyzer:v1alpha1", "https://comments.example/prefix/", ""
    )
    assert {name: set(schema["properties"]) for name, schema in answer.json["schemas"].items()} == {
        name: set(fields.split()) | ({"doNotStore"} if name == "SuggestCommentScoreRequest" else set()) for name, fields in GOOGLES.items()
    }
    methods = answer.json["resources"]["comments"]["methods"]
    assert {name: (method["httpMethod"], method["path"], method["id"]) for name, method in methods.items()} == {
        "analyze": ("POST", "v1alpha1/comments:analyze", "commentanalyzer.comments.analyze"),
        "suggestscore": ("POST", "v1alpha1/comments:suggestscore", "commentanalyzer.comments.suggestscore"),
    }


def test_what_the_document_refers_to_is_in_it() -> None:
    found = document("http://x/")
    text = orjson.dumps(found).decode()
    for name in MESSAGES:
        assert f'"$ref":"{name}"' in text
    assert found["schemas"]["SpanScore"]["properties"]["begin"] == {
        "type": "integer", "format": "int32", "description": "Where the part begins, in UTF-16 code units."
    }
    assert found["schemas"]["AnalyzeCommentRequest"]["properties"]["requestedAttributes"]["additionalProperties"] == {
        "$ref": "AttributeParameters"
    }


def part(number: int, line: str, body: bytes, newline: bytes = b"\n") -> bytes:
    head = f"--=b\nContent-Type: application/http\nContent-ID: <u + {number}>\n\n{line} HTTP/1.1\nContent-Type: application/json\n\n"
    return head.encode().replace(b"\n", newline) + body + newline


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_batch_is_answered_part_by_part(client: FlaskClient, ask: Ask, secret: str, newline: bytes) -> None:
    body = b"".join([
        part(1, f"POST /v1alpha1/comments:analyze?key={secret}&alt=json", orjson.dumps(request()), newline),
        part(2, "POST /v1alpha1/comments:suggestscore", orjson.dumps(suggestion(clientToken="t")), newline),
        part(3, "POST /v1alpha1/comments:analyze?key=wrong", b"{}", newline),
        part(4, "GET /v1alpha1/comments:analyze", b"", newline),
        part(5, "POST https://elsewhere.example/v1alpha1/comments:analyze", orjson.dumps(request("")), newline),
        b"--=b--", newline,
    ])
    answer = client.post(f"/batch?key={secret}", data=body, content_type='multipart/mixed; boundary="=b"')
    assert answer.status_code == 200
    mark = answer.mimetype_params["boundary"].encode()
    parts = answer.data.split(b"--" + mark)
    assert parts[-1] == b"--\r\n"
    assert [piece.split(b"HTTP/1.1 ")[1].split(b"\r\n")[0] for piece in parts[1:-1]] == [
        b"200 OK", b"200 OK", b"400 Bad Request", b"404 Not Found", b"400 Bad Request"
    ]
    assert [piece.split(b"Content-ID: ")[1].split(b"\r\n")[0] for piece in parts[1:-1]] == [
        b"<response-u + %d>" % n for n in range(1, 6)
    ]
    assert orjson.loads(parts[2].split(b"\r\n\r\n")[2]) == {"detectedLanguages": ["en"], "clientToken": "t"}


@pytest.mark.parametrize(("body", "status"), [
    (b"", 400), (b"--=b--", 400), (b"nothing", 400), (b"--=b\n" * 1200, 400), (b"--=b\r\n--=b--", 200), (b"--=b\n\n\n--=b--", 200),
    (b"--=b\nContent-ID: \xff\xfe\n\nPOST \xff HTTP/1.1\n\n\n--=b--", 200), (b"--=b\n\nPOST http://[x HTTP/1.1\n\n{}\n--=b--", 200),
    (b"--=b\n\nPOST /v1alpha1/comments:analyze?key=%ff%00 HTTP/1.1\n\n{}\n--=b--", 200), (b"--=b\n\nGET / HTTP/1.1\n\n--=b--", 200),
])
def test_a_broken_batch_is_no_fault(client: FlaskClient, ask: Ask, secret: str, body: bytes, status: int) -> None:
    answer = client.post(f"/batch?key={secret}", data=body, content_type='multipart/mixed; boundary="=b"')
    assert answer.status_code == status
    assert b"HTTP/1.1 5" not in answer.data


def test_a_batch_of_another_kind_or_size_is_refused(client: FlaskClient) -> None:
    assert client.post("/batch", json={}).status_code == 400
    assert client.post("/batch", data=b"x", content_type="multipart/mixed").status_code == 400
    answer = client.post("/batch", data=b"x" * (MAX_BATCH + 1), content_type="multipart/mixed; boundary=a")
    assert answer.status_code == 400
    assert "exceeds the limit" in answer.text


@pytest.mark.parametrize("path", ["/v1alpha1/comments:analyze", "/v1alpha1/comments:suggestscore", "/batch", DISCOVERY])
def test_pages_anywhere_may_ask_with_a_key(client: FlaskClient, path: str) -> None:
    asked = {"Origin": "https://news.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-goog-api-key"}
    preflight = client.options(path, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,x-goog-api-key"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    refused = client.post("/v1alpha1/comments:analyze", json={}, headers={"Origin": "https://news.example"})
    assert refused.headers["Access-Control-Allow-Origin"] == "*"  # errors are for pages to read too


def test_no_cookie_is_set_or_looked_at(client: FlaskClient, ask: Ask) -> None:
    for answer in (ask(request()), client.get(DISCOVERY), client.post("/batch")):
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_nothing_is_logged_of_a_request(ask: Ask, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, secret: str) -> None:
    for body in (request("my very own words"), request("my very own words", "NICENESS"), b"my very own words"):
        ask(body)
        ask(body, "suggestscore")
    said = "".join(capfd.readouterr()) + caplog.text
    assert "my very own words" not in said
    assert secret not in said


def test_a_database_that_fails_logs_no_comment(
    app: Flask, ask: Ask, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's error names the statement with its parameters: the comment."""
    ask(request())
    monkeypatch.setattr("commentsvc.perspective.suggestions._fingerprint", lambda *_: ["no bytes"])
    answer = ask(suggestion("my very own words"), "suggestscore")
    assert answer.status_code == 500
    assert answer.json == {"error": {"code": 500, "message": "Internal error encountered.", "status": "INTERNAL"}}
    assert "my very own words" not in "".join(capfd.readouterr())
