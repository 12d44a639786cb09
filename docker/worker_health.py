"""Exit code 0 while this container's worker asks Temporal for work. The health check of the worker."""

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.settings import Settings
from workflows.client import connect

SILENCE = timedelta(minutes=3)
"""A poll is held open for one minute, so a living worker is heard of at least that often."""


async def is_polling(client: Client, task_queue: str, host: str) -> bool:
    """Whether a worker of this host asked for workflow tasks lately; a worker signs as `pid@host`."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=5))
    since = datetime.now(UTC) - SILENCE
    return any(
        poller.identity.endswith(f"@{host}") and poller.last_access_time.ToDatetime(UTC) > since
        for poller in answer.pollers
    )


async def main() -> int:
    settings = Settings.from_env()
    return 0 if await is_polling(await connect(), settings.task_queue, socket.gethostname()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
