"""The review queues, cards, decisions and the modlog."""

from __future__ import annotations

from commentsvc.api.schemas.comments import AuthorSchema, EditSchema, VotesSchema
from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Named,
    PageQuery,
    Part,
    Share,
    Text,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.legal import LegalNoticeSchema
from commentsvc.api.schemas.sites import AUTHOR_ROLES, PersonSchema
from commentsvc.comments.models import Status
from commentsvc.moderation.filters import Order
from commentsvc.moderation.models import FlagReason, Reason
from commentsvc.moderation.queue import COUNT_LIMIT, Queue
from commentsvc.moderation.saved import NAME_LENGTH as SAVED_NAME_LENGTH
from commentsvc.moderation.search import QUERY_LENGTH
from commentsvc.moderation.urgency import GRAVITY


class QueueCountsSchema(BaseSchema):
    counts = Named(
        keys=Choice(Queue), values=Whole(), required=True,
        metadata={"description": f"By queue; counting stops at {COUNT_LIMIT}."},
    )


class FilterFields(BaseSchema):
    """What a queue may be narrowed to; what is left out narrows nothing."""

    article = Text(metadata={"description": "An article's id."})
    group = Text(metadata={"description": "The id of a group of articles."})
    section = Text(metadata={"description": "The section its article stands in."})
    label = Choice(GRAVITY, metadata={"description": "The gravest of what it was held for: a label of the model, or a rule."})
    language = Text(metadata={"description": "ISO 639, such as `en`, detected when it was posted."})
    author = Text(metadata={"description": "A person's id."})
    role = Choice(AUTHOR_ROLES, metadata={"description": "The author's when she wrote it."})
    since = Text(metadata={"description": "The first day it was posted on (UTC), as `2026-03-31`.", "format": "date"})
    until = Text(metadata={"description": "The last day.", "format": "date"})


class OrderedQuery(FilterFields, PageQuery):
    order = Choice(Order, metadata={"description": "`urgent` where a decision is due (held, flagged) alone."})


class QueueQuery(OrderedQuery):
    """A page of a queue."""


class QueuesQuery(OrderedQuery):
    """A page of a queue of several sites."""

    site = Items(Text(), metadata={"description": "A site's key; repeat it. All of yours when left out."})


class SearchQuery(PageQuery):
    q = Text(required=True, metadata={"description": "Words.", "maxLength": QUERY_LENGTH})


class JudgedCommentSchema(BaseSchema):
    """A comment as a community manager sees it."""

    id = Id(required=True)
    author = Part(AuthorSchema, required=True)
    status = Choice(Status, required=True)
    body = Text(required=True)
    body_html = Text(required=True)
    created_at = Moment(required=True)
    edited_at = Moment(required=True, allow_none=True)
    votes = Part(VotesSchema, required=True)
    featured = YesNo(required=True)
    depth = Whole(required=True, metadata={"description": "How many comments it stands below; 0 at the top."})
    reply_count = Whole(required=True, metadata={"description": "Direct replies that readers see."})
    version = Whole(required=True, metadata={"description": "Name it in the decision."})


class CardArticleSchema(BaseSchema):
    id = Id(required=True)
    url = Text(required=True)
    title = Text(required=True)


class AuthorRecordSchema(BaseSchema):
    """How many of the author's comments on this site stand, wait, or went."""

    published = Whole(required=True)
    rejected = Whole(required=True)
    held = Whole(required=True, metadata={"description": "Held or pending."})
    withdrawn = Whole(required=True)
    flagged = Whole(required=True, metadata={"description": "With open flags."})


class MatchSchema(BaseSchema):
    start = Whole(required=True, metadata={"description": "The first character in `body`."})
    end = Whole(required=True, metadata={"description": "One past the last."})
    phrase = Text(required=True)


class HighlightSchema(BaseSchema):
    start = Whole(required=True, metadata={"description": "The first character in `body`, counted in Unicode code points."})
    end = Whole(required=True, metadata={"description": "One past the last."})
    score = Share(required=True, metadata={"description": "How much it weighs, 0 to 1."})


class ExplanationSchema(BaseSchema):
    """What in `body` carries the model's scores; both lists are empty where nothing stands out."""

    sentences = Items(Part(HighlightSchema), required=True, metadata={"description": "In the order of the text, none overlapping."})
    words = Items(Part(HighlightSchema), required=True, metadata={"description": "In the order of the text, none overlapping."})


class FindingSchema(BaseSchema):
    phase = Text(required=True)
    reason = Text(required=True)
    message = Text(required=True)
    verdict = Text(required=True, allow_none=True, metadata={"description": "Null for a mere note."})
    matches = Items(Part(MatchSchema), required=True)
    labels = Named(keys=Text(), values=Share(), required=True, allow_none=True)
    explanation = Part(ExplanationSchema, allow_none=True, metadata={"description": "Of the model's finding alone."})


class ModelSchema(BaseSchema):
    name = Text(required=True)
    version = Text(required=True)
    sha256 = Text(required=True)


class OpenFlagSchema(BaseSchema):
    user = Part(PersonSchema, required=True)
    reason = Choice(FlagReason, required=True)
    text = Text(required=True)
    created_at = Moment(required=True)
    counted = YesNo(required=True, metadata={"description": "Whether it counts in the comment's urgency; false for one of many of new accounts, and of somebody whose flags rarely led to a rejection."})


