"""What a person does to an order beside its workflow: the lawyer's word (D2-8), a copy (D6-4)."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from activities.persistence import credit, decisions, orders
from activities.persistence.context import context_of
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.reconsideration import reconsider_locked
from domain.credit import ReasonCode
from domain.credit_errors import NotStoppedByCaseError
from domain.orders import Actor, OrderStatus

_CLEARABLE = frozenset(
    {
        OrderStatus.STOPPED,
        OrderStatus.AWAITING_PAYMENT,
        OrderStatus.PART_RESERVED,
        OrderStatus.READY,
        OrderStatus.PICKING,
    }
)


def clear_legal_stop(session: Session, order_id: UUID, comment: str, actor: Actor, *, at: datetime) -> OrderRow:
    """The lawyer lets a prepaid order pass although a case is open, at its decision or at its shipment gate; it is
    decided again at once (D2-8).

    Raises:
        NotStoppedByCaseError: no case holds the order, or some of it is on credit.
    """
    account = credit.lock_account_of(session, order_id)
    order = orders.lock_order(session, order_id)
    session.refresh(order)
    decided = decisions.decide_now(session, account, context_of(session, order), as_of=at)
    by_case = any(reason.code is ReasonCode.LEGAL_CASE for reason in decided.decision.reasons)
    if order.status not in _CLEARABLE or not by_case or decided.facts.order_credit > 0:
        raise NotStoppedByCaseError
    order.cleared_by, order.cleared_revision = UUID(actor.id), order.revision
    order.version += 1
    record_event(session, "order", order.id, "legal_cleared", actor, at=at, revision=order.revision, comment=comment)
    reconsider_locked(session, account, at=at)
    return order


def copy_order(session: Session, source: OrderRow, customer: CustomerRow, actor: Actor, *, at: datetime) -> OrderRow:
    """A new quote with the lines of an order at today's prices and the customer's present terms (D6-4, D6-5).

    Raises:
        ProductNotFoundError, WrongCurrencyError, ZeroTotalError, AmountTooLargeError
    """
    draft = QuoteDraft(
        lines=[QuoteLine(line.sku, line.quantity, None, line.warehouse) for line in orders.lines_of(session, source)],
        deferral_days=None,
        prepayment_percent=None,
        ship_complete=False,
        comment=None,
        currency=source.currency,
        warehouse=source.warehouse,
    )
    order = write_quote(session, customer, draft, actor, now=at)
    order.copied_from = source.id
    record_event(session, "order", order.id, "copied", actor, at=at, copied_from=str(source.id), number=source.number)
    session.flush()
    return order
