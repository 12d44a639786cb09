"""Requests to take reserved goods from one order for another, and their answers (D8-4).

An answer locks the order that gives, then its shelf, then the request. So money that came for it, or a picking that
began, in a transaction that committed first is seen and wins; what comes later waits, and finds the goods gone. The
order that gets is not locked: as in a step of the queue, its lines belong to whoever holds the shelf.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session, col, or_, select

from activities.persistence import credit, orders
from activities.persistence.allocations import Cause, Loss
from activities.persistence.approvals import answerer, barred_from
from activities.persistence.context import context_of
from activities.persistence.order_tables import OrderRow
from activities.persistence.queueing import serve_queue
from activities.persistence.reassignment_notices import Asked, Compose, ask_deciders, tell_moved, tell_rejected
from activities.persistence.reassignment_requests import about, journal
from activities.persistence.standing import settle_reserved
from activities.persistence.stock import (
    Shelves,
    gather,
    gather_what_is_left,
    lock_shelves,
    move_quantity,
    reservation_lines,
    serve_line,
)
from activities.persistence.stock_tables import ReassignmentRow, ReservationLineRow, ReservationRow
from activities.persistence.tasks import finish_tasks, is_asked, withdraw_tasks
from domain.allocation import ShelfKey
from domain.errors import DomainError
from domain.orders import ENDED, Actor, OrderStatus
from domain.reassignment import Giver, ReassignmentState, Taker, check_decider, movable, refusal
from domain.stock_errors import (
    ReassignmentDecidedError,
    ReassignmentExistsError,
    ReassignmentNotFoundError,
    SameOrderError,
)
from domain.tasks import TaskKind

_SETTLED = {OrderStatus.PART_RESERVED, OrderStatus.AWAITING_PAYMENT, OrderStatus.READY, OrderStatus.CONFIRMED}
"""Where an order stands by its goods."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """Whose goods are asked for, for whom, and why."""

    warehouse: str
    sku: str
    from_order_id: UUID
    to_order_id: UUID
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an answer: whose workflows are to be told, and why it could not be given, if it could not."""

    row: ReassignmentRow
    told: tuple[UUID, ...]
    refusal: DomainError | None = None


def request_goods(session: Session, new: NewRequest, actor: Actor, *, at: datetime) -> ReassignmentRow:
    """Ask for goods; whoever may decide gets a task and a notice (D8-4).

    Raises:
        SameOrderError, OrderNotFoundError, ReassignmentExistsError, and what `domain.reassignment.refusal` names
    """
    if new.from_order_id == new.to_order_id:
        raise SameOrderError(field="to_order_id")
    giving = orders.lock_order(session, new.from_order_id)
    getting = _order(session, new.to_order_id)
    row = ReassignmentRow(
        warehouse=new.warehouse,
        sku=new.sku,
        quantity=new.quantity,
        from_order_id=giving.id,
        to_order_id=getting.id,
        reason=new.reason,
        state=ReassignmentState.REQUESTED,
        requested_by=UUID(actor.id),
        requested_at=at,
    )
    if _asked_already(session, row):
        raise ReassignmentExistsError
    refused = refusal(row.sku, row.quantity, _giver(session, giving, row), _taker(session, getting, row))
    if refused is not None:
        raise refused
    session.add(row)
    session.flush()
    journal(session, row, "reassignment_requested", actor, at=at, quantity=row.quantity,
             comment=row.reason)  # fmt: skip
    ask_deciders(session, Asked(row, giving, getting), at=at)
    return row


