"""Which attempts are written down for the watchdog, and that those of the real presets come often enough (W3)."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.invoices import rows
from temporalio import activity
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.attempts import AttemptWatch
from activities.persistence.watch_tables import DiscrepancyRow
from domain.watch import MOST_ATTEMPTS, Kind
from workflows import options


class _Done(ActivityInboundInterceptor):
    def __init__(self) -> None:
        pass

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return input.args[0]


def told(engine: Engine, *, is_local: bool) -> Iterator[tuple[int, str]]:
    """Each attempt that was written down, and as what."""
    chain = AttemptWatch(engine).intercept_activity(_Done())

    async def one() -> None:
        await chain.execute_activity(ExecuteActivityInput(activity.info, ["done"], None, {}))

    for attempt in range(1, MOST_ATTEMPTS + 12):
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=attempt, is_local=is_local, workflow_id="order/1")
        asyncio.run(environment.run(one))
        yield from ((attempt, row.kind) for row in rows(engine, DiscrepancyRow) if row.found == str(attempt))


def test_a_regular_step_reports_each_tenth_attempt_from_the_twentieth_on(engine: Engine) -> None:
    assert list(told(engine, is_local=False)) == [(each, Kind.MANY_ATTEMPTS) for each in (20, 30)]


def test_a_step_within_a_workflow_task_reports_each_attempt_from_the_twentieth_on(engine: Engine) -> None:
    assert list(told(engine, is_local=True)) == [(each, Kind.OWN_STEP) for each in range(20, 32)]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_step_may_be_silent_for_longer_than_its_attempts_are_apart(lost: int) -> None:
    """Whoever hangs until its time is over, and whose report is lost once."""
    apart = options.OWN["start_to_close_timeout"] + options.OWN["retry_policy"].maximum_interval
    assert options.longest_silence(options.OWN) > (1 + lost) * apart


def test_twenty_attempts_that_fail_at_once_take_less_than_twelve_minutes() -> None:
    """Which is when the runbook says that a step is first reported."""
    retry, pauses = options.OWN["retry_policy"], timedelta(0)
    for attempt in range(MOST_ATTEMPTS - 1):
        pauses += min(retry.initial_interval * retry.backoff_coefficient**attempt, retry.maximum_interval)
    assert timedelta(minutes=11) < pauses < timedelta(minutes=12)
