"""Closed-loop load: 16 connections kept alive, each sending its next request on an answer.

wrk does it where it is installed; it costs the machine little. Otherwise a client in asyncio
does, which competes with the server for the processor: CPU per request stays right, latency and
throughput suffer, so results name the client.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

CONNECTIONS = 16
WRK = shutil.which("wrk")
CLIENT = "wrk" if WRK else "asyncio client"
MARK = "@@"  # in a body: replaced by a text that no other request has


@dataclass(frozen=True)
class Plan:
    """What to send: GET, or POST of the bodies in turn, signed by the tokens in turn."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    bodies: Sequence[str] = ()
    tokens: Sequence[str] = ()


@dataclass(frozen=True)
class Load:
    """What came back; latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    server_errors: int  # 5xx, and connections that failed
    refused: int  # 4xx


def run(port: int, plan: Plan, seconds: int, tag: str) -> Load:
    """Send as `plan` says for so long; `tag` makes the bodies of this run its own."""
    if WRK:
        return _wrk(port, plan, seconds, tag)
    return asyncio.run(_python(port, plan, seconds, tag))


_DONE = """
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests": %d, "microseconds": %d, "p50": %f, "p99": %f, "broken": %d, "refused": %d, "failed": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, first and first:get("refused") or 0, first and first:get("failed") or e.status))
end
"""

_POST = """
local n = 0
refused, failed = 0, 0
setup = function(thread) first = thread end
request = function()
  n = n + 1
  headers["Authorization"] = "Bearer " .. tokens[n % #tokens + 1]
  local body = string.gsub(bodies[n % #bodies + 1], "@@", tag .. n)
  return wrk.format("POST", path, headers, body)
end
response = function(status)
  if status >= 500 then failed = failed + 1 elseif status >= 400 then refused = refused + 1 end
end
"""


def _lua(text: str) -> str:
    return f" [==[{text}]==]"  # the space: "[[" would open another literal


def _script(plan: Plan, tag: str) -> str:
    if not plan.bodies:
        return "".join(f"wrk.headers[{_lua(k)}] = {_lua(v)}\n" for k, v in plan.headers.items()) + _DONE
    tables = [
        "headers = {" + ", ".join(f"[{_lua(k)}] = {_lua(v)}" for k, v in plan.headers.items()) + "}",
        "bodies = {" + ",\n".join(map(_lua, plan.bodies)) + "}",
        "tokens = {" + ", ".join(map(_lua, plan.tokens)) + "}",
        f"path, tag = {_lua(plan.path)}, {_lua(tag)}",
    ]
    return "\n".join(tables) + _POST + _DONE


def _wrk(port: int, plan: Plan, seconds: int, tag: str) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_script(plan, tag))
        command = [
            str(WRK), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script),
            f"http://127.0.0.1:{port}{plan.path}",
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line for line in output.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"wrk failed: {output.stdout}{output.stderr}")
    data = json.loads(found[0].removeprefix("RESULT "))
    return Load(
        requests=data["requests"], seconds=data["microseconds"] / 1e6, p50=data["p50"] / 1e3, p99=data["p99"] / 1e3,
        server_errors=data["broken"] + data["failed"], refused=data["refused"],
    )


async def _python(port: int, plan: Plan, seconds: int, tag: str) -> Load:
    numbers = itertools.count(1)
    latencies: list[float] = []
    statuses: list[int] = []
    end = time.perf_counter() + seconds

    async def reader() -> None:
        while time.perf_counter() < end:
            try:
                stream, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                statuses.append(599)
                return
            try:
                while time.perf_counter() < end:
                    started = time.perf_counter()
                    writer.write(_request(plan, next(numbers), tag))
                    statuses.append((await read_status(stream))[0])
                    latencies.append(time.perf_counter() - started)
            except (OSError, asyncio.IncompleteReadError):
                statuses.append(599)
            finally:
                writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(reader() for _ in range(CONNECTIONS)))
    cuts = quantiles(latencies, n=100)
    return Load(
        requests=len(latencies), seconds=time.perf_counter() - started, p50=cuts[49] * 1e3, p99=cuts[98] * 1e3,
        server_errors=sum(s >= 500 for s in statuses), refused=sum(400 <= s < 500 for s in statuses),
    )


def _request(plan: Plan, n: int, tag: str) -> bytes:
    headers = {"Host": "127.0.0.1", **plan.headers}
    body = ""
    if plan.bodies:
        body = plan.bodies[n % len(plan.bodies)].replace(MARK, f"{tag}{n}")
        headers |= {"Authorization": f"Bearer {plan.tokens[n % len(plan.tokens)]}", "Content-Length": str(len(body.encode()))}
    lines = [f"{'POST' if plan.bodies else 'GET'} {plan.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def read_status(stream: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one answer to its end; its status, and whether the connection ends with it."""
    head = (await stream.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    if "transfer-encoding: chunked" in head:
        while size := int((await stream.readline()).strip(), 16):
            await stream.readexactly(size + 2)
        await stream.readline()
    elif status not in {204, 304} and "content-length:" in head:
        await stream.readexactly(int(head.partition("content-length:")[2].split()[0]))
    return status, "connection: close" in head
