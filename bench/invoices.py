"""`./opora bench invoices`: how many invoices a second get the process that watches them, and how many are paid.

Ours come through the product's own doors: `./opora import` takes open invoices over from a workbook, judging and
writing every row, and `POST /payments` pays each of them in full. Beside: as many empty waiting workflows of the engine
started until the last has set its timer, and signalled until the last has ended.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import psycopg
from temporalio.client import Client

from bench.arrivals import closed_loop
from bench.company import Desk, bins
from bench.engine import AT_ONCE, open_waiting
from bench.machine import Machine, this_machine
from bench.stack import MeasuredStack, fresh_stack
from bench.waiting import WaitingWorkflow
from cli.importing import Stack, import_file
from cli.local.problems import StackError
from cli.sample_company import Value, write_workbook
from domain.import_sheets import CONTRACTS, CUSTOMERS, INVOICES, PRODUCTS, SheetSpec
from workflows.client import connect

PER_CUSTOMER = 20
AMOUNT = "10000.00"
WARM_UP = 40
_DUE = timedelta(days=30)
_PAUSE = 0.1
_NUMBER = 100_001
"""The number of the first: a payment names it by its digits."""
_PATIENCE = 120.0
_WAITING = "WorkflowType='InvoiceWorkflow' AND ExecutionStatus='Running' AND OporaStage IS NOT NULL"
_RUNNING = "WorkflowType='{}' AND ExecutionStatus='Running'"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """Processes per second: started and at rest, and ended."""

    started: float
    ended: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark."""

    at: datetime
    machine: Machine
    invoices: int
    engine: Pace
    ours: Pace


@dataclass(frozen=True, slots=True)
class Owed:
    """An open invoice that somebody is about to pay."""

    number: str
    payer: str


def measure(invoices: int, say: Say) -> Run:
    """Run both sides in turn on one stack. Call from the main thread.

    Raises:
        StackError: the stack did not start, or the product refused what was asked of it.
    """
    at, machine = datetime.now(UTC), this_machine()
    with fresh_stack() as stack:
        say(f"Движок: пустых процессов {invoices}…")
        asyncio.run(_engine(stack, 0, min(invoices, WARM_UP)))
        engine = asyncio.run(_engine(stack, WARM_UP, invoices))
        say(f"Опора: счетов {invoices}…")
        asyncio.run(_ours(stack, 0, min(invoices, WARM_UP)))
        return Run(at, machine, invoices, engine, asyncio.run(_ours(stack, WARM_UP, invoices)))


async def _engine(stack: MeasuredStack, first: int, count: int) -> Pace:
    begun = time.monotonic()
    await open_waiting(stack, first, count)
    opened = time.monotonic()
    client = await connect(stack.temporal)

    async def end(turn: int) -> None:
        await client.get_workflow_handle(f"waiting/{turn}").signal(WaitingWorkflow.end)

    await closed_loop(range(first, first + count), AT_ONCE, end)
    await until(client, _RUNNING.format("WaitingWorkflow"), 0)
    return Pace(count / (opened - begun), count / (time.monotonic() - opened))


async def _ours(stack: MeasuredStack, first: int, count: int) -> Pace:
    client = await connect(stack.temporal)
    owed = owed_by(bins(first, -(-count // PER_CUSTOMER)), count, first)
    with tempfile.TemporaryDirectory(prefix="opora-bench-") as folder:
        file = Path(folder) / "company.xlsx"
        write_workbook(file, sheets(owed, datetime.now(UTC).date()))
        begun = time.monotonic()
        report = await import_file(Stack(stack.database, stack.temporal), file, dry_run=False, quiet=True)
    if report.watched_invoices != count:
        raise StackError("; ".join(problem.text for problem in report.problems) or "Счета не загружены.")
    await until(client, _WAITING, count)
    opened = time.monotonic()
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        desk = Desk(stack, http)
        await closed_loop(owed, AT_ONCE, lambda each: desk.post("/payments", "accountant", payment(each)))
    await until(client, _RUNNING.format("InvoiceWorkflow"), 0)
    ended = time.monotonic()
    _check_paid(stack)
    return Pace(count / (opened - begun), count / (ended - opened))


async def until(client: Client, query: str, count: int) -> None:
    """Wait until the engine's list has so many processes.

    Raises:
        StackError: it does not come to that.
    """
    over = time.monotonic() + _PATIENCE
    while (found := (await client.count_workflows(query)).count) != count:
        if time.monotonic() > over:
            raise StackError(f"Процессов {found} вместо {count}: {query}")
        await asyncio.sleep(_PAUSE)


def owed_by(payers: Sequence[str], count: int, first: int) -> list[Owed]:
    """Open invoices from number `first` on, the payers in turn."""
    return [Owed(f"СЧ-{_NUMBER + first + turn}", payers[turn % len(payers)]) for turn in range(count)]


def sheets(owed: Sequence[Owed], today: date) -> list[tuple[SheetSpec, Sequence[Sequence[Value]]]]:
    """The workbook of customers with their open invoices, none of them due soon."""
    payers = dict.fromkeys(each.payer for each in owed)
    customers: list[Sequence[Value]] = [
        (f"ТОО «Должник {payer}»", "KZ", payer, None, "standard", "KZT", 0, 0, 100, "manager", None, None, "Анна",
         f"{payer}@bench.example", None)
        for payer in payers
    ]  # fmt: skip
    invoices: list[Sequence[Value]] = [
        (each.payer, None, each.number, today, today + _DUE, Decimal(AMOUNT), Decimal(AMOUNT), "KZT") for each in owed
    ]
    return [(CUSTOMERS, customers), (CONTRACTS, []), (PRODUCTS, []), (INVOICES, invoices)]


def payment(owed: Owed) -> dict[str, str]:
    """The whole invoice paid by its customer, who names it."""
    return {
        "external_id": f"bench-{owed.number}",
        "payer_tax_id": owed.payer,
        "amount": AMOUNT,
        "date": datetime.now(UTC).date().isoformat(),
        "purpose": f"Оплата по счёту {owed.number}",
    }


def _check_paid(stack: MeasuredStack) -> None:
    with psycopg.connect(stack.database) as database:
        row = database.execute("SELECT count(*) FROM schedule_line WHERE residual > 0").fetchone()
    if row != (0,):
        raise StackError(f"Остались неоплаченные счета: {row}.")
