"""Retry and timeout presets, by what an activity touches. Every call site names one of these."""

from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)

DATABASE: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=12),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    "retry_policy": _PATIENT,
}
"""One transaction of ours: above the statement timeout of the engine, so that a step whose
worker was killed is tried again soon; retried until the database answers. A cancelled process waits for the outcome
of the step it is in before it compensates."""

OWN: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=12),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    "retry_policy": _PATIENT,
    "local_retry_threshold": timedelta(seconds=2),
}
"""The same within a workflow task; longer pauses between attempts are timers, which outlive the worker."""

MAIL: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_close_timeout": timedelta(hours=24),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
    ),
}
"""A letter through SMTP, tried for a day; safe to repeat, since the effect ledger knows what was sent."""

POLL: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=20),
    "schedule_to_close_timeout": timedelta(minutes=1),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_attempts=3),
}
"""A question to an outside system whose silence is an answer too: asked three times, for a minute in all."""

HANDOFF: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=15),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    "retry_policy": _PATIENT,
}
"""Starting or signalling a neighbouring workflow; idempotent by its id."""

BULK: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=2),
    "heartbeat_timeout": timedelta(seconds=15),
    "retry_policy": _PATIENT,
}
"""One transaction over a whole file; each of its statements is short, all of them together may take a while. The worker
says that it lives (`activities.heartbeats`), so that a step whose worker was killed is tried again soon."""


def longest_silence(preset: dict[str, Any]) -> timedelta:
    """How long nothing need be heard of a step that is tried again and again: an attempt and the pause after it, three
    times, since workers may be busy and a word may be lost."""
    attempt: timedelta = preset["start_to_close_timeout"]
    pause: timedelta = preset["retry_policy"].maximum_interval
    return 3 * (attempt + pause)
