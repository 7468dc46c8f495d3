"""One's own data: consents, takeout, deletion."""

from __future__ import annotations

from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Named,
    Part,
    Text,
    Whole,
    YesNo,
)
from commentsvc.privacy.consents import Purpose

PASSWORD = {"format": "password", "maxLength": 200}


class TrainedOnSchema(BaseSchema):
    export_id = Id(required=True)
    created_at = Moment(required=True)
    comments = Whole(required=True, metadata={"description": "Of yours."})
    used_for = Text(required=True, metadata={"description": "As the publisher recorded it; may be empty."})


class ConsentSchema(BaseSchema):
    purpose = Choice(Purpose, required=True)
    granted = YesNo(required=True, metadata={"description": "False where you were never asked, or agreed to an earlier text."})
    question = Text(required=True)
    explanation = Text(required=True)
    text_version = Whole(required=True, metadata={"description": "Of question and explanation as they stand."})
    answered_at = Moment(required=True, allow_none=True)
    entry = Text(required=True, allow_none=True, metadata={"description": "The hash of your answer's entry in the ledger."})
    exports = Items(Part(TrainedOnSchema), required=True, metadata={"description": "Exports that hold comments of yours, whatever you say today."})


class ConsentsSchema(BaseSchema):
    consents = Items(Part(ConsentSchema), required=True)


class ConsentAnswerSchema(BaseSchema):
    granted = YesNo(required=True)


class PresentPasswordSchema(BaseSchema):
    password = Text(required=True, metadata=PASSWORD)


class DeletionInputSchema(BaseSchema):
    password = Text(required=True, metadata=PASSWORD)
    comments = Choice(("keep", "remove"), required=True, metadata={
        "description": "Whether they stay under another name, or go; answers to them stay either way.",
    })


class DeletionSchema(BaseSchema):
    due_at = Moment(required=True)
    comments = Choice(("keep", "remove"), required=True)


class TakeoutAccountSchema(BaseSchema):
    id = Whole(required=True)
    display_name = Text(required=True)
    email = Text(required=True, allow_none=True)
    created_at = Moment(required=True)


class TakeoutSectionSchema(BaseSchema):
    name = Text(required=True, metadata={"description": "Where the database keeps it."})
    title = Text(required=True)
    rows = Items(Named(), required=True)


class TakeoutSchema(BaseSchema):
    format = Text(required=True)
    format_version = Whole(required=True)
    made_at = Moment(required=True)
    account = Part(TakeoutAccountSchema, required=True)
    comments = Items(Named(), required=True, metadata={
        "description": "Each with its article, status, text, versions, votes and decisions.",
    })
    sections = Items(Part(TakeoutSectionSchema), required=True)
