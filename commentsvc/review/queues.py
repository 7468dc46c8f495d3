"""Reading: the person's sites, a queue with its list and card, one comment, the live counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, session, url_for
from jinja2_fragments.flask import render_block
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment, Status
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation.appeals import open_appeal_about, open_appeals
from commentsvc.moderation.marking import marks_of
from commentsvc.moderation.models import REJECT_REASONS, Decision
from commentsvc.moderation.queue import (
    COUNT_LIMIT,
    QUEUES,
    Card,
    Queue,
    cards,
    page_of_cards,
    queue_counts,
)
from commentsvc.review import presenting
from commentsvc.review.blueprint import by_htmx, page, review, reviewed_site_ids, site_for
from commentsvc.review.words import EMPTY_QUEUES, QUEUE_PURPOSES
from commentsvc.sites.models import Site
from commentsvc.web import row_id, signed_in

# Of those after the one on show, as many are remembered as a colleague may decide meanwhile.
UPCOMING = 25
SITES_WITH_COUNTS = 20
DONE = "review_done"  # session: the decision that the next page confirms


@dataclass(frozen=True)
class Place:
    """Where a manager is: the queue worked through (None: a comment by itself) and its page."""

    queue: Queue | None
    after: str

    def url(self, site: Site, comment_id: int | None = None) -> str:
        if self.queue is None:
            if comment_id is None:
                return url_for("review.queue", site_key=site.key, queue_name=Queue.HELD.value)
            return url_for("review.comment", site_key=site.key, comment_id=comment_id)
        return url_for(
            "review.queue", site_key=site.key, queue_name=self.queue.value,
            comment=comment_id, after=self.after or None,
        )


def queue_named(text: str) -> Queue | None:
    """The queue of that name, if there is one."""
    return Queue(text) if text in set(Queue) else None


@review.get("/")
def home() -> Any:
    """The sites on which the person reviews; with one alone, its held queue."""
    person = signed_in()
    ids = reviewed_site_ids(person)
    sites = db.session.scalars(select(Site).where(Site.id.in_(ids)).order_by(Site.name)).all() if ids else []
    if len(sites) == 1:
        return redirect(url_for("review.queue", site_key=sites[0].key, queue_name=Queue.HELD.value))
    counted = {site.id: queue_counts(site) for site in sites[:SITES_WITH_COUNTS]}
    return render_template("review/home.html", sites=sites, counted=counted)


@review.get("/<site_key>/")
def site_home(site_key: str) -> Any:
    """The site's held queue."""
    site = site_for(site_key)
    return redirect(url_for("review.queue", site_key=site.key, queue_name=Queue.HELD.value))


@review.get("/<site_key>/<queue_name>")
def queue(site_key: str, queue_name: str) -> Any:
    """A queue's list and one of its comments: the chosen one, else the first."""
    site = site_for(site_key)
    shown = queue_named(queue_name)
    if shown is None:
        raise NotFound("There is no such queue.")
    place = Place(shown, request.args.get("after", ""))
    chosen = request.args.get("comment", type=row_id)
    if by_htmx() and chosen is not None:
        return card_fragment(site, place, card_of(site, chosen))
    found, following = page_of_cards(site, shown, place.after or None)
    if by_htmx():
        return render_block("review/queue.html", "rows", **_list(site, place, found, following, None))
    card = _pick(site, found, chosen)
    return page(
        "queue.html", site, here=shown.value, chosen=chosen is not None,
        done=_confirmed(site),
        **_list(site, place, found, following, card) | card_context(site, place, card, found),
    )


@review.get("/<site_key>/comments/<int:comment_id>")
def comment(site_key: str, comment_id: int) -> Any:
    """One comment by itself, whatever became of it."""
    site = site_for(site_key)
    place = Place(queue_named(request.args.get("queue", "")), request.args.get("after", ""))
    card = card_of(site, comment_id)
    if by_htmx():
        return card_fragment(site, place, card)
    place = Place(None, "")
    return page(
        "queue.html", site, here="", chosen=True, done=_confirmed(site), listing=None,
        **card_context(site, place, card),
    )


