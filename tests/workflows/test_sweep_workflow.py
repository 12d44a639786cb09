"""The hourly round on the real server, started by its schedule; the story also without a cache (D8-6, D3-10)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.patience import PATIENCE, end_of
from support.watch import a_sweep
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleUpdate
from temporalio.service import RPCError

from activities.persistence.record_tables import TaskRow
from domain.credit_steps import PlaceCommand
from domain.sweeps import StockChecked, StockSweep
from workflows.order import OrderWorkflow
from workflows.schedules import HOUR, STOCK_SWEEP, ensure_schedules
from workflows.sweep import StockSweepWorkflow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scheduled(client: Client, task_queue: str) -> AsyncIterator[Any]:
    """The schedule, made as a worker makes it when it starts; gone after the test."""
    await ensure_schedules(client, task_queue)
    handle = client.get_schedule_handle(STOCK_SWEEP)
    yield handle
    await handle.delete()


async def a_round(client: Client, scheduled: Any) -> StockChecked:
    """Start one now, and what it answered."""
    before = (await scheduled.describe()).info.num_actions
    await scheduled.trigger()
    async with asyncio.timeout(PATIENCE):
        while (described := await scheduled.describe()).info.num_actions == before:
            await asyncio.sleep(0.05)
    begun = described.info.recent_actions[-1].action
    handle = client.get_workflow_handle_for(StockSweepWorkflow.run, begun.workflow_id)
    return await end_of(handle)


def wait_since(house: House, ago: timedelta) -> None:
    """As if whoever waits had waited for so long already."""
    with house.engine.begin() as connection:
        connection.execute(
            text("UPDATE reservation_line SET since = since - :ago WHERE state = 'waiting'"), {"ago": ago}
        )


@BOTH_LANES
async def test_d8_6_the_hourly_round_serves_who_waited_a_week_and_tells_the_order(
    house: House, client: Client, scheduled: Any
) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5", hold_back="100")
    order = house.quote(customer, sku, quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    async with asyncio.timeout(PATIENCE):
        while house.order(order).wait is None:
            await asyncio.sleep(0.02)

    wait_since(house, timedelta(days=7) - timedelta(minutes=5))
    assert await a_round(client, scheduled) == StockChecked()
    assert (house.status(order), house.order(order).wait["reason"]) == ("confirmed", "stock")

    wait_since(house, timedelta(minutes=5))
    assert await a_round(client, scheduled) == StockChecked()
    await house.reaches(order, "ready")


@BOTH_LANES
async def test_a_round_asked_for_serves_and_checks(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5", hold_back="100")
    order = house.quote(customer, sku, quantity="5")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    async with asyncio.timeout(PATIENCE):
        while house.order(order).wait is None:
            await asyncio.sleep(0.02)
    wait_since(house, timedelta(days=7))
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE stock SET on_hand = 6"))

    checked = await a_sweep(house.client, house.task_queue)

    assert checked == StockChecked(found=1, told=1)
    await house.reaches(order, "ready")


@BOTH_LANES
async def test_d3_10_what_does_not_add_up_is_the_administrators_task(
    house: House, client: Client, scheduled: Any
) -> None:
    a_product(house.engine, on_hand="5")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE stock SET on_hand = 6"))
    assert await a_round(client, scheduled) == StockChecked(found=1, told=1)
    assert await a_round(client, scheduled) == StockChecked(found=1, told=0)
    with Session(house.engine) as session:
        (task,) = session.exec(select(TaskRow))
        assert (task.kind, task.role) == ("stock_drift", "admin")


async def test_the_schedule_is_made_once_and_brought_up_to_date(client: Client, task_queue: str) -> None:
    await asyncio.gather(*(ensure_schedules(client, task_queue) for _ in range(3)))
    handle = client.get_schedule_handle(STOCK_SWEEP)
    try:
        await ensure_schedules(client, task_queue)
        await handle.pause(note="ревизия склада")

        async def older(given: Any) -> ScheduleUpdate:
            schedule = given.description.schedule
            schedule.spec.intervals[0].every = 2 * HOUR
            schedule.action = ScheduleActionStartWorkflow("Older", StockSweep(), id=STOCK_SWEEP, task_queue="another")
            return ScheduleUpdate(schedule)

        await handle.update(older)
        await ensure_schedules(client, task_queue)

        schedule = (await handle.describe()).schedule
        assert [interval.every for interval in schedule.spec.intervals] == [HOUR]
        assert isinstance(schedule.action, ScheduleActionStartWorkflow)
        assert (schedule.action.workflow, schedule.action.task_queue) == ("StockSweepWorkflow", task_queue)
        assert (schedule.policy.overlap.name, schedule.policy.catchup_window) == ("SKIP", HOUR)
        assert (schedule.state.paused, schedule.state.note) == (True, "ревизия склада")
    finally:
        await handle.delete()
    with pytest.raises(RPCError):
        await handle.describe()
