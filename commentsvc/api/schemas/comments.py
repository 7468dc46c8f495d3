"""Comments as readers, their authors and community managers see them."""

from __future__ import annotations

from marshmallow.validate import Length

from commentsvc.accounts.badges import KINDS
from commentsvc.api.schemas.fields import (
    ID_PATTERN,
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Named,
    PageQuery,
    Part,
    Text,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.sites import AUTHOR_ROLES, ArticleSchema
from commentsvc.comments.models import EditStatus, RevisionState, Status
from commentsvc.comments.threads import Sort
from commentsvc.moderation.models import FlagReason, Reason

PUBLIC_STATUS = (Status.PUBLISHED, Status.REJECTED, Status.WITHDRAWN)


class BadgeSchema(BaseSchema):
    kind = Choice(KINDS, required=True)
    field = Text(required=True, allow_none=True, metadata={"description": "What an expert is expert in; null: nobody said, or it is another badge."})


class AuthorSchema(BaseSchema):
    id = Id(required=True)
    name = Text(required=True)
    role = Choice(AUTHOR_ROLES, required=True, metadata={"description": "When it was written; see `badges`."})
    badges = Items(Part(BadgeSchema), metadata={
        "description": "What stands beside the name, as it is now: that she reviews comments here (`staff`), and what the site says of her. Missing in lists of one's own."
    })
    profile = Text(allow_none=True, metadata={
        "description": "For /sites/{site_key}/profiles/{profile_id}; null where there is none, of guests and deleted accounts. Missing in lists of one's own."
    })


class VotesSchema(BaseSchema):
    up = Whole(required=True)
    down = Whole(required=True)


class CommentSchema(BaseSchema):
    """A comment in its thread. One that was removed but has replies keeps its place, without text or author."""

    id = Id(required=True)
    parent_id = Id(required=True, allow_none=True, metadata={"description": "The comment it answers; null at the top."})
    author = Part(AuthorSchema, required=True, allow_none=True, metadata={"description": "Null when it was removed."})
    status = Choice(PUBLIC_STATUS, required=True)
    body_html = Text(required=True, metadata={"description": "Sanitised HTML, fit for any page."})
    created_at = Moment(required=True)
    edited_at = Moment(required=True, allow_none=True)
    featured = YesNo(required=True, metadata={"description": "The site holds it up as worth reading."})
    pinned = YesNo(required=True, metadata={"description": "It comes first on the first page, whatever the sort, in addition to `limit`."})
    votes = Part(VotesSchema, required=True)
    reply_count = Whole(required=True, metadata={"description": "Direct replies, shown here or not."})
    replies = Items(Part("CommentSchema"), required=True, metadata={"description": "The first of them, oldest first."})
    replies_left = Whole(required=True, metadata={"description": "How many direct replies are not in `replies`."})
    replies_next = Text(
        required=True, allow_none=True,
        metadata={"description": "The `after` that continues them at /comments/{id}/replies; null: start there without."},
    )


class ThreadQuery(PageQuery):
    sort = Choice(Sort, load_default=Sort.NEWEST.value)


class ThreadSchema(BaseSchema):
    article = Part(ArticleSchema, required=True)
    comments = Items(Part(CommentSchema), required=True)
    next = Text(required=True, allow_none=True, metadata={"description": "The `after` of the next page; null on the last."})
    left = Whole(required=True, metadata={"description": "About how many comments are on later pages."})


class RepliesSchema(BaseSchema):
    comments = Items(Part(CommentSchema), required=True)
    next = Text(required=True, allow_none=True)
    left = Whole(required=True)


class CommentInputSchema(BaseSchema):
    body = Text(required=True, metadata={"description": "Markdown: emphasis, lists, quotations, code and links."})
    parent_id = Id(load_default=None, allow_none=True, metadata={"pattern": ID_PATTERN, "description": "The comment it answers."})


class EditInputSchema(BaseSchema):
    body = Text(required=True, metadata={"description": "The new text, in Markdown."})
    revision = Whole(
        load_default=None, allow_none=True, least=1,
        metadata={"description": "The number of the latest revision you know of; where there is a later one, 409 and nothing changes."},
    )


class EditSchema(BaseSchema):
    """An edit that is not, or not yet, what others read."""

    revision = Whole(required=True)
    status = Choice(EditStatus, required=True)
    body = Text(required=True, metadata={"description": "As it was typed."})
    reason = Text(required=True, allow_none=True, metadata={"description": "Why it was rejected, for programs."})


class RevisionSchema(BaseSchema):
    number = Whole(required=True)
    state = Choice(("now", *RevisionState), required=True, metadata={
        "description": "`now` is what the comment says, `shown` what it said before; `waiting`, `rejected` and `replaced` nobody else has read."
    })
    body = Text(required=True)
    created_at = Moment(required=True)


class RevisionsSchema(BaseSchema):
    revisions = Items(Part(RevisionSchema), required=True, metadata={"description": "Latest first."})


class PostHeaders(BaseSchema):
    idempotency_key = Text(
        data_key="Idempotency-Key", load_default="", validate=Length(max=255),
        metadata={
            "maxLength": 255,
            "description": "Made up by the client for each comment, a UUID for instance. However often a post is sent "
            "with it, it is one comment, and the answer is that comment as it is now.",
        },
    )
    prefer = Text(
        data_key="Prefer", load_default="",
        metadata={"description": "`wait=N`: answer when the comment has been screened, at the latest after N seconds."},
    )


class RangeSchema(BaseSchema):
    start = Whole(required=True, metadata={"description": "The first character in `body`, counted in Unicode code points."})
    end = Whole(required=True, metadata={"description": "One past the last."})


class CommentDetailSchema(BaseSchema):
    """One comment. What follows `reply_count` is there for its author and for community managers."""

    id = Id(required=True)
    article_id = Id(required=True)
    parent_id = Id(required=True, allow_none=True)
    author = Part(AuthorSchema, required=True, allow_none=True)
    status = Choice(Status, required=True)
    body_html = Text(required=True)
    created_at = Moment(required=True)
    edited_at = Moment(required=True, allow_none=True)
    featured = YesNo(required=True)
    votes = Part(VotesSchema, required=True)
    reply_count = Whole(required=True)
    body = Text(metadata={"description": "As it was typed."})
    reason = Choice(Reason, allow_none=True, metadata={"description": "Why it was rejected, for programs."})
    reason_text = Text(allow_none=True, metadata={"description": "Why it was rejected, for people."})
    what_next = Text(metadata={"description": "What happens with it now, in one sentence."})
    nudge = Items(Part(RangeSchema), metadata={
        "description": "Sentences of a held comment that may hurt somebody, for its author; missing where there is nothing to show."
    })
    edit = Part(EditSchema, metadata={"description": "An edit that others do not read (yet); missing where there is none."})
    version = Whole(metadata={"description": "What a decision must name; for community managers."})


class VoteSchema(BaseSchema):
    value = Whole(required=True, least=-1, most=1, metadata={"description": "1, -1, or 0 to take it back."})


class VotedSchema(BaseSchema):
    comment_id = Id(required=True)
    value = Whole(required=True, least=-1, most=1)
    votes = Part(VotesSchema, required=True)


class FlagInputSchema(BaseSchema):
    reason = Choice(FlagReason, required=True)
    text = Text(load_default="", metadata={"maxLength": 1000, "description": "What the community managers should know."})


class FlaggedSchema(BaseSchema):
    comment_id = Id(required=True)
    reason = Choice(FlagReason, required=True)
    text = Text(required=True)
    created_at = Moment(required=True)


class MineSchema(BaseSchema):
    comments = Items(
        Part(CommentDetailSchema), required=True,
        metadata={"description": "Your comments that only you see (pending, held, rejected), latest first."},
    )
    votes = Named(
        keys=Text(), values=Whole(least=-1, most=1), required=True,
        metadata={"description": "Your votes under this article, by the comment's id."},
    )
