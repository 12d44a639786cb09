"""The shipment gate on the real server: closed before and after picking, and what the head decides (D12-1, D12-2)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.invoices import an_invoice
from support.patience import PATIENCE
from support.refusals import refusal
from support.temporal import fast_forward

from activities.persistence.order_tables import ApprovalRow, CreditDecisionRow
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.stock_tables import StockRow
from domain.credit_steps import PlaceCommand
from domain.orders import PickCommand, ShipCommand
from domain.shipment_gate import GateCommand, GateVerdict
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]
DAY = timedelta(days=1)


async def a_ready_order(house: House, **terms: Any) -> tuple[str, Any, str]:
    """Five of a product for 500 000, ready to be picked; with the customer and the product."""
    customer = a_customer(house.engine, house.company, **terms)
    sku = a_product(house.engine, price="100000", on_hand="10")
    order = house.quote(customer, sku, quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    await house.calls_for_picking(order)
    return order, customer, sku


async def pick(house: House, order: str) -> Any:
    return await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))


async def ship(house: House, order: str) -> Any:
    return await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))


async def decide(house: House, order: str, verdict: GateVerdict, who: str = "head") -> Any:
    command = GateCommand(house.company.people[who], verdict, "так надо")
    return await house.command(order, OrderWorkflow.answer_gate, command)


def overdue(house: House, customer: Any, days: int = 20) -> None:
    """A debt of 100 000, overdue for so many days."""
    due = (datetime.now(UTC) - timedelta(days=days)).date()
    an_invoice(house.engine, customer, amount="100000.00", due=due)


def pay_all(house: House) -> None:
    with Session(house.engine) as session, session.begin():
        session.execute(text("UPDATE schedule_line SET residual = 0"))


def wait_of(house: House, order: str) -> str:
    return house.order(order).wait["reason"]


def gates(house: House, order: str) -> list[str]:
    with Session(house.engine) as session:
        query = select(CreditDecisionRow.outcome).where(
            CreditDecisionRow.order_id == UUID(order), CreditDecisionRow.rule == "gate"
        )
        return list(session.exec(query.order_by(col(CreditDecisionRow.id))))


async def test_d2_11_every_picking_and_shipment_passes_the_gate(house: House) -> None:
    order, _, _ = await a_ready_order(house)
    await pick(house, order)
    await ship(house, order)

    assert gates(house, order) == ["auto", "auto"]
    assert house.status(order) == "awaiting_final_payment"


async def test_d12_1_a_new_stop_holds_the_order_before_picking(house: House) -> None:
    order, customer, _ = await a_ready_order(house)
    overdue(house, customer)

    assert await refusal(pick(house, order)) == "gate_closed"
    assert (house.status(order), gates(house, order)) == ("ready", ["stop"])
    assert "gate_shut" in house.notices(order)

    pay_all(house)
    await pick(house, order)
    assert house.status(order) == "picking"


async def test_d12_2_the_head_ships_picked_goods_by_approval(house: House) -> None:
    order, customer, _ = await a_ready_order(house)
    await pick(house, order)
    overdue(house, customer)
    assert await refusal(ship(house, order)) == "gate_closed"
    assert (house.status(order), wait_of(house, order)) == ("picking", "gate")
    assert "gate" in house.tasks(order)

    assert await refusal(decide(house, order, GateVerdict.SHIP, who="manager")) == "own_approval"
    await decide(house, order, GateVerdict.SHIP)
    await ship(house, order)

    assert house.status(order) == "awaiting_final_payment"
    with Session(house.engine) as session:
        given = session.exec(select(ApprovalRow)).one()
    assert (given.kind, given.state, given.reasons) == ("gate", "approved", ["OVERDUE_STOP"])
    assert await refusal(decide(house, order, GateVerdict.SHIP)) == "gate_open"


async def test_d2_8_nobody_ships_through_a_ban(house: House) -> None:
    order, _, _ = await a_ready_order(house)
    await pick(house, order)
    with Session(house.engine) as session, session.begin():
        session.execute(text("UPDATE credit_account SET no_trade = true, stopped_at = now()"))
    assert await refusal(ship(house, order)) == "gate_closed"

    assert await refusal(decide(house, order, GateVerdict.SHIP)) == "gate_closed"
    assert wait_of(house, order) == "gate"


async def test_d12_2_the_head_has_the_goods_put_back(house: House) -> None:
    order, customer, sku = await a_ready_order(house)
    await pick(house, order)
    overdue(house, customer)
    await refusal(ship(house, order))

    await decide(house, order, GateVerdict.UNPICK)

    assert (house.status(order), wait_of(house, order)) == ("ready", "picking")
    with Session(house.engine) as session:
        row = session.get_one(StockRow, ("main", sku))
        assert (row.on_hand, row.reserved, row.picking) == (10, 5, 0)
    assert "unpick" in house.tasks(order)


async def test_d12_2_picked_goods_wait_two_working_days_at_most(house: House) -> None:
    order, customer, sku = await a_ready_order(house)
    await pick(house, order)
    overdue(house, customer)
    await refusal(ship(house, order))
    asked = datetime.fromisoformat(house.order(order).wait["since"])
    await fast_forward(house.handle(order), timedelta(hours=2))
    await decide(house, order, GateVerdict.HOLD)
    assert datetime.fromisoformat(house.order(order).wait["since"]) >= asked + timedelta(hours=2)

    await fast_forward(house.handle(order), 5 * DAY)

    assert house.status(order) == "ready"
    with Session(house.engine) as session:
        assert session.get_one(StockRow, ("main", sku)).picking == 0
    assert "unpicked" in house.notices(order)


async def test_d2_13_money_opens_the_gate_by_itself(house: House) -> None:
    order, customer, _ = await a_ready_order(house)
    await pick(house, order)
    overdue(house, customer)
    await refusal(ship(house, order))

    pay_all(house)
    with Session(house.engine) as session, session.begin():
        told = reconsider_account(session, customer.credit_account_id, at=datetime.now(UTC))
    assert told == (order,)
    await house.handle(order).signal(OrderWorkflow.exposure_lowered)

    async with asyncio.timeout(PATIENCE):
        while wait_of(house, order) != "shipment":
            await asyncio.sleep(0.02)
    await ship(house, order)
    assert house.status(order) == "awaiting_final_payment"


async def test_d4_12_the_head_allows_a_shipment_before_picking(house: House) -> None:
    order, customer, _ = await a_ready_order(house)
    overdue(house, customer)
    assert await refusal(pick(house, order)) == "gate_closed"
    assert await refusal(decide(house, order, GateVerdict.UNPICK)) == "gate_open"

    await decide(house, order, GateVerdict.SHIP)
    await pick(house, order)
    await ship(house, order)

    assert house.status(order) == "awaiting_final_payment"
