"""The course of an order on credit without the order: as many commands in the same places, and every step empty.

It tells what the engine alone takes for the road that our order goes, so what of its cost is ours.
"""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client

from bench.reference import ReferenceActivities
from workflows.ids import STATUS, TASK_QUEUE, WAITING

_START_TO_CLOSE = timedelta(seconds=12)
_WAIT = timedelta(days=14)


class CourseActivities:
    """The one step that does something: an invoice has a process of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def start_course_invoice(self, order: str) -> None:
        """Start it."""
        await self._client.start_workflow(CourseInvoice.run, id=f"{order}/invoice", task_queue=TASK_QUEUE)


@workflow.defn
class CourseOrder:
    """Quote, decision, reserve, a notice, the warehouse called, picking and shipment, each behind a gate, invoice."""

    def __init__(self) -> None:
        self._stands = "quoted"

    @workflow.run
    async def run(self) -> None:
        _list_under(self._stands)
        await self._until("placed")
        await _regular()
        _list_under("reserved")
        notice = asyncio.create_task(_regular())
        await _local()
        await self._until("picked")
        await self._until("shipped")
        await _local()
        await workflow.execute_local_activity_method(
            CourseActivities.start_course_invoice, workflow.info().workflow_id, start_to_close_timeout=_START_TO_CLOSE
        )
        self._move("invoiced")
        await notice
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def place(self) -> None:
        await _regular()
        self._move("placed")

    @workflow.update
    async def pick(self) -> None:
        await _local()
        await _regular()
        self._move("picked")

    @workflow.update
    async def ship(self) -> None:
        await _local()
        await _regular()
        self._move("shipped")
        await workflow.wait_condition(lambda: self._stands == "invoiced")

    def _move(self, to: str) -> None:
        self._stands = to
        _list_under(to)

    async def _until(self, stands: str) -> None:
        await workflow.wait_condition(lambda: self._stands == stands, timeout=_WAIT)


@workflow.defn
class CourseInvoice:
    """Looks once and waits."""

    @workflow.run
    async def run(self) -> None:
        _list_under("introduced")
        await _local()
        _list_under("open")
        await workflow.wait_condition(lambda: False, timeout=_WAIT)


def _list_under(status: str) -> None:
    workflow.upsert_search_attributes([STATUS.value_set(status), WAITING.value_set(status)])


async def _regular() -> None:
    await workflow.execute_activity_method(ReferenceActivities.empty_step, start_to_close_timeout=_START_TO_CLOSE)


async def _local() -> None:
    await workflow.execute_local_activity_method(ReferenceActivities.empty_step, start_to_close_timeout=_START_TO_CLOSE)
