"""The roads that the engine goes by itself: the same commands with empty steps and with one transaction in each."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from support.patience import PATIENCE
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Worker

from bench.caller import whole_courses
from bench.course import CourseActivities, CourseInvoice, CourseOrder
from bench.orders import COURSE, NOTING, EngineRoad
from bench.reference import ReferenceActivities, make_room_for_notes
from workflows import sandbox
from workflows.ids import TASK_QUEUE

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

STEPS = 9
"""Of an order: four and five, the start of its invoice apart; the invoice has one more."""


@pytest.fixture
async def roads(
    engine: Engine, database_url: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """A worker that serves them; whatever still waits goes with it."""
    make_room_for_notes(database_url)
    monkeypatch.setattr(sandbox, "PASSED_THROUGH", (*sandbox.PASSED_THROUGH, "bench"))
    activities = ReferenceActivities(engine), CourseActivities(client)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[CourseOrder, CourseInvoice],
        activities=[activities[0].empty_step, activities[0].note, activities[1].start_course_invoice],
        activity_executor=ThreadPoolExecutor(4),
        workflow_runner=sandbox.workflow_runner(),
    ):
        yield client
        for road in (COURSE, NOTING):
            for process in road.processes(0):
                await client.get_workflow_handle(process).terminate()


async def commands(client: Client, road: EngineRoad) -> list[list[int]]:
    """The kinds of events of each process, as soon as all of them wait; not its tasks, which come as they fall."""
    found = []
    for process in road.processes(0):
        handle = client.get_workflow_handle(process)
        async with asyncio.timeout(PATIENCE):
            while not await _waits(client, process):
                await asyncio.sleep(0.05)
        kinds = [event.event_type async for event in handle.fetch_history_events()]
        found.append(sorted(kind for kind in kinds if "WORKFLOW_TASK" not in EventType.Name(kind)))
    return found


async def _waits(client: Client, process: str) -> bool:
    described = await client.get_workflow_handle(process).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    raw = described.raw_description
    return not raw.HasField("pending_workflow_task") and not raw.pending_activities


async def test_a_transaction_in_each_step_changes_no_command(roads: Client, engine: Engine) -> None:
    await whole_courses(roads, range(1), 1.0)
    empty = await commands(roads, COURSE)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM bench_note")).scalar_one() == 0
    await whole_courses(roads, range(1), 1.0, noting=True)
    noting = await commands(roads, NOTING)
    assert noting == empty
    with engine.connect() as connection:
        written = {row.turn: row.times for row in connection.execute(text("SELECT turn, times FROM bench_note"))}
    order, invoice = NOTING.processes(0)
    assert written == dict.fromkeys([*(f"{order}/{step + 1}" for step in range(STEPS)), f"{invoice}/1"], 1)
