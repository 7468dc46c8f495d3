"""The articles, people and conversations of the demo publisher, checked when they are loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

CONTENT: Final = Path(__file__).parent / "content"
ROLES: Final = frozenset({"member", "expert", "community_manager", "admin"})
REASONS: Final = frozenset({"abuse", "spam", "off_topic", "misinformation", "other"})


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of an article's body; ``by`` is set for quotes only."""

    kind: Literal["p", "h2", "quote"]
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class DemoImage:
    """An illustration: ``kind`` names the drawing in the static folder."""

    kind: str
    caption: str
    credit: str


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """An article; its time is relative, so that the front page always looks fresh."""

    slug: str
    section: str
    title: str
    dek: str
    byline: str
    published_hours_ago: int
    reading_minutes: int
    body: tuple[Block, ...]
    image: DemoImage
    related: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who writes under the articles, or looks after the conversations."""

    handle: str
    name: str
    role: str
    joined_days_ago: int


@dataclass(frozen=True, slots=True)
class DemoFlag:
    """What a reader reported about a comment."""

    by: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class DemoComment:
    """A comment; ``id`` and ``parent`` are names within its article only."""

    id: str
    parent: str | None
    author: str
    minutes_after: int
    body: str
    up: int
    down: int
    flags: tuple[DemoFlag, ...]


def _read(name: str) -> Any:
    return json.loads((CONTENT / name).read_text(encoding="utf-8"))


def _block(raw: str | dict[str, str]) -> Block:
    if isinstance(raw, str):
        return Block("p", raw)
    if "h2" in raw:
        return Block("h2", raw["h2"])
    return Block("quote", raw["quote"], raw["by"])


@cache
def articles() -> tuple[DemoArticle, ...]:
    """Every article in the order of the front page, the lead story first."""
    found = tuple(
        DemoArticle(
            slug=raw["slug"],
            section=raw["section"],
            title=raw["title"],
            dek=raw["dek"],
            byline=raw["byline"],
            published_hours_ago=raw["published_hours_ago"],
            reading_minutes=raw["reading_minutes"],
            body=tuple(_block(block) for block in raw["body"]),
            image=DemoImage(**raw["image"]),
            related=tuple(raw["related"]),
        )
        for raw in _read("articles.json")
    )
    slugs = {article.slug for article in found}
    if len(slugs) != len(found):
        raise ValueError("articles.json: two articles have the same slug")
    for article in found:
        unknown = set(article.related) - slugs
        if unknown or article.slug in article.related:
            raise ValueError(f"articles.json: {article.slug}: bad related articles")
    return found


@cache
def people() -> Mapping[str, DemoPerson]:
    """Everybody by handle."""
    found = {handle: DemoPerson(handle, **raw) for handle, raw in _read("people.json").items()}
    for person in found.values():
        if person.role not in ROLES:
            raise ValueError(f"people.json: {person.handle}: unknown role {person.role!r}")
    return MappingProxyType(found)


@cache
def threads() -> Mapping[str, tuple[DemoComment, ...]]:
    """The comments of every article by slug, oldest first, so that a parent precedes its replies.

    Raises :class:`ValueError` naming the comment for an unknown parent, author or reason, a time
    that does not increase or lies in the future, and a flag that a person could not have raised.
    """
    by_slug = {article.slug: article for article in articles()}
    found: dict[str, tuple[DemoComment, ...]] = {}
    for slug, raws in _read("threads.json").items():
        if slug not in by_slug:
            raise ValueError(f"threads.json: unknown article {slug!r}")
        found[slug] = tuple(
            DemoComment(**{**raw, "flags": tuple(DemoFlag(**flag) for flag in raw["flags"])})
            for raw in raws
        )
        _check_thread(slug, found[slug], by_slug[slug].published_hours_ago * 60)
    return MappingProxyType({slug: found.get(slug, ()) for slug in by_slug})


def _check_thread(slug: str, comments: tuple[DemoComment, ...], now: int) -> None:
    """Raise :class:`ValueError` at the first comment that does not fit its thread."""
    known = people()
    seen: set[str] = set()
    last = -1
    for comment in comments:
        where = f"threads.json: {slug}: {comment.id}"
        if comment.id in seen:
            raise ValueError(f"{where}: this id is used twice")
        if comment.parent is not None and comment.parent not in seen:
            raise ValueError(f"{where}: unknown parent {comment.parent!r}")
        if comment.author not in known:
            raise ValueError(f"{where}: unknown author {comment.author!r}")
        if not last < comment.minutes_after < now:
            raise ValueError(f"{where}: minutes_after must increase and lie before now")
        if not comment.body.strip() or comment.up < 0 or comment.down < 0:
            raise ValueError(f"{where}: an empty text or a negative count")
        _check_flags(where, comment)
        seen.add(comment.id)
        last = comment.minutes_after


def _check_flags(where: str, comment: DemoComment) -> None:
    """Raise :class:`ValueError` at the first flag that nobody could have raised."""
    flaggers = [flag.by for flag in comment.flags]
    if len(set(flaggers)) != len(flaggers) or comment.author in flaggers:
        raise ValueError(f"{where}: nobody flags twice, or their own comment")
    for flag in comment.flags:
        if flag.by not in people():
            raise ValueError(f"{where}: unknown author {flag.by!r} of a flag")
        if flag.reason not in REASONS:
            raise ValueError(f"{where}: unknown reason {flag.reason!r}")
