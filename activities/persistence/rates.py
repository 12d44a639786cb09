"""Official exchange rates: recorded once per pair and day, and what money is worth by them (D2-17, D2-18)."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select, tuple_

from activities.persistence.credit_tables import ExchangeRateRow
from activities.persistence.events import record_event
from domain.errors import InvalidInputError
from domain.money import CURRENCIES
from domain.money_errors import RateDateError
from domain.orders import Actor
from domain.rates import DayRates, Rate

FARTHEST = timedelta(days=7)
"""Banks set a rate a few days ahead over holidays; a farther day is a slip."""

NEWEST = """
    SELECT newest.currency, newest.day, newest.rate
      FROM unnest(CAST(:currencies AS text[])) AS wanted (currency) CROSS JOIN LATERAL
           (SELECT currency, day, rate FROM exchange_rate
             WHERE base = :base AND exchange_rate.currency = wanted.currency AND day <= :day
             ORDER BY day DESC LIMIT 1) newest
"""
"""SQL: the newest rates into a currency on a day (D2-17), for queries with `priced_at`."""
_NEWEST = text(NEWEST)


def load_rates(session: Session, base: str, *, today: date) -> DayRates:
    """The newest rates into `base` on a day (D2-17); one query."""
    return told_rates(base, session.execute(_NEWEST, priced_at(base, today)), today=today)


def priced_at(base: str, today: date) -> dict[str, Any]:
    """What `NEWEST` has to know."""
    return {"base": base, "day": today, "currencies": list(CURRENCIES)}


def told_rates(base: str, rows: Iterable[Sequence[Any]], *, today: date) -> DayRates:
    """Rows of `NEWEST` as rates, also when they come out of JSON."""
    return DayRates(base, tuple(_rate(base, *row, today=today) for row in rows))


def _rate(base: str, currency: str, day: date | str, rate: Decimal | str, *, today: date) -> Rate:
    day = day if isinstance(day, date) else date.fromisoformat(day)
    return Rate(currency, base, day, Decimal(rate), (today - day).days)


def worth(amount: str, currency: str) -> str:
    """SQL of an amount in the currency of its account, half up once per item (D1-1), in a query that has the rates as
    `priced.by_currency`.

    An amount without a rate comes to NULL.
    """
    return (
        f"(CASE WHEN {currency} = :base THEN {amount} "
        f"ELSE round({amount} * CAST((SELECT by_currency FROM priced) ->> {currency} AS numeric), 2) END)"
    )


def by_currency(rates: DayRates) -> str:
    """Rates as JSON, for `priced.by_currency`."""
    return json.dumps({rate.currency: str(rate.rate) for rate in rates.rates})


def record_rate(
    session: Session, said: Rate, actor: Actor, *, today: date, at: datetime
) -> tuple[ExchangeRateRow, bool]:
    """Record the official rate of a day; whether it is the first of that day.

    Another figure for the same day is a correction: it counts from now on, the journal keeps the one before, and what
    was decided by that one stays as it was decided (D2-19).

    Raises:
        InvalidInputError: a currency against itself.
        RateDateError: the day lies too far ahead.
    """
    if said.currency == said.base:
        raise InvalidInputError(field="base", reason="same_currency")
    if said.day > today + FARTHEST:
        raise RateDateError(field="day", days=FARTHEST.days)
    name = f"{said.currency}/{said.base}:{said.day}"
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"rate:{name}"})
    row = session.get(ExchangeRateRow, (said.base, said.currency, said.day), populate_existing=True)
    first, before = row is None, None if row is None else row.rate
    if row is None:
        row = ExchangeRateRow(base=said.base, currency=said.currency, day=said.day, rate=said.rate,
                              recorded_by=UUID(actor.id), recorded_at=at)  # fmt: skip
        session.add(row)
    elif row.rate == said.rate:
        return row, False
    row.rate, row.recorded_by, row.recorded_at = said.rate, UUID(actor.id), at
    event = "rate_recorded" if first else "rate_corrected"
    record_event(session, "exchange_rate", name, event, actor, at=at, rate=str(said.rate),
                 before=None if before is None else str(before))  # fmt: skip
    session.flush()
    return row, first


_VALUED_ANEW = text("""
    SELECT account.id FROM credit_account account
     WHERE account.currency = :base
       AND EXISTS (SELECT 1 FROM sales_order
                    WHERE credit_account_id = account.id AND status IN ('awaiting_approval', 'stopped'))
       AND (EXISTS (SELECT 1 FROM sales_order WHERE credit_account_id = account.id AND currency = :currency
                       AND status IN ('awaiting_approval', 'stopped'))
            OR EXISTS (SELECT 1 FROM payment
                        WHERE credit_account_id = account.id AND currency = :currency AND unallocated > 0)
            OR EXISTS (SELECT 1 FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
                        WHERE invoice.credit_account_id = account.id AND invoice.currency = :currency
                          AND line.residual > 0))
     ORDER BY account.id FOR UPDATE
""")


def accounts_valued_anew(session: Session, currency: str, base: str) -> Sequence[UUID]:
    """Accounts whose waiting orders a new rate may set free, locked by id (D2-13, D2-18)."""
    return session.execute(_VALUED_ANEW, {"currency": currency, "base": base}).scalars().all()


def list_rates(
    session: Session,
    *,
    currency: str | None,
    base: str | None,
    after: tuple[date, str, str] | None,
    limit: int,
) -> Sequence[ExchangeRateRow]:
    """Recorded rates, the newest day first."""
    key = (col(ExchangeRateRow.day), col(ExchangeRateRow.base), col(ExchangeRateRow.currency))
    query = select(ExchangeRateRow).order_by(*(column.desc() for column in key)).limit(limit)
    if currency is not None:
        query = query.where(ExchangeRateRow.currency == currency)
    if base is not None:
        query = query.where(ExchangeRateRow.base == base)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return session.exec(query).all()
