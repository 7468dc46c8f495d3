"""Deciding many comments at once: what is chosen, one confirmation that says what will happen, what became of it."""

from __future__ import annotations

from typing import Any

from flask import jsonify, redirect, render_template, request, session, url_for
from jinja2_fragments.flask import render_block
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.bulk import BULK_LIMIT, Judged, Outcome, decide_many, undo_many
from commentsvc.moderation.desk import skipped_by
from commentsvc.moderation.edit_steps import edits_of
from commentsvc.moderation.queue import page_of_cards, queue_counts
from commentsvc.moderation.reasons import SiteReason, offered_reasons, reason_named
from commentsvc.review.blueprint import by_htmx, in_background, page, review, site_for
from commentsvc.review.decisions import NOTE_LENGTH, place_of_form
from commentsvc.review.presenting import excerpt
from commentsvc.review.queues import Place, card_fragment
from commentsvc.review.words import site_words
from commentsvc.sites.models import Site
from commentsvc.web import row_id, signed_in

ACTIONS = ("approve", "reject")
REFUSED = "review_bulk_refused"  # session: what the next page says was left, and why


@review.post("/<site_key>/bulk")
def bulk(site_key: str) -> Any:
    """Say what will happen to the chosen comments; once that is confirmed, do it."""
    site = site_for(site_key)
    action = request.form.get("action", "")
    if action not in ACTIONS:
        raise Invalid("Choose what to do: approve or reject.", field="action")
    problem = ""
    try:
        chosen = _chosen()
        if request.form.get("confirmed"):
            return _done(site, decide_many(
                site, chosen, actor=signed_in(), reason=_reason(site) if action == "reject" else None,
                note=_text("note"), message=_text("message"),
            ), action)
    except Invalid as invalid:
        db.session.rollback()
        chosen, problem = _chosen_or_none(), invalid.told
    context = _confirmation(site, action, chosen, problem)
    status = 422 if problem else 200
    if by_htmx():
        return render_block("review/bulk.html", "confirm", **context), status
    return page("bulk.html", site, here=context["place"].queue or "", **context), status


@review.post("/<site_key>/bulk/<batch>/undo")
def undo_bulk(site_key: str, batch: str) -> Any:
    """Take back all that was decided in one step."""
    site = site_for(site_key)
    outcome = undo_many(site, batch, actor=signed_in())
    return _done(site, outcome, "undo")


def _chosen() -> list[Judged]:
    """The comments ticked, each with the version that the list showed."""
    chosen = []
    for item in request.form.getlist("item"):
        comment_id, _, rest = item.partition(":")
        version, _, edit = rest.partition(":")
        try:
            chosen.append(Judged(row_id(comment_id), row_id(version), row_id(edit) if edit else None))
        except ValueError:
            raise Invalid("The form names a comment that cannot be.", field="item") from None
    if not chosen:
        raise Invalid("No comment is ticked. Tick those you mean in the list.", field="item")
    if len(chosen) > BULK_LIMIT:
        raise Invalid("At most %(most)s comments at once.", field="item", values={"most": BULK_LIMIT})
    return chosen


def _chosen_or_none() -> list[Judged]:
    try:
        return _chosen()
    except Invalid:
        return []


def _reason(site: Site) -> SiteReason:
    return reason_named(site, request.form.get("reason", ""))


def _text(field: str) -> str:
    text = request.form.get(field, "").replace("\x00", "").replace("\r\n", "\n").strip()
    if len(text) > NOTE_LENGTH:
        raise Invalid("This is %(over)s characters too long.", field=field, values={"over": len(text) - NOTE_LENGTH})
    return text


def _confirmation(site: Site, action: str, chosen: list[Judged], problem: str) -> dict[str, Any]:
    comments = db.session.scalars(
        select(Comment)
        .where(Comment.id.in_([one.comment_id for one in chosen]), Comment.site_id == site.id)
        .order_by(Comment.id)
        .options(joinedload(Comment.author))
    ).all()
    judged = {one.comment_id for one in chosen if one.edit}
    return {
        "site": site, "action": action, "chosen": chosen, "comments": comments,
        "edits": edits_of([comment for comment in comments if comment.id in judged]), "problem": problem, "place": place_of_form(),
        "reasons": {reason: site_words(words) for reason, words in offered_reasons(site).items()}, "excerpt": excerpt, "typed": request.form,
    }


def _done(site: Site, outcome: Outcome, action: str) -> Any:
    done = len(outcome.done) + len(outcome.stood)
    place = place_of_form()
    context = {"site": site, "action": action, "outcome": outcome, "number": done, "place": place}
    if in_background():
        counts = {name.value: number for name, number in queue_counts(site).items()}
        return jsonify(
            card=_next_card(site, place), done=[*outcome.done, *outcome.stood], counts=counts, toast=render_template("review/_bulk_toast.html", swap=True, **context),
            refused=[{"comment": one.comment_id, "message": one.message} for one in outcome.refused],
        )
    session[REFUSED] = [(one.comment_id, one.message) for one in outcome.refused][:BULK_LIMIT]
    return redirect(url_for(
        "review.bulk_done", site_key=site.key, batch=outcome.batch, number=done, action=action,
        queue=place.queue.value if place.queue else None,
    ))


def _next_card(site: Site, place: Place) -> str:
    """What the queue holds first now, or that it is empty: for a page whose list has come to its end."""
    if place.queue is None:
        return ""
    found, _ = page_of_cards(site, place.queue, limit=1, last=skipped_by(site, signed_in()))
    return card_fragment(site, place, found[0] if found else None)


@review.get("/<site_key>/bulk/<batch>")
def bulk_done(site_key: str, batch: str) -> Any:
    """What became of a batch, without script: how many were decided, which were left and why."""
    site = site_for(site_key)
    action = request.args.get("action", "")
    return page(
        "bulk_done.html", site, here=request.args.get("queue", ""), batch=batch, refused=session.pop(REFUSED, []),
        action=action if action in (*ACTIONS, "undo") else "approve", number=request.args.get("number", 0, type=int),
    )
