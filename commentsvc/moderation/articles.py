"""What staff set on an article, with its row in the audit log."""

from __future__ import annotations

from typing import Any

from commentsvc.accounts.audit import changed, record
from commentsvc.accounts.models import User
from commentsvc.comments.sections import move_article
from commentsvc.errors import Invalid
from commentsvc.sites.articles import close_article, one_line, premoderate_article
from commentsvc.sites.models import Article


def change_article(
    article: Article, *, by: User, title: str | None = None, section: str | None = None, closed: bool | None = None,
    premoderated: bool | None = None,
) -> None:
    """Set what is given and leave the rest; its site is loaded. Flushes. Saying what is so already changes and records nothing."""
    before = _set(article)
    if title is not None:
        article.title = one_line(title)
        if not article.title:
            raise Invalid("An article has a title.", field="title")
    if section is not None:
        move_article(article, section)
    if closed is not None:
        close_article(article, closed=closed)
    if premoderated is not None:
        premoderate_article(article, premoderated=premoderated)
    if differing := changed(before, _set(article)):
        record(by, "article.changed", site_id=article.site_id, subject=f"article:{article.id}", **differing)


def _set(article: Article) -> dict[str, Any]:
    return {"title": article.title, "section": article.section, "closed": article.closed, "premoderated": article.premoderated}
