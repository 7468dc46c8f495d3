"""Writing without an account, where a site lets its readers."""

from __future__ import annotations

from typing import Any

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_article
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.schemas.guests import GuestCommentInputSchema, GuestCommentSchema
from commentsvc.extensions import db
from commentsvc.moderation.guests import leave
from commentsvc.sites.models import Article

guests = Blueprint("guests", "Write without an account.")


@guests.route("/articles/<row_id:article_id>/guest-comments", methods=["POST"])
@limited("LIMIT_GUEST")
@operation("postAsGuest", errors=(403, 409))
@on_article(Permission.READ)
@guests.arguments(GuestCommentInputSchema, example={"display_name": "Gil", "email": "gil@example.org", "body": "I was there.", "parent_id": None})
@guests.response(202, GuestCommentSchema, description="A mail with a link is on its way")
def post(given: dict[str, Any], article: Article) -> Any:
    """Leave a comment that is sent to be checked once the link in a mail is opened.

    The answer is the same whoever has the address. Nobody sees the comment before.
    """
    left = leave(article, given["display_name"], given["email"], given["body"], given["parent_id"])
    db.session.commit()
    return left
