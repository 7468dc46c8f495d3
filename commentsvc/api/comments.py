"""Writing, seeing and taking back a comment; voting and flagging."""

from __future__ import annotations

import re
import time
from typing import Any

from flask import Response, current_app, request
from sqlalchemy import select

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import is_author, load_comment, may_review, on_article, on_comment
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.examples import OWN_COMMENT
from commentsvc.api.own import comment_values
from commentsvc.api.schemas.comments import (
    CommentDetailSchema,
    CommentInputSchema,
    EditInputSchema,
    FlaggedSchema,
    FlagInputSchema,
    PostHeaders,
    RevisionsSchema,
    VotedSchema,
    VoteSchema,
)
from commentsvc.comments.models import Comment, Status
from commentsvc.database import write_intent
from commentsvc.errors import NotFound
from commentsvc.extensions import client_range, db
from commentsvc.moderation.decide import withdraw as take_back
from commentsvc.moderation.edits import history, take_edit
from commentsvc.moderation.flags import flag as report
from commentsvc.moderation.posting import cast_vote, take_in
from commentsvc.overload import PLACE
from commentsvc.sites.models import Article
from commentsvc.web import reader, reading_first, settings_of, signed_in

comments = Blueprint("comments", "Write, see and take back comments; vote and flag.")

# Between two looks for a verdict: often while it is about to come, seldom when it is late.
POLL_SECONDS = 0.008
POLL_LATER_SECONDS = 0.04
POLL_SOON = 0.25  # how long the verdict of an idle worker is expected any moment
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)

POSTED_HEADERS = {
    "Location": {"description": "The comment.", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "`wait`, when it was asked for.", "schema": {"type": "string"}},
}


@comments.route("/articles/<row_id:article_id>/comments", methods=["POST"])
@limited("LIMIT_POST", by_account=True)
@operation("postComment", errors=(409,))
@on_article(Permission.POST)
@comments.arguments(PostHeaders, location="headers")
@comments.arguments(CommentInputSchema, example={"body": "Does the night bus cross it again?", "parent_id": None})
@comments.response(201, CommentDetailSchema, example=OWN_COMMENT, headers=POSTED_HEADERS)
@reading_first
def post_comment(sent: dict[str, Any], given: dict[str, Any], article: Article) -> Any:
    """Post a comment or a reply.

    Nobody else sees it before it is screened: the answer's `status` is `pending`, or the verdict
    where one is reached at once. With `Prefer: wait=N` the answer waits up to N seconds for it.
    A post without an answer is sent again with the same `Idempotency-Key` and is one comment; so is, without one, the
    same text sent twice within a minute.
    """
    user = signed_in()
    comment = take_in(article, user, given["body"], given["parent_id"], request_key=sent["idempotency_key"])
    headers = {"Location": f"/api/v1/comments/{comment.id}"}
    seconds = wait_wanted(sent["prefer"])
    if seconds is not None:
        headers["Preference-Applied"] = "wait"
    if seconds is None or comment.status != Status.PENDING:
        # Before the commit, for what is in hand: a second transaction that reads it anew was a fifth of a post.
        values = comment_values(comment, user)
        db.session.commit()
        return values, 201, headers
    db.session.commit()
    await_verdict(comment.id, seconds)
    return comment_values(_as_it_is(comment.id), user), 201, headers


@comments.route("/comments/<row_id:comment_id>")
@limited("LIMIT_READ")
@operation("getComment")
@on_comment(Permission.READ)
@comments.response(200, CommentDetailSchema, example=OWN_COMMENT)
def get_comment(comment: Comment) -> Any:
    """A comment.

    To its author also while only she sees it, with what happens next; to community managers always.
    """
    return comment_values(comment, reader())


@comments.route("/comments/<row_id:comment_id>", methods=["PATCH"])
@limited("LIMIT_POST", by_account=True)
@operation("editComment", errors=(409,))
@on_comment(Permission.POST)
@comments.arguments(EditInputSchema, example={"body": "Does the night bus cross it again? I could not find it.", "revision": 1})
@comments.response(200, CommentDetailSchema, example=OWN_COMMENT)
def edit_comment(given: dict[str, Any], comment: Comment) -> Any:
    """Edit one's own comment.

    The new text is screened like a new comment. Where the comment is published, others go on reading the text before until the new one
    is accepted (`edit` says how that stands), and it can be edited for as long as the site allows after posting.
    """
    user = signed_in()
    take_edit(comment, user, given["body"], seen=given["revision"])
    db.session.commit()
    return comment_values(_as_it_is(comment.id), user)


