"""The effect ledger: every message is recorded before it is sent, and marked after (D10-15)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
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
    """A locked look at one message: where it stood, and what it says.

    `held_since`: since when nothing may leave the house, None while it may; `restored`: whether this database was ever
    brought back from a backup, so that a message of its lost days may have gone.
    """

    found: MessageState
    message: Message
    schedule_line_id: UUID | None
    order_id: UUID | None
    customer_id: UUID | None
    held_since: datetime | None
    restored: bool


_CLAIM = text("""
    UPDATE outbound message
       SET state = CASE found.state WHEN 'planned' THEN 'sending' ELSE found.state END,
           claimed_at = CASE found.state WHEN 'planned' THEN :at ELSE claimed_at END,
           attempts = attempts + CASE found.state WHEN 'planned' THEN 1 ELSE 0 END
      FROM (SELECT key, state FROM outbound WHERE key = :key FOR UPDATE) found
     WHERE message.key = found.key
    RETURNING found.state AS found, message.key, template, audience, recipient, subject, body, message_id,
              schedule_line_id, order_id, customer_id,
              (SELECT min(frozen_at) FROM effect_freeze WHERE thawed_at IS NULL) AS held_since,
              EXISTS (SELECT FROM effect_freeze WHERE reason = 'restore') AS restored
""")


_AS_WRITTEN = {"synchronize_session": False, "populate_existing": True}


def claim(session: Session, key: str, *, at: datetime) -> Claim:
    """Lock one message and tell where it stood; a planned one becomes `sending`, since `at` by the machine's clock.

    Whether letters may go is true until commit, under the gate (`freezing.pass_gate`); where they may not, roll back.
    """
    row = session.execute(_CLAIM, {"key": key, "at": at}).one()
    message = Message(row.key, row.template, row.audience, row.recipient, row.subject, row.body, row.message_id)
    found = MessageState(row.found)
    return Claim(found, message, row.schedule_line_id, row.order_id, row.customer_id, row.held_since, row.restored)


def mark(session: Session, key: str, state: MessageState, *, at: datetime, error: str | None = None) -> OutboundRow:
    """Record how the sending ended. A message already done stays done."""
    ended: dict[str, Any] = {"state": state.value, "error": error}
    if state is MessageState.DONE:
        ended["done_at"] = at
    query = update(OutboundRow).where(col(OutboundRow.key) == key, col(OutboundRow.state) != MessageState.DONE)
    marked = session.scalars(query.values(ended).returning(OutboundRow), execution_options=_AS_WRITTEN).first()
    return marked or _locked(session, key)


def lock_letters(session: Session, customer_id: UUID) -> None:
    """Let one letter to a customer be taken at a time, so that those of one day can become one (D10-4)."""
    name = f"letters:{customer_id}"
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
