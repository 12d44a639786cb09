"""Stock steps of an order: reserve, extend, release. Each locks the order, then its stock rows (D3-6)."""

from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders, stock
from activities.persistence.context import assign, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.grants import load_grants, overlay_of
from activities.persistence.standing import settle_reserved
from activities.persistence.steps import run_once
from activities.persistence.tables import ReservationLineRow, ReservationRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.allocation import Allotment, Demand, allot
from domain.errors import ExtensionUsedError, WrongStateError
from domain.orders import (
    SYSTEM,
    ExtendRequest,
    OrderState,
    OrderStatus,
    OrderStep,
    Role,
    StepResult,
    WaitReason,
)
from domain.reservation_terms import expiry


class StockActivities:
    """Reserves are promises: what is reserved here nobody else can have (D8-3)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def reserve_order(self, step: OrderStep) -> StepResult:
        """Reserve what there is for a confirmed order, queue the rest, tell the manager (D7-1, D7-12)."""
        key = f"order:{step.order_id}:reserve:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _reserve(session, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def release_order(self, step: OrderStep) -> StepResult:
        """Release a reserve that ran out unpaid; goods go to the queue in the same transaction (D7-6).

        A payment that came first stands: then nothing is released and the order moves on (D7-7).
        """
        key = f"order:{step.order_id}:release:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _release(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def free_order_stock(self, step: OrderStep) -> StepResult:
        """Give back everything an ending order holds, in whatever state it holds it (D6-8, D7-17)."""
        key = f"order:{step.order_id}:free:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _free(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def fit_reserve(self, step: OrderStep) -> StepResult:
        """Fit the reserve to the revision in force: what is no longer wanted is free at once, what is added is
        reserved or queued (D6-6)."""
        key = f"order:{step.order_id}:fit:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _fit(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def unpick_order(self, step: OrderStep) -> StepResult:
        """Put picked goods back into the reserve: the gate did not open for them (D12-2)."""
        key = f"order:{step.order_id}:unpick:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _unpick(session, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def extend_reservation(self, request: ExtendRequest) -> StepResult:
        """Give the reserve another lifetime: the manager once, the head further (D7-10)."""
        key = f"order:{request.order_id}:extend:{request.round}"
        return run_once(self._engine, key, StepResult, lambda session: _extend(session, request), as_of=request.as_of)


def _reserve(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    if order.status != OrderStatus.CONFIRMED:
        return StepResult(orders.state_of(order))
    context = context_of(session, order)
    shipped = orders.shipped_by_line(session, order.id)
    demands = [
        Demand(line.line_no, line.sku, line.quantity - shipped.get(line.line_no, 0))
        for line in orders.lines_of(session, order)
    ]
    rows = stock.lock_stock(session, order.warehouse, (demand.sku for demand in demands))
    allotments = allot(
        [demand for demand in demands if demand.quantity > 0],
        {sku: stock.free(row) for sku, row in rows.items()},
        ship_complete=order.ship_complete,
    )
    for allotment in allotments:
        rows[allotment.sku].reserved += allotment.reserved
        _add_lines(session, order.id, order.warehouse, allotment)
    overlay = overlay_of(
        load_grants(session, order.credit_account_id), order.customer_id, today=context.today(step.as_of)
    )
    days = context.reservation_days(overlay)
    reservation = session.get(ReservationRow, order.id)
    if reservation is None:
        reservation = ReservationRow(order_id=order.id, status="active", reserved_at=step.as_of, ttl_days=days)
        session.add(reservation)
    _begin(reservation, step, days)
    session.flush()
    state = settle_reserved(session, context, reservation, as_of=step.as_of)
    quantities = [
        {"sku": each.sku, "reserved": str(each.reserved), "backordered": str(each.backordered)} for each in allotments
    ]
    record_event(session, "order", order.id, "reserved", SYSTEM, at=step.as_of, lines=quantities,
                 expires_at=reservation.expires_at.isoformat() if reservation.expires_at else None)  # fmt: skip
    if not any(allotment.reserved for allotment in allotments):
        return StepResult(state)
    notice = "order_reserved" if not any(allotment.backordered for allotment in allotments) else "order_part_reserved"
    until = reservation.expires_at
    return StepResult(state, messages=(notify_manager(session, context, key, notice, at=step.as_of, until=until),))


def _begin(reservation: ReservationRow, step: OrderStep, days: int) -> None:
    """A reserve, first or renewed, starts its lifetime anew, as long as it lasts by the terms of this day."""
    reservation.ttl_days = days
    reservation.status, reservation.round, reservation.reserved_at = "active", step.round, step.as_of
    reservation.extensions, reservation.expires_at = 0, None


def _add_lines(session: Session, order_id: UUID, warehouse: str, allotment: Allotment) -> None:
    for state, quantity in (("reserved", allotment.reserved), ("waiting", allotment.backordered)):
        if quantity > 0:
            session.add(
                ReservationLineRow(
                    order_id=order_id,
                    line_no=allotment.line_no,
                    warehouse=warehouse,
                    state=state,
                    sku=allotment.sku,
                    quantity=quantity,
                )
            )


def _release(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    if reservation is None or reservation.status != "active" or order.status not in _RELEASABLE:
        return StepResult(current)
    if current.wait is None or current.wait.until is None or current.wait.until > step.as_of:
        return StepResult(current)
    if current.wait.reason is WaitReason.PAYMENT:
        settled = settle_reserved(session, context, reservation, as_of=step.as_of)
        if settled.wait is None or settled.wait.reason is not WaitReason.PAYMENT:
            return StepResult(settled)
    reservation.status = "released"
    served = stock.release_lines(session, order.id, order.warehouse)
    record_event(session, "order", order.id, "reservation_released", SYSTEM, at=step.as_of)
    state = orders.set_state(order, waits.released(step.as_of, context.policy), at=step.as_of)
    return StepResult(state, served=tuple(map(str, served)))


_RELEASABLE = {OrderStatus.AWAITING_PAYMENT, OrderStatus.PART_RESERVED, OrderStatus.READY}


def _free(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    reservation = session.get(ReservationRow, order.id)
    state = orders.state_of(order)
    if reservation is None or reservation.status in {"released", "done"}:
        return StepResult(state)
    reservation.status = "released"
    served = stock.release_lines(session, order.id, order.warehouse)
    record_event(session, "order", order.id, "reservation_released", step.actor, at=step.as_of)
    return StepResult(state, served=tuple(map(str, served)))


def _fit(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    reservation = session.get(ReservationRow, order.id)
    if reservation is None or reservation.status not in {"active", "paid"}:
        return StepResult(orders.state_of(order))
    context = context_of(session, order)
    wanted = {line.line_no: line for line in orders.lines_of(session, order)}
    held = stock.reservation_lines(session, order.id)
    skus = {line.sku for line in held} | {line.sku for line in wanted.values()}
    rows = stock.lock_stock(session, order.warehouse, skus)
    lines = stock.fit_lines(session, order.id, order.warehouse, rows, {no: (each.sku, each.quantity) for no, each in
                                                                       wanted.items()},
                            ship_complete=order.ship_complete)  # fmt: skip
    session.flush()
    served = stock.serve_queue(session, order.warehouse, rows)
    cancel_tasks(session, at=step.as_of, order_id=order.id, kinds=["picking"])
    state = settle_reserved(session, context, reservation, as_of=step.as_of)
    if state.status is OrderStatus.READY:
        state = orders.set_state(order, waits.anew(state, step.as_of), at=step.as_of)
    record_event(session, "order", order.id, "reserve_fitted", step.actor, at=step.as_of, lines=lines)
    return StepResult(state, served=tuple(str(other) for other in served if other != order.id))


def _unpick(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    state = orders.state_of(order)
    if state.wait is None or state.wait.reason is not WaitReason.GATE:
        return StepResult(state)
    context, at = context_of(session, order), step.as_of
    picked = stock.reservation_lines(session, order.id, "picking")
    rows = stock.lock_stock(session, order.warehouse, (line.sku for line in picked))
    for line in stock.reservation_lines(session, order.id, "picking"):
        rows[line.sku].picking -= line.quantity
        rows[line.sku].reserved += line.quantity
        stock.move_quantity(session, line, "reserved")
    reservation = session.get_one(ReservationRow, order.id)
    reservation.status = "active"
    session.flush()
    cancel_tasks(session, at=at, order_id=order.id, kinds=["gate", "picking"])
    state = settle_reserved(session, context, reservation, as_of=at)
    assign(session, context, "unpick", key, Role.WAREHOUSE, due_at=context.calendar.after_working_days(at, 1), at=at)
    record_event(session, "order", order.id, "unpicked", step.actor, at=at)
    message = notify_manager(session, context, key, "unpicked", at=at)
    return StepResult(state, messages=(message,))


def _extend(session: Session, request: ExtendRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    actor, at = request.command.actor, request.as_of
    if current.wait is not None and current.wait.reason is WaitReason.LATE_PAYMENT:
        # Re-reserve (D7-9): credit first, then whatever stock there is.
        record_event(session, "order", order.id, "reserve_again", actor, at=at, reason=request.command.reason)
        cancel_tasks(session, at=at, order_id=order.id, kinds=["call_unpaid", "shipment_late"])
        return StepResult(orders.set_state(order, OrderState(OrderStatus.CHECKING), at=at))
    if reservation is None or current.wait is None or current.wait.reason is not WaitReason.PAYMENT:
        raise WrongStateError(status=order.status, command="extend")
    if reservation.extensions and actor.role is Role.MANAGER:
        raise ExtensionUsedError(extensions=reservation.extensions)
    reservation.extensions += 1
    start = reservation.expires_at or at
    state = waits.extended(current, expiry(start, reservation.ttl_days, context.calendar))
    reservation.expires_at = state.wait.until if state.wait else None
    orders.set_state(order, state, at=at)
    record_event(session, "order", order.id, "reservation_extended", actor, at=at, reason=request.command.reason,
                 expires_at=reservation.expires_at.isoformat() if reservation.expires_at else None)  # fmt: skip
    return StepResult(state)
