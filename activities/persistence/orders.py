"""Orders and their lines: the row lock, the state with its wait, quotes."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.order_tables import OrderLineRow, OrderRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow, UserRow
from activities.persistence.record_tables import OutboundRow
from domain.errors import OrderNotFoundError
from domain.orders import ENDED, OrderState, OrderStatus, Wait

_WAIT: TypeAdapter[Wait] = TypeAdapter(Wait)


def lock_order(session: Session, order_id: UUID | str) -> OrderRow:
    """The order, held until commit; rows that only name it, such as a reserve served from the queue, do not wait."""
    query = select(OrderRow).where(OrderRow.id == UUID(str(order_id))).with_for_update(key_share=True)
    row = session.exec(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise OrderNotFoundError()
    return row


def account_of_order(session: Session, order_id: UUID | str) -> UUID:
    """The credit account to lock before the order (D3-6)."""
    account = session.exec(select(OrderRow.credit_account_id).where(OrderRow.id == UUID(str(order_id)))).first()
    if account is None:
        raise OrderNotFoundError()
    return account


def set_state(order: OrderRow, state: OrderState, *, at: datetime, reason: str | None = None) -> OrderState:
    """Move the order and say what it waits for; an ended order keeps the instant and reason of its end."""
    order.status = state.status
    order.wait = wait_json(state.wait)
    order.version += 1
    if state.status in ENDED:
        order.ended_at = at
        order.end_reason = reason
    return state


def wait_json(wait: Wait | None) -> dict[str, Any] | None:
    """A wait as the order row keeps it."""
    return None if wait is None else _WAIT.dump_python(wait, mode="json")


def state_of(order: OrderRow) -> OrderState:
    """The state as last recorded."""
    wait = None if order.wait is None else _WAIT.validate_python(order.wait)
    return OrderState(OrderStatus(order.status), wait)


def lines_of(session: Session, order: OrderRow, revision: int | None = None) -> list[OrderLineRow]:
    """Lines of a revision, the one in force unless another is named, by number."""
    query = (
        select(OrderLineRow)
        .where(OrderLineRow.order_id == order.id, OrderLineRow.revision == (revision or order.revision))
        .order_by(col(OrderLineRow.line_no))
    )
    return list(session.exec(query))


def shipped_by_line(session: Session, order_id: UUID) -> dict[int, Decimal]:
    """Quantity shipped so far, by line number."""
    query = text(
        "SELECT line_no, sum(quantity) FROM shipment_line JOIN shipment ON shipment.id = shipment_id "
        "WHERE order_id = :order GROUP BY line_no"
    )
    return {row[0]: row[1] for row in session.execute(query, {"order": order_id})}


def customer_of(session: Session, order: OrderRow) -> CustomerRow:
    """The customer of an order."""
    return session.get_one(CustomerRow, order.customer_id)


def legal_entity(session: Session, entity_id: UUID | None = None) -> LegalEntityRow:
    """The selling company, the only one when none is named; that one is read once a session."""
    if entity_id is not None:
        return session.get(LegalEntityRow, entity_id) or _no_entity()
    company: LegalEntityRow | None = session.info.get("company")
    if company is None or company not in session:
        company = session.exec(select(LegalEntityRow).order_by(col(LegalEntityRow.id))).first() or _no_entity()
        session.info["company"] = company
    return company


def _no_entity() -> LegalEntityRow:
    raise LookupError("no legal entity is set up: run `./opora up` or add a row to legal_entity")


def on_company_clock(session: Session, order: OrderRow, instant: datetime | None) -> datetime | None:
    """An instant as the company's own clock shows it, for texts."""
    return instant.astimezone(ZoneInfo(legal_entity(session, order.legal_entity_id).timezone)) if instant else None


def planned_messages(session: Session, order_id: UUID) -> tuple[str, ...]:
    """Keys of the effect ledger about the order that nobody has begun to send."""
    query = select(OutboundRow.key).where(OutboundRow.order_id == order_id, OutboundRow.state == "planned")
    return tuple(session.exec(query.order_by(col(OutboundRow.created_at), col(OutboundRow.key))))


def last_messages(session: Session, order: OrderRow) -> tuple[str, ...]:
    """What an order that has ended has yet to send, also by the hand of others: its process is over and would hear of
    it no more. Nothing for an order that goes on."""
    return planned_messages(session, order.id) if order.status in ENDED else ()


def user(session: Session, user_id: UUID) -> UserRow:
    """A person of the company."""
    return session.get_one(UserRow, user_id)


def people_of_role(session: Session, role: str) -> Sequence[UserRow]:
    """Everybody of a role, in a stable order."""
    return session.exec(select(UserRow).where(UserRow.role == role).order_by(col(UserRow.login))).all()
