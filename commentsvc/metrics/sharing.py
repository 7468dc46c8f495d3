"""A folder in which the web processes of one server keep their counts.

Imports nothing of prometheus-client: that chooses when it is imported where counts are kept, and
processes that are forked have what their parent imported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own name


@contextmanager
def shared_between_processes(processes: int) -> Iterator[None]:
    """Let the processes that are started within keep their counts where each can add them up.

    In a folder of this server's own, gone with it. A single process counts in its memory.
    """
    if processes < 2 or os.environ.get(FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="commentsvc-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
