"""Isso on the same threads, installed from PyPI into a folder of its own and served as the service is.

Its comments are stored as its own API would have stored them: a reply to a reply hangs on the first comment of its thread, which
is as deep as Isso goes.
"""

from __future__ import annotations

import sqlite3
import subprocess
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from benchmarks.databases import Seeded
from benchmarks.servers import Server, serve

ISSO = "0.14.0"
SECONDS = 2.0  # of requests one after the other; the first answer does not count
VOTERS = bytes(256)  # nobody yet, as Isso's filter of addresses has it
WAYS = {"its default, every comment": "", "20 roots, 3 replies each": "&limit=20&nested_limit=3"}


@dataclass(frozen=True)
class Peer:
    """CPU milliseconds a request, by way and by the article's comments; None where no answer came within half a minute."""

    cpu: dict[str, dict[int, float | None]]


def measured(articles: Sequence[Seeded], folder: Path, port: int, log: Path) -> Peer | None:
    """Install, fill and ask it; None, and why on standard output, where it cannot be installed."""
    folder.mkdir()
    python = _installed(folder / "venv")
    if python is None:
        return None
    asking = {way: f"/?uri={{uri}}{query}" for way, query in WAYS.items()}
    found: dict[str, dict[int, float | None]] = {way: {} for way in WAYS}
    for article in sorted(articles, key=lambda one: one.thread.count):
        # A database each: it looks through all comments that it has, whichever thread is asked for.
        data, settings = folder / f"{article.article_id}.db", folder / f"{article.article_id}.cfg"
        settings.write_text(f"[general]\ndbpath = {data}\nhost = https://news.example\n[guard]\nenabled = off\n")
        environment = {"ISSO_SETTINGS": str(settings)}
        with serve("isso.run:application", port, environment, log=log, python=python):
            pass  # it makes its tables
        _fill(data, article)
        for way, path in asking.items():
            # Each of its own: one that works on what nobody waits for any more would be in the next one's way.
            with serve("isso.run:application", port, environment, log=log, python=python) as server:
                found[way][article.thread.count] = _cpu_ms(server, path.format(uri=quote(_path(article), safe="")))
        print(f"  Isso at {article.thread.count:,} done", flush=True)
    return Peer(found)


def _installed(folder: Path) -> str | None:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    wanted = [f"isso=={ISSO}", f"granian=={version('granian')}"]
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"Isso could not be installed, and is left out: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return None
    return python


def _path(article: Seeded) -> str:
    return "/" + article.url.split("/", 3)[3]


def _fill(data: Path, article: Seeded) -> None:
    columns = "tid, id, parent, created, mode, remote_addr, text, author, likes, dislikes, voters"
    rows = (
        (1, c["id"], c["root_id"], c["created_at"].timestamp(), 1, "127.0.0.0", c["body"], f"Reader {c['author_id']}", c["up"], c["down"], VOTERS)
        for c in article.thread.comments
    )
    with sqlite3.connect(data) as connection:
        connection.execute("insert into threads (id, uri, title) values (1, ?, ?)", (_path(article), article.url))
        connection.executemany(f"insert into comments ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()


def _cpu_ms(server: Server, path: str) -> float | None:
    try:
        status, _, body = server.get(path)
        if status != 200:
            raise SystemExit(f"Isso answered {status}: {body[:300]!r}")
        before, begun, asked = server.cpu_seconds(), time.monotonic(), 0
        while not asked or time.monotonic() - begun < SECONDS:
            server.get(path)
            asked += 1
    except TimeoutError:
        return None
    return (server.cpu_seconds() - before) * 1000 / asked
