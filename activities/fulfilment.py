"""Warehouse steps of an order: picking makes the reserve hard, shipping writes the goods off."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders, stock
from activities.persistence.allocations import Cause, loss_of
from activities.persistence.context import OrderContext, assign, context_of
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.queueing import serve_queue
from activities.persistence.standing import withdraw_proposal
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import (
    ReservationLineRow,
    ReservationRow,
    ShipmentLineRow,
    ShipmentRow,
    StockMovementRow,
)
from activities.persistence.tables import OrderRow
from activities.persistence.tasks import cancel_tasks, has_open_task
from domain import waits
from domain.errors import ShipCompleteError, ShipQuantityError, WrongStateError
from domain.orders import OrderState, OrderStatus, OrderStep, Role, ShipRequest, StepResult, WaitReason
from domain.stock_errors import GoodsGoneError
from domain.tasks import TaskKind

PICKABLE = {OrderStatus.READY, OrderStatus.PART_RESERVED}


class FulfilmentActivities:
    """Each locks the order, then its stock rows (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def call_for_picking(self, step: OrderStep) -> StepResult:
        """Give the warehouse its picking task: what, how much, where, and whom to ask (D12-3); created once."""
        key = f"order:{step.order_id}:picking-task:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _call_for_picking(s, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def start_picking(self, step: OrderStep) -> StepResult:
        """Turn the reserve into a hard allocation; its lifetime stops (D7-16)."""
        key = f"order:{step.order_id}:pick:{step.round}"
        return run_once(self._engine, key, StepResult, lambda s: _start_picking(s, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def ship_order(self, request: ShipRequest) -> StepResult:
        """Write the shipped goods off; what was picked but not shipped goes back to free stock (D7-14)."""
        key = f"order:{request.order_id}:ship:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _ship(s, request), as_of=request.as_of)


def _call_for_picking(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    state = orders.state_of(order)
    if order.status not in PICKABLE:
        return StepResult(state)
    if has_open_task(session, order.id, TaskKind.PICKING):
        return StepResult(state)
    context = context_of(session, order)
    names = {line.line_no: line for line in orders.lines_of(session, order)}
    reserved = stock.reservation_lines(session, order.id, "reserved")
    lines = [
        {"sku": line.sku, "name": names[line.line_no].name, "unit": names[line.line_no].unit,
         "quantity": str(line.quantity)}
        for line in reserved
    ]  # fmt: skip
    assign(
        session,
        context,
        "picking",
        key,
        Role.WAREHOUSE,
        due_at=context.calendar.after_working_days(step.as_of, 1),
        at=step.as_of,
        details={"warehouse": order.warehouse, "customer": context.customer.name, "lines": lines},
    )
    record_event(session, "order", order.id, "picking_called", step.actor, at=step.as_of, lines=lines)
    return StepResult(state)


def _start_picking(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    if order.status not in PICKABLE or not _may_pick(order):
        raise WrongStateError(status=order.status, command="start-picking")
    shelves = stock.lock_shelves(session, stock.order_shelves(session, order.id, "waiting", "reserved"))
    _check_still_there(session, order)
    for line in stock.reservation_lines(session, order.id, "reserved"):
        stock.move_quantity(session, shelves, line, "picking")
    withdraw_proposal(session, order.id, at=step.as_of)
    reservation = session.get_one(ReservationRow, order.id)
    reservation.status, reservation.expires_at = "picking", None
    context = context_of(session, order)
    state = orders.set_state(order, waits.picking(step.as_of, context.policy, context.calendar), at=step.as_of)
    record_event(session, "order", order.id, "picking_started", step.actor, at=step.as_of)
    return StepResult(state)


def _check_still_there(session: Session, order: OrderRow) -> None:
    """A count or another order may have taken goods of which this order has not heard yet (D7-15, D8-4).

    Raises:
        GoodsGoneError
    """
    there = {line.state for line in stock.reservation_lines(session, order.id)}
    if "reserved" not in there or (order.ship_complete and "waiting" in there):
        raise GoodsGoneError


def _may_pick(order: OrderRow) -> bool:
    """A part-reserved order may be picked unless it still waits for money."""
    wait = orders.state_of(order).wait
    partly = wait is not None and wait.reason is WaitReason.STOCK and not order.ship_complete
    return partly or (wait is not None and wait.reason is WaitReason.PICKING)


def _ship(session: Session, request: ShipRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    if order.status != OrderStatus.PICKING:
        raise WrongStateError(status=order.status, command="ship")
    context = context_of(session, order)
    picked = stock.reservation_lines(session, order.id, "picking")
    shipped = _quantities(request, picked)
    if order.ship_complete and shipped != {line.line_no: line.quantity for line in picked}:
        raise ShipCompleteError
    picked_before = [(line.line_no, line.sku, line.quantity) for line in picked]
    shelves = stock.lock_shelves(session, stock.shelves_of(picked))
    actor, at = request.command.actor, request.as_of
    shipment = ShipmentRow(
        number=f"РН-{next_number(session, 'shipment'):06d}",
        order_id=order.id,
        round=request.round,
        warehouse=order.warehouse,
        shipped_at=at,
        shipped_on=context.today(at),
        shipped_by=UUID(actor.id),
    )
    session.add(shipment)
    session.flush()
    losses = []
    for line in picked:
        quantity, row = shipped.get(line.line_no, Decimal(0)), shelves[line.warehouse, line.sku]
        if quantity < line.quantity:
            losses.append(loss_of(line, "D7-14", line.quantity - quantity))
            stock.move_quantity(session, shelves, line, None, line.quantity - quantity)
        if quantity:
            _write_off(session, shipment, line, quantity)
            stock.move_quantity(session, shelves, line, "shipped", quantity)
            row.on_hand -= quantity
    served = serve_queue(session, shelves, Cause.SHIPMENT, order.id, at=at, losses=losses)
    if not any(line.state in {"waiting", "reserved"} for line in stock.reservation_lines(session, order.id)):
        session.get_one(ReservationRow, order.id).status = "done"
    cancel_tasks(session, at=at, order_id=order.id, kinds=["picking"])
    short = [line for line in picked_before if shipped.get(line[0], Decimal(0)) < line[2]]
    if short:
        _tell_short(session, context, request, short, shipped)
    state = orders.set_state(order, OrderState(OrderStatus.SHIPPED), at=at)
    lines = [{"line_no": no, "quantity": str(quantity)} for no, quantity in shipped.items()]
    record_event(session, "order", order.id, "shipped", actor, at=at, shipment=shipment.number, lines=lines)
    return StepResult(state, served=tuple(str(other) for other in served if other != order.id))


def _tell_short(
    session: Session,
    context: OrderContext,
    request: ShipRequest,
    short: list[tuple[int, str, Decimal]],
    shipped: dict[int, Decimal],
) -> None:
    """Less left than was picked: the rest is free again (D7-14), and the manager talks to the customer."""
    at = request.as_of
    lines = [
        {"sku": sku, "picked": str(quantity), "shipped": str(shipped.get(number, 0))} for number, sku, quantity in short
    ]
    record_event(session, "order", context.order.id, "shipped_short", request.command.actor, at=at, lines=lines)
    key = f"order:{request.order_id}:short:{request.round}"
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "short_shipped", key, Role.MANAGER, due_at=due_at, at=at, details={"lines": lines})


def _write_off(session: Session, shipment: ShipmentRow, line: ReservationLineRow, quantity: Decimal) -> None:
    session.add(ShipmentLineRow(shipment_id=shipment.id, line_no=line.line_no, sku=line.sku, quantity=quantity))
    session.add(
        StockMovementRow(
            key=f"ship:{shipment.id}:{line.line_no}",
            warehouse=line.warehouse,
            sku=line.sku,
            kind="shipment",
            quantity=-quantity,
            at=shipment.shipped_at,
        )
    )


def _quantities(request: ShipRequest, picked: list[ReservationLineRow]) -> dict[int, Decimal]:
    """What is shipped by line number: all that was picked, or what the warehouse named.

    Raises:
        ShipQuantityError: a SKU was not picked, or less of it than is named; or nothing is shipped.
    """
    if not request.command.lines:
        return {line.line_no: line.quantity for line in picked}
    by_sku = {line.sku: line for line in picked}
    shipped: dict[int, Decimal] = {}
    for wanted in request.command.lines:
        line = by_sku.get(wanted.sku)
        if line is None or wanted.quantity > line.quantity or line.line_no in shipped:
            raise ShipQuantityError(sku=wanted.sku, picked=str(line.quantity) if line else "0")
        shipped[line.line_no] = wanted.quantity
    return shipped
