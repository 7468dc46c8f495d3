"""What a team keeps for its queues: saved filters and groups of articles."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.moderation import (
    ArticleGroupSchema,
    ArticleGroupsSchema,
    RenameSchema,
    SavedFilterInputSchema,
    SavedFilterSchema,
    SavedFiltersSchema,
)
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation import saved as verbs
from commentsvc.moderation.filters import Order, checked_filters
from commentsvc.moderation.queue import Queue, kept_view, view_counts, view_of
from commentsvc.moderation.saved import ArticleGroup, SavedFilter, articles_of, makers
from commentsvc.sites.models import Article, Site
from commentsvc.web import signed_in

saved = Blueprint("saved", "What a team keeps for its queues: filters under a name, and groups of articles.")

MONDAY = {"name": "Threats in City", "queue": "held", "filters": {"section": "City", "label": "threat"}}


@saved.route("/sites/<site_key:site_key>/saved-filters")
@limited("LIMIT_READ")
@operation("listSavedFilters")
@on_site(Permission.REVIEW)
@saved.arguments(NoQuery, location="query")
@saved.response(200, SavedFiltersSchema)
def filters(_given: dict[str, Any], site: Site) -> Any:
    """The team's saved filters by name, and how many comments are in each now."""
    found = verbs.saved_filters(site)
    names = makers(found)
    counts = view_counts([kept_view(site, kept) for kept in found])
    return {
        "filters": [
            _filter_values(kept, site, names) | {"count": count.number, "more": count.more}
            for kept, count in zip(found, counts, strict=True)
        ]
    }


