"""What every warehouse has of an order to pick, what it has picked, and where the order stands by it (D12-3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import orders, stock
from activities.persistence.context import OrderContext, assign
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderLineRow
from activities.persistence.party_tables import ContactRow
from activities.persistence.standing import settle_reserved
from activities.persistence.stock_tables import ProductRow, ReservationLineRow, ReservationRow
from activities.persistence.tasks import cancel_tasks, has_open_task, times_opened, told_by_open_tasks
from domain import waits
from domain.orders import Actor, OrderState, OrderStatus, Role, WaitReason
from domain.packing import in_packs
from domain.tasks import TaskKind

ToPick: TypeAlias = Mapping[str, dict[str, Any]]
"""What the picking task of each warehouse has to tell."""


def by_warehouse(lines: Iterable[ReservationLineRow]) -> dict[str, list[ReservationLineRow]]:
    """Reservation lines by the warehouse they lie in, in the order of its name."""
    found: dict[str, list[ReservationLineRow]] = defaultdict(list)
    for line in lines:
        found[line.warehouse].append(line)
    return {warehouse: found[warehouse] for warehouse in sorted(found)}


def call_for_picking(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> None:
    """Give each warehouse that holds goods of the order its task: what, how much, where to, in which packs, and whom to
    ask; a warehouse that has one already gets no second, one whose task is not true any more a new one (D12-3)."""
    to_pick = _to_pick(session, context)
    _withdraw_stale(session, context, to_pick, at=at)
    for details in to_pick.values():
        _issue(session, context, key, details, actor, at=at)


def renew_picking(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> None:
    """Withdraw the open tasks of warehouses that have not begun and that tell something else than is true now, and
    issue them anew where goods are left; no warehouse without a task gets one (D7-15, D12-3).

    No shelf is locked for it: whoever moves these lines afterwards has the order looked at again.
    """
    to_pick = _to_pick(session, context)
    for warehouse in _withdraw_stale(session, context, to_pick, at=at):
        if warehouse in to_pick:
            _issue(session, context, key, to_pick[warehouse], actor, at=at)


def _withdraw_stale(session: Session, context: OrderContext, to_pick: ToPick, *, at: datetime) -> list[str]:
    """Withdraw the open tasks of warehouses that have not begun and that tell something else than is true now; whose
    they were."""
    order = context.order
    begun = {line.warehouse for line in stock.reservation_lines(session, order.id, "picking")}
    withdrawn = []
    for told in told_by_open_tasks(session, order.id, TaskKind.PICKING):
        warehouse = told["warehouse"]
        if warehouse in begun or told == to_pick.get(warehouse):
            continue
        cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.PICKING], about={"warehouse": warehouse})
        withdrawn.append(warehouse)
    return withdrawn


def _to_pick(session: Session, context: OrderContext) -> ToPick:
    """What the picking task of each warehouse that holds goods of the order has to tell."""
    order = context.order
    reserved = by_warehouse(stock.reservation_lines(session, order.id, "reserved"))
    if not reserved:
        return {}
    ordered = {line.line_no: line for line in orders.lines_of(session, order)}
    products = _products(session, {line.sku for lines in reserved.values() for line in lines})
    where_to = _where_to(session, context)
    return {
        warehouse: {
            "warehouse": warehouse,
            "customer": context.customer.name,
            "lines": [_told(line, ordered[line.line_no], products[line.sku]) for line in lines],
            **where_to,
        }
        for warehouse, lines in reserved.items()
    }


def _issue(
    session: Session, context: OrderContext, key: str, details: dict[str, Any], actor: Actor, *, at: datetime
) -> None:
    """Open the task of one warehouse that has none; its key counts the issues, a task withdrawn stays withdrawn."""
    order, warehouse = context.order, details["warehouse"]
    about = {"warehouse": warehouse}
    if has_open_task(session, order.id, TaskKind.PICKING, about=about):
        return
    issue = times_opened(session, order.id, TaskKind.PICKING, about=about) + 1
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.PICKING, f"{key}:{warehouse}:{issue}", Role.WAREHOUSE, due_at=due_at, at=at,
           details=details, warehouse=warehouse)  # fmt: skip
    record_event(session, "order", order.id, "picking_called", actor, at=at, warehouse=warehouse,
                 lines=details["lines"])  # fmt: skip


def _products(session: Session, skus: set[str]) -> Mapping[str, ProductRow]:
    return {row.sku: row for row in session.exec(select(ProductRow).where(col(ProductRow.sku).in_(skus)))}


def _told(line: ReservationLineRow, ordered: OrderLineRow, product: ProductRow) -> dict[str, Any]:
    packs = in_packs(line.quantity, product.pack_name, product.pack_size)
    counted = packs and {
        "name": packs.name,
        "size": str(packs.size),
        "whole": packs.whole,
        "loose": str(packs.loose),
    }
    return {"sku": line.sku, "name": ordered.name, "unit": ordered.unit, "quantity": str(line.quantity),
            "packs": counted}  # fmt: skip


def _where_to(session: Session, context: OrderContext) -> dict[str, Any]:
    """Where the goods go, whom to ask, when, and what the customer said about it."""
    order = context.order
    return {
        "delivery": order.delivery_address,
        "pickup": order.delivery_address is None,
        "contact": _contact(session, context),
        "comment": order.comment,
        "ship_on": order.ship_on.isoformat() if order.ship_on else None,
    }


def _contact(session: Session, context: OrderContext) -> dict[str, str | None] | None:
    """The order's contact, or the first of the customer's who has a telephone."""
    order = context.order
    if order.contact_name or order.contact_phone:
        return {"name": order.contact_name, "phone": order.contact_phone}
    query = select(ContactRow).where(ContactRow.customer_id == order.customer_id, col(ContactRow.phone).is_not(None))
    found = session.exec(query.order_by(col(ContactRow.id)).limit(1)).first()
    return None if found is None else {"name": found.name, "phone": found.phone}


def put_back(
    session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime, warehouse: str | None = None,
    **told: Any,
) -> OrderState:  # fmt: skip
    """Make picked goods a reserve again, those of one warehouse or of all, and have them put on their places (D12-2).

    The picking task is issued anew: here while another warehouse still picks, otherwise when the order is ready again.
    """
    order = context.order
    shelves = lock_picked(session, order.id, warehouse)
    due_at = context.calendar.after_working_days(at, 1)
    for place, lines in by_warehouse(_picked(session, order.id, warehouse)).items():
        lines_told = [{"sku": line.sku, "quantity": str(line.quantity)} for line in lines]
        for line in lines:
            stock.move_quantity(session, shelves, line, "reserved")
        cancel_tasks(session, at=at, order_id=order.id, kinds=[TaskKind.PICKING], about={"warehouse": place})
        assign(session, context, TaskKind.UNPICK, f"{key}:{place}", Role.WAREHOUSE, due_at=due_at, at=at,
               details={"warehouse": place, "lines": lines_told}, warehouse=place)  # fmt: skip
        record_event(session, "order", order.id, "unpicked", actor, at=at, warehouse=place, lines=lines_told, **told)
    session.flush()
    return settle_goods(session, context, key, actor, at=at)


def lock_picked(session: Session, order_id: UUID, warehouse: str | None) -> stock.Shelves:
    """The shelves of what an order has picked in one warehouse, or in all, locked before its lines are read."""
    keys = stock.order_shelves(session, order_id, "picking")
    return stock.lock_shelves(session, (shelf for shelf in keys if warehouse in {None, shelf[0]}))


def _picked(session: Session, order_id: UUID, warehouse: str | None) -> list[ReservationLineRow]:
    lines = stock.reservation_lines(session, order_id, "picking")
    return [line for line in lines if warehouse in {None, line.warehouse}]


def settle_goods(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> OrderState:
    """Where an order that still holds or awaits goods stands: while one warehouse has picked, the order is picking and
    the others have their tasks; without that, by what is reserved and paid."""
    order = context.order
    reservation = session.get_one(ReservationRow, order.id)
    if not stock.reservation_lines(session, order.id, "picking"):
        _withdraw_stale(session, context, _to_pick(session, context), at=at)
        return settle_reserved(session, context, reservation, as_of=at)
    reservation.status, reservation.expires_at = "picking", None
    call_for_picking(session, context, f"{key}:picking", actor, at=at)
    current = orders.state_of(order)
    if current.status is OrderStatus.PICKING:
        return current
    return orders.set_state(order, waits.picking(at, context.policy, context.calendar), at=at)


def may_pick(order_state: OrderState, *, ship_complete: bool) -> bool:
    """A reserved order may be picked unless it still waits for money; so may what another warehouse holds of an order
    that is being picked."""
    wait = order_state.wait
    if wait is None:
        return False
    partly = order_state.status is OrderStatus.PART_RESERVED and wait.reason is WaitReason.STOCK
    return (partly and not ship_complete) or wait.reason in {WaitReason.PICKING, WaitReason.SHIPMENT}


def quantities(lines: Sequence[ReservationLineRow]) -> dict[int, Decimal]:
    """Quantities by line number, of lines of one warehouse in one state."""
    return {line.line_no: line.quantity for line in lines}
