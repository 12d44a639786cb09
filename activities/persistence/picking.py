"""What every warehouse has of an order to pick, what it has picked, and where the order stands by it (D12-3)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, text, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from activities.persistence import orders, stock
from activities.persistence.context import OrderContext, assign
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderLineRow, OrderRow
from activities.persistence.party_tables import ContactRow
from activities.persistence.reassignment_requests import void_requests
from activities.persistence.standing import settle_reserved, withdraw_proposal
from activities.persistence.stock_tables import ProductRow, ReservationLineRow, ReservationRow
from activities.persistence.tasks import cancel_tasks, tasks_given
from domain import waits
from domain.allocation import ShelfKey
from domain.orders import Actor, OrderState, OrderStatus, Role, WaitReason
from domain.packing import in_packs
from domain.tasks import TaskKind


class Goods(NamedTuple):
    """A reservation line, with what a picking task tells of its product."""

    line: ReservationLineRow
    name: str
    unit: str
    pack_name: str | None
    pack_size: Decimal | None


@dataclass(slots=True)
class Picking:
    """What the warehouses of an order have to pick, and who was told what: read once under the lock of the order.

    Args:
        to_pick: what the task of each warehouse that holds goods of the order has to tell.
        begun: the warehouses that have begun.
        told: what the open task of each warehouse tells.
        issued: how many tasks each warehouse was given, whatever became of them.
    """

    to_pick: dict[str, dict[str, Any]]
    begun: set[str]
    told: dict[str, dict[str, Any]]
    issued: Counter[str]

    def begin(self, warehouses: Collection[str]) -> None:
        """These warehouses have picked all that they held."""
        self.begun.update(warehouses)
        self.to_pick = {place: details for place, details in self.to_pick.items() if place not in warehouses}


def goods_of(session: Session, order: OrderRow) -> list[Goods]:
    """What an order holds or awaits, line by line; whoever moves it reads it under the lock of its shelves."""
    mine = and_(
        col(OrderLineRow.order_id) == ReservationLineRow.order_id,
        col(OrderLineRow.line_no) == ReservationLineRow.line_no,
        col(OrderLineRow.revision) == order.revision,
    )
    query = (
        select_columns(
            ReservationLineRow,
            col(OrderLineRow.name),
            col(OrderLineRow.unit),
            col(ProductRow.pack_name),
            col(ProductRow.pack_size),
        )
        .join(OrderLineRow, mine)
        .join(ProductRow, col(ProductRow.sku) == ReservationLineRow.sku)
        .where(col(ReservationLineRow.order_id) == order.id, col(ReservationLineRow.state).in_(stock.OPEN))
        .order_by(col(ReservationLineRow.line_no), col(ReservationLineRow.warehouse))
    )
    return [Goods(*row) for row in session.execute(query.execution_options(populate_existing=True))]


def picking_of(session: Session, context: OrderContext, goods: Iterable[Goods]) -> Picking:
    """Who has to pick what of an order's goods, and who was told so."""
    held: dict[str, list[Goods]] = defaultdict(list)
    begun = set()
    for each in goods:
        if each.line.state == "reserved":
            held[each.line.warehouse].append(each)
        elif each.line.state == "picking":
            begun.add(each.line.warehouse)
    given = tasks_given(session, context.order.id, TaskKind.PICKING)
    return Picking(
        to_pick=_to_pick(session, context, held) if held else {},
        begun=begun,
        told={details["warehouse"]: details for state, details in given if state == "open"},
        issued=Counter(details.get("warehouse", "") for _, details in given),
    )


def by_warehouse(lines: Iterable[ReservationLineRow]) -> dict[str, list[ReservationLineRow]]:
    """Reservation lines by the warehouse they lie in, in the order of its name."""
    found: dict[str, list[ReservationLineRow]] = defaultdict(list)
    for line in lines:
        found[line.warehouse].append(line)
    return {warehouse: found[warehouse] for warehouse in sorted(found)}


