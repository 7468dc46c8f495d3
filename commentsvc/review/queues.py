"""Reading: the person's sites, a queue with its list and card, one comment, the live counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import (
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from jinja2_fragments.flask import render_block
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment, Status
from commentsvc.errors import FactorMissing, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.moderation.appeals import open_appeal_about, open_appeals
from commentsvc.moderation.desk import colleagues, skipped_by
from commentsvc.moderation.details import details_of
from commentsvc.moderation.following import changes_since, newest_decision
from commentsvc.moderation.marking import marks_of
from commentsvc.moderation.models import Decision
from commentsvc.moderation.queue import (
    COUNT_LIMIT,
    Card,
    Queue,
    cards,
    in_view,
    page_of_cards,
    queue_counts,
    view_counts,
    view_of,
)
from commentsvc.moderation.reasons import offered_reasons
from commentsvc.review import presenting
from commentsvc.review.blueprint import by_htmx, page, review, reviewed_site_ids, site_for
from commentsvc.review.filter_bar import (
    TYPED,
    Bar,
    Place,
    Shelf,
    bar_of,
    place_of,
    queue_named,
    remember_order,
    sent_place,
    settled,
    shelf_counts,
    shelves,
)
from commentsvc.review.words import EMPTY_QUEUES, NO_MATCH, QUEUE_PURPOSES, site_words
from commentsvc.sites.models import Site
from commentsvc.web import row_id, signed_in

# Also what other views of the console take from here: where somebody is.
__all__ = ["Place", "place_of", "queue_named", "sent_place"]

# Of those after the one on show, as many are remembered as a colleague may decide meanwhile.
UPCOMING = 25
SITES_WITH_COUNTS = 20
DONE = "review_done"  # session: the decision that the next page confirms


@review.get("/")
def home() -> Any:
    """The sites on which the person reviews; with one alone, its held queue."""
    person = signed_in()
    ids = reviewed_site_ids(person)
    sites = db.session.scalars(select(Site).where(Site.id.in_(ids)).order_by(Site.name)).all() if ids else []
    if not sites and any(person.awaits_factor(grant) for grant in person.roles):
        raise FactorMissing("Set a second factor up first.")
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
    place = settled(place_of(shown, request.args))
    chosen = request.args.get("comment", type=row_id)
    if by_htmx() and chosen is not None:
        return card_fragment(site, place, card_of(site, chosen))
    if by_htmx() and place.after:
        found, following = listed(site, place)
        return render_block("review/queue.html", "rows", **_list(site, place, found, following, None))
    remember_order(place)
    kept = shelves(site)
    bar = bar_of(site, place, request.args, kept)
    if not by_htmx() and not bar.open and any(request.args.get(name) == "" or name in TYPED for name in request.args):
        return redirect(bar.place.url(site, chosen))  # an address to share has nothing empty in it
    if by_htmx():
        return _relisted(site, bar)
    return queue_page(site, place, bar=bar, chosen=chosen, kept=kept), 422 if bar.errors else 200


def queue_page(
    site: Site, place: Place, *, bar: Bar | None = None, chosen: int | None = None, kept: Sequence[Shelf] | None = None, **more: Any
) -> str:
    """A queue's whole page: its list, and the chosen comment or the first."""
    kept = shelves(site) if kept is None else kept
    bar = bar or bar_of(site, place, place.args(), kept)
    context, _ = _listing(site, bar, chosen)
    return page(
        "queue.html", site, here=_here(bar.place, kept), chosen=chosen is not None, done=_confirmed(site), on_shelf=kept,
        **({"since": newest_decision(site)} | context | more),
    )


def _listing(site: Site, bar: Bar, chosen: int | None) -> tuple[dict[str, Any], Card | None]:
    place = bar.place
    found, following = listed(site, place)
    card = _pick(site, found, chosen)
    context = _list(site, place, found, following, card) | card_context(site, place, card, found)
    filtered = view_counts([view_of(site, place.listed, place.filters)])[0] if place.filters else None
    return context | {"bar": bar, "filtered": filtered}, card


def _here(place: Place, kept: Sequence[Shelf]) -> str:
    """The entry of the navigation that the place is: the team's own where one says the same."""
    if place.filters:
        return next((s.key for s in kept if (s.view.queue, s.view.filters) == (place.listed, place.filters)), "")
    return place.listed.value


def listed(site: Site, place: Place) -> tuple[list[Card], str | None]:
    """The page of the place's queue and the cursor of the next one."""
    return page_of_cards(
        site, place.listed, place.after or None, filters=place.filters, order=place.sort, last=skipped_by(site, signed_in()),
    )


