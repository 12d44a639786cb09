"""Histories told again to today's code, as a worker would: what does not replay would break a running process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from workflows.converter import data_converter
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner


@dataclass
class Replayed:
    """What came of it.

    Attributes:
        count: histories that were told.
        failures: the first line of what went wrong, by workflow id and run.
    """

    count: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def replayer(converter: DataConverter = data_converter) -> Replayer:
    """Everything as in a worker: the workflows, their sandbox, the converter of messages."""
    return Replayer(workflows=WORKFLOWS, data_converter=converter, workflow_runner=workflow_runner())


async def replay(histories: AsyncIterator[WorkflowHistory], *, converter: DataConverter = data_converter) -> Replayed:
    """Tell every history, whatever becomes of the others."""
    replayed = Replayed()
    async with replayer(converter).workflow_replay_iterator(histories) as results:
        async for result in results:
            replayed.count += 1
            if result.replay_failure is not None:
                name = f"{result.history.workflow_id} {result.history.run_id}"
                replayed.failures[name] = str(result.replay_failure).partition("\n")[0]
    return replayed


async def histories_of(
    client: Client, query: str | None = None, *, limit: int | None = None
) -> AsyncIterator[WorkflowHistory]:
    """Histories of a running server, newest process first, of our workflows alone.

    Args:
        query: a list filter of Temporal, `ExecutionStatus = 'Running'`; all that the server keeps without one.
        limit: how many at most.
    """
    ours = " OR ".join(f"WorkflowType = '{each.__name__}'" for each in WORKFLOWS)
    wanted = f"({ours}) AND ({query})" if query else ours
    async for execution in client.list_workflows(wanted, limit=limit):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        try:
            yield await handle.fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # forgotten by the server meanwhile
                raise
