"""What a whole order costs: CPU by process, beside the engine's own orders in the same run.

All sides go through the same phases with as many orders: all are placed, all are picked, all are shipped. The engine's
orders are those of `bench.reference` and `bench.course`; ours goes through the product's own doors, from the quote to
the running invoice. The engine watches over each task with a timeout, and looks at each when it would have run out: a
part of what a task costs, and taken within the figures of whoever caused it. What PostgreSQL serves is counted on a few
further orders, because counting costs it time.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean, harmonic_mean
from typing import Any

import httpx2
import psycopg

from bench.company import Desk, bins, customer, goods
from bench.cpu import CpuPerOrder, per_order, spent
from bench.history import MOST_LOOKED_AT, History, history
from bench.stack import MeasuredStack
from bench.statements import Served, counting
from cli.local.data import ROOT
from cli.local.problems import StackError
from workflows.ids import order_workflow_id

AT_ONCE = 8
WARM_UP = 40
COUNTED = 10
"""Orders whose statements are counted."""
CUSTOMERS = 20
_PAUSE = 0.1
_PATIENCE = 60.0
_SETTLE = 1.5
"""After the last fact stands in the database, the processes still write down where they wait."""
_TIMEOUTS = 13.0
"""Until the engine has looked at the last timeout of a task: 10 s for a process, 12 s for a step."""

_SHIPPED = {False: "awaiting_final_payment", True: "closed"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EngineCost:
    """What one of the engine's orders costs; `per_second`: as many at once as ours."""

    cpu: CpuPerOrder
    per_second: float
    history: History

    @classmethod
    def mean(cls, costs: Sequence["EngineCost"]) -> "EngineCost":
        """Of several runs of as many orders: a shared machine changes its pace between them."""
        names = costs[0].cpu.by_process
        return cls(
            CpuPerOrder({name: fmean(each.cpu.by_process[name] for each in costs) for name in names}),
            harmonic_mean([each.per_second for each in costs]),
            costs[0].history,
        )


@dataclass(frozen=True, slots=True)
class EngineRoad:
    """A road of the engine's own: how `bench.caller` calls it, and the processes that each order of it leaves."""

    kind: str
    processes: Callable[[int], list[str]]


REFERENCE = EngineRoad("orders", lambda turn: [f"reference/{turn}"])
COURSE = EngineRoad("courses", lambda turn: [f"course/{turn}", f"course/{turn}/invoice"])
NOTING = EngineRoad("noting_courses", lambda turn: [f"noting/{turn}", f"noting/{turn}/invoice"])


@dataclass(frozen=True, slots=True)
class OrderCost:
    """CPU milliseconds per order by process and by phase of the way, and what else an order takes and leaves."""

    phases: dict[str, CpuPerOrder]
    per_second: float
    history: History
    served: Served

    @property
    def whole(self) -> CpuPerOrder:
        names = next(iter(self.phases.values())).by_process
        return CpuPerOrder({name: sum(each.by_process[name] for each in self.phases.values()) for name in names})


def engine_cost(stack: MeasuredStack, orders: int, road: EngineRoad, first: int = 0) -> EngineCost:
    """So many of the engine's orders, and some before to warm up; the caller's process stands where our API does.

    Args:
        first: the number of the first one; each is gone once on a stack.
    """
    warm_up = min(orders, WARM_UP)
    call(stack, road.kind, first, warm_up, AT_ONCE)
    time.sleep(_TIMEOUTS)
    measured = range(first + warm_up, first + warm_up + orders)
    before = spent(stack.pids)
    caller = call(stack, road.kind, measured.start, orders, AT_ONCE)
    time.sleep(_TIMEOUTS)
    cost = per_order(before, spent(stack.pids), orders)
    left = asyncio.run(history(stack, [road.processes(turn) for turn in measured]))
    cpu = CpuPerOrder(cost.by_process | {"caller": caller["cpu"] * 1000 / orders})
    return EngineCost(cpu, orders / caller["seconds"], left)


