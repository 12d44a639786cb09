"""What an onlooker of the database sees at one instant: where each order stands and what it asks for."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

Snapshot = psycopg.Connection[Any]

_ORDERS = """
    SELECT o.id::text AS id, o.number, o.status, o.wait ->> 'reason' AS reason,
           coalesce(greatest(0, c.required_prepayment - coalesce((
             SELECT sum(amount) FROM payment_allocation WHERE order_id = o.id), 0)), 0) AS missing
      FROM sales_order o LEFT JOIN commitment c ON c.order_id = o.id
"""
_OWED = """
    SELECT invoice.order_id::text AS order_id, line.id::text AS id, invoice.number, line.residual, line.due_date
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id WHERE line.residual > 0
"""
_PICKED = """
    SELECT order_id::text AS order_id, sku, sum(quantity) AS quantity
      FROM reservation_line WHERE state = 'picking' GROUP BY order_id, sku
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order stands; `missing`: what of its prepayment has not come."""

    number: str
    status: str
    reason: str | None
    missing: Decimal


@dataclass(frozen=True, slots=True)
class Owed:
    """A schedule line that is not paid."""

    id: str
    number: str
    residual: Decimal
    due: date


@dataclass(frozen=True, slots=True)
class Sight:
    """All orders, by id."""

    orders: dict[str, Standing] = field(default_factory=dict)
    owed: dict[str, list[Owed]] = field(default_factory=dict)
    picked: dict[str, dict[str, Decimal]] = field(default_factory=dict)


def look(snapshot: Snapshot) -> Sight:
    """Read it from one snapshot."""
    owed: dict[str, list[Owed]] = defaultdict(list)
    for order, line, number, residual, due in snapshot.execute(_OWED):
        owed[order].append(Owed(line, number, residual, due))
    picked: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for order, sku, quantity in snapshot.execute(_PICKED):
        picked[order][sku] = quantity
    orders = {row[0]: Standing(*row[1:]) for row in snapshot.execute(_ORDERS)}
    return Sight(orders, dict(owed), dict(picked))
