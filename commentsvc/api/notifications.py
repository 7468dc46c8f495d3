"""What one was told, how one wants to be told, and the conversations one follows."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.accounts.wishes import How, Kind, Wish, wishes_of
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.fields import PageQuery
from commentsvc.api.schemas.notifications import (
    FollowsSchema,
    NotificationPreferencesInputSchema,
    NotificationPreferencesSchema,
    NotificationsQuery,
    NotificationsSchema,
    ReadNotificationsSchema,
    UnreadSchema,
)
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.notifications import follows, listing
from commentsvc.notifications.listing import Item
from commentsvc.notifications.preferences import change_wishes
from commentsvc.sites.models import Article
from commentsvc.web import require

notifications = Blueprint("notifications", "What you were told, how you want to be told, and the conversations you follow.")


@notifications.route("/me/notifications")
@limited("LIMIT_READ")
@operation("listNotifications")
@for_user(person=True)
@notifications.arguments(NotificationsQuery, location="query")
@notifications.response(200, NotificationsSchema)
def list_notifications(given: dict[str, Any], user: User) -> Any:
    """List what you were told, latest first."""
    found, following = listing.page_of_notifications(
        user, given.get("after") or None, given.get("limit") or listing.PER_PAGE, unread=given["unread"] == "true"
    )
    return {"notifications": [_values(item) for item in found], "unread": listing.unread_count(user), "next": following}


@notifications.route("/me/notifications/read", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("readNotifications")
@for_user(person=True)
@notifications.arguments(ReadNotificationsSchema, example={"until": "4711"})
@notifications.response(200, UnreadSchema)
def read(given: dict[str, Any], user: User) -> Any:
    """Say which notifications you have read. Others' are left alone, and so are those that are read."""
    listing.mark_read(user, ids=given.get("ids", ()), until=given.get("until"))
    db.session.commit()
    return {"unread": listing.unread_count(user)}


@notifications.route("/me/notification-preferences")
@limited("LIMIT_READ")
@operation("getNotificationPreferences")
@for_user(person=True)
@notifications.response(200, NotificationPreferencesSchema)
def preferences(user: User) -> Any:
    """How you want to be told of what."""
    return _preferences(user)


@notifications.route("/me/notification-preferences", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("changeNotificationPreferences")
@for_user(person=True)
@notifications.arguments(NotificationPreferencesInputSchema, example={"kinds": [{"kind": "followed", "widget": True, "mail": "weekly"}]})
@notifications.response(200, NotificationPreferencesSchema)
def change_preferences(given: dict[str, Any], user: User) -> Any:
    """Change how you want to be told; mails that wait are put to the new time, or come no more."""
    wanted = {Kind(one["kind"]): Wish(one["widget"], How(one["mail"])) for one in given.get("kinds", ())}
    change_wishes(user, wanted, follow_on_post=given.get("follow_on_post"))
    db.session.commit()
    return _preferences(user)


@notifications.route("/me/follows")
@limited("LIMIT_READ")
@operation("listFollows")
@for_user(person=True)
@notifications.arguments(PageQuery, location="query")
@notifications.response(200, FollowsSchema)
def list_follows(given: dict[str, Any], user: User) -> Any:
    """List the conversations you follow, latest first."""
    found, following = follows.page_of_follows(user, given.get("after") or None, given.get("limit") or follows.PER_PAGE)
    return {
        "conversations": [{"article": article, "site_key": article.site.key, "since": follow.since} for follow, article in found],
        "next": following,
    }


@notifications.route("/articles/<row_id:article_id>/follow", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("follow", errors=(404,))
@for_user(person=True)
@notifications.response(204)
def follow(article_id: int, user: User) -> Response:
    """Be told of new comments under an article; doing so twice is as good as once."""
    follows.follow(user, _article(article_id))
    db.session.commit()
    return no_content()


@notifications.route("/articles/<row_id:article_id>/follow", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("unfollow", errors=(404,))
@for_user(person=True)
@notifications.response(204)
def unfollow(article_id: int, user: User) -> Response:
    """Be told of them no more, also where you write there again."""
    follows.unfollow(user, _article(article_id))
    db.session.commit()
    return no_content()


def _article(article_id: int) -> Article:
    article = db.session.get(Article, article_id)
    if article is None:
        raise NotFound("There is no such article.")
    require(Permission.READ, article.site_id)
    return article


def _preferences(user: User) -> dict[str, Any]:
    return {
        "kinds": [{"kind": kind, "widget": wish.widget, "mail": wish.mail} for kind, wish in wishes_of(user.id).items()],
        "follow_on_post": user.follow_on_post,
    }


def _values(item: Item) -> dict[str, Any]:
    return {
        "id": item.id, "kind": item.kind, "event": item.event, "created_at": item.created_at, "unread": item.unread,
        "site_key": item.site_key, "article": {"id": item.article_id, "title": item.article_title, "url": item.article_url},
        "comment_id": item.comment_id, "by": {"id": item.author_id, "name": item.name} if item.by_other else None,
        "excerpt": item.excerpt, "url": item.link, "statement": item.puid or None,
    }
