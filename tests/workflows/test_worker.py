"""The worker as a process: it asks for steps and for letters, and stops when told to."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.company import a_company
from support.money import a_file
from support.patience import PATIENCE
from temporalio import activity, workflow
from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from activities.heartbeats import Heartbeats
from activities.persistence.identifiers import new_id
from activities.persistence.payments import keep_statement
from cli.local.temporal import Temporal
from domain.payments import StatementInput
from workflows import ids, options
from workflows.sandbox import workflow_runner
from workflows.statement import StatementWorkflow

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@contextmanager
def a_worker(database_url: str, temporal: Temporal, task_queue: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "OPORA_DATABASE_URL": database_url,
        "OPORA_TASK_QUEUE": task_queue,
        "TEMPORAL_ADDRESS": temporal.address,
    }
    process = subprocess.Popen([sys.executable, ROOT / "worker.py"], env=env, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def worker(database_url: str, temporal_server: Temporal, task_queue: str) -> Iterator[subprocess.Popen[bytes]]:
    with a_worker(database_url, temporal_server, task_queue) as process:
        yield process


async def test_it_serves_both_queues_and_stops_gracefully(
    worker: subprocess.Popen[bytes], client: Client, task_queue: str
) -> None:
    async with asyncio.timeout(PATIENCE):
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


@activity.defn
def tried() -> int:
    """Takes longer than the engine waits for a sign of life."""
    time.sleep(2.5)
    return activity.info().attempt


@workflow.defn
class LongStep:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity(
            tried,
            start_to_close_timeout=timedelta(seconds=20),
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(maximum_attempts=2),
        )


async def test_a_long_step_says_that_its_worker_lives(client: Client, task_queue: str) -> None:
    with ThreadPoolExecutor(1) as executor:
        async with Worker(
            client, task_queue=task_queue, workflows=[LongStep], activities=[tried], activity_executor=executor,
            interceptors=[Heartbeats()], workflow_runner=workflow_runner(),
        ):  # fmt: skip
            assert await client.execute_workflow(LongStep.run, id=task_queue, task_queue=task_queue) == 1


@pytest.mark.slow
async def test_a_file_whose_worker_was_killed_is_read_long_before_its_time_is_over(
    engine: Engine, database_url: str, temporal_server: Temporal, client: Client, task_queue: str
) -> None:
    accountant, content = a_company(engine).accountant, a_file(("1", "10.00", "850101300123", "Оплата"))
    sha, now = hashlib.sha256(content).hexdigest(), datetime.now(UTC)
    with Session(engine) as session, session.begin():
        keep_statement(session, sha, content, by=UUID(accountant.id), at=now)
    upload = StatementInput(sha, str(new_id()), accountant, now)
    with (
        engine.connect() as connection,
        connection.begin(),
        a_worker(database_url, temporal_server, task_queue) as doomed,
    ):
        connection.execute(text("LOCK TABLE payment IN EXCLUSIVE MODE"))
        reading = await client.start_workflow(
            StatementWorkflow.run, upload, id=f"statement/{sha}", task_queue=task_queue
        )
        async with asyncio.timeout(PATIENCE):
            while not await is_at_work(reading):
                await asyncio.sleep(0.1)
        doomed.kill()
    killed = time.monotonic()

    with a_worker(database_url, temporal_server, task_queue):
        await asyncio.wait_for(reading.result(), 60)
    assert time.monotonic() - killed < options.BULK["start_to_close_timeout"].total_seconds() / 2


async def is_at_work(process: WorkflowHandle[Any, Any]) -> bool:
    """Whether a worker has begun a step of it."""
    pending = (await process.describe()).raw_description.pending_activities
    return any(step.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for step in pending)
