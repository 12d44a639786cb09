"""Letters have a queue of their own: a mail server that never answers holds no order up."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.company import a_customer, a_product
from support.house import House, a_house
from temporalio.client import Client

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


async def queues_of(house: House, order: str) -> dict[str, str]:
    """Where each kind of activity of an order was sent."""
    history = await house.handle(order).fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    return {each.activity_type.name: each.task_queue.name for each in scheduled if each.activity_type.name}
