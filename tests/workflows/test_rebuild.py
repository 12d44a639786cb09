"""Temporal's data were lost: every process begins anew from its row, at the right wait, and nothing is done twice."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support import temporal
from support.company import a_customer, a_product
from support.goods import decide, tie_money
from support.house import House, serving
from support.invoices import pay, rows
from support.patience import PATIENCE
from support.stock import drifted
from support.temporal import fast_forward
from support.watch import a_round, found

from activities.persistence.money_tables import InvoiceRow
from activities.persistence.order_tables import ApprovalRow, CreditDecisionRow
from activities.persistence.record_tables import JournalRow, OutboundRow
from activities.persistence.stock_tables import ShipmentRow
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.orders import PickCommand, ShipCommand
from workflows import ids
from workflows.invoice import InvoiceWorkflow
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


class Shelf:
    """Orders of ten pieces of their own, each moved to where its name says."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def order(self, *, price: str = "1000", prepayment: int = 0) -> str:
        customer = a_customer(self.house.engine, self.house.company, prepayment_percent=prepayment)
        return self.house.quote(customer, a_product(self.house.engine, price=price, on_hand="10"), quantity="5")

    async def placed(self, status: str, **terms: Any) -> str:
        order = await self.order(**terms)
        await self.house.command(order, OrderWorkflow.place, PlaceCommand(self.house.company.manager))
        await self.house.reaches(order, status)
        return order

    async def pick(self, order: str) -> str:
        await self.house.command(order, OrderWorkflow.start_picking, PickCommand(self.house.company.warehouse))
        return order

    async def ship(self, order: str) -> str:
        await self.house.command(order, OrderWorkflow.ship, ShipCommand(self.house.company.warehouse))
        return order

    async def approve(self, order: str) -> None:
        await self.house.command(
            order, OrderWorkflow.answer_approval, ApprovalCommand(self.house.company.head, Verdict.APPROVE, "")
        )


async def at_every_station(house: House) -> dict[str, str]:
    shelf = Shelf(house)
    quoted = await shelf.order()
    await house.start(quoted)
    return {
        "quoted": quoted,
        "awaiting_approval": await shelf.placed("awaiting_approval", price="300000"),
        "stopped": await shelf.placed("stopped", price="2000000"),
        "awaiting_payment": await shelf.placed("awaiting_payment", prepayment=100),
        "ready": await shelf.placed("ready"),
        "picking": await shelf.pick(await shelf.placed("ready")),
        "awaiting_final_payment": await shelf.ship(await shelf.pick(await shelf.placed("ready"))),
    }


def done(engine: Engine) -> dict[str, int]:
    """How much was recorded of whatever must not be done twice."""
    counted = (ShipmentRow, InvoiceRow, ApprovalRow, OutboundRow, CreditDecisionRow, JournalRow)
    return {table.__tablename__: len(rows(engine, table)) for table in counted}


def half_done(engine: Engine, order: str, status: str) -> None:
    """As a crash leaves an order between two steps: nothing is awaited."""
    statement = text("UPDATE sales_order SET status = :status, wait = 'null' WHERE id = :id")
    with engine.begin() as connection:
        connection.execute(statement, {"id": order, "status": status})


async def test_all_begin_anew_at_their_wait_and_go_on(house: House, engine: Engine, task_queue: str) -> None:
    orders = await at_every_station(house)
    await asyncio.sleep(1)  # letters and notices are out
    letters, before = len(house.letters()), done(engine)

    async with AsyncExitStack() as stack:
        server = stack.enter_context(temporal.running_server())  # an empty one
        client = await temporal.connected(server)
        await stack.enter_async_context(serving(house.settings, engine, client))
        anew = House(engine, client, house.company, house.mailbox, house.mail, house.settings)
        outcome = await a_round(client, task_queue)
        assert outcome.repaired == len(orders) + 1  # and the process of the invoice
        await a_round(client, task_queue)
        assert found(engine) == {}

        assert {name: anew.status(order) for name, order in orders.items()} == {name: name for name in orders}
        for name, order in orders.items():
            async with asyncio.timeout(PATIENCE):
                state = await anew.handle(order).query(OrderWorkflow.state)
            assert (name, state.status, state.wait is not None) == (name, name, True)
        assert done(engine) == before
        assert len(house.letters()) == letters

        shelf = Shelf(anew)
        await anew.command(orders["quoted"], OrderWorkflow.place, PlaceCommand(house.company.manager))
        await shelf.approve(orders["awaiting_approval"])
        tie_money(engine, orders["awaiting_payment"], "5000.00")
        await anew.handle(orders["awaiting_payment"]).signal(OrderWorkflow.payment_applied)
        for name in ("quoted", "awaiting_approval", "awaiting_payment", "ready"):
            await anew.reaches(orders[name], "ready")
            await shelf.pick(orders[name])
        for name in ("quoted", "awaiting_approval", "awaiting_payment", "ready", "picking"):
            await shelf.ship(orders[name])
        await fast_forward(anew.handle(orders["stopped"]), timedelta(days=15))
        await anew.reaches(orders["stopped"], "cancelled")
        await _settle(anew, orders["awaiting_final_payment"])
        await anew.reaches(orders["awaiting_final_payment"], "closed")
        assert len(rows(engine, InvoiceRow)) == len(rows(engine, ShipmentRow)) == 6
        assert drifted(engine) == []


async def _settle(house: House, order: str) -> None:
    """Pay the invoice of an order; its process, begun anew, tells the order."""
    with house.engine.begin() as connection:
        (line,) = connection.execute(
            text("SELECT line.id FROM schedule_line line JOIN invoice ON invoice.id = invoice_id WHERE order_id = :id"),
            {"id": order},
        ).scalars()
    pay(house.engine, str(line))
    await house.client.get_workflow_handle(ids.invoice_workflow_id(str(line))).signal(InvoiceWorkflow.payment_applied)


@pytest.mark.parametrize(("status", "goes_on_to"), [("checking", "ready"), ("confirmed", "ready")])
async def test_an_order_lost_between_two_steps_takes_the_next_one(
    house: House, engine: Engine, status: str, goes_on_to: str
) -> None:
    order = await Shelf(house).order()
    if status == "confirmed":
        decide(engine, house.company, order)
    half_done(engine, order, status)
    await a_round(house.client, house.task_queue)
    await house.reaches(order, goes_on_to)
    assert drifted(engine) == []


async def test_a_shipment_lost_before_its_invoice_is_invoiced_once(house: House, engine: Engine) -> None:
    shelf = Shelf(house)
    order = await shelf.pick(await shelf.placed("ready"))
    with engine.begin() as connection:  # the step after the shipment cannot be done: the process is lost there
        connection.execute(text("ALTER TABLE invoice ADD CONSTRAINT closed CHECK (gross < 0) NOT VALID"))
    shipping = asyncio.create_task(shelf.ship(order))
    await house.reaches(order, "shipped")
    await house.handle(order).terminate()
    await asyncio.gather(shipping, return_exceptions=True)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE invoice DROP CONSTRAINT closed"))

    await a_round(house.client, house.task_queue)
    await house.reaches(order, "awaiting_final_payment")
    assert len(rows(engine, InvoiceRow)) == len(rows(engine, ShipmentRow)) == 1
    assert found(engine) == {}
