"""The effect ledger: every message is recorded before it is sent, and marked after (D10-15)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.record_tables import OutboundRow
from domain.messages import Message, MessageState


def plan_message(
    session: Session,
    key: str,
    *,
    audience: str,
    template: str,
    recipient: str,
    subject: str,
    body: str,
    created_at: datetime,
    channel: str = "email",
    user_id: UUID | None = None,
    customer_id: UUID | None = None,
    order_id: UUID | None = None,
    schedule_line_id: UUID | None = None,
) -> str:
    """Record the intent to send; a repeat under the same key changes nothing. Returns `key`.

    Args:
        key: from business, `invoice:{schedule_line_id}:dunning:{stage}:letter`.
        audience: `customer`, or `staff` for notices that people also see in the product.
    """
    session.execute(
        insert(OutboundRow)
        .values(
            key=key,
            channel=channel,
            audience=audience,
            template=template,
            recipient=recipient,
            user_id=user_id,
            customer_id=customer_id,
            order_id=order_id,
            schedule_line_id=schedule_line_id,
            subject=subject,
            body=body,
            message_id=message_id(key),
            state=MessageState.PLANNED.value,
            attempts=0,
            created_at=created_at,
        )
        .on_conflict_do_nothing(index_elements=["key"])
    )
    return key


def message_id(key: str) -> str:
    """The Message-ID of a ledger key: the same in every attempt, telling nothing about the customer."""
    return f"<{sha256(key.encode()).hexdigest()[:40]}@opora.local>"


@dataclass(frozen=True, slots=True)
class Claim:
    """A locked look at one message: where it stood, and what it says."""

    found: MessageState
    message: Message
    schedule_line_id: UUID | None
    customer_id: UUID | None


def claim(session: Session, key: str, *, at: datetime) -> Claim:
    """Lock one message and tell where it stood; a planned one becomes `sending`, since `at` by the machine's clock.

    Raises:
        LookupError: nothing was planned under this key.
    """
    row = _locked(session, key)
    found = MessageState(row.state)
    if found is MessageState.PLANNED:
        row.state = MessageState.SENDING.value
        row.claimed_at = at
        row.attempts += 1
        session.add(row)
    return Claim(found, message_of(row), row.schedule_line_id, row.customer_id)


def mark(session: Session, key: str, state: MessageState, *, at: datetime, error: str | None = None) -> OutboundRow:
    """Record how the sending ended. A message already done stays done."""
    row = _locked(session, key)
    if row.state != MessageState.DONE:
        row.state, row.error = state.value, error
        if state is MessageState.DONE:
            row.done_at = at
        session.add(row)
    return row


def lock_letters_to_customer(session: Session, key: str) -> None:
    """Let one letter to a customer be taken at a time, so that those of one day can become one (D10-4)."""
    query = select(OutboundRow.customer_id).where(OutboundRow.key == key, OutboundRow.audience == "customer")
    customer = session.exec(query).first()
    if customer is not None:
        name = f"letters:{customer}"
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def planned_siblings(session: Session, key: str, customer_id: UUID, templates: Collection[str]) -> list[OutboundRow]:
    """Other letters to the same customer that wait to be sent, held until commit."""
    query = (
        select(OutboundRow)
        .where(OutboundRow.customer_id == customer_id, OutboundRow.audience == "customer")
        .where(OutboundRow.state == MessageState.PLANNED.value, OutboundRow.key != key)
        .where(col(OutboundRow.template).in_(templates))
        .order_by(col(OutboundRow.key))
        .with_for_update()
    )
    return list(session.exec(query))


def reword(session: Session, key: str, subject: str, body: str) -> Message:
    """Give a claimed message the text it has at the moment of sending."""
    row = _locked(session, key)
    row.subject, row.body = subject, body
    session.add(row)
    return message_of(row)


def notices_for(session: Session, user_id: UUID, *, limit: int = 100) -> list[OutboundRow]:
    """A person's notices, newest first."""
    query = (
        select(OutboundRow)
        .where(OutboundRow.user_id == user_id, OutboundRow.audience == "staff")
        .order_by(col(OutboundRow.created_at).desc(), col(OutboundRow.key))
        .limit(limit)
    )
    return list(session.exec(query))


def _locked(session: Session, key: str) -> OutboundRow:
    row = session.get(OutboundRow, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise LookupError(f"no message is planned under {key!r}")
    return row


def message_of(row: OutboundRow) -> Message:
    """A row of the ledger as a mail server needs it."""
    return Message(
        key=row.key,
        template=row.template,
        audience=row.audience,
        recipient=row.recipient,
        subject=row.subject,
        body=row.body,
        message_id=row.message_id,
    )
