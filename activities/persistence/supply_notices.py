"""Telling people about expected receipts: the buyer who controls them, the managers whose orders wait for them."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.order_tables import OrderRow
from activities.persistence.orders import people_of_role, user
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import UserRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ExpectedReceiptRow
from activities.persistence.tasks import open_task
from domain.orders import Role
from domain.supply import LineKey, worsened
from domain.tasks import TaskKind
from domain.wording import notice, promised_orders, task_subject

Days = Mapping[LineKey, date | None]


def supply_key(row: ExpectedReceiptRow) -> str:
    return f"supply:{row.id}"


def tell_later(session: Session, row: ExpectedReceiptRow, before: Days, after: Days, *, at: datetime) -> None:
    """The goods come on another day than was said."""
    _tell(session, row, "supply_moved", f"moved:{row.version}", worsened(before, after), at=at)


def tell_never(session: Session, row: ExpectedReceiptRow, before: Days, after: Days, *, at: datetime) -> None:
    """What was owed does not come."""
    _tell(session, row, "supply_cancelled", "cancelled", worsened(before, after), at=at)


def tell_late(session: Session, row: ExpectedReceiptRow, before: Days, after: Days, *, at: datetime) -> None:
    """The day has passed and the goods are not there."""
    _tell(session, row, "supply_late", f"late:{row.expected_on}", worsened(before, after), at=at)


def ask_buyer(
    session: Session, row: ExpectedReceiptRow, kind: TaskKind, occasion: str, *, at: datetime, note: str | None = None
) -> None:
    """A task for the buyer who expects the goods, or for any; the heads' where the company has no buyer."""
    if _has_open_task(session, row, kind, note):
        return
    creator = user(session, row.created_by)
    buyers = people_of_role(session, Role.BUYER)
    role = Role.BUYER if buyers else Role.HEAD
    words: dict[str, Any] = {
        "supply": row.number,
        "supplier": row.supplier,
        "until": row.expected_on,
        "note": note,
    }
    open_task(
        session,
        key=f"{supply_key(row)}:{occasion}",
        kind=kind,
        role=role,
        assignee_id=creator.id if creator.role == role else None,
        subject=task_subject(kind, **words),
        words=words,
        due_at=company_calendar(session).after_working_days(at, 1),
        created_at=at,
        details={"receipt_id": str(row.id), "note": note},
    )


def _has_open_task(session: Session, row: ExpectedReceiptRow, kind: TaskKind, note: str | None) -> bool:
    about = {"receipt_id": str(row.id), "note": note}
    query = select(TaskRow.id).where(
        TaskRow.kind == str(kind), TaskRow.state == "open", col(TaskRow.details).contains(about)
    )
    return session.exec(query.limit(1)).first() is not None


def _tell(
    session: Session, row: ExpectedReceiptRow, name: str, occasion: str, days: dict[str, date | None], *, at: datetime
) -> None:
    """One notice for each manager, with all orders of theirs; the process of the receipt delivers it."""
    for manager, orders in _by_manager(session, days):
        told = promised_orders((order.number, days[str(order.id)]) for order in orders)
        words = notice(name, supply=row.number, supplier=row.supplier, until=row.expected_on, orders=told)
        plan_message(
            session,
            f"{supply_key(row)}:{occasion}:{manager.login}",
            audience="staff",
            template=name,
            recipient=manager.email,
            user_id=manager.id,
            subject=words.subject,
            body=words.lead,
            created_at=at,
        )


def _by_manager(session: Session, days: dict[str, date | None]) -> list[tuple[UserRow, list[OrderRow]]]:
    ids = [UUID(order) for order in days]
    query = select(OrderRow).where(col(OrderRow.id).in_(ids)).order_by(col(OrderRow.number))
    found: dict[UUID, list[OrderRow]] = defaultdict(list)
    for order in session.exec(query):
        found[order.manager_id].append(order)
    return [(user(session, manager), orders) for manager, orders in found.items()]


def planned_notices(session: Session, row: ExpectedReceiptRow) -> tuple[str, ...]:
    """Keys of the effect ledger about a receipt that nobody has begun to send."""
    query = select(OutboundRow.key).where(
        col(OutboundRow.key).startswith(f"{supply_key(row)}:"), OutboundRow.state == "planned"
    )
    return tuple(session.exec(query.order_by(col(OutboundRow.created_at), col(OutboundRow.key))))
