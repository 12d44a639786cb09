"""Rounds of the watchdog and of the sweep, and what they leave in the database."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from support.invoices import rows
from temporalio import workflow
from temporalio.client import Client

from activities.persistence.watch_tables import DiscrepancyRow
from domain.sweeps import StockChecked, StockSweep
from domain.watch import Kind, Watch, Watched
from workflows.sweep import StockSweepWorkflow
from workflows.watch import WatchWorkflow

SOON = timedelta(seconds=1)
"""A grace for tests: longer than the engine's lists lag behind."""


async def a_round(client: Client, task_queue: str, *, grace: timedelta = SOON, doubtful: bool = False) -> Watched:
    """One round, to its end."""
    return await client.execute_workflow(
        WatchWorkflow.run, Watch(grace, doubtful), id=f"watchdog-{uuid4()}", task_queue=task_queue
    )


async def a_sweep(client: Client, task_queue: str) -> StockChecked:
    """One round of the queues for goods that is asked for, to its end."""
    return await client.execute_workflow(
        StockSweepWorkflow.run, StockSweep(), id=f"sweep/{task_queue}", task_queue=task_queue
    )


def found(engine: Engine, state: str = "open") -> Counter[str]:
    """How many discrepancies of each kind there are."""
    return Counter(row.kind for row in rows(engine, DiscrepancyRow, state=state))


def objects(engine: Engine, kind: Kind, state: str = "open") -> set[str]:
    return {row.object for row in rows(engine, DiscrepancyRow, kind=kind, state=state)}


@workflow.defn(name="OrderWorkflow", sandboxed=False)
class BareProcess:
    """Runs until it is told to end, and takes any input."""

    @workflow.run
    async def run(self, given: Any) -> None:
        await workflow.wait_condition(lambda: False)


async def listed(client: Client, query: str, count: int, *, within: float = 15) -> None:
    """Wait until the engine's list shows so many."""
    async with asyncio.timeout(within):
        while (await client.count_workflows(query)).count < count:
            await asyncio.sleep(0.1)
