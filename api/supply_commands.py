"""The process of an expected receipt: started after the commit, told of changes, caught up with at the next start."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.persistence.expected_receipts import unfinished
from api.nudges import keep_trying
from domain.supply_life import SupplyInput
from workflows import ids
from workflows.supply import SupplyWorkflow

logger = logging.getLogger("opora.api")

_AT_ONCE = timedelta(seconds=2)


async def watch_supplies(temporal: Client, task_queue: str, supplies: Iterable[SupplyInput]) -> None:
    """Start the process of each receipt, or tell the one that runs to look again; a silent Temporal is tried again in
    the background."""
    for supply in supplies:
        await keep_trying(_start(temporal, task_queue, supply), ids.supply_workflow_id(supply.receipt_id))


async def catch_up_supplies(engine: Engine, temporal: Client, task_queue: str) -> None:
    """Start or tell what a process that was killed after its commit left; once, at the start of the API."""
    try:
        supplies = await run_in_threadpool(_unfinished, engine)
    except SQLAlchemyError as error:
        logger.warning("no catching up with supplies: %s", type(error).__name__)
        return
    await watch_supplies(temporal, task_queue, supplies)


def _unfinished(engine: Engine) -> list[SupplyInput]:
    now = datetime.now(UTC)
    with Session(engine) as session:
        return [SupplyInput(str(receipt), now) for receipt in unfinished(session, now=now)]


def _start(temporal: Client, task_queue: str, supply: SupplyInput) -> Callable[[], Awaitable[object]]:
    async def start() -> object:
        try:
            return await temporal.start_workflow(
                SupplyWorkflow.run,
                supply,
                id=ids.supply_workflow_id(supply.receipt_id),
                task_queue=task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                start_signal="changed",
                static_summary="Поставка",
                rpc_timeout=_AT_ONCE,
            )
        except WorkflowAlreadyStartedError:
            return None

    return start
