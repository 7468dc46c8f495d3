"""Legal notices: what anybody says is illegal about a comment."""

from __future__ import annotations

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
from commentsvc.api.schemas.sites import PersonSchema
from commentsvc.moderation.legal_notices import ANSWER_LENGTH, EXPLANATION_LENGTH, NAME_LENGTH
from commentsvc.moderation.models import NoticeKind, NoticeStatus


class LegalNoticeInputSchema(BaseSchema):
    """What article 16(2) of the Digital Services Act asks for; the comment's address is its exact location."""

    kind = Choice(NoticeKind, required=True)
    explanation = Text(required=True, metadata={"maxLength": EXPLANATION_LENGTH, "description": "Why it is illegal."})
    name = Text(load_default="", metadata={"maxLength": NAME_LENGTH, "description": "Of who sends it; not needed for `minors`."})
    email = Text(load_default="", metadata={"maxLength": 254, "description": "Where the receipt and the decision go; not needed for `minors`."})
    good_faith = YesNo(required=True, metadata={"description": "Whoever sends it believes in good faith that it is accurate and complete."})
    language = Text(load_default="", metadata={"maxLength": 20, "description": "In which she is answered; without it, the site's."})


class SentNoticeSchema(BaseSchema):
    number = Text(required=True, metadata={"description": "What the notice is named by in mails."})
    comment_id = Id(required=True)
    kind = Choice(NoticeKind, required=True)
    status = Choice(NoticeStatus, required=True)
    created_at = Moment(required=True)


class LegalNoticeSchema(SentNoticeSchema):
    """A notice as those see it who decide."""

    revision = Whole(required=True, metadata={"description": "The text of the comment that she read."})
    explanation = Text(required=True)
    name = Text(required=True)
    email = Text(required=True)
    decided_at = Moment(required=True, allow_none=True)
    decided_by = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "null: nobody yet, or a program."})
    decision_id = Id(required=True, allow_none=True, metadata={"description": "Undoing it opens the notice again."})
    answer = Text(required=True, metadata={"maxLength": ANSWER_LENGTH, "description": "Why the comment stays; empty otherwise."})


class LegalNoticesSchema(BaseSchema):
    notices = Items(Part(LegalNoticeSchema), required=True)
    next = Text(required=True, allow_none=True)


class LegalNoticesQuery(PageQuery):
    state = Choice(("open", "decided"), load_default="open", metadata={"description": "`open`: oldest first; `decided`: latest first."})