@comments.route("/comments/<row_id:comment_id>/revisions")
@limited("LIMIT_READ")
@operation("listRevisions")
@on_comment(Permission.READ)
@comments.response(200, RevisionsSchema)
def list_revisions(comment: Comment) -> Any:
    """What a comment said before, latest first.

    All of it to its author and to community managers; to others what they could read, where the site publishes that.
    """
    user = reader()
    whole = is_author(comment, user) or may_review(comment, user)
    if not whole and not comment.article.policy.public_history:
        raise NotFound("This site does not show what comments said before.")
    return {"revisions": [
        {"number": v.revision.number, "state": v.state, "body": v.revision.body, "created_at": v.revision.created_at}
        for v in history(comment, whole=whole)
    ]}


@comments.route("/comments/<row_id:comment_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("withdrawComment", errors=(409,))
@on_comment(Permission.POST)
@comments.response(204)
def withdraw_comment(comment: Comment) -> Response:
    """Take one's own comment back; replies to it stay, under an empty place."""
    user = signed_in()
    if comment.author_id != user.id or comment.status != Status.WITHDRAWN:
        take_back(comment, user)
        db.session.commit()
    return no_content()


@comments.route("/comments/<row_id:comment_id>/vote", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("voteOnComment", errors=(409,))
@on_comment(Permission.VOTE)
@comments.arguments(VoteSchema, example={"value": 1})
@comments.response(200, VotedSchema, example={"comment_id": "341", "value": 1, "votes": {"up": 13, "down": 1}})
def vote(given: dict[str, Any], comment: Comment) -> Any:
    """Set one's vote, or take it back with 0. The same again changes nothing."""
    voted = cast_vote(comment, signed_in(), given["value"], client_range())
    db.session.commit()
    return {"comment_id": voted.id, "value": given["value"], "votes": {"up": voted.up, "down": voted.down}}


@comments.route("/comments/<row_id:comment_id>/flags", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("flagComment", errors=(409,))
@on_comment(Permission.FLAG)
@comments.arguments(FlagInputSchema, example={"reason": "spam", "text": "The same link under every article."})
@comments.response(201, FlaggedSchema, description="Flagged")
@comments.alt_response(200, schema=FlaggedSchema, description="You had flagged it already; this replaces what you said", success=True)
def flag(given: dict[str, Any], comment: Comment) -> Any:
    """Report a comment to the community managers. Flagging it again replaces what you said."""
    flagged, made = report(comment, signed_in(), given["reason"], given["text"], client_range())
    db.session.commit()
    return flagged, 201 if made else 200


def wait_wanted(prefer: str) -> float | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), at most MAX_WAIT; None when it is not asked for.

    As that standard wants it, what makes no sense is ignored.
    """
    found = _WAIT.search(prefer)
    return min(float(found[1]), float(settings_of(current_app).MAX_WAIT)) if found else None


def await_verdict(comment_id: int, seconds: float) -> None:
    """Return when the comment is no longer pending, or after so many seconds.

    Between looks nothing is held: neither a connection nor, on SQLite, its one write lock.
    """
    if (place := request.environ.get(PLACE)) is not None:
        place.leave_to_wait()  # others are worked on meanwhile
    began = time.monotonic()
    deadline = began + seconds
    reading = write_intent.set(False)
    try:
        while time.monotonic() < deadline:
            with db.engine.connect() as connection:
                status = connection.scalar(select(Comment.status).where(Comment.id == comment_id))
            if status != Status.PENDING:
                return
            time.sleep(POLL_SECONDS if time.monotonic() < began + POLL_SOON else POLL_LATER_SECONDS)
    finally:
        write_intent.reset(reading)


def _as_it_is(comment_id: int) -> Comment:
    """The comment read anew, in a transaction that takes no lock."""
    reading = write_intent.set(False)
    try:
        comment = load_comment(comment_id)
    finally:
        write_intent.reset(reading)
    if comment is None:
        raise NotFound("This comment was removed meanwhile.")
    return comment
