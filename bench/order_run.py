"""`./opora bench orders`: whole orders and their placing, beside the engine's own, on one running stack."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.cpu import CpuPerOrder
from bench.latency import Waits, placing
from bench.machine import Machine, this_machine
from bench.orders import OrderCost, engine_cost, opora_cost
from bench.stack import fresh_stack

MOST_CREDIT = 1.5
"""What a whole order on credit may cost, in reference orders of the engine."""
MOST_PREPAID = 1.75
MOST_PLACING = 2.0
"""What placing may take at 1 and at 8 callers, in update-with-starts with one trivial transaction."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark."""

    at: datetime
    machine: Machine
    orders: int
    engine: CpuPerOrder
    credit: OrderCost
    prepaid: OrderCost
    waits: list[Waits]


def measure(orders: int, say: Say) -> Run:
    """Run both sides in turn. Call from the main thread.

    Raises:
        StackError: the stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    with fresh_stack() as stack:
        say(f"Движок: образцовых заказов {orders}…")
        engine = engine_cost(stack, orders)
        say(f"Опора: заказов с отсрочкой {orders}…")
        credit = opora_cost(stack, orders, prepaid=False)
        say(f"Опора: заказов с предоплатой {orders}…")
        prepaid = opora_cost(stack, orders, prepaid=True)
        say("Размещение: 1, 8 и 32 вызывающих…")
        return Run(at, machine, orders, engine, credit, prepaid, placing(stack))