@review.get("/<site_key>/counts")
def counts(site_key: str) -> Response:
    """What changes by itself on an open page, for a small conditional request every few seconds."""
    site = site_for(site_key)
    numbers = queue_counts(site)
    version = None
    seen = request.args.get("comment", type=row_id)
    if seen is not None:
        version = db.session.scalar(
            select(Comment.version).where(Comment.id == seen, Comment.site_id == site.id)
        )
    response = jsonify(
        counts={name.value: number for name, number in numbers.items()} | {"appeals": open_appeals(site)}, limit=COUNT_LIMIT, version=version
    )
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:20])
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def card_of(site: Site, comment_id: int) -> Card:
    """The card of a comment of this site; another site's does not exist here."""
    found = [card for card in cards([comment_id]) if card.comment.site_id == site.id]
    if not found:
        raise NotFound("There is no such comment on this site.")
    return found[0]


def still_queued(site: Site, shown: Queue, ids: Sequence[int]) -> set[int]:
    """Those of the comments that the queue still holds."""
    if not ids:
        return set()
    return set(
        db.session.scalars(
            select(Comment.id).where(Comment.site_id == site.id, Comment.id.in_(ids), *QUEUES[shown].where)
        )
    )


def card_context(
    site: Site, place: Place, card: Card | None, found: Sequence[Card] = (), **more: Any
) -> dict[str, Any]:
    """All that the card's template needs; `found` is the list it stands in, if that is known."""
    ids = [c.comment.id for c in found]
    position = ids.index(card.comment.id) if card is not None and card.comment.id in ids else None
    context: dict[str, Any] = {
        "site": site, "place": place, "card": card, "reasons": REJECT_REASONS,
        "following": [] if position is None else ids[position + 1 :][:UPCOMING],
        "previous": None if not position else ids[position - 1],
        "empty": EMPTY_QUEUES.get(place.queue) if place.queue else None,
        "conflict": None, "error": None, "typed_note": "", "typed_reason": "", "typed_law": "",
    }
    if card is not None:
        marks = marks_of(card.comment, card.screening)
        context |= {
            "body": presenting.marked_body(card.comment, marks),
            "marks": marks,
            "has_markup": presenting.has_markup(card.comment),
            "bars": presenting.score_bars(card.screening, site.policy),
            "why": presenting.why(card.screening),
            "actions": presenting.actions(card),
            "excerpt": presenting.excerpt,
            "appealed": None,
        }
        if card.comment.status == Status.REJECTED and "appealed" not in more:
            context["appealed"] = open_appeal_about(card.comment.id)
    return context | more


def card_fragment(site: Site, place: Place, card: Card | None, **more: Any) -> str:
    """The card alone, for the page that is open."""
    return render_block("review/queue.html", "card", **card_context(site, place, card, **more))


def _list(
    site: Site, place: Place, found: Sequence[Card], following: str | None, card: Card | None
) -> dict[str, Any]:
    return {
        "site": site, "place": place, "listing": found, "more": following,
        "selected": card.comment.id if card else None, "purpose": QUEUE_PURPOSES[place.queue] if place.queue else "",
        "gist": presenting.gist, "excerpt": presenting.excerpt,
        "empty": EMPTY_QUEUES[place.queue] if place.queue else None,
    }


def _pick(site: Site, found: Sequence[Card], chosen: int | None) -> Card | None:
    if chosen is None:
        return found[0] if found else None
    for card in found:
        if card.comment.id == chosen:
            return card
    # Decided since the address was shared, or further down the list.
    return card_of(site, chosen)


def remember(decision: Decision) -> None:
    """Have the next page say what was just decided and offer to take it back."""
    session[DONE] = decision.id


def _confirmed(site: Site) -> Decision | None:
    if DONE not in session:
        return None
    return db.session.scalar(
        select(Decision)
        .where(Decision.id == session.pop(DONE), Decision.site_id == site.id)
        .options(joinedload(Decision.comment).joinedload(Comment.author))
    )
