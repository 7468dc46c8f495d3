"""What being watched costs: `python -m benchmarks.monitoring [--quick] [--record]`."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Table, insert

from benchmarks.databases import SECRET, Database, add_article, add_site, prepared
from benchmarks.measure import options, workspace
from benchmarks.report import environment, number, publish, table
from commentsvc import create_app
from commentsvc.comments.models import Comment
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.metrics.sharing import FOLDER
from commentsvc.moderation.models import Decision, Screening
from commentsvc.screening.toxicity import LABELS

TOKEN = "for measurements only, too"
BEFORE = 200_000  # comments of earlier days
TODAY = (1_000, 10_000, 100_000)  # comments of this day, one after the other
SCRAPES = 11
CHUNK = 5_000
BODY = "a body of about as many characters as comments of a newspaper have " * 6
# In a process of its own, as prometheus-client chooses when it is imported where counts are kept.
COUNTING = """
import time
from commentsvc.metrics.requests import REQUESTS, SECONDS
def once():
    REQUESTS.labels("/embed/a/<row_id:article_id>", "GET", "200").inc()
    SECONDS.labels("/embed/a/<row_id:article_id>", "GET").observe(0.003)
for _ in range(1000): once()
began = time.process_time()
for _ in range(20000): once()
print((time.process_time() - began) / 20000 * 1e6)
"""


def counting(folder: str = "") -> float:
    """Microseconds of CPU that counting one request costs; with a folder, as several processes share it."""
    environ = {**os.environ, **({FOLDER: folder} if folder else {})}
    return float(subprocess.run([sys.executable, "-c", COUNTING], env=environ, capture_output=True, text=True, check=True).stdout)


def fill(site: int, article: int, author: int, first: int, number_of: int, at: dt.datetime) -> None:
    """So many comments, each posted and published at a time, with what screening leaves of it."""
    scores = dict.fromkeys(LABELS, 0.01)
    for start in range(first, first + number_of, CHUNK):
        ids = range(start, min(start + CHUNK, first + number_of))
        rows: dict[Any, Iterator[dict[str, Any]]] = {
            Comment.__table__: ({
                "id": n, "site_id": site, "article_id": article, "author_id": author, "status": "published", "body": BODY,
                "body_html": BODY, "body_hash": str(n), "created_at": at, "accepted_at": at,
            } for n in ids),
            Decision.__table__: ({
                "id": n, "site_id": site, "comment_id": n, "revision": 1, "from_status": "pending", "to_status": "published",
                "reason": "clean", "note": "", "created_at": at + dt.timedelta(milliseconds=n % 500),
            } for n in ids),
            Screening.__table__: ({
                "id": n, "site_id": site, "comment_id": n, "revision": 1, "verdict": "publish", "findings": [], "scores": scores,
                "model_name": "minilm", "model_version": "1", "created_at": at,
            } for n in ids),
        }
        with db.engine.begin() as connection:
            for one, values in rows.items():
                written: Table = one
                connection.execute(insert(written), list(values))


def scrapes(database: Database) -> list[float]:
    """Milliseconds of answers of /metrics, after the first, which also finds where the day begins."""
    app = create_app(
        Settings(INSTANCE=str(database.folder), DATABASE_URL=database.url, SECRET_KEY=SECRET, RATE_LIMITS=False, METRICS_TOKEN=TOKEN)
    )
    client, times = app.test_client(), []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        times.append((time.perf_counter() - began) * 1000)
    with app.app_context():
        db.engine.dispose()
    return times[1:]


def measure(database: Database, *, quick: bool) -> list[list[str]]:
    """A row for each size of the day."""
    site, people = add_site()
    article, _ = add_article(site, 1)
    midnight = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
    fill(site, article, people[0], 1, BEFORE // (10 if quick else 1), midnight - dt.timedelta(days=3))
    rows, made = [], 0
    for today in TODAY[:2] if quick else TODAY:
        fill(site, article, people[0], BEFORE + 1 + made, today - made, midnight)
        made = today
        times = scrapes(database)
        rows.append([f"{database.kind}, {today:,} comments today", number(median(times)), number(max(times))])
    return rows


def main() -> None:
    """Measure, print, and record when asked to."""
    given = options(__doc__ or "")
    with workspace() as base:
        folder = Path(base)
        about = environment(folder, ["prometheus-client"])
        with tempfile.TemporaryDirectory() as shared:
            said = (
                f"Counting one request: {number(counting())} µs of CPU in one process, {number(counting(shared))} µs where several share "
                "a folder."
            )
        rows = []
        for kind in given.kinds:
            with prepared(kind, folder / kind) as (database, _app):
                rows += measure(database, quick=given.quick)
        before = BEFORE // (10 if given.quick else 1)
        how = f"One scrape of /metrics after another, milliseconds from asking to answer, {before:,} comments of earlier days."
        publish("being watched", "\n\n".join([about, said, how, table(["", "median ms", "slowest ms"], rows)]), record=given.record)


if __name__ == "__main__":
    main()
