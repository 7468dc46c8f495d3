"""Moves the clock of a process that was started with this folder on its path, while it runs.

Python reads this file at its start. The seconds stand in a file that the one who moves the clock writes. What measures
time that passes (`time.monotonic`) goes on, as it does when a machine's clock is set.
"""

import datetime as dt
import mmap
import os
import struct
import time
import types

_FILE = os.environ.get("CHAOS_CLOCK")

if _FILE:
    with open(_FILE, "rb") as _file:  # noqa: PTH123 - as little as possible is imported here
        _moved = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _time = time.time

    def _now() -> float:
        return _time() + float(struct.unpack_from("d", _moved)[0])

    class _Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.fromtimestamp(_now(), tz)

    time.time = _now

    from commentsvc import database

    # The one place where the service asks what time it is.
    database.dt = types.SimpleNamespace(datetime=_Clock, UTC=dt.UTC)  # type: ignore[attr-defined,assignment]
