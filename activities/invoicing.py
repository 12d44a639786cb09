"""The invoice of a shipment: receivables rise by exactly what the order's commitment falls (D12-4)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, exists
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select
from temporalio import activity

from activities.persistence import credit, orders, stock
from activities.persistence.context import OrderContext, context_of
from activities.persistence.events import record_event
from activities.persistence.identifiers import new_id, next_number
from activities.persistence.money_tables import AllocationRow, InvoiceRow, ScheduleLineRow
from activities.persistence.order_tables import OrderLineRow, OrderRow
from activities.persistence.picking import settle_goods
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.standing import settle_invoiced
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationLineRow, ShipmentLineRow, ShipmentRow
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
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    shipped = _shipped(session, order, request.round)
    amounts, more_to_come = shipped.amounts, shipped.more_to_come
    lines: list[ScheduleLineRow] = []
    number = None
    if amounts.gross > 0:  # goods given away make no claim for money
        invoice = _issue(session, context, shipped)
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
    relieved = reconsider_locked(session, account, at=request.as_of)
    return Invoiced(state, watch, relieved, orders.last_messages(session, order))


@dataclass(frozen=True, slots=True)
class _Shipped:
    """A shipment, the amounts of what it carried, and whether the order still holds goods or waits for some."""

    shipment: ShipmentRow
    amounts: Amounts
    more_to_come: bool


def _shipped(session: Session, order: OrderRow, number: int) -> _Shipped:
    """The shipment of a round; the newest one for a workflow that was started anew and knows no round (0).

    The shipment that completes a line takes the line's rounding rest.
    """
    held = exists().where(col(ReservationLineRow.order_id) == order.id, col(ReservationLineRow.state).in_(stock.OPEN))
    ordered = (col(OrderLineRow.order_id) == order.id) & (col(OrderLineRow.revision) == order.revision)
    query = (
        select(ShipmentRow, ShipmentLineRow, OrderLineRow, held)
        .join(ShipmentLineRow, col(ShipmentLineRow.shipment_id) == ShipmentRow.id)
        .join(OrderLineRow, ordered & (col(OrderLineRow.line_no) == ShipmentLineRow.line_no), isouter=True)
        .where(ShipmentRow.order_id == order.id)
    )
    if number:
        query = query.where(ShipmentRow.round <= number)
    rows = session.exec(query).all()
    shipment = max((each for each, *_ in rows), key=lambda each: each.round)
    if number and shipment.round != number:
        raise LookupError(f"order {order.id} has no shipment {number}")
    earlier: dict[int, list[Decimal]] = defaultdict(list)
    for each, part, *_ in rows:
        if each is not shipment:
            earlier[part.line_no].append(part.quantity)
    amounts = total(
        _part_of(line, part.quantity, earlier[part.line_no]) for each, part, line, _ in rows if each is shipment
    )
    return _Shipped(shipment, amounts, more_to_come=rows[0][-1])


def _issue(session: Session, context: OrderContext, shipped: _Shipped) -> InvoiceRow:
    """The invoice, under the next number that no opening invoice of the customer bears."""
    order = context.order
    while True:
        issued = insert(InvoiceRow).values(
            id=new_id(),
            number=f"СФ-{next_number(session, 'invoice'):06d}",
            kind="shipment",
            order_id=order.id,
            shipment_id=shipped.shipment.id,
            customer_id=order.customer_id,
            credit_account_id=order.credit_account_id,
            legal_entity_id=order.legal_entity_id,
            issued_on=shipped.shipment.shipped_on,
            currency=order.currency,
            gross=shipped.amounts.gross,
            vat=shipped.amounts.vat,
        )
        free = issued.on_conflict_do_nothing(index_elements=["customer_id", "number"]).returning(InvoiceRow)
        invoice: InvoiceRow | None = session.execute(free).scalar_one_or_none()
        if invoice is not None:
            return invoice


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
    if not more_to_come:
        credit.drop_commitment(session, order.id)
        return
    credit.lower_commitment(session, order)


def _after_invoice(
    session: Session, context: OrderContext, request: InvoiceRequest, *, more_to_come: bool
) -> OrderState:
    if not more_to_come:
        return settle_invoiced(session, context, as_of=request.as_of)
    key = f"order:{request.order_id}:invoice:{request.round}"
    return settle_goods(session, context, key, SYSTEM, at=request.as_of)
