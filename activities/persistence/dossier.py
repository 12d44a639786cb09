"""The approver's dossier: the open request of an order with all that stands behind it (D4-2)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.order_tables import ApprovalRow, CreditDecisionRow, OrderRow
from activities.persistence.party_tables import UserRow
from domain.approvals import ApprovalKind
from domain.dossier import BEHAVIOUR_DAYS, PaymentBehaviour
from domain.orders import Actor, Role

_ASKED = text("""
    SELECT EXISTS (
      SELECT 1 FROM approval
       WHERE order_id = :order
         AND addressees @> jsonb_build_array(jsonb_build_object('user_id', CAST(:person AS text))))
""")

_BEHAVIOUR = text("""
    SELECT count(*) AS paid,
           count(*) FILTER (WHERE line.settled_on <= line.due_date) AS on_time,
           coalesce(round(avg(line.settled_on - line.due_date) FILTER (WHERE line.settled_on > line.due_date), 1), 0)
             AS mean_late,
           greatest(0, coalesce(max(line.settled_on - line.due_date), 0)) AS worst_late
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.customer_id = :customer AND line.settled_on > :since
       AND EXISTS (SELECT 1 FROM payment_allocation WHERE schedule_line_id = line.id)
""")

_PENDING = text("""
    SELECT o.id, o.number, o.status, o.gross, o.currency, o.placed_at, customer.name AS customer,
           o.gross - round(o.gross * o.prepayment_percent / 100, 2) AS credit
      FROM sales_order o JOIN customer ON customer.id = o.customer_id
     WHERE o.credit_account_id = :account AND o.id <> :order AND o.status IN ('awaiting_approval', 'stopped')
     ORDER BY o.placed_at, o.id LIMIT 50
""")


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """Another order of the account that waits for credit (D1-10)."""

    id: UUID
    number: str
    status: str
    gross: Decimal
    credit: Decimal
    currency: str
    customer: str


def was_asked(session: Session, order_id: UUID, person: Actor) -> bool:
    """Whether a request of the order was ever addressed to this person (D4-4)."""
    return bool(session.execute(_ASKED, {"order": order_id, "person": person.id}).scalar_one())


def may_read(order: OrderRow, caller: Actor, *, asked: bool) -> bool:
    """Head, director, the order's manager, and whoever was asked (D4-2)."""
    own = caller.role is Role.MANAGER and UUID(caller.id) in {order.manager_id, order.created_by}
    return asked or own or caller.role in {Role.HEAD, Role.DIRECTOR}


def requests_of(session: Session, order_id: UUID) -> Sequence[ApprovalRow]:
    """Every request of the order, oldest first."""
    query = select(ApprovalRow).where(ApprovalRow.order_id == order_id)
    return session.exec(query.order_by(col(ApprovalRow.opened_at), col(ApprovalRow.round))).all()


def decision_behind(session: Session, request: ApprovalRow) -> CreditDecisionRow | None:
    """The newest decision on the revision that a request is about; the gate's for a request before the gate."""
    query = (
        select(CreditDecisionRow)
        .where(CreditDecisionRow.order_id == request.order_id, CreditDecisionRow.revision == request.revision)
        .where(CreditDecisionRow.rule == ("gate" if request.kind == ApprovalKind.GATE else "credit"))
        .order_by(col(CreditDecisionRow.decided_at).desc(), col(CreditDecisionRow.id).desc())
    )
    return session.exec(query).first()


def behaviour_of(session: Session, customer_id: UUID, *, today: date) -> PaymentBehaviour:
    """How the customer paid during the last 12 months, in one query."""
    since = today - timedelta(days=BEHAVIOUR_DAYS)
    row = session.execute(_BEHAVIOUR, {"customer": customer_id, "since": since}).one()
    return PaymentBehaviour(row.paid, row.on_time, row.mean_late, row.worst_late)


def other_pending(session: Session, order: OrderRow) -> list[PendingOrder]:
    """The account's other orders that wait for credit, by the time of their request."""
    rows = session.execute(_PENDING, {"account": order.credit_account_id, "order": order.id})
    return [
        PendingOrder(row.id, row.number, row.status, row.gross, row.credit, row.currency, row.customer) for row in rows
    ]


def people_of(session: Session, requests: Sequence[ApprovalRow], barred: Collection[str] = ()) -> dict[UUID, UserRow]:
    """Everybody whom requests name, in one query."""
    ids: set[Any] = {UUID(each) for each in barred}
    for request in requests:
        ids |= {request.requested_by, request.owner_id, request.decided_by, request.decided_for}
        ids |= {UUID(each) for stored in request.addressees for each in stored.values() if each}
    query = select(UserRow).where(col(UserRow.id).in_(ids - {None}))
    return {person.id: person for person in session.exec(query)}
