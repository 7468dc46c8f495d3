"""The people whom one hides."""

from __future__ import annotations

from commentsvc.api.schemas.fields import BaseSchema, Items, Moment, Part, Text
from commentsvc.api.schemas.sites import PersonSchema


class HiddenPersonSchema(BaseSchema):
    person = Part(PersonSchema, required=True)
    since = Moment(required=True)


class HiddenPeopleSchema(BaseSchema):
    people = Items(Part(HiddenPersonSchema), required=True)
    next = Text(required=True, allow_none=True)
