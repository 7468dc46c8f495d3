"""Threads made up from a seed: the same comments on every run and on every database."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

from commentsvc.comments.counts import apply_counts
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.ranking import controversy, wilson_lower_bound
from commentsvc.comments.submit import body_hash
from commentsvc.markup import render

SEED = 20_261_123
ROOT_SHARE = 0.30
DEEPEST = 5
WORDS = 40  # about; a body has 20 to 60
LARGE_BRANCHES = 5  # roots that draw LARGE_SHARE of all replies
LARGE_SHARE = 0.20
VOTED_SHARE = 0.10
REPLY_SECONDS = 6 * 3600  # mean time until an answer
START = dt.datetime(2026, 10, 1, 6, tzinfo=dt.UTC)
SPAN = dt.timedelta(days=30)

VOCABULARY = """
the a of to and in that it for on with as was they this have from by not but what all were when we there
can an your which their said if do will each about how up out them then she many some so these would other
into has more her two like him see time could no make than first been its who now people my made over did
down only way find use may water long little very after words called just where most know council street
budget school river bridge housing traffic election mayor police hospital station market garden library
teacher driver report question answer reason number winter summer morning evening neighbour family money
tax vote plan project decision meeting paper article comment story history future city village country
""".split()  # noqa: SIM905 - a list of a hundred literals reads worse


@dataclass(frozen=True)
class Thread:
    """The rows of one article's conversation, ready for bulk inserts, and its count."""

    comments: list[dict[str, Any]]
    votes: list[dict[str, Any]]

    @property
    def count(self) -> int:
        return len(self.comments)


def make_body(rng: random.Random, words: int | None = None) -> str:
    """One to three sentences of Markdown, with the emphasis, links and quotes that readers use."""
    chosen = rng.choices(VOCABULARY, k=words or rng.randint(WORDS - 20, WORDS + 20))
    if rng.random() < 0.3:
        chosen[rng.randrange(len(chosen))] = f"*{rng.choice(VOCABULARY)}*"
    if rng.random() < 0.05:
        chosen[-1] = "https://news.example/archive/" + rng.choice(VOCABULARY)
    cut = len(chosen) // 2
    sentences = [" ".join(part).capitalize() + "." for part in (chosen[:cut], chosen[cut:])]
    separator = "\n\n" if rng.random() < 0.25 else " "
    quote = "> " + " ".join(rng.choices(VOCABULARY, k=6)) + "\n\n" if rng.random() < 0.08 else ""
    return quote + separator.join(sentences)


def make_thread(
    size: int, *, site_id: int, article_id: int, first_id: int, user_ids: list[int]
) -> Thread:
    """`size` published comments: 30 % roots, replies to depth 5, a few large branches.

    The counts are those that `comments.counts.recount` would find.
    """
    rng = random.Random(SEED + size)
    parents = _parents(rng, size)
    times = _times(rng, parents)
    order = sorted(range(size), key=times.__getitem__)  # ids rise with time, as they do in service
    made: dict[int, Comment] = {}
    for comment_id, n in enumerate(order, first_id):
        parent = parents[n]
        above = made[parent] if parent is not None else None
        body = make_body(rng)
        up, down = _votes(rng)
        made[n] = Comment(
            id=comment_id, site_id=site_id, article_id=article_id, author_id=rng.choice(user_ids),
            author_role="member", status=Status.PUBLISHED.value, version=2, body=body,
            body_html=render(body), body_hash=body_hash(body), created_at=times[n],
            published_at=times[n], parent_id=above.id if above else None,
            root_id=(above.root_id or above.id) if above else None,
            depth=above.depth + 1 if above else 0, up=up, down=down,
            top_score=wilson_lower_bound(up, down), controversy=controversy(up, down), flag_count=0,
        )
    comments = list(made.values())
    apply_counts(comments)
    # What is not given here takes its column's default when it is inserted.
    columns = [c.key for c in Comment.__table__.columns if c.nullable or getattr(comments[0], c.key) is not None]
    rows = [{name: getattr(comment, name) for name in columns} for comment in comments]
    votes = [
        {"site_id": site_id, "comment_id": c.id, "user_id": user, "value": value, "created_at": c.created_at}
        for c in comments
        for user, value in zip(user_ids, [1] * c.up + [-1] * c.down, strict=False)
    ]
    return Thread(rows, votes)


def _parents(rng: random.Random, size: int) -> list[int | None]:
    """For each comment the index of its parent, None for a root; every root is as likely a parent."""
    roots = round(size * ROOT_SHARE)
    parents: list[int | None] = [None] * roots
    depths = [0] * roots
    root_of = list(range(roots))
    open_to_replies = list(range(roots))
    large: dict[int, list[int]] = {root: [root] for root in rng.sample(range(roots), min(LARGE_BRANCHES, roots))}
    for n in range(roots, size):
        choice = large[rng.choice(list(large))] if rng.random() < LARGE_SHARE else open_to_replies
        parent = rng.choice(choice)
        parents.append(parent)
        depths.append(depths[parent] + 1)
        root_of.append(root_of[parent])
        if depths[n] < DEEPEST:
            open_to_replies.append(n)
            if root_of[n] in large:
                large[root_of[n]].append(n)
    return parents


def _times(rng: random.Random, parents: list[int | None]) -> list[dt.datetime]:
    """Roots spread evenly over SPAN, replies some hours after what they answer."""
    times: list[dt.datetime] = []
    for parent in parents:
        if parent is None:
            times.append(START + SPAN * rng.random())
        else:
            times.append(times[parent] + dt.timedelta(seconds=1 + rng.expovariate(1 / REPLY_SECONDS)))
    return times


def _votes(rng: random.Random) -> tuple[int, int]:
    if rng.random() >= VOTED_SHARE:
        return 0, 0
    return rng.randint(0, 6), rng.randint(0, 2)
