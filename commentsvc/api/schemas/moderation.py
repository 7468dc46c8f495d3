"""The review queues, cards, decisions and the modlog."""

from __future__ import annotations

from commentsvc.api.schemas.comments import AuthorSchema, VotesSchema
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
)
from commentsvc.api.schemas.sites import PersonSchema
from commentsvc.comments.models import Status
from commentsvc.moderation.models import REJECT_REASONS, FlagReason, Reason
from commentsvc.moderation.queue import COUNT_LIMIT, Queue


class QueueCountsSchema(BaseSchema):
    counts = Named(
        keys=Choice(Queue), values=Whole(), required=True,
        metadata={"description": f"By queue; counting stops at {COUNT_LIMIT}."},
    )


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


class DecisionSchema(BaseSchema):
    id = Id(required=True)
    comment_id = Id(required=True)
    from_status = Choice(Status, required=True)
    to_status = Choice(Status, required=True)
    reason = Choice(Reason, required=True)
    note = Text(required=True, metadata={"description": "For colleagues."})
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
    decisions = Items(Part(DecisionSchema), required=True, metadata={"description": "Latest first."})
    version = Whole(required=True, metadata={"description": "The comment's; name it in the decision."})


class CardsSchema(BaseSchema):
    cards = Items(Part(CardSchema), required=True)
    next = Text(required=True, allow_none=True)


class DecisionInputSchema(BaseSchema):
    action = Choice(("approve", "reject"), required=True)
    version = Whole(required=True, least=1, metadata={"description": "The version of the comment that was judged."})
    reason = Choice(REJECT_REASONS, load_default=None, allow_none=True, metadata={"description": "Needed to reject; its author is told."})
    note = Text(load_default="", metadata={"maxLength": 2000, "description": "For colleagues; its author is not told."})
    law = Text(load_default="", metadata={"maxLength": 500, "description": "The law it breaks, if it is illegal; its author is told."})


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
