"""What the engine starts by the clock."""

from datetime import timedelta

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

from domain.sweeps import StockSweep
from workflows.converter import sealed_with, writing_key
from workflows.sweep import StockSweepWorkflow

STOCK_SWEEP = "stock-sweep"
HOUR = timedelta(hours=1)


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Make the schedules of a namespace what they should be; workers that start at once agree on one."""
    wanted = stock_sweep(task_queue)
    try:
        await client.create_schedule(STOCK_SWEEP, wanted)
    except ScheduleAlreadyRunningError:
        key = writing_key(client.data_converter)
        await client.get_schedule_handle(STOCK_SWEEP).update(lambda current: _brought_to(wanted, current, key))


def stock_sweep(task_queue: str) -> Schedule:
    """A round of the queues every hour; one at a time, and a missed one is made up for within the hour only."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            StockSweepWorkflow.run,
            StockSweep(),
            id=STOCK_SWEEP,
            task_queue=task_queue,
            static_summary="Обход очередей за товаром и сверка остатков",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=HOUR)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=HOUR),
    )


def _brought_to(wanted: Schedule, current: ScheduleUpdateInput, key: str | None) -> ScheduleUpdate | None:
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
