"""The modlog that anybody may read, where a site publishes it: what was removed and why, and nothing about anybody."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from commentsvc.comments.models import Comment
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.errors import NotFound
from commentsvc.moderation.appeals import State, state_of
from commentsvc.moderation.models import Appeal, Decision, Statement
from commentsvc.moderation.statements import BY_PROGRAM, REMOVED, rule_words
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Article, Site

PER_PAGE = 50


class What(enum.StrEnum):
    """What was done."""

    REMOVED = "removed"  # it could be read before
    NOT_PUBLISHED = "not_published"
    EDIT_NOT_PUBLISHED = "edit_not_published"  # the text before stands


@dataclass(frozen=True)
class Entry:
    """A restriction as anybody may know of it."""

    decided_at: dt.datetime
    what: What
    reason: str
    rule: str  # as the site words it, else in our own words
    automated: bool
    state: State
    article_title: str | None
    article_url: str | None


def page_of_public_modlog(site: Site, after: str | None = None, limit: int = PER_PAGE) -> tuple[Sequence[Entry], str | None]:
    """What was removed on the site, latest first, in one statement; NotFound where the site does not publish it."""
    if not site.policy.public_modlog:
        raise NotFound("This site does not publish its modlog.")
    check_limit(limit)
    scope = f"public modlog:{site.id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    rows, more = page(
        select(Statement, Appeal, Decision.site_reason, Article.title, Article.url)
        .outerjoin(Appeal, Appeal.statement_id == Statement.id).outerjoin(Decision, Decision.id == Statement.decision_id)
        .outerjoin(Comment, Comment.id == Statement.comment_id).outerjoin(Article, Article.id == Comment.article_id)
        .where(Statement.site_id == site.id, Statement.comment_id.is_not(None)),
        SortKey(Statement.id), Statement.id, position=position, limit=limit,
    )
    following = signer.write(scope, rows[-1][0].id, rows[-1][0].id) if more else None
    return [_entry(site, *row) for row in rows], following


def _entry(
    site: Site, statement: Statement, appeal: Appeal | None, site_reason: str | None, title: str | None, url: str | None
) -> Entry:
    what = What.REMOVED if statement.decision_visibility == REMOVED else What.NOT_PUBLISHED
    return Entry(
        decided_at=statement.created_at, what=what if statement.revision is None else What.EDIT_NOT_PUBLISHED,
        reason=statement.reason, rule=rule_words(site, statement.reason, site_reason), automated=statement.automated_decision == BY_PROGRAM, state=state_of(statement, appeal),
        article_title=title, article_url=url,
    )
