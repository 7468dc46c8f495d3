"""The API's messages as a table: requests are read by it, the discovery document is written from it.

Names and types are those of Google's `commentanalyzer` v1alpha1; `suggestscore` takes `doNotStore`
in addition, as `analyze` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCORE_TYPES: Final = ("SCORE_TYPE_UNSPECIFIED", "PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW")
TEXT_TYPES: Final = ("TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML")

PACKAGE: Final = "type.googleapis.com/google.commentanalyzer.v1alpha1"


@dataclass(frozen=True)
class Field:
    """One field: a scalar's JSON type or another message's name."""

    type: str  # "string", "boolean", "number", "integer" or a message
    about: str = ""
    repeated: bool = False
    mapped: bool = False  # from strings
    choices: tuple[str, ...] = ()
    enum: str = ""  # what Google calls the choices

    @property
    def message(self) -> bool:
        return self.type in MESSAGES


_LANGUAGES = Field("string", "Languages of the text, as ISO 639-1 or BCP-47 codes; detected when there are none.", repeated=True)
_TOKEN = Field("string", "Given back as it came.")
_SESSION = Field("string", "Accepted; nothing is done with it.")
_SCORE_TYPE = Field(
    "string", "PROBABILITY, which is also the default; no model here has another.", choices=SCORE_TYPES, enum="ScoreType"
)

MESSAGES: Final[dict[str, dict[str, Field]]] = {
    "AnalyzeCommentRequest": {
        "clientToken": _TOKEN,
        "comment": Field("TextEntry", "The text to score."),
        "communityId": Field("string", "Accepted; nothing is done with it."),
        "context": Field("Context", "Accepted; the models here score a text by itself."),
        "doNotStore": Field("boolean", "Accepted; a text that is scored is never stored."),
        "dropUnsupportedAttributes": Field(
            "boolean", "Leave out attributes that are not served here, or not in this language, instead of refusing."
        ),
        "languages": _LANGUAGES,
        "requestedAttributes": Field("AttributeParameters", "What to score, by attribute.", mapped=True),
        "sessionId": _SESSION,
        "spanAnnotations": Field("boolean", "Score each sentence too."),
    },
    "AnalyzeCommentResponse": {
        "attributeScores": Field("AttributeScores", "The scores, by attribute.", mapped=True),
        "clientToken": _TOKEN,
        "detectedLanguages": Field("string", "Languages found in the text, the likeliest first.", repeated=True),
        "languages": Field("string", "The request's languages; where it named none, those detected.", repeated=True),
    },
    "ArticleAndParentComment": {
        "article": Field("TextEntry", "What the comment is about."),
        "parentComment": Field("TextEntry", "What the comment answers."),
    },
    "AttributeParameters": {
        "scoreThreshold": Field("number", "Leave out scores below this."),
        "scoreType": _SCORE_TYPE,
    },
    "AttributeScores": {
        "spanScores": Field("SpanScore", "Scores of parts of the text.", repeated=True),
        "summaryScore": Field("Score", "The score of the whole text."),
    },
    "Context": {
        "articleAndParentComment": Field("ArticleAndParentComment", "An article and a comment on it; or `entries`, not both."),
        "entries": Field("TextEntry", "Earlier texts of the conversation.", repeated=True),
    },
    "Score": {
        "type": _SCORE_TYPE,
        "value": Field("number", "0 to 1."),
    },
    "SpanScore": {
        "begin": Field("integer", "Where the part begins, in UTF-16 code units."),
        "end": Field("integer", "Where it ends, exclusively."),
        "score": Field("Score", "The part's score."),
    },
    "SuggestCommentScoreRequest": {
        "attributeScores": Field("AttributeScores", "What the text should have scored, by attribute.", mapped=True),
        "clientToken": _TOKEN,
        "comment": Field("TextEntry", "The text."),
        "communityId": Field("string", "Whose norms the suggestion follows."),
        "context": Field("Context", "Accepted; not stored."),
        "doNotStore": Field("boolean", "Check the suggestion and store nothing."),
        "languages": _LANGUAGES,
        "sessionId": _SESSION,
    },
    "SuggestCommentScoreResponse": {
        "clientToken": _TOKEN,
        "detectedLanguages": Field("string", "Languages found in the text, the likeliest first.", repeated=True),
        "requestedLanguages": Field("string", "The request's languages.", repeated=True),
    },
    "TextEntry": {
        "text": Field("string", "The text."),
        "type": Field("string", "PLAIN_TEXT, which is also the default, or HTML.", choices=TEXT_TYPES, enum="TextType"),
    },
}