def decide_request(
    session: Session,
    request_id: UUID,
    actor: Actor,
    *,
    approve: bool,
    comment: str | None,
    compose: Compose,
    at: datetime,
) -> Answer:
    """Give or refuse what was asked for. What can no longer be given makes the request void, and says why.

    Args:
        compose: writes the letter to the customer whose goods are taken.

    Raises:
        ReassignmentNotFoundError, ReassignmentDecidedError, OwnReassignmentError, NotYourApprovalError
    """
    row = find_request(session, request_id)
    giving = orders.lock_order(session, row.from_order_id)
    shelves = lock_shelves(session, [_shelf(row)] if approve else [], held=True)
    session.refresh(row, with_for_update=True)
    if row.state != ReassignmentState.REQUESTED:
        raise ReassignmentDecidedError
    getting = _order(session, row.to_order_id)
    _check_decider(session, row, getting, actor, at=at)
    row.decided_by, row.decided_at, row.comment = UUID(actor.id), at, comment or None
    asked = Asked(row, giving, getting)
    if not approve:
        return _reject(session, asked, actor, at=at)
    return _approve(session, shelves, asked, actor, compose, at=at)


def _check_decider(session: Session, row: ReassignmentRow, getting: OrderRow, actor: Actor, *, at: datetime) -> None:
    context = context_of(session, getting)
    asked = is_asked(session, TaskKind.REASSIGNMENT, UUID(actor.id), about=about(row))
    check_decider(
        replace(answerer(session, actor), asked=asked),
        barred=barred_from(session, row.requested_by, getting.manager_id, on=context.today(at)),
        region=context.customer.region,
    )


def _approve(
    session: Session,
    shelves: Shelves,
    asked: Asked,
    actor: Actor,
    compose: Compose,
    *,
    at: datetime,
) -> Answer:
    row, giving, getting = asked.row, asked.giving, asked.getting
    giver, taker = _giver(session, giving, row), _taker(session, getting, row)
    quantity = movable(row.quantity, giver, taker)
    refused = refusal(row.sku, quantity or row.quantity, giver, taker)
    if refused is not None:
        row.state = ReassignmentState.VOID
        withdraw_tasks(session, TaskKind.REASSIGNMENT, at=at, about=about(row))
        journal(session, row, "reassignment_void", actor, at=at, why=refused.code)
        return Answer(row, (), refused)
    row.state, row.moved = ReassignmentState.APPROVED, quantity
    served = _move(session, shelves, asked, at=at)
    finish_tasks(session, TaskKind.REASSIGNMENT, actor, at=at, about=about(row), comment=row.comment)
    journal(session, row, "reassignment_approved", actor, at=at, quantity=quantity, comment=row.comment)
    tell_moved(session, asked, actor, compose, at=at)
    return Answer(row, tuple(dict.fromkeys([giving.id, getting.id, *served])))


def _reject(session: Session, asked: Asked, actor: Actor, *, at: datetime) -> Answer:
    row = asked.row
    row.state = ReassignmentState.REJECTED
    finish_tasks(session, TaskKind.REASSIGNMENT, actor, at=at, about=about(row), comment=row.comment)
    journal(session, row, "reassignment_rejected", actor, at=at, comment=row.comment)
    tell_rejected(session, asked, actor, at=at)
    return Answer(row, (asked.getting.id,))


def _move(session: Session, shelves: Shelves, asked: Asked, *, at: datetime) -> list[UUID]:
    """Past the queue, which would give the goods to whoever's turn it is. For an order that ships whole they are
    gathered, no longer than others are (D8-5)."""
    row, giving, getting = asked.row, asked.giving, asked.getting
    assert row.moved is not None
    losses = []
    for line, part in _parts(_lines(session, giving.id, row, "reserved"), row.moved):
        losses.append(Loss(giving.id, line.line_no, _shelf(row), part, "D8-4", given_to=getting.id))
        move_quantity(session, shelves, line, "waiting", part, since=at, displaced_at=at)
    for line, part in _parts(_lines(session, getting.id, row, "waiting"), row.moved):
        serve_line(session, shelves, line, part, at=at)
        if getting.ship_complete:
            held = session.get_one(ReservationLineRow, (getting.id, line.line_no, line.warehouse, "reserved"))
            held.gathered += part
    session.flush()
    if giving.ship_complete:
        gather_what_is_left(session, giving.id, at=at)
    if getting.ship_complete:
        gather(session, getting.id, at=at)
    served = serve_queue(session, shelves, Cause.REASSIGNMENT, row.id, at=at, losses=losses)
    reservation = session.get(ReservationRow, giving.id)
    if reservation is not None and giving.status in _SETTLED:
        settle_reserved(session, context_of(session, giving), reservation, as_of=at)
    return served


