"""The worker as a process: it asks for steps and for letters, and stops when told to."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from cli.local.temporal import Temporal
from workflows import ids

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(database_url: str, temporal_server: Temporal, task_queue: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "OPORA_DATABASE_URL": database_url,
        "OPORA_TASK_QUEUE": task_queue,
        "TEMPORAL_ADDRESS": temporal_server.address,
    }
    process = subprocess.Popen([sys.executable, ROOT / "worker.py"], env=env, cwd=ROOT)
    yield process
    process.kill()
    process.wait()


async def test_it_serves_both_queues_and_stops_gracefully(
    worker: subprocess.Popen[bytes], client: Client, task_queue: str
) -> None:
    async with asyncio.timeout(30):
        for queue in (task_queue, ids.mail_queue(task_queue)):
            while not await has_pollers(client, queue):
                assert worker.poll() is None
                await asyncio.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 15) == 0


async def has_pollers(client: Client, queue: str) -> bool:
    """Whether somebody asks for activities of a queue."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    return bool(answer.pollers)