def _relisted(site: Site, bar: Bar) -> Response:
    """The list, its head and its first card, for the page that is open: other filters, another order."""
    context, card = _listing(site, bar, None)
    html = card_fragment(site, bar.place, card, **context) + render_block("review/queue.html", "relisted", **context)
    response = make_response(html)
    response.headers["HX-Push-Url"] = bar.place.url(site)
    return response


@review.get("/<site_key>/comments/<int:comment_id>")
def comment(site_key: str, comment_id: int) -> Any:
    """One comment by itself, whatever became of it."""
    site = site_for(site_key)
    place = place_of(queue_named(request.args.get("queue", "")), request.args)
    card = card_of(site, comment_id)
    if by_htmx():
        return card_fragment(site, place, card)
    place = Place(None, "")
    return page(
        "queue.html", site, here="", chosen=True, done=_confirmed(site), listing=None, since=newest_decision(site),
        **card_context(site, place, card),
    )


@review.get("/<site_key>/counts")
def counts(site_key: str) -> Response:
    """What changes by itself on an open page, for a small conditional request every few seconds.

    Ten statements, whatever the queues hold: who asks, the site, the counts, that of appeals, what the team
    saved (2), the version of the comment on show, and three in moderation/following.py; one more where anything is
    saved. A 304 costs the same and sends nothing.
    """
    site = site_for(site_key)
    numbers = {name.value: number for name, number in queue_counts(site).items()}
    numbers |= {key: count.number for key, count in shelf_counts(shelves(site)).items()}
    shown = queue_named(request.args.get("queue", ""))
    place = place_of(shown, request.args)
    if shown is not None and place.filters:
        numbers["view"] = view_counts([view_of(site, shown, place.filters)])[0].number
    version = None
    seen = request.args.get("comment", type=row_id)
    if seen is not None:
        version = db.session.scalar(
            select(Comment.version).where(Comment.id == seen, Comment.site_id == site.id)
        )
    since = request.args.get("since", type=row_id)
    changes = changes_since(site, newest_decision(site) if since is None else since, signed_in())
    response = jsonify(
        counts=numbers | {"appeals": open_appeals(site)}, asked=changes.asked, limit=COUNT_LIMIT,
        version=version, cursor=changes.cursor, changes=[asdict(change) for change in changes.decisions],
        claims=[{"comment": comment_id, "by": name} for comment_id, name in changes.claims],
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
    return in_view(view_of(site, shown), ids)


def card_context(
    site: Site, place: Place, card: Card | None, found: Sequence[Card] = (), **more: Any
) -> dict[str, Any]:
    """All that the card's template needs; `found` is the list it stands in, if that is known."""
    ids = [c.comment.id for c in found]
    position = ids.index(card.comment.id) if card is not None and card.comment.id in ids else None
    context: dict[str, Any] = {
        "site": site, "place": place, "card": card, "reasons": {reason: site_words(words) for reason, words in offered_reasons(site).items()},
        "following": [] if position is None else ids[position + 1 :][:UPCOMING],
        "previous": None if not position else ids[position - 1],
        "empty": empty_words(place) if place.queue else None,
        "conflict": None, "error": None, "typed_note": "", "typed_reason": "", "typed_message": "", "typed_law": "",
        "typed_answer": "", "notice_error": "",
    }
    if card is not None:
        person = signed_in()
        marks = marks_of(card.edit or card.comment, card.screening)
        context |= {
            "body": presenting.marked_text(card.text, marks, focusable=person.blur_words),
            "marks": marks,
            "has_markup": presenting.has_markup(card.comment),
            "bars": presenting.score_bars(card.screening, site.policy_in(card.comment.article.section)),
            "why": presenting.why(card.screening),
            "actions": presenting.actions(card),
            "excerpt": presenting.excerpt,
            "appealed": None,
            "details": details_of(card, person),
            "colleagues": [one for one in colleagues(site) if one.id != person.id],
            "me": person,
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
        "gist": presenting.gist, "veiled": presenting.veiled, "excerpt": presenting.excerpt,
        "empty": empty_words(place) if place.queue else None,
    }


def empty_words(place: Place) -> tuple[str, str]:
    """What a list says that has nothing on it: the headline, and what to do next."""
    if place.filters:
        return NO_MATCH[place.listed], gettext("Take a filter away to see more.")
    return EMPTY_QUEUES[place.listed]


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
