"""Working calendars: official holidays with their transfers, and the days the company moved by hand."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import holidays
from sqlalchemy import func, text
from sqlmodel import Session, select

from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import CalendarDayRow
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
    known = _known(session).get((country, timezone))
    return known or know_calendar(session, country, timezone, session.exec(select(moved_days(country))).one())


def moved_days(country: Any) -> Any:
    """SQL: the days of a country that were moved by hand, as JSON pairs of the day and whether people work on it."""
    pair = func.jsonb_build_array(CalendarDayRow.day, CalendarDayRow.working)
    days = select(func.coalesce(func.jsonb_agg(pair), text("'[]'::jsonb"))).where(CalendarDayRow.country == country)
    return days.scalar_subquery()


def know_calendar(session: Session, country: str, timezone: str, moved: Sequence[tuple[str, bool]]) -> BusinessCalendar:
    """The calendar of a country with its `moved_days`, kept for the rest of the session."""
    days_off, worked = official_days(country)
    to_work = frozenset(date.fromisoformat(day) for day, working in moved if working)
    to_rest = frozenset(date.fromisoformat(day) for day, working in moved if not working)
    calendar = BusinessCalendar(
        holidays=(days_off - to_work) | to_rest, working_days=(worked - to_rest) | to_work, timezone=timezone
    )
    return _known(session).setdefault((country, timezone), calendar)


def _known(session: Session) -> dict[tuple[str, str], BusinessCalendar]:
    known: dict[tuple[str, str], BusinessCalendar] = session.info.setdefault("calendars", {})
    return known


def company_calendar(session: Session) -> BusinessCalendar:
    """The calendar of the selling company: its days are the days of business."""
    company = legal_entity(session)
    return load_calendar(session, company.country, company.timezone)
