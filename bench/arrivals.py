"""Calls in a closed loop, and in an open one: they come when they come, whether or not others have been answered.

A caller that waits for its answer before it asks again asks less of a system the slower that is, and so never sees the
waits that it would have met (coordinated omission). Here each call has an instant at which it was meant to begin, and
how long it took is counted from there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

SHARE = 0.5
"""How much of what the callers reached in the closed loop is offered in the open one."""

Work = TypeVar("Work")


def rate_of(seconds: Sequence[float], callers: int, share: float = SHARE) -> float:
    """Calls per second: this share of what so many callers reached, who took these seconds for each call.

    Raises:
        ZeroDivisionError: no call was made.
    """
    return share * callers * len(seconds) / sum(seconds)


async def closed_loop(
    work: Iterable[Work],
    callers: int,
    do: Callable[[Work], Awaitable[object]],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds of each call, so many callers at once, each asking again once it has its answer."""
    seconds: list[float] = []
    left = iter(work)

    async def one_after_another() -> None:
        for each in left:
            begun = clock()
            await do(each)
            seconds.append(clock() - begun)

    await asyncio.gather(*(one_after_another() for _ in range(callers)))
    return seconds


async def open_loop(
    work: Sequence[Work],
    rate: float,
    do: Callable[[Work], Awaitable[object]],
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> list[float]:
    """Seconds from the instant each call was meant to begin, `rate` of them per second, to its answer."""
    seconds: list[float] = []

    async def one(meant: float, each: Work) -> None:
        await do(each)
        seconds.append(clock() - meant)

    begun = clock()
    async with asyncio.TaskGroup() as calls:
        for place, each in enumerate(work):
            meant = begun + place / rate
            await sleep(max(0.0, meant - clock()))
            calls.create_task(one(meant, each))
    return seconds
