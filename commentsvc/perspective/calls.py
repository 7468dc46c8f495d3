"""One call of the API, wherever it came from: a request of its own or a part of a batch."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from flask import current_app
from werkzeug.exceptions import HTTPException

from commentsvc.config import Settings
from commentsvc.database import write_intent
from commentsvc.extensions import db
from commentsvc.moderation.engine import Broken, Busy, engine
from commentsvc.perspective.analyze import Message, analyze
from commentsvc.perspective.keys import Caller, caller_by_key
from commentsvc.perspective.quota import spend
from commentsvc.perspective.reading import read
from commentsvc.perspective.refusals import Refusal, internal, unavailable
from commentsvc.perspective.suggestions import suggest
from commentsvc.web import settings_of

log = structlog.get_logger()

NO_KEYS: Final = "PERSPECTIVE_NO_KEYS"  # in the application's configuration: anybody on this machine may ask


@dataclass(frozen=True)
class Operation:
    """A method: its message, what its calls are counted as, and the verb behind it."""

    message: str
    metric: str
    limit: Callable[[Settings, Caller], str]
    run: Callable[[Message, Caller], dict[str, Any]]


def _analyze(request: Message, caller: Caller) -> dict[str, Any]:  # noqa: ARG001 - the operations' signature
    served = frozenset(code.strip().lower() for code in settings_of(current_app).ANALYZE_LANGUAGES.split(","))
    return analyze(request, engine(), served)


def _suggest(request: Message, caller: Caller) -> dict[str, Any]:
    write_intent.set(True)
    response = suggest(request, key_id=caller.key_id)
    db.session.commit()
    return response


OPERATIONS: Final = {
    "comments:analyze": Operation(
        "AnalyzeCommentRequest", "analyze_requests", lambda settings, caller: caller.quota or settings.LIMIT_ANALYZE, _analyze
    ),
    "comments:suggestscore": Operation(
        "SuggestCommentScoreRequest", "suggest_requests", lambda settings, _caller: settings.LIMIT_SUGGEST, _suggest
    ),
}


def call(name: str, secret: str | None, body: Callable[[], bytes]) -> dict[str, Any]:
    """The response of the operation, or Refusal; the body is only read for callers that may ask."""
    operation = OPERATIONS[name]
    try:
        # Scoring writes nothing; what writes says so.
        write_intent.set(False)
        caller = Caller(None) if current_app.config.get(NO_KEYS) else caller_by_key(secret)
        spend(caller, operation.metric, operation.limit(settings_of(current_app), caller))
        return operation.run(read(operation.message, body()), caller)
    except (Busy, Broken) as error:
        raise unavailable(error.retry_after) from error
    except (Refusal, HTTPException):
        raise
    except Exception as error:
        raise fault(error) from error
    finally:
        db.session.rollback()


def fault(error: Exception) -> Refusal:
    """The answer to a fault of ours, once it is logged.

    Neither its message, which a database driver fills with parameters, nor any variable is: they
    may be comments and keys.
    """
    log.error(
        "a call of the Perspective-compatible API failed", error=type(error).__name__,
        at="".join(traceback.format_tb(error.__traceback__)),
    )
    return internal()
