"""The bell in a conversation's head: what the reader was told, and following the conversation."""

from __future__ import annotations

from flask import Response, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from commentsvc.accounts.permissions import Permission
from commentsvc.embed.blueprint import by_script, embed, react_limit, read_limit
from commentsvc.embed.personal import private
from commentsvc.embed.plain import article_or_404, back_to
from commentsvc.embed.view import View, render_public
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.notifications.follows import follow, unfollow
from commentsvc.notifications.listing import mark_read, page_of_notifications, standing
from commentsvc.sites.models import Article
from commentsvc.web import require_person, row_id, signed_in

SHOWN = 10  # in the panel; the account page has all


@embed.get("/a/<int:article_id>/notifications")
@read_limit
def notices(article_id: int) -> Response:
    """The reader's latest notifications, as a fragment."""
    user, article = signed_in(), article_or_404(article_id)
    found, more = page_of_notifications(user, None, SHOWN)
    view = View(article=article, site=article.site)
    return private(Response(render_public("embed/notices.html", v=view, found=found, more=more is not None)))


@embed.post("/a/<int:article_id>/notifications/read")
@react_limit
def read_notices(article_id: int) -> AnyResponse:
    """Take one, or all up to one, as read."""
    user, article = signed_in(), article_or_404(article_id)
    if "until" in request.form:
        mark_read(user, until=_number("until"))
    else:
        mark_read(user, ids=[_number("id")])
    db.session.commit()
    if not by_script():
        return back_to(article.id)
    now = standing(user, article)
    return jsonify(unread=now.unread, count=now.count, label=bell_label(now.unread, now.count), say=gettext("All notifications are read."))


@embed.post("/a/<int:article_id>/follow")
@react_limit
def follow_here(article_id: int) -> AnyResponse:
    """Follow the conversation, or follow it no more."""
    article: Article = article_or_404(article_id)
    user = require_person(Permission.READ, article.site_id)
    on = request.form.get("on") == "1"
    (follow if on else unfollow)(user, article)
    db.session.commit()
    if not by_script():
        return back_to(article.id)
    say = gettext("You follow this conversation: new comments are among your notifications.") if on else gettext("You no longer follow this conversation.")
    return jsonify(following=on, label=gettext("Following") if on else gettext("Follow"), say=say)


def bell_label(unread: int, count: str) -> str:
    """What the bell is called for whoever cannot see it."""
    return gettext("Notifications, %(count)s unread", count=count) if unread else gettext("Notifications")


def _number(name: str) -> int:
    try:
        return row_id(request.form.get(name, ""))
    except ValueError:
        raise NotFound(gettext("There is no such notification.")) from None
