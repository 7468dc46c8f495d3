"""A site's people, what is noted of them and imposed on them."""

from __future__ import annotations

from commentsvc.accounts.models import EXPERT_LENGTH, BioState
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
    Time,
    Whole,
    YesNo,
)
from commentsvc.api.schemas.moderation import AuthorRecordSchema
from commentsvc.api.schemas.sites import PersonSchema
from commentsvc.moderation.models import REJECT_REASONS, Reason
from commentsvc.moderation.people import TIMELINES, Filter, Kind
from commentsvc.moderation.people_models import Rule, SanctionKind, SweepState
from commentsvc.screening.trust import Level


class SanctionSchema(BaseSchema):
    id = Id(required=True)
    person = Part(PersonSchema, required=True)
    kind = Choice(SanctionKind, required=True)
    all_sites = YesNo(required=True)
    reason = Choice(Reason, required=True)
    message = Text(required=True, metadata={"description": "To the person."})
    note = Text(required=True, metadata={"description": "For colleagues."})
    actor = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: a rule of the site, see `rule`."})
    rule = Choice(Rule, required=True, allow_none=True, metadata={"description": "Which rule imposed it; null: a person did."})
    starts_at = Moment(required=True)
    ends_at = Moment(required=True, allow_none=True, metadata={"description": "When it ends by itself; null: when somebody ends it."})
    ended_at = Moment(required=True, allow_none=True, metadata={"description": "When somebody ended it, or a warning was read."})
    ended_by = Part(PersonSchema, required=True, allow_none=True)
    end_note = Text(required=True)
    holds = YesNo(required=True, metadata={"description": "Now."})
    refused = Whole(required=True, metadata={"description": "Posts, votes and flags that it turned away."})


class SanctionEffectSchema(SanctionSchema):
    held = Whole(required=True, metadata={"description": "Comments that were held because of it."})


class SanctionEffectsSchema(BaseSchema):
    sanctions = Items(Part(SanctionEffectSchema), required=True, metadata={"description": "Latest first."})


class SanctionsQuery(PageQuery):
    holding = Choice(("true", "false"), load_default="false", metadata={"description": "Those in force alone."})


class SanctionsSchema(BaseSchema):
    sanctions = Items(Part(SanctionSchema), required=True)
    next = Text(required=True, allow_none=True)


class SanctionInputSchema(BaseSchema):
    kind = Choice(SanctionKind, required=True)
    reason = Choice(REJECT_REASONS, required=True, metadata={"description": "The person is told."})
    message = Text(load_default="", metadata={"maxLength": 2000, "description": "To the person; a warning needs one."})
    note = Text(load_default="", metadata={"maxLength": 2000, "description": "For colleagues."})
    ends_at = Time(
        load_default=None, allow_none=True,
        metadata={"description": "`suspend` (up to 366 days) and `shadow` (up to 30) need one, `always_review` may have one, the others have none."},
    )
    all_sites = YesNo(load_default=False, metadata={"description": "On every site; for admins of all of them."})


class EndInputSchema(BaseSchema):
    note = Text(load_default="", metadata={"maxLength": 2000, "description": "For colleagues."})


class SitePersonSchema(BaseSchema):
    id = Id(required=True)
    name = Text(required=True)
    email = Text(required=True, allow_none=True, metadata={"description": "Masked, but for those who manage roles."})
    created_at = Moment(required=True, metadata={"description": "Of the account."})
    record = Part(AuthorRecordSchema, required=True)
    level = Choice(Level, required=True, metadata={"description": "Of trust, on this site, now."})
    sanctions = Items(Part(SanctionSchema), required=True, metadata={"description": "In force."})


class PeopleQuery(PageQuery):
    q = Text(load_default="", metadata={"description": "A part of a name."})
    email = Text(load_default="", metadata={"description": "A whole address; for those who manage roles."})
    filter = Choice(Filter, load_default="all", metadata={"description": "`new`: accounts of the last 7 days; `rejected`: three rejections or more in 90 days; `bio`: whose bio waits for a community manager."})


class PeopleSchema(BaseSchema):
    people = Items(Part(SitePersonSchema), required=True, metadata={"description": "The newest accounts first."})
    next = Text(required=True, allow_none=True)


class FlagsMadeSchema(BaseSchema):
    made = Whole(required=True)
    decided = Whole(required=True)
    upheld = Whole(required=True, metadata={"description": "The comment was then rejected."})
    reliability = Share(required=True, allow_none=True, metadata={"description": "`upheld` of `decided`; null before any was decided."})


class BadgesInputSchema(BaseSchema):
    expert = Text(required=True, allow_none=True, metadata={
        "maxLength": EXPERT_LENGTH, "description": "What she is an expert in; empty: an expert, without saying in what; null: none."
    })
    member = YesNo(required=True, metadata={"description": "A subscriber, for instance."})


class GivenBadgesSchema(BadgesInputSchema):
    expert_by_token = YesNo(required=True, metadata={"description": "A publisher's token gave it, and the next may take it back."})
    member_by_token = YesNo(required=True)


