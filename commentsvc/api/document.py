"""The OpenAPI document: made from the schemas and views, never written by hand."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

import flask_smorest
import orjson
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, current_app

from commentsvc.api.blueprint import Blueprint, RowId, SiteKey, row_id_schema, site_key_schema
from commentsvc.api.problems import MEANINGS, MEDIA_TYPE
from commentsvc.api.schemas.fields import Id, Moment
from commentsvc.api.schemas.problems import ProblemSchema
from commentsvc.version import __version__

EXTENSION = "commentsvc.api.document"

ERROR_RESPONSES: dict[int, str] = {
    400: "BadRequest", 401: "NotSignedIn", 403: "NotAllowed", 404: "NotFound", 409: "Conflict",
    413: "TooLarge", 415: "NotJson", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
}

INTRODUCTION = """\
Everything the comment service does, for programs: reading threads, posting, voting, flagging,
reviewing, and running sites.

* Send `Authorization: Bearer <token>` with a session's token (`cs_…`) or an API key (`ck_…`).
  Cookies carry no authority here.
* Ids are strings, times are RFC 3339 in UTC, lists continue with the `next` of the page before.
* Errors are problem documents (RFC 9457, `application/problem+json`); `code` is for programs.
"""


class DocumentedApi(flask_smorest.Api):
    """flask-smorest without its own error handling and pages.

    Left alone it would turn the errors of all pages of the application into JSON; here
    `commentsvc.pages` stays in charge and asks `problems` for those under /api/.
    """

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._undocumented: list[tuple[Blueprint, str]] = []
        self._lock = threading.Lock()

    def serve(self, blueprint: Blueprint, name: str) -> None:
        """Serve the blueprint; what the document says of it is written when the first one asks (see `document`)."""
        self._app.register_blueprint(blueprint, name=name)
        self._undocumented.append((blueprint, name))

    def document(self) -> dict[str, Any]:
        """The document. Most processes are never asked for it; written at each start it took a quarter of that."""
        with self._lock:
            while self._undocumented:
                blueprint, name = self._undocumented.pop(0)
                blueprint.register_views_in_doc(self, self._app, self.spec, name=name, parameters=None)
                self.spec.tag({"name": name, "description": blueprint.description})
            found: dict[str, Any] = self.spec.to_dict()
        return found

    def _register_error_handlers(self) -> None:
        pass

    def _register_pagination_header(self) -> None:
        pass  # our lists say what is next in their body

    def _register_responses(self) -> None:
        super()._register_responses()
        for status, name in ERROR_RESPONSES.items():
            self.spec.components.response(name, _error_response(status), lazy=True)


def _error_response(status: int) -> dict[str, Any]:
    code, sentence = MEANINGS[status]
    example = {
        "type": f"urn:commentsvc:problem:{code}", "title": ERROR_RESPONSES[status], "status": status,
        "detail": sentence, "code": code, "instance": "5f2d8c1b9a3e4f70",
    }
    response: dict[str, Any] = {
        "description": sentence,
        "content": {MEDIA_TYPE: {"schema": ProblemSchema, "example": example}},
    }
    if status == 429:
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"description": "Always `Bearer`.", "schema": {"type": "string"}}}
    return response


def _schema_name(schema: Any) -> str:
    """`CommentSchema` is documented as `Comment`."""
    cls = schema if isinstance(schema, type) else type(schema)
    return re.sub(r"Schema$", "", cls.__name__)


def make_api(app: Flask, blueprints: Sequence[Blueprint]) -> DocumentedApi:
    """Register the resources; the API object gathers their document."""
    app.url_map.converters["row_id"] = RowId
    app.url_map.converters["site_key"] = SiteKey
    api = DocumentedApi(
        spec_kwargs={
            "title": "commentsvc", "version": __version__, "openapi_version": "3.1.0",
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_schema_name),
            "info": {"description": INTRODUCTION, "summary": "Comments and moderation for newsrooms"},
            "tags": [blueprint.tag for blueprint in blueprints],
            "servers": [{"url": "/", "description": "This service"}],
        }
    )
    api.init_app(app)
    api.register_converter(RowId, row_id_schema)
    api.register_converter(SiteKey, site_key_schema)
    api.register_field(Id, "string", None)
    api.register_field(Moment, "string", "date-time")
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http", "scheme": "bearer",
            "description": "A session's token (`cs_…`, from POST /sessions) or an API key (`ck_…`).",
        },
    )
    app.extensions[EXTENSION] = api
    for blueprint in blueprints:
        # Other surfaces have blueprints of these names.
        api.serve(blueprint, f"api_{blueprint.name}")
    return api


def openapi_document() -> dict[str, Any]:
    """The current application's document."""
    api: DocumentedApi = current_app.extensions[EXTENSION]
    return api.document()


def openapi_json() -> bytes:
    """The document as it is served and kept in docs/openapi.json."""
    return orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
