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
from commentsvc.moderation.models import REJECT_REASONS
from commentsvc.moderation.settings import COMMENT_LENGTH
from commentsvc.screening.policy import (
    ANSWER_MOST,
    APPEAL_MOST,
    CLOSE_AFTER_MOST,
    DEFAULT_HOLD,
    EDIT_WINDOW_MOST,
    EMAIL_ACTIONS,
    FAIL_OPEN_LEAST,
    FAIL_OPEN_MOST,
    NUDGES_MOST,
    PACE_MOST,
    POSTS_PER_MINUTE_MOST,
    REPEAT_ACTIONS,
    REPEAT_MOST,
)
from commentsvc.screening.trust import Level
from commentsvc.sites.models import SECTION_LENGTH, TITLE_LENGTH, URL_LENGTH

# As long as an editor writes, and no longer than a page can show.
NAME_LENGTH = 200
WELCOME_LENGTH = 2000
GUIDELINES_LENGTH = 20_000
MAX_ORIGINS = 50


def _at_most(length: int, least: int = 0) -> Length:
    words = f"This must have {least} to {length:,} characters." if least else f"This must have at most {length:,} characters."
    return Length(min=least or None, max=length, error=words)


class EmailRuleSchema(BaseSchema):
    domain = Text(required=True, metadata={"description": "What stands behind the @, in lower case and ASCII."})
    action = Choice(EMAIL_ACTIONS, required=True)
    reason = Text(required=True, metadata={"description": "For colleagues."})
    subdomains = YesNo(load_default=False, metadata={"description": "Also whatever ends in `.domain`."})


class PolicySchema(BaseSchema):
    """What a site decides about screening; in a change, what is left out stays as it is."""

    max_length = Whole(least=1, most=50_000, metadata={"description": "Characters a comment may have."})
    min_length = Whole(least=1, most=1000)
    max_depth = Whole(most=1000, metadata={"description": "How deep replies may go."})
    max_links = Whole(most=1000, metadata={"description": "A comment with more is held."})
    edit_window = Whole(
        most=EDIT_WINDOW_MOST, metadata={"description": "Seconds after posting in which an author may edit what is published; 0: not at all. What waits can always be edited."}
    )
    nudges = Whole(most=NUDGES_MOST, metadata={"description": "Of so many held comments a day an author is shown the doubtful sentences; 0: none."})
    discount_brigades = YesNo(metadata={"description": "Votes and flags of many new accounts at once, or of one network, count as few."})
    public_history = YesNo(metadata={"description": "Anybody can read what an edited comment said before."})
    close_after_days = Whole(
        most=CLOSE_AFTER_MOST, metadata={"description": "Days after which the conversation under a new article closes by itself. 0: never."}
    )
    posts_per_minute = Whole(
        most=POSTS_PER_MINUTE_MOST, metadata={"description": "Of one person, within the installation's own limit. 0: that alone."}
    )
    new_author_posts_per_minute = Whole(
        most=POSTS_PER_MINUTE_MOST,
        metadata={"description": "Of one with fewer published comments than `new_author_comments`, at least one. 0: as for everybody."},
    )
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
    trust_offset_new = Share(metadata={"description": "The limits of new and watched authors are lower by so much, up to 0.5."})
    trust_offset_trusted = Share(metadata={"description": "Those of trusted authors are higher by so much, up to 0.5."})
    trust_hold_watched = YesNo(metadata={"description": "A person reads every comment of a watched author first."})
    trust_links_from = Choice(Level, metadata={"description": "Below this level any link is held."})
    trust_pace = Whole(most=PACE_MOST, metadata={"description": "Seconds that new and watched authors wait between two comments."})
    email_rules = Items(Part(EmailRuleSchema), metadata={"description": "By the domain of an account's e-mail address. Replaces the list before."})
    repeat_rejections = Whole(most=1000, metadata={"description": "After so many rejected comments, `repeat_action` by itself. 0: never."})
    repeat_days = Whole(least=1, most=366, metadata={"description": "Within so many days."})
    repeat_action = Choice(REPEAT_ACTIONS)
    repeat_hours = Whole(most=366 * 24, metadata={"description": "How long it lasts; 0, for `always_review` alone: until somebody ends it."})
    fail_open_after = Whole(
        most=FAIL_OPEN_MOST,
        metadata={
            "description": f"While the model does not answer: seconds after which comments are decided without it, and screened again when it does. 0: never; else at least {FAIL_OPEN_LEAST}."
        },
    )
    appeal_days = Whole(least=1, most=APPEAL_MOST, metadata={"description": "Days for which an author can appeal. EU law wants six months at least of most sites."})
    appeal_answer_days = Whole(least=1, most=ANSWER_MOST, metadata={"description": "Days within which you mean to answer an appeal."})
    guests = YesNo(metadata={"description": "Whoever proves an e-mail address may write without an account."})
    guest_days = Whole(least=1, most=30, metadata={"description": "Days for which what a guest wrote waits for that, before it is deleted."})
    respect = YesNo(metadata={"description": "One reaction, respect, in place of votes up and down: a vote is 1 or 0, and what was voted down stays stored without counting."})
    public_modlog = YesNo(metadata={"description": "Anybody can read what was removed, when and why; without names and texts."})


