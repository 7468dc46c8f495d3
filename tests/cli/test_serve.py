"""What `commentsvc web` does before its processes part."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsvc.cli.serve import _warm_up
from commentsvc.embed import thread
from commentsvc.embed.cache import Rendered
from commentsvc.extensions import db, limiter
from commentsvc.metrics.requests import REQUESTS
from tests.conftest import Statements
from tests.factories import make_article, make_comment


def counted() -> float:
    return sum(sample.value for metric in REQUESTS.collect() for sample in metric.samples)


def test_a_thread_is_put_together_that_nobody_asked_for(
    app: Flask, client: FlaskClient, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited: list[bool] = []
    render = thread._render

    def look(*given: Any) -> Rendered:
        limited.append(limiter.enabled)
        return render(*given)

    monkeypatch.setattr(limiter, "enabled", True)
    monkeypatch.setattr(thread, "_render", look)
    article = make_article()
    make_comment(article, body="The wall stands.")
    db.session.commit()
    path = f"/embed/{article.site.key}/thread?article={article.id}"
    db.session.remove()
    statements.clear()
    before = counted()
    _warm_up(app)
    assert [s for s in statements if "FROM comments" in s]
    assert counted() == before
    assert (limited, limiter.enabled) == ([False], True), "nobody has an address that could be counted"
    limiter.enabled = False
    assert "The wall stands." in client.get(path).text


def test_without_an_article_there_is_nothing_to_do(app: Flask, statements: Statements) -> None:
    _warm_up(app)
    assert len(statements) == 1


def test_what_fails_keeps_no_process_from_starting(app: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_article()
    db.session.commit()

    def fail(*_given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("commentsvc.embed.thread._render", fail)
    _warm_up(app)
    assert "no thread could be put together before the start" in capsys.readouterr().out
