"""The engine's own worker with nothing of ours in it: `python -m bench.idle ADDRESS`."""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from bench.waiting import WaitingWorkflow

QUEUE = "idle"


async def main(address: str) -> None:
    """Serve one workflow until killed."""
    client = await Client.connect(address)
    await Worker(client, task_queue=QUEUE, workflows=[WaitingWorkflow]).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
