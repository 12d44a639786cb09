"""Requests for goods as rows: what the journal tells of them, and how one ends that nobody can grant (D8-4)."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, or_, select

from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.stock_tables import ReassignmentRow
from activities.persistence.tasks import withdraw_tasks
from domain.allocation import ShelfKey
from domain.orders import SYSTEM, Actor
from domain.reassignment import ReassignmentState
from domain.tasks import TaskKind

SUBJECT = "reassignment"
"""What the journal calls a request."""


def void_requests(
    session: Session,
    order_id: UUID,
    *,
    at: datetime,
    keeps_goods: bool = True,
    waits_for: Collection[ShelfKey] = (),
) -> None:
    """Withdraw the open requests that name an order and cannot be granted any more, with the tasks to decide on them.

    The rows are locked after stock rows, as an answer does.

    Args:
        keeps_goods: nobody may have its goods, or it holds none.
        waits_for: shelves it still waits for; what was asked for it there goes on.
    """
    query = (
        select(ReassignmentRow)
        .where(
            ReassignmentRow.state == ReassignmentState.REQUESTED,
            or_(ReassignmentRow.from_order_id == order_id, ReassignmentRow.to_order_id == order_id),
        )
        .order_by(col(ReassignmentRow.id))
    )
    hopeless = [
        row.id
        for row in session.exec(query)
        if (keeps_goods if row.from_order_id == order_id else (row.warehouse, row.sku) not in waits_for)
    ]
    if not hopeless:
        return
    held = query.where(col(ReassignmentRow.id).in_(hopeless)).with_for_update()
    for row in session.exec(held.execution_options(populate_existing=True)):
        row.state = ReassignmentState.VOID
        withdraw_tasks(session, TaskKind.REASSIGNMENT, at=at, about=about(row))
        journal(session, row, "reassignment_void", SYSTEM, at=at)
    session.flush()


def about(row: ReassignmentRow) -> dict[str, str]:
    """How tasks name a request in their details."""
    return {"reassignment_id": str(row.id)}


def journal(
    session: Session,
    row: ReassignmentRow,
    event: str,
    actor: Actor,
    *,
    at: datetime,
    quantity: Decimal | None = None,
    **data: Any,
) -> None:
    """Under the request, and under both orders: each tells where its goods went, or came from."""
    numbers = select(OrderRow.id, OrderRow.number).where(col(OrderRow.id).in_([row.from_order_id, row.to_order_id]))
    number = dict(session.exec(numbers).all())
    told = {"sku": row.sku, "warehouse": row.warehouse, "from_order": number[row.from_order_id],
            "to_order": number[row.to_order_id], **data}  # fmt: skip
    if quantity is not None:
        told["quantity"] = str(quantity)
    record_event(session, SUBJECT, row.id, event, actor, at=at, **told)
    if event == "reassignment_approved":
        record_event(session, "order", row.from_order_id, "reserve_taken", actor, at=at, **told)
        record_event(session, "order", row.to_order_id, "reserve_given", actor, at=at, **told)
