"""Tables of credit beside the account itself: limits with their history, revisions, absences, notes, disputes, rates.

The conventions are those of `activities.persistence.columns`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from activities.persistence.columns import AMOUNT, EXCHANGE, INSTANT
from activities.persistence.identifiers import new_id


class CreditGrantRow(SQLModel, table=True):
    """A change of what a customer may owe, asked for and decided; together they are the history of its limit (D5).

    `kind`: `base` and `temporary` carry an `amount`, `unlimited` none, `policy` a partial policy in `body` (D5-6).
    The window `valid_from`…`valid_to` counts whole business days, both ends included; only `base` has no end.
    `state`: `requested`, then `rejected`, or `in_force` from its decision on. A base limit that begins later waits as
    `scheduled` until its day. `revoked` ended before its time. Nobody asked for what an import took over.
    """

    __tablename__ = "credit_grant"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    kind: str
    amount: Decimal | None = Field(default=None, sa_type=AMOUNT)
    previous: Decimal | None = Field(default=None, sa_type=AMOUNT)
    body: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    valid_from: date
    valid_to: date | None = None
    reason: str
    state: str
    requested_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    requested_at: datetime = Field(sa_type=INSTANT)
    decided_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    comment: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("kind IN ('base','temporary','unlimited','policy')", name="kind_known"),
        CheckConstraint("state IN ('requested','scheduled','in_force','rejected','revoked')", name="state_known"),
        CheckConstraint("(kind IN ('base','temporary')) = (amount IS NOT NULL)", name="amount_where_due"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("(kind = 'policy') = (body IS NOT NULL)", name="body_where_due"),
        CheckConstraint("(kind = 'base') = (valid_to IS NULL)", name="end_where_due"),
        CheckConstraint("valid_to >= valid_from", name="window_in_order"),
        CheckConstraint("kind <> 'temporary' OR valid_to - valid_from < 90", name="temporary_at_most_90_days"),
        CheckConstraint("kind = 'base' OR decided_by <> requested_by", name="four_eyes"),
        CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name="decided_has_a_time"),
    )


class OrderRevisionRow(SQLModel, table=True):
    """One revision of an order: its terms and totals; lines stand in `order_line` under the same number (D6-6).

    `state`: `in_force`; `proposed` while an increase waits for approval and the older revision stays in force;
    `superseded` by a later one; `refused` or `withdrawn` without ever being in force.
    """

    __tablename__ = "order_revision"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    revision: int = Field(primary_key=True)
    state: str
    deferral_days: int
    prepayment_percent: int
    net: Decimal = Field(sa_type=AMOUNT)
    vat: Decimal = Field(sa_type=AMOUNT)
    gross: Decimal = Field(sa_type=AMOUNT)
    reason: str | None = None
    changed_by: UUID = Field(foreign_key="app_user.id")
    changed_at: datetime = Field(sa_type=INSTANT)
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        Index("order_revision_one_in_force", "order_id", unique=True, postgresql_where=text("state = 'in_force'")),
        Index("order_revision_one_proposed", "order_id", unique=True, postgresql_where=text("state = 'proposed'")),
        CheckConstraint("state IN ('in_force','proposed','superseded','refused','withdrawn')", name="state_known"),
        CheckConstraint("gross = net + vat", name="gross_is_net_plus_vat"),
        CheckConstraint("gross > 0", name="gross_positive"),
        CheckConstraint("prepayment_percent BETWEEN 0 AND 100", name="prepayment_share"),
    )


class AbsenceRow(SQLModel, table=True):
    """Days on which somebody is away and another answers for them, both ends included (D4-4)."""

    __tablename__ = "absence"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="app_user.id", index=True)
    deputy_id: UUID = Field(foreign_key="app_user.id")
    from_on: date
    to_on: date
    reason: str | None = None
    created_by: UUID = Field(foreign_key="app_user.id")
    created_at: datetime = Field(sa_type=INSTANT)
    cancelled_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("to_on >= from_on", name="window_in_order"),
        CheckConstraint("deputy_id <> user_id", name="deputy_is_another"),
    )


class CreditNoteRow(SQLModel, table=True):
    """A posted credit note: it lowers what an invoice claims (D1-3, D12-6). `freed`: money it gave back to advances."""

    __tablename__ = "credit_note"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str
    invoice_id: UUID = Field(foreign_key="invoice.id", index=True)
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    amount: Decimal = Field(sa_type=AMOUNT)
    freed: Decimal = Field(default=Decimal(0), sa_type=AMOUNT)
    issued_on: date
    reason: str
    posted_by: UUID = Field(foreign_key="app_user.id")
    posted_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        Unique("invoice_id", "number"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("freed BETWEEN 0 AND amount", name="freed_within_amount"),
    )


class DisputeRow(SQLModel, table=True):
    """A disputed part of a schedule line: out of the overdue gate until `ends_on`, still in exposure (D11-1)."""

    __tablename__ = "dispute"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    schedule_line_id: UUID = Field(foreign_key="schedule_line.id")
    amount: Decimal = Field(sa_type=AMOUNT)
    reason: str
    comment: str | None = None
    opened_by: UUID = Field(foreign_key="app_user.id")
    opened_at: datetime = Field(sa_type=INSTANT)
    ends_on: date
    closed_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        Index("dispute_one_open", "schedule_line_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        CheckConstraint("amount > 0", name="amount_positive"),
    )


class ExchangeRateRow(SQLModel, table=True):
    """The official price of one unit of `currency` in `base` on a day, as last said; the journal keeps corrections."""

    __tablename__ = "exchange_rate"
    base: str = Field(primary_key=True, max_length=3)
    currency: str = Field(primary_key=True, max_length=3)
    day: date = Field(primary_key=True)
    rate: Decimal = Field(sa_type=EXCHANGE)
    recorded_by: UUID = Field(foreign_key="app_user.id")
    recorded_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("rate > 0", name="rate_positive"),
        CheckConstraint("currency <> base", name="two_currencies"),
    )
