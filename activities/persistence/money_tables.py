"""Tables of what is owed and paid: invoices, dunning, bank statements, payments, cases of the lawyer.

The conventions are those of `activities.persistence.columns`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, text
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field, SQLModel

from activities.persistence.columns import AMOUNT, INSTANT, json_field
from activities.persistence.identifiers import new_id


class InvoiceRow(SQLModel, table=True):
    """A claim for money. `kind`: `shipment` from our own, `opening` taken over as an opening balance."""

    __tablename__ = "invoice"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str
    kind: str
    order_id: UUID | None = Field(default=None, foreign_key="sales_order.id", index=True)
    shipment_id: UUID | None = Field(default=None, foreign_key="shipment.id", unique=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    legal_entity_id: UUID = Field(foreign_key="legal_entity.id")
    issued_on: date
    currency: str = Field(max_length=3)
    gross: Decimal = Field(sa_type=AMOUNT)
    vat: Decimal = Field(sa_type=AMOUNT)
    __table_args__ = (
        Unique("customer_id", "number"),
        Index("invoice_by_number", "number"),
        CheckConstraint("gross > 0", name="gross_positive"),
        CheckConstraint("kind IN ('shipment','opening')", name="kind_known"),
    )


class ScheduleLineRow(SQLModel, table=True):
    """One due date of an invoice (D6-11), watched by its own `InvoiceWorkflow`.

    `stage` is the last dunning stage acted on; `observed_on` the latest business day on which the line
    was acted on. On a local stack whose clock was moved ahead it lies in the future, and day counts
    follow it; in production it never passes today.
    """

    __tablename__ = "schedule_line"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    invoice_id: UUID = Field(foreign_key="invoice.id")
    line_no: int
    amount: Decimal = Field(sa_type=AMOUNT)
    residual: Decimal = Field(sa_type=AMOUNT)
    due_date: date = Field(index=True)
    stage: str | None = None
    observed_on: date | None = None
    settled_on: date | None = None
    policy_version: int = Field(foreign_key="policy.version")
    __table_args__ = (
        Unique("invoice_id", "line_no"),
        Index("schedule_line_unpaid", "due_date", "id", postgresql_where=text("residual > 0")),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("residual BETWEEN 0 AND amount", name="residual_within_amount"),
    )


class DunningStepRow(SQLModel, table=True):
    """One rung of the ladder for one schedule line: acted on once, or skipped and said so (D10-5)."""

    __tablename__ = "dunning_step"
    schedule_line_id: UUID = Field(primary_key=True, foreign_key="schedule_line.id")
    stage: str = Field(primary_key=True)
    state: str
    days_overdue: int
    residual: Decimal = Field(sa_type=AMOUNT)
    at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (CheckConstraint("state IN ('done','skipped')", name="state_known"),)


class BankStatementRow(SQLModel, table=True):
    """A bank file as it came, by the hash of its bytes; `summary` is the answer it got."""

    __tablename__ = "bank_statement"
    sha256: str = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    uploaded_by: UUID = Field(foreign_key="app_user.id")
    uploaded_at: datetime = Field(sa_type=INSTANT)
    summary: dict[str, Any] | None = json_field(nullable=True)


class PaymentRow(SQLModel, table=True):
    """Money that arrived, once per `identity` (D9-1). `unallocated` is what no order or invoice took yet.

    `state`: `matched` (payer known; the unallocated rest is an advance), `unmatched` (accountant's queue).
    """

    __tablename__ = "payment"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    identity: str = Field(unique=True)
    source: str
    external_id: str | None = Field(default=None, unique=True)
    statement_sha256: str | None = Field(default=None, foreign_key="bank_statement.sha256")
    document_number: str | None = None
    posted_on: date
    amount: Decimal = Field(sa_type=AMOUNT)
    currency: str = Field(max_length=3)
    payer_name: str | None = None
    payer_tax_id: str | None = Field(default=None, index=True)
    payer_account: str | None = None
    purpose: str
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id", index=True)
    credit_account_id: UUID | None = Field(default=None, foreign_key="credit_account.id", index=True)
    state: str = Field(index=True)
    reason: str | None = None
    unallocated: Decimal = Field(sa_type=AMOUNT)
    recorded_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        Index("payment_pending", "statement_sha256", postgresql_where=text("reason = 'new'")),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("unallocated BETWEEN 0 AND amount", name="never_over_allocated"),
        CheckConstraint("state IN ('matched','unmatched')", name="state_known"),
    )


class AllocationRow(SQLModel, table=True):
    """The part of a payment that an order (before its invoice) or a schedule line took (D9-10)."""

    __tablename__ = "payment_allocation"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    payment_id: UUID = Field(foreign_key="payment.id", index=True)
    order_id: UUID | None = Field(default=None, foreign_key="sales_order.id", index=True)
    schedule_line_id: UUID | None = Field(default=None, foreign_key="schedule_line.id", index=True)
    amount: Decimal = Field(sa_type=AMOUNT)
    at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("num_nonnulls(order_id, schedule_line_id) = 1", name="one_target"),
    )


class LegalCaseRow(SQLModel, table=True):
    """A claim handed to the lawyer: one open case per customer and legal entity (D10-9)."""

    __tablename__ = "legal_case"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str = Field(unique=True)
    customer_id: UUID = Field(foreign_key="customer.id")
    legal_entity_id: UUID = Field(foreign_key="legal_entity.id")
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    state: str
    opened_on: date
    package: dict[str, Any] = json_field()
    __table_args__ = (
        Index(
            "legal_case_one_open",
            "customer_id",
            "legal_entity_id",
            unique=True,
            postgresql_where=text("state <> 'closed'"),
        ),
        CheckConstraint("state IN ('open','paid','closed')", name="state_known"),
    )


class LegalCaseLineRow(SQLModel, table=True):
    __tablename__ = "legal_case_line"
    case_id: UUID = Field(primary_key=True, foreign_key="legal_case.id")
    schedule_line_id: UUID = Field(primary_key=True, foreign_key="schedule_line.id", unique=True)
