"""The invoice that a shipment brings into being, and the payment schedule its process watches (D6-11)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain.business_calendar import BusinessCalendar
from domain.money import percent_of
from domain.orders import OrderState


@dataclass(frozen=True, slots=True)
class InvoiceInput:
    """Starts `InvoiceWorkflow` for one schedule line."""

    schedule_line_id: str
    invoice_number: str
    customer_id: str
    manager_id: str | None
    order_id: str | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """Asks for the invoice of one shipment round of an order."""

    order_id: str
    round: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Invoiced:
    """Where the order stands after its invoice, the schedule lines somebody must watch, the orders that credit set
    free: goods closed short no longer count (D2-13), and what an order that ended by it has yet to send."""

    state: OrderState
    watch: tuple[InvoiceInput, ...]
    relieved: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part of an invoice with its own due date."""

    amount: Decimal
    due_date: date


def due_date(shipped_on: date, deferral_days: int, calendar: BusinessCalendar) -> date:
    """Shipment date plus the deferral in calendar days, moved to the next working day (D1-12)."""
    return calendar.next_working(shipped_on + timedelta(days=deferral_days))


def payment_schedule(
    gross: Decimal, prepayment_percent: int, shipped_on: date, deferral_days: int, calendar: BusinessCalendar
) -> list[Instalment]:
    """The prepaid share is due on shipment, the rest after the deferral; one instalment when they fall together."""
    prepaid = percent_of(gross, prepayment_percent)
    rest = gross - prepaid
    later = due_date(shipped_on, deferral_days, calendar)
    parts = [Instalment(prepaid, shipped_on), Instalment(rest, later)]
    return [part for part in parts if part.amount > 0]


def still_owed(amount: Decimal, residual: Decimal, floor: Decimal) -> bool:
    """Whether an instalment keeps its order open: more is owed than a residue nobody chases (D9-7, D6-12).

    A small instalment of which nothing was paid is owed whole, not a residue.
    """
    return residual > floor or (residual > 0 and residual == amount)
