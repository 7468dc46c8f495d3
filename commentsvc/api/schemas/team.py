"""Invitations, the audit log, and second factors."""

from __future__ import annotations

from commentsvc.accounts.audit import BY_COMMAND, BY_KEY, BY_SESSION
from commentsvc.accounts.requiring import GRACE_DAYS, MOST_DAYS
from commentsvc.accounts.roles import GRANTED
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


class InvitationInputSchema(BaseSchema):
    email = Text(required=True, metadata={"format": "email", "maxLength": 254})
    role = Choice(GRANTED, required=True)


class InvitationSchema(BaseSchema):
    id = Id(required=True)
    email = Text(required=True)
    role = Choice(GRANTED, required=True)
    invited_by = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: the command line."})
    sent_at = Moment(required=True)
    expires_at = Moment(required=True)


class InvitationsSchema(BaseSchema):
    invitations = Items(Part(InvitationSchema), required=True)


class OfferSchema(BaseSchema):
    site_key = Text(required=True)
    site_name = Text(required=True)
    role = Choice(GRANTED, required=True)
    email = Text(required=True, metadata={"description": "The account that accepts has to have it."})
    expires_at = Moment(required=True)


class AcceptedSchema(BaseSchema):
    site_key = Text(required=True)
    role = Choice(GRANTED, required=True)


class NewMemberSchema(BaseSchema):
    display_name = Text(
        required=True, metadata={"minLength": 2, "maxLength": 200, "description": "2 to 200 characters that can be seen."}
    )
    password = Text(required=True, metadata={"minLength": 10, "maxLength": 200, "format": "password"})


class AuditQuery(PageQuery):
    actor = Text(load_default="", metadata={"description": f"A person's id, or `{BY_COMMAND}` for the command line."})
    action = Text(load_default="", metadata={"description": "A code such as `role.granted`, or its first word for all that begin so."})
    since = Text(load_default="", metadata={"format": "date", "description": "The first day (UTC), as 2026-11-26."})
    until = Text(load_default="", metadata={"format": "date", "description": "The last day, included."})


class AuditEntrySchema(BaseSchema):
    id = Id(required=True)
    at = Moment(required=True)
    actor = Part(PersonSchema, required=True, allow_none=True, metadata={"description": "Null: the command line."})
    via = Choice((BY_SESSION, BY_KEY, BY_COMMAND), required=True)
    action = Text(required=True)
    subject = Text(required=True, metadata={"description": "What it was done to, as `user:7`."})
    facts = Text(required=True, metadata={"description": "JSON, as it was hashed."})
    position = Whole(required=True, allow_none=True, most=2**63 - 1, metadata={"description": "In the chain; null for a minute, until it is sealed."})
    hash = Text(required=True, allow_none=True, metadata={"description": "SHA-256, hexadecimal."})


class AuditSchema(BaseSchema):
    entries = Items(Part(AuditEntrySchema), required=True)
    next = Text(required=True, allow_none=True)


class RequirementInputSchema(BaseSchema):
    required = YesNo(required=True)
    days = Whole(load_default=GRACE_DAYS, most=MOST_DAYS, metadata={"description": "Until then the team may do without."})


class RequirementSchema(BaseSchema):
    required_from = Moment(required=True, allow_none=True, metadata={"description": "Null: the team may do without."})


class PasskeySchema(BaseSchema):
    id = Id(required=True)
    name = Text(required=True)
    created_at = Moment(required=True)
    last_used_at = Moment(required=True, allow_none=True)


class FactorsSchema(BaseSchema):
    app = YesNo(required=True, metadata={"description": "Whether an authenticator app is set up."})
    passkeys = Items(Part(PasskeySchema), required=True)
    recovery_codes = Whole(required=True, metadata={"description": "How many are left."})


class PasswordSchema(BaseSchema):
    password = Text(required=True, metadata={"format": "password"})


class AppSchema(BaseSchema):
    secret = Text(required=True, metadata={"description": "For typing into the app."})
    uri = Text(required=True, metadata={"description": "`otpauth://…`, for a QR code."})


class FactorCodeSchema(BaseSchema):
    code = Text(required=True, metadata={"maxLength": 40, "description": "Six digits of the app."})


class RecoveryCodesSchema(BaseSchema):
    recovery_codes = Items(Text(), required=True, metadata={"description": "Shown once; empty where there were some already."})
