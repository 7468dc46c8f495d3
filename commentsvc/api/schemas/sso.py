"""Single sign-on: a token for a session, and what admins set."""

from __future__ import annotations

from commentsvc.accounts.sso import GIVEN
from commentsvc.accounts.tokens import ALGORITHMS
from commentsvc.api.schemas.fields import BaseSchema, Choice, Items, Moment, Part, Text


class SsoTokenSchema(BaseSchema):
    token = Text(required=True, metadata={"maxLength": 8192, "description": "A JWT that the publisher signed; good once."})
    code = Text(load_default="", metadata={"maxLength": 40, "description": "Of the person's second factor, where she has set one up."})


class SsoKeySchema(BaseSchema):
    kid = Text(required=True)
    algorithm = Choice(ALGORITHMS, required=True)
    added_at = Moment(required=True)


class SsoKeyInputSchema(BaseSchema):
    kid = Text(required=True, metadata={"pattern": "^[A-Za-z0-9._:-]{1,100}$", "description": "What the tokens' `kid` says."})
    algorithm = Choice(ALGORITHMS, required=True)
    material = Text(
        required=True, metadata={"maxLength": 20_000, "description": "A JWK, a PEM of a public key, or for HS256 a secret of 32 characters or more."}
    )


class SsoInputSchema(BaseSchema):
    issuer = Text(required=True, metadata={"maxLength": 255, "description": "What the tokens' `iss` says."})
    roles = Items(Choice(GIVEN), load_default=list, metadata={"description": "Roles that a token may give."})
    jwks_url = Text(load_default="", metadata={"maxLength": 500, "description": "Where you publish your keys as a JWK Set; empty: nowhere."})


class SsoSchema(BaseSchema):
    issuer = Text(required=True)
    audience = Text(required=True, metadata={"description": "What the tokens' `aud` has to say: the site's key."})
    roles = Items(Choice(GIVEN), required=True)
    jwks_url = Text(required=True)
    keys = Items(Part(SsoKeySchema), required=True, metadata={"description": "Newest first; never the keys themselves."})
