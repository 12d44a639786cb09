"""Which attempts are written down for the watchdog, and that those of the real presets come often enough (W3)."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.invoices import rows
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.attempts import AttemptWatch
from activities.persistence.watch_tables import DiscrepancyRow
from domain.watch import MOST_ATTEMPTS, Kind
from workflows import options


class _FailsError(Exception):
    pass


REFUSED = ApplicationError("no", type="wrong_state", non_retryable=True)


class _Step(ActivityInboundInterceptor):
    def __init__(self) -> None:
        pass

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        [result] = input.args
        if isinstance(result, Exception):
            raise result
        return result


def try_(engine: Engine, attempt: int, result: str | Exception, *, is_local: bool = True) -> None:
    """One attempt of a step that comes to this."""
    chain = AttemptWatch(engine).intercept_activity(_Step())

    async def once() -> None:
        assert await chain.execute_activity(ExecuteActivityInput(activity.info, [result], None, {})) == result

    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt, is_local=is_local, workflow_id="order/1")
    with pytest.raises(type(result)) if isinstance(result, Exception) else nullcontext():
        asyncio.run(environment.run(once))


def told(engine: Engine, *, is_local: bool) -> Iterator[tuple[int, str]]:
    """Each attempt of a step that fails which was written down, and as what."""
    for attempt in range(1, MOST_ATTEMPTS + 12):
        try_(engine, attempt, _FailsError(), is_local=is_local)
        yield from ((attempt, row.kind) for row in rows(engine, DiscrepancyRow) if row.found == str(attempt))


def test_a_regular_step_reports_each_tenth_attempt_from_the_twentieth_on(engine: Engine) -> None:
    assert list(told(engine, is_local=False)) == [(each, Kind.MANY_ATTEMPTS) for each in (20, 30)]


def test_a_step_within_a_workflow_task_reports_each_attempt_from_the_twentieth_on(engine: Engine) -> None:
    assert list(told(engine, is_local=True)) == [(each, Kind.OWN_STEP) for each in range(20, 32)]


@pytest.mark.parametrize("outcome", ["done", REFUSED], ids=["done", "refused"])
def test_a_step_within_a_workflow_task_that_is_over_at_last_is_reported_no_more(
    engine: Engine, outcome: str | Exception
) -> None:
    """What a look has opened meanwhile is closed, what nobody has looked at is forgotten."""
    try_(engine, MOST_ATTEMPTS, _FailsError())
    try_(engine, MOST_ATTEMPTS + 1, outcome)
    assert rows(engine, DiscrepancyRow) == []

    try_(engine, MOST_ATTEMPTS, ApplicationError("not yet"))
    with engine.begin() as look:
        look.execute(text("UPDATE discrepancy SET state = 'open'"))
    try_(engine, MOST_ATTEMPTS + 1, outcome)
    [row] = rows(engine, DiscrepancyRow)
    assert (row.state, row.found, row.closed_at is not None) == ("closed", "21", True)


def test_a_regular_step_that_is_done_is_asked_of_the_engine(engine: Engine) -> None:
    try_(engine, MOST_ATTEMPTS, "done", is_local=False)
    assert [row.state for row in rows(engine, DiscrepancyRow)] == ["suspected"]


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
