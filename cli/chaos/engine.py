"""The engine's side: every process that the facts ask for runs, no other does, and none of them is broken (W1–W3)."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from temporalio.api.enums.v1 import WorkflowTaskFailedCause as Cause
from temporalio.client import Client, WorkflowHistory

from cli.chaos.invariants import Finding
from cli.chaos.sight import Snapshot
from domain.orders import ENDED
from workflows.ids import invoice_workflow_id, order_workflow_id

MOST_ATTEMPTS = 20
_INNOCENT = {
    Cause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    Cause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_UPDATE,
    Cause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
}
"""A workflow task that was given out again because more had come meanwhile, or because its worker was gone."""
_STARVED = "[TMPRL1101]"
"""The processor was away for two seconds: a crowded machine, unless it happens to one process again and again."""
_MOST_STARVED = 2
_LIVING = "SELECT id::text, number FROM sales_order WHERE status <> ALL(%s)"
_OWING = """
    SELECT line.id::text, invoice.number FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE line.residual > 0
"""


def wanted(snapshot: Snapshot) -> dict[str, str]:
    """The processes that the facts ask for: one for each order that lives and each instalment that is owed."""
    orders = {order_workflow_id(row[0]): str(row[1]) for row in snapshot.execute(_LIVING, [sorted(ENDED)])}
    return orders | {invoice_workflow_id(row[0]): str(row[1]) for row in snapshot.execute(_OWING)}


async def running(client: Client) -> list[str]:
    """Ids of the open workflows, as the engine lists them."""
    return [each.id async for each in client.list_workflows('ExecutionStatus = "Running"')]


def compare(asked: dict[str, str], open_now: list[str]) -> Iterator[Finding]:
    """W1 and W2: both lists are the same, and nothing is in either twice."""
    for workflow_id in sorted(asked.keys() - set(open_now)):
        yield Finding("W1 нет процесса", f"{workflow_id} ({asked[workflow_id]})")
    for workflow_id in sorted(set(open_now) - asked.keys()):
        yield Finding("W2 лишний процесс", workflow_id)
    for workflow_id in sorted({each for each in open_now if open_now.count(each) > 1}):
        yield Finding("W1 два процесса", workflow_id)


async def troubles(client: Client) -> list[Finding]:
    """W3: workflows whose code fails, and activities that were tried too often."""
    broken = 'TemporalReportedProblems IS NOT NULL AND ExecutionStatus = "Running"'
    found = [Finding("W3 процесс сломан", each.id) async for each in client.list_workflows(broken)]
    return found + [
        Finding("W3 слишком много попыток", f"{workflow_id} {activity.activity_type.name}")
        for workflow_id, activity in await _pending(client)
        if activity.attempt > MOST_ATTEMPTS
    ]


async def at_work(client: Client) -> list[Finding]:
    """Steps that are not over: activities on their way or waiting for their next attempt."""
    return [
        Finding("шаг не закончен", f"{workflow_id} {activity.activity_type.name}, попытка {activity.attempt}")
        for workflow_id, activity in await _pending(client)
    ]


async def noting_failures(
    histories: AsyncIterator[WorkflowHistory], found: list[str]
) -> AsyncIterator[WorkflowHistory]:
    """The same histories; `found` gets every workflow task in them whose code failed, healed or not (W3)."""
    async for history in histories:
        broken = []
        for event in history.events:
            failed = event.workflow_task_failed_event_attributes
            if event.HasField("workflow_task_failed_event_attributes") and failed.cause not in _INNOCENT:
                broken.append(f"{history.workflow_id}: {Cause.Name(failed.cause)} {failed.failure.message}")
        starved = sum(_STARVED in each for each in broken)
        found += [each for each in broken if _STARVED not in each or starved > _MOST_STARVED]
        yield history


async def _pending(client: Client) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for workflow_id in await running(client):
        description = await client.get_workflow_handle(workflow_id).describe()
        found += [(workflow_id, activity) for activity in description.raw_description.pending_activities]
    return found
