"""The life of one change of credit: asked for, begun, announced, over; and the messages that carry it (D5-1…D5-4)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from domain.business_calendar import BusinessCalendar
from domain.limits import GrantKind, GrantState
from domain.orders import OnExpiry, Role, Wait, WaitReason


class Origin(StrEnum):
    """Why a base limit changed that nobody asked for in words; stands where a person's reason stands."""

    CARD = "opora:card"
    FIRST = "opora:first"
    IMPORT = "opora:import"


class GrantStep(StrEnum):
    """What comes next in the life of a granted change."""

    BEGIN = "begin"
    WARN = "warn"
    END = "end"


@dataclass(frozen=True, slots=True)
class GrantTimes:
    """When a change begins, when its end is announced and when it is over; no end for a base limit."""

    begins_at: datetime
    warns_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    step: GrantStep
    at: datetime


def grant_times(valid_from: date, valid_to: date | None, calendar: BusinessCalendar, *, hour: int) -> GrantTimes:
    """A window counts whole business days of the company: it ends with the midnight after its last day (D5-1); the
    manager is told on the working day before that last day (D5-2)."""
    begins_at = calendar.at(valid_from, 0)
    if valid_to is None:
        return GrantTimes(begins_at)
    return GrantTimes(
        begins_at=begins_at,
        warns_at=calendar.at(calendar.previous_working(valid_to - timedelta(days=1)), hour),
        ends_at=calendar.at(valid_to + timedelta(days=1), 0),
    )


def next_step(times: GrantTimes, *, decided_at: datetime, done: Collection[GrantStep]) -> NextStep | None:
    """The earliest step that is not done; None when the change has run its course.

    Who was told of the decision after the hour of the warning knows the end already (D5-2).
    """
    if GrantStep.END in done:
        return None
    open_steps = [NextStep(GrantStep.BEGIN, times.begins_at)] if GrantStep.BEGIN not in done else []
    warn_at, ends_at = times.warns_at, times.ends_at
    if warn_at is not None and warn_at > decided_at and GrantStep.WARN not in done:
        open_steps.append(NextStep(GrantStep.WARN, warn_at))
    if ends_at is not None:
        open_steps.append(NextStep(GrantStep.END, ends_at))
    return min(open_steps, key=lambda each: each.at, default=None)


def stage_of(state: str, valid_from: date, valid_to: date | None, *, today: date) -> str:
    """The state as people are told it: what was granted is `scheduled` before its first day, `in_force` in its window
    and `ended` after its last day, though its row stays as it was decided."""
    if state not in {GrantState.IN_FORCE, GrantState.SCHEDULED}:
        return state
    if today < valid_from:
        return GrantState.SCHEDULED
    return "ended" if valid_to is not None and valid_to < today else GrantState.IN_FORCE


def wait_of(step: NextStep | None, state: str, *, since: datetime) -> Wait | None:
    """What the process of a change waits for."""
    if state == GrantState.REQUESTED:
        return Wait(WaitReason.APPROVAL, since, None, Role.HEAD, OnExpiry.NOTHING)
    if step is None:
        return None
    if step.step is GrantStep.BEGIN:
        return Wait(WaitReason.LIMIT_START, since, step.at, Role.HEAD, OnExpiry.BEGIN)
    return Wait(WaitReason.LIMIT_END, since, step.at, Role.HEAD,
                OnExpiry.END if step.step is GrantStep.END else OnExpiry.TELL)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GrantInput:
    """What starts the process of a change of credit."""

    grant_id: str
    kind: GrantKind
    customer_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class GrantLook:
    """One look at a change; `as_of` is the business instant."""

    grant_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class GrantOutlook:
    """Where a change stands after a look.

    Attributes:
        state: as people are told it, see `stage_of`.
        wait: what is awaited; None when the process has nothing left to do.
        notices: keys of messages to deliver.
        moved: orders that credit moved on, to be told.
    """

    state: str
    wait: Wait | None
    notices: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
