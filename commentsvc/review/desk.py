"""Around deciding: marks, notes, questions to colleagues, skipping, who is on a comment, and one's own eyes."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for

from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation import decide
from commentsvc.moderation import desk as verbs
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.queue import page_of_cards
from commentsvc.review.blueprint import by_htmx, page, review, site_for
from commentsvc.review.decisions import comment_on, place_of_form, refused, seen
from commentsvc.review.presenting import excerpt
from commentsvc.review.queues import Place, card_context, card_fragment, card_of
from commentsvc.review.words import Words
from commentsvc.sites.models import Site
from commentsvc.web import row_id, signed_in

# ---- Featured and pinned

SAID = Words({
    (Mark.FEATURED, True): N_("Featured."), (Mark.FEATURED, False): N_("No longer featured."),
    (Mark.PINNED, True): N_("Pinned."), (Mark.PINNED, False): N_("No longer pinned."),
})


@review.post("/<site_key>/comments/<int:comment_id>/<any(featured,pinned):mark>")
def mark(site_key: str, comment_id: int, mark: str) -> Any:
    """Feature a published comment, or pin it to the top of its conversation, or end that."""
    site = site_for(site_key)
    comment = comment_on(site, comment_id)
    on = request.form.get("on") == "1"
    try:
        decision = decide.mark(comment, Mark(mark), on=on, actor=signed_in(), seen=seen())
    except Conflict as conflict:
        return refused(site, comment_id, conflict=conflict)
    except Invalid as invalid:
        return refused(site, comment_id, error=invalid.told)
    if decision is not None:
        db.session.commit()
    place = place_of_form()
    if not by_htmx():
        return redirect(place.url(site, comment_id))
    return _card(site, place, comment_id, say=SAID[Mark(mark), on])


def _card(site: Site, place: Place, comment_id: int, *, say: str) -> Response:
    response = make_response(card_fragment(site, place, card_of(site, comment_id)))
    response.headers["HX-Trigger-After-Swap"] = json.dumps({"review:said": {"say": say}})
    return response


# ---- Notes and questions


@review.post("/<site_key>/comments/<int:comment_id>/notes")
def add_note(site_key: str, comment_id: int) -> Any:
    """Tell colleagues something about a comment."""
    site = site_for(site_key)
    comment = comment_on(site, comment_id)
    text = request.form.get("text", "")
    try:
        verbs.add_note(comment, signed_in(), text)
    except Invalid as invalid:
        return _talk(site, comment_id, problem=("note", invalid.told), typed={"text": text})
    db.session.commit()
    return _talk(site, comment_id, say=gettext("Note added."))


@review.post("/<site_key>/notes/<int:note_id>/delete")
def delete_note(site_key: str, note_id: int) -> Any:
    """Take one's own note away."""
    site = site_for(site_key)
    note = verbs.note_on(site, note_id)
    comment_id = note.comment_id
    verbs.delete_note(note, signed_in())
    db.session.commit()
    return _talk(site, comment_id, say=gettext("Note deleted."))


@review.post("/<site_key>/comments/<int:comment_id>/questions")
def ask(site_key: str, comment_id: int) -> Any:
    """Put the comment before a colleague, or before all of them."""
    site = site_for(site_key)
    comment = comment_on(site, comment_id)
    asked, text = request.form.get("asked", ""), request.form.get("text", "")
    try:
        verbs.ask(comment, signed_in(), text, None if asked in {"", "all"} else request.form.get("asked", 0, type=row_id))
    except Invalid as invalid:
        return _talk(site, comment_id, problem=("question", invalid.told), typed={"asked": asked, "question": text})
    db.session.commit()
    return _talk(site, comment_id, say=gettext("Asked."))


@review.post("/<site_key>/questions/<int:question_id>/close")
def close_question(site_key: str, question_id: int) -> Any:
    """Close a question that one asked or was asked."""
    site = site_for(site_key)
    question = verbs.question_on(site, question_id)
    comment_id = question.comment_id
    try:
        verbs.take_question_back(question, signed_in())
    except Conflict:
        db.session.rollback()  # closed or answered meanwhile: that is what was wanted
    else:
        db.session.commit()
    return _talk(site, comment_id, say=gettext("Question closed."))


def _talk(
    site: Site, comment_id: int, *, say: str = "", problem: tuple[str, str] | None = None, typed: dict[str, str] | None = None
) -> Any:
    """What colleagues say about the comment, as it is now; without script the page it stands on."""
    place = place_of_form()
    if not by_htmx() and problem is None:
        return redirect(place.url(site, comment_id) + "#talk")
    if problem is not None:
        db.session.rollback()
    context = card_context(site, place, card_of(site, comment_id), talk_problem=problem, talk_typed=typed or {})
    status = 422 if problem else 200
    if not by_htmx():
        html = page(
            "queue.html", site, here=place.queue.value if place.queue else "", chosen=True, done=None, listing=None, since=0, **context
        )
        return html, status
    response = make_response(render_template("review/_talk.html", **context), status)
    response.headers["HX-Trigger-After-Swap"] = json.dumps({"review:said": {"say": say or (problem[1] if problem else "")}})
    return response


@review.get("/<site_key>/asked")
def asked(site_key: str) -> Any:
    """The comments that colleagues ask the person about."""
    site = site_for(site_key)
    return page("asked.html", site, here="asked", questions=verbs.asked_of(site, signed_in()), excerpt=excerpt)


# ---- Skipping


@review.post("/<site_key>/comments/<int:comment_id>/skip")
def skip(site_key: str, comment_id: int) -> Any:
    """Put the comment to the end of one's own queue for a while, or (`back`) to its place again."""
    site = site_for(site_key)
    comment = comment_on(site, comment_id)
    back = request.form.get("back") == "1"
    (verbs.unskip if back else verbs.skip)(comment, signed_in())
    db.session.commit()
    place = place_of_form()
    if by_htmx():
        return "", 204
    following = None
    if place.queue is not None and not back:
        found, _ = page_of_cards(site, place.queue, limit=2, last=verbs.skipped_by(site, signed_in()))
        following = found[0].comment.id if found else None
    return redirect(place.url(site, following if place.queue is not None and not back else comment_id))


# ---- Who is on it


@review.post("/<site_key>/claim")
def claim(site_key: str) -> Response:
    """Say which comment the person has before her (none: an empty field); the answer names who else has it."""
    site = site_for(site_key)
    person = signed_in()
    text = request.form.get("comment", "")
    if not text:
        verbs.release(site.id, person)
        db.session.commit()
        return jsonify(here=[])
    try:
        comment = comment_on(site, row_id(text))
    except ValueError:
        raise Invalid("There is no such comment.", field="comment") from None
    verbs.claim(site.id, person, comment.id)
    db.session.commit()
    return jsonify(here=[name for _, name in verbs.claims_on(site.id, person, comment.id)])


# ---- One's own eyes


@review.post("/<site_key>/blur")
def blur(site_key: str) -> Any:
    """Blur marked words until they are hovered or focused, or show them; kept for the person, on every device."""
    site = site_for(site_key)
    signed_in().blur_words = request.form.get("on") == "1"
    db.session.commit()
    if by_htmx():
        return "", 204
    place = place_of_form()
    comment = request.form.get("comment", type=row_id)
    return redirect(place.url(site, comment) if place.queue or comment else url_for("review.site_home", site_key=site.key))
