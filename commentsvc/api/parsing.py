"""Reading requests strictly: JSON that is JSON, objects that are objects, errors by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn

import orjson
from flask import Request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from commentsvc.api.problems import InvalidInput


class MalformedJson(BadRequest):
    """The body is no JSON; `sentence` is what the problem document says."""

    sentence = "The body is not JSON."


class EmptyBody(BadRequest):
    """A body was expected."""

    sentence = "The request has no body; send a JSON object."


@cache
def _instance(schema: type[Schema]) -> Schema:
    return schema()


class Parser(FlaskParser):
    """webargs with our JSON rules and our errors."""

    # Also in a query a name nobody knows is an error: `?limt=5` must not answer as if it were understood.
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - webargs declares it so
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None,  # None: as the schema has it, which refuses
    }

    def _get_schema(self, argmap: Any, req: Request) -> Schema:
        # webargs makes an instance for each request, which is 5 % of one that finds its page kept. Not of the views
        # themselves, for flask-smorest copies with all its fields whatever is no class.
        schema: Schema = super()._get_schema(_instance(argmap) if isinstance(argmap, type) else argmap, req)
        return schema

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - webargs' signature
        """The body; 400 when it is no JSON (NaN and half characters included), 415 when not sent as such."""
        body = req.get_data(cache=True)
        if not body:
            raise EmptyBody
        if not is_json_request(req):
            raise UnsupportedMediaType
        try:
            loaded = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise MalformedJson from None
        if not isinstance(loaded, dict):
            message = "The body must be a JSON object."
            raise InvalidInput([{"field": "", "message": message}], message)
        return loaded

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema,  # noqa: ARG002 - webargs' signature
        *, error_status_code: int | None, error_headers: Mapping[str, str] | None,  # noqa: ARG002
    ) -> NoReturn:
        """One problem document that names every field, its first one in the sentence."""
        messages = error.messages
        # {location: {field: ...}}; the location is plain from the documentation.
        tree = next(iter(messages.values())) if isinstance(messages, dict) else messages
        errors = [{"field": field, "message": message} for field, message in _flatten(tree)]
        first = errors[0]
        sentence = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        raise InvalidInput(errors, sentence)


def _flatten(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(field, message) pairs of marshmallow's nested errors; an index is written like a key."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            here = path if key == "_schema" else f"{path}.{key}" if path else str(key)
            yield from _flatten(inner, here)
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(inner, path)
    else:
        yield path[:100], str(messages)
