"""«Something changed, look again»: telling workflows after a commit, without keeping the caller waiting for Temporal.

The fact is already in PostgreSQL, so a nudge may come late and may come twice. When Temporal does not answer at once,
the process goes on trying in the background with growing pauses. A repeat of the call under the same
`Idempotency-Key` nudges again, and so does the next start of the API for orders whose goods are there or that credit
has set free.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from activities.persistence.catalogue import orders_served_untold
from activities.persistence.reconsideration import orders_to_tell
from workflows.ids import order_workflow_id

logger = logging.getLogger("opora.api")

_AT_ONCE = timedelta(seconds=2)
_LONGEST_PAUSE = 30.0
_trying: set[asyncio.Task[None]] = set()


async def nudge(temporal: Client, workflow_ids: Iterable[str], signal: str) -> None:
    """Signal each workflow now, or keep trying in the background; one that has ended needs no telling."""
    for workflow_id in workflow_ids:
        await keep_trying(_signal(temporal, workflow_id, signal), f"{workflow_id} {signal}")


async def keep_trying(call: Callable[[], Awaitable[object]], what: str) -> None:
    """Make a call of Temporal now, or go on trying in the background while it does not answer."""
    if not await _done(call):
        task = asyncio.create_task(_keep_trying(call, what))
        _trying.add(task)
        task.add_done_callback(_trying.discard)


async def catch_up(engine: Engine, temporal: Client) -> None:
    """Tell what a process that was killed between its commit and its nudge left untold; once, at the start."""
    try:
        served, moved = await run_in_threadpool(_untold, engine)
    except SQLAlchemyError as error:
        logger.warning("no catching up: %s", type(error).__name__)
        return
    await nudge(temporal, map(order_workflow_id, served), "stock_allocated")
    await nudge(temporal, map(order_workflow_id, moved), "exposure_lowered")


def _untold(engine: Engine) -> tuple[list[str], list[str]]:
    with Session(engine) as session:
        return [str(order) for order in orders_served_untold(session)], orders_to_tell(session)


def _signal(temporal: Client, workflow_id: str, signal: str) -> Callable[[], Awaitable[object]]:
    return lambda: temporal.get_workflow_handle(workflow_id).signal(signal, rpc_timeout=_AT_ONCE)


async def _done(call: Callable[[], Awaitable[object]]) -> bool:
    try:
        async with asyncio.timeout(_AT_ONCE.total_seconds()):
            await call()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    except (RPCTimeoutOrCancelledError, RuntimeError, TimeoutError):
        return False
    return True


async def _keep_trying(call: Callable[[], Awaitable[object]], what: str) -> None:
    pause = 1.0
    while not await _done(call):
        logger.warning("Temporal does not answer; %s will be tried again in %.0f s", what, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
