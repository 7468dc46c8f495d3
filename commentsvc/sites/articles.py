"""Finding and registering articles."""

from __future__ import annotations

from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.database import utcnow
from commentsvc.errors import Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.sites.models import SECTION_LENGTH, TITLE_LENGTH, Article, Site
from commentsvc.sites.origins import canonical_url, origin_of

MAX_COUNTS = 100


def get_site(key: str) -> Site:
    """The site of that key, or NotFound."""
    # PostgreSQL takes no NUL, not even to look for it.
    site = None if "\x00" in key else db.session.scalar(select(Site).where(Site.key == key))
    if site is None:
        raise NotFound("There is no such site.")
    return site


def find_article(site: Site, url: str) -> Article | None:
    """The article at that address with its site, None when nobody registered it."""
    found = db.session.scalar(select(Article).where(Article.site_id == site.id, Article.url == canonical_url(url)))
    return None if found is None else _of(site, found)


def _of(site: Site, article: Article) -> Article:
    """The article with its site, which is known already."""
    set_committed_value(article, "site", site)
    return article


def register_article(site: Site, url: str, title: str, section: str = "") -> tuple[Article, bool]:
    """The article at `url`, made if need be, and whether it was; flushes.

    NotAllowed when the address is outside the site's origins. An article already known keeps
    its title and section: a first view must not rename what the newsroom registered. What is too long is cut.
    """
    url = canonical_url(url)
    if origin_of(url) not in site.origins:
        raise NotAllowed("%(origin)s is not one of this site's origins.", code="foreign_origin", values={"origin": origin_of(url)})
    known = db.session.scalar(select(Article).where(Article.site_id == site.id, Article.url == url))
    if known is not None:
        return _of(site, known), False
    title = one_line(title)[:TITLE_LENGTH]
    if not title:
        raise Invalid("An article has a title.", field="title")
    article = Article(
        site_id=site.id, url=url, title=title, section=one_line(section)[:SECTION_LENGTH].rstrip(), comment_count=0, version=1,
    )
    # Two first views at once: one inserts, the other finds it.
    try:
        with db.session.begin_nested():
            db.session.add(article)
    except IntegrityError:
        return _of(site, db.session.scalars(select(Article).where(Article.site_id == site.id, Article.url == url)).one()), False
    return _of(site, article), True


def one_line(text: str) -> str:
    """A title or name as it is kept: one space between words, and no NUL, which PostgreSQL does not take."""
    return " ".join(text.replace("\x00", "").split())


def close_article(article: Article, *, closed: bool) -> None:
    """Close or reopen the conversation; nothing already said goes away. Flushes.

    One that is reopened is open for as many days again as the policy gives a new one.
    """
    if "site" in inspect(article).unloaded:
        _of(db.session.get_one(Site, article.site_id), article)
    if closed == article.closed:
        return
    now = utcnow()
    article.closed_at = now if closed else None
    article.reopened_at = article.reopened_at if closed else now
    article.version = Article.version + 1
    db.session.flush()
    db.session.refresh(article, ["closed_at", "reopened_at", "version"])


def premoderate_article(article: Article, *, premoderated: bool) -> None:
    """Have every new comment under the article read by a person first, or no longer. Flushes."""
    article.premoderated = premoderated
    db.session.flush()


def comment_counts(site: Site, urls: list[str]) -> dict[str, int]:
    """Published comments of up to 100 articles by the address asked for; unknown ones have 0."""
    if len(urls) > MAX_COUNTS:
        raise Invalid("Ask for at most %(most)s articles at once.", field="url", values={"most": MAX_COUNTS})
    wanted = {url: canonical_url(url) for url in urls}
    known = select(Article.url, Article.comment_count).where(
        Article.site_id == site.id, Article.url.in_(set(wanted.values()))
    )
    found: dict[str, int] = {row.url: row.comment_count for row in db.session.execute(known)}
    return {url: found.get(canonical, 0) for url, canonical in wanted.items()}


