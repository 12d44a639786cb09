"""Where an order stands by the facts: what is set aside, what is paid, what is still owed."""

from datetime import datetime, time
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence import approvals, credit, orders, revisions, shortages, stock
from activities.persistence.context import OrderContext
from activities.persistence.events import record_event
from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.reassignment_requests import void_requests
from activities.persistence.reserve_lifetime import ends_of, payment_wait, prolong_once_for_part
from activities.persistence.reserves import begin_lifetime
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.invoicing import still_owed
from domain.orders import ENDED, SYSTEM, Actor, OrderState, OrderStatus, WaitReason
from domain.tasks import TaskKind

_OPEN_BESIDE = text("""
    SELECT EXISTS (SELECT FROM order_shortage WHERE order_id = :order AND state = 'open') AS question,
           EXISTS (SELECT FROM reassignment
                    WHERE state = 'requested' AND (from_order_id = :order OR to_order_id = :order)) AS request,
           EXISTS (SELECT FROM task WHERE order_id = :order AND state = 'open') AS task
""")
"""Whether there is anything to withdraw: mostly there is not."""


def settle_reserved(
    session: Session,
    context: OrderContext,
    reservation: ReservationRow,
    *,
    as_of: datetime,
    lines: list[ReservationLineRow] | None = None,
) -> OrderState:
    """Where an order with a reserve stands, from its facts: money in, goods set aside, goods still missing.

    A wait that goes on keeps its beginning and its end; only a new one starts the clock. `lines`: all of its reserve,
    from whoever has just read them.
    """
    order = context.order
    lines = stock.reservation_lines(session, order.id) if lines is None else lines
    reserved = any(line.state == "reserved" for line in lines)
    missing = any(line.state == "waiting" for line in lines)
    beside = session.execute(_OPEN_BESIDE, {"order": order.id}).one()
    if beside.question and not missing:
        shortages.void(session, order.id, at=as_of)
    money = credit.money_of_order(session, order.id)
    if beside.request:
        void_requests(session, order.id, at=as_of, keeps_goods=money.ever > 0,
                      waits_for=stock.shelves_of(line for line in lines if line.state == "waiting"))  # fmt: skip
    required = credit.required_prepayment(session, order)
    funded = waits.is_funded(required, money.tied, context.tolerance(required))
    calendar, days = context.calendar, reservation.ttl_days
    current = orders.state_of(order)
    if not reserved or (order.ship_complete and missing):
        state = waits.awaiting_stock(as_of, context.policy, calendar, partly=False)
    elif not funded:
        had = _live_anew(reservation, lines, at=as_of, first=not waits.awaits_payment(current))
        prolong_once_for_part(session, context, reservation, money.tied, at=as_of)
        state = waits.no_sooner(payment_wait(context, reservation, partly=missing), had)
    elif missing and required > 0:
        state = waits.awaiting_stock(as_of, context.policy, calendar, partly=True)
    elif missing:
        had = _live_anew(reservation, lines, at=as_of)
        state = waits.awaiting_rest(as_of, days, context.policy, calendar, ship_on=order.ship_on)
        state = current if _goes_on(current, state) and had is None else waits.no_sooner(state, had)
    else:
        state = waits.ready(as_of, days, context.policy, calendar, paid=required > 0, ship_on=order.ship_on)
    if _goes_on(current, state) and not (waits.awaits_payment(state) or _awaits_rest(state)):
        return current
    if beside.task:
        cancel_tasks(session, at=as_of, order_id=order.id, kinds=_work_over(current, state, funded=funded))
    reservation.status = "paid" if funded and required > 0 else "active"
    reservation.expires_at = ends_of(state)
    return orders.set_state(order, state, at=as_of)


def tell_move(session: Session, order: OrderRow, before: OrderState, actor: Actor = SYSTEM, *, at: datetime) -> None:
    """The journal tells where an order stands now, where no other event tells what has moved it: money or goods that
    came or went, a rest that was closed. Its end has an event of its own."""
    now = orders.state_of(order)
    if now.status not in ENDED and _stands(now) != _stands(before):
        status, reason = _stands(now)
        record_event(session, "order", order.id, "order_moved", actor, at=at, status=status, waits_for=reason)


def _stands(state: OrderState) -> tuple[OrderStatus, WaitReason | None]:
    return state.status, state.wait.reason if state.wait else None


def _live_anew(
    reservation: ReservationRow, lines: list[ReservationLineRow], *, at: datetime, first: bool = False
) -> datetime | None:
    """Begin the lifetime of goods that were only just allotted, or of a reserve of which a backorder was served since
    it began (D7-13, D8-4); the end that such a reserve had, for that is not taken away."""
    served = [line.served_at for line in lines if line.served_at and line.served_at > reservation.reserved_at]
    if not first and not served:
        return None
    had = None if first else reservation.expires_at
    begin_lifetime(reservation, at=max([at, *served]))
    return had


