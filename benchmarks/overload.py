"""Twice what the service can do: `python -m benchmarks.overload [--quick] [--record]`."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Self
from urllib.parse import quote

from benchmarks.arrivals import GONE, Arrival, Crowd
from benchmarks.databases import SITE_KEY, Database, Seeded, add_site, prepared, seed, sessions_of
from benchmarks.load import MARK
from benchmarks.measure import Options, options, workspace
from benchmarks.post_comment import plan
from benchmarks.report import environment, number, publish, table
from benchmarks.servers import Server, await_answer, memory_mib, started
from benchmarks.synthetic import SEED

ARTICLES = 20
ARTICLE_SIZE = 300
READERS = 200
# What comes, in hundredths. A crowd on one article, people who look around, people who write.
KINDS = {"kept page": 30, "read": 50, "post": 20}
USEFUL = 2.0  # seconds; a later answer is for nobody
TIMES = 2.0
CALM = 0.4
AFTER = 15  # seconds that are watched when the rush is over
PROCESSES = ("--workers", "1")  # the other core is for who asks


@dataclass
class Run:
    """The service with or without shedding: calm, twice its capacity, calm again."""

    shedding: bool
    rate: float
    calm: Sequence[Arrival]
    rush: Sequence[Arrival]
    rush_seconds: float
    after: Sequence[Arrival]
    memory: list[float]  # before, at most during, after

    def useful(self) -> float:
        """Answers a second that were in time."""
        return sum(good(a) and a.seconds <= USEFUL for a in self.rush) / self.rush_seconds

    def recovered(self) -> str:
        """Seconds after the rush until 19 in 20 of each second are answered, and about as quickly as before it."""
        usual = max(2 * percentile([a.seconds for a in self.calm], 95), 0.1)
        came = Counter(int(a.at) for a in self.after)
        late = Counter(int(a.at) for a in self.after if not good(a) or a.seconds > usual)
        last = max((second + 1 for second in came if late[second] > came[second] / 20), default=0)
        return str(last) if last < AFTER else f"not within {AFTER}"


def good(arrival: Arrival) -> bool:
    return 200 <= arrival.status < 400


def percentile(values: Sequence[float], which: int) -> float:
    return quantiles(values, n=100)[which - 1] if len(values) > 1 else 0.0


class Asked:
    """The mix of requests, the same in each run."""

    def __init__(self, articles: Sequence[Seeded], tokens: list[str], tag: str) -> None:
        self._rng = random.Random(SEED)
        self._articles = articles
        self._posts = [plan(article, tokens) for article in articles]
        self._tokens = tokens
        self._tag = tag
        self._n = 0

    def __call__(self) -> tuple[str, bytes]:
        self._n += 1
        [kind] = self._rng.choices(list(KINDS), list(KINDS.values()))
        if kind == "kept page":
            return kind, _request("GET", f"/embed/{SITE_KEY}/thread?url={quote(self._articles[0].url, safe='')}", {"Accept-Encoding": "gzip"})
        signed = {"Authorization": f"Bearer {self._rng.choice(self._tokens)}"}
        which = self._rng.randrange(len(self._articles))
        if kind == "read":  # signed in: hers alone, from no memory
            return kind, _request("GET", f"/api/v1/articles/{self._articles[which].article_id}/comments", signed)
        posts = self._posts[which]
        body = self._rng.choice(posts.bodies).replace(MARK, f"{self._tag}{self._n}")
        return kind, _request("POST", posts.path, {**signed, "Content-Type": "application/json"}, body)


def _request(method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    sent = {"Host": "127.0.0.1", **headers, **({"Content-Length": str(len(body.encode()))} if body else {})}
    return "\r\n".join([f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items()), "", body]).encode()


def run(
    database: Database, port: int, log: Path, asked: Asked, *, shedding: bool, seconds: float, rate: float | None
) -> tuple[Run, float]:
    """One server's life; with `rate` None its capacity is measured first. The run, and the capacity."""
    command = [sys.executable, "-m", "commentsvc.cli", "web", "--port", str(port), *PROCESSES]
    settings = {**database.environment, **({} if shedding else {"COMMENTSVC_WAITING_ROOM": "0"})}
    with started(command, settings, log=log) as process:
        heads = (process.pid,) if database.server_pid is None else (process.pid, database.server_pid)
        await_answer(Server(port, heads), process, log)
        return asyncio.run(_run(port, process.pid, asked, shedding=shedding, seconds=seconds, rate=rate))


