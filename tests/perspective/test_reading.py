"""Any body gets an answer: a message or a refusal, never a fault."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commentsvc.perspective.messages import MESSAGES
from commentsvc.perspective.reading import read, snake
from commentsvc.perspective.refusals import Refusal
from tests.perspective.conftest import Ask

pytestmark = pytest.mark.once

NAMES = sorted({name for fields in MESSAGES.values() for name in fields})
WORDS = st.sampled_from([*NAMES, *map(snake, NAMES), "TOXICITY", "INSULT", "FLIRTATION", "HTML", "PLAIN_TEXT", "PROBABILITY", "en", "de", "You idiot. Hi"])
TEXTS = WORDS | st.text(max_size=40)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=15)


def of_message(name: str, depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly what the message takes, here and there something else."""
    fields = {}
    for key, field in MESSAGES[name].items():
        value: st.SearchStrategy[Any]
        if field.message:
            value = of_message(field.type, depth - 1) if depth else st.just({})
        else:
            value = {"string": TEXTS, "boolean": st.booleans(), "number": st.floats(0, 1), "integer": st.integers(0, 60)}[field.type]
            value = st.sampled_from(field.choices) if field.choices else value
        if field.mapped:
            value = st.dictionaries(st.sampled_from(["TOXICITY", "INSULT", "THREAT", "FLIRTATION"]), value, max_size=3)
        elif field.repeated:
            value = st.lists(value, max_size=3)
        fields[key] = value | ANYTHING if depth == 3 else value
    return st.fixed_dictionaries({}, optional=fields)


@pytest.mark.parametrize("operation", ["analyze", "suggestscore"])
def test_no_json_makes_a_fault(app: Flask, ask: Ask, operation: str) -> None:
    message = {"analyze": "AnalyzeCommentRequest", "suggestscore": "SuggestCommentScoreRequest"}[operation]
    seen = set()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ANYTHING | of_message(message))
    def check(body: Any) -> None:
        answer = ask(orjson.dumps(body), operation)
        assert answer.status_code in {200, 400}, answer.text
        assert ("error" in answer.json) == (answer.status_code == 400)
        seen.add(answer.status_code)

    check()
    assert 400 in seen


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_no_bytes_make_a_fault(body: bytes) -> None:
    try:
        found: object = read("AnalyzeCommentRequest", body)
    except Refusal as refusal:
        found = refusal.body()
    assert isinstance(found, dict)


@settings(max_examples=100)
@given(of_message("AnalyzeCommentRequest", depth=2))
def test_what_fits_is_read_as_it_is(message: dict[str, Any]) -> None:
    assert read("AnalyzeCommentRequest", orjson.dumps(message)) == message


def test_both_spellings_of_a_name() -> None:
    assert snake("articleAndParentComment") == "article_and_parent_comment"
    assert read("SuggestCommentScoreRequest", b'{"community_id": "a"}') == {"communityId": "a"}
