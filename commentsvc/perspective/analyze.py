"""`comments:analyze`: from a request's message to the response's. Nothing of it is kept or logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from commentsvc.moderation.engine import Engine
from commentsvc.perspective.attributes import LABEL_OF, SERVED_ELSEWHERE
from commentsvc.perspective.refusals import Refusal, invalid
from commentsvc.perspective.texts import Plain, parts, plain_text
from commentsvc.screening.languages import detect, supported
from commentsvc.screening.toxicity import Scores

MAX_BYTES: Final = 20_480
PROBABILITY: Final = "PROBABILITY"

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """One requested attribute."""

    name: str
    label: str
    threshold: float | None


def analyze(request: Message, engine: Engine, served: frozenset[str]) -> dict[str, Any]:
    """The AnalyzeCommentResponse to a request; Refusal says what is wrong with it.

    `served` are the languages the model reads. Engine's Busy and Broken pass through.
    """
    plain = comment_text(request)
    check_context(request)
    requested = request.get("requestedAttributes") or {}
    if not requested:
        raise invalid("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    drop = bool(request.get("dropUnsupportedAttributes"))
    wanted = [_wanted(name, parameters) for name, parameters in requested.items() if _known(name, engine, drop=drop)]

    languages: list[str] = request.get("languages") or []
    detected = detect(plain.text)
    if not languages and not detected:
        raise invalid("Unable to detect language", "LANGUAGE_DETECTION_FAILED")
    if not supported(languages or detected, served):
        if wanted and not drop:
            raise unsupported_language(wanted[0].name, languages, detected)
        wanted = []

    response: dict[str, Any] = {}
    scores = _scored(plain, wanted, engine, each=bool(request.get("spanAnnotations"))) if wanted else {}
    if scores:
        response["attributeScores"] = scores
    response["languages"] = languages or detected
    if detected:
        response["detectedLanguages"] = detected
    return echo(request, response)


def comment_text(request: Message) -> Plain:
    """The comment as plain text; Refusal when there is none or too much."""
    comment: Message = request.get("comment") or {}
    given: str = comment.get("text") or ""
    if len(given.encode()) > MAX_BYTES:
        raise invalid("Comment text too long.", "COMMENT_TOO_LONG")
    plain = plain_text(given, comment.get("type", "PLAIN_TEXT"))
    if not plain.text.strip():
        raise invalid("Comment must be non-empty.", "COMMENT_EMPTY")
    return plain


def check_context(request: Message) -> None:
    """Refuse the one context that cannot be meant; any other is accepted and not used."""
    context: Message = request.get("context") or {}
    if context.get("entries") and context.get("articleAndParentComment"):
        raise invalid("Context can have either entries or article_and_parent_comment, but both fields were populated.")


def check_score_type(kind: str | None, attribute: str) -> None:
    """Refuse what is no probability."""
    if kind not in (None, PROBABILITY, "SCORE_TYPE_UNSPECIFIED"):
        raise invalid(f"Requested score type {kind} is not supported by attribute {attribute}")


def unknown_attribute(name: str) -> Refusal:
    """An attribute that is not served here."""
    return invalid(f"Unknown requested attribute: {name[:100]}")


def unsupported_language(attribute: str, languages: Sequence[str], detected: Sequence[str]) -> Refusal:
    """A language the model does not read: `languages` as requested; where none were, those `detected`."""
    key, codes = ("requestedLanguages", languages) if languages else ("detectedLanguages", detected)
    shown = [code[:35] for code in codes[:10]]
    return invalid(
        f"Attribute {attribute} does not support request languages: {', '.join(shown)}", "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError={key: shown, "attribute": attribute},
    )


def echo(request: Message, response: dict[str, Any]) -> dict[str, Any]:
    """The response with the request's token, if it had one."""
    if request.get("clientToken"):
        response["clientToken"] = request["clientToken"]
    return response


def _known(name: str, engine: Engine, *, drop: bool) -> bool:
    """Whether the model scores it; where not, Refusal, or False for what is dropped."""
    if name in LABEL_OF and LABEL_OF[name] in engine.labels():
        return True
    if drop and name in SERVED_ELSEWHERE:
        return False
    raise unknown_attribute(name)


def _wanted(name: str, parameters: Message) -> Wanted:
    check_score_type(parameters.get("scoreType"), name)
    return Wanted(name, LABEL_OF[name], parameters.get("scoreThreshold"))


def _scored(plain: Plain, wanted: Sequence[Wanted], engine: Engine, *, each: bool) -> dict[str, Any]:
    """AttributeScores by attribute, without those below their thresholds."""
    ranges = parts(plain.text) if each else [(0, len(plain.text))]
    # The whole text and its sentences in one call; a text of one sentence is scored once.
    texts = list(dict.fromkeys([plain.text, *(plain.text[start:end] for start, end in ranges)]))
    scores = dict(zip(texts, engine.score(texts), strict=True))
    for attribute in wanted:
        if attribute.label not in scores[plain.text]:  # the model was exchanged just now
            raise unknown_attribute(attribute.name)
    offsets = plain.utf16([position for span in ranges for position in span])
    spans = [
        (offsets[2 * n], offsets[2 * n + 1], scores[plain.text[start:end]]) for n, (start, end) in enumerate(ranges)
    ]
    found = {attribute.name: _attribute_scores(attribute, scores[plain.text], spans) for attribute in wanted}
    return {name: each for name, each in found.items() if each}


def _attribute_scores(attribute: Wanted, whole: Scores, spans: Sequence[tuple[int, int, Scores]]) -> dict[str, Any]:
    least = attribute.threshold if attribute.threshold is not None else -1.0
    found: dict[str, Any] = {}
    listed = [
        {"begin": begin, "end": end, "score": _score(scores[attribute.label])}
        for begin, end, scores in spans if scores[attribute.label] >= least
    ]
    if listed:
        found["spanScores"] = listed
    if whole[attribute.label] >= least:
        found["summaryScore"] = _score(whole[attribute.label])
    return found


def _score(value: float) -> dict[str, Any]:
    # As many digits as the 32 bits of the format have.
    return {"value": float(f"{value:.8g}"), "type": PROBABILITY}