def call(stack: MeasuredStack, kind: str, first: int, count: int, pace: float) -> Any:
    """What `bench.caller` answers.

    Raises:
        StackError: it failed.
    """
    argv = [sys.executable, "-P", "-m", "bench.caller", kind, stack.temporal, str(first), str(count), str(pace)]
    ran = subprocess.run(argv, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise StackError(f"bench.caller: {ran.stderr}")
    return json.loads(ran.stdout)


def opora_cost(stack: MeasuredStack, orders: int, *, prepaid: bool, buyers: Sequence[str] = ()) -> OrderCost:
    """Our orders, of customers on credit or of such as pay in advance; of new ones, unless there are `buyers`.

    Raises:
        StackError: an order was refused or got stuck.
    """
    return asyncio.run(_opora_cost(stack, orders, prepaid, buyers))


async def _opora_cost(stack: MeasuredStack, orders: int, prepaid: bool, buyers: Sequence[str]) -> OrderCost:
    connection = psycopg.AsyncConnection.connect(stack.database, autocommit=True)
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http, await connection as database:
        desk = Desk(stack, http)
        first = 1000 if prepaid else 0
        skus = await goods(desk, first, orders + WARM_UP + COUNTED)
        terms: dict[str, Any] = {} if prepaid else {"limit": "100000000.00", "days": 14}
        buyers = buyers or [await customer(desk, bin_, **terms) for bin_ in bins(first, min(orders, CUSTOMERS))]
        walk = Walk(stack, desk, database, prepaid)
        await walk.go(buyers, skus, min(orders, WARM_UP))
        walked = await walk.go(buyers, skus, orders)
        left = await history(stack, await _processes(database, walked.made[:MOST_LOOKED_AT]))
        counted = min(orders, COUNTED)
        async with counting(database, stack.postgres_log) as count:
            await walk.go(buyers, skus, counted)
        return OrderCost(walked.phases, orders / walked.seconds, left, count.served.each_of(counted))


async def _processes(database: psycopg.AsyncConnection[Any], made: list[dict[str, Any]]) -> list[list[str]]:
    """The processes of each order: its own, its invoices' and its payments'."""
    found = []
    for order in made:
        rows = await (await database.execute(_PROCESSES, {"id": order["id"]})).fetchall()
        found.append([order_workflow_id(order["id"]), *(row[0] for row in rows)])
    return found


@dataclass(frozen=True, slots=True)
class Walked:
    """Orders that have gone the whole way; `seconds`: of all of them, without the rests between the phases."""

    made: list[dict[str, Any]]
    phases: dict[str, CpuPerOrder]
    seconds: float


def _payment(order: dict[str, Any]) -> dict[str, Any]:
    """The whole order paid by its customer, who names the order."""
    today = datetime.now(UTC).date().isoformat()
    return {
        "external_id": f"bench-{order['number']}",
        "payer_tax_id": order["customer_tax_id"],
        "amount": order["total"],
        "date": today,
        "purpose": f"Оплата по заказу {order['number']}",
    }


class Walk:
    """Orders of one kind on their way through the doors of one stack."""

    def __init__(self, stack: MeasuredStack, desk: Desk, database: psycopg.AsyncConnection[Any], prepaid: bool) -> None:
        self._stack = stack
        self._desk = desk
        self._database = database
        self._prepaid = prepaid

    async def go(self, customers: Sequence[str], skus: list[str], orders: int) -> Walked:
        """Every order from the quote to its invoice."""
        made: list[dict[str, Any]] = []
        places = zip(itertools.cycle(customers), itertools.cycle(skus), strict=False)

        async def quote(_: int) -> None:
            customer, sku = next(places)
            body = {"customer_id": customer, "lines": [{"sku": sku, "quantity": "1"}]}
            made.append(await self._desk.post("/orders", "manager", body))

        async def at(turn: int, step: str, by: str) -> None:
            await self._desk.post(f"/orders/{made[turn]['id']}/{step}", by)

        async def pay(turn: int) -> None:
            await self._desk.post("/payments", "accountant", _payment(made[turn]))

        phases: list[tuple[str, Callable[[int], Awaitable[None]], str]] = [
            ("quote", quote, "quoted"),
            ("place", lambda turn: at(turn, "place", "manager"), "awaiting_payment" if self._prepaid else "ready"),
            *([("pay", pay, "ready")] if self._prepaid else []),
            ("pick", lambda turn: at(turn, "start-picking", "warehouse"), "picking"),
            (
                "ship",
                lambda turn: at(turn, "ship", "warehouse"),
                _SHIPPED[self._prepaid],
            ),
        ]
        measured = {name: await self._phase(do, status, orders, made) for name, do, status in phases}
        costs = {name: cost for name, (cost, _) in measured.items()} | {"timeouts": await self._timeouts(orders)}
        return Walked(made, costs, sum(seconds for _, seconds in measured.values()))

    async def _timeouts(self, orders: int) -> CpuPerOrder:
        """What the engine takes to see that every task was done in time."""
        before = spent(self._stack.pids)
        await asyncio.sleep(_TIMEOUTS)
        return per_order(before, spent(self._stack.pids), orders)

    async def _phase(
        self, do: Callable[[int], Awaitable[None]], status: str, orders: int, made: list[dict[str, Any]]
    ) -> tuple[CpuPerOrder, float]:
        """What each took of the processors, and the seconds until the last had come through."""
        before, begun = spent(self._stack.pids), time.monotonic()
        turns = iter(range(orders))

        async def one_after_another() -> None:
            for turn in turns:
                await do(turn)

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        await self._until(status, made)
        seconds = time.monotonic() - begun
        await asyncio.sleep(_SETTLE)
        return per_order(before, spent(self._stack.pids), orders), seconds

    async def _until(self, status: str, made: list[dict[str, Any]]) -> None:
        """Until every order stands at this status, its letters are gone and its invoices are watched."""
        over = time.monotonic() + _PATIENCE
        ids = [order["id"] for order in made]
        while True:
            row = await (await self._database.execute(_LEFT, {"ids": ids, "status": status})).fetchone()
            if row == (0, 0, 0):
                return
            if time.monotonic() > over:
                raise StackError(f"Не дошли до «{status}» / не отправлено / не начато: {row}.")
            await asyncio.sleep(_PAUSE)


_LEFT = """
    SELECT (SELECT count(*) FROM sales_order WHERE id = ANY(%(ids)s) AND status <> %(status)s),
           (SELECT count(*) FROM outbound WHERE state IN ('planned', 'sending')),
           (SELECT count(*) FROM sales_order WHERE id = ANY(%(ids)s) AND status NOT IN ('quoted', 'picking')
               AND status <> 'closed' AND (wait IS NULL OR wait = 'null'))
"""

_PROCESSES = """
    SELECT 'invoice/' || l.id FROM schedule_line l JOIN invoice i ON i.id = l.invoice_id WHERE i.order_id = %(id)s
    UNION ALL
    SELECT 'payment/' || p.identity FROM payment p
     WHERE p.external_id = (SELECT 'bench-' || number FROM sales_order WHERE id = %(id)s)
"""
