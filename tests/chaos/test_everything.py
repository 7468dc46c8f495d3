"""The short form of the harness: a dozen kills of everything on each kind of database."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import harness


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_dozen_kills_of_anything_break_no_promise(kind: str, tmp_path: Path) -> None:
    outcome = harness.run(tmp_path, kind, kills=12, seed=random.randrange(10**6))
    assert sum(outcome.kills.values()) == 12
    assert len(outcome.ledger.posted) > 20, str(outcome)
    assert outcome.ledger.decided, str(outcome)
