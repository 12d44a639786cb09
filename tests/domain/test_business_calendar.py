from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.business_calendar import BusinessCalendar

# Friday 2026-05-01 is a holiday, Saturday 2026-05-16 is worked
ALMATY = BusinessCalendar(frozenset({date(2026, 5, 1)}), frozenset({date(2026, 5, 16)}), "Asia/Almaty")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "working"),
    [
        pytest.param(date(2026, 4, 30), True, id="Thursday"),
        pytest.param(date(2026, 5, 1), False, id="holiday"),
        pytest.param(date(2026, 5, 2), False, id="Saturday"),
        pytest.param(date(2026, 5, 16), True, id="worked Saturday"),
        pytest.param(date(2026, 5, 17), False, id="Sunday"),
    ],
)
def test_a_day_is_worked_or_not(day: date, working: bool) -> None:
    assert ALMATY.is_working(day) is working


def test_a_worked_day_wins_over_a_holiday_of_the_same_date() -> None:
    day = date(2026, 5, 9)
    assert BusinessCalendar(frozenset({day}), frozenset({day}), "Europe/Moscow").is_working(day)


def test_a_worked_day_does_not_move() -> None:
    day = date(2026, 4, 30)
    assert ALMATY.next_working(day) == ALMATY.previous_working(day) == day


def test_a_day_off_moves_over_holiday_and_weekend() -> None:
    assert ALMATY.next_working(date(2026, 5, 1)) == date(2026, 5, 4)
    assert ALMATY.previous_working(date(2026, 5, 3)) == date(2026, 4, 30)


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (date(2026, 5, 1), 0, date(2026, 5, 4)),
        (date(2026, 4, 30), 0, date(2026, 4, 30)),
        (date(2026, 4, 30), 1, date(2026, 5, 4)),
        (date(2026, 5, 1), 1, date(2026, 5, 4)),
        (date(2026, 5, 14), 2, date(2026, 5, 16)),
        (date(2026, 5, 14), 3, date(2026, 5, 18)),
    ],
)
def test_working_days_are_added_from_the_next_day(start: date, count: int, end: date) -> None:
    assert ALMATY.add_working_days(start, count) == end


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ALMATY.add_working_days(date(2026, 5, 1), -1)


def test_a_local_hour_is_an_instant_and_back() -> None:
    assert ALMATY.at(date(2026, 4, 6), 10) == utc(2026, 4, 6, 5)
    assert ALMATY.day_of(utc(2026, 4, 6, 18, 59)) == date(2026, 4, 6)
    assert ALMATY.day_of(utc(2026, 4, 6, 19)) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        pytest.param(utc(2026, 4, 6, 5), 4, utc(2026, 4, 6, 9), id="inside the day"),
        pytest.param(utc(2026, 4, 6, 9), 4, utc(2026, 4, 6, 13), id="ends exactly at 18:00 (D4-3)"),
        pytest.param(utc(2026, 4, 6, 11), 4, utc(2026, 4, 7, 6), id="over night"),
        pytest.param(utc(2026, 4, 6, 1), 4, utc(2026, 4, 6, 8), id="before opening"),
        pytest.param(utc(2026, 4, 6, 13), 4, utc(2026, 4, 7, 8), id="at closing"),
        pytest.param(utc(2026, 4, 30, 11), 4, utc(2026, 5, 4, 6), id="over holiday and weekend"),
        pytest.param(utc(2026, 5, 2, 7), 4, utc(2026, 5, 4, 8), id="from a day off"),
        pytest.param(utc(2026, 4, 6, 5), 20, utc(2026, 4, 8, 7), id="more than a day"),
    ],
)
def test_working_hours_run_from_9_to_18(start: datetime, hours: int, end: datetime) -> None:
    assert ALMATY.add_working_hours(start, hours) == end


def test_working_days_keep_the_time_of_day() -> None:
    assert ALMATY.after_working_days(utc(2026, 4, 30, 5, 30), 1) == utc(2026, 5, 4, 5, 30)


@pytest.mark.parametrize(
    "asked", [utc(2026, 4, 30, 19), utc(2026, 5, 1, 12), utc(2026, 5, 2, 12), utc(2026, 5, 3, 18, 59)]
)
def test_working_days_from_a_day_off_are_whole_ones(asked: datetime) -> None:
    end = ALMATY.after_working_days(asked, 2)

    assert ALMATY.local(end).isoformat() == "2026-05-05T23:59:59.999999+05:00"


@given(
    asked=st.datetimes(datetime(2026, 4, 1), datetime(2026, 6, 1), timezones=st.just(UTC)),
    later=st.timedeltas(timedelta(0), timedelta(days=5)),
    count=st.integers(0, 10),
)
def test_who_is_asked_later_never_answers_earlier(asked: datetime, later: timedelta, count: int) -> None:
    assert ALMATY.after_working_days(asked, count) <= ALMATY.after_working_days(asked + later, count)


def test_no_working_days_at_all_end_at_once_or_when_work_begins() -> None:
    assert ALMATY.after_working_days(utc(2026, 4, 30, 5, 30), 0) == utc(2026, 4, 30, 5, 30)
    assert ALMATY.after_working_days(utc(2026, 5, 2, 5, 30), 0) == ALMATY.at(date(2026, 5, 4), 0)
