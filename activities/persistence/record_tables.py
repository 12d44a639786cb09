"""Tables of what was done and is to be done: tasks, outgoing messages, journal, steps, repeated calls, counters.

The conventions are those of `activities.persistence.columns`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, text
from sqlmodel import Field, SQLModel

from activities.persistence.columns import INSTANT, json_field
from activities.persistence.identifiers import new_id


class TaskRow(SQLModel, table=True):
    """Work for a person, created once per `key`. `assignee_id` None: anybody of `role`."""

    __tablename__ = "task"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    key: str = Field(unique=True)
    kind: str
    role: str
    assignee_id: UUID | None = Field(default=None, foreign_key="app_user.id", index=True)
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    order_id: UUID | None = Field(default=None, foreign_key="sales_order.id", index=True)
    schedule_line_id: UUID | None = Field(default=None, foreign_key="schedule_line.id", index=True)
    subject: str
    details: dict[str, Any] = json_field()
    state: str = Field(default="open", index=True)
    due_at: datetime = Field(sa_type=INSTANT)
    created_at: datetime = Field(sa_type=INSTANT)
    result: str | None = None
    comment: str | None = None
    completed_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    completed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (CheckConstraint("state IN ('open','done','cancelled')", name="state_known"),)


class OutboundRow(SQLModel, table=True):
    """The effect ledger: every message to the outside, recorded before it is attempted (D10-15).

    `state`: planned -> sending -> done | failed | unknown; or cancelled before it was sent.
    `audience`: `customer`, or `staff` for notices, which people also see in the product. `claimed_at`: since when it is
    being sent.
    """

    __tablename__ = "outbound"
    key: str = Field(primary_key=True)
    channel: str
    audience: str
    template: str
    recipient: str
    user_id: UUID | None = Field(default=None, foreign_key="app_user.id", index=True)
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id")
    order_id: UUID | None = Field(default=None, foreign_key="sales_order.id", index=True)
    schedule_line_id: UUID | None = Field(default=None, foreign_key="schedule_line.id", index=True)
    subject: str
    body: str
    message_id: str = Field(unique=True)
    state: str = Field(default="planned")
    attempts: int = 0
    error: str | None = None
    created_at: datetime = Field(sa_type=INSTANT)
    claimed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    done_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        Index("outbound_under_way", "state", postgresql_where=text("state IN ('planned','sending')")),
        CheckConstraint("state IN ('planned','sending','done','failed','unknown','cancelled')", name="state_known"),
        CheckConstraint("audience IN ('customer','staff')", name="audience_known"),
    )


class JournalRow(SQLModel, table=True):
    """Append-only: who, when, on what figures, by which policy version, did what."""

    __tablename__ = "journal"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_type=INSTANT)
    actor_id: UUID
    actor_name: str
    actor_role: str
    subject: str
    subject_id: str
    event: str
    data: dict[str, Any] = json_field()
    policy_version: int | None = None
    __table_args__ = (Index("journal_by_subject", "subject", "subject_id", "id"),)


class JournalLinkRow(SQLModel, table=True):
    """An event's place in the chain of its object, written by the database when the event is committed."""

    __tablename__ = "journal_link"
    subject: str = Field(primary_key=True)
    subject_id: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    journal_id: int = Field(sa_column=Column(BigInteger, ForeignKey("journal.id"), unique=True, nullable=False))
    hash: bytes
    __table_args__ = (
        CheckConstraint("octet_length(hash) = 32", name="hash_is_sha256"),
        CheckConstraint("seq > 0", name="seq_positive"),
    )


class StepRow(SQLModel, table=True):
    """The result of one activity under its business key: a repeat returns it and does nothing."""

    __tablename__ = "step"
    key: str = Field(primary_key=True)
    result: Any = json_field()
    at: datetime = Field(sa_type=INSTANT)


class IdempotencyRow(SQLModel, table=True):
    """The answer to one API call under the caller's `Idempotency-Key`."""

    __tablename__ = "idempotency_key"
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int | None = None
    response: Any = json_field(nullable=True)
    created_at: datetime = Field(sa_type=INSTANT)


class RateLimitRow(SQLModel, table=True):
    """When all that a person or an address has asked for would be worked off; see `activities.persistence.callers`."""

    __tablename__ = "rate_limit"
    subject: str = Field(primary_key=True)
    busy_until: datetime = Field(sa_type=INSTANT)


class DocumentCounterRow(SQLModel, table=True):
    __tablename__ = "document_counter"
    series: str = Field(primary_key=True)
    last: int = Field(sa_column=Column(BigInteger, nullable=False))
