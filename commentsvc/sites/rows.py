"""An article as the pages of its conversation need it, read without the ORM.

Of what a page costs that is kept that is 13 %, of one that is put together anew as much, and more where a site has
thousands of phrases: its policy is read where it is asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site, closing_time, is_past


class SiteRow(NamedTuple):
    """As `Site`; the order is that of _SITE."""

    id: int
    key: str
    version: int
    name: str
    language: str
    welcome: str
    guidelines: str
    origins: list[str]
    closing_days: Mapping[str, int] | None

    @property
    def policy(self) -> Policy:
        """One statement each time."""
        return Policy.from_data(db.session.execute(select(_S.policy).where(_S.id == self.id)).scalar_one())


class ArticleRow(NamedTuple):
    """As `Article`; the order is that of _ARTICLE."""

    site: SiteRow
    id: int
    url: str
    title: str
    section: str
    closed_at: dt.datetime | None
    reopened_at: dt.datetime | None
    premoderated: bool
    comment_count: int
    pinned_id: int | None
    version: int
    created_at: dt.datetime

    @property
    def site_id(self) -> int:
        return self.site.id

    @property
    def closed(self) -> bool:
        """Whether the conversation is closed now."""
        return is_past(closing_time(self.site.closing_days, self.section, self.closed_at, self.reopened_at or self.created_at))

    @property
    def policy(self) -> Policy:
        """What holds under this article; one statement each time."""
        return self.site.policy.within(self.section)

    @property
    def respect(self) -> bool:
        """Whether readers give one reaction in place of votes up and down; one statement."""
        return self.site.policy.respect


_A, _S = Article.__table__.c, Site.__table__.c
_SITE = (_S.id, _S.key, _S.version, _S.name, _S.language, _S.welcome, _S.guidelines, _S.origins, _S.closing_days)
_ARTICLE = (
    _A.id, _A.url, _A.title, _A.section, _A.closed_at, _A.reopened_at, _A.premoderated, _A.comment_count, _A.pinned_id, _A.version, _A.created_at,
)
# `as_article` makes one of what it gives.
ARTICLE_ROWS = select(*_SITE, *_ARTICLE).join_from(Article.__table__, Site.__table__, _S.id == _A.site_id)
_ARTICLE_ROW = ARTICLE_ROWS.where(_A.id == bindparam("article"))


def article_row(article_id: int) -> ArticleRow:
    """The article and its site in one statement, or NotFound."""
    row = db.session.connection().execute(_ARTICLE_ROW, {"article": article_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such article.")
    return as_article(row)


def as_article(row: Sequence[Any]) -> ArticleRow:
    """The article of this row."""
    return ArticleRow(SiteRow(*row[: len(_SITE)]), *row[len(_SITE) :])
