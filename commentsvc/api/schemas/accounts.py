"""People: sign-up, sign-in, sessions, keys."""

from __future__ import annotations

from commentsvc.accounts.models import BioState
from commentsvc.accounts.permissions import Permission
from commentsvc.accounts.roles import GRANTED
from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Part,
    Text,
    YesNo,
)
from commentsvc.i18n import LANGUAGES
from commentsvc.moderation.models import Reason


class RoleHeldSchema(BaseSchema):
    site_key = Text(required=True)
    role = Choice(GRANTED, required=True)


class OfferedBioSchema(BaseSchema):
    text = Text(required=True)
    state = Choice(BioState, required=True, metadata={"description": "`pending`: it is being checked; `held`: a community manager will read it; `rejected`: it was not accepted."})
    reason = Choice(Reason, required=True, allow_none=True, metadata={"description": "Why it was rejected, for programs."})
    reason_text = Text(required=True, allow_none=True, metadata={"description": "Why it was rejected, for people."})


class UserSchema(BaseSchema):
    id = Id(required=True)
    email = Text(required=True, allow_none=True, metadata={"description": "Null for imported authors."})
    display_name = Text(required=True)
    language = Choice(LANGUAGES, required=True, allow_none=True, metadata={"description": "Of her own pages and mails; null: not chosen."})
    created_at = Moment(required=True)
    bio = Text(required=True, metadata={"description": "What others read about her; empty: nothing."})
    bio_offered = Part(OfferedBioSchema, required=True, allow_none=True, metadata={"description": "A text that others do not read, or not yet."})
    history_private = YesNo(required=True, metadata={"description": "Her earlier comments are not listed on her public page."})
    roles = Items(Part(RoleHeldSchema), required=True, metadata={"description": "Roles above member, by site."})
    scopes = Items(
        Choice(Permission), required=True, allow_none=True,
        metadata={"description": "What the API key that asks may do; null for a person's session."},
    )


class ProfileChangesSchema(BaseSchema):
    display_name = Text(metadata={"minLength": 2, "maxLength": 200, "description": "2 to 200 characters that can be seen."})
    language = Choice(
        LANGUAGES, allow_none=True, metadata={"description": "Of one's own pages and mails; null: as the browser asks, and a site's in its mails."}
    )
    bio = Text(metadata={
        "description": "About oneself, plain text with line breaks, at most 300 characters; empty: nothing. Others read it once it has passed as a comment does."
    })
    history_private = YesNo(metadata={"description": "Whether one's earlier comments are left out of one's public page."})


class RegistrationInputSchema(BaseSchema):
    email = Text(required=True, metadata={"format": "email", "maxLength": 254})
    display_name = Text(
        required=True, metadata={"minLength": 2, "maxLength": 200, "description": "2 to 200 characters that can be seen."}
    )
    password = Text(required=True, metadata={"minLength": 10, "maxLength": 200, "format": "password"})


class StartedRegistrationSchema(BaseSchema):
    handle = Text(required=True, metadata={"description": "Keep it secret: with the code from the mail it makes the account."})
    email = Text(required=True, metadata={"description": "The address as it was understood."})


class CodeSchema(BaseSchema):
    code = Text(required=True, metadata={"description": "The six digits from the mail.", "maxLength": 20})


class CredentialsSchema(BaseSchema):
    email = Text(required=True, metadata={"format": "email"})
    password = Text(required=True, metadata={"format": "password"})
    code = Text(
        load_default="",
        metadata={"maxLength": 40, "description": "Of the authenticator app, or a recovery code; asked for where there is a second factor."},
    )


class SignedInSchema(BaseSchema):
    token = Text(required=True, metadata={"description": "For `Authorization: Bearer`; shown once."})
    user = Part(UserSchema, required=True)


class SessionSchema(BaseSchema):
    id = Id(required=True)
    device = Text(required=True, metadata={"description": "The User-Agent it was begun with."})
    created_at = Moment(required=True)
    last_seen_at = Moment(required=True)
    expires_at = Moment(required=True)
    current = YesNo(required=True, metadata={"description": "Whether it is the one that asks."})


class SessionsSchema(BaseSchema):
    sessions = Items(Part(SessionSchema), required=True)


class ResetRequestSchema(BaseSchema):
    email = Text(required=True, metadata={"format": "email"})


class NewPasswordSchema(BaseSchema):
    password = Text(required=True, metadata={"minLength": 10, "maxLength": 200, "format": "password"})


class ApiKeyInputSchema(BaseSchema):
    name = Text(required=True, metadata={"maxLength": 100, "description": "What you recognise it by."})
    scopes = Items(
        Choice(Permission), required=True,
        metadata={"description": "What it may do, of what you may do yourself.", "minItems": 1},
    )
    site_key = Text(
        load_default=None, allow_none=True,
        metadata={"description": "Ties the key to one site; needed for what you may do only there."},
    )


class ApiKeySchema(BaseSchema):
    id = Id(required=True)
    name = Text(required=True)
    prefix = Text(required=True, metadata={"description": "The first characters of its secret."})
    scopes = Items(Choice(Permission), required=True)
    site_key = Text(required=True, allow_none=True)
    created_at = Moment(required=True)
    last_used_at = Moment(required=True, allow_none=True)


class NewApiKeySchema(ApiKeySchema):
    secret = Text(required=True, metadata={"description": "The key itself (`ck_…`); shown this once."})


class ApiKeysSchema(BaseSchema):
    api_keys = Items(Part(ApiKeySchema), required=True)
