"""Errors: the codes and bodies that Google documents and clients were written against."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsvc.moderation.engine import Engine, install_engine
from commentsvc.perspective.analyze import MAX_BYTES
from commentsvc.perspective.blueprint import MAX_BODY
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer
from tests.perspective.conftest import Ask, CountingScorer, request, suggestion

pytestmark = pytest.mark.once

ERROR = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": found | ({"details": list(details)} if details else {})}


def invalid(message: str, kind: str = "INVALID_REQUEST", **more: Any) -> dict[str, Any]:
    return error(400, "INVALID_ARGUMENT", message, {"@type": ERROR, "errorType": kind, **more})


def malformed(*violations: tuple[str, str]) -> dict[str, Any]:
    listed = [{"field": field, "description": text} if field else {"description": text} for field, text in violations]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed}
    return error(400, "INVALID_ARGUMENT", "\n".join(text for _, text in violations), detail)


def with_attribute(parameters: Any) -> dict[str, Any]:
    return request() | {"requestedAttributes": {"TOXICITY": parameters}}


JSON = "Invalid JSON payload received."
NO_FIELD = "Cannot find field."
LANGUAGE = "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
WRONG: dict[str, tuple[Any, dict[str, Any]]] = {
    "no comment": ({"requestedAttributes": {"TOXICITY": {}}}, invalid("Comment must be non-empty.", "COMMENT_EMPTY")),
    "an empty comment": (request(""), invalid("Comment must be non-empty.", "COMMENT_EMPTY")),
    "a comment of spaces": (request(" \n\u2003"), invalid("Comment must be non-empty.", "COMMENT_EMPTY")),
    "HTML that shows nothing": (
        request() | {"comment": {"text": "<p><br></p>", "type": "HTML"}}, invalid("Comment must be non-empty.", "COMMENT_EMPTY")
    ),
    "too long a comment": (request("x" * (MAX_BYTES + 1)), invalid("Comment text too long.", "COMMENT_TOO_LONG")),
    "too many bytes": (request("é" * (MAX_BYTES // 2 + 1)), invalid("Comment text too long.", "COMMENT_TOO_LONG")),
    "no attributes": (request() | {"requestedAttributes": {}}, invalid("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")),
    "an attribute nobody has": (request("Hi", "NICENESS"), invalid("Unknown requested attribute: NICENESS")),
    "an attribute of Google's": (request("Hi", "TOXICITY", "FLIRTATION"), invalid("Unknown requested attribute: FLIRTATION")),
    "one the model lacks": (request("Hi", "SEXUALLY_EXPLICIT"), invalid("Unknown requested attribute: SEXUALLY_EXPLICIT")),
    "another kind of score": (
        with_attribute({"scoreType": "PERCENTILE"}), invalid("Requested score type PERCENTILE is not supported by attribute TOXICITY")
    ),
    "two contexts": (
        request(context={"entries": [{"text": "a"}], "articleAndParentComment": {"article": {"text": "b"}}}),
        invalid("Context can have either entries or article_and_parent_comment, but both fields were populated."),
    ),
    "a language that is not served": (
        request(languages=["de"]),
        invalid("Attribute TOXICITY does not support request languages: de", LANGUAGE,
                languageNotSupportedByAttributeError={"requestedLanguages": ["de"], "attribute": "TOXICITY"}),
    ),
    "one language of two that is not": (
        request("Hi", "INSULT", "TOXICITY", languages=["en", "fr"]),
        invalid("Attribute INSULT does not support request languages: en, fr", LANGUAGE,
                languageNotSupportedByAttributeError={"requestedLanguages": ["en", "fr"], "attribute": "INSULT"}),
    ),
    "a detected language that is not": (
        request("Das Theater war gestern Abend leider geschlossen.", languages=[]),
        invalid("Attribute TOXICITY does not support request languages: de", LANGUAGE,
                languageNotSupportedByAttributeError={"detectedLanguages": ["de"], "attribute": "TOXICITY"}),
    ),
    "no language at all": (request("12345 !!!", languages=[]), invalid("Unable to detect language", "LANGUAGE_DETECTION_FAILED")),
    "no JSON": (b"{'comment'", malformed(("", f"{JSON} Unexpected token."))),
    "half a character": (b'{"comment": {"text": "\\ud83d"}}', malformed(("", f"{JSON} Unexpected token."))),
    "no UTF-8": (b'{"comment": {"text": "\xff"}}', malformed(("", f"{JSON} Unexpected token."))),
    "not a number": (b'{"comment": NaN}', malformed(("", f"{JSON} Unexpected token."))),
    "a list": ([], malformed(("", f'{JSON} Unknown name "": Root element must be a message.'))),
    "an unknown field": (request(coment={}), malformed(("", f'{JSON} Unknown name "coment": {NO_FIELD}'))),
    "an unknown field inside": (
        request() | {"comment": {"text": "a", "lang": "en", "x": 1}},
        malformed(("comment", f"{JSON} Unknown name \"lang\" at 'comment': {NO_FIELD}"),
                  ("comment", f"{JSON} Unknown name \"x\" at 'comment': {NO_FIELD}")),
    ),
    "an unknown parameter": (
        with_attribute({"treshold": 1}),
        malformed(("requested_attributes[0].value", f"{JSON} Unknown name \"treshold\" at 'requested_attributes[0].value': {NO_FIELD}")),
    ),
    "a list for a comment": (
        request() | {"comment": []}, malformed(("", f'{JSON} Unknown name "comment": Proto field is not repeating, cannot start list.'))
    ),
    "a number for a text": (
        request() | {"comment": {"text": 5}}, malformed(("comment.text", "Invalid value at 'comment.text' (TYPE_STRING), 5"))
    ),
    "a text for a comment": (
        request() | {"comment": "Hi"},
        malformed(("comment", "Invalid value at 'comment' (type.googleapis.com/google.commentanalyzer.v1alpha1.TextEntry), \"Hi\"")),
    ),
    "a text for a truth": (
        request(doNotStore="yes"), malformed(("do_not_store", "Invalid value at 'do_not_store' (TYPE_BOOL), \"yes\""))
    ),
    "a word for a threshold": (
        with_attribute({"scoreThreshold": "NaN"}),
        malformed(("requested_attributes[0].value.score_threshold",
                   "Invalid value at 'requested_attributes[0].value.score_threshold' (TYPE_FLOAT), \"NaN\"")),
    ),
    "a type of text there is not": (
        request() | {"comment": {"text": "a", "type": "MARKDOWN"}},
        malformed(("comment.type", f"Invalid value at 'comment.type' ({ERROR.replace('.Error', '.TextType')}), \"MARKDOWN\"")),
    ),
    "a list for the attributes": (
        request() | {"requestedAttributes": ["TOXICITY"]},
        malformed(("requested_attributes", "Invalid value at 'requested_attributes' (Map), [\"TOXICITY\"]")),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_told_what_google_tells(ask: Ask, case: str) -> None:
    body, expected = WRONG[case]
    answer = ask(body)
    assert answer.json == expected
    assert answer.status_code == expected["error"]["code"]
    assert answer.content_type == "application/json; charset=UTF-8"


def test_just_short_enough_is_scored(ask: Ask) -> None:
    assert ask(request("é" * (MAX_BYTES // 2))).status_code == 200


def test_an_empty_body_is_an_empty_message(ask: Ask) -> None:
    assert ask(b"").json == WRONG["no comment"][1]
    assert ask({}).json == WRONG["no comment"][1]


@pytest.mark.parametrize("operation", ["analyze", "suggestscore"])
def test_a_wrong_key_and_none(ask: Ask, operation: str) -> None:
    message = "API key not valid. Please pass a valid API key."
    for key in ("AIzaSyNotOurs", "ck_" + "x" * 43, "ck_\x00", "ck_\u20ac" * 1000):
        answer = ask(request(), operation, key=key)
        assert answer.status_code == 400
        assert answer.json == error(
            400, "INVALID_ARGUMENT", message,
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
             "metadata": {"service": "commentanalyzer.googleapis.com"}},
            {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
        )
    answer = ask(request(), operation, key=None)
    assert (answer.status_code, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "unregistered callers" in answer.json["error"]["message"]


def test_the_key_is_looked_at_before_the_body(ask: Ask) -> None:
    assert ask(b"x" * (MAX_BODY + 1), key="ck_wrong").json["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_too_large_a_body(ask: Ask) -> None:
    answer = ask(b" " * (MAX_BODY + 1))
    assert answer.json == error(400, "INVALID_ARGUMENT", f"Request payload size exceeds the limit: {MAX_BODY} bytes.")


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v1alpha1/comments:analyze"), ("PUT", "/v1alpha1/comments:suggestscore"), ("POST", "/v1alpha1/comments:delete"),
    ("GET", "/v1alpha1/"), ("POST", "/v1alpha1/comments"), ("DELETE", "/v1alpha1/a/b"), ("GET", "/$discovery/rest?version=v1"),
])
def test_what_there_is_not(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert answer.json == error(404, "NOT_FOUND", "Method not found.")
    assert answer.status_code == 404


HOSTILE = {
    "deep": b'{"comment":' * 5000 + b"{}" + b"}" * 5000,
    "deep lists": b'{"languages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge number": b'{"comment":{"text":"a"},"requestedAttributes":{"TOXICITY":{"scoreThreshold":' + b"9" * 400_000 + b"}}}",
    "a huge exponent": b'{"comment":{"text":"a"},"requestedAttributes":{"TOXICITY":{"scoreThreshold":1e999999999}}}',
    "infinity": b'{"requestedAttributes":{"TOXICITY":{"scoreThreshold":Infinity}}}',
    "the same name twice": b'{"comment":{"text":"a"},"comment":{"text":""},"requestedAttributes":{"TOXICITY":{}}}',
    "thousands of names": b"{" + b",".join(b'"n%d":1' % n for n in range(100_000)) + b"}",
    "thousands of attributes": b'{"comment":{"text":"a"},"requestedAttributes":{' + b",".join(b'"A%d":{}' % n for n in range(50_000)) + b"}}",
    "thousands of languages": b'{"comment":{"text":"a"},"languages":[' + b",".join([b'"xx"'] * 100_000) + b'],"requestedAttributes":{"TOXICITY":{}}}',
    "a megabyte": b'{"comment":{"text":"' + b"a" * 1_000_000 + b'"}}',
    "a long name": b'{"' + b"a" * 1_000_000 + b'":1}',
    "tags that end nowhere": b'{"comment":{"type":"HTML","text":"' + b"<a " * 6000 + b'"},"requestedAttributes":{"NO":{}}}',
    "tags in tags": b'{"comment":{"type":"HTML","text":"' + b"<" + b"a" * 20_000 + b'"},"requestedAttributes":{"NO":{}}}',
    "comments that end nowhere": b'{"comment":{"type":"HTML","text":"a' + b"<!--" * 5000 + b'"},"requestedAttributes":{"NO":{}}}',
    "scripts that end nowhere": b'{"comment":{"type":"HTML","text":"a' + b"<script>" * 2500 + b'"},"requestedAttributes":{"NO":{}}}',
    "entities": b'{"comment":{"type":"HTML","text":"' + b"&" * 20_000 + b'"},"requestedAttributes":{"NO":{}}}',
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("operation", ["analyze", "suggestscore"])
def test_a_hostile_body_costs_little_and_is_refused(ask: Ask, case: str, operation: str) -> None:
    began = time.perf_counter()
    answer = ask(HOSTILE[case], operation)
    assert time.perf_counter() - began < 2
    assert answer.status_code == 400
    assert len(answer.data) < 20_000


def test_characters_that_are_none_are_scored_and_echoed(ask: Ask) -> None:
    answer = ask(request("a\x00b\u200b\ufffe\U0010ffff", clientToken="\x00", spanAnnotations=True))
    assert answer.status_code == 200
    assert answer.json["clientToken"] == "\x00"
    assert ask(suggestion("a\x00b", clientToken="\x00", communityId="\x00"), "suggestscore").status_code == 200


class FailingScorer(CountingScorer):
    """Loads, and then answers with something that is no score."""

    def score(self, texts: Any) -> Any:
        if texts == ["."]:
            return super().score(texts)
        message = "gave no finite scores"
        raise ScoringError(message)


def broken_load() -> ToxicityScorer:
    message = "model.onnx is corrupt"
    raise ScoringError(message)


@pytest.mark.parametrize("engine", [Engine(1, load=FailingScorer), Engine(1, load=broken_load)])
def test_a_broken_model_says_come_back(app: Flask, ask: Ask, engine: Engine) -> None:
    install_engine(app, engine)
    answer = ask(request())
    assert answer.json == error(503, "UNAVAILABLE", "The service is currently unavailable.")
    assert answer.headers["Retry-After"] == "10"


def test_a_fault_of_ours_tells_nothing_and_logs_no_comment(
    ask: Ask, scorer: CountingScorer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    def fail(_texts: object) -> None:
        raise RuntimeError("out of luck")

    ask(request())
    monkeypatch.setattr(scorer, "score", fail)
    answer = ask(request("my own words, idiot"))
    assert answer.json == error(500, "INTERNAL", "Internal error encountered.")
    said = "".join(capsys.readouterr())
    assert "RuntimeError" in said
    assert "in fail" in said  # where it happened
    assert "my own words" not in said
    assert secret not in said