@saved.route("/sites/<site_key:site_key>/saved-filters", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("saveFilter", errors=(409,))
@on_site(Permission.REVIEW)
@saved.arguments(SavedFilterInputSchema, example=MONDAY)
@saved.response(201, SavedFilterSchema)
def save(given: dict[str, Any], site: Site) -> Any:
    """Keep a queue under filters, for the whole team. Its name is one that no other has."""
    chosen = checked_filters(given["filters"])
    order = Order(given["order"]) if given["order"] else None
    view_of(site, Queue(given["queue"]), chosen, order)  # its article or group is there, and so is its order
    kept = verbs.save_filter(site, given["name"], given["queue"], chosen, order, actor=signed_in())
    db.session.commit()
    return _filter_values(kept, site, makers([kept])), 201


@saved.route("/saved-filters/<row_id:filter_id>", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("renameFilter", errors=(403, 404))
@for_user()
@saved.arguments(RenameSchema, example={"name": "Threats"})
@saved.response(200, SavedFilterSchema)
def rename_filter(given: dict[str, Any], filter_id: int, user: User) -> Any:
    """Call it something else: for whoever made it, and for admins of the site."""
    kept, site = _of(SavedFilter, filter_id, user, Permission.REVIEW)
    verbs.rename(kept, given["name"], actor=user)
    db.session.commit()
    return _filter_values(kept, site, makers([kept]))


@saved.route("/saved-filters/<row_id:filter_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("removeFilter", errors=(403, 404))
@for_user()
@saved.response(204)
def remove_filter(filter_id: int, user: User) -> Response:
    """Forget it, for the whole team: for whoever made it, and for admins of the site."""
    verbs.remove(_of(SavedFilter, filter_id, user, Permission.REVIEW)[0], actor=user)
    db.session.commit()
    return no_content()


@saved.route("/sites/<site_key:site_key>/article-groups")
@limited("LIMIT_READ")
@operation("listArticleGroups")
@on_site(Permission.REVIEW)
@saved.arguments(NoQuery, location="query")
@saved.response(200, ArticleGroupsSchema)
def groups(_given: dict[str, Any], site: Site) -> Any:
    """The team's groups of articles, by name."""
    found = verbs.article_groups(site)
    names, articles = makers(found), articles_of([group.id for group in found])
    return {"groups": [_group_values(group, site, names, articles[group.id]) for group in found]}


@saved.route("/sites/<site_key:site_key>/article-groups", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("makeArticleGroup", errors=(409,))
@on_site(Permission.MANAGE_ARTICLES)
@saved.arguments(RenameSchema, example={"name": "Election night"})
@saved.response(201, ArticleGroupSchema)
def make_group(given: dict[str, Any], site: Site) -> Any:
    """Begin a group of articles, with nothing in it yet."""
    group = verbs.make_group(site, given["name"], actor=signed_in())
    db.session.commit()
    return _group_values(group, site, makers([group]), []), 201


@saved.route("/article-groups/<row_id:group_id>", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("renameArticleGroup", errors=(403, 404))
@for_user()
@saved.arguments(RenameSchema, example={"name": "Election night"})
@saved.response(200, ArticleGroupSchema)
def rename_group(given: dict[str, Any], group_id: int, user: User) -> Any:
    """Call it something else: for whoever made it, and for admins of the site."""
    group, site = _of(ArticleGroup, group_id, user, Permission.MANAGE_ARTICLES)
    verbs.rename(group, given["name"], actor=user)
    db.session.commit()
    return _group_values(group, site, makers([group]), articles_of([group.id])[group.id])


@saved.route("/article-groups/<row_id:group_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("removeArticleGroup", errors=(403, 404))
@for_user()
@saved.response(204)
def remove_group(group_id: int, user: User) -> Response:
    """Forget it; its articles and their comments stay. For whoever made it, and for admins of the site."""
    verbs.remove(_of(ArticleGroup, group_id, user, Permission.MANAGE_ARTICLES)[0], actor=user)
    db.session.commit()
    return no_content()


@saved.route("/article-groups/<row_id:group_id>/articles/<row_id:article_id>", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("addToArticleGroup", errors=(403, 404, 409))
@for_user()
@saved.response(200, ArticleGroupSchema)
def add_article(group_id: int, article_id: int, user: User) -> Any:
    """Put an article of the site into the group; twice is once."""
    group, site = _of(ArticleGroup, group_id, user, Permission.MANAGE_ARTICLES)
    article = db.session.get(Article, article_id)
    if article is None:
        raise NotFound("There is no such article on this site.")
    verbs.add_article(group, article)
    db.session.commit()
    return _group_values(group, site, makers([group]), articles_of([group.id])[group.id])


@saved.route("/article-groups/<row_id:group_id>/articles/<row_id:article_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("takeFromArticleGroup", errors=(403, 404))
@for_user()
@saved.response(204)
def remove_article(group_id: int, article_id: int, user: User) -> Response:
    """Take an article out of the group; where it is not in it, nothing happens."""
    verbs.remove_article(_of(ArticleGroup, group_id, user, Permission.MANAGE_ARTICLES)[0], article_id)
    db.session.commit()
    return no_content()


def _of(kind: Any, row: int, user: User, permission: Permission) -> tuple[Any, Site]:
    """The row and its site. That there is one on another site is nobody's business here."""
    found = db.session.get(kind, row)
    if found is None or not allowed(user, permission, found.site_id):
        raise NotFound("There is no such filter." if kind is SavedFilter else "There is no such group of articles.")
    return found, db.session.scalars(select(Site).where(Site.id == found.site_id)).one()


def _maker(kept: SavedFilter | ArticleGroup, names: dict[int, str]) -> dict[str, Any] | None:
    name = names.get(kept.created_by_id or 0)
    return None if name is None else {"id": kept.created_by_id, "name": name}


def _filter_values(kept: SavedFilter, site: Site, names: dict[int, str]) -> dict[str, Any]:
    return {
        "id": kept.id, "site_key": site.key, "name": kept.name, "queue": kept.queue, "order": kept.order or None,
        "filters": kept.filters.args(), "created_by": _maker(kept, names), "created_at": kept.created_at,
    }


def _group_values(group: ArticleGroup, site: Site, names: dict[int, str], articles: list[int]) -> dict[str, Any]:
    return {
        "id": group.id, "site_key": site.key, "name": group.name, "articles": articles, "created_by": _maker(group, names),
        "created_at": group.created_at,
    }
