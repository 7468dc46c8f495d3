"""Policies, their versions, phrases, reasons, and texts tried out."""

from __future__ import annotations

from marshmallow import fields
from marshmallow.validate import Length

from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Items,
    Moment,
    Named,
    Part,
    Share,
    Text,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.moderation import FindingSchema
from commentsvc.api.schemas.sites import (
    MessageSchema,
    PersonSchema,
    PolicySchema,
    ReasonSchema,
    SectionSchema,
    SitePolicySchema,
)
from commentsvc.moderation.phrase_lists import LISTS, NOTE_LENGTH
from commentsvc.moderation.settings import COMMENT_LENGTH
from commentsvc.moderation.trial import TEXT_LENGTH, Kind
from commentsvc.screening.policy import PHRASE_LENGTH, SECTION_LENGTH
from commentsvc.screening.submission import Verdict

CHANGED_AT_ONCE = 5000
PHRASES_PER_PAGE = 1000


class SectionQuery(BaseSchema):
    section = Text(
        load_default="", validate=Length(max=SECTION_LENGTH, error=f"A section has at most {SECTION_LENGTH} characters."),
        metadata={"description": "A section of the paper; left out: what holds where no section has its own."},
    )


class EffectivePolicySchema(BaseSchema):
    section = Text(required=True)
    policy = Part(PolicySchema, required=True, metadata={"description": "What holds: the site's, with the section's own in its place."})
    own = Part(SectionSchema, required=True, metadata={"description": "What the section has of its own; the rest is inherited."})
    policy_version = Whole(required=True)


class VersionsQuery(BaseSchema):
    before = Whole(least=1, digits=True, metadata={"description": "The `next` of the page before."})
    limit = Whole(least=1, most=100, digits=True)


class ChangeSchema(BaseSchema):
    """A field that differs from the version before; of a list, how many came and went."""

    path = Items(Text(), required=True)
    added = Whole(required=True)
    removed = Whole(required=True)


class VersionSchema(BaseSchema):
    number = Whole(required=True)
    actor = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: a command, or nobody knows."})
    via = Text(required=True, metadata={"description": "`console`, `api` or `command`."})
    comment = Text(required=True)
    restores = Whole(required=True, allow_none=True, metadata={"description": "The version it went back to."})
    changes = Items(Part(ChangeSchema), required=True)
    created_at = Moment(required=True)


class VersionsSchema(BaseSchema):
    versions = Items(Part(VersionSchema), required=True, metadata={"description": "Latest first."})
    next = Whole(required=True, allow_none=True)


class DifferenceSchema(BaseSchema):
    """A field before and after (null: it was not there), or of a list what came and went."""

    path = Items(Text(), required=True)
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)
    added = Items(Text(), required=True)
    removed = Items(Text(), required=True)


class WholeVersionSchema(VersionSchema):
    differences = Items(Part(DifferenceSchema), required=True, metadata={"description": "From the version before it."})
    going_back = Items(Part(DifferenceSchema), required=True, metadata={"description": "What restoring it would change now."})
    policy = Part(SitePolicySchema, required=True)


class RestoreSchema(BaseSchema):
    version = Whole(load_default=None, allow_none=True, metadata={"description": "The site's version you saw; 409 when it has moved on."})
    comment = Text(load_default="", validate=Length(max=COMMENT_LENGTH), metadata={"description": "Why, for the history."})


class PhraseQuery(BaseSchema):
    list = Choice(LISTS, load_default="", metadata={"description": "Only this list."})
    q = Text(load_default="", metadata={"description": "Only phrases that have this in them or in their note."})
    page = Whole(least=1, most=1000, digits=True, load_default=1, metadata={"description": f"{PHRASES_PER_PAGE} phrases each."})


class PhraseSchema(BaseSchema):
    phrase = Text(required=True, validate=Length(min=1, max=PHRASE_LENGTH))
    list = Choice(LISTS, required=True)
    note = Text(load_default="", validate=Length(max=NOTE_LENGTH), metadata={"description": "Why it is there, for colleagues."})


class KeptPhraseSchema(PhraseSchema):
    added_by = Part(PersonSchema, required=True, allow_none=True)
    added_at = Moment(required=True, allow_none=True)


class PhrasesSchema(BaseSchema):
    phrases = Items(Part(KeptPhraseSchema), required=True, metadata={"description": "In the order of the alphabet."})
    total = Whole(required=True)


class PhraseChangesSchema(BaseSchema):
    add = Items(
        Part(PhraseSchema), load_default=list, validate=Length(max=CHANGED_AT_ONCE),
        metadata={"description": f"Up to {CHANGED_AT_ONCE}. One that is on the other list moves."},
    )
    remove = Items(Text(), load_default=list, validate=Length(max=CHANGED_AT_ONCE))
    comment = Text(load_default="", validate=Length(max=COMMENT_LENGTH), metadata={"description": "Why, for the history."})


class PhraseTallySchema(BaseSchema):
    added = Whole(required=True)
    moved = Whole(required=True)
    noted = Whole(required=True, metadata={"description": "Got another note."})
    known = Whole(required=True)
    removed = Whole(required=True)


class ReasonsSchema(BaseSchema):
    reasons = Items(Part(ReasonSchema), required=True)
    messages = Items(Part(MessageSchema), required=True)


class TrialInputSchema(BaseSchema):
    text = Text(required=True, validate=Length(min=1, max=TEXT_LENGTH))
    author = Choice(Kind, load_default=Kind.MEMBER.value, metadata={"description": "Who wrote it: somebody new, a member, or staff."})
    section = Text(load_default="", validate=Length(max=SECTION_LENGTH))
    policy = Part(SitePolicySchema, metadata={"description": "Changes to try that are not saved."})


class StepSchema(BaseSchema):
    phase = Text(required=True)
    finding = Part(FindingSchema, required=True, allow_none=True)
    reached = YesNo(required=True, metadata={"description": "Whether the screening comes so far."})
    decides = YesNo(required=True)


class TrialSchema(BaseSchema):
    verdict = Choice(Verdict, required=True)
    steps = Items(Part(StepSchema), required=True, metadata={"description": "Every phase, in their order."})
    scores = Named(keys=Text(), values=Share(), required=True, allow_none=True, metadata={"description": "Null while the model does not answer."})
    hold_at = Named(keys=Text(), values=Share(), required=True)
    reject_at = Named(keys=Text(), values=Share(), required=True)
