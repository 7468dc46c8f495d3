"""A key, a scorer that counts, and requests as clients send them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from commentsvc.database import write_intent
from commentsvc.extensions import db
from commentsvc.moderation.engine import Engine, engine, install_engine
from commentsvc.perspective.keys import create_program_key
from commentsvc.screening.toxicity import LABELS, Explanation, ModelInfo, Scores

Ask = Callable[..., Any]  # a TestResponse whose `json` need not be doubted


class CountingScorer:
    """Toxic is what says "idiot"; remembers what it was asked."""

    def __init__(self, *more_labels: str) -> None:
        self.info = ModelInfo("counting", "1", "0" * 64)
        self.labels = (*LABELS, *more_labels)
        self.asked: list[list[str]] = []

    def score(self, texts: Sequence[str]) -> list[Scores]:
        self.asked.append(list(texts))
        return [{label: self._score(label, text) for label in self.labels} for text in texts]

    def explain(self, text: str) -> Explanation:
        return Explanation()

    def _score(self, label: str, text: str) -> float:
        high = 0.9 if "idiot" in text else 0.1
        return high if label in {"toxicity", "insult"} else 0.05


@pytest.fixture
def scorer() -> CountingScorer:  # in place of the model, for this folder
    return CountingScorer()


@pytest.fixture
def _engine(app: Flask, scorer: CountingScorer) -> Iterator[None]:
    kept = engine()
    install_engine(app, Engine(4, load=lambda: scorer, patience=1))
    yield
    install_engine(app, kept)


@pytest.fixture
def secret(app: Flask) -> str:
    """A program's key."""
    _key, secret = create_program_key("Blog")
    db.session.commit()
    return secret


@pytest.fixture
def ask(client: FlaskClient, secret: str, _engine: None) -> Ask:
    """POST a message, or bytes as they are, to an operation with the key."""

    def send(body: Any, operation: str = "analyze", *, key: str | None = secret, **given: Any) -> TestResponse:
        sent: dict[str, Any] = {
            "data": body if isinstance(body, bytes) else orjson.dumps(body), "content_type": "application/json",
            "query_string": {"key": key} if key is not None else {},
        }
        answer = client.post(f"/v1alpha1/comments:{operation}", **(sent | given))
        write_intent.set(True)
        return answer

    return send


def request(text: str = "You are an idiot.", *attributes: str, **more: Any) -> dict[str, Any]:
    """An AnalyzeCommentRequest in English."""
    wanted: dict[str, Any] = {name: {} for name in attributes or ("TOXICITY",)}
    return {"comment": {"text": text}, "requestedAttributes": wanted, "languages": ["en"]} | more


def suggestion(text: str = "Get busy living.", score: float = 0.0, **more: Any) -> dict[str, Any]:
    """A SuggestCommentScoreRequest."""
    return {"comment": {"text": text}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": score}}}} | more