class DecisionSchema(BaseSchema):
    id = Id(required=True)
    comment_id = Id(required=True)
    from_status = Choice(Status, required=True)
    to_status = Choice(Status, required=True)
    reason = Choice(Reason, required=True)
    site_reason = Text(required=True, allow_none=True, metadata={"description": "The key of one of the site's own reasons, which counts as `reason`."})
    note = Text(required=True, metadata={"description": "For colleagues."})
    message = Text(required=True, metadata={"description": "To the author."})
    batch = Text(required=True, allow_none=True, metadata={"description": "What was decided in one step."})
    actor = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: the system."})
    undoes_id = Id(required=True, allow_none=True)
    created_at = Moment(required=True)


class DecidedSchema(DecisionSchema):
    version = Whole(required=True, metadata={"description": "The comment's version now."})


class CardSchema(BaseSchema):
    comment = Part(JudgedCommentSchema, required=True)
    parent = Part(JudgedCommentSchema, required=True, allow_none=True)
    article = Part(CardArticleSchema, required=True)
    author_record = Part(AuthorRecordSchema, required=True)
    findings = Items(Part(FindingSchema), required=True)
    scores = Named(
        keys=Text(), values=Share(), required=True, allow_none=True,
        metadata={"description": "The model's probability for each label; null when it was not asked."},
    )
    model = Part(ModelSchema, required=True, allow_none=True)
    flags = Items(Part(OpenFlagSchema), required=True)
    legal_notices = Items(Part(LegalNoticeSchema), required=True, metadata={"description": "That wait, oldest first. The decision answers them."})
    decisions = Items(Part(DecisionSchema), required=True, metadata={"description": "Latest first."})
    version = Whole(required=True, metadata={"description": "The comment's; name it in the decision."})
    edit = Part(EditSchema, required=True, allow_none=True, metadata={"description": "An edit that waits, while readers see the comment's text; null where none does."})


class CardsSchema(BaseSchema):
    cards = Items(Part(CardSchema), required=True)
    next = Text(required=True, allow_none=True)


class FoundSchema(CardsSchema):
    people = Items(Part(PersonSchema), required=True)


class SavedFilterSchema(BaseSchema):
    """A queue under filters that the team keeps."""

    id = Id(required=True)
    site_key = Text(required=True)
    name = Text(required=True)
    queue = Choice(Queue, required=True)
    order = Choice(Order, required=True, allow_none=True, metadata={"description": "Null: the queue's own."})
    filters = Named(keys=Text(), values=Text(), required=True, metadata={"description": "As the queue takes them."})
    created_by = Part(PersonSchema, required=True, allow_none=True)
    created_at = Moment(required=True)


class CountedFilterSchema(SavedFilterSchema):
    count = Whole(required=True, metadata={"description": f"How many comments are in it; counting stops at {COUNT_LIMIT}."})
    more = YesNo(required=True, metadata={"description": "Whether there may be more than `count`."})


class SavedFiltersSchema(BaseSchema):
    filters = Items(Part(CountedFilterSchema), required=True)


class SavedFilterInputSchema(BaseSchema):
    name = Text(required=True, metadata={"maxLength": SAVED_NAME_LENGTH})
    queue = Choice(Queue, required=True)
    order = Choice(Order, load_default=None, allow_none=True)
    filters = Part(FilterFields, required=True)


class RenameSchema(BaseSchema):
    name = Text(required=True, metadata={"maxLength": SAVED_NAME_LENGTH})


class ArticleGroupSchema(BaseSchema):
    """Articles that are read together; `group` of a queue is what waits under all of them."""

    id = Id(required=True)
    site_key = Text(required=True)
    name = Text(required=True)
    articles = Items(Id(), required=True, metadata={"description": "The articles' ids, in the order they were added."})
    created_by = Part(PersonSchema, required=True, allow_none=True)
    created_at = Moment(required=True)


class ArticleGroupsSchema(BaseSchema):
    groups = Items(Part(ArticleGroupSchema), required=True)


class DecisionInputSchema(BaseSchema):
    action = Choice(("approve", "reject"), required=True)
    version = Whole(required=True, least=1, metadata={"description": "The version of the comment that was judged."})
    edit = Whole(load_default=None, allow_none=True, least=1, metadata={"description": "The revision of the edit that is decided on; without it, the comment is."})
    reason = Text(load_default=None, allow_none=True, metadata={"description": "The key of one of the site's reasons (listReasons), built-in or its own. Needed to reject; its author is told."})
    note = Text(load_default="", metadata={"maxLength": 2000, "description": "For colleagues; its author is not told."})
    law = Text(load_default="", metadata={"maxLength": 500, "description": "The law it breaks, if it is illegal; its author is told."})
    message = Text(load_default="", metadata={"maxLength": 2000, "description": "To the author, with a rejection."})
    answer = Text(load_default="", metadata={"maxLength": 2000, "description": "Why the comment stays, for whoever sent a legal notice; needed to approve while one waits."})


class ModlogQuery(PageQuery):
    by_people = Choice(("true", "false"), load_default="false", metadata={"description": "Leave the system's decisions out."})


class ModlogEntrySchema(DecisionSchema):
    article = Part(CardArticleSchema, required=True)
    author = Part(PersonSchema, required=True)
    body = Text(required=True, metadata={"description": "The comment's text as it is now."})
    status = Choice(Status, required=True, metadata={"description": "The comment's status now."})


class ModlogSchema(BaseSchema):
    decisions = Items(Part(ModlogEntrySchema), required=True)
    next = Text(required=True, allow_none=True)
