"""«Какие резервы пора снимать»: reserves by the instant at which they end, in a bounded number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from activities.persistence import credit
from domain.money import ZERO, percent_of


class Waits(StrEnum):
    """Why goods stand aside that nobody takes yet."""

    PAYMENT = "payment"
    """The customer has to pay (D7-2)."""
    SHIPMENT = "shipment"
    """A deferral order was not shipped in time (D7-5)."""
    STOCK = "stock"
    """The rest of a deferral order has not come (D7-5)."""
    GATHERING = "gathering"
    """Goods are gathered for an order that ships whole (D8-5)."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which reserves are asked for. `manager`: only those of one manager's orders."""

    until: datetime
    now: datetime
    gathering: timedelta
    warehouse: str | None = None
    customer_id: UUID | None = None
    manager: UUID | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A quantity that is set aside."""

    sku: str
    name: str
    unit: str
    quantity: Decimal
    warehouse: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A reserve that is about to end, with what is paid of what must be in before shipment."""

    row: Any
    lines: tuple[Held, ...]
    paid: Decimal
    required: Decimal


_ENDING = text("""
    WITH ending AS (
        SELECT o.id, o.number, o.status, o.currency, o.prepayment_percent, o.revision, o.manager_id,
               c.id AS customer_id, c.name AS customer, c.segment, r.reserved_at, r.extensions, r.extended_by_proof,
               r.extended_by_part_payment, r.extended_by_silence,
               CASE WHEN lapses.itself THEN o.wait ->> 'reason' ELSE 'gathering' END AS waits,
               (o.wait ->> 'reminder_at')::timestamptz AS asked_at,
               CASE WHEN lapses.itself THEN r.expires_at ELSE gathered.since + CAST(:gathering AS interval) END
                    AS ends_at
          FROM reservation r
          JOIN sales_order o ON o.id = r.order_id
          JOIN customer c ON c.id = o.customer_id
         CROSS JOIN LATERAL (SELECT coalesce(o.wait ->> 'on_expiry' = 'release', false) AS itself) lapses
          LEFT JOIN LATERAL (SELECT min(l.gathering_since) AS since FROM reservation_line l
                              WHERE l.order_id = o.id AND l.state = 'waiting' AND NOT lapses.itself) gathered ON true
         WHERE r.status IN ('active', 'paid')
           AND EXISTS (SELECT 1 FROM reservation_line held WHERE held.order_id = o.id AND held.state = 'reserved'
                          AND (CAST(:warehouse AS text) IS NULL OR held.warehouse = :warehouse))
           AND (CAST(:customer AS uuid) IS NULL OR c.id = :customer)
           AND (CAST(:manager AS uuid) IS NULL OR :manager IN (o.manager_id, o.created_by))
    )
    SELECT * FROM ending
     WHERE ends_at IS NOT NULL
       AND (ends_at <= :until OR (waits IN ('picking', 'stock') AND asked_at <= :now))
       AND (CAST(:after_at AS timestamptz) IS NULL OR (ends_at, id) > (:after_at, CAST(:after_id AS uuid)))
     ORDER BY ends_at, id LIMIT :limit
""")
_HELD = text("""
    SELECT l.order_id, l.sku, p.name, p.unit, l.quantity, l.warehouse
      FROM reservation_line l JOIN product p ON p.sku = l.sku
     WHERE l.order_id = ANY(:orders) AND l.state = 'reserved' ORDER BY l.order_id, l.line_no, l.warehouse
""")
_MONEY = text(f"""
    SELECT o.id,
           (SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = o.id) AS paid,
           coalesce({credit.held_gross("o.id", "o.revision")}, 0) AS remaining
      FROM sales_order o WHERE o.id = ANY(:orders)
""")


def ending_reserves(
    session: Session, filters: Filters, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Ending]:
    """Reserves that end by an instant, deferral orders of which somebody was asked already, and goods gathered for an
    order that ships whole; the first to end comes first. Three queries whatever the size."""
    rows = session.execute(
        _ENDING,
        {
            "until": filters.until,
            "now": filters.now,
            "gathering": filters.gathering,
            "warehouse": filters.warehouse,
            "customer": filters.customer_id,
            "manager": filters.manager,
            "after_at": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
        },
    ).all()
    ids = [row.id for row in rows]
    held: dict[UUID, list[Held]] = {order: [] for order in ids}
    for line in session.execute(_HELD, {"orders": ids}):
        held[line.order_id].append(Held(line.sku, line.name, line.unit, line.quantity, line.warehouse))
    money = {row.id: row for row in session.execute(_MONEY, {"orders": ids})}
    return [
        Ending(
            row,
            tuple(held[row.id]),
            paid=money[row.id].paid,
            required=percent_of(money[row.id].remaining, row.prepayment_percent) if row.prepayment_percent else ZERO,
        )
        for row in rows
    ]


def waits_for(row: Any) -> Waits:
    """What the goods of a row stand aside for."""
    named = {"payment": Waits.PAYMENT, "picking": Waits.SHIPMENT, "stock": Waits.STOCK}
    return named.get(row.waits, Waits.GATHERING)
