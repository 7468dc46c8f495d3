"""Notifications, how one wants to be told, and followed conversations."""

from __future__ import annotations

from marshmallow import ValidationError, validates_schema

from commentsvc.accounts.wishes import How, Kind
from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    PageQuery,
    Part,
    Text,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.moderation import CardArticleSchema
from commentsvc.api.schemas.sites import PersonSchema

EVENTS = ("reply", "mention", "followed", "featured", "approved", "rejected", "edit_rejected", "removed", "taken_back")
MOST_IDS = 100


class NotificationSchema(BaseSchema):
    """One thing you were told. It is in no list while what it is about is not public."""

    id = Id(required=True)
    kind = Choice(Kind, required=True)
    event = Choice(EVENTS, required=True, metadata={"description": "What happened: for decisions, more exactly than `kind`."})
    created_at = Moment(required=True)
    unread = YesNo(required=True)
    site_key = Text(required=True)
    article = Part(CardArticleSchema, required=True)
    comment_id = Id(required=True)
    by = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Who wrote the comment; null where it is your own."})
    excerpt = Text(required=True, metadata={"description": "The beginning of the comment, on one line."})
    url = Text(required=True, metadata={"description": "The comment in its article."})
    statement = Text(required=True, allow_none=True, metadata={"description": "The `puid` of the statement of reasons, for `getStatement`."})


class NotificationsQuery(PageQuery):
    unread = Choice(("true", "false"), load_default="false", metadata={"description": "`true`: only those that are unread."})


class NotificationsSchema(BaseSchema):
    notifications = Items(Part(NotificationSchema), required=True)
    unread = Whole(required=True, metadata={"description": "How many are unread in all, counted up to 100."})
    next = Text(required=True, allow_none=True)


class ReadNotificationsSchema(BaseSchema):
    """Which ones you have read: some by id, or all up to one. What came in since you looked stays unread."""

    ids = Items(Id(), metadata={"maxItems": MOST_IDS})
    until = Id()

    @validates_schema
    def one_of_them(self, data: dict[str, object], **_kwargs: object) -> None:
        """Either, not both."""
        if len(data) != 1:
            raise ValidationError("Give either ids or until.", "ids")
        if len(data.get("ids", ())) > MOST_IDS:  # type: ignore[arg-type]
            raise ValidationError(f"At most {MOST_IDS}.", "ids")


class UnreadSchema(BaseSchema):
    unread = Whole(required=True, metadata={"description": "How many are unread now, counted up to 100."})


class WishSchema(BaseSchema):
    """How you want to be told of one kind of thing."""

    kind = Choice(Kind, required=True)
    widget = YesNo(required=True, metadata={"description": "In the widget and in `listNotifications`."})
    mail = Choice(How, required=True, metadata={"description": "`at_once`: within ten minutes, several in one; `daily`, `weekly`: in the site's morning."})


class NotificationPreferencesSchema(BaseSchema):
    kinds = Items(Part(WishSchema), required=True)
    follow_on_post = YesNo(required=True, metadata={"description": "Whether you follow the conversations you write in."})


class NotificationPreferencesInputSchema(BaseSchema):
    """What is left out stays as it is."""

    kinds = Items(Part(WishSchema), metadata={"maxItems": len(Kind)})
    follow_on_post = YesNo()


class FollowSchema(BaseSchema):
    article = Part(CardArticleSchema, required=True)
    site_key = Text(required=True)
    since = Moment(required=True)


class FollowsSchema(BaseSchema):
    conversations = Items(Part(FollowSchema), required=True)
    next = Text(required=True, allow_none=True)
