"""Deciding: approve, reject with a reason, take back. Each names the version that was judged."""

from __future__ import annotations

import json
from typing import Any

from flask import jsonify, make_response, redirect, request, url_for
from jinja2_fragments.flask import render_block
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment, Status
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import decide
from commentsvc.moderation.desk import skipped_by
from commentsvc.moderation.following import newest_decision
from commentsvc.moderation.models import Decision
from commentsvc.moderation.queue import Card, cards, page_of_cards, queue_counts
from commentsvc.moderation.reasons import SiteReason, reason_named
from commentsvc.review.blueprint import by_htmx, in_background, page, review, site_for
from commentsvc.review.queues import (
    UPCOMING,
    Place,
    card_context,
    card_fragment,
    card_of,
    remember,
    sent_place,
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
    judged = comment_on(site, comment_id)
    try:
        if edit := _edit():
            decision = decide.judge_edit(judged, edit, actor=signed_in(), seen=seen())
        else:
            decision = decide.approve(judged, actor=signed_in(), seen=seen(), answer=_text("answer"))
    except Conflict as conflict:
        arrived = _arrived(comment_id, Status.PUBLISHED)
        return _decided(site, comment_on(site, comment_id), arrived) if arrived else refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return refused(site, comment_id, error=invalid.told, field=invalid.field or "")
    db.session.commit()
    # Approved before: nothing new happened, so there is nothing to confirm or to take back.
    return _decided(site, judged, decision, confirm=judged.version != seen())


@review.post("/<site_key>/comments/<int:comment_id>/reject")
def reject(site_key: str, comment_id: int) -> Any:
    """Take the comment off, for a reason its author sees and with a note that colleagues see."""
    site = site_for(site_key)
    judged = comment_on(site, comment_id)
    try:
        chosen = _reason(site)
        said: dict[str, Any] = {
            "actor": signed_in(), "reason": chosen.category, "seen": seen(), "note": _note(),
            "site_reason": chosen.key if chosen.own else None, "message": _text("message"),
        }
        edit = None if request.form.get("whole") else _edit()
        decision = decide.judge_edit(judged, edit, **said) if edit else decide.reject(judged, law=_law(), **said)
    except Conflict as conflict:
        arrived = _arrived(comment_id, Status.REJECTED if request.form.get("whole") or not _edit() else Status.PUBLISHED)
        return _decided(site, comment_on(site, comment_id), arrived) if arrived else refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return refused(site, comment_id, error=invalid.told)
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
        return refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return refused(site, comment_id, error=invalid.told)
    db.session.commit()
    place = place_of_form()
    if request.form.get("back") == "modlog":
        return redirect(url_for("review.modlog", site_key=site.key))
    if not by_htmx():
        return redirect(place.url(site, comment_id))
    stays = place.queue is None or comment_id in still_queued(site, place.queue, [comment_id])
    event = {"comment": comment_id, "status": taken.to_status, "queued": stays, "counts": _counts(site)}
    return _answer(site, place, card_of(site, comment_id), {"review:undone": event})


def comment_on(site: Site, comment_id: int) -> Comment:
    """A comment of the site with its author, or NotFound."""
    found = db.session.scalar(
        select(Comment)
        .where(Comment.id == comment_id, Comment.site_id == site.id)
        .options(joinedload(Comment.author))
    )
    if found is None:
        raise NotFound("There is no such comment on this site.")
    return found


def seen() -> int:
    """The version on the card; a form without one is nobody's judgement."""
    version = request.form.get("version", type=int)
    if version is None:
        raise Invalid("The form does not say which version of the comment it judges.", field="version")
    return version


def _edit() -> int | None:
    """The number of the edit that the card showed; None where the comment itself is decided on."""
    return request.form.get("edit", type=int)


def _reason(site: Site) -> SiteReason:
    return reason_named(site, request.form.get("reason", ""))


def _note() -> str:
    return _text("note")


def _law() -> str:
    """The law that a comment breaks, where the manager names one."""
    return " ".join(request.form.get("law", "").replace("\x00", "").split())


def _text(field: str) -> str:
    text = request.form.get(field, "").replace("\x00", "").replace("\r\n", "\n").strip()
    if len(text) > NOTE_LENGTH:
        raise Invalid("This is %(over)s characters too long.", field=field, values={"over": len(text) - NOTE_LENGTH})
    return text


def _arrived(comment_id: int, wanted: Status) -> Decision | None:
    """The decision that this request made the first time, where review.js sends it again for want of an answer."""
    if not in_background() or request.headers.get("X-Again") is None:
        return None
    db.session.rollback()
    latest = decide.latest_decision(comment_id)
    version = db.session.scalar(select(Comment.version).where(Comment.id == comment_id))
    mine = latest is not None and latest.actor_id == signed_in().id and latest.to_status == wanted
    return latest if mine and version == seen() + 1 else None


def place_of_form() -> Place:
    """Where the form was sent from."""
    return sent_place()


def _upcoming() -> list[int]:
    """The comments that followed in the manager's list, nearest first."""
    return [int(i) for i in request.form.get("next", "").split(",") if i.isascii() and i.isdigit()][:UPCOMING]


def _counts(site: Site) -> dict[str, int]:
    return {name.value: number for name, number in queue_counts(site).items()}


def _decided(site: Site, judged: Comment, decision: Decision, *, confirm: bool = True) -> Any:
    """On to the next comment; those that colleagues decided meanwhile are passed over."""
    place = place_of_form()
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
            found, _ = page_of_cards(
                site, place.queue, limit=2, filters=place.filters, order=place.sort, last=skipped_by(site, signed_in()),
            )
            following = next((card for card in found if card.comment.id != judged.id), None)
    event = {"comment": judged.id, "status": decision.to_status, "gone": gone, "counts": _counts(site)}
    if in_background():
        toast = _toast(site, place, decision, judged) if confirm else ""
        return jsonify(event | {"toast": toast, "card": card_fragment(site, place, following) if _wants_card() else ""})
    if not by_htmx():
        if confirm:
            remember(decision)
        return redirect(place.url(site, following.comment.id if following else None))
    done = decision if confirm else None
    return _answer(site, place, following, {"review:decided": event}, done=done, done_comment=judged)


def _wants_card() -> bool:
    """Whether the page knows of no next comment of its own."""
    return not _upcoming()


def _toast(site: Site, place: Place, done: Decision | None, of: Comment | None) -> str:
    return render_block("review/queue.html", "toast", swap=True, site=site, place=place, done=done, done_comment=of)


def _answer(
    site: Site, place: Place, card: Card | None, events: dict[str, Any], *,
    done: Decision | None = None, done_comment: Comment | None = None,
) -> Any:
    html = card_fragment(site, place, card)
    html += _toast(site, place, done, done_comment)
    response = make_response(html)
    response.headers["HX-Trigger-After-Swap"] = json.dumps(events)
    response.headers["HX-Replace-Url"] = place.url(site, card.comment.id if card else None)
    return response


def refused(site: Site, comment_id: int, *, conflict: Conflict | None = None, error: str | None = None, field: str = "") -> Any:
    """The card as it stands now, with why nothing was saved and with what the manager typed."""
    db.session.rollback()
    place = place_of_form()
    card = card_of(site, comment_id)
    latest = card.decisions[0] if card.decisions else None
    mine = latest is not None and latest.actor_id == signed_in().id
    kept: dict[str, Any] = {
        "conflict": {"message": conflict.told, "latest": latest, "mine": mine} if conflict else None,
        "error": error, "notice_error": error if field == "answer" else "", "typed_answer": request.form.get("answer", ""), "typed_note": request.form.get("note", ""), "typed_reason": request.form.get("reason", ""),
        "typed_law": request.form.get("law", ""),
        "typed_message": request.form.get("message", ""),
    }
    status = 409 if conflict else 422
    if in_background():
        return jsonify(
            comment=comment_id, status=card.comment.status, counts=_counts(site), card=card_fragment(site, place, card, **kept),
            message=conflict.told if conflict else error,
        ), status
    if by_htmx():
        response = make_response(card_fragment(site, place, card, **kept), status)
        response.headers["HX-Trigger-After-Swap"] = json.dumps(
            {"review:refused": {"comment": comment_id, "status": card.comment.status, "counts": _counts(site)}}
        )
        return response
    here = place.queue.value if place.queue else ""
    title = QUEUE_NAMES[place.queue] if place.queue else ""
    html = page(
        "queue.html", site, here=here, chosen=True, done=None, listing=None, title=title, since=newest_decision(site),
        **card_context(site, place, card, **kept),
    )
    return html, status
