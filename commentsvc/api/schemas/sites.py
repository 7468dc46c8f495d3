"""Sites, their people, and articles."""

from __future__ import annotations

from marshmallow.validate import Length, Regexp

from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import GRANTED
from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Id,
    Items,
    Moment,
    Named,
    Part,
    Share,
    Text,
    Whole,
    YesNo,
)
from commentsvc.screening.policy import (
    ANSWER_MOST,
    APPEAL_MOST,
    DEFAULT_HOLD,
    FAIL_OPEN_LEAST,
    FAIL_OPEN_MOST,
    REPEAT_MOST,
)
from commentsvc.sites.models import TITLE_LENGTH, URL_LENGTH

# As long as an editor writes, and no longer than a page can show.
NAME_LENGTH = 200
WELCOME_LENGTH = 2000
GUIDELINES_LENGTH = 20_000
MAX_ORIGINS = 50


def _at_most(length: int, least: int = 0) -> Length:
    words = f"This must have {least} to {length:,} characters." if least else f"This must have at most {length:,} characters."
    return Length(min=least or None, max=length, error=words)


class PolicySchema(BaseSchema):
    """What a site decides about screening; in a change, what is left out stays as it is."""

    max_length = Whole(least=1, most=50_000, metadata={"description": "Characters a comment may have."})
    min_length = Whole(least=1, most=1000)
    max_depth = Whole(most=1000, metadata={"description": "How deep replies may go."})
    max_links = Whole(most=1000, metadata={"description": "A comment with more is held."})
    banned_phrases = Items(Text(), metadata={"description": "Rejected with `reject_clear`, else held."})
    suspect_phrases = Items(Text(), metadata={"description": "Held."})
    hold_at = Named(
        keys=Choice(DEFAULT_HOLD), values=Share(),
        metadata={"propertyNames": {"enum": list(DEFAULT_HOLD)}, "description": "The model's label and the score from which a comment is held."},
    )
    reject_at = Named(
        keys=Choice(DEFAULT_HOLD), values=Share(),
        metadata={"propertyNames": {"enum": list(DEFAULT_HOLD)}, "description": "The score from which it is rejected, with `reject_clear`. Replaces the one before."},
    )
    reject_clear = YesNo(metadata={"description": "Reject clear violations without a person."})
    premoderate = YesNo(metadata={"description": "A person sees every comment first."})
    new_author_comments = Whole(most=1000, metadata={"description": "Hold an author's first comments."})
    repeat_window = Whole(most=REPEAT_MOST, metadata={"description": "Seconds in which the same text is a repeat."})
    fail_open_after = Whole(
        most=FAIL_OPEN_MOST,
        metadata={
            "description": f"While the model does not answer: seconds after which comments are decided without it, and screened again when it does. 0: never; else at least {FAIL_OPEN_LEAST}."
        },
    )
    appeal_days = Whole(least=1, most=APPEAL_MOST, metadata={"description": "Days for which an author can appeal. EU law wants six months at least of most sites."})
    appeal_answer_days = Whole(least=1, most=ANSWER_MOST, metadata={"description": "Days within which you mean to answer an appeal."})
    public_modlog = YesNo(metadata={"description": "Anybody can read what was removed, when and why; without names and texts."})


class SiteSchema(BaseSchema):
    key = Text(required=True)
    name = Text(required=True)
    welcome_text = Text(required=True, metadata={"description": "What stands above the conversation."})
    guidelines_html = Text(required=True, metadata={"description": "Sanitised HTML; empty when there are none."})
    welcome = Text(metadata={"description": "With `{site}` for the name. Shown to those who manage the site."})
    guidelines = Text(metadata={"description": "Markdown. Shown to those who manage the site."})
    origins = Items(Text(), metadata={"description": "Who may frame it. Shown to those who manage the site."})
    policy = Part(PolicySchema, metadata={"description": "Shown to those who manage the site."})
    timezone = Text(metadata={"description": "At whose midnights the days of its figures begin. Shown to those who manage the site."})
    version = Whole(metadata={"description": "Send it back with a change, to overwrite nobody's."})


class SiteChangesSchema(BaseSchema):
    name = Text(validate=_at_most(NAME_LENGTH, 1))
    welcome = Text(validate=_at_most(WELCOME_LENGTH))
    guidelines = Text(validate=_at_most(GUIDELINES_LENGTH))
    origins = Items(
        Text(), validate=Length(max=MAX_ORIGINS, error=f"At most {MAX_ORIGINS} origins."),
        metadata={"description": "Such as `https://news.example`, without a path."},
    )
    policy = Part(PolicySchema)
    timezone = Text(metadata={"description": "Such as `Europe/London`; all days of its figures are then counted anew."})
    version = Whole(load_default=None, metadata={"description": "The version you saw; 409 when the site has moved on."})


class SiteInputSchema(BaseSchema):
    key = Text(
        required=True,
        validate=Regexp(
            r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\Z",
            error="A key has 1 to 60 lower-case letters, digits and hyphens.",
        ),
        metadata={"pattern": "^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$"},
    )
    name = Text(required=True, validate=_at_most(NAME_LENGTH, 1))
    origins = Items(
        Text(), required=True, validate=Length(max=MAX_ORIGINS, error=f"At most {MAX_ORIGINS} origins.")
    )


class PersonSchema(BaseSchema):
    id = Id(required=True)
    name = Text(required=True)


class SiteRoleSchema(BaseSchema):
    user = Part(PersonSchema, required=True)
    role = Choice(GRANTED, required=True)


class SiteRolesSchema(BaseSchema):
    roles = Items(Part(SiteRoleSchema), required=True)


class RoleSchema(BaseSchema):
    role = Choice(GRANTED, required=True)


class RoleByEmailSchema(BaseSchema):
    email = Text(required=True, metadata={"format": "email"})
    role = Choice(GRANTED, required=True)


class ArticleSchema(BaseSchema):
    id = Id(required=True)
    site_key = Text(required=True)
    url = Text(required=True, metadata={"description": "Canonical: without fragment, host in lower case."})
    title = Text(required=True)
    closed = YesNo(required=True, metadata={"description": "Whether new comments are refused."})
    premoderated = YesNo(required=True, metadata={"description": "Whether a person reads every comment first."})
    comment_count = Whole(required=True, metadata={"description": "Published comments."})
    created_at = Moment(required=True)


class ArticleInputSchema(BaseSchema):
    url = Text(required=True, metadata={"format": "uri", "maxLength": URL_LENGTH})
    title = Text(required=True, validate=_at_most(TITLE_LENGTH, 1))


class ArticleChangesSchema(BaseSchema):
    closed = YesNo()
    premoderated = YesNo()
    title = Text(validate=_at_most(TITLE_LENGTH, 1))


class ArticlesSchema(BaseSchema):
    articles = Items(Part(ArticleSchema), required=True)


class ArticleQuery(BaseSchema):
    url = Text(required=True, metadata={"description": "The article's address, in any spelling."})


class CountsQuery(BaseSchema):
    url = Items(
        Text(), required=True,
        validate=Length(min=1, max=100, error="Ask for 1 to 100 articles at once."),
        metadata={"description": "Repeat it, up to 100 times."},
    )


class CountsSchema(BaseSchema):
    counts = Named(
        keys=Text(), values=Whole(), required=True,
        metadata={"description": "Published comments by the address asked for; 0 where there is no article."},
    )


AUTHOR_ROLES = (Role.MEMBER, Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN)
