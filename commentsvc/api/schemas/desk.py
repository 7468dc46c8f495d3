"""Beside the single decision: many at once, marks, notes, questions, who is on what."""

from __future__ import annotations

from marshmallow.validate import Length

from commentsvc.api.schemas.fields import (
    ID_PATTERN,
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Part,
    Text,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.moderation import CardArticleSchema
from commentsvc.api.schemas.sites import PersonSchema
from commentsvc.comments.models import Status
from commentsvc.moderation.bulk import BULK_LIMIT
from commentsvc.moderation.desk import TEXT_LENGTH


class JudgedSchema(BaseSchema):
    id = Id(required=True, metadata={"pattern": ID_PATTERN})
    version = Whole(required=True, least=1, metadata={"description": "The version of the comment that was judged."})


class BulkInputSchema(BaseSchema):
    action = Choice(("approve", "reject"), required=True)
    comments = Items(
        Part(JudgedSchema), required=True, validate=Length(min=1, max=BULK_LIMIT),
        metadata={"minItems": 1, "maxItems": BULK_LIMIT},
    )
    reason = Text(load_default=None, allow_none=True, metadata={"description": "The key of one of the site's reasons (listReasons). Needed to reject; the authors are told."})
    note = Text(load_default="", metadata={"maxLength": TEXT_LENGTH, "description": "For colleagues."})
    message = Text(load_default="", metadata={"maxLength": TEXT_LENGTH, "description": "To the authors, with a rejection."})


class RefusedSchema(BaseSchema):
    comment_id = Id(required=True)
    message = Text(required=True)
    code = Text(required=True)


class BulkOutcomeSchema(BaseSchema):
    batch = Text(required=True, metadata={"description": "What takes all of it back."})
    done = Items(Id(), required=True, metadata={"description": "The comments that were decided."})
    stood = Items(Id(), required=True, metadata={"description": "Approved already, with nothing new since: nothing to do."})
    refused = Items(Part(RefusedSchema), required=True, metadata={"description": "Left as they are, each with why."})


class MarkInputSchema(BaseSchema):
    on = YesNo(required=True)
    version = Whole(required=True, least=1, metadata={"description": "The version of the comment that was judged."})


class TextInputSchema(BaseSchema):
    text = Text(required=True, metadata={"maxLength": TEXT_LENGTH})


class CommentNoteSchema(BaseSchema):
    id = Id(required=True)
    comment_id = Id(required=True)
    author = Part(PersonSchema, required=True)
    text = Text(required=True)
    created_at = Moment(required=True)


class CommentNotesSchema(BaseSchema):
    notes = Items(Part(CommentNoteSchema), required=True, metadata={"description": "Oldest first."})


class QuestionInputSchema(BaseSchema):
    text = Text(load_default="", metadata={"maxLength": TEXT_LENGTH, "description": "May be left out where one person is asked."})
    asked_id = Id(load_default=None, allow_none=True, metadata={"pattern": ID_PATTERN, "description": "A colleague; null asks all of them."})


class QuestionSchema(BaseSchema):
    id = Id(required=True)
    comment_id = Id(required=True)
    asker = Part(PersonSchema, required=True)
    asked = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: all colleagues."})
    text = Text(required=True)
    created_at = Moment(required=True)


class QuestionsSchema(BaseSchema):
    questions = Items(Part(QuestionSchema), required=True, metadata={"description": "The open ones, oldest first."})


class AskedSchema(QuestionSchema):
    body = Text(required=True, metadata={"description": "Of the comment."})
    article = Part(CardArticleSchema, required=True)


class AskedListSchema(BaseSchema):
    questions = Items(Part(AskedSchema), required=True, metadata={"description": "Oldest first."})


class ColleaguesSchema(BaseSchema):
    colleagues = Items(Part(PersonSchema), required=True)


class ChangesQuery(BaseSchema):
    since = Whole(least=0, digits=True, load_default=None, allow_none=True, metadata={"description": "The `cursor` of the answer before; leave it out to begin now."})


class ChangedSchema(BaseSchema):
    comment_id = Id(required=True)
    status = Choice(Status, required=True)
    by = Text(required=True)
    mine = YesNo(required=True)


class ClaimSchema(BaseSchema):
    comment_id = Id(required=True)
    by = Text(required=True)


class ChangesSchema(BaseSchema):
    cursor = Whole(required=True)
    decisions = Items(Part(ChangedSchema), required=True, metadata={"description": "By people, oldest first. What happened just now may come twice."})
    claims = Items(Part(ClaimSchema), required=True, metadata={"description": "Which comments colleagues have before them."})
    asked = Whole(required=True, metadata={"description": "How many questions wait for you."})
