"""What the team keeps for its queues: saved filters and groups of articles, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import select

from commentsvc.accounts.permissions import Permission
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import saved as verbs
from commentsvc.moderation.queue import Queue, view_of
from commentsvc.moderation.saved import ArticleGroup, SavedFilter, articles_of
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.filter_bar import CHOICES, Place, chips_of, find_articles, sent_place
from commentsvc.review.words import ORDER_NAMES, QUEUE_NAMES
from commentsvc.sites.articles import one_line
from commentsvc.sites.models import Article, Site
from commentsvc.web import row_id, signed_in

FIND_LENGTH = 2000


@review.get("/<site_key>/saved")
def saved(site_key: str) -> Any:
    """The saved filters and the groups of articles; `find` looks for articles to put into `group`."""
    return _shown(site_for(site_key))


def _shown(site: Site, *, error: str = "", where: str = "", typed: str = "") -> Any:
    """The page; `error` stands at the form `where`, with what was `typed` there."""
    filters, groups = verbs.saved_filters(site), verbs.article_groups(site)
    articles = articles_of([group.id for group in groups])
    wanted = {article_id for found in articles.values() for article_id in found}
    titles = {a.id: a for a in db.session.scalars(select(Article).where(Article.id.in_(wanted)))} if wanted else {}
    looking = request.args.get("group", type=row_id)
    find = one_line(request.args.get("find", ""))[:FIND_LENGTH]
    offered = [a for a in find_articles(site, find)[:CHOICES] if a.id not in articles.get(looking or 0, ())] if find and looking else []
    html = page(
        "saved.html", site, here="saved", filters=filters, groups=groups, articles=articles, titles=titles, looking=looking,
        find=find, offered=offered, error=error, where=where, typed=typed, described=lambda one: _described(site, one, groups), person=signed_in(),
        may_change=verbs.may_change, makers=verbs.makers([*filters, *groups]), most=verbs.MAX_ARTICLES,
    )
    return html, 422 if error else 200


def _described(site: Site, kept: SavedFilter, groups: Sequence[ArticleGroup]) -> list[str]:
    """What a saved filter shows, in words."""
    place = Place(Queue(kept.queue), "", kept.filters)
    order = [ORDER_NAMES[o] for o in ORDER_NAMES if o.value == kept.order]
    return [QUEUE_NAMES[Queue(kept.queue)], *(chip.text for chip in chips_of(site, place, groups)), *order]


@review.post("/<site_key>/filters")
def keep_filter(site_key: str) -> Any:
    """Save the filters of the list on show, under a name."""
    site = site_for(site_key)
    place, name = sent_place(), request.form.get("name", "")
    if place.queue is None:
        raise Invalid("The form does not say which queue it saves.", field="queue")
    view_of(site, place.queue, place.filters)  # what it filters by is of this site
    try:
        verbs.save_filter(site, name, place.queue.value, place.filters, place.order, actor=signed_in())
    except (Invalid, Conflict) as refused:
        db.session.rollback()
        return _not_kept(site, place, name, refused.told)
    db.session.commit()
    return redirect(place.top.url(site))


def _not_kept(site: Site, place: Place, name: str, message: str) -> Any:
    from commentsvc.review.queues import queue_page

    return queue_page(site, place, save_error=message, save_typed=name), 422


@review.post("/<site_key>/filters/<int:filter_id>/rename")
def rename_filter(site_key: str, filter_id: int) -> Any:
    """Call a saved filter something else."""
    site = site_for(site_key)
    return _renamed(site, _of(SavedFilter, site, filter_id), f"filter-{filter_id}")


@review.post("/<site_key>/filters/<int:filter_id>/remove")
def remove_filter(site_key: str, filter_id: int) -> Any:
    """Forget a saved filter."""
    site = site_for(site_key)
    verbs.remove(_of(SavedFilter, site, filter_id), actor=signed_in())
    db.session.commit()
    return redirect(url_for("review.saved", site_key=site.key))


@review.post("/<site_key>/groups")
def make_group(site_key: str) -> Any:
    """Begin a group of articles."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    name = request.form.get("name", "")
    try:
        group = verbs.make_group(site, name, actor=signed_in())
    except (Invalid, Conflict) as refused:
        db.session.rollback()
        return _shown(site, error=refused.told, where="new-group", typed=name)
    db.session.commit()
    return redirect(url_for("review.saved", site_key=site.key, group=group.id, _anchor=f"group-{group.id}"))


@review.post("/<site_key>/groups/<int:group_id>/rename")
def rename_group(site_key: str, group_id: int) -> Any:
    """Call a group something else."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    return _renamed(site, _of(ArticleGroup, site, group_id), f"group-{group_id}")


@review.post("/<site_key>/groups/<int:group_id>/remove")
def remove_group(site_key: str, group_id: int) -> Any:
    """Forget a group; its articles and their comments stay."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    verbs.remove(_of(ArticleGroup, site, group_id), actor=signed_in())
    db.session.commit()
    return redirect(url_for("review.saved", site_key=site.key))


@review.post("/<site_key>/groups/<int:group_id>/articles")
def change_group(site_key: str, group_id: int) -> Any:
    """Put an article into a group (`add`), or take one out (`drop`)."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    group = _of(ArticleGroup, site, group_id)
    added, dropped = request.form.get("add", type=row_id), request.form.get("drop", type=row_id)
    try:
        if added is not None:
            article = db.session.get(Article, added)
            if article is None:
                raise NotFound("There is no such article on this site.")
            verbs.add_article(group, article)
        if dropped is not None:
            verbs.remove_article(group, dropped)
    except Conflict as refused:
        db.session.rollback()
        return _shown(site, error=refused.told, where=f"find-{group_id}")
    db.session.commit()
    return redirect(url_for("review.saved", site_key=site.key, group=group_id, _anchor=f"group-{group_id}"))


def _renamed(site: Site, kept: SavedFilter | ArticleGroup, where: str) -> Any:
    name = request.form.get("name", "")
    try:
        verbs.rename(kept, name, actor=signed_in())
    except Invalid as refused:
        db.session.rollback()
        return _shown(site, error=refused.told, where=where, typed=name)
    db.session.commit()
    return redirect(url_for("review.saved", site_key=site.key, _anchor=where))


def _of(kind: Any, site: Site, row: int) -> Any:
    found = db.session.scalar(select(kind).where(kind.id == row, kind.site_id == site.id))
    if found is None:
        raise NotFound("There is no such thing on this site.")
    return found
