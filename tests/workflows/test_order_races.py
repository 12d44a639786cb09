"""Commands, timers and the Temporal UI at the same moment: the order goes on, and nothing is done twice or lost."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.company import a_customer, a_product
from support.goods import stock_of, tie_money
from support.house import House
from support.invoices import rows
from support.locks import locked, wait_for_another_try, wait_for_waiters
from support.patience import PATIENCE, end_of
from temporalio.client import WorkflowExecutionStatus

from activities.persistence.record_tables import OutboundRow
from domain.credit_steps import PlaceCommand
from domain.orders import CancelCommand, PickCommand, ShipCommand
from workflows import ids
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.anyio


async def test_picking_and_shipping_that_overtake_the_call_for_picking(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku, quantity="5")
    with locked(house.engine, "SELECT 1 FROM stock WHERE sku = :sku FOR UPDATE", sku=sku):
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await house.reaches(order, "confirmed")
        await asyncio.sleep(0.3)
        picking = asyncio.create_task(
            house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
        )
        await asyncio.sleep(0.2)
        shipping = asyncio.create_task(house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse)))
        await asyncio.sleep(0.2)

    await asyncio.gather(picking, shipping, return_exceptions=True)

    status = await house.reaches(order, "ready", "picking", "awaiting_final_payment")
    if status == "ready":  # both came too early and were refused; the order is none the worse
        await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
        await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))
        status = await house.reaches(order, "awaiting_final_payment")
    assert status == "awaiting_final_payment"
    assert stock_of(house.engine, sku) == (0, 0, 0)


async def test_a_quote_placed_in_its_last_second_does_not_expire(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    valid_until = datetime.now(UTC) + timedelta(seconds=6)
    order = house.quote(customer, sku, quantity="5", now=valid_until - timedelta(days=7))
    await house.start(order)
    with locked(house.engine, "SELECT 1 FROM credit_account FOR UPDATE"):
        placing = asyncio.create_task(house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager)))
        await asyncio.sleep((valid_until - datetime.now(UTC)).total_seconds() + 0.5)

    assert (await placing).decision.outcome == "auto"
    await house.reaches(order, "ready")


async def test_cancelled_in_the_ui_while_goods_leave_the_order_goes_on(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku, quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    with locked(house.engine, "SELECT 1 FROM stock WHERE sku = :sku FOR UPDATE", sku=sku):
        shipping = asyncio.create_task(house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse)))
        await asyncio.sleep(0.4)
        await house.handle(order).cancel()
        await asyncio.sleep(0.3)

    await shipping

    assert house.status(order) == "awaiting_final_payment"
    assert (await house.handle(order).describe()).status is WorkflowExecutionStatus.RUNNING
    assert stock_of(house.engine, sku) == (0, 0, 0)


async def test_cancelled_in_the_ui_while_goods_are_reserved_they_come_back(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku, quantity="5")
    with locked(house.engine, "SELECT 1 FROM stock WHERE sku = :sku FOR UPDATE", sku=sku):
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await asyncio.sleep(0.3)
        await house.handle(order).cancel()
        await asyncio.sleep(0.2)

    assert await end_of(house.handle(order)) == "cancelled"
    assert stock_of(house.engine, sku) == (5, 0, 0)


async def test_d2_13_a_cancelled_order_frees_the_next_one(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, price="600000", on_hand="5")
    first, second = house.quote(customer, sku), house.quote(customer, sku)
    await house.command(first, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.command(second, OrderWorkflow.place, PlaceCommand(house.company.manager))
    assert house.status(second) == "awaiting_approval"

    await house.command(first, OrderWorkflow.cancel, CancelCommand(house.company.manager, "передумал"))

    await house.reaches(second, "ready")


async def test_d7_6_goods_of_a_cancelled_order_move_the_one_on_that_waits_for_them(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    has, waits = (house.quote(customer, sku, quantity="5") for _ in range(2))
    await house.command(has, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(has, "ready")
    await house.command(waits, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(waits, "confirmed")

    await house.command(has, OrderWorkflow.cancel, CancelCommand(house.company.manager, "передумал"))

    await house.reaches(waits, "ready")


async def test_d6_8_asked_twice_the_warehouse_acknowledges_once(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku)
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))

    for _ in range(2):
        await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.head, "клиент отказался"))

    assert house.tasks(order).count("cancel_acknowledgement") == 1


@pytest.mark.parametrize("ready", [True, False])
async def test_a_terminated_order_is_taken_up_where_it_stood(house: House, ready: bool) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku, quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    if not ready:
        await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    await house.handle(order).terminate("by hand")

    if ready:
        await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))

    assert house.status(order) == "awaiting_final_payment"
    assert stock_of(house.engine, sku) == (0, 0, 0)


async def an_unpaid_order(house: House) -> str:
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    order = house.quote(customer, a_product(house.engine, on_hand="5"))
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment")
    async with asyncio.timeout(PATIENCE):
        while {row.state for row in rows(house.engine, OutboundRow)} != {"done"}:
            await asyncio.sleep(0.02)
    return order


async def test_d2_13_news_that_come_with_the_start_of_a_process_are_heard(house: House) -> None:
    """The signal is there before the first step of a process that was started anew."""
    order = await an_unpaid_order(house)
    await house.handle(order).terminate("data lost")
    tie_money(house.engine, order, "1000")

    await house.client.start_workflow(
        OrderWorkflow.run,
        house.input(order),
        id=ids.order_workflow_id(order),
        task_queue=house.task_queue,
        start_signal="payment_applied",
    )

    await house.reaches(order, "ready")


async def test_d7_7_money_that_comes_while_the_order_looks_is_seen_too(house: House) -> None:
    """The look that was under way has read the facts already, so there is another."""
    order = await an_unpaid_order(house)
    with locked(house.engine, "LOCK TABLE outbound IN ACCESS EXCLUSIVE MODE"):  # the last thing that a look reads
        await house.handle(order).signal(OrderWorkflow.payment_applied)
        await asyncio.to_thread(wait_for_waiters, house.engine, 1)
        await asyncio.to_thread(wait_for_another_try, house.engine)  # this one still waits when the signal is taken in
        tie_money(house.engine, order, "1000")
        await house.handle(order).signal(OrderWorkflow.payment_applied)
        await house.handle(order).query(OrderWorkflow.state)  # answered when it has been

    await house.reaches(order, "ready")
