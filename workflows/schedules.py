"""What the engine starts by the clock."""

from datetime import datetime, timedelta
from functools import partial

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.sweeps import StockSweep
from domain.watch import Watch
from workflows.converter import sealed_with, writing_key
from workflows.sweep import StockSweepWorkflow
from workflows.watch import WatchWorkflow

STOCK_SWEEP = "stock-sweep"
WATCHDOG = "watchdog"
HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Make the schedules of a namespace what they should be; workers that start at once agree on one."""
    key = writing_key(client.data_converter)
    for name, wanted in ((STOCK_SWEEP, stock_sweep(task_queue)), (WATCHDOG, watchdog(task_queue))):
        try:
            await client.create_schedule(name, wanted)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(name).update(partial(_brought_to, wanted, key))


def stock_sweep(task_queue: str) -> Schedule:
    """A round of the queues every hour; one at a time, and a missed one is made up for within the hour only."""
    return _one_at_a_time(
        ScheduleActionStartWorkflow(
            StockSweepWorkflow.run,
            StockSweep(),
            id=STOCK_SWEEP,
            task_queue=task_queue,
            static_summary="Обход очередей за товаром и сверка остатков",
        ),
        HOUR,
    )


def watchdog(task_queue: str) -> Schedule:
    """A look at processes every ten minutes; one at a time, and a missed one is not made up for."""
    return _one_at_a_time(
        ScheduleActionStartWorkflow(
            WatchWorkflow.run,
            Watch(),
            id=WATCHDOG,
            task_queue=task_queue,
            static_summary="Сверка базы и процессов",
        ),
        TEN_MINUTES,
    )


def _one_at_a_time(action: ScheduleActionStartWorkflow, every: timedelta) -> Schedule:
    """An action that never meets itself, and is made up for within one interval only."""
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


def _brought_to(wanted: Schedule, key: str | None, current: ScheduleUpdateInput) -> ScheduleUpdate | None:
    """What an older release made becomes today's; whether it is paused stays as people left it.

    So does what is sealed with another key: a schedule outlives every history, and its key would never be free to go.
    """
    schedule = current.description.schedule
    action, new = schedule.action, wanted.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert isinstance(new, ScheduleActionStartWorkflow)
    sealed = {sealed_with(argument) for argument in action.args if isinstance(argument, Payload)}
    if (schedule.spec.intervals, schedule.policy, action.task_queue, action.workflow, sealed) == (
        wanted.spec.intervals, wanted.policy, new.task_queue, new.workflow, {key},
    ):  # fmt: skip
        return None
    wanted.state = schedule.state
    return ScheduleUpdate(wanted)


async def last_watch(client: Client) -> datetime | None:
    """When the watchdog last began a round by its schedule, or when the schedule was made; None without one."""
    try:
        info = (await client.get_schedule_handle(WATCHDOG).describe()).info
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return max([action.started_at for action in info.recent_actions], default=info.created_at)
