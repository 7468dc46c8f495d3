"""The filter bar of a queue: what can be chosen, what is chosen, and what stands in the address for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from flask import request, session, url_for
from sqlalchemy import or_, select

from commentsvc.accounts.models import User
from commentsvc.comments.sections import sections_of
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.filters import (
    AUTHOR_ROLES,
    NOTHING,
    Filters,
    Order,
    parse_filters,
    parse_order,
)
from commentsvc.moderation.queue import QUEUES, Queue, View, kept_view, view_counts
from commentsvc.moderation.saved import (
    ArticleGroup,
    SavedFilter,
    article_groups,
    articles_of,
    may_change,
    saved_filters,
)
from commentsvc.moderation.search import find_people
from commentsvc.review.words import HELD_FOR, LANGUAGE_NAMES, ORDER_NAMES, ROLE_NAMES, Words
from commentsvc.sites.articles import one_line
from commentsvc.sites.models import Article, Site
from commentsvc.sites.origins import canonical_url
from commentsvc.web import reader

TYPED = ("about", "by")  # what is typed for an article, and for a person
CHOICES = 8  # of articles or people that a typed word may mean
TYPED_LENGTH = 2000
ORDERS = "review_orders"  # session: by queue, the order that the person chose last


@dataclass(frozen=True)
class Place:
    """Where a manager is: the queue worked through (None: a comment by itself), its filters and order, its page."""

    queue: Queue | None
    after: str
    filters: Filters = NOTHING
    order: Order | None = None

    def url(self, site: Site, comment_id: int | None = None) -> str:
        if self.queue is None:
            if comment_id is None:
                return url_for("review.queue", site_key=site.key, queue_name=Queue.HELD.value)
            return url_for("review.comment", site_key=site.key, comment_id=comment_id)
        return url_for(
            "review.queue", site_key=site.key, queue_name=self.queue.value,
            comment=comment_id, after=self.after or None, **cast("dict[str, Any]", self.args()),
        )

    def args(self) -> dict[str, str]:
        """Filters and order as the address has them."""
        return self.filters.args() | ({"order": self.order.value} if self.order else {})

    @property
    def listed(self) -> Queue:
        """The queue; NotFound for a comment by itself, which has no list."""
        if self.queue is None:
            raise NotFound("There is no such queue.")
        return self.queue

    @property
    def view(self) -> str:
        """The same for a field of a form."""
        return urlencode(self.args())

    @property
    def top(self) -> Place:
        """Its first page."""
        return replace(self, after="")

    @property
    def sort(self) -> Order | None:
        """The order it is read in: the address's, else the one the person chose last, else the queue's own."""
        if self.queue is None:
            return None
        chosen = self.order or parse_order(session.get(ORDERS, {}).get(self.queue.value, ""), QUEUES[self.queue].orders)
        return chosen or QUEUES[self.queue].usual


def queue_named(text: str) -> Queue | None:
    """The queue of that name, if there is one."""
    return Queue(text) if text in set(Queue) else None


def place_of(queue: Queue | None, given: Mapping[str, str]) -> Place:
    """The place an address or a form says; what makes no sense in it narrows nothing."""
    order = parse_order(given.get("order", ""), QUEUES[queue].orders) if queue else None
    return Place(queue, given.get("after", ""), parse_filters(given)[0], order)


def settled(place: Place) -> Place:
    """The place with the order it is read in, so that its addresses go on meaning the same: none where it is the usual one."""
    return place if place.order or place.sort == QUEUES[place.listed].usual else replace(place, order=place.sort)


def sent_place() -> Place:
    """The place that a card's form was sent from."""
    return place_of(
        queue_named(request.form.get("queue", "")),
        dict(parse_qsl(request.form.get("view", ""))) | {"after": request.form.get("after", "")},
    )


def remember_order(place: Place) -> None:
    """Open the queue in the address's order from now on, for this person."""
    if place.queue is None or place.order is None:
        return
    chosen: dict[str, str] = session.get(ORDERS, {})
    if chosen.get(place.queue.value) != place.order.value:
        session[ORDERS] = chosen | {place.queue.value: place.order.value}


@dataclass(frozen=True)
class Chip:
    """A filter that is on, in words, and the address without it."""

    name: str
    text: str
    url: str


@dataclass(frozen=True)
class Shelf:
    """What the team keeps, with its live count, for the navigation."""

    kind: str  # "filter" or "group"
    kept: SavedFilter | ArticleGroup
    view: View
    url: str

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.kept.id}"

    @property
    def changeable(self) -> bool:
        return may_change(self.kept, reader())


@dataclass(frozen=True)
class Bar:
    """All that the filter bar's template needs."""

    site: Site
    place: Place
    sections: Sequence[str]
    groups: Sequence[ArticleGroup]
    chips: Sequence[Chip]
    errors: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)  # (name, more, address)

    order_names = ORDER_NAMES
    labels = HELD_FOR
    languages = LANGUAGE_NAMES

    @property
    def orders(self) -> Sequence[Order]:
        return list(QUEUES[self.place.queue].orders) if self.place.queue else []

    @property
    def section_choices(self) -> Sequence[tuple[str, str]]:
        return [(section, section) for section in self.sections]

    @property
    def group_choices(self) -> Sequence[tuple[int, str]]:
        return [(group.id, group.name) for group in self.groups]

    @property
    def roles(self) -> Sequence[tuple[str, str]]:
        return [(role.value, ROLE_NAMES[role]) for role in AUTHOR_ROLES]

    @property
    def open(self) -> bool:
        """Whether something has to be seen that the folded bar would hide."""
        return bool(self.errors or self.choices)


