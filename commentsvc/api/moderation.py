"""The review queues, decisions and the modlog."""

from __future__ import annotations

from typing import Any

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.access import on_comment, on_site
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.examples import DECISION
from commentsvc.api.present import card_values, decision_values, modlog_values
from commentsvc.api.schemas.fields import NoQuery, PageQuery
from commentsvc.api.schemas.moderation import (
    CardSchema,
    CardsSchema,
    DecidedSchema,
    DecisionInputSchema,
    ModlogQuery,
    ModlogSchema,
    QueueCountsSchema,
)
from commentsvc.comments.models import Comment
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import decide as verbs
from commentsvc.moderation.models import Decision, Reason
from commentsvc.moderation.queue import (
    CARDS_PER_PAGE,
    Queue,
    cards,
    page_of_cards,
    page_of_modlog,
    queue_counts,
)
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

moderation = Blueprint("moderation", "Review what is held or flagged, and see what was decided.")

NOTE_LENGTH = 2000
QUEUES = ",".join(Queue)


@moderation.route("/sites/<site_key:site_key>/queues")
@limited("LIMIT_READ")
@operation("countQueues")
@on_site(Permission.REVIEW)
@moderation.arguments(NoQuery, location="query")
@moderation.response(200, QueueCountsSchema, example={"counts": {"held": 3, "flagged": 1, "new": 40, "approved": 12, "rejected": 5, "waiting": 0}})
def queues(_given: dict[str, Any], site: Site) -> Any:
    """How many comments each queue holds."""
    return {"counts": queue_counts(site)}


@moderation.route(f"/sites/<site_key:site_key>/queues/<any({QUEUES}):queue>")
@limited("LIMIT_READ")
@operation("listQueue")
@on_site(Permission.REVIEW)
@moderation.arguments(PageQuery, location="query")
@moderation.response(200, CardsSchema)
def queue(given: dict[str, Any], site: Site, queue: str) -> Any:
    """A page of a queue: held, flagged, new, approved, rejected, or waiting (not screened yet).

    Each card has all that a decision needs. Where one is due, who waited longest comes first.
    """
    found, following = page_of_cards(site, Queue(queue), given.get("after") or None, given.get("limit") or CARDS_PER_PAGE)
    return {"cards": [card_values(card) for card in found], "next": following}


@moderation.route("/comments/<row_id:comment_id>/card")
@limited("LIMIT_READ")
@operation("getCard")
@on_comment(Permission.REVIEW)
@moderation.response(200, CardSchema)
def card(comment: Comment) -> Any:
    """The card of one comment, whatever its status."""
    return card_values(cards([comment.id])[0])


@moderation.route("/comments/<row_id:comment_id>/decisions", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("decide", errors=(409,))
@on_comment(Permission.REVIEW)
@moderation.arguments(DecisionInputSchema, example={"action": "reject", "reason": "abuse", "version": 2, "note": "Second time this week."})
@moderation.response(201, DecidedSchema, example=DECISION, description="Decided")
@moderation.alt_response(200, schema=DecidedSchema, description="Approved already: the decision that stands", success=True)
def decide(given: dict[str, Any], comment: Comment) -> Any:
    """Approve a comment, or reject it for a reason that its author is told.

    `version` is the one you judged. If the comment moved on since, nothing changes: 409, and
    `current` says who decided what. Approving a published comment settles its flags; approving
    once more what has been approved adds nothing.
    """
    actor, seen, note = signed_in(), given["version"], given["note"].strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"The note is {len(note) - NOTE_LENGTH:,} characters too long.", field="note")
    if given["action"] == "approve":
        decision = verbs.approve(comment, actor=actor, seen=seen, note=note)
    elif given["reason"] is None:
        raise Invalid("Name a reason: the author and your colleagues see it.", field="reason")
    else:
        decision = verbs.reject(comment, actor=actor, reason=Reason(given["reason"]), seen=seen, note=note, law=" ".join(given["law"].split()))
    db.session.commit()
    stood = comment.version == seen
    values = decision_values(decision, decision.actor if stood else actor) | {"version": comment.version}
    return values, 200 if stood else 201


@moderation.route("/decisions/<row_id:decision_id>/undo", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("undoDecision", errors=(404, 409, 422))
@for_user()
@moderation.response(201, DecidedSchema, example=DECISION)
def undo(decision_id: int, user: User) -> Any:
    """Take a community manager's decision back, with the flags it settled, if nothing came after it."""
    decision = db.session.get(Decision, decision_id)
    # That there is a decision on another site is nobody's business here.
    if decision is None or not allowed(user, Permission.REVIEW, decision.site_id):
        raise NotFound("There is no such decision.")
    taken = verbs.undo(decision, actor=user)
    db.session.commit()
    comment = db.session.get_one(Comment, taken.comment_id)
    return decision_values(taken, user) | {"version": comment.version}


@moderation.route("/sites/<site_key:site_key>/modlog")
@limited("LIMIT_READ")
@operation("listModlog")
@on_site(Permission.REVIEW)
@moderation.arguments(ModlogQuery, location="query")
@moderation.response(200, ModlogSchema)
def modlog(given: dict[str, Any], site: Site) -> Any:
    """The site's decisions, latest first: by whom, from what to what, and why."""
    decisions, following = page_of_modlog(
        site, given.get("after") or None, given.get("limit") or CARDS_PER_PAGE, by_people=given["by_people"] == "true"
    )
    return {"decisions": modlog_values(decisions), "next": following}
