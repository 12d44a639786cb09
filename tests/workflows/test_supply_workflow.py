"""An expected receipt on the real server, its calendar moved by fast-forward; each story also without a cache."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.invoices import rows
from support.patience import PATIENCE, end_of
from support.supplies import came, cancelled, changed, ordered
from support.temporal import fast_forward
from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer

from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ExpectedReceiptRow
from api.supply_commands import catch_up_supplies, watch_supplies
from domain.business_calendar import BusinessCalendar
from domain.credit_steps import PlaceCommand
from domain.supply_life import SupplyInput
from workflows import ids
from workflows.order import OrderWorkflow
from workflows.sandbox import workflow_runner
from workflows.supply import SupplyWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
START = ALMATY.at(date(2035, 4, 2), 12)
"""A Monday far enough ahead that business time begins there."""


def day(number: int) -> date:
    """Of April 2035; Monday is the 2nd, Friday the 6th."""
    return date(2035, 4, number)


def handle_of(house: House, row: ExpectedReceiptRow) -> WorkflowHandle[Any, Any]:
    return house.client.get_workflow_handle_for(SupplyWorkflow.run, ids.supply_workflow_id(str(row.id)))


async def watched(house: House, row: ExpectedReceiptRow) -> WorkflowHandle[Any, Any]:
    """Start its process, or tell the one that runs, as the doors do after the commit."""
    await watch_supplies(house.client, house.task_queue, [SupplyInput(str(row.id), START)])
    return handle_of(house, row)


async def waits_until(handle: WorkflowHandle[Any, Any], until: datetime) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            outlook = await handle.query(SupplyWorkflow.outlook)
            if outlook is not None and outlook.wait is not None and outlook.wait.until == until:
                return
            await asyncio.sleep(0.02)


def asked(house: House) -> list[tuple[str, str]]:
    """Kind and state of what the buyer was asked, in order."""
    found = sorted((row for row in rows(house.engine, TaskRow) if row.role == "buyer"), key=lambda row: row.id)
    return [(row.kind, row.state) for row in found]


async def a_waiting_order(house: House) -> tuple[str, str]:
    """An order in the queue, and its product."""
    customer = a_customer(house.engine, house.company)
    sku = a_product(house.engine)
    order = house.quote(customer, sku, quantity="10")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "confirmed")
    async with asyncio.timeout(PATIENCE):
        while (house.order(order).wait or {}).get("reason") != "stock":
            await asyncio.sleep(0.02)
    return order, sku


async def test_a_delivery_from_its_order_to_the_last_piece(house: House) -> None:
    """Expected on Friday the 13th, controlled on Wednesday the 4th; late; then it comes in two parts."""
    engine, company = house.engine, house.company
    order, sku = await a_waiting_order(house)
    row = ordered(engine, company, {sku: "10"}, day(13), at=START, controls={day(4): "Позвонить"})
    handle = await watched(house, row)
    await waits_until(handle, ALMATY.at(day(4), 10))
    shown = (await handle.describe()).typed_search_attributes
    assert (shown[ids.STATUS], shown[ids.WAITING]) == ("expected", "supply")
    assert asked(house) == []

    await fast_forward(handle, timedelta(days=1, hours=22))  # Wednesday, ten o'clock
    assert asked(house) == [("supply_control", "open")]
    await fast_forward(handle, timedelta(days=9, hours=23, minutes=50))  # Saturday the 14th, before ten
    assert asked(house) == [("supply_control", "open")]
    await fast_forward(handle, timedelta(minutes=20))
    assert asked(house) == [("supply_control", "open"), ("supply_late", "open")]
    await waits_until(handle, ALMATY.at(day(20), 10))

    came(engine, company, row, {sku: "4"}, at=ALMATY.at(day(14), 11))
    await watched(house, row)
    came(engine, company, row, {sku: "6"}, at=ALMATY.at(day(14), 12))
    await watched(house, row)
    assert await end_of(handle) == "received"
    assert asked(house) == [("supply_control", "done"), ("supply_late", "done")]
    assert [letter.subject for letter in house.letters() if "Поставка" in letter.subject] == [
        f"Поставка {row.number} задерживается"
    ]
    assert house.order(order).number in house.letters()[-1].text
    replayer = Replayer(
        workflows=[SupplyWorkflow], data_converter=house.client.data_converter, workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(await handle.fetch_history())


async def test_a_later_day_and_a_cancellation_are_told(house: House) -> None:
    engine, company = house.engine, house.company
    _, sku = await a_waiting_order(house)
    row = ordered(engine, company, {sku: "10"}, day(13), at=START)
    handle = await watched(house, row)
    await waits_until(handle, ALMATY.at(day(14), 10))

    changed(engine, company, row, at=START, expected_on=day(18))
    await watched(house, row)
    await waits_until(handle, ALMATY.at(day(19), 10))
    cancelled(engine, company, row, at=START)
    await watched(house, row)

    assert await end_of(handle) == "cancelled"
    assert [letter.subject for letter in house.letters() if "Поставка" in letter.subject] == [
        f"Поставка {row.number} придёт позже", f"Поставка {row.number} отменена",
    ]  # fmt: skip
    assert {each.state for each in rows(engine, OutboundRow) if each.template.startswith("supply")} == {"done"}
    await watched(house, row)  # one that has ended is left alone
    assert await end_of(handle) == "cancelled"


async def test_what_nobody_could_start_or_tell_is_caught_up_with_at_the_next_start(house: House) -> None:
    """The API was killed between its commit and its call of Temporal: when a receipt was ordered, and when it ended."""
    engine, company = house.engine, house.company
    row = ordered(engine, company, {a_product(engine): "10"}, day(13), at=START)
    await catch_up_supplies(engine, house.client, house.task_queue)
    handle = handle_of(house, row)
    await waits_until(handle, ALMATY.at(day(14), 10))
    cancelled(engine, company, row, at=START)
    await catch_up_supplies(engine, house.client, house.task_queue)
    assert await end_of(handle) == "cancelled"
    with Session(engine) as session:
        assert session.get_one(ExpectedReceiptRow, row.id).ended_at == START
