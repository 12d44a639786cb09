from datetime import UTC, date, datetime, timedelta

import pytest

from domain.business_calendar import BusinessCalendar
from domain.reservation_terms import days_left, deferral_terms, reservation_terms

MOSCOW = BusinessCalendar(frozenset(), frozenset(), "Europe/Moscow")
ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


@pytest.mark.parametrize("calendar", [MOSCOW, ALMATY], ids=lambda c: c.timezone)
def test_v20_a_week_from_monday_morning(calendar: BusinessCalendar) -> None:
    """V20: TTL 7, confirmed Mon 2026-04-06 10:00."""
    terms = reservation_terms(calendar.at(date(2026, 4, 6), 10), 7, calendar)

    assert terms.reminder_at == calendar.at(date(2026, 4, 9), 10)
    assert terms.expires_at == calendar.at(date(2026, 4, 13), 10)
    assert days_left(terms.expires_at, terms.reminder_at) == 4


@pytest.mark.parametrize("calendar", [MOSCOW, ALMATY], ids=lambda c: c.timezone)
def test_v21_expiry_on_a_day_off_moves_to_noon_of_the_next_working_day(calendar: BusinessCalendar) -> None:
    """V21: TTL 7, confirmed Sat 2026-04-04 10:00."""
    terms = reservation_terms(calendar.at(date(2026, 4, 4), 10), 7, calendar)

    assert terms.expires_at == calendar.at(date(2026, 4, 13), 12)


@pytest.mark.parametrize(("ttl", "after", "left"), [(3, 1, 2), (7, 3, 4), (14, 7, 7)])
def test_d7_4_the_reminder_goes_half_way(ttl: int, after: int, left: int) -> None:
    confirmed = ALMATY.at(date(2026, 4, 6), 10)
    terms = reservation_terms(confirmed, ttl, ALMATY)

    assert terms.reminder_at - confirmed == timedelta(days=after)
    assert days_left(terms.expires_at, terms.reminder_at) == left


@pytest.mark.parametrize(
    ("rest", "days"),
    [
        (timedelta(days=4), 4),
        (timedelta(days=4, seconds=1), 5),
        (timedelta(days=3, hours=23), 4),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(hours=-1), 0),
    ],
)
def test_d7_4_days_left_are_rounded_up(rest: timedelta, days: int) -> None:
    now = datetime(2026, 4, 9, 5, tzinfo=UTC)
    assert days_left(now + rest, now) == days


def test_d7_5_a_deferral_order_is_asked_about_and_then_released() -> None:
    """Planned Thu 2026-04-09: the third working day is Tue 14; with TTL 7 the reserve ends Tue 21."""
    terms = deferral_terms(date(2026, 4, 9), 3, 7, ALMATY)

    assert terms.task_at == ALMATY.at(date(2026, 4, 14), 12)
    assert terms.expires_at == ALMATY.at(date(2026, 4, 21), 12)
