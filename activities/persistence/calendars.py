"""Working calendars: official holidays with their transfers, and the days the company moved by hand."""

from datetime import date
from functools import lru_cache

import holidays
from sqlmodel import Session, select

from activities.persistence.orders import legal_entity
from activities.persistence.tables import CalendarDayRow
from domain.business_calendar import BusinessCalendar

YEARS = range(2020, 2041)
COUNTRIES = ("RU", "KZ")


@lru_cache
def official_days(country: str) -> tuple[frozenset[date], frozenset[date]]:
    """Days off and worked weekend days of a country in `YEARS`, as its law and government moved them."""
    if country not in COUNTRIES:
        raise ValueError(f"no calendar for country {country!r}")
    days = holidays.country_holidays(country, years=YEARS)
    return frozenset(days), frozenset(days.weekend_workdays)


def load_calendar(session: Session, country: str, timezone: str) -> BusinessCalendar:
    """The calendar in force: a `calendar_day` row overrides the official one for its day; read once a session."""
    known: dict[tuple[str, str], BusinessCalendar] = session.info.setdefault("calendars", {})
    if (country, timezone) not in known:
        known[country, timezone] = _read_calendar(session, country, timezone)
    return known[country, timezone]


def _read_calendar(session: Session, country: str, timezone: str) -> BusinessCalendar:
    days_off, worked = official_days(country)
    moved = session.exec(select(CalendarDayRow).where(CalendarDayRow.country == country)).all()
    to_work = frozenset(row.day for row in moved if row.working)
    to_rest = frozenset(row.day for row in moved if not row.working)
    return BusinessCalendar(
        holidays=(days_off - to_work) | to_rest, working_days=(worked - to_rest) | to_work, timezone=timezone
    )


def company_calendar(session: Session) -> BusinessCalendar:
    """The calendar of the selling company: its days are the days of business."""
    company = legal_entity(session)
    return load_calendar(session, company.country, company.timezone)
