"""Reading conversations: each page is a fixed number of statements."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple, cast

from flask import current_app
from sqlalchemy import (
    Boolean,
    ColumnElement,
    CursorResult,
    Dialect,
    Exists,
    Select,
    and_,
    bindparam,
    exists,
    literal,
    or_,
    select,
    text,
)

from commentsvc.accounts.models import SiteBadge, User
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.tree import CommentRow, Node, build
from commentsvc.database import UtcDateTime
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.pagination import Cursors, SortKey, page, paged, place
from commentsvc.sites.models import Article
from commentsvc.sites.rows import ArticleRow

ROOTS_PER_PAGE = 20
REPLIES_PER_PAGE = 20
MAX_LIMIT = 100


class Sort(enum.StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    TOP = "top"
    MOST_REPLIED = "most_replied"
    CONTROVERSIAL = "controversial"
    FEATURED = "featured"


# Of tables and not of classes, and built once: pages are read more often than anything else, and a statement
# that the ORM has no part in costs half a millisecond less.
_C = Comment.__table__.c
_U = User.__table__.c
_B = SiteBadge.__table__.c

# A new sort is a row here and an index in comments.models.
SORT_KEYS: dict[Sort, SortKey] = {
    Sort.NEWEST: SortKey(_C.created_at),
    Sort.OLDEST: SortKey(_C.created_at, descending=False),
    Sort.TOP: SortKey(_C.top_score),
    Sort.MOST_REPLIED: SortKey(_C.thread_count),
    Sort.CONTROVERSIAL: SortKey(_C.controversy),
    Sort.FEATURED: SortKey(_C.featured_at.is_not(None), called="featured"),  # the newest first, of these and of the others
}

COLUMNS = (
    _C.id, _C.parent_id, _C.root_id, _C.depth, _C.author_id,
    _U.display_name, _C.author_role, _C.status, _C.body_html,
    _C.created_at, _C.edited_at, _C.reply_count, _C.thread_count,
    _C.up, _C.down, _C.top_score, _C.controversy, _C.featured_at,
    _B.expert, _B.member, and_(_U.guest_since.is_(None), _U.erased_at.is_(None)).label("has_profile"),
)
_ID, _ROOT_ID, _STATUS, _THREAD_COUNT = (CommentRow._fields.index(name) for name in ("id", "root_id", "status", "thread_count"))


Raw = tuple[Any, ...]
"""A row of COLUMNS as the database's driver gives it."""


class Thread(NamedTuple):
    """A root and the replies shown with it: equal where nothing changed.

    So it can be a key: of a page that is put together anew most threads read as they did, and what was made of those
    need not be made again. What the driver gave is not even read then: to make times and rows of it took a tenth of a page.
    """

    root: Raw
    replies: tuple[Raw, ...] = ()
    pinned: bool = False

    @property
    def node(self) -> Node:
        """The root as readers see it, with its replies as a tree."""
        [node] = build([_public(_read(self.root))._replace(pinned=self.pinned)], [_public(_read(reply)) for reply in self.replies])
        return node


@dataclass(frozen=True)
class ThreadPage:
    """Roots with their previewed replies, the next cursor, and how many comments are left."""

    threads: tuple[Thread, ...]
    next: str | None
    left: int

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(thread.node for thread in self.threads)


@dataclass(frozen=True)
class ReplyPage:
    """Direct replies of one comment with their previewed replies, and the next cursor."""

    nodes: tuple[Node, ...]
    next: str | None
    left: int


def parse_sort(text: str | None) -> Sort:
    """The sort of that name, newest by default; Invalid lists the others."""
    try:
        return Sort(text or Sort.NEWEST)
    except ValueError:
        raise Invalid("sort must be one of: %(names)s.", field="sort", values={"names": ", ".join(Sort)}) from None


