"""Writing without an account."""

from __future__ import annotations

from commentsvc.api.schemas.fields import BaseSchema, Id, Moment, Text


class GuestCommentInputSchema(BaseSchema):
    display_name = Text(required=True, metadata={"minLength": 2, "maxLength": 200})
    email = Text(required=True, metadata={"format": "email", "maxLength": 254})
    body = Text(required=True)
    parent_id = Id(load_default=None, allow_none=True)


class GuestCommentSchema(BaseSchema):
    email = Text(required=True, metadata={"description": "The address as it was understood."})
    expires_at = Moment(required=True, metadata={"description": "When it is deleted, unless the link in the mail is opened."})
