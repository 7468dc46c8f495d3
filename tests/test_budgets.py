"""Limits that are counted by hand, while the store that all processes share comes and goes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from limits.strategies import RateLimiter

from commentsvc.budgets import AWAY, Budgets, budgets
from commentsvc.config import Settings
from commentsvc.embed.limits import spend
from commentsvc.errors import TooSoon
from tests.redis import running_redis
from tests.test_readiness import application

ITEM = parse("3 per hour")


class World:
    """A shared store that can be away, and a clock."""

    def __init__(self) -> None:
        self.now, self.asked, self.away = 0.0, 0, False
        there = Budgets(lambda: None)._here  # type: ignore[arg-type, return-value]
        self.there: RateLimiter = there
        self.budgets = Budgets(self._shared, lambda: self.now)

    def _shared(self) -> RateLimiter:
        self.asked += 1
        if self.away:
            raise ConnectionError("redis://:password@internal")
        return self.there


@pytest.fixture
def world() -> World:
    return World()


def test_a_spent_limit_says_when_there_is_more(world: World) -> None:
    assert [world.budgets.spend(ITEM, "anna") for _ in range(3)] == [None] * 3
    assert 3500 < (world.budgets.spend(ITEM, "anna") or 0) <= 3600
    assert world.budgets.spend(ITEM, "bo") is None
    assert world.budgets.wait(ITEM, "anna") is not None
    assert [world.budgets.wait(ITEM, "bo") for _ in range(9)] == [None] * 9, "looking costs nothing"


def test_from_the_first_request_without_its_store_on_it_is_counted_here(world: World) -> None:
    world.away = True
    assert [world.budgets.spend(ITEM, "anna") for _ in range(3)] == [None] * 3
    assert world.budgets.spend(ITEM, "anna") is not None
    assert world.budgets.wait(ITEM, "anna") is not None


def test_a_store_that_failed_is_asked_again_after_a_while_and_not_before(world: World) -> None:
    world.away = True
    for _ in range(20):
        world.budgets.spend(ITEM, "anna")
    assert world.asked == 1
    world.away, world.now = False, AWAY + 0.1
    assert world.budgets.spend(ITEM, "anna") is None, "there, hers is untouched"
    assert world.asked == 2


def test_the_address_of_the_store_is_not_logged(world: World, capsys: Any) -> None:
    world.away = True
    world.budgets.spend(ITEM, "anna")
    said = capsys.readouterr()
    assert "ConnectionError" in said.out + said.err
    assert "password" not in said.out + said.err


def test_when_redis_dies_no_page_goes_uncounted(settings: Settings, tmp_path: Path) -> None:
    reader = {"REMOTE_ADDR": "203.0.113.7"}
    try:
        with ExitStack() as lives:
            address = lives.enter_context(running_redis(tmp_path))
            with application(settings, REDIS_URL=address, RATE_LIMITS=True) as made, made.test_request_context(environ_base=reader):
                spend("2 per hour", "test")
                lives.close()
                spend("2 per hour", "test")
                spend("2 per hour", "test")
                with pytest.raises(TooSoon):
                    spend("2 per hour", "test")
    finally:
        budgets.forget()