def check_limit(limit: int) -> int:
    """The page size itself, or Invalid."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"limit must be between 1 and {MAX_LIMIT}.", field="limit")
    return limit


def cursors() -> Cursors:
    """The application's cursors."""
    return _cursors(current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


_cursors = cache(Cursors)  # a page that has some cursors in it costs 3 % less


def _rows() -> Select[*tuple[Any, ...]]:
    return (
        select(*COLUMNS).join_from(Comment.__table__, User.__table__, _U.id == _C.author_id)
        .outerjoin(SiteBadge.__table__, and_(_B.site_id == _C.site_id, _B.user_id == _C.author_id))
    )


@cache
def _roots(sort: Sort, *, continued: bool) -> Select[*tuple[Any, ...]]:
    of_article = _rows().where(
        _C.article_id == bindparam("article"), _C.parent_id.is_(None), _C.listed,
        or_(_C.id != bindparam("pinned"), _C.status != Status.PUBLISHED),  # it stands before them all
    )
    return paged(of_article, SORT_KEYS[sort], _C.id, continued=continued)


_PINNED = _rows().where(_C.id == bindparam("pinned"), _C.article_id == bindparam("article"), _C.status == Status.PUBLISHED)


@cache
def _previews_of(roots: int) -> Select[*tuple[Any, ...]]:
    # For so many: to write as many into it each time was 3 % of a page.
    return _rows().where(_C.root_id.in_([bindparam(f"root_{n}", type_=_C.root_id.type) for n in range(roots)]), _C.preview, _C.listed)


def _fetch(statement: Select[*tuple[Any, ...]], values: Mapping[str, object]) -> list[Raw]:
    with db.session.connection().execute(statement, values) as result:
        cursor = cast("CursorResult[Any]", result).cursor
        return list(cursor.fetchall()) if cursor is not None else []


def _read(raw: Raw) -> list[Any]:
    """The values of a row, each of its column's type."""
    values = list(raw)
    for n, read in _readers(db.engine.dialect):
        values[n] = read(values[n])
    return values


@lru_cache(4)
def _readers(dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    """Of times and truths; everything else comes from either driver as what it is."""
    found = [(n, c.type.dialect_impl(dialect)) for n, c in enumerate(COLUMNS) if isinstance(c.type, Boolean | UtcDateTime)]
    return [(n, read) for n, kind in found if (read := kind.result_processor(dialect, None)) is not None]


def _public(row: Any) -> CommentRow:
    """The row as readers see it: what a tombstone said, and who said it, stays here."""
    comment = CommentRow(*row)
    if comment.status != Status.PUBLISHED:
        removed = Status.WITHDRAWN if comment.status == Status.WITHDRAWN else Status.REJECTED
        comment = comment._replace(
            body_html="", author_id=0, author_name="", author_role="", status=removed.value, up=0, down=0, featured_at=None,
            expert=None, member=None, has_profile=False,
        )
    return comment


def page_of_roots(
    article: Article | ArticleRow, sort: Sort = Sort.NEWEST, after: str | None = None, limit: int = ROOTS_PER_PAGE
) -> ThreadPage:
    """A page of an article's conversation in two statements, whatever its size.

    A pinned comment comes first on the first page, in addition to the others and by a third statement.
    Invalid on a cursor that is forged, expired or of another article or sort.
    """
    check_limit(limit)
    if sort == Sort.CONTROVERSIAL and article.respect:
        raise Invalid("Where readers give respect alone, nothing is controversial.", field="sort")
    scope = f"roots:{article.id}:{sort.value}"
    signer = cursors()
    key, last, seen = signer.read(scope, after) if after else (None, 0, 0)
    asked = place((key, last) if after else None, limit)
    rows = _fetch(_roots(sort, continued=bool(after)), {"article": article.id, "pinned": article.pinned_id or 0, **asked})
    more = len(rows) > limit
    del rows[limit:]
    pinned = [] if after or article.pinned_id is None else _fetch(_PINNED, {"pinned": article.pinned_id, "article": article.id})
    roots = pinned + rows
    replies = _previews([root[_ID] for root in roots])
    threads = tuple([Thread(root, tuple(replies.get(root[_ID], ())), n < len(pinned)) for n, root in enumerate(roots)])
    seen += sum([root[_THREAD_COUNT] + (root[_STATUS] == Status.PUBLISHED) for root in roots])
    following = None
    if more:
        tail = CommentRow(*_read(rows[-1]))
        following = signer.write(scope, getattr(tail, SORT_KEYS[sort].name), tail.id, seen)
    return ThreadPage(threads, following, max(article.comment_count - seen, 1) if more else 0)


def _previews(root_ids: Sequence[int]) -> Mapping[int, list[Raw]]:
    """The replies shown below these roots, by root."""
    found: dict[int, list[Raw]] = {}
    if root_ids:
        for row in _fetch(_previews_of(len(root_ids)), {f"root_{n}": root_id for n, root_id in enumerate(root_ids)}):
            found.setdefault(row[_ROOT_ID], []).append(row)
    return found


def page_of_replies(parent: Comment, after: str | None = None, limit: int = REPLIES_PER_PAGE, *, levels: int = 0) -> ReplyPage:
    """Direct replies of a comment, oldest first, each with its first replies; two statements.

    With `levels`, what answers those is read that deep too, beyond the depth that previews have, by a statement a level.
    """
    check_limit(limit)
    scope = f"replies:{parent.id}"
    signer = cursors()
    key, last, seen = signer.read(scope, after) if after else (None, 0, 0)
    rows, more = page(
        _rows().where(_C.parent_id == parent.id, _C.listed),
        SortKey(_C.created_at, descending=False), _C.id,
        position=(key, last) if after else None, limit=limit,
    )
    replies = [_public(row) for row in rows]
    nodes = build(replies, _levels(replies, levels) if levels else _children([r.id for r in replies]))
    seen += len(replies)
    following = signer.write(scope, replies[-1].created_at, replies[-1].id, seen) if more else None
    return ReplyPage(nodes, following, max(parent.reply_count - seen, 1) if more else 0)


def _children(parent_ids: Sequence[int]) -> list[CommentRow]:
    """The previewed replies right below these; a parent behind "more" has none until asked."""
    if not parent_ids:
        return []
    query = _rows().where(_C.parent_id.in_(parent_ids), _C.preview, _C.listed)
    return [_public(row) for row in db.session.execute(query).all()]


def _levels(rows: Sequence[CommentRow], levels: int) -> list[CommentRow]:
    """The first that answer these, the first that answer those, and so on; so many at each level that a page stays a page."""
    found: list[CommentRow] = []
    for _ in range(levels):
        above = [r.id for r in rows if r.reply_count]
        if not above:
            break
        query = _rows().where(_C.parent_id.in_(above), _C.listed).order_by(_C.created_at, _C.id).limit(REPLIES_PER_PAGE)
        rows = [_public(row) for row in db.session.execute(query).all()]
        found += rows
    return found


def replies_cursor(parent: CommentRow, last_shown: CommentRow | None, shown: int) -> str | None:
    """The cursor that continues a comment's replies after those already shown; None: from the start."""
    if last_shown is None:
        return None
    return cursors().write(f"replies:{parent.id}", last_shown.created_at, last_shown.id, shown)


def get_article(article_id: int) -> Article:
    """The article, or NotFound."""
    article = db.session.get(Article, article_id)
    if article is None:
        raise NotFound("There is no such article.")
    return article


def public_comment(comment_id: int) -> CommentRow:
    """One comment as any reader sees it; NotFound when it has no place in its thread."""
    row = db.session.execute(_rows().where(_C.id == comment_id, _C.listed)).one_or_none()
    if row is None:
        raise NotFound("There is no such comment.")
    return _public(row)


def own_waiting(article_id: int, user_id: int) -> Sequence[Comment]:
    """The reader's own comments under an article that only she sees: pending, held, rejected."""
    return db.session.scalars(
        select(Comment)
        .where(
            Comment.article_id == article_id, Comment.author_id == user_id,
            Comment.status.in_([Status.PENDING, Status.HELD, Status.REJECTED]),
        )
        .order_by(Comment.created_at.desc(), Comment.id.desc())
        .limit(50)
    ).all()


# To the letter as the index has it: SQLite takes a partial one only then.
_BY_MANAGERS = text("comments.status = 'published' AND comments.author_role = 'community_manager'")


def any_by_managers_under(article: ColumnElement[int]) -> Exists:
    """Whether a Community Manager has a published comment under the article of this id."""
    return exists().where(_C.article_id == article, _BY_MANAGERS)


def any_by_managers(article_id: int) -> bool:
    """Whether a Community Manager has a published comment under the article."""
    return bool(db.session.scalar(select(any_by_managers_under(literal(article_id)))))


def by_managers(article_id: int, limit: int = MAX_LIMIT) -> list[CommentRow]:
    """The first published comments of Community Managers under an article, oldest first."""
    query = _rows().where(_C.article_id == article_id, _BY_MANAGERS).order_by(_C.id).limit(limit)
    return [_public(row) for row in db.session.execute(query).all()]
