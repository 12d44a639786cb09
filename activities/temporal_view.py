"""What the engine itself knows: open processes, who takes work, what one is at; and telling a process something."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from domain.watch import Process

STATUS = SearchAttributeKey.for_keyword("OporaStatus")
PAGE = 1_000
_PATIENCE = timedelta(seconds=10)
_PARALLEL = 8


async def open_processes(client: Client, task_queue: str) -> dict[str, Process]:
    """Every open process of a task queue, page by page. The list lags behind by a moment."""
    running = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
    broken = {
        each.id
        async for each in client.list_workflows(f"{running} AND TemporalReportedProblems IS NOT NULL", page_size=PAGE)
    }
    return {
        each.id: Process(
            each.id, each.typed_search_attributes.get(STATUS) or "", "its code fails" if each.id in broken else ""
        )
        async for each in client.list_workflows(running, page_size=PAGE)
    }


async def last_asked(client: Client, task_queue: str, *, of: str = "workflow") -> datetime | None:
    """When a worker last asked a queue for work, of workflows or of an `activity`; None when nobody has lately."""
    kinds = {"workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY}
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kinds[of]
        ),
        timeout=_PATIENCE,
    )
    asked = [poller.last_access_time.ToDatetime(UTC) for poller in described.pollers]
    return max(asked, default=None)


async def described(client: Client, process: str) -> DescribeWorkflowExecutionResponse | None:
    """What the engine itself, not its list, says of the newest run of a process; None where there is none."""
    try:
        return (await client.get_workflow_handle(process).describe(rpc_timeout=_PATIENCE)).raw_description
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def tell(client: Client, process: str, signal: str) -> None:
    """Signal a process; one that has ended needs no telling."""
    try:
        await client.get_workflow_handle(process).signal(signal)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def few_at_once(calls: Iterable[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Make all calls, a few at a time; their answers in order."""
    gate = asyncio.Semaphore(_PARALLEL)

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await call()

    return await asyncio.gather(*map(one, calls))