_ABOUT_MONEY = (TaskKind.PART_PAYMENT, TaskKind.FIND_PAYMENT)
"""Work that is done when the money is in."""


def _work_over(before: OrderState, after: OrderState, *, funded: bool) -> list[TaskKind]:
    """Work that nobody has to do any more where the order stands now."""
    over = [] if _awaits_stock(after) else [TaskKind.STOCK_LATE]
    if before.status is OrderStatus.READY and after.status is not OrderStatus.READY:
        over.append(TaskKind.PICKING)  # its goods went to others (D7-15, D8-4)
    if funded:
        over += _ABOUT_MONEY
    return over


def _goes_on(before: OrderState, after: OrderState) -> bool:
    """Whether the same wait goes on, with the same thing at its end."""
    return _kind(before) == _kind(after)


def _kind(state: OrderState) -> tuple[object, ...]:
    return *_stands(state), state.wait and state.wait.on_expiry


def _awaits_rest(state: OrderState) -> bool:
    return _awaits_stock(state) and ends_of(state) is not None


def _awaits_stock(state: OrderState) -> bool:
    return state.wait is not None and state.wait.reason is WaitReason.STOCK


def let_go(session: Session, order: OrderRow, *, at: datetime) -> Decimal:
    """Withdraw what an order that goes no further holds: commitment, open requests, proposed revision, the customer's
    choice, tasks except that goods are to be put on their places; its money becomes the payer's advance (D6-9, D7-17).
    Returns how much money that was."""
    credit.drop_commitment(session, order.id)
    withdraw_proposal(session, order.id, at=at)
    void_requests(session, order.id, at=at)
    shortages.void(session, order.id, at=at)
    cancel_tasks(session, at=at, order_id=order.id, kinds=[kind for kind in TaskKind if kind is not TaskKind.UNPICK])
    return credit.untie_order_money(session, order.id)


def end_or_close_short(
    session: Session, context: OrderContext, status: OrderStatus, actor: Actor, reason: str, *, at: datetime
) -> tuple[OrderState, Decimal]:
    """End an order that goes no further, and how much of its money became an advance. When part of the goods has left,
    the rest is closed short instead, and the invoices are watched to their end (D6-12)."""
    order = context.order
    returned = let_go(session, order, at=at)
    if orders.shipped_by_line(session, order.id):
        record_event(session, "order", order.id, "short_closed", actor, at=at, reason=reason)
        return settle_invoiced(session, context, as_of=at), returned
    return orders.set_state(order, OrderState(status), at=at, reason=reason), returned


def withdraw_proposal(session: Session, order_id: UUID, *, at: datetime) -> None:
    """Nothing is asked about the order any more: an open request is void, a proposed revision withdrawn (D6-7)."""
    approval = approvals.open_approval(session, order_id)
    if approval is not None:
        approval.state = "void"
        cancel_tasks(session, at=at, order_id=order_id, kinds=["approval"])
    proposed = revisions.proposed(session, order_id)
    if proposed is not None:
        revisions.settle(session, order_id, proposed.revision, "withdrawn", at=at)


def settle_invoiced(session: Session, context: OrderContext, *, as_of: datetime) -> OrderState:
    """Closed once all its invoices are paid, up to a residue nobody chases (D6-12, D9-7); until then it waits."""
    order = context.order
    lines = session.exec(
        select(ScheduleLineRow)
        .join(InvoiceRow, col(InvoiceRow.id) == ScheduleLineRow.invoice_id)
        .where(InvoiceRow.order_id == order.id)
    ).all()
    floors = [context.policy.floor(line.amount, order.currency) for line in lines]
    owed = [line for line, floor in zip(lines, floors, strict=True) if still_owed(line.amount, line.residual, floor)]
    if not owed:
        credit.drop_commitment(session, order.id)
        credit.untie_order_money(session, order.id)
        record_event(session, "order", order.id, "closed", SYSTEM, at=as_of)
        return orders.set_state(order, OrderState(OrderStatus.CLOSED), at=as_of, reason="paid")
    last_due = max(line.due_date for line in owed)
    due_at = context.calendar.at(last_due, time.max.hour, time.max.minute)
    current = orders.state_of(order)
    since = current.wait.since if current.status is OrderStatus.AWAITING_FINAL_PAYMENT and current.wait else as_of
    return orders.set_state(order, waits.awaiting_final_payment(since, due_at), at=as_of)
