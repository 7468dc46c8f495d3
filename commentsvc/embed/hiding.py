"""Hiding a person for oneself, from a comment of hers; see `comments.hiding`."""

from __future__ import annotations

from flask import jsonify, request
from werkzeug.wrappers import Response

from commentsvc.accounts.permissions import STAFF, Permission
from commentsvc.comments import hiding
from commentsvc.embed.actions import comment_with_article
from commentsvc.embed.blueprint import by_script, embed, react_limit
from commentsvc.embed.personal import private
from commentsvc.embed.plain import back_to
from commentsvc.errors import NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.web import require, signed_in


@embed.post("/comments/<int:comment_id>/hide")
@react_limit
def hide(comment_id: int) -> Response:
    """Fold away, for oneself, all that the author of a comment writes, or show it again."""
    comment, user = comment_with_article(comment_id), signed_in()
    require(Permission.READ, comment.site_id)
    if request.form.get("on") == "1":
        if comment.author_role in STAFF:
            raise NotAllowed("Community Managers cannot be hidden: what they say concerns the conversation itself.", code="staff")
        name = hiding.hide(user, comment.author_id).display_name
        message = gettext("What %(name)s writes is folded away for you, in every conversation. Nobody else is told.", name=name)
    else:
        hiding.show(user, comment.author_id)
        message = gettext("You see what this person writes again.")
    db.session.commit()
    if by_script():
        return private(jsonify(message=message, hidden=[str(i) for i in sorted(hiding.hidden_by(user))]))
    return back_to(comment.article_id, f"comment-{comment.id}")
