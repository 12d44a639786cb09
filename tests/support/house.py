"""A whole house for a test: database, mail server, worker and a desk from which orders are commanded."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.company import Company, a_company, a_quote
from support.patience import PATIENCE
from support.temporal import fast_forward
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.worker import Worker

from activities.adapters.smtp import SmtpMail
from activities.fresh_payments import PaymentSource
from activities.notifications import Mailer
from activities.persistence import lives
from activities.persistence.mailbox import Letter, Mailbox
from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ReservationRow
from activities.settings import Settings
from activities.wiring import build_activities, build_interceptors, build_mail_activities
from api import order_commands
from cli.local.mail import _Keep
from cli.local.process import pick_port
from cli.local.timemachine import clock_of
from workflows import ids
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner

FEW = 3
"""As many processes as are remembered where almost none is: the next one that moves drives another out."""
BOTH_LANES = pytest.mark.parametrize(
    "cached_workflows", [500, pytest.param(FEW, marks=pytest.mark.matrix)], ids=["cached", "uncached"]
)
"""The story with workers that remember its processes; in the matrix also with such as read them back from history."""


@dataclass
class House:
    """What a story needs: people, orders, letters, tasks."""

    engine: Engine
    client: Client
    company: Company
    mailbox: Mailbox
    mail: Controller
    settings: Settings
    patience: float = PATIENCE
    """Seconds in which a command is answered and an order reaches a state."""

    @property
    def task_queue(self) -> str:
        return self.settings.task_queue

    def quote(self, customer: Any, sku: str, **terms: Any) -> str:
        """A quote as of now; the workflow's clock begins there."""
        return a_quote(self.engine, self.company.manager, customer, sku, **{"now": datetime.now(UTC), **terms})

    async def command(self, order_id: str, update: Any, argument: Any, *, update_id: str | None = None) -> Any:
        """Send a command as the API does, and again under the same id while nobody answers and patience lasts."""
        self._serial = getattr(self, "_serial", 0) + 1
        key = update_id or f"{update.__name__}-{self._serial}"
        deadline = time.monotonic() + self.patience
        while True:
            order = await asyncio.to_thread(self.input, order_id)
            try:
                return await order_commands.command(
                    self.client, self.engine, self.task_queue, order, update, argument, update_id=key
                )
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                if time.monotonic() > deadline:
                    raise

    async def start(self, order_id: str) -> None:
        """Start the order's workflow without a command, as `POST /orders` does."""
        order = await asyncio.to_thread(self.input, order_id)
        await order_commands.start_order(self.client, self.task_queue, order)

    def input(self, order_id: str) -> Any:
        """What starts the order's workflow where the order stands now."""
        now = datetime.now(UTC)
        with Session(self.engine) as session:
            order, beside = lives.order_and_beside(session, UUID(order_id))
            return lives.order_beginning(session, order, beside, now=now)

    def handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(ids.order_workflow_id(order_id))

    def order(self, order_id: str) -> OrderRow:
        with Session(self.engine) as session:
            return session.get_one(OrderRow, UUID(order_id))

    def status(self, order_id: str) -> str:
        return self.order(order_id).status

    async def reaches(self, order_id: str, *statuses: str) -> str:
        """Wait until the order has one of the states; its name."""
        async with asyncio.timeout(self.patience):
            while (status := await asyncio.to_thread(self.status, order_id)) not in statuses:
                await asyncio.sleep(0.02)
        return status

    async def outlasts_its_wait(self, order_id: str) -> bool:
        """Move the order's clock to the end of its wait: seven days from a Saturday end on a Monday. True while its
        workflow runs."""
        handle, wait = self.handle(order_id), self.order(order_id).wait
        assert wait is not None
        return await fast_forward(handle, datetime.fromisoformat(wait["until"]) - await clock_of(handle))

    async def asks_for_goods(self, order_id: str) -> None:
        """Wait until a confirmed order has its place in the queue: it is confirmed a step before."""

        def asked() -> bool:
            with Session(self.engine) as session:
                return session.get(ReservationRow, UUID(order_id)) is not None

        async with asyncio.timeout(self.patience):
            while not await asyncio.to_thread(asked):
                await asyncio.sleep(0.02)

    async def calls_for_picking(self, order_id: str) -> None:
        """Wait until the warehouse has been called to pick an order that is ready."""
        async with asyncio.timeout(self.patience):
            while "picking" not in await asyncio.to_thread(self.tasks, order_id):
                await asyncio.sleep(0.02)

    def letters(self) -> list[Letter]:
        return self.mailbox.messages()

    def tasks(self, order_id: str) -> list[str]:
        """Kinds of the order's tasks, as they were opened."""
        with Session(self.engine) as session:
            rows = session.exec(select(TaskRow).where(TaskRow.order_id == UUID(order_id)).order_by(TaskRow.id))
            return [row.kind for row in rows]

    def notices(self, order_id: str) -> list[str]:
        """Templates of everything sent or planned about the order, as it was planned."""
        with Session(self.engine) as session:
            rows = session.exec(select(OutboundRow).where(OutboundRow.order_id == UUID(order_id)))
            return [row.template for row in sorted(rows, key=lambda row: (row.created_at, row.key))]


