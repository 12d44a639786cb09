"""What benchmarks count: calls in an open loop, and what a database served."""

import asyncio

import pytest
from support.patience import PATIENCE

from bench.__main__ import numbers
from bench.arrivals import closed_loop, open_loop, rate_of
from bench.statements import Served, served
from cli.local.problems import StackError


class Clock:
    """Time that passes only where somebody spends it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def test_a_call_that_had_to_wait_for_its_turn_counts_from_when_it_was_meant() -> None:
    clock = Clock()

    async def do(turn: int) -> None:
        clock.now += 3.0 if turn == 0 else 0.25

    seconds = asyncio.run(open_loop(range(3), 1.0, do, clock=clock, sleep=clock.sleep))
    assert seconds == [4.0, 3.25, 2.5]


def test_calls_in_an_open_loop_do_not_wait_for_each_other() -> None:
    under_way, most = 0, 0

    async def do(_: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.5)
        under_way -= 1

    seconds = asyncio.run(open_loop(range(5), 1000.0, do))
    assert most == 5
    assert all(0.5 <= each < PATIENCE for each in seconds)


def test_a_closed_loop_never_has_more_under_way_than_callers() -> None:
    under_way, most = 0, 0

    async def do(_: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    assert len(asyncio.run(closed_loop(range(7), 2, do))) == 7
    assert most == 2


def test_half_of_what_callers_reached_is_offered() -> None:
    assert rate_of([0.5, 0.5, 0.5, 0.5], callers=8) == 8.0
    assert rate_of([0.1], callers=1, share=1.0) == 10.0


LOG = """\
2026-04-06 05:00:00.001 UTC [11] LOG:  statement: BEGIN
2026-04-06 05:00:00.002 UTC [11] LOG:  execute <unnamed>: SELECT 1
\t  FROM pg_class
2026-04-06 05:00:00.002 UTC [12] LOG:  statement: SELECT 'autocommit'
2026-04-06 05:00:00.003 UTC [13] LOG:  statement: SELECT 'of the one who counts'
2026-04-06 05:00:00.003 UTC [11] LOG:  execute _pg3_0: INSERT INTO step VALUES ($1)
2026-04-06 05:00:00.004 UTC [11] LOG:  statement: COMMIT
2026-04-06 05:00:00.005 UTC [11] WARNING:  statement: nothing
2026-04-06 05:00:00.006 UTC [12] LOG:  execute <unnamed>: BEGIN
2026-04-06 05:00:00.006 UTC [12] LOG:  statement: SAVEPOINT one
2026-04-06 05:00:00.006 UTC [12] LOG:  statement: ROLLBACK TO one
2026-04-06 05:00:00.006 UTC [12] LOG:  statement: ROLLBACK
""".splitlines()


def test_statements_and_transactions_are_counted_by_the_log() -> None:
    assert served(LOG, but={13}) == Served(statements=5, transactions=3)
    assert served(LOG, but={11, 12, 13}) == Served(0, 0)
    assert Served(450, 60).each_of(10) == Served(45, 6)


@pytest.mark.parametrize(("text", "expected"), [("1000", [1000]), ("5,10,20", [5, 10, 20]), ("5, 10", [5, 10])])
def test_sizes_are_numbers_that_grow(text: str, expected: list[int]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "10,5", "5,5", "0,1", "5,,6", "1;2"])
def test_other_sizes_are_one_sentence(text: str) -> None:
    with pytest.raises(StackError, match="по возрастанию"):
        numbers(text)