class SectionSchema(BaseSchema):
    """What a section has of its own; what is left out, it has from the site."""

    premoderate = YesNo()
    max_links = Whole(most=1000)
    new_author_comments = Whole(most=1000)
    close_after_days = Whole(most=CLOSE_AFTER_MOST)
    hold_at = Named(keys=Choice(DEFAULT_HOLD), values=Share(), metadata={"propertyNames": {"enum": list(DEFAULT_HOLD)}})
    reject_at = Named(keys=Choice(DEFAULT_HOLD), values=Share(), metadata={"propertyNames": {"enum": list(DEFAULT_HOLD)}})


class SitePolicySchema(PolicySchema):
    """The site's policy, and what its sections have of their own."""

    sections = Named(
        keys=Text(), values=Part(SectionSchema),
        metadata={"description": "Section of the paper -> what it has of its own. Replaces the ones before."},
    )


class ReasonSchema(BaseSchema):
    key = Text(required=True, metadata={"description": "Names it in a decision. Built-in ones keep theirs."})
    words = Text(required=True, metadata={"description": "What the author is told."})
    category = Choice(REJECT_REASONS, metadata={"description": "The built-in one it counts as; needed for one of the site's own."})
    hidden = YesNo(load_default=False, metadata={"description": "No longer offered."})


class MessageSchema(BaseSchema):
    """A text to authors, with `{name}`, `{site}`, `{article}` and `{reason}` for what is known then."""

    reason = Text(required=True, metadata={"description": "The reason's key; empty: for any."})
    language = Text(required=True, metadata={"description": "BCP 47, such as `en` or `pt-BR`."})
    text = Text(required=True)


class SiteSchema(BaseSchema):
    key = Text(required=True)
    name = Text(required=True)
    language = Text(required=True, metadata={"description": "BCP 47."})
    welcome_text = Text(required=True, metadata={"description": "What stands above the conversation."})
    guidelines_html = Text(required=True, metadata={"description": "Sanitised HTML; empty when there are none."})
    welcome = Text(metadata={"description": "With `{site}` for the name. Shown to those who manage the site."})
    guidelines = Text(metadata={"description": "Markdown. Shown to those who manage the site."})
    origins = Items(Text(), metadata={"description": "Who may frame it. Shown to those who manage the site."})
    policy = Part(SitePolicySchema, metadata={"description": "Shown to those who manage the site."})
    policy_version = Whole(metadata={"description": "The number of the latest version of what is set; 0: none was kept yet. Shown to those who manage the site."})
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
    language = Text()
    policy = Part(SitePolicySchema)
    reasons = Items(
        Part(ReasonSchema), allow_none=True,
        metadata={"description": "All reasons in their order; built-in ones left out come last, as they are. Null: the built-in ones."},
    )
    messages = Items(Part(MessageSchema), metadata={"description": "All messages to authors; replaces the ones before."})
    comment = Text(load_default="", validate=_at_most(COMMENT_LENGTH), metadata={"description": "Why, for the history."})
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


class SiteMemberSchema(SiteRoleSchema):
    granted_at = Moment(required=True, allow_none=True, metadata={"description": "Null where it was not kept yet."})
    granted_by = Text(required=True, allow_none=True, metadata={"description": "A name; null for the command line, and where it was not kept."})
    second_factor = YesNo(required=True)
    last_active_at = Moment(required=True, allow_none=True, metadata={"description": "On any device, to the hour."})


class SiteTeamSchema(BaseSchema):
    roles = Items(Part(SiteMemberSchema), required=True)


class RoleSchema(BaseSchema):
    role = Choice(GRANTED, required=True)


class ArticleSchema(BaseSchema):
    id = Id(required=True)
    site_key = Text(required=True)
    url = Text(required=True, metadata={"description": "Canonical: without fragment, host in lower case."})
    title = Text(required=True)
    section = Text(required=True, metadata={"description": "The part of the paper it stands in; empty when nobody said."})
    closed = YesNo(required=True, metadata={"description": "Whether new comments are refused."})
    premoderated = YesNo(required=True, metadata={"description": "Whether a person reads every comment first."})
    comment_count = Whole(required=True, metadata={"description": "Published comments."})
    created_at = Moment(required=True)


class ArticleInputSchema(BaseSchema):
    url = Text(required=True, metadata={"format": "uri", "maxLength": URL_LENGTH})
    title = Text(required=True, validate=_at_most(TITLE_LENGTH, 1))
    section = Text(load_default="", validate=_at_most(SECTION_LENGTH), metadata={"description": "The part of the paper it stands in."})


class ArticleChangesSchema(BaseSchema):
    closed = YesNo()
    premoderated = YesNo()
    section = Text(validate=_at_most(SECTION_LENGTH), metadata={"description": "Empty: in none."})
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
