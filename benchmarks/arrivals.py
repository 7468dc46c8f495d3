"""Open-loop load: requests come at a rate, whether or not the ones before are answered, as readers do.

A client that waits for its answer before it asks again slows down with the server and never shows an overload.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.load import CONNECTIONS, read_status

PATIENCE = 10.0  # seconds, after which a reader is gone
GONE = 0  # in place of a status
BROKEN = 599
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Arrival:
    """One request: when it came (seconds since the beginning), of which kind, what became of it and after how long."""

    at: float
    kind: str
    status: int
    seconds: float


class Crowd:
    """Asks `port` for what `requests` gives: a kind and the bytes to send."""

    def __init__(self, port: int, requests: Callable[[], tuple[str, bytes]]) -> None:
        self._port = port
        self._requests = requests
        self._idle: list[Stream] = []

    async def steady(self, seconds: float) -> float:
        """A few that wait for each other, as in `load`: how many are answered a second, which is what can be done."""
        begun, answered = time.perf_counter(), 0

        async def one() -> None:
            nonlocal answered
            while time.perf_counter() < begun + seconds:
                await self._ask(begun)
                answered += 1

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return answered / (time.perf_counter() - begun)

    async def come(self, rate: float, seconds: float, rng: random.Random) -> Sequence[Arrival]:
        """At `rate` a second, at random distances; returns what became of each once all are answered or gone."""
        begun = time.perf_counter()
        due, tasks = 0.0, []
        while due < seconds:
            delay = begun + due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            tasks.append(asyncio.create_task(self._ask(begun, due)))
            due += rng.expovariate(rate)
        return await asyncio.gather(*tasks)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    def _open(self) -> Stream | None:
        """A connection that is still open; a server closes those that nobody has used for long."""
        while self._idle:
            stream = self._idle.pop()
            if not stream[0].at_eof():
                return stream
            stream[1].close()
        return None

    async def _ask(self, begun: float, due: float | None = None) -> Arrival:
        kind, data = self._requests()
        # From when it was to come: a client that is late itself must not flatter the server.
        at = due if due is not None else time.perf_counter() - begun
        stream: Stream | None = None
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + PATIENCE):
                stream = self._open() or await asyncio.open_connection("127.0.0.1", self._port)
                stream[1].write(data)
                status, closes = await read_status(stream[0])
            if closes:
                stream[1].close()
            else:
                self._idle.append(stream)
        except TimeoutError:
            status = GONE
        except (OSError, asyncio.IncompleteReadError):
            status = BROKEN
        if status in {GONE, BROKEN} and stream is not None:
            with contextlib.suppress(OSError):
                stream[1].close()
        return Arrival(at, kind, status, time.perf_counter() - begun - at)
