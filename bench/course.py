"""The course of an order on credit without the order: as many commands in the same places.

With every step empty it tells what the engine alone takes for the road that our order goes; with one trivial
transaction in each, what any order takes that keeps something at every step.
"""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client

from workflows.ids import STATUS, TASK_QUEUE, WAITING

_START_TO_CLOSE = timedelta(seconds=12)
_WAIT = timedelta(days=14)


class CourseActivities:
    """The one step that does something: an invoice has a process of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def start_course_invoice(self, order: str, noting: bool) -> None:
        """Start it."""
        await self._client.start_workflow(CourseInvoice.run, noting, id=f"{order}/invoice", task_queue=TASK_QUEUE)


class _Steps:
    """The steps of one process: nothing in each, or one row of its own written by one statement."""

    def __init__(self, noting: bool) -> None:
        self._noting = noting
        self._taken = 0

    async def regular(self) -> None:
        name, args = self._next()
        await workflow.execute_activity(name, args=args, start_to_close_timeout=_START_TO_CLOSE)

    async def local(self) -> None:
        name, args = self._next()
        await workflow.execute_local_activity(name, args=args, start_to_close_timeout=_START_TO_CLOSE)

    def _next(self) -> tuple[str, list[str]]:
        """A step of `bench.reference`."""
        if not self._noting:
            return "empty_step", []
        self._taken += 1
        return "note", [f"{workflow.info().workflow_id}/{self._taken}"]


@workflow.defn
class CourseOrder:
    """Quote, decision, reserve, a notice, the warehouse called, picking and shipment, each behind a gate, invoice."""

    @workflow.init
    def __init__(self, noting: bool) -> None:
        self._stands = "quoted"
        self._steps = _Steps(noting)

    @workflow.run
    async def run(self, noting: bool) -> None:
        _list_under(self._stands)
        await self._until("placed")
        await self._steps.regular()
        _list_under("reserved")
        notice = asyncio.create_task(self._steps.regular())
        await self._steps.local()
        await self._until("picked")
        await self._until("shipped")
        await self._steps.local()
        await workflow.execute_local_activity_method(
            CourseActivities.start_course_invoice,
            args=[workflow.info().workflow_id, noting],
            start_to_close_timeout=_START_TO_CLOSE,
        )
        self._move("invoiced")
        await notice
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def place(self) -> None:
        await self._steps.regular()
        self._move("placed")

    @workflow.update
    async def pick(self) -> None:
        await self._steps.local()
        await self._steps.regular()
        self._move("picked")

    @workflow.update
    async def ship(self) -> None:
        await self._steps.local()
        await self._steps.regular()
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
    async def run(self, noting: bool) -> None:
        _list_under("introduced")
        await _Steps(noting).local()
        _list_under("open")
        await workflow.wait_condition(lambda: False, timeout=_WAIT)


def _list_under(status: str) -> None:
    workflow.upsert_search_attributes([STATUS.value_set(status), WAITING.value_set(status)])
