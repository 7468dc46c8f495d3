"""Objects for tests: each function makes one, with sensible values for what is not given."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import submit_comment
from commentsvc.extensions import db
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason, Screening
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import WELCOME, Article, Site

_numbers = itertools.count(1)


def make_site(**given: Any) -> Site:
    """A site that may be framed by https://news.example; `policy=Policy(...)` sets its policy."""
    n = next(_numbers)
    policy: Policy = given.pop("policy", Policy())
    values: dict[str, Any] = {
        "key": f"site-{n}", "name": f"Paper {n}", "origins": ["https://news.example"],
        "welcome": WELCOME, "guidelines": "", "policy_data": policy.to_data(),
    }
    site = Site(**(values | given))
    db.session.add(site)
    db.session.commit()
    return site


def make_article(site: Site | None = None, **given: Any) -> Article:
    n = next(_numbers)
    site = site or make_site()
    article = Article(
        **({"site_id": site.id, "url": f"https://news.example/{n}", "title": f"Article {n}", "comment_count": 0, "version": 1} | given)
    )
    db.session.add(article)
    db.session.commit()
    article.site = site
    return article


def make_user(name: str | None = None, *, role: Role | None = None, site: Site | None = None, **given: Any) -> User:
    """A verified account; `role` on `site`."""
    n = next(_numbers)
    user = User(**({"email": f"user{n}@example.org", "display_name": name or f"User {n}", "password_hash": None} | given))
    db.session.add(user)
    db.session.flush()
    if role is not None and site is not None:
        db.session.add(SiteRole(site_id=site.id, user_id=user.id, role=role.value))
    db.session.commit()
    db.session.refresh(user, ["roles"])
    return user


def make_comment(
    article: Article,
    author: User | None = None,
    body: str | None = None,
    *,
    parent: Comment | None = None,
    status: Status = Status.PUBLISHED,
    created_at: dt.datetime | None = None,
) -> Comment:
    """A comment in the given status, through the same verbs as in service."""
    author = author or make_user()
    comment = submit_comment(
        article, author, body or f"A decent remark, number {next(_numbers)}.", parent.id if parent else None
    )
    if created_at is not None:
        comment.created_at = created_at
        db.session.flush()
    if status != Status.PENDING:
        if status == Status.WITHDRAWN:
            decide(comment, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=comment.version)
        reason = {Status.PUBLISHED: Reason.CLEAN, Status.HELD: Reason.HELD_FOR_REVIEW, Status.REJECTED: Reason.ABUSE}.get(status, Reason.WITHDRAWN)
        decide(comment, status, actor=None, reason=reason, seen=comment.version)
    db.session.commit()
    return comment


def fresh(article: Article) -> Article:
    """The article as the database has it now, with its site."""
    return db.session.scalars(
        select(Article)
        .where(Article.id == article.id)
        .options(joinedload(Article.site))
        .execution_options(populate_existing=True)
    ).one()


def hold_as_toxic(comment: Comment, *sentences: tuple[int, int], explained: bool = True) -> Comment:
    """Hold a pending comment as the worker does when the model finds it toxic; `sentences` carry the scores."""
    ranges = [{"start": start, "end": end, "score": 0.9} for start, end in sentences]
    finding: dict[str, Any] = {
        "phase": "toxicity", "reason": "abuse", "message": "The model's scores: insult 0.90.", "verdict": "hold",
        "matches": [], "labels": {"insult": 0.9},
        "explanation": {"sentences": ranges, "words": []} if explained else None,
    }
    db.session.add(Screening(
        site_id=comment.site_id, comment_id=comment.id, revision=comment.revision, verdict="hold", findings=[finding],
        scores={"insult": 0.9}, model_name="m", model_version="1", model_sha256="0" * 64,
    ))
    decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=comment.version)
    db.session.commit()
    return comment
