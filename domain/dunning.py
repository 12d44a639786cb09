"""The escalation of an overdue payment, computed from the day count (D10)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.business_calendar import CLOSES, BusinessCalendar
from domain.orders import Wait
from domain.policy import Policy


class Stage(StrEnum):
    """Rungs of the ladder, from notice to lawyer."""

    BEFORE_DUE = "before_due"
    LETTER = "letter"
    CALL = "call"
    HEAD = "head"
    LEGAL = "legal"


class InvoiceStatus(StrEnum):
    """Where a schedule line stands."""

    OPEN = "open"
    OVERDUE = "overdue"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Rung:
    """A stage and the overdue day on which it is due."""

    stage: Stage
    day: int


@dataclass(frozen=True, slots=True)
class Step:
    """The next action on a line: its stage, its instant, and the stages it passes over (D10-5)."""

    stage: Stage
    at: datetime
    skipped: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class DunningLook:
    """Asks to look at one schedule line at a business instant, and to do what is due."""

    schedule_line_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class DunningState:
    """Where a line stands after a look, and what is to be sent.

    `notices` go out at once; `letters` at `letters_at`, when the customer's office is open (D10-1).
    """

    status: InvoiceStatus
    stage: Stage | None
    wait: Wait | None
    notices: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    letters_at: datetime | None = None


def ladder(policy: Policy) -> tuple[Rung, ...]:
    """The rungs of a policy version, in order."""
    return tuple(Rung(stage, day) for stage, day in zip(Stage, policy.dunning_days, strict=True))


def days_overdue(due_date: date, today: date) -> int:
    """`n`: calendar days from the due date; 1 on the next day, negative before (D1-11)."""
    return (today - due_date).days


def is_chased(residual: Decimal, amount: Decimal, currency: str, policy: Policy) -> bool:
    """Whether the residue of a line is worth escalating (D1-11): above max(100 RUB or 500 KZT, 0.1%)."""
    return residual > policy.floor(amount, currency)


def next_step(
    due_date: date,
    done: Collection[Stage],
    now: datetime,
    calendar: BusinessCalendar,
    policy: Policy,
    *,
    first_letter_on: date | None = None,
) -> Step | None:
    """What is done next, and when; None after the last rung.

    Only the current stage acts: the highest one reached by `n` (D10-5). The lawyer is the exception: at least one
    letter must have gone before, by the policy 3 working days earlier by default. The notice before the due date is of
    no use after it.
    """

    def instant(rung: Rung) -> datetime:
        day = calendar.next_working(_opens(due_date, rung, calendar))
        if rung.stage is Stage.LEGAL and first_letter_on is not None:
            day = max(day, calendar.add_working_days(first_letter_on, policy.legal_after_letter_working_days))
        return office_hours(calendar.at(day, policy.internal_hour), policy.internal_hour, now, calendar)

    pending = _pending(ladder(policy), done)
    if pending and pending[0].stage is Stage.BEFORE_DUE and calendar.day_of(instant(pending[0])) > due_date:
        pending = pending[1:]
    if not pending:
        return None
    reached = [rung for rung in pending if _opens(due_date, rung, calendar) <= calendar.day_of(now)]
    target = reached[-1] if reached else pending[0]
    if target.stage is Stage.LEGAL and first_letter_on is None:
        target = pending[-2]
    skipped = tuple(stage for stage in Stage if stage not in done and _before(stage, target.stage))
    return Step(target.stage, instant(target), skipped)


def office_hours(moment: datetime, hour: int, now: datetime, calendar: BusinessCalendar) -> datetime:
    """`moment`, or if it has passed: now when the office is open from `hour` on, otherwise its next opening (D10-1)."""
    if moment >= now:
        return moment
    here = calendar.local(now)
    if calendar.is_working(here.date()):
        if here.hour < hour:
            return calendar.at(here.date(), hour)
        if here.time() < CLOSES:
            return now
    return calendar.at(calendar.next_working(here.date() + timedelta(days=1)), hour)


def letter_time(now: datetime, client: BusinessCalendar, policy: Policy) -> datetime:
    """When a letter goes: 11:00 of the customer's working day, or at once later on such a day (D10-1)."""
    day = client.next_working(client.day_of(now))
    return office_hours(client.at(day, policy.client_hour), policy.client_hour, now, client)


def _pending(rungs: Collection[Rung], done: Collection[Stage]) -> list[Rung]:
    """The rungs above the highest one done: a stage never goes back (D10-3)."""
    last = max((position for position, rung in enumerate(rungs) if rung.stage in done), default=-1)
    return list(rungs)[last + 1 :]


def _opens(due_date: date, rung: Rung, calendar: BusinessCalendar) -> date:
    """The day of a rung; one before the due date moves to the previous working day."""
    day = due_date + timedelta(days=rung.day)
    return calendar.previous_working(day) if rung.day < 0 else day


def _before(stage: Stage, other: Stage) -> bool:
    order = list(Stage)
    return order.index(stage) < order.index(other)
