"""How long a reserve lives, and when the customer is reminded of it (D7-2..D7-5)."""

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


def days_left(expires_at: datetime, now: datetime) -> int:
    """Whole days until the expiry, rounded up (D7-4); 0 when it has passed."""
    return max(0, -((now - expires_at) // DAY))
