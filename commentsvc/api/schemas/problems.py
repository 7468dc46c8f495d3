"""What every error looks like (RFC 9457)."""

from __future__ import annotations

from commentsvc.api.schemas.fields import BaseSchema, Items, Named, Part, Text, Whole


class FieldErrorSchema(BaseSchema):
    field = Text(required=True, metadata={"description": "The input at fault, such as `body` or `policy.max_links`."})
    message = Text(required=True, metadata={"description": "What is wrong with it, in one sentence."})


class ProblemSchema(BaseSchema):
    type = Text(required=True, metadata={"description": "A URN made of `code`.", "format": "uri"})
    title = Text(required=True, metadata={"description": "The status in words."})
    status = Whole(required=True, least=400, most=599, metadata={"description": "The HTTP status."})
    detail = Text(required=True, metadata={"description": "What happened, in one sentence for people."})
    code = Text(required=True, metadata={"description": "What happened, for programs; it does not change between versions."})
    instance = Text(required=True, metadata={"description": "The request's id, as in `X-Request-Id` and in the service's log."})
    errors = Items(Part(FieldErrorSchema), metadata={"description": "The fields at fault, where there are any."})
    sanction = Named(metadata={"description": "Where a sanction stands in the way: which, why, and until when."})
    current = Named(metadata={"description": "On a conflict: what holds now."})
