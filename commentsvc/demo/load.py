"""Puts the demo publisher into the database: once, in steps that may be repeated or cut short."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.demo.content import articles, people, threads
from commentsvc.extensions import db
from commentsvc.figures.keeping import recount
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Flag
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.engines import load_scorer
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import WELCOME, Article, Site
from commentsvc.transfer.authors import Authors
from commentsvc.transfer.importer import import_comments
from commentsvc.transfer.records import ImportedComment
from commentsvc.web import settings_of

KEY = "courier"
NAME = "The Calder Courier"
FORMAT = "demo"
LEASE = 30  # seconds
PATIENCE = 60.0  # seconds for the worker to finish the comments it took

GUIDELINES = """\
Say what you think, and be fair to those who think otherwise.

- Talk about the article, and about what others said; not about what they are like.
- No threats, no slurs, nobody's private life.
- No advertising.

A Community Manager reads what the software is unsure about, and what you flag.
"""

POLICY = Policy(
    banned_phrases=("never pay again", "cheap shirts"),
    suspect_phrases=("cash 4 houses", "miracle", "parasites", "brainwashed", "snowflake"),
    reject_clear=True,  # the spammers above; no score alone rejects anything
)


@dataclass(frozen=True)
class SignIn:
    """An account that whoever tries the demo can use."""

    handle: str
    title: str
    email: str
    password: str


SIGN_INS = (
    SignIn("reader", "reader", "reader@courier.example", "harbour-lights-2026"),
    SignIn("nora", "community manager", "manager@courier.example", "lantern-quay-2026"),
    SignIn("ines", "admin", "admin@courier.example", "customs-house-2026"),
)


def prepare(base_url: str) -> None:
    """Make the publisher, its people and its articles where they lack, served at `base_url`. Commits.

    Must be done before the web process serves the demo, and again when its address changes:
    the articles' addresses and the site's origins then move along with their conversations.
    """
    site = db.session.scalar(select(Site).where(Site.key == KEY))
    if site is None:
        site = Site(
            key=KEY, name=NAME, origins=_origins(base_url), welcome=WELCOME, guidelines=GUIDELINES, policy_data=POLICY.to_data()
        )
        db.session.add(site)
        db.session.flush()
    _people(site)
    _move(site, base_url)
    _articles(site, base_url)
    db.session.commit()


def import_threads(base_url: str) -> None:
    """Bring in the conversations that lack, with their votes, to be screened. Commits."""
    site = _site()
    db.session.commit()
    import_comments(site, _records(site, base_url))


def screen_threads() -> None:
    """Screen what waits, with the real model; a worker may do it at the same time. Commits."""
    if not threads_pending():
        return
    settings = settings_of(current_app)
    scorer = load_scorer(settings.TOXICITY_MODEL, settings.models_path)
    deadline = time.monotonic() + PATIENCE
    while threads_pending() and time.monotonic() < deadline:
        if not screen_pending(lambda: scorer, batch=64, lease=LEASE):
            time.sleep(0.1)  # the worker has the rest


def threads_pending() -> bool:
    """Whether any of the demo's own comments waits to be screened. Commits."""
    waiting = db.session.scalar(
        select(Comment.id)
        .where(
            Comment.site_id == _site().id, Comment.status == Status.PENDING, Comment.external_id.startswith(f"{FORMAT}:")
        )
        .limit(1)
    )
    db.session.commit()
    return waiting is not None


def raise_flags() -> None:
    """Raise the flags that lack, on comments that are public, soon after each was made. Commits."""
    site = _site()
    authors = Authors(site)
    raised = {
        (comment_id, user_id)
        for comment_id, user_id in db.session.execute(select(Flag.comment_id, Flag.user_id).where(Flag.site_id == site.id))
    }
    for slug, comments in threads().items():
        for wanted in (c for c in comments if c.flags):
            comment = db.session.scalar(
                select(Comment).where(Comment.site_id == site.id, Comment.external_id == f"{FORMAT}:{slug}:{wanted.id}")
            )
            if comment is None or comment.status != Status.PUBLISHED:
                continue
            for number, given in enumerate(wanted.flags, start=1):
                reader = db.session.get_one(User, authors.user_id(f"{FORMAT}:{given.by}"))
                if (comment.id, reader.id) in raised:
                    continue
                made, _ = flag(comment, reader, given.reason, given.text)
                made.created_at = min(comment.created_at + dt.timedelta(minutes=17 * number), utcnow())
    db.session.commit()
    recount(site)  # the flags' times were set after the fact; and nobody has to wait a minute for the dashboard


