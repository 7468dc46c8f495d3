"""From flat rows to a thread. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class CommentRow(NamedTuple):
    """A comment as any reader may see it; the order is that of threads.COLUMNS, then `pinned`."""

    id: int
    parent_id: int | None
    root_id: int | None
    depth: int
    author_id: int
    author_name: str
    author_role: str
    status: str
    body_html: str
    created_at: dt.datetime
    edited_at: dt.datetime | None
    reply_count: int
    thread_count: int
    up: int
    down: int
    top_score: float
    controversy: float
    featured_at: dt.datetime | None = None
    expert: str | None = None  # as accounts.models.SiteBadge has it
    member: bool | None = None
    has_profile: bool = False  # there is a page about its author
    pinned: bool = False  # stands before the others; of no column

    @property
    def featured(self) -> bool:
        """Whether the Community Managers put it forward."""
        return self.featured_at is not None


@dataclass(frozen=True, slots=True)
class Node:
    """A comment, the replies shown with it, and how many of its direct replies are not."""

    comment: CommentRow
    replies: tuple[Node, ...]

    @property
    def more_replies(self) -> int:
        return max(self.comment.reply_count - len(self.replies), 0)


def build(roots: Sequence[CommentRow], replies: Iterable[CommentRow]) -> tuple[Node, ...]:
    """The roots in their order, each with its replies oldest first; orphans are dropped."""
    children: dict[int | None, list[CommentRow]] = defaultdict(list)
    for reply in replies:
        children[reply.parent_id].append(reply)
    for siblings in children.values():
        siblings.sort(key=lambda c: (c.created_at, c.id))

    # Bottom-up without recursion: a loaded thread may be deeper than Python's stack.
    order: list[CommentRow] = list(roots)
    for comment in order:
        order.extend(children.get(comment.id, ()))
    nodes: dict[int, Node] = {}
    for comment in reversed(order):
        nodes[comment.id] = Node(comment, tuple(nodes[c.id] for c in children.get(comment.id, ())))
    return tuple(nodes[root.id] for root in roots)
