"""A process that speaks to the engine as an API would: `python -m bench.caller KIND ADDRESS FIRST COUNT AT_ONCE`.

`orders` prints its own CPU seconds: what a caller spends belongs to what an order costs, on either side of a
comparison. `placing` prints how long each answer took, as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from bench.reference import ReferenceOrder, ReferencePlacing
from workflows.client import connect
from workflows.ids import TASK_QUEUE

_PAUSE = 0.5
_RUNNING = "WorkflowType='ReferenceOrder' AND ExecutionStatus='Running'"


async def whole_orders(client: Client, turns: range, at_once: int) -> str:
    """Place all, let all be picked, then shipped; the CPU seconds it took here once the last has ended."""

    def handle(turn: int) -> Any:
        return client.get_workflow_handle(f"reference/{turn}")

    begun = time.process_time()
    await in_turn(turns, at_once, lambda turn: _place(client, ReferenceOrder, f"reference/{turn}"))
    await in_turn(turns, at_once, lambda turn: handle(turn).signal(ReferenceOrder.pick))
    await in_turn(turns, at_once, lambda turn: handle(turn).signal(ReferenceOrder.ship))
    while (await client.count_workflows(_RUNNING)).count:
        await asyncio.sleep(_PAUSE)
    return str(time.process_time() - begun)


async def placing(client: Client, turns: range, at_once: int) -> str:
    """Seconds until each answer."""
    seconds: list[float] = []

    async def one(turn: int) -> None:
        begun = time.perf_counter()
        await _place(client, ReferencePlacing, f"placing/{turn}")
        seconds.append(time.perf_counter() - begun)

    await in_turn(turns, at_once, one)
    return json.dumps(seconds)


async def in_turn(turns: Iterable[int], at_once: int, do: Callable[[int], Awaitable[object]]) -> None:
    """Do it for each turn, so many at a time."""
    left = iter(turns)

    async def one_after_another() -> None:
        for turn in left:
            await do(turn)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))


async def _place(client: Client, kind: type[ReferenceOrder | ReferencePlacing], workflow_id: str) -> None:
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        kind.__name__,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await client.execute_update_with_start_workflow("place", start_workflow_operation=start)


async def main(kind: str, address: str, first: int, count: int, at_once: int) -> None:
    measure = {"orders": whole_orders, "placing": placing}[kind]
    print(await measure(await connect(address), range(first, first + count), at_once))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
    sys.stdout.flush()
    os._exit(0)
