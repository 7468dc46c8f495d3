"""Full-text search over a site's comments and the people who wrote them.

Words are found whole, in any order; `harb*` finds what begins so, `"old harbour"` the words beside each
other, `-wall` leaves out what has it. Whatever else is typed is text: nothing of a database's own syntax gets through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, column, exists, func, or_, select, table, text

from commentsvc.accounts.models import SiteRole, User
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.queue import CARDS_PER_PAGE, Card, cards
from commentsvc.moderation.search_index import SOURCES, VECTORS
from commentsvc.sites.models import Site

QUERY_LENGTH: Final = 200
MAX_TERMS: Final = 12
# A beginning of one letter is that of a tenth of all words there are.
SHORTEST_PREFIX: Final = 2
PEOPLE: Final = 10
LATEST: Final = 2000  # comments that PostgreSQL reads before it asks the index; a twentieth of a second
CONTEXT: Final = 70  # characters of a comment before its first match

_WORD: Final = re.compile(r"[^\W_]+")
_TERM: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True)
class Term:
    """Words that stand beside each other; the last may be the beginning of one."""

    words: tuple[str, ...]
    prefix: bool = False
    without: bool = False


@dataclass(frozen=True)
class Query:
    """What somebody looks for: all of the terms, or none of those `without`."""

    terms: tuple[Term, ...]

    @property
    def wanted(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if not term.without)


@dataclass(frozen=True)
class Piece:
    """A part of a text, and whether it matches."""

    text: str
    match: bool = False


def parse_query(typed: str) -> Query:
    """What was typed as terms; Invalid where nothing of it can be looked for."""
    typed = typed.replace("\x00", " ").encode("utf-8", "ignore").decode()
    if len(typed) > QUERY_LENGTH:
        raise Invalid("Keep it under %(most)s characters.", field="q", values={"most": QUERY_LENGTH})
    terms = []
    for minus, phrase, word in _TERM.findall(typed):
        words = tuple(w.lower() for w in _WORD.findall(phrase or word))
        if words:
            terms.append(Term(words, prefix=word.endswith("*") and len(words[-1]) >= SHORTEST_PREFIX, without=minus == "-"))
    query = Query(tuple(terms[:MAX_TERMS]))
    if not query.wanted:
        raise Invalid("Type a word to look for: letters or digits.", field="q")
    return query


def search_comments(
    site: Site, query: Query, after: str | None = None, limit: int = CARDS_PER_PAGE, *, typed: str = ""
) -> tuple[list[Card], str | None]:
    """The site's comments that match, latest first, and the cursor of the next page.

    Whatever their status, but for those that their authors took back.
    """
    check_limit(limit)
    scope, signer = f"search:{site.id}:{typed or query}", cursors()
    before = signer.read(scope, after)[1] if after else None
    ids = _latest(site, query, before, limit + 1)
    following = signer.write(scope, ids[limit - 1], ids[limit - 1]) if len(ids) > limit else None
    return cards(ids[:limit]), following


def _latest(site: Site, query: Query, before: int | None, rows: int) -> list[int]:
    """The ids of the latest `rows` matches under `before`, latest first."""
    if db.engine.dialect.name == "sqlite":
        return list(db.session.scalars(walking_query(site, query, before, rows)))
    # GIN knows no order. A frequent word stands in the latest comments, which are read; matches of a rare one are few enough to be
    # sorted. Left to the planner, who is not told the word in a prepared statement, a rare one among a million takes 26 s.
    top = before or (db.session.scalar(select(func.max(Comment.id))) or 0) + 1
    ids = list(db.session.scalars(_matches(site, query).where(Comment.id >= top - LATEST, Comment.id < top).order_by(Comment.id.desc()).limit(rows)))
    if len(ids) < rows:
        ids += db.session.scalars(gathering_query(site, query, top - LATEST, rows - len(ids)))
    return ids


def _matches(site: Site, query: Query) -> Select[int]:
    return select(Comment.id).where(Comment.site_id == site.id, Comment.status != Status.WITHDRAWN, _matching("search_comments", query, site))


def walking_query(site: Site, query: Query, before: int | None, rows: int) -> Select[int]:
    """The latest `rows` matches under `before`; SQLite walks its index backwards and stops there."""
    index = table("search_comments", column("rowid", Comment.id.type))
    found = _matches(site, query).join_from(index, Comment, Comment.id == index.c.rowid).order_by(index.c.rowid.desc()).limit(rows)
    return found.where(index.c.rowid < before) if before else found


def gathering_query(site: Site, query: Query, before: int, rows: int) -> Select[int]:
    """The same from PostgreSQL's index, which gives all matches at once, in no order."""
    found = _matches(site, query).where(Comment.id < before).cte("found").prefix_with("MATERIALIZED")
    return select(found.c.id).order_by(found.c.id.desc()).limit(rows)


