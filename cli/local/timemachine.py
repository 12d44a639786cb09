"""Moving one running workflow's clock ahead on a local server.

The server's interface for this is experimental, so nothing else touches it.
"""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

OVERSHOOT = timedelta(minutes=1)
"""Work due exactly at the target has surely begun only a little after it."""
MOST_SKIPS = 10_000
"""The server stops after 200 by itself; a long life has more timers."""


async def fast_forward(handle: WorkflowHandle[Any, Any], ahead: timedelta, *, timeout: float = 60) -> bool:
    """Move the clock by `ahead` and a minute; return when all work due by then is done.

    Returns:
        True while the workflow is still running, False when it ended on the way.

    Raises:
        TimeoutError: work due by then did not finish, for instance because no worker runs.
        RPCError: there is no such running workflow.
    """
    # The client of TimeSkipper stamps what it starts; it starts nothing here.
    skipper = TimeSkipper(handle._client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=MOST_SKIPS))
    deadline = time.monotonic() + timeout
    async with asyncio.timeout(timeout):
        alive = await skipper.fast_forward(handle, ahead + OVERSHOOT)
        if alive:
            alive = await settle(handle, timeout=max(0.1, deadline - time.monotonic()))
    return alive


async def settle(handle: WorkflowHandle[Any, Any], *, timeout: float = 60) -> bool:
    """Wait until nothing of the workflow is in progress: only timers and people are awaited."""
    async with asyncio.timeout(timeout):
        while True:
            description = await handle.describe()
            if description.status != WorkflowExecutionStatus.RUNNING:
                return False
            raw = description.raw_description
            if not raw.pending_activities and not raw.HasField("pending_workflow_task"):
                return True
            await asyncio.sleep(0.02)


async def clock_of(handle: WorkflowHandle[Any, Any]) -> datetime:
    """What time it is inside the workflow."""
    return await TimeSkipper(handle._client).get_current_time(handle)
