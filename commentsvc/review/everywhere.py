"""One queue over all the sites of a person who reviews on several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from flask import render_template, request, url_for
from sqlalchemy import select

from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.filters import NOTHING
from commentsvc.moderation.queue import MAX_SITES, QUEUES, Queue, View, page_of_cards, view_counts
from commentsvc.review.blueprint import review, reviewed_site_ids
from commentsvc.review.filter_bar import Place, place_of, queue_named
from commentsvc.review.presenting import excerpt, gist
from commentsvc.review.words import HELD_FOR, LANGUAGE_NAMES, NONE_ANYWHERE, ORDER_NAMES
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

# What means something on every site; articles, their groups and sections are one site's.
COMMON = ("label", "language", "author", "role", "since", "until")


def reviewed_sites() -> Sequence[Site]:
    """The sites on which the person reviews, by name."""
    ids = reviewed_site_ids(signed_in())
    return db.session.scalars(select(Site).where(Site.id.in_(ids)).order_by(Site.name, Site.id).limit(MAX_SITES)).all() if ids else []


@review.get("/_all/<queue_name>")  # no site's key has an underscore
def everywhere(queue_name: str) -> Any:
    """A queue over all of the person's sites, or those that `site` names."""
    queue = queue_named(queue_name)
    if queue is None:
        raise NotFound("There is no such queue.")
    sites = reviewed_sites()
    wanted = set(request.args.getlist("site"))
    shown = [site for site in sites if site.key in wanted] or sites
    place = _common(place_of(queue, request.args))
    found, following = page_of_cards(shown, queue, place.after or None, filters=place.filters, order=place.sort) if shown else ([], None)
    context: dict[str, Any] = {
        "place": place, "queue": queue, "sites": sites, "wanted": wanted & {site.key for site in sites}, "listing": found,
        "more": _address(place, wanted, following) if following else None, "site_of": {site.id: site for site in sites},
        "orders": list(QUEUES[queue].orders), "order_names": ORDER_NAMES, "labels": HELD_FOR, "languages": LANGUAGE_NAMES,
        "nothing_on_sites": NONE_ANYWHERE[queue], "gist": gist, "excerpt": excerpt,
        "place_url": lambda site, comment_id: url_for("review.queue", site_key=site.key, queue_name=queue.value, comment=comment_id),
    }
    ids = tuple(site.id for site in shown)
    counts = dict(zip(Queue, view_counts([View(ids, each, place.filters) for each in Queue]), strict=True)) if ids else {}
    return render_template("review/everywhere.html", counts=counts, addresses=_addresses(place, wanted), **context)


def _common(place: Place) -> Place:
    kept = {name: getattr(place.filters, name) for name in COMMON}
    if any(value for name, value in place.filters.args().items() if name not in COMMON):
        raise Invalid("Articles, groups and sections are one site's: open its queue.", field="filters")
    return replace(place, filters=replace(NOTHING, **kept))


def _address(place: Place, wanted: set[str], after: str | None = None) -> str:
    return url_for("review.everywhere", queue_name=place.listed.value, site=sorted(wanted), after=after, **cast("dict[str, Any]", place.args()))


def _addresses(place: Place, wanted: set[str]) -> dict[Queue, str]:
    return {queue: _address(Place(queue, "", place.filters), wanted) for queue in Queue}