def shelves(site: Site) -> list[Shelf]:
    """The team's saved filters and groups of articles, by name; three statements."""
    made = []
    for kept in saved_filters(site):
        queue, filters = Queue(kept.queue), kept.filters
        order = parse_order(kept.order, QUEUES[queue].orders)
        made.append(Shelf("filter", kept, kept_view(site, kept), Place(queue, "", filters, order).url(site)))
    groups = article_groups(site)
    articles = articles_of([group.id for group in groups])
    for group in groups:
        filters = Filters(group=group.id)
        view = View((site.id,), Queue.HELD, filters, articles=tuple(articles[group.id]))
        made.append(Shelf("group", group, view, Place(Queue.HELD, "", filters).url(site)))
    return made


def shelf_counts(found: Sequence[Shelf]) -> dict[str, Any]:
    """What each holds, by its key, in one statement."""
    return {shelf.key: count for shelf, count in zip(found, view_counts([shelf.view for shelf in found]), strict=True)}


def bar_of(site: Site, place: Place, given: Mapping[str, str], kept: Sequence[Shelf]) -> Bar:
    """The bar of a queue's page, with words for what is chosen and for what makes no sense; `kept` is what shelves() gave."""
    filters, errors = parse_filters(given)
    sections, groups = sections_of(site), [shelf.kept for shelf in kept if isinstance(shelf.kept, ArticleGroup)]
    typed = {name: one_line(given.get(name, ""))[:TYPED_LENGTH] for name in TYPED}
    choices: dict[str, Sequence[tuple[str, str, str]]] = {}
    for name, field_name, find in (("about", "article", _articles), ("by", "author", _people)):
        if not typed[name]:
            continue
        found = find(site, typed[name])
        if len(found) == 1:
            filters = filters.with_one(field_name, found[0][0])
            typed[name] = ""
        elif found:
            choices[name] = [
                (words, more, replace(place.top, filters=filters.with_one(field_name, row_id)).url(site))
                for row_id, words, more in found[:CHOICES]
            ]
        else:
            errors[name] = (
                gettext("No article has this in its title or address.") if name == "about" else gettext("Nobody who wrote here has this name.")
            )
    place = replace(place, filters=filters)
    names = _names(site, filters, groups)
    for name in ("article", "group", "author"):
        if getattr(filters, name) is not None and name not in names:
            errors["about" if name == "article" else "by" if name == "author" else name] = _GONE[name]
            place = replace(place, filters=place.filters.without(name))
    return Bar(site, place, sections, groups, _chips(site, place, names), errors, typed, choices)


def chips_of(site: Site, place: Place, groups: Sequence[ArticleGroup]) -> list[Chip]:
    """The place's filters in words; none for an article, a group or a person that is gone."""
    return _chips(site, place, _names(site, place.filters, groups))


def _chips(site: Site, place: Place, names: Mapping[str, str]) -> list[Chip]:
    return [
        Chip(name, names[name], replace(place.top, filters=place.filters.without(name)).url(site))
        for name in place.filters.args() if name in names
    ]


_GONE = Words({
    "article": N_("This article is not one of this site."), "group": N_("This group of articles is gone."),
    "author": N_("There is no such person."),
})


def _names(site: Site, filters: Filters, groups: Sequence[ArticleGroup]) -> dict[str, str]:
    """Each filter that is on in words, but those of something that is not there."""
    found = {
        "section": filters.section, "label": HELD_FOR.get(filters.label, filters.label),
        "language": LANGUAGE_NAMES.get(filters.language, filters.language), "role": ROLE_NAMES.get(filters.role, filters.role),
        "since": gettext("since %(day)s", day=filters.since), "until": gettext("until %(day)s", day=filters.until),
    }
    if filters.article is not None:
        title = db.session.scalar(select(Article.title).where(Article.id == filters.article, Article.site_id == site.id))
        if title is not None:
            found["article"] = title
    if filters.group is not None:
        found.update(("group", group.name) for group in groups if group.id == filters.group)
    if filters.author is not None:
        name = db.session.scalar(select(User.display_name).where(User.id == filters.author))
        if name is not None:
            found["author"] = gettext("by %(name)s", name=name)
    return found


def find_articles(site: Site, text: str) -> Sequence[Article]:
    """Articles of the site by their address or a part of title or address, latest first; up to CHOICES + 1."""
    if "://" in text:
        try:
            url = canonical_url(text)
        except Invalid:
            return []
        return db.session.scalars(select(Article).where(Article.site_id == site.id, Article.url == url)).all()
    return db.session.scalars(
        select(Article)
        .where(
            Article.site_id == site.id,
            or_(Article.title.icontains(text, autoescape=True), Article.url.icontains(text, autoescape=True)),
        )
        .order_by(Article.id.desc())
        .limit(CHOICES + 1)
    ).all()


def _articles(site: Site, text: str) -> list[tuple[int, str, str]]:
    return [(article.id, article.title, article.url) for article in find_articles(site, text)]


def _people(site: Site, text: str) -> list[tuple[int, str, str]]:
    return [(person.id, person.display_name, "") for person in find_people(site, text, limit=CHOICES + 1)]
