"""The section of the paper that an article stands in, and its comments with it."""

from __future__ import annotations

from sqlalchemy import func, literal, literal_column, select, update

from commentsvc.comments.models import Comment
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.sites.articles import one_line
from commentsvc.sites.models import SECTION_LENGTH, Article, Site

MAX_SECTIONS = 200  # offered to choose from; a paper has a dozen


def move_article(article: Article, section: str) -> None:
    """Put the article into another section ("": none), and its comments with it. Flushes.

    Comments carry their article's section because queues are read by it: a queue of one section stays a walk
    along one index, however many comments wait in the others.
    """
    section = one_line(section)
    if len(section) > SECTION_LENGTH:
        raise Invalid("A section has at most %(most)s characters.", field="section", values={"most": SECTION_LENGTH})
    if section == article.section:
        return
    article.section = section
    db.session.flush()
    db.session.execute(
        update(Comment)
        .where(Comment.article_id == article.id)
        .values(section=section)
        .execution_options(synchronize_session=False)
    )


def sections_of(site: Site) -> list[str]:
    """The sections that the site's articles stand in, by name.

    From one section to the next along their index, as many steps as there are sections and not articles.
    """
    some = (Article.site_id == site.id, Article.section != literal_column("''"))
    steps = select(func.min(Article.section).label("section"), literal(1).label("step")).where(*some).cte("steps", recursive=True)
    following = select(func.min(Article.section)).where(*some, Article.section > steps.c.section).scalar_subquery()
    steps = steps.union_all(
        select(following, steps.c.step + 1).where(steps.c.section.is_not(None), steps.c.step < MAX_SECTIONS)
    )
    found = db.session.scalars(select(steps.c.section).where(steps.c.section.is_not(None)))
    return sorted(found, key=str.casefold)
