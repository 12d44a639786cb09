"""Letters have a queue of their own: a mail server that never answers holds no order up."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import House, a_house
from temporalio.client import Client

from activities.persistence.outbound import plan_message
from domain.credit_steps import PlaceCommand
from workflows import ids
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.anyio
BY_MAIL = {"deliver", "give_up"}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


@pytest.fixture
async def house(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path, silent_port: int
) -> AsyncIterator[House]:
    async with a_house(engine, database_url, client, task_queue, tmp_path, smtp_port=silent_port) as open_house:
        yield open_house


async def test_a_silent_mail_server_holds_no_order_up(house: House) -> None:
    """More orders than there are slots for steps; every letter hangs, every order goes on."""
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


async def test_a_letter_planned_by_somebody_else_goes_out_when_the_order_looks_again(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> None:
    async with a_house(engine, database_url, client, task_queue, tmp_path) as house:
        customer = a_customer(engine, house.company, prepayment_percent=100)
        order = house.quote(customer, a_product(engine, on_hand="10"))
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await house.reaches(order, "awaiting_payment")
        with Session(engine) as session, session.begin():
            plan_message(
                session, "another:step:letter", audience="customer", template="reservation_reminder",
                recipient="zakup@romashka.example", order_id=UUID(order), customer_id=customer.id,
                subject="Из чужого шага", body="Текст", created_at=datetime.now(UTC),
            )  # fmt: skip

        for _ in range(2):
            await house.handle(order).signal(OrderWorkflow.stock_allocated)
            async with asyncio.timeout(20):
                while "Из чужого шага" not in [letter.subject for letter in house.letters()]:
                    await asyncio.sleep(0.05)

        assert house.status(order) == "awaiting_payment"
        assert [letter.subject for letter in house.letters()].count("Из чужого шага") == 1


async def queues_of(house: House, order: str) -> dict[str, str]:
    """Where each kind of activity of an order was sent."""
    history = await house.handle(order).fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return {each.activity_type.name: each.task_queue.name for each in scheduled if each.activity_type.name}
