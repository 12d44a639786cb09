"""Orders over several warehouses on the real server: pick, ship, put back, close short (D7-14, D7-16, D12)."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select
from support.company import a_customer, a_product
from support.goods import receipt, stock_of
from support.house import BOTH_LANES, House
from support.locks import locked
from support.patience import PATIENCE, end_of
from support.refusals import refusal
from temporalio.client import WorkflowUpdateHandle, WorkflowUpdateStage

from activities.persistence.money_tables import InvoiceRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.record_tables import TaskRow
from domain.credit_steps import PlaceCommand
from domain.fulfilment import CloseShortCommand, UnpickCommand
from domain.orders import CancelCommand, LineQuantity, PickCommand, ShipCommand
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]


async def two_warehouses(house: House, north: str = "3") -> tuple[str, str, str]:
    """Five of a product from `main` and three of another from `north`; the order and both products."""
    customer = a_customer(house.engine, house.company)
    here, there = a_product(house.engine, on_hand="10"), a_product(house.engine)
    receipt(house.engine, there, north, "north")
    draft = QuoteDraft(
        lines=[QuoteLine(here, Decimal(5), None), QuoteLine(there, Decimal(3), None, "north")],
        deferral_days=None,
        prepayment_percent=None,
        ship_complete=False,
        comment=None,
    )
    with Session(house.engine) as session, session.begin():
        row = session.get_one(CustomerRow, customer.id)
        order = str(write_quote(session, row, draft, house.company.manager, now=datetime.now(UTC)).id)
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready", "part_reserved")
    return order, here, there


async def pick(house: House, order: str, warehouse: str | None = None) -> Any:
    return await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse, warehouse))


async def ship(house: House, order: str, warehouse: str | None = None, **lines: str) -> Any:
    wanted = tuple(LineQuantity(sku, Decimal(quantity)) for sku, quantity in lines.items())
    return await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse, wanted, warehouse))


async def unpick(house: House, order: str, warehouse: str | None = None) -> Any:
    command = UnpickCommand(house.company.warehouse, "машина не пришла", warehouse)
    return await house.command(order, OrderWorkflow.unpick, command)


async def close_short(house: House, order: str, *skus: str) -> Any:
    command = CloseShortCommand(house.company.manager, "клиенту хватит", skus)
    return await house.command(order, OrderWorkflow.close_short, command)


async def called(house: House, order: str, *warehouses: str) -> None:
    """Wait until exactly these warehouses have a task to pick the order."""

    def open_tasks() -> list[str]:
        with Session(house.engine) as session:
            query = select(TaskRow).where(
                TaskRow.order_id == UUID(order), TaskRow.kind == "picking", TaskRow.state == "open"
            )
            return sorted(row.details["warehouse"] for row in session.exec(query))

    async with asyncio.timeout(PATIENCE):
        while (found := await asyncio.to_thread(open_tasks)) != sorted(warehouses):
            await asyncio.sleep(0.02)
    assert found == sorted(warehouses)


def invoiced(house: House) -> list[Decimal]:
    with Session(house.engine) as session:
        return sorted(row.gross for row in session.exec(select(InvoiceRow)))


async def test_d12_4_two_warehouses_pick_and_ship_one_after_the_other(house: House) -> None:
    order, _, there = await two_warehouses(house)
    await called(house, order, "main", "north")

    await pick(house, order, "north")
    await pick(house, order, "main")
    assert await refusal(ship(house, order)) == "warehouse_needed"
    await ship(house, order, "north")

    assert house.status(order) == "picking"
    await called(house, order, "main")
    assert stock_of(house.engine, there, "north") == (0, 0, 0)
    await ship(house, order)
    assert house.status(order) == "awaiting_final_payment"
    assert invoiced(house) == [3_000, 5_000]


async def test_d12_4_two_warehouses_ship_at_the_same_moment(house: House) -> None:
    order, _, _ = await two_warehouses(house)
    await pick(house, order)

    await asyncio.gather(ship(house, order, "main"), ship(house, order, "north"))

    assert house.status(order) == "awaiting_final_payment"
    assert invoiced(house) == [3_000, 5_000]


async def test_d12_4_a_shipment_that_falls_between_another_and_its_invoice_waits_for_the_invoice(house: House) -> None:
    order, here, _ = await two_warehouses(house)
    await pick(house, order)

    with locked(house.engine, "SELECT 1 FROM stock WHERE sku = :sku FOR UPDATE", sku=here):
        shipping = [await sent(house, order, each) for each in ("main", "north")]

    assert [(await end_of(each)).state.status for each in shipping] == ["picking", "awaiting_final_payment"]
    assert invoiced(house) == [3_000, 5_000]


async def sent(house: House, order: str, warehouse: str) -> WorkflowUpdateHandle[Any]:
    """A shipment that has been taken in and waits for its turn, or for what it needs."""
    return await house.handle(order).start_update(
        OrderWorkflow.ship,
        ShipCommand(house.company.warehouse, (), warehouse),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
    )


async def test_d7_16_what_is_picked_is_not_picked_again(house: House) -> None:
    order, _, _ = await two_warehouses(house)
    await pick(house, order)
    assert await refusal(pick(house, order)) == "wrong_state"
    assert await refusal(pick(house, order, "north")) == "nothing_to_pick"


async def test_d12_2_unpicked_goods_are_called_for_anew(house: House) -> None:
    order, here, _ = await two_warehouses(house)
    assert await refusal(unpick(house, order)) == "wrong_state"
    await called(house, order, "main", "north")
    await pick(house, order)

    await unpick(house, order, "main")
    assert (house.status(order), stock_of(house.engine, here)) == ("picking", (10, 5, 0))
    await called(house, order, "main", "north")
    await unpick(house, order)

    assert house.status(order) == "ready"
    await called(house, order, "main", "north")
    await pick(house, order)
    await ship(house, order, "main")
    assert house.status(order) == "picking"


async def test_d6_8_nothing_is_unpicked_while_the_warehouse_acknowledges_a_cancellation(house: House) -> None:
    order, _, _ = await two_warehouses(house)
    await pick(house, order, "main")
    await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.head, "передумали"))

    for command in (unpick(house, order), pick(house, order, "north"), close_short(house, order)):
        assert await refusal(command) == "wrong_state"

    assert house.status(order) == "picking"


async def test_d7_14_a_rest_is_closed_short_and_serves_whoever_waits(house: House) -> None:
    order, _, there = await two_warehouses(house)
    waiting = house.quote(a_customer(house.engine, house.company), there, quantity="2", price="1000")
    assert await refusal(close_short(house, waiting)) == "wrong_state"
    assert await refusal(close_short(house, order)) == "not_shipped_yet"
    await pick(house, order, "main")
    await ship(house, order)
    assert house.status(order) == "ready"
    assert await refusal(close_short(house, order, "нет такого")) == "nothing_to_close"

    await close_short(house, order, there)

    assert house.status(order) == "awaiting_final_payment"
    assert stock_of(house.engine, there, "north") == (3, 0, 0)
    await called(house, order)


async def test_d12_5_a_little_more_is_shipped_and_the_manager_hears_of_it(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="110")
    order = house.quote(customer, sku, quantity="100")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    await pick(house, order)
    assert await refusal(ship(house, order, **{sku: "106"})) == "ship_quantity"

    await ship(house, order, **{sku: "105"})

    assert (house.status(order), invoiced(house)) == ("awaiting_final_payment", [105_000])
    assert "over_delivered" in house.notices(order)
