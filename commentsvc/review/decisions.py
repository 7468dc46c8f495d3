"""Deciding: approve, reject with a reason, take back. Each names the version that was judged."""

from __future__ import annotations

import json
from typing import Any

from flask import make_response, redirect, request
from jinja2_fragments.flask import render_block
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import decide
from commentsvc.moderation.models import REJECT_REASONS, Decision, Reason
from commentsvc.moderation.queue import Card, cards, page_of_cards, queue_counts
from commentsvc.review.blueprint import by_htmx, page, review, site_for
from commentsvc.review.queues import (
    UPCOMING,
    Place,
    card_context,
    card_fragment,
    card_of,
    queue_named,
    remember,
    still_queued,
)
from commentsvc.review.words import QUEUE_NAMES
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

NOTE_LENGTH = 2000


@review.post("/<site_key>/comments/<int:comment_id>/approve")
def approve(site_key: str, comment_id: int) -> Any:
    """Publish the comment, or leave it published and settle its flags."""
    site = site_for(site_key)
    judged = _comment(site, comment_id)
    try:
        decision = decide.approve(judged, actor=signed_in(), seen=_seen())
    except Conflict as conflict:
        return _refused(site, comment_id, conflict=conflict)
    db.session.commit()
    # Approved before: nothing new happened, so there is nothing to confirm or to take back.
    return _decided(site, judged, decision, confirm=judged.version != _seen())


@review.post("/<site_key>/comments/<int:comment_id>/reject")
def reject(site_key: str, comment_id: int) -> Any:
    """Take the comment off, for a reason its author sees and with a note that colleagues see."""
    site = site_for(site_key)
    judged = _comment(site, comment_id)
    try:
        decision = decide.reject(judged, actor=signed_in(), reason=_reason(), seen=_seen(), note=_note(), law=_law())
    except Conflict as conflict:
        return _refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return _refused(site, comment_id, error=invalid.message)
    db.session.commit()
    return _decided(site, judged, decision)


@review.post("/<site_key>/decisions/<int:decision_id>/undo")
def undo(site_key: str, decision_id: int) -> Any:
    """Take a decision back; the card shows the comment as it is then."""
    site = site_for(site_key)
    decision = db.session.scalar(
        select(Decision).where(Decision.id == decision_id, Decision.site_id == site.id)
    )
    if decision is None:
        raise NotFound("There is no such decision on this site.")
    comment_id = decision.comment_id
    try:
        taken = decide.undo(decision, actor=signed_in())
    except Conflict as conflict:
        return _refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return _refused(site, comment_id, error=invalid.message)
    db.session.commit()
    place = _place()
    if not by_htmx():
        return redirect(place.url(site, comment_id))
    stays = place.queue is None or comment_id in still_queued(site, place.queue, [comment_id])
    event = {"comment": comment_id, "status": taken.to_status, "queued": stays, "counts": _counts(site)}
    return _answer(site, place, card_of(site, comment_id), {"review:undone": event})


def _comment(site: Site, comment_id: int) -> Comment:
    found = db.session.scalar(
        select(Comment)
        .where(Comment.id == comment_id, Comment.site_id == site.id)
        .options(joinedload(Comment.author))
    )
    if found is None:
        raise NotFound("There is no such comment on this site.")
    return found


def _seen() -> int:
    """The version on the card; a form without one is nobody's judgement."""
    version = request.form.get("version", type=int)
    if version is None:
        raise Invalid("The form does not say which version of the comment it judges.", field="version")
    return version


def _reason() -> Reason:
    text = request.form.get("reason", "")
    if text not in set(REJECT_REASONS):
        raise Invalid("Choose a reason: the author and your colleagues see it.", field="reason")
    return Reason(text)


def _note() -> str:
    note = request.form.get("note", "").replace("\x00", "").replace("\r\n", "\n").strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid(f"The note is {len(note) - NOTE_LENGTH:,} characters too long.", field="note")
    return note


def _law() -> str:
    """The law that a comment breaks, where the manager names one."""
    return " ".join(request.form.get("law", "").replace("\x00", "").split())


def _place() -> Place:
    return Place(queue_named(request.form.get("queue", "")), request.form.get("after", ""))


def _upcoming() -> list[int]:
    """The comments that followed in the manager's list, nearest first."""
    return [int(i) for i in request.form.get("next", "").split(",") if i.isascii() and i.isdigit()][:UPCOMING]


def _counts(site: Site) -> dict[str, int]:
    return {name.value: number for name, number in queue_counts(site).items()}


def _decided(site: Site, judged: Comment, decision: Decision, *, confirm: bool = True) -> Any:
    """On to the next comment; those that colleagues decided meanwhile are passed over."""
    place = _place()
    if place.queue is None:
        following: Card | None = card_of(site, judged.id)
        gone: list[int] = []
    else:
        upcoming = [i for i in _upcoming() if i != judged.id]
        queued = still_queued(site, place.queue, [judged.id, *upcoming])
        gone = [i for i in [judged.id, *upcoming] if i not in queued]
        following = next(iter(cards([i for i in upcoming if i in queued][:1])), None)
        if following is None:
            # The end of the list, or of what the page knew of it: what is left starts at the top.
            found, _ = page_of_cards(site, place.queue, limit=2)
            following = next((card for card in found if card.comment.id != judged.id), None)
    if not by_htmx():
        if confirm:
            remember(decision)
        return redirect(place.url(site, following.comment.id if following else None))
    event = {"comment": judged.id, "status": decision.to_status, "gone": gone, "counts": _counts(site)}
    done = decision if confirm else None
    return _answer(site, place, following, {"review:decided": event}, done=done, done_comment=judged)


def _answer(
    site: Site, place: Place, card: Card | None, events: dict[str, Any], *,
    done: Decision | None = None, done_comment: Comment | None = None,
) -> Any:
    html = card_fragment(site, place, card)
    html += render_block(
        "review/queue.html", "toast", swap=True, site=site, place=place, done=done, done_comment=done_comment
    )
    response = make_response(html)
    response.headers["HX-Trigger-After-Swap"] = json.dumps(events)
    response.headers["HX-Replace-Url"] = place.url(site, card.comment.id if card else None)
    return response


def _refused(site: Site, comment_id: int, *, conflict: Conflict | None = None, error: str | None = None) -> Any:
    """The card as it stands now, with why nothing was saved and with what the manager typed."""
    db.session.rollback()
    place = _place()
    card = card_of(site, comment_id)
    latest = card.decisions[0] if card.decisions else None
    mine = latest is not None and latest.actor_id == signed_in().id
    kept: dict[str, Any] = {
        "conflict": {"message": conflict.message, "latest": latest, "mine": mine} if conflict else None,
        "error": error, "typed_note": request.form.get("note", ""), "typed_reason": request.form.get("reason", ""),
        "typed_law": request.form.get("law", ""),
    }
    status = 409 if conflict else 422
    if by_htmx():
        response = make_response(card_fragment(site, place, card, **kept), status)
        response.headers["HX-Trigger-After-Swap"] = json.dumps(
            {"review:refused": {"comment": comment_id, "status": card.comment.status, "counts": _counts(site)}}
        )
        return response
    here = place.queue.value if place.queue else ""
    title = QUEUE_NAMES[place.queue] if place.queue else ""
    html = page(
        "queue.html", site, here=here, chosen=True, done=None, listing=None, title=title,
        **card_context(site, place, card, **kept),
    )
    return html, status
