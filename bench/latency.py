"""How long placing takes, beside the engine's own update-with-start with one trivial transaction."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg

from bench.company import Desk, bins, customer, goods
from bench.figures import percentile, ratio
from bench.orders import call
from bench.stack import MeasuredStack

CALLERS = (1, 8, 32)
PER_CALLER = {1: 60, 8: 20, 32: 8}
"""Orders that each caller places, one after the other, as soon as the last answer is there."""
_TABLE = "CREATE TABLE IF NOT EXISTS bench_note (turn text PRIMARY KEY, times integer NOT NULL)"


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds until the answer of so many callers at once."""

    callers: int
    engine: list[float]
    ours: list[float]

    def ratio(self, share: float) -> float | None:
        return ratio(percentile(self.ours, share), percentile(self.engine, share))


def placing(stack: MeasuredStack) -> list[Waits]:
    """Both sides in turn at each number of callers, on one running stack."""
    with psycopg.connect(stack.database, autocommit=True) as database:
        database.execute(_TABLE)
    call(stack, "placing", 0, 20, 1)
    asyncio.run(_ours(stack, 1, 20))
    measured = []
    for callers in CALLERS:
        count = callers * PER_CALLER[callers]
        engines = json.loads(call(stack, "placing", 1000 * callers, count, callers))
        measured.append(Waits(callers, engines, asyncio.run(_ours(stack, callers, count))))
    return measured


async def _ours(stack: MeasuredStack, callers: int, count: int) -> list[float]:
    limits = httpx2.Limits(max_connections=callers)
    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as http:
        desk = Desk(stack, http)
        first = 10_000 + 100 * callers + count
        skus = await goods(desk, first, count)
        buyers = [await customer(desk, bin_, limit="100000000.00", days=14) for bin_ in bins(first, 8)]
        pairs = itertools.islice(zip(itertools.cycle(buyers), itertools.cycle(skus), strict=False), count)
        bodies = [{"customer_id": who, "lines": [{"sku": sku, "quantity": "1"}]} for who, sku in pairs]
        orders = [(await desk.post("/orders", "manager", body))["id"] for body in bodies]
        return await timed(orders, callers, lambda order: desk.post(f"/orders/{order}/place", "manager"))


async def timed(work: list[Any], callers: int, do: Callable[[Any], Awaitable[object]]) -> list[float]:
    """Seconds of each call, so many callers at once."""
    seconds: list[float] = []
    left = iter(work)

    async def one_after_another() -> None:
        for each in left:
            begun = time.perf_counter()
            await do(each)
            seconds.append(time.perf_counter() - begun)

    await asyncio.gather(*(one_after_another() for _ in range(callers)))
    return seconds
