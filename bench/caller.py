"""A process that speaks to the engine as an API would: `python -m bench.caller KIND ADDRESS FIRST COUNT PACE`.

PACE: so many callers at once, for `placing_openly` calls per second. What it prints is JSON. `orders`,
`courses`, `noting_courses`: its own CPU seconds, since what a caller spends belongs to what an order costs on either
side of a comparison, and the seconds it took. `placing` and `placing_openly`: how long each answer took.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from bench.arrivals import closed_loop, open_loop
from bench.course import CourseOrder
from bench.reference import ReferenceOrder, ReferencePlacing
from workflows.client import connect
from workflows.ids import TASK_QUEUE

_PAUSE = 0.1
_RUNNING = "WorkflowType='ReferenceOrder' AND ExecutionStatus='Running'"


async def whole_orders(client: Client, turns: range, pace: float) -> dict[str, float]:
    """Place all, let all be picked, then shipped; what it took until the last had ended."""
    at_once = int(pace)

    def handle(turn: int) -> Any:
        return client.get_workflow_handle(f"reference/{turn}")

    begun, cpu = time.monotonic(), time.process_time()
    await closed_loop(turns, at_once, lambda turn: _place(client, ReferenceOrder, f"reference/{turn}"))
    await closed_loop(turns, at_once, lambda turn: handle(turn).signal(ReferenceOrder.pick))
    await closed_loop(turns, at_once, lambda turn: handle(turn).signal(ReferenceOrder.ship))
    while (await client.count_workflows(_RUNNING)).count:
        await asyncio.sleep(_PAUSE)
    return {"cpu": time.process_time() - cpu, "seconds": time.monotonic() - begun}


async def whole_courses(client: Client, turns: range, pace: float, *, noting: bool = False) -> dict[str, float]:
    """Quote all, then place, pick and ship all, as our orders go; what it took until the last was answered."""
    at_once, road = int(pace), "noting" if noting else "course"

    async def quote(turn: int) -> None:
        await client.start_workflow(CourseOrder.run, noting, id=f"{road}/{turn}", task_queue=TASK_QUEUE)

    async def ask(turn: int, update: str) -> None:
        await client.get_workflow_handle(f"{road}/{turn}").execute_update(update)

    begun, cpu = time.monotonic(), time.process_time()
    await closed_loop(turns, at_once, quote)
    for update in ("place", "pick", "ship"):
        await closed_loop(turns, at_once, partial(ask, update=update))
    return {"cpu": time.process_time() - cpu, "seconds": time.monotonic() - begun}


async def placing(client: Client, turns: range, pace: float) -> list[float]:
    """Seconds until each answer, each caller asking again once it has it."""
    return await closed_loop(turns, int(pace), lambda turn: _place(client, ReferencePlacing, f"placing/{turn}"))


async def placing_openly(client: Client, turns: range, pace: float) -> list[float]:
    """Seconds until each answer, however many are still awaited."""
    return await open_loop(turns, pace, lambda turn: _place(client, ReferencePlacing, f"placing/{turn}"))


async def _place(client: Client, kind: type[ReferenceOrder | ReferencePlacing], workflow_id: str) -> None:
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        kind.__name__,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await client.execute_update_with_start_workflow("place", start_workflow_operation=start)


KINDS: dict[str, Callable[[Client, range, float], Awaitable[object]]] = {
    "orders": whole_orders,
    "courses": whole_courses,
    "noting_courses": partial(whole_courses, noting=True),
    "placing": placing,
    "placing_openly": placing_openly,
}


async def main(kind: str, address: str, first: int, count: int, pace: float) -> None:
    print(json.dumps(await KINDS[kind](await connect(address), range(first, first + count), pace)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
    sys.stdout.flush()
    os._exit(0)
