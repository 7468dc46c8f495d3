"""Public pages about people."""

from __future__ import annotations

from commentsvc.api.schemas.comments import BadgeSchema
from commentsvc.api.schemas.fields import BaseSchema, Id, Items, Moment, Part, Text, Whole, YesNo


class HistoryArticleSchema(BaseSchema):
    url = Text(required=True)
    title = Text(required=True)


class HistoryCommentSchema(BaseSchema):
    id = Id(required=True)
    article = Part(HistoryArticleSchema, required=True)
    body_html = Text(required=True, metadata={"description": "Sanitised HTML, fit for any page."})
    created_at = Moment(required=True)
    edited_at = Moment(required=True, allow_none=True)
    votes_up = Whole(required=True)


class ProfileSchema(BaseSchema):
    id = Text(required=True)
    name = Text(required=True)
    since = Text(required=True, metadata={"description": "The month of the account, such as 2026-03."})
    badges = Items(Part(BadgeSchema), required=True)
    bio = Text(required=True, metadata={"description": "Plain text with line breaks; empty: she says nothing about herself."})
    history_private = YesNo(required=True, metadata={"description": "She keeps her earlier comments private: there are none here."})
    comment_count = Whole(required=True, allow_none=True, metadata={"description": "Published on this site; null where that is private."})
    votes_up = Whole(required=True, allow_none=True, metadata={"description": "Votes up, or respect, that those have; null where that is private."})
    comments = Items(Part(HistoryCommentSchema), required=True, metadata={"description": "Latest first."})
    next = Text(required=True, allow_none=True, metadata={"description": "The `after` of the next page; null on the last."})
