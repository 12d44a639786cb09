"""Letters have a queue of their own: a mail server that never answers holds no order up."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House, a_house
from support.invoices import rows
from support.patience import PATIENCE, end_of
from support.temporal import fast_forward
from temporalio.client import Client

from activities.persistence import freezing
from activities.persistence.outbound import plan_message
from activities.persistence.record_tables import OutboundRow
from api import payment_commands
from domain.credit_steps import PlaceCommand
from domain.freezes import FreezeReason
from domain.orders import CancelCommand, PickCommand, ShipCommand
from domain.payments import PaymentDraft, PaymentInput
from workflows import ids, options
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.anyio
BY_MAIL = {"deliver", "give_up"}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


@pytest.fixture
async def silent_house(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path, silent_port: int
) -> AsyncIterator[House]:
    async with a_house(engine, database_url, client, task_queue, tmp_path, smtp_port=silent_port) as open_house:
        yield open_house


async def test_a_silent_mail_server_holds_no_order_up(silent_house: House) -> None:
    """More orders than there are slots for steps; every letter hangs, every order goes on."""
    house = silent_house
    customer = a_customer(house.engine, house.company)
    orders = [house.quote(customer, a_product(house.engine, on_hand="10")) for _ in range(12)]
    for order in orders:
        outcome = await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        assert outcome.decision.outcome == "auto"
    for order in orders:
        await house.reaches(order, "ready")
    assert house.letters() == []
    queues = await queues_of(house, orders[0])
    assert {queues[name] for name in BY_MAIL & set(queues)} == {ids.mail_queue(house.task_queue)}
    assert {queues[name] for name in set(queues) - BY_MAIL} == {house.task_queue}
    assert "deliver" in queues


@BOTH_LANES
async def test_a_letter_planned_by_somebody_else_goes_out_when_the_order_looks_again(house: House) -> None:
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    order = house.quote(customer, a_product(house.engine, on_hand="10"))
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment")
    with Session(house.engine) as session, session.begin():
        plan_message(
            session, "another:step:letter", audience="customer", template="reservation_reminder",
            recipient="zakup@romashka.example", order_id=UUID(order), customer_id=customer.id,
            subject="Из чужого шага", body="Текст", created_at=datetime.now(UTC),
        )  # fmt: skip

    for _ in range(2):
        await house.handle(order).signal(OrderWorkflow.stock_allocated)
        async with asyncio.timeout(PATIENCE):
            while "Из чужого шага" not in [letter.subject for letter in house.letters()]:
                await asyncio.sleep(0.05)

    assert house.status(order) == "awaiting_payment"
    assert [letter.subject for letter in house.letters()].count("Из чужого шага") == 1


@BOTH_LANES
@pytest.mark.parametrize("end", ["cancelled", "closed"])
async def test_what_others_planned_for_an_order_goes_out_though_it_ends_first(house: House, end: str) -> None:
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    order = house.quote(customer, a_product(house.engine, on_hand="10"), quantity="1")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment")
    if end == "closed":
        row, now = house.order(order), datetime.now(UTC)
        draft = PaymentDraft(f"api-{order}", "api", now.date(), row.gross, f"Оплата по заказу {row.number}",
                             payer_tax_id=customer.tax_id)  # fmt: skip
        paid = PaymentInput(draft.identity, house.company.accountant, now, draft=draft)
        await payment_commands.take_payment(house.client, house.task_queue, paid)
        await house.reaches(order, "ready")
        await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    with Session(house.engine) as session, session.begin():
        plan_message(
            session, "another:step:letter", audience="staff", template="order_freed", recipient="m@opora.local",
            order_id=UUID(order), customer_id=customer.id, subject="Из чужого шага", body="Текст",
            created_at=datetime.now(UTC),
        )  # fmt: skip

    if end == "closed":
        await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))
    else:
        await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.manager, "передумали"))

    assert await end_of(house.handle(order)) == end
    assert [letter.subject for letter in house.letters()].count("Из чужого шага") == 1


@BOTH_LANES
async def test_a_letter_that_cannot_go_is_a_persons_matter_in_the_end(house: House) -> None:
    """D10-15: nobody takes letters, and the manager is told of the reminder that the customer did not get."""
    house.mail.stop()
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    order = house.quote(customer, a_product(house.engine, on_hand="10"))
    with patience(timedelta(seconds=3)):
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await house.reaches(order, "awaiting_payment")
        await fast_forward(house.handle(order), timedelta(days=3))

    assert house.tasks(order) == ["message_failed"]
    assert house.letters() == []


USUAL = options.MAIL["schedule_to_close_timeout"]
impatient: list[timedelta] = []
"""Tellings of the story that go on: there may be several at once."""


@contextmanager
def patience(limit: timedelta) -> Iterator[None]:
    """A letter is tried for so long instead of a day: the server's clock does not skip over attempts."""
    impatient.append(limit)
    options.MAIL["schedule_to_close_timeout"] = limit
    try:
        yield
    finally:
        impatient.remove(limit)
        if not impatient:
            options.MAIL["schedule_to_close_timeout"] = USUAL


async def queues_of(house: House, order: str) -> dict[str, str]:
    """Where each kind of activity of an order was sent."""
    history = await house.handle(order).fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return {each.activity_type.name: each.task_queue.name for each in scheduled if each.activity_type.name}


async def test_a_letter_held_for_longer_than_it_is_tried_goes_after_the_thaw(
    engine: Engine,
    database_url: str,
    client: Client,
    task_queue: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a process gives up for want of a mail server it does not give up while letters are held on purpose."""
    monkeypatch.setitem(options.MAIL, "schedule_to_close_timeout", timedelta(milliseconds=300))
    now = datetime.now(UTC)
    async with a_house(engine, database_url, client, task_queue, tmp_path) as house:
        with Session(engine) as session, session.begin():
            freezing.freeze(session, FreezeReason.STOP, by="admin", at=now)
        customer = a_customer(engine, house.company)
        order = house.quote(customer, a_product(engine, on_hand="10"))
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await gives_up(house, order, 3)
        monkeypatch.undo()  # from the next try on, sending may take its time
        async with asyncio.timeout(PATIENCE):
            while not await is_tried_for_a_day(house, order):
                await asyncio.sleep(0.1)
        assert house.letters() == []

        with Session(engine) as session, session.begin():
            freezing.thaw(session, by="admin", at=now)
        async with asyncio.timeout(PATIENCE):
            while not house.letters():
                await asyncio.sleep(0.1)
        planned = [row for row in rows(engine, OutboundRow) if row.state != "done"]
        assert planned == []


async def gives_up(house: House, order: str, times: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await given_up(house, order) < times:
            await asyncio.sleep(0.1)


async def given_up(house: House, order: str) -> int:
    """How often the process of an order gave a letter up, or was told to go on."""
    history = await house.handle(order).fetch_history()
    names = [event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events]
    return names.count("give_up")


async def is_tried_for_a_day(house: House, order: str) -> bool:
    history = await house.handle(order).fetch_history()
    tries = [event.activity_task_scheduled_event_attributes for event in history.events]
    return any(each.schedule_to_close_timeout.ToTimedelta() >= timedelta(days=1) for each in tries)
