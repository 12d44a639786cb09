"""The invoice of a shipment: receivables rise by exactly what the order's commitment falls (D12-4)."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from temporalio import activity

from activities.persistence import credit, orders, stock
from activities.persistence.context import OrderContext, context_of
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.money_tables import AllocationRow, InvoiceRow, ScheduleLineRow
from activities.persistence.order_tables import CommitmentRow, OrderLineRow, OrderRow
from activities.persistence.picking import settle_goods
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.standing import settle_invoiced
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ShipmentLineRow, ShipmentRow
from domain.invoicing import Invoiced, InvoiceInput, InvoiceRequest, payment_schedule
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
    credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    shipment = _shipment(session, order.id, request.round)
    amounts = _shipped_amounts(session, context, shipment)
    more_to_come = _more_to_come(session, order.id)
    lines: list[ScheduleLineRow] = []
    number = None
    if amounts.gross > 0:  # goods given away make no claim for money
        invoice = _issue(session, context, shipment, amounts)
        number = invoice.number
        lines = _schedule(session, context, invoice)
        _apply_prepayment(session, context, lines, more_to_come=more_to_come, at=request.as_of)
    _settle_commitment(session, order, more_to_come=more_to_come)
    record_event(session, "order", order.id, "invoiced", SYSTEM, at=request.as_of, invoice=number,
                 gross=str(amounts.gross), due=[line.due_date.isoformat() for line in lines])  # fmt: skip
    state = _after_invoice(session, context, request, more_to_come=more_to_come)
    watch = tuple(
        InvoiceInput(
            schedule_line_id=str(line.id),
            invoice_number=number or "",
            customer_id=str(order.customer_id),
            manager_id=str(order.manager_id),
            order_id=str(order.id),
            as_of=request.as_of,
        )
        for line in lines
        if line.residual > 0
    )
    relieved = reconsider_account(session, order.credit_account_id, at=request.as_of)
    return Invoiced(state, watch, relieved, orders.last_messages(session, order))


def _shipment(session: Session, order_id: UUID, number: int) -> ShipmentRow:
    """The shipment of a round; the newest one for a workflow that was started anew and knows no round (0)."""
    query = select(ShipmentRow).where(ShipmentRow.order_id == order_id).order_by(col(ShipmentRow.round).desc())
    if number:
        query = query.where(ShipmentRow.round == number)
    return session.exec(query.limit(1)).one()


def _more_to_come(session: Session, order_id: UUID) -> bool:
    """Whether the order still holds goods or waits for some, after this shipment."""
    return bool(stock.reservation_lines(session, order_id, *stock.OPEN))


def _issue(session: Session, context: OrderContext, shipment: ShipmentRow, amounts: Amounts) -> InvoiceRow:
    order = context.order
    invoice = InvoiceRow(
        number=_free_number(session, order.customer_id),
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
    return invoice


def _free_number(session: Session, customer_id: UUID) -> str:
    """The next invoice number that no opening invoice of the customer bears."""
    while True:
        number = f"СФ-{next_number(session, 'invoice'):06d}"
        taken = select(InvoiceRow.id).where(InvoiceRow.customer_id == customer_id, InvoiceRow.number == number)
        if session.exec(taken).first() is None:
            return number


def _shipped_amounts(session: Session, context: OrderContext, shipment: ShipmentRow) -> Amounts:
    """Amounts of the shipped quantities; the shipment that completes a line takes the line's rounding rest."""
    ordered = {line.line_no: line for line in orders.lines_of(session, context.order)}
    query = (
        select(ShipmentLineRow, ShipmentRow.id)
        .join(ShipmentRow, col(ShipmentRow.id) == ShipmentLineRow.shipment_id)
        .where(ShipmentRow.order_id == context.order.id, ShipmentRow.round <= shipment.round)
    )
    earlier: dict[int, list[Decimal]] = defaultdict(list)
    now: dict[int, Decimal] = {}
    for part, shipment_id in session.exec(query):
        if shipment_id == shipment.id:
            now[part.line_no] = part.quantity
        else:
            earlier[part.line_no].append(part.quantity)
    return total(_part_of(ordered[number], quantity, earlier[number]) for number, quantity in now.items())


def _part_of(line: OrderLineRow, quantity: Decimal, earlier: list[Decimal]) -> Amounts:
    """Amounts of `quantity` of a line of which `earlier` quantities were invoiced before; what is delivered beyond the
    line is invoiced as well (D12-5)."""
    delivered = quantity + sum(earlier)
    if delivered < line.quantity:
        return price_line(quantity, line.price, line.vat_rate)
    before = total(price_line(each, line.price, line.vat_rate) for each in earlier)
    whole = Amounts(line.net, line.vat, line.gross)
    if delivered > line.quantity:
        whole = price_line(delivered, line.price, line.vat_rate)
    return Amounts(whole.net - before.net, whole.vat - before.vat, whole.gross - before.gross)


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


def _apply_prepayment(
    session: Session, context: OrderContext, lines: list[ScheduleLineRow], *, more_to_come: bool, at: datetime
) -> None:
    """Move money tied to the order onto its invoice, earliest instalment first.

    While more is to come, only the prepaid instalment takes it: the rest stays for the goods still to be prepaid.
    """
    if more_to_come and context.order.prepayment_percent:
        lines = lines[:1]
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


def _settle_commitment(session: Session, order: OrderRow, *, more_to_come: bool) -> None:
    """Lower the order's commitment to what is still to come, in the transaction of the invoice (D12-4)."""
    commitment = session.get(CommitmentRow, order.id)
    if commitment is None:
        return
    if not more_to_come:
        session.delete(commitment)
        return
    commitment.uninvoiced = credit.remaining_gross(session, order)
    commitment.required_prepayment = credit.required_prepayment(session, order)


def _after_invoice(
    session: Session, context: OrderContext, request: InvoiceRequest, *, more_to_come: bool
) -> OrderState:
    if not more_to_come:
        return settle_invoiced(session, context, as_of=request.as_of)
    key = f"order:{request.order_id}:invoice:{request.round}"
    return settle_goods(session, context, key, SYSTEM, at=request.as_of)