class PersonBioSchema(BaseSchema):
    shown = Text(required=True, metadata={"description": "What others read; empty: nothing."})
    offered = Text(required=True, allow_none=True, metadata={"description": "A text that others do not read, or not yet; null: there is none."})
    state = Choice(BioState, required=True, allow_none=True, metadata={"description": "Of `offered`: `pending` (the model has not read it), `held` (waits for you) or `rejected`."})
    number = Whole(required=True, metadata={"description": "What a decision must name: it moves with every text."})
    reason = Choice(Reason, required=True, allow_none=True, metadata={"description": "Why it was rejected; null also where others read it."})
    findings = Items(Named(), required=True, metadata={"description": "Why it was held or rejected, phase by phase."})


class BioDecisionSchema(BaseSchema):
    number = Whole(required=True)
    outcome = Choice(("approve", "reject", "take_down"), required=True, metadata={
        "description": "`approve` or `reject` what is offered (a rejected one can be approved after all); `take_down` what others read now."
    })
    reason = Text(load_default="", metadata={"description": "The key of one of the site's reasons (listReasons). Needed but to approve; the person is told."})


class PersonDetailSchema(SitePersonSchema):
    profile = Text(required=True, allow_none=True, metadata={"description": "Of the public page, for /sites/{site_key}/profiles/{profile_id}; null: she has none."})
    badges = Part(GivenBadgesSchema, required=True)
    bio = Part(PersonBioSchema, required=True)
    flags_received = Whole(required=True)
    flags_made = Part(FlagsMadeSchema, required=True)
    first_comment_at = Moment(required=True, allow_none=True)
    merged_into = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "The account that has everything of this one, which is closed."})


class TimelineQuery(PageQuery):
    what = Choice(TIMELINES, load_default="all")


class EventSchema(BaseSchema):
    at = Moment(required=True)
    kind = Choice(Kind, required=True)
    id = Id(required=True, metadata={"description": "Of the comment, decision, note or sanction."})
    comment_id = Id(required=True, allow_none=True)
    actor = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Who decided, noted, imposed or ended; null: the person herself, the system or a rule."})
    text = Text(required=True, metadata={"description": "The comment or note; else what a colleague noted with it."})
    what = Text(required=True, metadata={"description": "The comment's status, where the decision led, or the sanction's kind."})
    reason = Text(required=True, allow_none=True)


class TimelineSchema(BaseSchema):
    events = Items(Part(EventSchema), required=True, metadata={"description": "Latest first."})
    next = Text(required=True, allow_none=True)


class NoteInputSchema(BaseSchema):
    body = Text(required=True, metadata={"maxLength": 5000})


class NoteSchema(BaseSchema):
    id = Id(required=True)
    person_id = Id(required=True)
    author = Part(PersonSchema, required=True)
    body = Text(required=True)
    created_at = Moment(required=True)
    edited_at = Moment(required=True, allow_none=True)


class NotesSchema(BaseSchema):
    notes = Items(Part(NoteSchema), required=True, metadata={"description": "Latest first."})


class SweepInputSchema(BaseSchema):
    reason = Choice(REJECT_REASONS, required=True, metadata={"description": "The author is told."})
    note = Text(load_default="", metadata={"maxLength": 2000, "description": "For colleagues."})


class SweepSchema(BaseSchema):
    id = Id(required=True)
    person_id = Id(required=True)
    state = Choice(SweepState, required=True)
    actor = Part(PersonSchema, required=True)
    undone_by = Part(PersonSchema, required=True, allow_none=True)
    reason = Choice(Reason, required=True)
    note = Text(required=True)
    total = Whole(required=True, metadata={"description": "Comments to go through when it began."})
    seen = Whole(required=True, metadata={"description": "Gone through."})
    rejected = Whole(required=True)
    restored = Whole(required=True, metadata={"description": "As they were before, by the undo."})
    stood = Whole(required=True, metadata={"description": "Decided by somebody since, and left so by the undo."})
    created_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)


class MergeInputSchema(BaseSchema):
    other_id = Id(required=True, metadata={"description": "The account that gives everything to this one and is closed."})
    typed_name = Text(required=True, metadata={"description": "Its name, typed by the person who decided this: it cannot be taken back."})


class MergedSchema(BaseSchema):
    kept = Part(PersonSchema, required=True)
    merged = Part(PersonSchema, required=True)
    comments = Whole(required=True, metadata={"description": "Moved."})
    votes = Whole(required=True, metadata={"description": "Moved."})
    votes_dropped = Whole(required=True, metadata={"description": "Doubles, and votes on what are now her own comments."})


class OwnSanctionSchema(BaseSchema):
    id = Id(required=True)
    kind = Choice(SanctionKind, required=True)
    reason = Choice(Reason, required=True)
    reason_text = Text(required=True)
    message = Text(required=True)
    all_sites = YesNo(required=True)
    site_key = Text(required=True, allow_none=True)
    automated = YesNo(required=True, metadata={"description": "A rule of the site did it, without a person."})
    since = Moment(required=True)
    until = Moment(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True)
    holds = YesNo(required=True)


class OwnSanctionsSchema(BaseSchema):
    sanctions = Items(Part(OwnSanctionSchema), required=True, metadata={"description": "Latest first."})