def find_people(site: Site, typed: str, limit: int = PEOPLE) -> Sequence[User]:
    """People whose names match and who wrote on the site or have a role there; the last word may be a beginning."""
    try:
        query = parse_query(typed[:QUERY_LENGTH])
    except Invalid:
        return []
    last = query.terms[-1]
    if not last.without and len(last.words[-1]) >= SHORTEST_PREFIX:
        query = Query((*query.terms[:-1], Term(last.words, prefix=True)))
    here = or_(
        exists().where(Comment.author_id == User.id, Comment.site_id == site.id),
        exists().where(SiteRole.user_id == User.id, SiteRole.site_id == site.id),
    )
    return db.session.scalars(
        select(User).where(User.id.in_(people_query(query)), here).order_by(User.display_name, User.id).limit(limit)
    ).all()


def people_query(query: Query) -> Select[int]:
    """The ids of those whose names match, on whatever site."""
    if db.engine.dialect.name == "sqlite":
        index = table("search_people", column("rowid", User.id.type))
        return select(index.c.rowid).where(_matching("search_people", query))
    return select(User.id).where(_matching("search_people", query))


def _matching(index: str, query: Query, site: Site | None = None) -> ColumnElement[bool]:
    """The condition that an index answers."""
    of, name = SOURCES[index]
    if db.engine.dialect.name == "sqlite":
        words = _fts5(query, name)
        if site is not None:  # the site is a word of the index
            words = f'site_id : "{site.id}" AND {words}'
        return and_(text(f"{index} MATCH :words").bindparams(words=words))
    parts, values = _tsquery(query)
    vector = VECTORS[index].replace(f"({name},", f"({of}.{name},")
    return and_(text(f"{vector} @@ ({parts})").bindparams(**values))


def _fts5(query: Query, name: str) -> str:
    def term(one: Term) -> str:
        return f'"{" ".join(one.words)}"' + (" *" if one.prefix else "")

    wanted = " AND ".join(term(one) for one in query.wanted)
    without = "".join(f" NOT {term(one)}" for one in query.terms if one.without)
    return f"{{{name}}} : (({wanted}){without})"


def _tsquery(query: Query) -> tuple[str, dict[str, Any]]:
    parts, values = [], {}
    for number, one in enumerate(query.terms):
        # Words of letters and digits alone: nothing in them is syntax.
        values[f"term{number}"] = " <-> ".join(one.words) + (":*" if one.prefix else "")
        parts.append(f"{'!!' if one.without else ''}to_tsquery('simple'::regconfig, :term{number})")
    return " && ".join(parts), values


def pieces(body: str, query: Query, length: int = 0) -> list[Piece]:
    """A text cut where a match begins and ends; with `length`, so much of it around the first match."""
    spans = _spans(body, query)
    start, end = 0, len(body)
    if length and len(body) > length:
        start = max(0, (spans[0][0] if spans else 0) - CONTEXT)
        if start:
            start = min(start, len(body) - length)
            space = body.find(" ", start, start + 20)
            start = space + 1 if space >= 0 else start
        end = min(len(body), start + length)
    found: list[Piece] = [Piece("… ")] if start else []
    at = start
    for begin, stop in spans:
        if begin < at or begin >= end:
            continue
        found += [Piece(body[at:begin])] if begin > at else []
        found.append(Piece(body[begin:min(stop, end)], match=True))
        at = min(stop, end)
    found += [Piece(body[at:end])] if at < end else []
    return found + ([Piece(" …")] if end < len(body) else [])


def _spans(body: str, query: Query) -> list[tuple[int, int]]:
    """Where the terms stand, in order, none within another."""
    words = [(m.group().lower(), m.start(), m.end()) for m in _WORD.finditer(body)]
    found = []
    for term in query.wanted:
        size = len(term.words)
        for at in range(len(words) - size + 1):
            here = [w for w, _, _ in words[at : at + size]]
            same = here[:-1] == list(term.words[:-1]) and (
                here[-1].startswith(term.words[-1]) if term.prefix else here[-1] == term.words[-1]
            )
            if same:
                found.append((words[at][1], words[at + size - 1][2]))
    found.sort(key=lambda span: (span[0], -span[1]))
    kept: list[tuple[int, int]] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept
