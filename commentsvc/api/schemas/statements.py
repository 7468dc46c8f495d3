"""Statements of reasons, appeals and the public modlog."""

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
from commentsvc.api.schemas.moderation import CardArticleSchema, CardSchema, OpenFlagSchema
from commentsvc.api.schemas.sites import PersonSchema
from commentsvc.moderation.appeals import (
    ANSWER_LENGTH,
    TEXT_LENGTH,
    Outcome,
    State,
    Whose,
)
from commentsvc.moderation.models import AppealStatus, Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.public_modlog import What


class AppealSchema(BaseSchema):
    """One's own appeal."""

    text = Text(required=True)
    status = Choice(AppealStatus, required=True, metadata={
        "description": "`settled`: the decision was taken back without it; `dropped`: you took the comment back."
    })
    created_at = Moment(required=True)
    due_at = Moment(required=True, metadata={"description": "By when the site means to answer."})
    decided_at = Moment(required=True, allow_none=True)
    answer = Text(required=True, metadata={"description": "Why it was decided so; empty until then."})


class StatementSchema(BaseSchema):
    """Why something of yours was restricted. Codes are those of the EU's DSA Transparency Database."""

    puid = Text(required=True, metadata={"description": "The statement's own number; it says nothing about anybody."})
    site_key = Text(required=True)
    comment_id = Id(required=True, allow_none=True)
    revision = Whole(required=True, allow_none=True, metadata={"description": "The edit of the comment that it is about, where the text before it stands; null: the comment as a whole."})
    sanction = Choice(SanctionKind, required=True, allow_none=True, metadata={"description": "What was imposed on the account, where it is about that and no comment."})
    article = Part(CardArticleSchema, required=True, allow_none=True)
    state = Choice(State, required=True)
    reason = Choice(Reason, required=True, metadata={"description": "The rule, for programs."})
    rule = Text(required=True, metadata={"description": "The rule, for people."})
    decision_visibility = Text(required=True, allow_none=True)
    decision_provision = Text(required=True, allow_none=True)
    decision_account = Text(required=True, allow_none=True)
    decision_ground = Text(required=True)
    ground = Text(required=True, metadata={"description": "The contractual or legal ground."})
    explanation = Text(required=True)
    message = Text(required=True, metadata={"description": "What the Community Manager wrote to you; may be empty."})
    decision_facts = Text(required=True)
    category = Text(required=True)
    content_date = Moment(required=True, allow_none=True)
    application_date = Moment(required=True)
    end_date = Moment(required=True, allow_none=True, metadata={"description": "When it ended, or ends by itself; null: never."})
    source_type = Text(required=True)
    automated_detection = YesNo(required=True)
    automated_decision = Text(required=True)
    appeal_until = Moment(required=True)
    may_appeal = YesNo(required=True)
    appeal = Part(AppealSchema, required=True, allow_none=True)


class StatementsSchema(BaseSchema):
    statements = Items(Part(StatementSchema), required=True)
    next = Text(required=True, allow_none=True)


class AppealInputSchema(BaseSchema):
    text = Text(required=True, metadata={"maxLength": TEXT_LENGTH, "description": "Why the decision is wrong."})


class AppealsQuery(PageQuery):
    state = Choice(("open", "decided"), load_default="open", metadata={"description": "`open`: first due first; `decided`: latest first."})
    whose = Choice(Whose, load_default=Whose.ALL.value, metadata={
        "description": "`others`: yours to judge; `mine`: against your own decisions, for somebody else."
    })


class JudgedAppealSchema(AppealSchema):
    """An appeal as a community manager sees it."""

    id = Id(required=True)
    author = Part(PersonSchema, required=True)
    reason = Choice(Reason, required=True)
    rule = Text(required=True)
    comment_id = Id(required=True, allow_none=True)
    revision = Whole(required=True, allow_none=True, metadata={"description": "The edit of the comment that it is about; null: the comment as a whole, or the account."})
    sanction = Choice(SanctionKind, required=True, allow_none=True, metadata={"description": "What was imposed on the account, where it is about that and no comment."})
    article = Part(CardArticleSchema, required=True, allow_none=True)
    decided_first_by = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Whose decision it is against; null: the system's."})
    decided_by = Part(PersonSchema, required=True, allow_none=True)
    decision_id = Id(required=True, allow_none=True, metadata={"description": "Of the comment, that closed it; null where it is about a sanction."})
    alone = YesNo(required=True, metadata={"description": "Judged by whoever made the decision, because the site had nobody else."})


class AppealsSchema(BaseSchema):
    appeals = Items(Part(JudgedAppealSchema), required=True)
    next = Text(required=True, allow_none=True)


class AppealCaseSchema(BaseSchema):
    """All that judging an appeal needs."""

    appeal = Part(JudgedAppealSchema, required=True)
    decision_facts = Text(required=True)
    card = Part(CardSchema, required=True, allow_none=True)
    flags = Items(Part(OpenFlagSchema), required=True, metadata={"description": "Those that the decision settled."})
    edit = Text(required=True, allow_none=True, metadata={"description": "The rejected text, where the appeal is about an edit."})
    may_judge = YesNo(required=True, metadata={"description": "False where the decision is your own and the site has somebody else."})


class OutcomeInputSchema(BaseSchema):
    outcome = Choice(Outcome, required=True)
    answer = Text(required=True, metadata={"maxLength": ANSWER_LENGTH, "description": "Why; the author is told it."})


class PublicArticleSchema(BaseSchema):
    title = Text(required=True)
    url = Text(required=True)


class PublicEntrySchema(BaseSchema):
    """Something that was removed: without its text, and without anybody's name."""

    decided_at = Moment(required=True)
    what = Choice(What, required=True)
    reason = Choice(Reason, required=True)
    rule = Text(required=True)
    decided_by = Choice(("community_manager", "system"), required=True)
    state = Choice(State, required=True)
    article = Part(PublicArticleSchema, required=True, allow_none=True)


class PublicModlogSchema(BaseSchema):
    entries = Items(Part(PublicEntrySchema), required=True)
    next = Text(required=True, allow_none=True)
