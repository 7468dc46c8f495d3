"""Posting a comment: `python -m benchmarks.post_comment [--quick] [--record]`."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import text

from benchmarks import floor
from benchmarks.databases import Database, Seeded, add_site, prepared, seed, sessions_of
from benchmarks.load import CONNECTIONS, MARK, Plan
from benchmarks.measure import Cell, Options, interleave, options, workspace
from benchmarks.report import environment, number, publish, table
from benchmarks.servers import Server, serve, started
from benchmarks.synthetic import DEEPEST, SEED, make_body

ARTICLE_SIZE = 1_000  # what the article holds beforehand
BODIES = 400
READERS = 400  # of the articles' authors, so that hardly any two posts are of the same person
REPLY_SHARE = 0.7
WAIT_SECONDS = 5
IDLE_SECONDS = 0.15  # between two posts that wait for their verdict
WORKER = "from commentsvc import create_app; from commentsvc.tasks import run_worker; run_worker(create_app())"
WORKER_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Verdicts:
    """Milliseconds from post to answer of those that were decided in time, and all outcomes."""

    milliseconds: list[float]
    statuses: Counter[str]

    @property
    def text(self) -> str:
        if len(self.milliseconds) < 2:
            return f"Verdict at idle: none in time ({dict(self.statuses)})."
        p95 = quantiles(self.milliseconds, n=20)[-1]
        outcomes = ", ".join(f"{n} {status}" for status, n in self.statuses.most_common())
        return (
            f"Verdict at idle (post with `Prefer: wait={WAIT_SECONDS}`, one after the other): median "
            f"{median(self.milliseconds):.0f} ms, p95 {p95:.0f} ms of {len(self.milliseconds)} ({outcomes})."
        )


def plan(article: Seeded, tokens: list[str]) -> Plan:
    """Posts of about 40 words by many readers, seven in ten of them replies; no two alike."""
    rng = random.Random(SEED)
    answerable = [c["id"] for c in article.thread.comments if c["depth"] < DEEPEST]
    bodies = []
    for _ in range(BODIES):
        post: dict[str, object] = {"body": f"{make_body(rng)} {MARK}"}
        if rng.random() < REPLY_SHARE:
            post["parent_id"] = str(rng.choice(answerable))
        bodies.append(json.dumps(post))
    return Plan(
        f"/api/v1/articles/{article.article_id}/comments", {"Content-Type": "application/json"}, bodies, tokens
    )


def post(server: Server, posts: Plan, n: int, tag: str, wait: int | None = None) -> tuple[str, float]:
    """Post the n-th comment: its status in the answer, and milliseconds until that."""
    headers = {**posts.headers, "Authorization": f"Bearer {posts.tokens[n % len(posts.tokens)]}"}
    if wait is not None:
        headers["Prefer"] = f"wait={wait}"
    started_at = time.perf_counter()
    status, _, body = server.send("POST", posts.path, headers, posts.bodies[n % len(posts.bodies)].replace(MARK, f"{tag}{n}"))
    elapsed = (time.perf_counter() - started_at) * 1000
    if status not in {201, 202}:
        raise SystemExit(f"POST {posts.path} answered {status}: {body[:500]!r}")
    return _status(json.loads(body)), elapsed


def _status(data: object) -> str:
    """The comment's status, wherever in the answer it stands."""
    if isinstance(data, dict):
        if isinstance(data.get("status"), str):
            return str(data["status"])
        for value in data.values():
            if found := _status(value):
                return found
    return ""


def await_worker(server: Server, posts: Plan) -> None:
    """Post until the worker, which may have to load its model, decides one in time."""
    ready = time.monotonic() + WORKER_READY_SECONDS
    n = 0
    while post(server, posts, n, "warm-", WAIT_SECONDS)[0] == "pending":  # the model is being loaded
        n += 1
        if time.monotonic() > ready:
            raise SystemExit("The worker decided nothing within a minute.")


