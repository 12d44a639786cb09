"""A real Temporal server for the test session, and its clock."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.patience import PATIENCE
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import GrpcCompression

from cli.local import timemachine
from cli.local.process import pick_port
from cli.local.temporal import Temporal
from workflows.converter import data_converter

_STARVED = "[TMPRL1101]"
"""A worker whose machine stood still for two seconds takes its process for caught in a loop, and a query fails."""


@contextmanager
def running_server() -> Iterator[Temporal]:
    """A server that keeps its state in memory."""
    home = Path(tempfile.mkdtemp(prefix="opora-test-"))
    server = Temporal(pick_port(0), log=home / "temporal.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def connected(server: Temporal) -> Client:
    """A client like the one of worker and API, which asks again what a starved worker could not answer."""
    return await Client.connect(
        server.address,
        data_converter=data_converter,
        grpc_compression=GrpcCompression.NONE,
        interceptors=[_AsksAgain()],
    )


class _AsksAgain(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Asking(next)


class _Asking(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await super().query_workflow(input)
            except WorkflowQueryFailedError as error:
                if _STARVED not in str(error) or time.monotonic() > deadline:
                    raise


async def fast_forward(handle: WorkflowHandle[Any, Any], ahead: timedelta, *, wait_for: float = PATIENCE) -> bool:
    """Move one workflow's clock by `ahead` and a minute, and wait for all work due by then.

    Returns True while the workflow runs, False when it ended on the way. Signal after a skip, not during it.
    """
    return await timemachine.fast_forward(handle, ahead, timeout=wait_for)
