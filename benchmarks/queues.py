"""What the review console's queues cost as a site grows: opening one, deciding and going on, searching. `python -m benchmarks.queues`.

In this process and without HTTP, so that the statements are what is measured. Each figure is the median of ROUNDS; beside
it how many times the floor it is, which is reading one comment by its primary key in a transaction of its own.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from benchmarks.databases import add_article, add_site, insert_rows, prepared, settle
from benchmarks.measure import options, workspace
from benchmarks.report import environment, number, publish, table
from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, undo
from commentsvc.moderation.filters import Filters, Order
from commentsvc.moderation.queue import Queue, cards, page_of_cards, queue_counts
from commentsvc.moderation.search import parse_query, search_comments
from commentsvc.sites.models import Site

SIZES = (1_000, 100_000, 1_000_000)
QUICK = (1_000, 20_000)
ARTICLES = 50
WAITING = 0.1  # of all comments are held
CHUNK = 50_000
ROUNDS = 30
RARE, COMMON = "quaternion", "harbour"
WORDS = tuple(f"word{n}" for n in range(2_000))


def main() -> None:
    given = options(__doc__ or "")
    lines = []
    with workspace() as folder:
        about = environment(folder)
        for kind in given.kinds:
            rows = []
            for size in QUICK if given.quick else SIZES:
                with prepared(kind, folder / f"{kind}-{size}") as (database, _app):
                    version = database.version()
                    site = fill(size)
                    rows += measure(site, size)
            lines += [f"{version}:", "", table(["comments", "waiting", *HEAD], rows), ""]
    publish("queues of the console", f"{about}\n\n" + "\n".join(lines), record=given.record)


HEAD = (
    "floor, ms", "urgent first", "oldest first", "one section", "counts of all", "approve, take back and the next card", "rare word", "common word",
)


def fill(size: int) -> int:
    """A site with so many comments, a tenth of them held; its id."""
    began = time.monotonic()
    site_id, people = add_site()
    articles = [add_article(site_id, -n)[0] for n in range(ARTICLES)]
    dice, start = random.Random(size), utcnow() - dt.timedelta(days=60)
    for first in range(0, size, CHUNK):
        insert_rows(db.engine, [(Comment.__table__, [  # type: ignore[list-item]
            _row(n, site_id, articles, people, start, dice) for n in range(first, min(first + CHUNK, size))
        ])])
    settle(db.engine)
    print(f"  {size:>9,} comments loaded in {time.monotonic() - began:.0f} s", flush=True)
    return site_id


def _row(n: int, site_id: int, articles: list[int], people: list[int], start: dt.datetime, dice: random.Random) -> dict[str, Any]:
    held = dice.random() < WAITING
    words = [dice.choice(WORDS) for _ in range(dice.randint(5, 60))]
    if n % 20_000 == 7:
        words.append(RARE)
    if n % 10 == 3:
        words.append(COMMON)
    body = " ".join(words)
    at = start + dt.timedelta(seconds=n * 4)
    public = not held and n % 25 != 0
    return {
        "id": n + 1, "site_id": site_id, "article_id": articles[n % ARTICLES], "section": "City" if n % ARTICLES < 10 else "Sport",
        "author_id": people[n % len(people)], "author_role": "member",
        "status": (Status.HELD if held else Status.PUBLISHED if public else Status.REJECTED).value,
        "body": body, "body_html": f"<p>{body}</p>", "body_hash": f"{n:032d}", "created_at": at, "accepted_at": at,
        "published_at": at if public else None, "reviewed_at": at if n % 3 == 0 and not held else None, "listed": public,
        "label": dice.choice(("insult", "toxicity", "threat")) if held else "", "language": "en",
        "due": dice.uniform(50_000, 60_000), "flag_count": int(public and n % 500 == 0),
    }


def measure(site_id: int, size: int) -> list[list[str]]:
    """One row: a size of a database."""
    write_intent.set(True)
    site = db.session.get_one(Site, site_id)
    manager = db.session.scalars(select(User).order_by(User.id).limit(1)).one()
    waiting = db.session.query(Comment.id).filter_by(site_id=site_id, status=Status.HELD.value).count()
    db.session.commit()
    floor = _median(lambda: db.session.execute(select(Comment.__table__).where(Comment.id == size // 2)).one())
    held = page_of_cards(site, Queue.HELD, limit=2)[0]

    def judge() -> None:
        comment = held[0].comment
        decision = approve(comment, actor=manager, seen=comment.version)
        cards([held[1].comment.id])
        db.session.commit()
        undo(decision, actor=manager)
        db.session.commit()

    steps: list[Callable[[], object]] = [
        lambda: page_of_cards(site, Queue.HELD),
        lambda: page_of_cards(site, Queue.HELD, order=Order.OLDEST),
        lambda: page_of_cards(site, Queue.HELD, filters=Filters(section="City")),
        lambda: queue_counts(site),
        judge,
        lambda: search_comments(site, parse_query(RARE)),
        lambda: search_comments(site, parse_query(COMMON)),
    ]
    found = [_median(step) for step in steps]
    return [[f"{size:,}", f"{waiting:,}", number(floor * 1000), *(f"{number(one * 1000)} ({one / floor:,.0f} x)" for one in found)]]


def _median(step: Callable[[], object]) -> float:
    """Seconds, each in a transaction of its own; the first of all is not counted."""
    took = []
    for _ in range(ROUNDS + 1):
        db.session.expire_all()
        began = time.perf_counter()
        step()
        db.session.rollback()
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


if __name__ == "__main__":
    main()
