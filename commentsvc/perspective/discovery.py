"""The discovery document: what Google's client libraries build themselves from."""

from __future__ import annotations

from typing import Any, Final

from commentsvc.perspective.messages import MESSAGES, Field

NAME: Final = "commentanalyzer"
VERSION: Final = "v1alpha1"
REVISION: Final = "20261124"
BATCH_PATH: Final = "batch"

_ENUM_ABOUT: Final = {
    "SCORE_TYPE_UNSPECIFIED": "As PROBABILITY.", "PROBABILITY": "0 to 1.",
    "STD_DEV_SCORE": "Not served.", "PERCENTILE": "Not served.", "RAW": "Not served.",
    "TEXT_TYPE_UNSPECIFIED": "As PLAIN_TEXT.", "PLAIN_TEXT": "Taken as it is.", "HTML": "Read without its tags.",
}
_FORMATS: Final = {"number": "float", "integer": "int32"}

# Parameters that any method takes; all but the key are accepted and change nothing.
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "$.xgafv": {"type": "string", "enum": ["1", "2"], "enumDescriptions": ["", ""], "description": "Ignored."},
    "access_token": {"type": "string", "description": "Ignored."},
    "alt": {
        "type": "string", "default": "json", "enum": ["json", "media", "proto"], "enumDescriptions": ["", "Not served.", "Not served."],
        "description": "Answers are JSON.",
    },
    "callback": {"type": "string", "description": "Ignored."},
    "fields": {"type": "string", "description": "Ignored: answers are whole."},
    "key": {"type": "string", "description": "The API key; or send it as X-Goog-Api-Key."},
    "oauth_token": {"type": "string", "description": "Ignored."},
    "prettyPrint": {"type": "boolean", "default": "true", "description": "Ignored."},
    "quotaUser": {"type": "string", "description": "Ignored: a quota is a key's."},
    "uploadType": {"type": "string", "description": "Ignored."},
    "upload_protocol": {"type": "string", "description": "Ignored."},
}


def document(root_url: str) -> dict[str, Any]:
    """The document of a service reached at `root_url`, which ends in a slash."""
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"{NAME}:{VERSION}",
        "name": NAME,
        "canonicalName": "Comment Analyzer",
        "version": VERSION,
        "version_module": True,
        "revision": REVISION,
        "title": "Perspective-compatible comment analyzer of commentsvc",
        "description": "Scores how toxic a comment is, with the methods and messages of Google's Perspective API.",
        "ownerDomain": "google.com",  # client generators make package names of it
        "ownerName": "Google",
        "protocol": "rest",
        "rootUrl": root_url,
        "baseUrl": root_url,
        "basePath": "",
        "servicePath": "",
        "batchPath": BATCH_PATH,
        "parameters": {name: {**parameter, "location": "query"} for name, parameter in _PARAMETERS.items()},
        "schemas": {name: _schema(name, fields) for name, fields in MESSAGES.items()},
        "resources": {"comments": {"methods": {
            "analyze": _method("analyze", "AnalyzeComment", "Scores a text."),
            "suggestscore": _method("suggestscore", "SuggestCommentScore", "Says what a text should have scored."),
        }}},
    }


def _method(name: str, message: str, about: str) -> dict[str, Any]:
    path = f"{VERSION}/comments:{name}"
    return {
        "id": f"{NAME}.comments.{name}", "path": path, "flatPath": path, "httpMethod": "POST", "description": about,
        "parameters": {}, "parameterOrder": [],
        "request": {"$ref": f"{message}Request"}, "response": {"$ref": f"{message}Response"},
    }


def _schema(name: str, fields: dict[str, Field]) -> dict[str, Any]:
    return {"id": name, "type": "object", "properties": {key: _property(field) for key, field in fields.items()}}


def _property(field: Field) -> dict[str, Any]:
    kind: dict[str, Any] = {"$ref": field.type} if field.message else {"type": field.type}
    if field.type in _FORMATS:
        kind["format"] = _FORMATS[field.type]
    if field.choices:
        kind |= {"enum": list(field.choices), "enumDescriptions": [_ENUM_ABOUT[choice] for choice in field.choices]}
    if field.mapped:
        kind = {"type": "object", "additionalProperties": kind}
    elif field.repeated:
        kind = {"type": "array", "items": kind}
    return {**kind, "description": field.about}