def loaded_at() -> dt.datetime | None:
    """When the demo came in: its articles' and comments' times count back from then. Commits."""
    moment = db.session.scalar(select(Site.created_at).where(Site.key == KEY))
    db.session.commit()
    return moment


def _site() -> Site:
    return db.session.scalars(select(Site).where(Site.key == KEY)).one()


def _origins(base_url: str) -> list[str]:
    """Under the address that is printed, and under the other name of this machine."""
    parts = urlsplit(base_url)
    origins = [base_url.rstrip("/")]
    if parts.hostname in {"127.0.0.1", "localhost"}:
        other = "localhost" if parts.hostname == "127.0.0.1" else "127.0.0.1"
        origins.append(f"{parts.scheme}://{other}" + (f":{parts.port}" if parts.port else ""))
    return origins


def _people(site: Site) -> None:
    authors = Authors(site)
    sign_ins = {s.handle: s for s in SIGN_INS}
    made: dict[str, User] = {}
    for person in people().values():
        if authors.knows(f"{FORMAT}:{person.handle}"):
            continue
        sign_in = sign_ins.get(person.handle)
        made[f"{FORMAT}:{person.handle}"] = user = User(
            email=sign_in.email if sign_in else None,
            password_hash=hash_password(sign_in.password) if sign_in else None,
            display_name=person.name, created_at=site.created_at - dt.timedelta(days=person.joined_days_ago),
        )
        db.session.add(user)
        db.session.flush()
        if person.role != Role.MEMBER:
            db.session.add(SiteRole(site_id=site.id, user_id=user.id, role=person.role))
    if made:
        authors.adopt({key: user.id for key, user in made.items()})
    db.session.flush()


def _move(site: Site, base_url: str) -> None:
    """Have the demo's articles and origins follow the address the demo is served at.

    Whatever else an admin added to the origins stays.
    """
    here = base_url.rstrip("/")
    found = {a.url: a for a in db.session.scalars(select(Article).where(Article.site_id == site.id))}
    slugs = {a.slug for a in articles()}
    before = {
        url.removesuffix(f"/demo/{slug}")
        for url in found
        for slug in slugs
        if url.endswith(f"/demo/{slug}") and urlsplit(url).path == f"/demo/{slug}"
    } - {here}
    for old in sorted(before):
        if old in _origins(base_url):
            continue  # a first view under the machine's other name
        for slug in slugs:
            article = found.get(f"{old}/demo/{slug}")
            if article is not None and f"{here}/demo/{slug}" not in found:
                article.url = f"{here}/demo/{slug}"
                article.version += 1
                found[article.url] = article
        gone = set(_origins(old))
        site.origins = [origin for origin in site.origins if origin not in gone]
    missing = [origin for origin in _origins(base_url) if origin not in site.origins]
    if missing:
        site.origins = [*missing, *site.origins]
        site.version += 1
    db.session.flush()


def _articles(site: Site, base_url: str) -> None:
    known = set(db.session.scalars(select(Article.url).where(Article.site_id == site.id)))
    for article in articles():
        url = f"{base_url.rstrip('/')}/demo/{article.slug}"
        if url not in known:
            published = site.created_at - dt.timedelta(hours=article.published_hours_ago)
            db.session.add(Article(
                site_id=site.id, url=url, title=article.title, section=article.section, comment_count=0, version=1,
                created_at=published,
            ))
    db.session.flush()


def _records(site: Site, base_url: str) -> Iterator[ImportedComment]:
    for article in articles():
        published = site.created_at - dt.timedelta(hours=article.published_hours_ago)
        for comment in threads()[article.slug]:
            prefix = f"{FORMAT}:{article.slug}"
            yield ImportedComment(
                external_id=f"{prefix}:{comment.id}",
                parent_external_id=f"{prefix}:{comment.parent}" if comment.parent else None,
                article_url=f"{base_url.rstrip('/')}/demo/{article.slug}",
                article_title=article.title,
                author_key=f"{FORMAT}:{comment.author}",
                author_name=people()[comment.author].name,
                created_at=published + dt.timedelta(minutes=comment.minutes_after),
                body=comment.body, up=comment.up, down=comment.down,
            )