async def _run(port: int, pid: int, asked: Callable[[], tuple[str, bytes]], *, shedding: bool, seconds: float, rate: float | None) -> tuple[Run, float]:
    crowd, rng = Crowd(port, asked), random.Random(SEED)
    await crowd.steady(3)  # caches, connections, threads
    capacity = rate or await crowd.steady(max(seconds / 3, 4))
    calm = await crowd.come(CALM * capacity, max(seconds / 6, 4), rng)
    before = memory_mib(pid)
    with Watch(pid) as watch:
        rushing = asyncio.create_task(crowd.come(TIMES * capacity, seconds, rng))
        await asyncio.sleep(seconds)
        after = await crowd.come(CALM * capacity, AFTER, rng)  # while what is left of the rush is still in the queues
        rush = await rushing
    crowd.close()
    return Run(shedding, TIMES * capacity, calm, rush, seconds, after, [before, watch.most, memory_mib(pid)]), capacity


class Watch:
    """Looks at the server's memory every second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.most = 0.0

    def _look(self) -> None:
        while not self._over.wait(1):
            self.most = max(self.most, memory_mib(self._pid))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def measure(database: Database, given: Options, log: Path) -> str:
    """The results on one database, as Markdown."""
    print(f"{database.version()}: loading", flush=True)
    site_id, people = add_site()
    articles = seed([ARTICLE_SIZE + n for n in range(ARTICLES)], site_id, people)
    tokens = sessions_of(people[:READERS])
    seconds = 12.0 if given.quick else 45.0
    runs, capacity = [], None
    for shedding in (True, False):
        asked = Asked(articles, tokens, f"{shedding}-")
        found, capacity = run(database, given.port, log, asked, shedding=shedding, seconds=seconds, rate=capacity)
        runs.append(found)
        print(f"  {'with' if shedding else 'without'} shedding: {found.useful():.0f} of {capacity:.0f} a second", flush=True)
    assert capacity is not None
    rows = [
        [
            "with shedding" if r.shedding else "without", f"{len(r.rush) / r.rush_seconds:,.0f}", f"{r.useful():,.0f}",
            f"{r.useful() / capacity:.2f}", r.recovered(), *(f"{m:.0f}" for m in r.memory),
        ]
        for r in runs
    ]
    together = ["", "came a second", f"answered within {USEFUL:.0f} s", "x capacity", "recovered after s", "MiB before", "at most", "after"]
    classes = [
        row for r in runs for row in _by_kind("with shedding" if r.shedding else "without", r.rush)
    ]
    head = ["", "kind", "came", "answered", "503", "gone after 10 s", "other", "p50 ms", "p99 ms", "p99 ms of a 503"]
    return "\n\n".join([
        f"### {database.version()}",
        f"Capacity, 16 connections that wait for their answers: {capacity:,.0f} requests a second.",
        table(together, rows), table(head, classes),
    ])


def _by_kind(name: str, rush: Sequence[Arrival]) -> list[list[str]]:
    rows = []
    for kind in KINDS:
        of = [a for a in rush if a.kind == kind]
        became = Counter("good" if good(a) else "503" if a.status == 503 else "gone" if a.status == GONE else "other" for a in of)
        times = [a.seconds * 1000 for a in of if good(a)]
        refused = [a.seconds * 1000 for a in of if a.status == 503]
        rows.append([
            name, kind, f"{len(of):,}", *(f"{became[what] / max(len(of), 1):.1%}" for what in ("good", "503", "gone", "other")),
            number(percentile(times, 50)), number(percentile(times, 99)), number(percentile(refused, 99)),
        ])
    return rows


def main() -> None:
    """Measure each database that was asked for, print, and record if wanted."""
    given = options(__doc__ or "")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # whoever waits holds a connection
    with workspace() as folder:
        parts = [
            f"{environment(folder)} `commentsvc web {' '.join(PROCESSES)}`, the client in asyncio on the same machine, no worker.",
            (f"Of 100 requests {', '.join(f'{share} are {kind}s' for kind, share in KINDS.items())}, at random moments whether or not those before are "
            f"answered: {CALM:g} of the capacity, then {TIMES:g} times it, then {CALM:g} again. A reader is gone after 10 s."),
        ]
        for kind in given.kinds:
            with prepared(kind, folder / kind) as (database, _app):
                parts.append(measure(database, given, folder / f"{kind}.log"))
    publish("twice the load", "\n\n".join(parts), record=given.record)


if __name__ == "__main__":
    main()
