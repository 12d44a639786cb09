"""How long placing takes, beside the engine's own update-with-start with one trivial transaction.

Each number of callers is measured in three ways. In a closed loop every caller asks again once it has its answer, which
tells what so many callers reach. In an open loop calls come at half of that rate, each side at half of its own, and how
long each took is counted from the instant it was meant to begin. Half of its own is more for the side that reaches
more, so the engine is offered half of ours as well: there both sides have as much to do.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx2

from bench.arrivals import closed_loop, open_loop, rate_of
from bench.company import Desk, bins, customer, goods
from bench.figures import percentile, ratio
from bench.orders import call
from bench.stack import MeasuredStack

CALLERS = (1, 8, 32)
PER_CALLER = {1: 60, 8: 20, 32: 8}
"""Orders that each caller places, one after the other, as soon as the last answer is there."""
_SOME = 10
_FIRST = 2000


class Loop(StrEnum):
    """How calls come; in an open loop each side is offered half of its own closed loop, or both are offered ours."""

    CLOSED = "closed"
    OPEN = "open"
    EQUAL = "open_equal_rates"


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds until the answer of so many callers at once.

    `rates`: calls per second that were offered to the engine and to us in an open loop; None in a closed one.
    """

    callers: int
    engine: list[float]
    ours: list[float]
    rates: tuple[float, float] | None = None

    @property
    def loop(self) -> Loop:
        if self.rates is None:
            return Loop.CLOSED
        return Loop.EQUAL if self.rates[0] == self.rates[1] else Loop.OPEN

    def ratio(self, share: float) -> float | None:
        return ratio(percentile(self.ours, share), percentile(self.engine, share))


def placing(stack: MeasuredStack, callers: Sequence[int] = CALLERS, each: int | None = None) -> list[Waits]:
    """Both sides in turn at each number of callers, on one running stack: a closed loop, then open ones.

    Args:
        each: how many orders each caller places in the closed loop; as many come in an open one.
    """
    warm_up = 20 if each is None else each
    call(stack, "placing", 0, warm_up, 1)
    asyncio.run(_ours(stack, 0, warm_up, 1))
    measured = []
    for many in callers:
        count = many * (each or PER_CALLER.get(many, _SOME))
        first = 10_000 * many
        closed = Waits(
            many,
            call(stack, "placing", first, count, many),
            asyncio.run(_ours(stack, 100 * many, count, many)),
        )
        engines_rate, rate = rate_of(closed.engine, many), rate_of(closed.ours, many)
        engines = call(stack, "placing_openly", first + count, count, engines_rate)
        ours = asyncio.run(_ours(stack, 100 * many + 50, count, rate=rate))
        slower = call(stack, "placing_openly", first + 2 * count, count, rate)
        measured += [
            closed,
            Waits(many, engines, ours, (engines_rate, rate)),
            Waits(many, slower, ours, (rate, rate)),
        ]
    return measured


def closed_placing(stack: MeasuredStack, callers: int, count: int, buyers: Sequence[str] = ()) -> list[float]:
    """Seconds of each of our answers, so many callers at once; orders of new customers, unless there are `buyers`."""
    return asyncio.run(_ours(stack, 100 * callers, count, callers, buyers=buyers))


async def _ours(
    stack: MeasuredStack,
    first: int,
    count: int,
    callers: int = 0,
    *,
    rate: float | None = None,
    buyers: Sequence[str] = (),
) -> list[float]:
    """Seconds of placing so many quotes, by callers in a closed loop or at a rate in an open one."""
    limits = httpx2.Limits(max_connections=callers or None)
    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as http:
        desk = Desk(stack, http)
        skus = await goods(desk, _FIRST + first, count)
        buyers = buyers or [
            await customer(desk, bin_, limit="100000000.00", days=14) for bin_ in bins(_FIRST + first, 8)
        ]
        orders = await _quotes(desk, buyers, skus, count)

        async def place(order: str) -> None:
            await desk.post(f"/orders/{order}/place", "manager")

        if rate is not None:
            return await open_loop(orders, rate, place)
        return await closed_loop(orders, callers, place)


async def _quotes(desk: Desk, buyers: Sequence[str], skus: Sequence[str], count: int) -> list[str]:
    pairs = itertools.islice(zip(itertools.cycle(buyers), itertools.cycle(skus), strict=False), count)
    bodies: list[Any] = [{"customer_id": who, "lines": [{"sku": sku, "quantity": "1"}]} for who, sku in pairs]
    return [str((await desk.post("/orders", "manager", body))["id"]) for body in bodies]
