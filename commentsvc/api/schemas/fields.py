"""The kinds of values the API speaks: stricter than marshmallow's own, with plain messages."""

# ruff: noqa: ARG002 - the signatures are marshmallow's

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

# Up to 10**18 - 1: no table gets there, and both databases hold what the pattern lets through.
ID_DIGITS = r"[1-9][0-9]{0,17}"
ID_PATTERN = f"^{ID_DIGITS}$"
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_ID = re.compile(ID_DIGITS, re.ASCII)

COMMON: dict[str, Any] = {
    "required": "This field is required.",
    "null": "This field must not be null.",
    "validator_failed": "This value is not allowed.",
}


class BaseSchema(Schema):
    """An object whose fields are all named; anything else in it is refused."""

    class Meta:  # noqa: D106 - marshmallow's place for options
        unknown = RAISE

    error_messages = {"type": "This must be an object.", "unknown": "There is no such field."}  # noqa: RUF012 - marshmallow declares it so

    def __deepcopy__(self, _memo: object) -> BaseSchema:
        return self  # nothing changes one; flask-smorest copies what is noted on a view with each decorator: 3 MiB


class Text(fields.String):
    """Text that both databases can hold: no NUL, no lone surrogates."""

    default_error_messages = COMMON | {
        "invalid": "This must be text.",
        "invalid_utf8": "This must be text.",
        "unfit": "This contains a character that no text has (NUL or half a character).",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _UNFIT.search(text):
            raise self.make_error("unfit")
        return text


class Id(fields.Field[int]):
    """An id: a string of digits, because it may exceed what JavaScript's numbers hold."""

    default_error_messages = COMMON | {"invalid": 'This must be an id, a string of digits such as "42".'}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Moment(fields.Field[dt.datetime]):
    """A time in UTC, RFC 3339 with a Z."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else moment(value)


class Time(Moment):
    """A time that is given: RFC 3339, with a zone."""

    default_error_messages = COMMON | {"invalid": "This must be a time with its zone, such as 2026-12-24T18:00:00Z."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dt.datetime:
        try:
            found = dt.datetime.fromisoformat(value)
            if found.tzinfo is None:
                raise self.make_error("invalid")
            return found.astimezone(dt.UTC)  # OverflowError: a zone at the end of time
        except (TypeError, ValueError, OverflowError):
            raise self.make_error("invalid") from None


def moment(value: dt.datetime) -> str:
    """The time as the API writes it (and orjson: a test says so)."""
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


class Whole(fields.Integer):
    """A whole number; in a body a JSON number, in a query its digits."""

    default_error_messages = COMMON | {
        "invalid": "This must be a whole number.", "too_large": "This number is too large.",
    }

    def __init__(self, *, least: int = 0, most: int = 2**31 - 1, digits: bool = False, **kwargs: Any) -> None:
        self.least, self.most, self.digits = least, most, digits
        kwargs["metadata"] = {"minimum": least, "maximum": most} | kwargs.get("metadata", {})
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if self.digits and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # to JSON, 1.0 is 1
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        if not self.least <= value <= self.most:
            raise ValidationError(f"This must be between {self.least} and {self.most}.")
        return value


class Share(fields.Float):
    """A number, never a string, a boolean or not-a-number."""

    default_error_messages = COMMON | {"invalid": "This must be a number."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.make_error("invalid")
        return float(value)


class YesNo(fields.Boolean):
    """true or false, and nothing that merely looks like it."""

    default_error_messages = COMMON | {"invalid": "This must be true or false."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Choice(Text):
    """One of a fixed set of words."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        self.choices = [str(choice) for choice in choices]
        nullable = kwargs.get("allow_none") or kwargs.get("load_default", "") is None
        kwargs["metadata"] = {"enum": [*self.choices, *([None] if nullable else [])]} | kwargs.get("metadata", {})
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if text not in self.choices:
            raise ValidationError(f"This must be one of: {', '.join(self.choices)}.")
        return text


class Items(fields.List[Any]):
    """A list."""

    default_error_messages = COMMON | {"invalid": "This must be a list."}


class Part(fields.Nested):
    """An object inside an object."""

    default_error_messages = COMMON | {"type": "This must be an object."}


class Named(fields.Dict):
    """An object whose keys are data."""

    default_error_messages = COMMON | {"invalid": "This must be an object."}


class NoQuery(BaseSchema):
    """For a list without pages or filters."""


class PageQuery(BaseSchema):
    """Where a list continues and how much of it is wanted."""

    after = Text(metadata={"description": "The `next` of the page before; leave it out for the first page."})
    limit = Whole(least=1, most=100, digits=True, metadata={"description": "How many to return; the list's own page size when left out."})
