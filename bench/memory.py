"""`./opora bench memory`: what a stack holds with N open orders and N open invoices, beside 2 N empty processes.

The orders are quotes that wait for their customers. To come to 50,000 of them in less than a day they do not pass the
doors: their rows are written by the function behind `POST /orders`, invoices and their customers by `bench.bulk`, and
what the doors start is started as they start it. `./opora bench reserves` has orders that passed the doors and hold
reserves.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import psycopg
from sqlmodel import Session, col, select

from activities.handoff import HandoffActivities
from activities.persistence import lives
from activities.persistence.engine import make_engine
from activities.persistence.party_tables import CustomerRow, UserRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from api.order_commands import start_order
from bench.arrivals import closed_loop
from bench.bulk import write_past
from bench.company import Desk, bins, customer, goods
from bench.engine import AT_ONCE, at_rest, open_waiting
from bench.figures import ratio
from bench.filling import Say, Side, sides
from bench.machine import Machine, this_machine
from bench.stack import MeasuredStack, fresh_stack
from domain.invoicing import InvoiceInput
from domain.orders import Actor, OrderInput, Role
from workflows.client import connect
from workflows.ids import TASK_QUEUE, invoice_workflow_id, order_workflow_id

_CUSTOMERS = 20
_BATCH = 100
_AT_A_TIME = 2_000
"""Rows written before their processes are started: so few that none stands without one for as long as the watchdog
grants, which would start it, too."""
_UNWATCHED = """
    SELECT l.id::text, i.number, i.customer_id::text, c.manager_id::text
      FROM schedule_line l JOIN invoice i ON i.id = l.invoice_id JOIN customer c ON c.id = i.customer_id
     ORDER BY l.id OFFSET %s
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark: both sides at each size."""

    at: datetime
    machine: Machine
    sizes: list[int]
    settle: timedelta
    engine: list[Side]
    ours: list[Side]

    def ratios(self) -> list[float | None]:
        """Of what server and worker hold, at each size."""
        pairs = zip(self.ours, self.engine, strict=True)
        return [ratio(ours.opened.engine, engine.opened.engine) for ours, engine in pairs]


def measure(sizes: Sequence[int], settle: timedelta, say: Say) -> Run:
    """Fill up both sides in turn, each on a stack of its own. Call from the main thread.

    Args:
        sizes: from the smallest to the largest.
        settle: rest before each look.

    Raises:
        StackError: a stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    with fresh_stack() as stack:
        engine = sides(stack, _open_twice, sizes, settle, say=say, name="Движок")
    with fresh_stack() as stack:
        ours = sides(stack, open_both, sizes, settle, say=say, name="Опора")
    return Run(at, machine, list(sizes), settle, engine, ours)


async def _open_twice(stack: MeasuredStack, first: int, count: int) -> None:
    await open_waiting(stack, 2 * first, 2 * count)


async def open_both(stack: MeasuredStack, first: int, count: int) -> None:
    """Open so many orders and as many invoices beside the `first` ones; return when the last of them wait.

    Raises:
        StackError: a customer or a product was refused.
    """
    client = await connect(stack.temporal)
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        desk = Desk(stack, http)
        skus = await goods(desk, first, 1)
        buyers = [await customer(desk, bin_) for bin_ in bins(first, _CUSTOMERS)]
    portions = [(begin, min(_AT_A_TIME, first + count - begin)) for begin in range(first, first + count, _AT_A_TIME)]
    processes: list[str] = []
    for _, many in portions:
        orders = await asyncio.to_thread(_quotes, stack, buyers, skus, many)
        await closed_loop(orders, AT_ONCE, lambda order: start_order(client, TASK_QUEUE, order))
        processes += [order_workflow_id(order.order_id) for order in orders]
    await at_rest(client, processes)
    handoff, processes = HandoffActivities(client, TASK_QUEUE), []
    for begin, many in portions:
        invoices = await asyncio.to_thread(_invoices, stack, begin, many)
        for start in range(0, many, _BATCH):
            await handoff.start_invoices(invoices[start : start + _BATCH])
        processes += [invoice_workflow_id(invoice.schedule_line_id) for invoice in invoices]
    await at_rest(client, processes)


def _quotes(stack: MeasuredStack, buyers: Sequence[str], skus: Sequence[str], count: int) -> list[OrderInput]:
    engine = make_engine(stack.database, pool_size=1)
    found: list[OrderInput] = []
    try:
        for begin in range(0, count, _BATCH):
            with Session(engine) as session, session.begin():
                user = session.exec(select(UserRow).where(UserRow.login == "manager")).one()
                actor, now = Actor(str(user.id), user.name, Role(user.role)), datetime.now(UTC)
                customers = session.exec(select(CustomerRow).where(col(CustomerRow.id).in_(buyers))).all()
                for turn in range(begin, min(begin + _BATCH, count)):
                    line = QuoteLine(skus[turn % len(skus)], Decimal(1), None)
                    draft = QuoteDraft([line], None, None, ship_complete=False, comment=None)
                    order = write_quote(session, customers[turn % len(customers)], draft, actor, now=now)
                    found.append(lives.order_input(order, now=now))
    finally:
        engine.dispose()
    return found


def _invoices(stack: MeasuredStack, first: int, count: int) -> list[InvoiceInput]:
    now = datetime.now(UTC)
    with psycopg.connect(stack.database, autocommit=True) as database:
        write_past(database, count, all_open=True, first_customer=first)
        rows = database.execute(_UNWATCHED, [first]).fetchall()
    return [InvoiceInput(str(line), str(number), str(who), manager, None, now) for line, number, who, manager in rows]