def call_for_picking(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> None:
    """Give each warehouse that holds goods of the order its task: what, how much, where to, in which packs, and whom to
    ask; a warehouse that has one already gets no second, one whose task is not true any more a new one (D12-3)."""
    _call(session, context, picking_of(session, context, goods_of(session, context.order)), key, actor, at=at)


def _call(session: Session, context: OrderContext, picking: Picking, key: str, actor: Actor, *, at: datetime) -> None:
    _withdraw_stale(session, context, picking, at=at)
    for warehouse in picking.to_pick:
        if warehouse not in picking.told:
            _issue(session, context, picking, warehouse, key=key, actor=actor, at=at)


def renew_picking(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> None:
    """See `renew_tasks`. No shelf is locked for it: whoever moves these lines afterwards has the order looked at
    again."""
    renew_tasks(session, context, picking_of(session, context, goods_of(session, context.order)), key, actor, at=at)


def renew_tasks(
    session: Session, context: OrderContext, picking: Picking, key: str, actor: Actor, *, at: datetime
) -> None:
    """Withdraw the open tasks of warehouses that have not begun and that tell something else than is true now, and
    issue them anew where goods are left; no warehouse without a task gets one (D7-15, D12-3)."""
    for warehouse in _withdraw_stale(session, context, picking, at=at):
        if warehouse in picking.to_pick:
            _issue(session, context, picking, warehouse, key=key, actor=actor, at=at)


def _withdraw_stale(session: Session, context: OrderContext, picking: Picking, *, at: datetime) -> list[str]:
    """Withdraw the open tasks of warehouses that have not begun and that tell something else than is true now; whose
    they were."""
    stale = [
        warehouse
        for warehouse, told in picking.told.items()
        if warehouse not in picking.begun and told != picking.to_pick.get(warehouse)
    ]
    for warehouse in stale:
        about = {"warehouse": warehouse}
        cancel_tasks(session, at=at, order_id=context.order.id, kinds=[TaskKind.PICKING], about=about)
        del picking.told[warehouse]
    return stale


def _issue(
    session: Session, context: OrderContext, picking: Picking, warehouse: str, *, key: str, actor: Actor, at: datetime
) -> None:
    """Open the task of one warehouse that has none; its key counts the issues, a task withdrawn stays withdrawn."""
    details = picking.to_pick[warehouse]
    picking.told[warehouse] = details
    picking.issued[warehouse] += 1
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.PICKING, f"{key}:{warehouse}:{picking.issued[warehouse]}", Role.WAREHOUSE,
           due_at=due_at, at=at, details=details, warehouse=warehouse)  # fmt: skip
    record_event(session, "order", context.order.id, "picking_called", actor, at=at, warehouse=warehouse,
                 lines=details["lines"])  # fmt: skip


def _to_pick(session: Session, context: OrderContext, held: dict[str, list[Goods]]) -> dict[str, dict[str, Any]]:
    """What the picking task of each warehouse has to tell, in the order of their names."""
    where_to = _where_to(session, context)
    return {
        warehouse: {
            "warehouse": warehouse,
            "customer": context.customer.name,
            "lines": [_told(each) for each in held[warehouse]],
            **where_to,
        }
        for warehouse in sorted(held)
    }


def _told(goods: Goods) -> dict[str, Any]:
    quantity = goods.line.quantity
    packs = in_packs(quantity, goods.pack_name, goods.pack_size)
    counted = packs and {
        "name": packs.name,
        "size": str(packs.size),
        "whole": packs.whole,
        "loose": str(packs.loose),
    }
    return {"sku": goods.line.sku, "name": goods.name, "unit": goods.unit, "quantity": str(quantity), "packs": counted}


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
    query = select(ContactRow.name, ContactRow.phone).where(
        ContactRow.customer_id == order.customer_id, col(ContactRow.phone).is_not(None)
    )
    found = session.exec(query.order_by(col(ContactRow.id)).limit(1)).first()
    return None if found is None else {"name": found[0], "phone": found[1]}


_ASKED = text("""
    SELECT EXISTS (SELECT FROM approval WHERE order_id = :order AND state = 'open')
           OR EXISTS (SELECT FROM order_revision WHERE order_id = :order AND state = 'proposed') AS revision,
           EXISTS (SELECT FROM task WHERE order_id = :order AND kind = 'shipment_late' AND state = 'open') AS delay,
           EXISTS (SELECT FROM reassignment
                    WHERE (from_order_id = :order OR to_order_id = :order) AND state = 'requested') AS goods
""")


def end_questions(session: Session, order_id: UUID, *, at: datetime, waits_for: Collection[ShelfKey]) -> None:
    """Goods are picked: nobody is asked any more about another revision (D6-7), why nothing leaves (D6-13), or for
    goods, except for those that the order still waits for (D8-4). Most orders have no such question."""
    asked = session.execute(_ASKED, {"order": order_id}).one()
    if asked.revision:
        withdraw_proposal(session, order_id, at=at)
    if asked.delay:
        cancel_tasks(session, at=at, order_id=order_id, kinds=[TaskKind.SHIPMENT_LATE])
    if asked.goods:
        void_requests(session, order_id, at=at, waits_for=waits_for)


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
    return stock.lock_shelves_of(session, order_id, "picking", warehouse=warehouse)


def _picked(session: Session, order_id: UUID, warehouse: str | None) -> list[ReservationLineRow]:
    lines = stock.reservation_lines(session, order_id, "picking")
    return [line for line in lines if warehouse in {None, line.warehouse}]


def settle_goods(session: Session, context: OrderContext, key: str, actor: Actor, *, at: datetime) -> OrderState:
    """Where an order that still holds or awaits goods stands: while one warehouse has picked, the order is picking and
    the others have their tasks; without that, by what is reserved and paid."""
    picking = picking_of(session, context, goods_of(session, context.order))
    if picking.begun:
        return go_on_picking(session, context, picking, key, actor, at=at)
    _withdraw_stale(session, context, picking, at=at)
    return settle_reserved(session, context, session.get_one(ReservationRow, context.order.id), as_of=at)


def go_on_picking(
    session: Session, context: OrderContext, picking: Picking, key: str, actor: Actor, *, at: datetime
) -> OrderState:
    """One warehouse has picked: the reserve has no end any more, and the other warehouses have their tasks."""
    order = context.order
    reservation = update(ReservationRow).where(col(ReservationRow.order_id) == order.id)
    session.execute(reservation.values(status="picking", expires_at=None))
    _call(session, context, picking, f"{key}:picking", actor, at=at)
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
