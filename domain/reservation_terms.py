"""How long a reserve lives, when the customer is reminded of it, and what prolongs it (D7-2…D7-8, D7-10, D7-11)."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar

DAY = timedelta(days=1)
NOON = 12


class ReservationTerms(NamedTuple):
    """Aware UTC instants; the reminder always comes before the expiry."""

    expires_at: datetime
    reminder_at: datetime


class DeferralTerms(NamedTuple):
    """When somebody is asked about an unshipped deferral order, and when its reserve ends."""

    task_at: datetime
    expires_at: datetime


def reservation_terms(confirmed_at: datetime, ttl_days: int, calendar: BusinessCalendar) -> ReservationTerms:
    """Terms of a reserve that waits for payment.

    D7-3: it ends `ttl_days` x 24 h after confirmation; on a day off, the next working day at 12:00 local.
    D7-4: the reminder goes after half of the whole days, rounded down.
    """
    return ReservationTerms(
        expires_at=expiry(confirmed_at, ttl_days, calendar), reminder_at=confirmed_at + ttl_days // 2 * DAY
    )


def planned_shipment(ready_on: date, ship_on: date | None) -> date:
    """The day on which a deferral order should leave: the promised one, or the day it became ready when none was
    promised or that has passed (D7-5)."""
    return ready_on if ship_on is None else max(ready_on, ship_on)


def deferral_terms(
    planned_shipment: date, working_days: int, ttl_days: int, calendar: BusinessCalendar
) -> DeferralTerms:
    """Terms of a reserve that does not wait for payment (D7-5).

    A task `working_days` after the planned shipment, at noon; the reserve ends `ttl_days` after it.
    """
    task_at = calendar.at(calendar.add_working_days(planned_shipment, working_days), NOON)
    return DeferralTerms(task_at=task_at, expires_at=expiry(task_at, ttl_days, calendar))


def expiry(start: datetime, ttl_days: int, calendar: BusinessCalendar) -> datetime:
    """`ttl_days` x 24 h after `start`; on a day off, the next working day at 12:00 local (D7-3)."""
    end = start + ttl_days * DAY
    day = calendar.day_of(end)
    return end if calendar.is_working(day) else calendar.at(calendar.next_working(day), NOON)


def after_silence(now: datetime, hours: int) -> datetime:
    """When a reserve ends whose payment nobody could tell of (D7-6): hours by the clock, not working ones."""
    return now + timedelta(hours=hours)


def after_proof(ends_at: datetime, working_days: int, calendar: BusinessCalendar) -> datetime:
    """When a reserve ends whose customer showed a copy of the payment order (D7-10)."""
    return calendar.after_working_days(ends_at, working_days)


def price_holds(valid_until: datetime, now: datetime, grace_days: int) -> bool:
    """Whether late money still buys at the price of the quote (D7-8): within its validity and some days after."""
    return now <= valid_until + grace_days * DAY


def days_left(expires_at: datetime, now: datetime) -> int:
    """Whole days until the expiry, rounded up (D7-4); 0 when it has passed."""
    return max(0, -((now - expires_at) // DAY))
