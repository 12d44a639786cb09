"""The composition root: settings -> activities and workflows -> Temporal workers that stop gracefully.

Letters have a queue, slots and connections of their own: a silent mail server holds no order up.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.logs import log_privately
from activities.persistence.engine import make_engine
from activities.settings import Settings, SettingsError
from activities.wiring import build_activities, build_interceptors, build_mail_activities
from workflows import ids
from workflows.client import connect
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner
from workflows.schedules import ensure_schedules

GRACE = timedelta(seconds=20)
"""How long running activities may finish after SIGTERM; below the kill delay of any orchestrator we know."""
CACHED_WORKFLOWS = 500
"""Those that have just moved; one that waits for days is read back from its history when something happens to it."""
MAIL_SLOTS = 4
"""Letters on their way at once."""


def make_worker(
    client: Client,
    settings: Settings,
    executor: ThreadPoolExecutor,
    *,
    cached_workflows: int = CACHED_WORKFLOWS,
) -> Worker:
    """A worker with everything wired; `executor` runs the database activities, one connection each: `pool_size` regular
    ones and as many within workflow tasks."""
    engine = make_engine(settings.database_url, settings.pool_size, ask_first=False)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=build_activities(settings, engine, client),
        activity_executor=executor,
        max_concurrent_activities=settings.pool_size,
        max_concurrent_local_activities=settings.pool_size,
        max_cached_workflows=cached_workflows,
        workflow_runner=workflow_runner(),
        interceptors=build_interceptors(engine),
        graceful_shutdown_timeout=GRACE,
    )


def make_mail_worker(client: Client, settings: Settings, executor: ThreadPoolExecutor) -> Worker:
    """A worker that only delivers letters; `executor` has a thread for each of `MAIL_SLOTS`."""
    engine = make_engine(settings.database_url, MAIL_SLOTS, ask_first=False)
    return Worker(
        client,
        task_queue=ids.mail_queue(settings.task_queue),
        activities=build_mail_activities(settings, engine),
        activity_executor=executor,
        max_concurrent_activities=MAIL_SLOTS,
        interceptors=build_interceptors(engine),
        graceful_shutdown_timeout=GRACE,
    )


async def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings.from_env()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    client = await connect()
    await ensure_schedules(client, settings.task_queue)
    with ThreadPoolExecutor(2 * settings.pool_size) as steps, ThreadPoolExecutor(MAIL_SLOTS) as letters:
        workers = make_worker(client, settings, steps), make_mail_worker(client, settings, letters)
        gc.collect()
        gc.freeze()  # what is loaded stays: no later collection walks through it again
        async with workers[0], workers[1]:
            await stop.wait()
            await asyncio.gather(*(worker.shutdown() for worker in workers))  # both within one grace


if __name__ == "__main__":
    log_privately()
    try:
        asyncio.run(main())
    except SettingsError as problem:
        sys.exit(str(problem))
    # Threads of the Temporal client may outlive the interpreter's end and abort it: leave without taking it apart.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
