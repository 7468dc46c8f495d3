"""The short form of the harness: some kills of everything on each kind of database, and a few of each other fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import harness


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_some_kills_of_anything_break_no_promise(kind: str, tmp_path: Path) -> None:
    outcome = harness.run(tmp_path, kind, kills=5, seed=random.randrange(10**6))
    assert sum(outcome.kills.values()) == 5
    assert len(outcome.ledger.posted) > 5, str(outcome)
    assert outcome.ledger.decided, str(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "kind"), [("connections", "postgresql"), ("clocks", "sqlite"), ("disk", "sqlite")])
def test_neither_broken_connections_nor_wrong_clocks_nor_a_full_disk_break_a_promise(fault: str, kind: str, tmp_path: Path) -> None:
    try:
        outcome = harness.run(tmp_path, kind, kills=3, seed=random.randrange(10**6), faults=[fault])
    except PermissionError as refused:
        pytest.skip(f"a small disk of its own cannot be mounted here: {refused}")
    assert sum(outcome.kills.values()) == 3
    assert outcome.ledger.posted, str(outcome)
    if fault == "disk":
        assert outcome.ledger.answers["503"], f"it was never full; {outcome}"
