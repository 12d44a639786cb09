"""The life of an expected receipt: controlled on its days, late, received or cancelled; and its messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from domain.business_calendar import BusinessCalendar
from domain.orders import OnExpiry, Role, Wait, WaitReason


class SupplyState(StrEnum):
    EXPECTED = "expected"
    RECEIVED = "received"
    CANCELLED = "cancelled"


class SupplyStep(StrEnum):
    """What comes next while goods are awaited."""

    CONTROL = "control"
    """A control date: the buyer makes sure that the goods are on their way."""
    LATE = "late"
    """They have not come: the buyer finds out when they will."""


@dataclass(frozen=True, slots=True)
class SupplyTimes:
    """When the buyer is asked: at `hour` of a day, and every so many working days about goods that are late."""

    calendar: BusinessCalendar
    hour: int
    late_every: int


@dataclass(frozen=True, slots=True)
class NextStep:
    """`day`: the control date, or the day on which the goods were expected."""

    step: SupplyStep
    at: datetime
    day: date


def next_step(
    expected_on: date, controls: Iterable[date], times: SupplyTimes, *, asked_late_at: datetime | None
) -> NextStep:
    """The earliest of the control dates still to come and the next question about goods that are late.

    Args:
        controls: those on which nobody was asked yet.
        asked_late_at: when the buyer was last asked why they did not come on `expected_on`.
    """
    calendar = times.calendar
    late_on = expected_on + timedelta(days=1)
    if asked_late_at is not None:
        late_on = calendar.add_working_days(calendar.day_of(asked_late_at), times.late_every)
    late = NextStep(SupplyStep.LATE, calendar.at(late_on, times.hour), expected_on)
    asked = [NextStep(SupplyStep.CONTROL, calendar.at(day, times.hour), day) for day in controls]
    return min([*asked, late], key=lambda each: each.at)


def wait_of(step: NextStep, *, since: datetime) -> Wait:
    """What the process of an expected receipt waits for."""
    return Wait(WaitReason.SUPPLY, since, step.at, Role.WAREHOUSE, OnExpiry.TASK)


@dataclass(frozen=True, slots=True)
class SupplyInput:
    """What starts the process of an expected receipt."""

    receipt_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class SupplyLook:
    """One look at an expected receipt; `as_of` is the business instant."""

    receipt_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class SupplyOutlook:
    """Where an expected receipt stands after a look; `wait` is None when it is over, `notices` are to be delivered."""

    state: str
    wait: Wait | None
    notices: tuple[str, ...] = ()
