"""The review queues, decisions and the modlog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.access import on_comment, on_site
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.examples import DECISION
from commentsvc.api.present import card_values, decision_values, modlog_values, person_values
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.moderation import (
    CardSchema,
    CardsSchema,
    DecidedSchema,
    DecisionInputSchema,
    FoundSchema,
    ModlogQuery,
    ModlogSchema,
    QueueCountsSchema,
    QueueQuery,
    QueuesQuery,
    SearchQuery,
)
from commentsvc.comments.models import Comment
from commentsvc.errors import Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import decide as verbs
from commentsvc.moderation.desk import clean, skipped_by
from commentsvc.moderation.filters import Order, checked_filters
from commentsvc.moderation.models import Decision
from commentsvc.moderation.queue import (
    CARDS_PER_PAGE,
    MAX_SITES,
    Queue,
    cards,
    page_of_cards,
    page_of_modlog,
    queue_counts,
)
from commentsvc.moderation.reasons import reason_named
from commentsvc.moderation.search import find_people, parse_query, search_comments
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
@moderation.response(200, QueueCountsSchema, example={"counts": {"held": 3, "flagged": 1, "new": 40, "approved": 12, "rejected": 5, "all": 57, "waiting": 0}})
def queues(_given: dict[str, Any], site: Site) -> Any:
    """How many comments each queue holds."""
    return {"counts": queue_counts(site)}


@moderation.route(f"/sites/<site_key:site_key>/queues/<any({QUEUES}):queue>")
@limited("LIMIT_READ")
@operation("listQueue")
@on_site(Permission.REVIEW)
@moderation.arguments(QueueQuery, location="query")
@moderation.response(200, CardsSchema)
def queue(given: dict[str, Any], site: Site, queue: str) -> Any:
    """A page of a queue: held, flagged, new, approved, rejected, all, or waiting (not screened yet).

    Each card has all that a decision needs. Where one is due, the most urgent comes first, elsewhere
    the latest; `order` says otherwise. Filters narrow it, all at once. What you
    skipped in the last hour comes last, on the last page and in addition to `limit`.
    """
    return _page(site, queue, given, last=skipped_by(site, signed_in()))


@moderation.route(f"/queues/<any({QUEUES}):queue>")
@limited("LIMIT_READ")
@operation("listQueueOfSites", errors=(403, 404))
@for_user()
@moderation.arguments(QueuesQuery, location="query")
@moderation.response(200, CardsSchema)
def queue_of_sites(given: dict[str, Any], queue: str, user: User) -> Any:
    """A page of one queue over all sites that you review on, or over those of `site`.

    At most 50 sites. Articles, groups and sections are one site's own: ask that site.
    """
    keys = given.get("site") or []
    ids = [grant.site_id for grant in user.roles if allowed(user, Permission.REVIEW, grant.site_id)]
    sites = db.session.scalars(
        select(Site).where(Site.id.in_(ids), *([Site.key.in_(keys)] if keys else [])).order_by(Site.id).limit(MAX_SITES)
    ).all()
    if not sites or len(sites) < len(set(keys)):
        raise NotAllowed("You do not review comments on these sites.")
    return _page(sites, queue, given)


def _page(sites: Site | Sequence[Site], queue: str, given: dict[str, Any], last: Sequence[int] = ()) -> dict[str, Any]:
    order = Order(given["order"]) if given.get("order") else None
    found, following = page_of_cards(
        sites, Queue(queue), given.get("after") or None, given.get("limit") or CARDS_PER_PAGE,
        filters=checked_filters(given), order=order, last=last,
    )
    return {"cards": [card_values(card) for card in found], "next": following}


@moderation.route("/sites/<site_key:site_key>/search")
@limited("LIMIT_READ")
@operation("searchComments")
@on_site(Permission.REVIEW)
@moderation.arguments(SearchQuery, location="query")
@moderation.response(200, FoundSchema)
def search(given: dict[str, Any], site: Site) -> Any:
    """Find comments by their words, whatever became of them, and people by their names; latest first.

    All words have to be there, as whole words. `harb*` is what begins so, `"old harbour"` the words
    beside each other, `-wall` what must not be there. Comments that their authors took back are not
    found. People come with the first page.
    """
    after = given.get("after") or None
    query = parse_query(given["q"])
    found, following = search_comments(site, query, after, given.get("limit") or CARDS_PER_PAGE, typed=given["q"])
    people = [] if after else find_people(site, given["q"])
    return {"cards": [card_values(card) for card in found], "people": [person_values(p) for p in people], "next": following}


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
    once more what has been approved adds nothing. Where a legal notice waits, approving needs an `answer`: 422 `notice_open`.
    """
    actor, seen, note = signed_in(), given["version"], given["note"].strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"The note is {len(note) - NOTE_LENGTH:,} characters too long.", field="note")
    message = clean(given["message"], field="message", required=False)
    if given["edit"] is not None:
        chosen = reason_named(comment.article.site, given["reason"]) if given["action"] == "reject" and given["reason"] else None
        if given["action"] == "reject" and chosen is None:
            raise Invalid("Name a reason: the author and your colleagues see it.", field="reason")
        decision = verbs.judge_edit(
            comment, given["edit"], actor=actor, seen=seen, reason=chosen.category if chosen else None, note=note, message=message,
            site_reason=chosen.key if chosen and chosen.own else None,
        )
    elif given["action"] == "approve":
        decision = verbs.approve(comment, actor=actor, seen=seen, note=note, answer=given["answer"])
    elif given["reason"] is None:
        raise Invalid("Name a reason: the author and your colleagues see it.", field="reason")
    else:
        reason = reason_named(comment.article.site, given["reason"])
        decision = verbs.reject(
            comment, actor=actor, reason=reason.category, seen=seen, note=note, site_reason=reason.key if reason.own else None,
            law=" ".join(given["law"].split()), message=message,
        )
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