def _parts(lines: list[ReservationLineRow], quantity: Decimal) -> list[tuple[ReservationLineRow, Decimal]]:
    """A quantity over the lines that hold it, first lines first."""
    parts = []
    for line in lines:
        part = min(line.quantity, quantity)
        if part > 0:
            parts.append((line, part))
            quantity -= part
    return parts


def _order(session: Session, order_id: UUID) -> OrderRow:
    """An order that is not locked, as it is now."""
    orders.account_of_order(session, order_id)
    return session.get_one(OrderRow, order_id, populate_existing=True)


def _giver(session: Session, order: OrderRow, row: ReassignmentRow) -> Giver:
    lines = reservation_lines(session, order.id, "reserved", "picking")
    return Giver(
        number=order.number,
        ended=order.status in ENDED,
        vip=_is_vip(session, order),
        received=credit.money_of_order(session, order.id).ever,
        picking=order.status == OrderStatus.PICKING or any(line.state == "picking" for line in lines),
        reserved=_sum(_lines(session, order.id, row, "reserved")),
    )


def _taker(session: Session, order: OrderRow, row: ReassignmentRow) -> Taker:
    waiting = _sum(_lines(session, order.id, row, "waiting"))
    return Taker(order.number, order.status in ENDED, _is_vip(session, order), waiting)


def _is_vip(session: Session, order: OrderRow) -> bool:
    return orders.customer_of(session, order).segment == "vip"


def _lines(session: Session, order_id: UUID, row: ReassignmentRow, state: str) -> list[ReservationLineRow]:
    return [line for line in reservation_lines(session, order_id, state) if (line.warehouse, line.sku) == _shelf(row)]


def _sum(lines: list[ReservationLineRow]) -> Decimal:
    return sum((line.quantity for line in lines), Decimal(0))


def _shelf(row: ReassignmentRow) -> ShelfKey:
    return row.warehouse, row.sku


def _asked_already(session: Session, row: ReassignmentRow) -> bool:
    query = select(ReassignmentRow.id).where(
        ReassignmentRow.state == ReassignmentState.REQUESTED,
        ReassignmentRow.from_order_id == row.from_order_id,
        ReassignmentRow.to_order_id == row.to_order_id,
        ReassignmentRow.warehouse == row.warehouse,
        ReassignmentRow.sku == row.sku,
    )
    return session.exec(query).first() is not None


def find_request(session: Session, request_id: UUID) -> ReassignmentRow:
    """A request, not locked.

    Raises:
        ReassignmentNotFoundError
    """
    row = session.get(ReassignmentRow, request_id)
    if row is None:
        raise ReassignmentNotFoundError
    return row


def requests_for(
    session: Session, person: UUID | None, state: str | None, *, after: UUID | None, limit: int
) -> list[ReassignmentRow]:
    """Requests in a state, newest first; of one `person` only those they asked, or for their own orders."""
    query = select(ReassignmentRow).join(OrderRow, col(OrderRow.id) == ReassignmentRow.to_order_id)
    if person is not None:
        query = query.where(or_(ReassignmentRow.requested_by == person, OrderRow.manager_id == person))
    if state is not None:
        query = query.where(ReassignmentRow.state == state)
    if after is not None:
        query = query.where(ReassignmentRow.id < after)
    return list(session.exec(query.order_by(col(ReassignmentRow.id).desc()).limit(limit)))
