"""Stock-takes: what is on hand becomes what was counted, in one transaction over all lines (D7-15).

Only the shelves are locked, as in a step of the queue: whoever holds a shelf may move the reserves on it. The orders
whose goods are gone hear of it when their workflows look again.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from activities.persistence import orders
from activities.persistence.allocations import Cause, Loss
from activities.persistence.calendars import load_calendar
from activities.persistence.context import assign, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.queueing import serve_queue
from activities.persistence.receipts import check_products, record_movement
from activities.persistence.stock import Shelves, gather_what_is_left, lock_shelves, move_quantity
from activities.persistence.stock_tables import ReservationLineRow
from activities.persistence.tasks import open_task
from domain.allocation import ShelfKey
from domain.orders import Actor, Role
from domain.shortfall import Holder, cuts, shortfall
from domain.tasks import TaskKind
from domain.wording import task_subject

SUBJECT = "stock_count"
"""What the journal calls a count."""


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted at one warehouse, by SKU; `key` names it once and for all, `kind` is that of its movements."""

    key: str
    warehouse: str
    on_hand: Mapping[str, Decimal]
    reason: str
    kind: str = "count"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a count changed: on hand before by SKU, who lost goods and who got some; both are to be told."""

    before: dict[str, Decimal]
    losses: tuple[Loss, ...]
    served: tuple[UUID, ...]

    @property
    def losers(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(loss.order_id for loss in self.losses))


def count_stock(session: Session, count: Count, actor: Actor, *, at: datetime) -> Counted:
    """Set what is on hand; too little for what was promised takes goods back from orders, more serves the queue.

    Raises:
        ProductNotFoundError: a SKU is not in the catalogue.
        CountBelowPickingError: fewer than are being picked; nothing is written.
    """
    check_products(session, count.on_hand)
    shelves = lock_shelves(session, ((count.warehouse, sku) for sku in count.on_hand), held=True)
    before, losses = {}, []
    for sku, figure in sorted(count.on_hand.items()):
        shelf = count.warehouse, sku
        row = shelves[shelf]
        before[sku] = row.on_hand
        missing = shortfall(sku, figure, reserved=row.reserved, picking=row.picking)
        losses += _take_back(session, shelves, shelf, missing, at=at)
        if figure != row.on_hand:
            key = f"{count.key}:{count.warehouse}:{sku}"
            record_movement(session, shelf, figure - row.on_hand, key=key, kind=count.kind, at=at)
            row.on_hand = figure
    for loser in dict.fromkeys(loss.order_id for loss in losses):
        if session.get_one(OrderRow, loser).ship_complete:
            gather_what_is_left(session, loser, at=at)
    served = serve_queue(session, shelves, Cause.COUNT, count.key, at=at, losses=losses)
    lines = [{"sku": sku, "from": str(was), "to": str(count.on_hand[sku])} for sku, was in before.items()]
    record_event(session, SUBJECT, count.key, "stock_counted", actor, at=at, warehouse=count.warehouse, lines=lines,
                 comment=count.reason)  # fmt: skip
    counted = Counted(before, tuple(losses), tuple(served))
    _tell(session, count, counted, actor, at=at)
    return counted


_HOLDERS = text("""
    SELECT line.order_id, line.line_no, line.quantity, customer.segment = 'vip' AS vip, o.confirmed_at,
           EXISTS (SELECT 1 FROM payment_allocation part
                     LEFT JOIN schedule_line ON schedule_line.id = part.schedule_line_id
                     LEFT JOIN invoice ON invoice.id = schedule_line.invoice_id
                    WHERE o.id IN (part.order_id, invoice.order_id)) AS paid
      FROM reservation_line line JOIN sales_order o ON o.id = line.order_id JOIN customer ON customer.id = o.customer_id
     WHERE line.state = 'reserved' AND line.warehouse = :warehouse AND line.sku = :sku
""")


def _take_back(session: Session, shelves: Shelves, shelf: ShelfKey, missing: Decimal, *, at: datetime) -> list[Loss]:
    """What is missing becomes backorders of those who held it; they keep their time of confirmation (D8-9)."""
    if missing <= 0:
        return []
    rows = session.execute(_HOLDERS, {"warehouse": shelf[0], "sku": shelf[1]})
    holders = [
        Holder(str(row.order_id), row.line_no, row.quantity, row.vip, row.paid, row.confirmed_at) for row in rows
    ]
    losses = []
    for cut in cuts(holders, missing):
        order, number = UUID(cut.holder.order_id), cut.holder.line_no
        line = session.get_one(ReservationLineRow, (order, number, shelf[0], "reserved"), populate_existing=True)
        move_quantity(session, shelves, line, "waiting", cut.quantity, since=at)
        losses.append(Loss(order, number, shelf, cut.quantity, "D7-15"))
    return losses


def _tell(session: Session, count: Count, counted: Counted, actor: Actor, *, at: datetime) -> None:
    """Each order's manager talks to the customer, the head looks why promised goods were not there."""
    lost: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    for loss in counted.losses:
        lost[loss.order_id].append({"sku": loss.shelf[1], "quantity": str(loss.quantity)})
    named = []
    for order_id, lines in lost.items():
        context = context_of(session, session.get_one(OrderRow, order_id))
        key = f"{count.key}:order:{order_id}"
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, TaskKind.COUNT_SHORTAGE, key, Role.MANAGER, due_at=due_at, at=at,
               details={"lines": lines}, warehouse=count.warehouse)  # fmt: skip
        notify_manager(session, context, key, "goods_counted_away", at=at, warehouse=count.warehouse)
        record_event(session, "order", order_id, "reserve_counted_away", actor, at=at, warehouse=count.warehouse,
                     lines=lines)  # fmt: skip
        named.append(context.order.number)
    if named:
        _tell_head(session, count, counted, named, at=at)


def _tell_head(session: Session, count: Count, counted: Counted, named: list[str], *, at: datetime) -> None:
    company = orders.legal_entity(session)
    calendar = load_calendar(session, company.country, company.timezone)
    lines = [{"sku": loss.shelf[1], "quantity": str(loss.quantity)} for loss in counted.losses]
    words: dict[str, Any] = {"warehouse": count.warehouse, "count": len(named)}
    open_task(
        session,
        key=f"{count.key}:review",
        kind=TaskKind.COUNT_REVIEW,
        role=Role.HEAD,
        subject=task_subject(TaskKind.COUNT_REVIEW, **words),
        words=words,
        due_at=calendar.after_working_days(at, 1),
        created_at=at,
        details={"warehouse": count.warehouse, "reason": count.reason, "orders": named, "lines": lines},
    )
