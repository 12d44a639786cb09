"""`./opora bench growth`: the same small walk of orders on databases with more and more invoices behind them.

Each size gets a stack of its own. The past is written by `bench.bulk`; the orders are of customers who have one. The
open invoices of the past have no processes, and the rounds that would start them by the clock are paused.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg

from bench.arrivals import closed_loop
from bench.bulk import write_past
from bench.company import Desk
from bench.figures import MIB, percentile
from bench.latency import closed_placing
from bench.machine import Machine, this_machine
from bench.orders import OrderCost, opora_cost
from bench.stack import MeasuredStack, empty_home, running
from bench.start import recoveries
from workflows.client import connect
from workflows.schedules import STOCK_SWEEP, WATCHDOG

SIZES = (10_000, 1_000_000)
CALLERS = (1, 8)
_BUYERS = 20
_LOOKS = 20
_PAGES = {
    "customer_card": "/customers/{customer}",
    "receivables": "/invoices?unpaid=true&limit=50",
    "customer_receivables": "/invoices?customer_id={customer}&unpaid=true&limit=50",
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Grown:
    """What was measured on a database with so many invoices; all times in seconds.

    `order` is one on credit, of a customer with a past; `prepaid` one of a new customer. `placing` by callers in a
    closed loop; `pages` by name; `started_in`: the stack on the directory that was there; `recovery`: by the part that
    was killed, once each.
    """

    invoices: int
    customers: int
    written_in: float
    database_bytes: int
    order: OrderCost
    prepaid: OrderCost
    placing: dict[int, list[float]]
    pages: dict[str, list[float]]
    started_in: float
    recovery: dict[str, float]

    def figures(self) -> dict[str, float]:
        """What may grow, by name: the smaller the better."""
        waits = {
            f"placing_{callers}_p{share * 100:.0f}_ms": percentile(seconds, share) * 1000
            for callers, seconds in self.placing.items()
            for share in (0.5, 0.95)
        }
        return {
            "cpu_ms_per_order": self.order.whole.total,
            "statements_per_order": self.order.served.statements,
            "cpu_ms_per_prepaid_order": self.prepaid.whole.total,
            "statements_per_prepaid_order": self.prepaid.served.statements,
            **waits,
            **{f"{name}_p50_ms": percentile(seconds, 0.5) * 1000 for name, seconds in self.pages.items()},
            "start_seconds": self.started_in,
            **{f"recovery_{part}_seconds": seconds for part, seconds in self.recovery.items()},
            "database_mib": self.database_bytes / MIB,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark; `sizes` from the smallest to the largest."""

    at: datetime
    machine: Machine
    orders: int
    sizes: list[Grown]

    def ratios(self) -> dict[str, list[float | None]]:
        """Each figure at each size, in figures of the smallest."""
        first = self.sizes[0].figures()
        return {
            name: [grown.figures()[name] / value if value > 0 else None for grown in self.sizes]
            for name, value in first.items()
        }


def measure(sizes: Sequence[int], orders: int, say: Say) -> Run:
    """Measure at each size. Call from the main thread.

    Raises:
        StackError: a stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    return Run(at, machine, orders, [_grown(size, orders, say) for size in sizes])


def _grown(invoices: int, orders: int, say: Say) -> Grown:
    with empty_home() as data:
        with running(data) as stack:
            asyncio.run(_pause(stack))
            begun = time.monotonic()
            with psycopg.connect(stack.database, autocommit=True) as database:
                past = write_past(database, invoices, say=_seldom(say))
            written_in = time.monotonic() - begun
            buyers = past.buyers[:_BUYERS]
            say(f"Счетов {invoices}: заказов с отсрочкой {orders}…")
            order = opora_cost(stack, orders, prepaid=False, buyers=buyers)
            say(f"Счетов {invoices}: заказов по предоплате {orders}…")
            prepaid = opora_cost(stack, orders, prepaid=True)
            say(f"Счетов {invoices}: размещение и страницы…")
            placing = {many: closed_placing(stack, many, orders * min(many, 2), buyers) for many in CALLERS}
            pages = asyncio.run(_pages(stack, buyers))
            size = _database_bytes(stack)
        say(f"Счетов {invoices}: запуск…")
        with running(data) as again:
            started_in = again.started_in
        recovery = {part: once for part, [once] in recoveries(data, 1, say).items()}
    return Grown(invoices, past.customers, written_in, size, order, prepaid, placing, pages, started_in, recovery)


async def _pause(stack: MeasuredStack) -> None:
    client = await connect(stack.temporal)
    for name in (WATCHDOG, STOCK_SWEEP):
        await client.get_schedule_handle(name).pause(note="bench growth")


async def _pages(stack: MeasuredStack, customers: Sequence[str]) -> dict[str, list[float]]:
    """Seconds of each look at a page, one after the other, of one customer after the other."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        desk = Desk(stack, http)

        async def look(path: str) -> None:
            await desk.get(path, "accountant")

        measured = {}
        for name, pattern in _PAGES.items():
            looks = [pattern.format(customer=who) for who in itertools.islice(itertools.cycle(customers), _LOOKS)]
            await look(looks[0])
            measured[name] = await closed_loop(looks, 1, look)
        return measured


def _database_bytes(stack: MeasuredStack) -> int:
    with psycopg.connect(stack.database) as database:
        row: Any = database.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0])


def _seldom(say: Say, every: float = 15.0) -> Say:
    """Not more often than every so many seconds."""
    last = time.monotonic()

    def maybe(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            say(line)

    return maybe
