"""The engine's own measure: a workflow that only waits, for a signal or for seven days."""

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow

LIFETIME = timedelta(days=7)
"""As long as an unpaid reserve lives (D7-2)."""


@workflow.defn
class WaitingWorkflow:
    """One start, one timer, one signal handler; no step, no search attribute, no text."""

    def __init__(self) -> None:
        self._ended = False

    @workflow.run
    async def run(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await workflow.wait_condition(lambda: self._ended, timeout=LIFETIME)

    @workflow.signal
    def end(self) -> None:
        self._ended = True
