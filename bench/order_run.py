"""`./opora bench orders`: whole orders and their placing, beside the engine's own, on one running stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.latency import CALLERS, Waits, placing
from bench.machine import Machine, this_machine
from bench.orders import COURSE, NOTING, REFERENCE, EngineCost, OrderCost, engine_cost, opora_cost
from bench.reference import make_room_for_notes
from bench.stack import fresh_stack

MOST_CREDIT = 1.5
"""What a whole order on credit may cost, in reference orders of the engine."""
MOST_PREPAID = 1.75
MOST_PLACING = 2.0
"""What placing may take at 1 and at 8 callers, in update-with-starts with one trivial transaction."""

ROADS = (REFERENCE, COURSE, NOTING)
_AGAIN = 1_000_000
"""The number of the first of the engine's orders that come after ours."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark.

    `course`: what the engine takes for the road of our order on credit, every step empty; `noting`: the same with one
    trivial transaction in each.
    """

    at: datetime
    machine: Machine
    orders: int
    engine: EngineCost
    course: EngineCost
    noting: EngineCost
    credit: OrderCost
    prepaid: OrderCost
    waits: list[Waits]


def measure(orders: int, say: Say, *, callers: Sequence[int] = CALLERS, each: int | None = None) -> Run:
    """Run both sides in turn, the engine's before ours and after it. Call from the main thread.

    Args:
        callers: how many place orders at once.
        each: how many orders each of them places; None: as many as make for steady figures.

    Raises:
        StackError: the stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    with fresh_stack() as stack:
        say(f"Движок: образцовых заказов {orders}…")
        make_room_for_notes(stack.database)
        before = [engine_cost(stack, orders, road) for road in ROADS]
        say(f"Опора: заказов с отсрочкой {orders}…")
        credit = opora_cost(stack, orders, prepaid=False)
        say(f"Опора: заказов с предоплатой {orders}…")
        prepaid = opora_cost(stack, orders, prepaid=True)
        say("Движок: ещё раз…")
        after = [engine_cost(stack, orders, road, first=_AGAIN) for road in ROADS]
        engine, course, noting = (EngineCost.mean(pair) for pair in zip(before, after, strict=True))
        say(f"Размещение, вызывающих: {', '.join(map(str, callers))}…")
        return Run(at, machine, orders, engine, course, noting, credit, prepaid, placing(stack, callers, each))
