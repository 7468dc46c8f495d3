"""The screening worker: verdicts while it idles, and a backlog that drains."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Engine as Sql
from sqlalchemy import create_engine, text

from benchmarks.databases import (
    Database,
    Seeded,
    add_site,
    insert_rows,
    prepared,
    seed,
    sessions_of,
    settle,
)
from benchmarks.engines import Child, Engine, loaded, sample
from benchmarks.load import MARK, Plan
from benchmarks.measure import Options
from benchmarks.post_comment import REPLY_SHARE, await_worker, post
from benchmarks.report import number, table
from benchmarks.servers import Server, cpu_seconds, pin, resident_mib, serve, started, tree
from benchmarks.synthetic import DEEPEST, SEED
from commentsvc.comments.models import Comment
from commentsvc.comments.submit import body_hash
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.markup import render
from commentsvc.screening.toxicity import BUNDLED_DIR

WORKER = (sys.executable, "-m", "commentsvc.cli", "worker")
ARTICLE_SIZES = (200, 400, 600, 800, 1000)  # published before; seven in ten of what is added reply to these
READERS = 400
AGO, APART = dt.timedelta(minutes=2), dt.timedelta(seconds=0.5)  # when the backlog's last was posted, and how fast
WAIT_SECONDS = 10  # the longest that the service waits by default
BETWEEN_POSTS = 0.15
BETWEEN_POSTS_BUSY = 0.5
BETWEEN_LOOKS = 0.1
STALLED_SECONDS = 120.0
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 10.0
OWN_SPEED_TEXTS = 300
WARM_UPS = 10
CHILD = b"commentsvc.screening.scoring_child"


@dataclass
class Waits:
    """Milliseconds from post to answer of what was decided in time, and all outcomes."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, status: str, elapsed: float) -> None:
        self.statuses[status] += 1
        if status != "pending":
            self.milliseconds.append(elapsed)

    @property
    def cells(self) -> list[str]:
        """Median, p95, the slowest, how many, and how many of them had no verdict in time."""
        late = self.statuses["pending"]
        if len(self.milliseconds) < 2:
            return ["", "", "", str(self.statuses.total()), str(late)]
        p95 = quantiles(self.milliseconds, n=20, method="inclusive")[-1]
        values = (median(self.milliseconds), p95, max(self.milliseconds))
        return [*(f"{value:.0f}" for value in values), str(self.statuses.total()), str(late)]


