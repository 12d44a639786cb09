"""How long a test waits for what has to come: far longer than it takes, since a loaded machine may stand still."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateHandle

PATIENCE = 45.0
"""Seconds."""


def wait_until(true: Callable[[], bool], limit: float = PATIENCE, explain: Callable[[], str] = str) -> None:
    """Wait for a condition, fail with an explanation."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


async def end_of(process: WorkflowHandle[Any, Any] | WorkflowUpdateHandle[Any]) -> Any:
    """What a process, or a command to one, came to. One that cannot end fails its test: the engine would wait with it
    forever, and pytest, after its own time limit, for the engine."""
    return await asyncio.wait_for(process.result(), PATIENCE)
