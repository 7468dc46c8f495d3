"""Reading a page of a conversation: `python -m benchmarks.read_page [--quick] [--record]`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import bindparam, text

from benchmarks import floor, isso, load
from benchmarks.databases import SITE_KEY, Database, Seeded, add_site, prepared, seed
from benchmarks.load import CONNECTIONS, Plan
from benchmarks.measure import Cell, Options, interleave, options, workspace
from benchmarks.report import environment, number, publish, table
from benchmarks.servers import Server, memory_mib, serve, serve_as_shipped

SIZES = (100, 1_000, 10_000, 100_000)
QUICK_SIZES = (1_000, 10_000)
GZIP = {"Accept-Encoding": "gzip"}
PROBES = 12  # answers looked at to tell a cached page from a fresh one, over two workers
WARM_UPS = 3
MARKER = "changed behind the service"


@dataclass(frozen=True)
class Route:
    """One of the two ways to read a page, and the floor it is held against."""

    name: str
    floor_path: str

    def path(self, article: Seeded) -> str:
        if self.name == "JSON":
            return f"/api/v1/articles/{article.article_id}/comments"
        return f"/embed/{SITE_KEY}/thread?url={quote(article.url, safe='')}"


ROUTES = (Route("JSON", "/page.json"), Route("HTML", "/page.html"))


@dataclass
class Line:
    """A line of the table before it is rendered."""

    size: int
    shown: int  # comments on the page
    cell: Cell
    floor: Cell | None
    bytes_gzip: int


def _checked(server: Server, path: str, asking: Mapping[str, str] | None = None) -> tuple[dict[str, str], bytes]:
    status, headers, body = server.get(path, asking)
    if status != 200:
        raise SystemExit(f"GET {path} answered {status}: {body[:300]!r}")
    return headers, body


@contextmanager
def _changed(database: Database, article: Seeded, word: str) -> Iterator[None]:
    """The newest root says `word` without anyone being told."""
    newest = max((c for c in article.thread.comments if c["parent_id"] is None), key=lambda c: c["created_at"])
    update = text("update comments set body_html = :html where id = :id").bindparams(bindparam("id", newest["id"]))
    with database.connect() as connection:
        connection.execute(update, {"html": f"<p>{word}</p>"})
    try:
        yield
    finally:
        with database.connect() as connection:
            connection.execute(update, {"html": newest["body_html"]})


def check_caching(database: Database, article: Seeded, route: Route, *, cold: Server, cached: Server) -> None:
    """Stop unless the cold server renders every answer anew and the other one keeps what it has.

    New connections may all go to one worker for a while, so the other one may yet be without the
    page at the first try; its first answer fills its cache.
    """
    path = route.path(article)
    for turn in range(WARM_UPS):
        load.run(cached.port, Plan(path, GZIP), 1, "")
        word = f"{MARKER}, {route.name}, {turn}"
        with _changed(database, article, word):
            fresh = sum(word.encode() in _shown(cold, path) for _ in range(PROBES))
            kept = sum(word.encode() not in _shown(cached, path) for _ in range(PROBES))
        if kept == PROBES:
            break
    with database.connect() as connection:  # forget the pages that were made meanwhile
        connection.execute(text("update articles set version = version + 1 where id = :id"), {"id": article.article_id})
    if fresh < PROBES:
        raise SystemExit(f"{route.name}: {PROBES - fresh} of {PROBES} answers of the uncached server were cached ones.")
    if kept < PROBES:
        raise SystemExit(f"{route.name}: {PROBES - kept} of {PROBES} answers did not come from the page cache.")


def _shown(server: Server, path: str) -> bytes:
    headers, body = _checked(server, path, GZIP)
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def _same_comments(article: Seeded, service: Server, bare: Server) -> int:
    """How many comments the page shows; stops unless the floor reads exactly these."""
    ours = json.loads(_checked(service, ROUTES[0].path(article))[1])["comments"]
    for comment in ours:
        ours += comment["replies"]
    least = json.loads(_checked(bare, f"{ROUTES[0].floor_path}?article={article.article_id}")[1])["comments"]
    if {int(c["id"]) for c in ours} != {c["id"] for c in least}:
        raise SystemExit(f"The service shows {len(ours)} comments, the floor reads {len(least)} or others.")
    return len(ours)


def _lines(article: Seeded, route: Route, servers: tuple[Server, Server, Server, Server]) -> list[Line]:
    cold, named, cached, bare = servers
    path = route.path(article)
    least = f"{route.floor_path}?article={article.article_id}"
    headers, body = _checked(cold, path, GZIP)
    compresses = headers.get("content-encoding") == "gzip"
    small = len(body if compresses else gzip.compress(body, 6))
    shown = _same_comments(article, cold, bare)
    etag = _checked(cached, path)[0].get("etag", "")
    status, _, _ = cached.get(path, {"If-None-Match": etag})
    if status != 304:
        raise SystemExit(f"GET {path} with its own ETag answered {status}, not 304")

    def line(what: str, server: Server, plan: Plan, size: int, against: Cell | None = None) -> Line:
        cell = Cell(f"{article.thread.count} {route.name}, {what}", server, plan)
        return Line(article.thread.count, shown, cell, against, size)

    lines = []
    for note, asking in [("", {}), *([(", gzip", GZIP)] if compresses else [])]:
        floor_line = line(f"floor{note}", bare, Plan(least, asking), 0)
        lines += [floor_line, line(f"cold{note}", cold, Plan(path, asking), small, floor_line.cell)]
    unchanged = Plan(path, {**GZIP, "If-None-Match": etag})
    lines += [line("kept, version asked", named, Plan(path, GZIP), small), line("304, version asked", named, unchanged, 0)]
    lines += [line("as shipped", cached, Plan(path, GZIP), small), line("304 as shipped", cached, unchanged, 0)]
    return lines


def measure(database: Database, given: Options, log: Path) -> str:
    """The results on one database, as Markdown."""
    print(f"{database.version()}: loading", flush=True)
    site_id, people = add_site()
    articles = seed(QUICK_SIZES if given.quick else SIZES, site_id, people)
    bare = {floor.URL: database.url}
    with ExitStack() as stack:
        def up(target: str, port: int, environment: dict[str, str]) -> Server:
            return stack.enter_context(serve(target, port, environment, log=log, beside=database.server_pid))

        least = up("benchmarks.floor:app", given.port, bare)
        asking = {**database.environment, "COMMENTSVC_PAGE_REUSE_MS": "0"}
        cold = up("wsgi:app", given.port + 1, {**asking, "COMMENTSVC_PAGE_CACHE": "0"})
        named = up("wsgi:app", given.port + 2, asking)
        cached = up("wsgi:app", given.port + 3, database.environment)
        for route in ROUTES:
            check_caching(database, articles[0], route, cold=cold, cached=named)
        raw = Cell("raw", least, Plan("/raw"))
        lines = [line for article in articles for route in ROUTES for line in _lines(article, route, (cold, named, cached, least))]
        interleave([raw, *(line.cell for line in lines)], rounds=1 if given.quick else 3, seconds=1)
    memory = _memory(database, articles, given, log)
    rows = [["raw Flask route", "", "", number(raw.cpu_ms), "1", "", number(raw.p50), number(raw.p99), f"{raw.per_second:,.0f}", ""]]
    for line in lines:
        cell = line.cell
        rows.append([
            cell.name.partition(" ")[2], f"{line.size:,}", str(line.shown), number(cell.cpu_ms), f"{cell.cpu_ms / raw.cpu_ms:.1f}",
            f"{cell.cpu_ms / line.floor.cpu_ms:.1f}" if line.floor else "", number(cell.p50), number(cell.p99),
            f"{cell.per_second:,.0f}", f"{line.bytes_gzip / 1000:.1f}" if line.bytes_gzip else "",
        ])
    failed = sum(line.cell.server_errors + line.cell.refused for line in lines) + raw.server_errors
    growth = _growth(lines)
    head = ["page", "comments", "shown", "CPU ms", "x raw", "x floor", "p50 ms", "p99 ms", "requests/s", "kB gzip"]
    notes = f"{memory} Failed requests: {failed}. {growth}"
    parts = [f"### {database.version()}", table(head, rows), notes]
    if database.kind == "sqlite" and not given.quick:
        parts += _beside_isso(articles, lines, database.folder / "isso", given.port + 5, log)
    return "\n\n".join(parts)


def _beside_isso(articles: list[Seeded], lines: list[Line], folder: Path, port: int, log: Path) -> list[str]:
    """What a first view costs by Isso and by the service, on the same threads."""
    peer = isso.measured(articles, folder, port, log)
    if peer is None:
        return ["Isso could not be installed, and is not compared."]
    sizes = sorted(article.thread.count for article in articles)

    def ours(what: str) -> list[str]:
        return [number(next(line.cell.cpu_ms for line in lines if line.cell.name == f"{size} HTML, {what}")) for size in sizes]

    rows = [[f"Isso {isso.ISSO}, {way}", *("fails (30 s)" if cpu[size] is None else number(cpu[size] or 0) for size in sizes)] for way, cpu in peer.cpu.items()]
    rows += [["commentsvc, HTML, cold", *ours("cold")], ["commentsvc, HTML, as shipped", *ours("as shipped")]]
    said = "First view of the same threads, CPU ms a request; Isso served by the same granian and asked by one client, one request after the other:"
    return [said, table(["comments", *(f"{size:,}" for size in sizes)], rows)]


def _memory(database: Database, articles: list[Seeded], given: Options, log: Path) -> str:
    """What `commentsvc web --workers 2` takes after a first second of each page, and after four more."""
    with serve_as_shipped(given.port + 4, database.environment, log=log) as server:
        took = []
        for seconds in (1, 4):
            for article in articles:
                for route in ROUTES:
                    load.run(server.port, Plan(route.path(article), GZIP), seconds, "")
            took.append(f"{memory_mib(server.pids[0]):.0f}")
    return f"Memory of `commentsvc web --workers 2` (PSS of all its processes): {took[0]} MiB, after more of the same {took[1]} MiB."


def _growth(lines: list[Line]) -> str:
    """What a page costs under the largest article over one of 1,000 comments; both show about as many."""
    said = []
    for route in ROUTES:
        cold = {line.size: line for line in lines if line.cell.name.endswith(f"{route.name}, cold")}
        small, large = cold[min(s for s in cold if s >= 1_000)], cold[max(cold)]
        ratio = large.cell.cpu_ms / small.cell.cpu_ms
        said.append(f"{route.name} {ratio:.2f} ({ratio * small.shown / large.shown:.2f} per comment shown)")
    return f"Cold page at {large.size:,} comments over {small.size:,}: {', '.join(said)}."


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
            f"{CONNECTIONS} connections kept alive, granian 2 workers x 1 thread; medians of interleaved rounds of 1 s. "
            "CPU ms: user and system time a request of the whole server process tree, the database server included. "
            "First page, 20 threads, newest first. Cold: put together anew. Version asked: kept, after one statement that asks for the "
            "version. As shipped: with half a second in which a process does not ask. "
            "`x floor`: against a bare route that reads and encodes the same rows."
        )
        publish("reading a page", "\n\n".join([about, how, *parts]), record=given.record)


if __name__ == "__main__":
    main()
