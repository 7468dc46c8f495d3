"""JSON to a message, by the rules of protocol buffers' JSON and with their complaints.

Names may be written `likeThis` or `like_this`, null is the same as absent, numbers and truths may
be strings, one value may stand for a list of one. Unknown names and other types are refused.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import orjson

from commentsvc.perspective.messages import MESSAGES, PACKAGE, Field
from commentsvc.perspective.refusals import malformed

MAX_VIOLATIONS: Final = 20  # of a hostile body's thousands
SHOWN: Final = 80  # characters of somebody's value that an error repeats
INT32: Final = range(-(2**31), 2**31)

Violations = list[tuple[str, str]]

_SCALARS: Final = {"string": "TYPE_STRING", "boolean": "TYPE_BOOL", "number": "TYPE_FLOAT", "integer": "TYPE_INT32"}
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])[A-Z]")


class _Unfit(Exception):  # noqa: N818
    """A value of another type than its field's."""


def read(name: str, body: bytes) -> dict[str, Any]:
    """The message of this name, its fields under their own names; Refusal when the body is none.

    An empty body is an empty message.
    """
    if not body.strip():
        return {}
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise malformed([("", "Invalid JSON payload received. Unexpected token.")]) from None
    violations: Violations = []
    if isinstance(loaded, dict):
        message = _message(name, loaded, "", violations)
    else:
        violations.append(("", 'Invalid JSON payload received. Unknown name "": Root element must be a message.'))
    if violations:
        raise malformed(violations[:MAX_VIOLATIONS])
    return message


def snake(name: str) -> str:
    """`scoreType` as `score_type`."""
    return _CAPITAL.sub(lambda found: "_" + found[0].lower(), name)


_FIELDS: Final = {
    message: {spelling: name for name in fields for spelling in (name, snake(name))} for message, fields in MESSAGES.items()
}


def _message(name: str, given: dict[str, Any], path: str, violations: Violations) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        if len(violations) >= MAX_VIOLATIONS:
            break
        field_name = _FIELDS[name].get(key)
        if field_name is None:
            _unknown(key, path, "Cannot find field.", violations)
        elif value is not None:
            field = MESSAGES[name][field_name]
            here = f"{path}.{snake(field_name)}" if path else snake(field_name)
            if field.mapped:
                found[field_name] = _map(field, value, here, violations)
            elif field.repeated:
                values = value if isinstance(value, list) else [value]
                found[field_name] = [_value(field, each, f"{here}[{n}]", violations) for n, each in enumerate(values)]
            elif isinstance(value, list):
                _unknown(key, path, "Proto field is not repeating, cannot start list.", violations)
            else:
                found[field_name] = _value(field, value, here, violations)
    return found


def _map(field: Field, value: Any, path: str, violations: Violations) -> dict[str, Any]:
    if not isinstance(value, dict):
        violations.append((path, f"Invalid value at '{path}' (Map), {_shown(value)}"))
        return {}
    return {
        key: _value(field, {} if each is None else each, f"{path}[{n}].value", violations)
        for n, (key, each) in enumerate(value.items())
    }


def _value(field: Field, value: Any, path: str, violations: Violations) -> Any:
    if field.message:
        if isinstance(value, dict):
            return _message(field.type, value, path, violations)
        kind = f"{PACKAGE}.{field.type}"
    else:
        try:
            return _choice(field, value) if field.choices else _scalar(field, value)
        except _Unfit:
            kind = f"{PACKAGE}.{field.enum}" if field.choices else _SCALARS[field.type]
    if len(violations) < MAX_VIOLATIONS:
        violations.append((path, f"Invalid value at '{path}' ({kind}), {_shown(value)}"))
    return None


def _scalar(field: Field, value: Any) -> Any:
    if field.type == "string" and isinstance(value, str):
        return value
    if field.type == "boolean" and (isinstance(value, bool) or value in ("true", "false")):
        return value in (True, "true")
    if field.type in {"number", "integer"} and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise _Unfit from None
        # NaN and the infinities compare like no score does.
        if math.isfinite(number) and (field.type == "number" or (number.is_integer() and int(number) in INT32)):
            return number if field.type == "number" else int(number)
    raise _Unfit


def _choice(field: Field, value: Any) -> str:
    if isinstance(value, str) and value in field.choices:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(field.choices):
        return field.choices[value]
    raise _Unfit


def _unknown(key: str, path: str, why: str, violations: Violations) -> None:
    where = f" at '{path}'" if path else ""
    violations.append((path, f'Invalid JSON payload received. Unknown name "{key[:SHOWN]}"{where}: {why}'))


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
