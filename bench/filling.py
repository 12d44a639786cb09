"""Filling a stack up step by step, and what its processes hold at each step."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.figures import Memory
from bench.stack import MeasuredStack

WARM_UP = 50
"""Opened before the idle stack is measured: loaded modules and open connections are no part of what one costs."""

Say = Callable[[str], None]
Fill = Callable[[MeasuredStack, int, int], Coroutine[Any, Any, None]]
"""Opens so many beside the first ones: the stack, how many there are, how many come."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side held: the idle stack, and what came with everything open; `pace`: what opening one took."""

    idle: Memory
    opened: Memory
    pace: timedelta


def sides(
    stack: MeasuredStack, fill: Fill, sizes: Sequence[int], settle: timedelta, *, say: Say, name: str
) -> list[Side]:
    """What a stack holds with so many open, from the smallest number to the largest, each reached from the last.

    Args:
        settle: rest before each look.
    """
    warm_up = min(WARM_UP, sizes[0])
    asyncio.run(fill(stack, 0, warm_up))
    idle = stack.memory(settle.total_seconds())
    measured, there = [], 0
    for size in sizes:
        say(f"{name}: открываю {size}…")
        begun = time.monotonic()
        asyncio.run(fill(stack, warm_up + there, size - there))
        pace = timedelta(seconds=time.monotonic() - begun) / (size - there)
        there = size
        say(f"{name}: жду, пока всё уляжется…")
        measured.append(Side(idle, stack.memory(settle.total_seconds()) - idle, pace))
    return measured