def verdicts(server: Server, posts: Plan, count: int) -> Verdicts:
    """Post one comment after the other with the worker idle in between."""
    await_worker(server, posts)
    taken: list[float] = []
    statuses: Counter[str] = Counter()
    for n in range(count):
        time.sleep(IDLE_SECONDS)
        status, elapsed = post(server, posts, n, "verdict-", WAIT_SECONDS)
        statuses[status] += 1
        if status != "pending":
            taken.append(elapsed)
    return Verdicts(taken, statuses)


def measure(database: Database, given: Options, log: Path) -> str:
    """The results on one database, as Markdown."""
    print(f"{database.version()}: loading", flush=True)
    site_id, people = add_site()
    [article] = seed([ARTICLE_SIZE], site_id, people)
    posts = plan(article, sessions_of(people[:READERS]))
    rows_path = f"/comment?site={site_id}&article={article.article_id}&author={people[0]}"
    bare = {floor.URL: database.url, floor.FOLDER: str(database.folder)}
    _floor_table(database)
    with ExitStack() as stack:
        least = stack.enter_context(serve("benchmarks.floor:app", given.port, bare, log=log, beside=database.server_pid))
        service = stack.enter_context(serve("wsgi:app", given.port + 1, database.environment, log=log, beside=database.server_pid))
        with started([sys.executable, "-c", WORKER], database.environment, log=log):
            outcome = verdicts(service, posts, 20 if given.quick else 100)
        print(f"  {outcome.text}", flush=True)
        # From here on no worker runs: what is measured is the post, not the model.
        cells = [
            Cell("raw Flask route", least, Plan("/raw", posts.headers, posts.bodies, posts.tokens)),
            Cell("bare durable insert", least, Plan("/insert", posts.headers, posts.bodies, posts.tokens)),
            Cell("the same of a post's rows", least, Plan(rows_path, posts.headers, posts.bodies, posts.tokens)),
            Cell("post a comment", service, posts),
        ]
        before = _pending(database)
        interleave(cells, rounds=2 if given.quick else 5, seconds=3 if given.quick else 5)
        stored = _pending(database) - before
    raw, insert, least_rows, post = cells
    rows = [
        [
            cell.name, number(cell.cpu_ms), f"{cell.cpu_ms / raw.cpu_ms:.1f}", f"{cell.cpu_ms / insert.cpu_ms:.2f}", f"{cell.cpu_ms / least_rows.cpu_ms:.2f}",
            number(cell.p50), number(cell.p99), f"{cell.per_second:,.0f}", str(cell.server_errors), str(cell.refused),
        ]
        for cell in cells
    ]
    head = ["route", "CPU ms", "x raw", "x insert", "x rows", "p50 ms", "p99 ms", "requests/s", "5xx", "4xx"]
    answered = sum(one.requests for one in post.loads)
    notes = f"{outcome.text} Rows that wait for the worker afterwards: {stored:,}, of {answered:,} answered posts and a second of warming up."
    return f"### {database.version()}\n\n{table(head, rows)}\n\n{notes}"


def _floor_table(database: Database) -> None:
    engine = floor.make_engine(database.url)
    floor.create_table(engine)
    engine.dispose()


def _pending(database: Database) -> int:
    with database.connect() as connection:
        return int(connection.scalar(text("select count(*) from comments where status = 'pending' and body_html like '<p>%'")) or 0)


def main() -> None:
    """Measure, print, and record when asked to."""
    given = options(__doc__ or "")
    with workspace() as folder:
        about = environment(folder)
        parts = []
        for kind in given.kinds:
            with prepared(kind, folder / kind) as (database, _app):
                parts.append(measure(database, given, folder / f"{kind}.log"))
        how = (
            f"{CONNECTIONS} connections kept alive, granian 2 workers x 1 thread; medians of interleaved rounds. "
            "CPU ms: user and system time a request of the whole server process tree, the database server included. "
            "Posts of about 40 words of Markdown by many signed-in readers, 70 % replies, all different; rate limits off; "
            "no worker running but for the verdicts."
        )
        publish("posting a comment", "\n\n".join([about, how, *parts]), record=given.record)


if __name__ == "__main__":
    main()
