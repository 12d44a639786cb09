"""The invoice of a shipment: receivables rise by exactly what the order's commitment falls (D12-4)."""

from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from temporalio import activity

from activities.persistence import credit, orders, stock
from activities.persistence.context import OrderContext, context_of
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.standing import settle_invoiced
from activities.persistence.steps import run_once
from activities.persistence.tables import (
    AllocationRow,
    CommitmentRow,
    InvoiceRow,
    ScheduleLineRow,
    ShipmentLineRow,
    ShipmentRow,
)
from domain import waits
from domain.invoicing import Invoiced, InvoiceInput, InvoiceRequest, payment_schedule
from domain.money import ZERO, percent_of
from domain.orders import SYSTEM, OrderState
from domain.pricing import Amounts, price_line, total


class InvoicingActivities:
    """Locks the credit account, then the order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def invoice_shipment(self, request: InvoiceRequest) -> Invoiced:
        """Issue the invoice of one shipment, pay it with the order's own money, and say what is left to watch."""
        key = f"order:{request.order_id}:invoice:{request.round}"
        return run_once(self._engine, key, Invoiced, lambda s: _invoice(s, request), as_of=request.as_of)


def _invoice(session: Session, request: InvoiceRequest) -> Invoiced:
    credit.lock_account(session, orders.account_of_order(session, request.order_id))
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    shipment = session.exec(
        select(ShipmentRow).where(ShipmentRow.order_id == order.id, ShipmentRow.round == request.round)
    ).one()
    amounts = _shipped_amounts(session, context, shipment)
    invoice = InvoiceRow(
        number=f"СФ-{next_number(session, 'invoice'):06d}",
        kind="shipment",
        order_id=order.id,
        shipment_id=shipment.id,
        customer_id=order.customer_id,
        credit_account_id=order.credit_account_id,
        legal_entity_id=order.legal_entity_id,
        issued_on=shipment.shipped_on,
        currency=order.currency,
        gross=amounts.gross,
        vat=amounts.vat,
    )
    session.add(invoice)
    session.flush()
    lines = _schedule(session, context, invoice)
    _apply_prepayment(session, context, lines, at=request.as_of)
    more_to_come = _settle_commitment(session, context, amounts)
    record_event(session, "order", order.id, "invoiced", SYSTEM, at=request.as_of, invoice=invoice.number,
                 gross=str(invoice.gross), due=[line.due_date.isoformat() for line in lines])  # fmt: skip
    state = _after_invoice(session, context, more_to_come, as_of=request.as_of)
    watch = tuple(
        InvoiceInput(
            schedule_line_id=str(line.id),
            invoice_number=invoice.number,
            customer_id=str(order.customer_id),
            manager_id=str(order.manager_id),
            order_id=str(order.id),
            as_of=request.as_of,
        )
        for line in lines
        if line.residual > 0
    )
    return Invoiced(state, watch)


def _shipped_amounts(session: Session, context: OrderContext, shipment: ShipmentRow) -> Amounts:
    """Amounts of the shipped quantities; the last shipment of a line takes the line's rounding rest."""
    ordered = {line.line_no: line for line in orders.lines_of(session, context.order)}
    parts = session.exec(select(ShipmentLineRow).where(ShipmentLineRow.shipment_id == shipment.id))
    amounts = []
    for part in parts:
        line = ordered[part.line_no]
        if part.quantity == line.quantity:
            amounts.append(Amounts(line.net, line.vat, line.gross))
        else:
            amounts.append(price_line(part.quantity, line.price, line.vat_rate))
    return total(amounts)


def _schedule(session: Session, context: OrderContext, invoice: InvoiceRow) -> list[ScheduleLineRow]:
    order = context.order
    instalments = payment_schedule(
        invoice.gross, order.prepayment_percent, invoice.issued_on, order.deferral_days, context.calendar
    )
    lines = [
        ScheduleLineRow(
            invoice_id=invoice.id,
            line_no=number,
            amount=instalment.amount,
            residual=instalment.amount,
            due_date=instalment.due_date,
            policy_version=order.policy_version,
        )
        for number, instalment in enumerate(instalments, start=1)
    ]
    session.add_all(lines)
    session.flush()
    return lines


def _apply_prepayment(session: Session, context: OrderContext, lines: list[ScheduleLineRow], *, at: datetime) -> None:
    """Move money tied to the order onto its invoice, earliest instalment first."""
    query = select(AllocationRow).where(AllocationRow.order_id == context.order.id).order_by(col(AllocationRow.at))
    for allocation in session.exec(query).all():
        for line in lines:
            part = min(allocation.amount, line.residual)
            if part <= 0:
                continue
            line.residual -= part
            if line.residual == 0:
                line.settled_on = context.today(at)
            session.add(AllocationRow(payment_id=allocation.payment_id, schedule_line_id=line.id, amount=part, at=at))
            if part == allocation.amount:
                session.delete(allocation)
                break
            allocation.amount -= part
    session.flush()


def _settle_commitment(session: Session, context: OrderContext, invoiced: Amounts) -> bool:
    """Lower the order's commitment by the invoiced sum; whether goods are still to come (D12-4)."""
    order = context.order
    waiting = bool(stock.reservation_lines(session, order.id, "waiting"))
    commitment = session.get(CommitmentRow, order.id)
    if commitment is None:
        return waiting
    if not waiting:
        session.delete(commitment)
        return False
    commitment.uninvoiced = max(ZERO, commitment.uninvoiced - invoiced.gross)
    commitment.required_prepayment = percent_of(commitment.uninvoiced, order.prepayment_percent)
    return True


def _after_invoice(session: Session, context: OrderContext, more_to_come: bool, *, as_of: datetime) -> OrderState:
    if more_to_come:
        return orders.set_state(context.order, waits.awaiting_stock(as_of, partly=False), at=as_of)
    return settle_invoiced(session, context, as_of=as_of)
