"""The engine's own side: as many waiting workflows as there are orders, and nothing else."""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client

from bench.stack import MeasuredStack
from bench.waiting import WaitingWorkflow
from workflows.client import connect
from workflows.ids import TASK_QUEUE

AT_ONCE = 12
_PAUSE = 0.1


async def open_waiting(stack: MeasuredStack, first: int, count: int) -> None:
    """Start so many waiting workflows beside the `first` ones; return when the last has set its timer."""
    client = await connect(stack.temporal)
    turns = iter(range(first, first + count))

    async def work() -> None:
        for turn in turns:
            await client.start_workflow(WaitingWorkflow.run, id=f"waiting/{turn}", task_queue=TASK_QUEUE)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    await at_rest(client, [f"waiting/{turn}" for turn in range(first, first + count)])


async def at_rest(client: Client, processes: Sequence[str]) -> None:
    """Until the last of processes that were started in this order have begun to wait.

    Tasks are handed out in turn; to ask about each would itself bring each back into the server's memory.
    """
    for process in processes[-2 * AT_ONCE :]:
        # start, task scheduled, started, completed, timer
        while (await client.get_workflow_handle(process).describe()).history_length < 5:
            await asyncio.sleep(_PAUSE)