@asynccontextmanager
async def a_house(
    engine: Engine,
    database_url: str,
    client: Client,
    task_queue: str,
    home: Path,
    *,
    cached_workflows: int = 500,
    smtp_port: int | None = None,
    payments: PaymentSource | None = None,
    letters_are_found: bool = True,
    staffed: bool = True,
    mailer: Callable[[Settings], Mailer] = SmtpMail,
) -> AsyncIterator[House]:
    """Run workers and a mail server around one database; `smtp_port` names another mail server instead, `payments`
    another system of record for payments.

    Args:
        cached_workflows: with as few as may move at once, whatever waits is soon read back from its history. The engine
            takes away even what moves when that is more than may be cached, and its steps with it.
        letters_are_found: whether a letter can be looked up where it should have arrived.
        staffed: whether the workers are ours; otherwise somebody else serves the queues.
        mailer: how they hand letters over.
    """
    with a_mail_server(home) as (mailbox, mail):
        settings = Settings(
            database_url=database_url,
            task_queue=task_queue,
            smtp_port=smtp_port or mail.port,
            mailbox=str(home / "mail") if letters_are_found else None,
        )
        house = House(engine, client, a_company(engine), mailbox, mail, settings)
        if not staffed:
            yield house
            return
        async with serving(
            settings, engine, client, cached_workflows=cached_workflows, payments=payments, mailer=mailer(settings)
        ):
            yield house


@contextmanager
def a_mail_server(home: Path) -> Iterator[tuple[Mailbox, Controller]]:
    """A mail server that keeps what it takes."""
    mailbox = Mailbox(home / "mail")
    mail = Controller(_Keep(mailbox), hostname="127.0.0.1", port=pick_port(0), enable_SMTPUTF8=True)
    mail.start()
    try:
        yield mailbox, mail
    finally:
        if not mail.loop.is_closed():
            mail.stop()


@asynccontextmanager
async def serving(
    settings: Settings,
    engine: Engine,
    client: Client,
    *,
    cached_workflows: int = 500,
    payments: PaymentSource | None = None,
    mailer: Mailer | None = None,
) -> AsyncIterator[None]:
    """Both workers of a house, as one process of the product has them."""
    with ThreadPoolExecutor(8) as steps, ThreadPoolExecutor(4) as letters:
        worker = Worker(
            client,
            task_queue=settings.task_queue,
            workflows=WORKFLOWS,
            activities=build_activities(settings, engine, client, payments),
            activity_executor=steps,
            max_concurrent_activities=8,
            max_concurrent_workflow_tasks=min(cached_workflows, 100),
            max_cached_workflows=cached_workflows,
            workflow_runner=workflow_runner(),
            interceptors=build_interceptors(engine),
        )
        mail_worker = Worker(
            client,
            task_queue=ids.mail_queue(settings.task_queue),
            activities=build_mail_activities(settings, engine, mailer),
            activity_executor=letters,
            max_concurrent_activities=4,
            interceptors=build_interceptors(engine),
        )
        async with worker, mail_worker:
            yield
