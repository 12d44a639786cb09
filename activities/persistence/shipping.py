"""Goods that leave one warehouse: written off, a little more than was picked or less, and what becomes of the rest
(D7-14, D12-4, D12-5)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import Session, col

from activities.persistence import orders, stock
from activities.persistence.allocations import Cause, Loss, loss_of
from activities.persistence.context import OrderContext, assign, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.picking import by_warehouse, lock_picked, quantities
from activities.persistence.queueing import serve_queue
from activities.persistence.stock_tables import (
    ReservationLineRow,
    ReservationRow,
    ShipmentLineRow,
    ShipmentRow,
    StockMovementRow,
)
from activities.persistence.tasks import cancel_tasks
from domain.errors import ShipCompleteError, ShipQuantityError, WrongStateError
from domain.fulfilment import is_whole, is_worth_telling, most_to_ship
from domain.money import ZERO
from domain.orders import OrderState, OrderStatus, Role, ShipRequest, StepResult
from domain.pricing import price_line
from domain.stock_errors import NothingPickedError, OverDeliveryNotFreeError, WarehouseNeededError
from domain.tasks import TaskKind

Shipped = Mapping[int, Decimal]
"""Quantities by line number."""


def ship(session: Session, request: ShipRequest, key: str) -> StepResult:
    """See `FulfilmentActivities.ship_order`."""
    order = orders.lock_order(session, request.order_id)
    if order.status != OrderStatus.PICKING:
        raise WrongStateError(status=order.status, command="ship")
    context, actor, at = context_of(session, order), request.command.actor, request.as_of
    shelves = lock_picked(session, order.id, request.command.warehouse)
    lines = stock.reservation_lines(session, order.id, *stock.OPEN)
    picked = _picked(lines, request.command.warehouse)
    more_to_come = len(picked) < len(lines)
    shipped = _quantities(context, request, picked, lines)
    if order.ship_complete and not is_whole(shipped, quantities(picked)):
        raise ShipCompleteError
    short = _short(picked, shipped)
    over_picked = _take_over(shelves, picked, shipped)
    shipment = _shipment(session, context, request, picked[0].warehouse)
    losses = _write_off(session, shelves, shipment, picked, shipped)
    served = serve_queue(session, shelves, Cause.SHIPMENT, order.id, at=at, losses=losses)
    over = [TaskKind.SHIPMENT_LATE]
    if more_to_come:
        here = {"warehouse": shipment.warehouse}
        cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.PICKING], about=here)
    else:
        session.execute(update(ReservationRow).where(col(ReservationRow.order_id) == order.id).values(status="done"))
        over += [TaskKind.PICKING, TaskKind.STOCK_LATE]
    cancel_tasks(session, at=at, order_id=order.id, kinds=over)
    state = orders.set_state(order, OrderState(OrderStatus.SHIPPED), at=at)
    gone = [{"line_no": number, "quantity": str(quantity)} for number, quantity in shipped.items()]
    record_event(session, "order", order.id, "shipped", actor, at=at, shipment=shipment.number,
                 warehouse=shipment.warehouse, lines=gone)  # fmt: skip
    _tell_short(session, context, request, short)
    messages = _tell_over(session, context, request, key, shipped) if over_picked else ()
    return StepResult(state, messages, served=tuple(str(other) for other in served if other != order.id))


def _picked(lines: list[ReservationLineRow], warehouse: str | None) -> list[ReservationLineRow]:
    """What stands picked in the named warehouse, or in the only one.

    Raises:
        WarehouseNeededError, NothingPickedError
    """
    there = by_warehouse(line for line in lines if line.state == "picking")
    if warehouse is None and len(there) > 1:
        raise WarehouseNeededError(warehouses=", ".join(there))
    found = next(iter(there.values()), []) if warehouse is None else there.get(warehouse, [])
    if not found:
        raise NothingPickedError(warehouse=warehouse or "")
    return found


def _quantities(
    context: OrderContext, request: ShipRequest, picked: list[ReservationLineRow], lines: list[ReservationLineRow]
) -> dict[int, Decimal]:
    """What is shipped by line number: all that was picked, or what the warehouse named.

    Raises:
        ShipQuantityError: a SKU was not picked, or too little of it for what is named (D12-5).
    """
    if not request.command.lines:
        return quantities(picked)
    by_sku = {line.sku: line for line in picked}
    to_come: dict[int, Decimal] = {}
    for line in lines:
        if line.state != "picking":
            to_come[line.line_no] = to_come.get(line.line_no, ZERO) + line.quantity
    shipped: dict[int, Decimal] = {}
    for wanted in request.command.lines:
        mine = by_sku.get(wanted.sku)
        if mine is None or mine.line_no in shipped:
            raise ShipQuantityError(sku=wanted.sku, picked=str(mine.quantity) if mine else "0")
        most = most_to_ship(mine.quantity, to_come.get(mine.line_no, ZERO), context.policy.over_delivery_percent)
        if wanted.quantity > most:
            raise ShipQuantityError(sku=wanted.sku, picked=str(mine.quantity))
        shipped[mine.line_no] = wanted.quantity
    return shipped


def _take_over(shelves: stock.Shelves, picked: list[ReservationLineRow], shipped: Shipped) -> bool:
    """Take what leaves beyond the order from what is free, never from what others were promised (D12-5); whether
    anything was taken.

    Raises:
        OverDeliveryNotFreeError
    """
    taken = False
    for line in picked:
        over, row = shipped.get(line.line_no, ZERO) - line.quantity, shelves[line.warehouse, line.sku]
        if over <= 0:
            continue
        if over > stock.free(row):
            raise OverDeliveryNotFreeError(sku=line.sku, picked=str(line.quantity), free=str(stock.free(row)))
        row.picking += over
        line.quantity += over
        taken = True
    return taken


def _shipment(session: Session, context: OrderContext, request: ShipRequest, warehouse: str) -> ShipmentRow:
    shipment = ShipmentRow(
        number=f"РН-{next_number(session, 'shipment'):06d}",
        order_id=context.order.id,
        round=request.round,
        warehouse=warehouse,
        shipped_at=request.as_of,
        shipped_on=context.today(request.as_of),
        shipped_by=UUID(request.command.actor.id),
    )
    session.add(shipment)
    session.flush()
    return shipment


def _write_off(
    session: Session, shelves: stock.Shelves, shipment: ShipmentRow, picked: list[ReservationLineRow], shipped: Shipped
) -> list[Loss]:
    """Take the shipped goods off the shelves; what was picked beyond them is closed short, and lost to the order
    (D7-14)."""
    losses = []
    for line in picked:
        number, sku, quantity = line.line_no, line.sku, shipped.get(line.line_no, ZERO)
        if quantity < line.quantity:
            losses.append(loss_of(line, "D7-14", line.quantity - quantity))
            stock.move_quantity(session, shelves, line, "closed", line.quantity - quantity)
        if quantity:
            stock.move_quantity(session, shelves, line, "shipped", quantity)
            shelves[shipment.warehouse, sku].on_hand -= quantity
            session.add(ShipmentLineRow(shipment_id=shipment.id, line_no=number, sku=sku, quantity=quantity))
            session.add(_movement(shipment, number, sku, quantity, shipment.shipped_at))
    return losses


def _movement(shipment: ShipmentRow, line_no: int, sku: str, quantity: Decimal, at: datetime) -> StockMovementRow:
    key = f"ship:{shipment.id}:{line_no}"
    return StockMovementRow(key=key, warehouse=shipment.warehouse, sku=sku, kind="shipment", quantity=-quantity, at=at)


def _short(picked: list[ReservationLineRow], shipped: Shipped) -> list[dict[str, str]]:
    """The lines of which less leaves than was picked, as people are told."""
    return [
        {"sku": line.sku, "picked": str(line.quantity), "shipped": str(shipped.get(line.line_no, 0))}
        for line in picked
        if shipped.get(line.line_no, ZERO) < line.quantity
    ]


def _tell_short(session: Session, context: OrderContext, request: ShipRequest, lines: list[dict[str, str]]) -> None:
    """Less left than was picked: the rest is free again (D7-14), and the manager talks to the customer."""
    if not lines:
        return
    at = request.as_of
    record_event(session, "order", context.order.id, "shipped_short", request.command.actor, at=at, lines=lines)
    key = f"order:{request.order_id}:short:{request.round}"
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "short_shipped", key, Role.MANAGER, due_at=due_at, at=at, details={"lines": lines})


_BEYOND = text("""
    SELECT line.line_no, line.sku, line.quantity, line.price, line.vat_rate, line.gross, sum(gone.quantity) AS delivered
      FROM order_line line JOIN shipment USING (order_id)
      JOIN shipment_line gone ON gone.shipment_id = shipment.id AND gone.line_no = line.line_no
     WHERE line.order_id = :order AND line.revision = :revision
     GROUP BY line.order_id, line.revision, line.line_no HAVING sum(gone.quantity) > line.quantity ORDER BY line.line_no
""")
"""The lines of an order of which more has left than was ordered."""


def _tell_over(
    session: Session, context: OrderContext, request: ShipRequest, key: str, shipped: Shipped
) -> tuple[str, ...]:
    """More left than was ordered: the invoice says what really left, and the manager hears of a sum that is off by more
    than the policy allows, 1 % by default (D12-5).

    Asked only where more left than was picked: what is reserved is never more than was ordered.
    """
    order, at = context.order, request.as_of
    beyond = session.execute(_BEYOND, {"order": order.id, "revision": order.revision})
    lines = [line for line in beyond if line.line_no in shipped]
    if not lines:
        return ()
    excess = sum((price_line(line.delivered, line.price, line.vat_rate).gross - line.gross for line in lines), ZERO)
    told = [{"sku": line.sku, "ordered": str(line.quantity), "shipped": str(line.delivered)} for line in lines]
    record_event(session, "order", order.id, "over_delivered", request.command.actor, at=at, lines=told,
                 excess=str(excess), currency=order.currency)  # fmt: skip
    if not is_worth_telling(order.gross, excess, context.policy.over_delivery_notice_percent):
        return ()
    return (notify_manager(session, context, key, "over_delivered", at=at, excess=excess),)
