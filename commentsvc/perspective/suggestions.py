"""`comments:suggestscore`: what a text should have scored, kept for a training that may use it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import current_app
from sqlalchemy import CursorResult, Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.perspective.analyze import (
    Message,
    check_context,
    check_score_type,
    comment_text,
    echo,
    unknown_attribute,
)
from commentsvc.perspective.attributes import LABEL_OF
from commentsvc.perspective.models import LANGUAGES_LENGTH, TOKEN_LENGTH, ScoreSuggestion
from commentsvc.perspective.refusals import invalid
from commentsvc.perspective.texts import Plain
from commentsvc.screening.languages import detect
from commentsvc.web import settings_of

MAX_SPANS: Final = 200
FORGOTTEN_AT_ONCE: Final = 50
"""Old rows deleted with each new suggestion, and in each transaction of the night: few enough to keep nobody waiting."""

Row = dict[str, Any]


def trainable() -> Select[ScoreSuggestion]:
    """The suggestions a training may read: those whose author's consent is recorded, no others."""
    return select(ScoreSuggestion).where(ScoreSuggestion.training_consent.is_(True)).order_by(ScoreSuggestion.id)


def suggest(request: Message, *, key_id: int | None) -> dict[str, Any]:
    """The SuggestCommentScoreResponse; one row for each attribute, unless told not to store. Flushes.

    The same suggestion sent again (same key, community, token, text and attribute) is one row, with
    the score that came last: a moderator may change her mind. Refusal says what is wrong.
    """
    plain = comment_text(request)
    check_context(request)
    rows = list(_rows(request, plain))
    if not rows:
        raise invalid("Missing attribute_scores")
    languages: list[str] = request.get("languages") or []
    detected = detect(plain.text)
    if not request.get("doNotStore"):
        forget_old()  # here too, as this API also runs without a worker
        common = {
            "key_id": key_id, "text": _storable(plain.text), "created_at": utcnow(),
            "languages": _storable(" ".join(languages or detected))[:LANGUAGES_LENGTH],
            "community_id": _storable(request.get("communityId", ""))[:TOKEN_LENGTH] or None,
            "client_token": _storable(request.get("clientToken", ""))[:TOKEN_LENGTH] or None,
        }
        for row in rows:
            _store(common | row | {"fingerprint": _fingerprint(request, key_id, row["attribute"])})
    response: dict[str, Any] = {}
    if languages:
        response["requestedLanguages"] = languages
    if detected:
        response["detectedLanguages"] = detected
    return echo(request, response)


def forget_old() -> bool:
    """Delete a few of the suggestions older than SUGGESTION_DAYS; whether there may be more. Flushes."""
    before = utcnow() - dt.timedelta(days=settings_of(current_app).SUGGESTION_DAYS)
    old = (
        select(ScoreSuggestion.id)
        .where(ScoreSuggestion.created_at < before).order_by(ScoreSuggestion.created_at).limit(FORGOTTEN_AT_ONCE)
    )
    gone: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        delete(ScoreSuggestion).where(ScoreSuggestion.id.in_(old)).execution_options(synchronize_session=False)
    )
    return gone.rowcount == FORGOTTEN_AT_ONCE


def _rows(request: Message, plain: Plain) -> Iterator[Row]:
    for attribute, scores in (request.get("attributeScores") or {}).items():
        if attribute not in LABEL_OF:
            raise unknown_attribute(attribute)
        summary = scores.get("summaryScore")
        spans = scores.get("spanScores") or []
        if summary is None and not spans:
            raise invalid(f"Attribute {attribute} has no scores")
        if len(spans) > MAX_SPANS:
            raise invalid(f"Attribute {attribute} has more than {MAX_SPANS} span scores")
        yield {
            "attribute": attribute,
            "score": None if summary is None else _probability(summary, attribute),
            "spans": [_span(span, plain, attribute) for span in spans] or None,
        }


def _probability(score: Mapping[str, Any], attribute: str) -> float:
    check_score_type(score.get("type"), attribute)
    value = score.get("value")
    if value is None or not 0 <= value <= 1:
        raise invalid(f"Attribute {attribute} needs score values from 0 to 1")
    return float(value)


def _span(span: Mapping[str, Any], plain: Plain, attribute: str) -> dict[str, Any]:
    begin, end = span.get("begin"), span.get("end")
    if begin is None or end is None or not 0 <= begin < end or span.get("score") is None:
        raise invalid(f"Attribute {attribute} has a span without begin, end or score")
    return {
        "start": plain.position(begin), "end": plain.position(end), "score": _probability(span["score"], attribute),
    }


def _fingerprint(request: Message, key_id: int | None, attribute: str) -> bytes | None:
    """The same for the same suggestion; None where nothing tells it from another person's.

    The text is part of it, for some clients send one token with everything.
    """
    token = request.get("clientToken")
    if not token:
        return None
    told = [key_id, request.get("communityId"), token, attribute, request["comment"]["text"]]
    return hashlib.sha256(json.dumps(told).encode()).digest()


def _store(row: Row) -> None:
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(ScoreSuggestion).values(row)
    again = {name: statement.excluded[name] for name in ("score", "spans", "languages", "created_at")}
    db.session.execute(statement.on_conflict_do_update(index_elements=[ScoreSuggestion.fingerprint], set_=again))


def _storable(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\x00", "\ufffd")
