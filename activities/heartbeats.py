"""A long step says that its worker lives: of a killed one the engine hears no more, and tries the step again soon."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)


class Heartbeats(Interceptor):
    """Beats for every activity that has a heartbeat timeout, three times within it; how long one may take is said by
    its other timeouts."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    _beat: Callable[..., None]

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._beat = outbound.heartbeat
        super().init(outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(self._go_on(timeout.total_seconds() / 3))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _go_on(self, every: float) -> None:
        while True:
            self._beat()
            await asyncio.sleep(every)