@dataclass(frozen=True)
class Running:
    """A worker and the process in which it scores."""

    pid: int
    database: tuple[int, ...]

    @property
    def scoring(self) -> int:
        """The process that scores; the run stops unless there is exactly one."""
        found = [pid for pid in tree([self.pid]) if CHILD in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if len(found) != 1:
            raise SystemExit(f"The worker has {len(found)} scoring processes.")
        return found[0]

    def scoring_once_loaded(self) -> int:
        """The same, however long its start takes."""
        deadline = time.monotonic() + STALLED_SECONDS
        while not any(CHILD in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree([self.pid])):
            if time.monotonic() > deadline:
                raise SystemExit("The worker starts no scoring process.")
            time.sleep(BETWEEN_LOOKS)
        return self.scoring

    def memory(self) -> str:
        (now, peak), (rest, _) = resident_mib(self.scoring), resident_mib(self.pid)
        return f"{now:.0f} MiB (at most {peak:.0f} so far), the worker beside it {rest:.0f}"

    def cpu(self) -> tuple[float, float, float]:
        """Seconds so far: scoring, the rest of the worker, the database server."""
        scoring = cpu_seconds([self.scoring])
        return scoring, cpu_seconds([self.pid]) - scoring, cpu_seconds(self.database)


@dataclass(frozen=True)
class Drain:
    """A backlog's end: how fast, at which cost, and how new comments fared meanwhile."""

    size: int
    beside: bool
    seconds: float
    per_second: float
    alone: tuple[float, float]  # comments a second of the model by itself, before and after
    cpu_ms: tuple[float, float, float]  # a comment, as Running.cpu
    fresh: Waits
    outcomes: Counter[str]
    memory: str

    @property
    def row(self) -> list[str]:
        alone = sum(self.alone) / 2
        return [
            f"{self.size:,}, {'bookkeeping on another core' if self.beside else 'all on one core'}", f"{self.seconds:.0f}", f"{self.per_second:.1f}", f"{alone:.1f}", f"{self.per_second / alone:.2f}",
            *(number(spent) if spent else "" for spent in self.cpu_ms), *self.fresh.cells,
        ]


HEAD = [
    "backlog", "seconds", "comments/s", "model alone/s", "ratio", "CPU ms a comment: scoring", "worker", "database server",
    "fresh verdict ms, median", "p95", "slowest", "posts", "late",
]


@dataclass(frozen=True)
class Place:
    """What the measurements of one database share."""

    database: Database
    site_id: int
    people: list[int]
    articles: list[Seeded]
    log: Path
    cores: Collection[int]
    others: Collection[int]

    @contextmanager
    def worker(self, *, beside: bool = False) -> Iterator[Running]:
        """`commentsvc worker` on its cores, with as many threads as those are.

        With `beside` only what scores is kept to them: the bookkeeping has the other cores.
        """
        environment = {**self.database.environment, "COMMENTSVC_SCREENING_THREADS": str(len(self.cores))}
        with started(list(WORKER), environment, log=self.log) as process:
            pin([process.pid], self.cores)  # its threads and its child come later, and inherit this
            server = self.database.server_pid
            running = Running(process.pid, () if server is None else (server,))
            if beside:
                scoring = running.scoring_once_loaded()
                pin([process.pid], set(self.others) - set(self.cores))
                pin([scoring], self.cores)
            yield running

    def add_backlog(self, texts: Sequence[str]) -> int:
        """Store comments as readers wrote them while no worker ran; the highest id there was before."""
        rng = random.Random(SEED)
        rows = []
        ended = utcnow() - AGO
        for n, body in enumerate(texts):
            article = rng.choice(self.articles)
            parent = _parent(rng, article) if rng.random() < REPLY_SHARE else None
            rows.append({
                "site_id": self.site_id, "article_id": article.article_id, "author_id": rng.choice(self.people), "body": body,
                "body_html": render(body), "body_hash": body_hash(body), "parent_id": parent["id"] if parent else None,
                "root_id": (parent["root_id"] or parent["id"]) if parent else None, "depth": parent["depth"] + 1 if parent else 0,
                "created_at": ended - (len(texts) - n) * APART,
            })
        with self.database.connect() as connection:
            before = int(connection.scalar(text("select max(id) from comments")) or 0)
        insert_rows(db.engine, [(Comment.__table__, rows)])  # type: ignore[list-item]
        settle(db.engine)
        return before


def _parent(rng: random.Random, article: Seeded) -> dict[str, Any]:
    return rng.choice([c for c in islice(article.thread.comments, 100) if c["depth"] < DEEPEST])


def plan(article: Seeded, texts: Sequence[str], tokens: list[str]) -> Plan:
    """The comments as posts of these readers, no two alike, seven in ten of them replies."""
    rng = random.Random(SEED)
    bodies = []
    for body in texts:
        given: dict[str, object] = {"body": f"{body} {MARK}"}
        if rng.random() < REPLY_SHARE:
            given["parent_id"] = str(_parent(rng, article)["id"])
        bodies.append(json.dumps(given))
    return Plan(f"/api/v1/articles/{article.article_id}/comments", {"Content-Type": "application/json"}, bodies, tokens)


def at_idle(service: Server, posts: Plan, count: int) -> Waits:
    """One post after the other, the worker idle in between."""
    waits = Waits()
    for n in range(count):
        time.sleep(BETWEEN_POSTS)
        waits.add(*post(service, posts, n, "idle-", WAIT_SECONDS))
    return waits


def idle_cpu(running: Running) -> tuple[float, float]:
    """Per cent of a core that worker and database server use while nothing waits."""
    time.sleep(SETTLE_SECONDS)
    begun, before = time.perf_counter(), running.cpu()
    time.sleep(IDLE_SECONDS)
    seconds = time.perf_counter() - begun
    scoring, worker, server = (after - first for after, first in zip(running.cpu(), before, strict=True))
    return (scoring + worker) * 100 / seconds, server * 100 / seconds


def drain(place: Place, service: Server, model: Child, posts: Plan, texts: Sequence[str], *, beside: bool) -> Drain:
    """Pile `texts` up while no worker runs, then start one and watch."""
    print(f"  a backlog of {len(texts):,}", flush=True)
    before = place.add_backlog(texts)
    some = sample(texts, OWN_SPEED_TEXTS)
    model.per_second(some[:WARM_UPS])
    alone = model.per_second(some)
    watching = create_engine(place.database.url)
    last = before + len(texts)
    waits = Waits()
    with place.worker(beside=beside) as running:
        _until_below(watching, before, last, len(texts))
        begun, first, spent = time.perf_counter(), _pending(watching, before, last), running.cpu()
        over = threading.Event()
        poster = threading.Thread(target=_post_until, args=(service, posts, over, waits))
        poster.start()
        try:
            _until_below(watching, before, last, 1)
            seconds = time.perf_counter() - begun
            decided = first + waits.statuses.total()  # the fresh ones cost something, too
            scoring, worker, server = (
                (after - earlier) * 1000 / decided for after, earlier in zip(running.cpu(), spent, strict=True)
            )
        finally:
            over.set()
            poster.join()
        memory = running.memory()
    again = model.per_second(some)
    with watching.connect() as connection:
        query = text("select status, count(*) from comments where id > :before and id <= :last group by status")
        outcomes = Counter({str(row[0]): int(row[1]) for row in connection.execute(query, {"before": before, "last": last})})
    watching.dispose()
    return Drain(
        len(texts), beside, seconds, first / seconds, (alone, again), (scoring, worker, server), waits, outcomes, memory
    )


def _pending(watching: Sql, before: int, last: int) -> int:
    query = text("select count(*) from comments where status = 'pending' and id > :before and id <= :last")
    with watching.connect() as connection:
        return int(connection.scalar(query, {"before": before, "last": last}) or 0)


def _until_below(watching: Sql, before: int, last: int, goal: int) -> None:
    """Look until fewer than `goal` wait; stop everything where they become no fewer."""
    least, moved = last - before + 1, time.monotonic()
    while (now := _pending(watching, before, last)) >= goal:
        if now < least:
            least, moved = now, time.monotonic()
        if time.monotonic() - moved > STALLED_SECONDS:
            raise SystemExit(f"The worker decides nothing; {now:,} comments wait.")
        time.sleep(BETWEEN_LOOKS)


def _post_until(service: Server, posts: Plan, over: threading.Event, waits: Waits) -> None:
    n = 0
    while not over.wait(BETWEEN_POSTS_BUSY):
        waits.add(*post(service, posts, n, "busy-", WAIT_SECONDS))
        n += 1


def measure(kind: str, folder: Path, given: Options, texts: Sequence[str], size: int, cores: Collection[int], port: int) -> str:
    """The results on one kind of database, as Markdown."""
    with prepared(kind, folder / kind) as (database, _app):
        version = database.version()
        print(f"{version}: loading", flush=True)
        site_id, people = add_site()
        articles = seed(ARTICLE_SIZES, site_id, people)
        posts = plan(articles[-1], texts, sessions_of(people[:READERS]))
        log = folder / f"{kind}.log"
        place = Place(database, site_id, people, articles, log, cores, os.sched_getaffinity(0))
        model = Engine("bundled", "onnx", BUNDLED_DIR)
        with (
            serve("wsgi:app", port, database.environment, log=log, beside=database.server_pid) as service,
            loaded(model, cores) as alone,
        ):
            with place.worker() as running:
                await_worker(service, posts)
                idle = at_idle(service, posts, 20 if given.quick else 100)
                worker_idle, server_idle = idle_cpu(running)
                memory = running.memory()
            piled = [f"{texts[n % len(texts)]} ({n})" for n in range(size)]
            found = [drain(place, service, alone, posts, piled, beside=False)]
            if set(place.others) - set(cores):
                found.append(drain(place, service, alone, posts, piled[: size // 4], beside=True))
    notes = [
        f"Verdict at idle: median {idle.cells[0]} ms, p95 {idle.cells[1]} ms, slowest {idle.cells[2]} ms; {_words(idle.statuses)}.",
        f"Idle: the worker uses {worker_idle:.1f} % of a core"
        + (f", the database server {server_idle:.1f} %" if database.server_pid else "") + f" (over {IDLE_SECONDS:.0f} s).",
        f"Memory (RSS) of the scoring process: idle {memory}; after the backlog {found[0].memory}.",
        *(
            f"The backlog of {one.size:,}: {_words(one.outcomes)}. Model alone: {one.alone[0]:.1f}/s before it, "
            f"{one.alone[1]:.1f}/s after."
            for one in found
        ),
    ]
    return f"### {version}\n\n" + "\n".join(f"- {note}" for note in notes) + f"\n\n{table(HEAD, [one.row for one in found])}"


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {status}" for status, n in counts.most_common())
