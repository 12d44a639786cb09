"""All that callers read about one order beside its own row, in one statement: it is read after every command."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the revision in force."""

    line_no: int
    sku: str
    name: str
    unit: str
    quantity: Decimal
    price: Decimal
    vat_rate: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal
    warehouse: str


@dataclass(frozen=True, slots=True)
class Revision:
    revision: int
    state: str
    gross: Decimal
    deferral_days: int
    prepayment_percent: int
    reason: str | None
    changed_by: UUID
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The newest credit decision, as `decisions.last_decision` finds it."""

    outcome: str
    reasons: list[dict[str, Any]]
    facts: dict[str, Any]
    exposure: Decimal
    credit_limit: Decimal
    policy_version: int
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A quantity at one warehouse in one state."""

    line_no: int
    warehouse: str
    state: str
    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Reserve:
    status: str
    expires_at: datetime | None
    extensions: int
    lines: list[HeldLine]


@dataclass(frozen=True, slots=True)
class Instalment:
    """A schedule line of an invoice of the order."""

    id: UUID
    number: str
    amount: Decimal
    residual: Decimal
    due_date: date
    stage: str | None


@dataclass(frozen=True, slots=True)
class Money:
    """What of a payment went to the order or to its invoices."""

    id: UUID
    posted_on: date
    document_number: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the journal."""

    at: datetime
    actor_id: UUID
    actor_name: str
    actor_role: str
    event: str
    data: dict[str, Any]
    policy_version: int | None


@dataclass(frozen=True, slots=True)
class OrderSheet:
    """`was_short`: the customer was asked about a shortage that is not void."""

    customer_name: str
    customer_tax_id: str
    lines: list[Line]
    revisions: list[Revision]
    decision: Decision | None
    reserve: Reserve | None
    was_short: bool
    invoices: list[Instalment]
    payments: list[Money]
    journal: list[Event]


_CODEC = TypeAdapter(OrderSheet)

_LINES = """
    SELECT line_no, sku, name, unit, quantity::text, price::text, vat_rate::text, net::text, vat::text, gross::text,
           warehouse
      FROM order_line WHERE order_id = o.id AND revision = o.revision ORDER BY line_no
"""
_REVISIONS = """
    SELECT revision, state, gross::text, deferral_days, prepayment_percent, reason, changed_by, changed_at
      FROM order_revision WHERE order_id = o.id ORDER BY revision
"""
_DECISION = """
    SELECT outcome, reasons, facts, exposure::text, credit_limit::text, policy_version, decided_at
      FROM credit_decision WHERE order_id = o.id AND rule = 'credit' ORDER BY id DESC LIMIT 1
"""
_HELD = """
    SELECT line_no, warehouse, state, sku, quantity::text
      FROM reservation_line WHERE order_id = o.id ORDER BY line_no, warehouse
"""
_INVOICES = """
    SELECT line.id, invoice.number, line.amount::text, line.residual::text, line.due_date, line.stage
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.order_id = o.id ORDER BY line.due_date, invoice.number
"""
_PAYMENTS = """
    SELECT payment.id, payment.posted_on, payment.document_number, sum(part.amount)::text AS amount
      FROM (SELECT id, payment_id, amount FROM payment_allocation WHERE order_id = o.id
             UNION
            SELECT paid.id, paid.payment_id, paid.amount
              FROM invoice JOIN schedule_line line ON line.invoice_id = invoice.id
              JOIN payment_allocation paid ON paid.schedule_line_id = line.id WHERE invoice.order_id = o.id) part
      JOIN payment ON payment.id = part.payment_id
     GROUP BY payment.id ORDER BY payment.posted_on, payment.id
"""
_JOURNAL = """
    SELECT at, actor_id, actor_name, actor_role, event, data, policy_version
      FROM journal WHERE subject = 'order' AND subject_id = o.id::text ORDER BY id
"""


def _all(query: str) -> str:
    """The rows of a query as one value, in its order."""
    return f"(SELECT coalesce(json_agg(found), '[]') FROM ({query}) found)"


_SHEET: ColumnElement[str] = literal_column(f"""
    json_build_object(
      'customer_name', customer.name, 'customer_tax_id', customer.tax_id,
      'lines', {_all(_LINES)},
      'revisions', {_all(_REVISIONS)},
      'decision', (SELECT to_json(found) FROM ({_DECISION}) found),
      'reserve', (SELECT json_build_object('status', status, 'expires_at', expires_at, 'extensions', extensions,
                                           'lines', {_all(_HELD)})
                    FROM reservation WHERE order_id = o.id),
      'was_short', EXISTS (SELECT FROM order_shortage WHERE order_id = o.id AND state <> 'void'),
      'invoices', {_all(_INVOICES)},
      'payments', {_all(_PAYMENTS)},
      'journal', {_all(_JOURNAL)})::text
""")
"""Numbers travel as texts: JSON would bend them."""
_ORDER = aliased(OrderRow, name="o")


def order_sheet(session: Session, order: OrderRow) -> OrderSheet:
    """Everything about an order that this session knows, as of one instant."""
    session.flush()
    return _CODEC.validate_json(session.execute(_of(order.id, _SHEET)).scalar_one())


def order_and_sheet(session: Session, order_id: UUID) -> tuple[OrderRow, OrderSheet] | None:
    """An order with everything about it, as of one instant."""
    found = session.execute(_of(order_id, _ORDER, _SHEET)).first()
    return None if found is None else (found[0], _CODEC.validate_json(found[1]))


def _of(order_id: UUID, *wanted: Any) -> Select[Any]:
    customers = col(CustomerRow.id) == _ORDER.customer_id
    return select(*wanted).select_from(_ORDER).join(CustomerRow, customers).where(col(_ORDER.id) == order_id)
