"""Every table. What must never be is a constraint here, not a check elsewhere (D3-9).

Amounts are NUMERIC(18,2), quantities NUMERIC(18,3), prices NUMERIC(18,4), exchange rates NUMERIC(18,6), instants
timestamptz.
Triggers that no model can express (append-only journal, conserved payments) stand in the migrations.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    text,
)
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from activities.persistence.identifiers import new_id

AMOUNT = Numeric(18, 2)
QUANTITY = Numeric(18, 3)
PRICE = Numeric(18, 4)
RATE = Numeric(5, 2)
EXCHANGE = Numeric(18, 6)
INSTANT = DateTime(timezone=True)


def _json(nullable: bool = False) -> Any:
    return Field(sa_column=Column(JSONB, nullable=nullable))


class LegalEntityRow(SQLModel, table=True):
    """One selling company. `bank_accounts`: its own account numbers, as statements name them."""

    __tablename__ = "legal_entity"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    country: str = Field(max_length=2)
    tax_id: str
    currency: str = Field(max_length=3)
    timezone: str
    bank_accounts: list[str] = _json()


class UserRow(SQLModel, table=True):
    """A person of the company. `key_hash`: SHA-256 hex of a 256-bit API key.

    `deputy_id`: who answers for them when they do not (D4-3); days away are `absence` rows (D4-4). `region`: the branch
    whose orders a head approves; without one, those of every branch (D4-1).
    """

    __tablename__ = "app_user"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    login: str = Field(unique=True)
    name: str
    email: str
    role: str
    key_hash: str | None = Field(default=None, unique=True)
    deputy_id: UUID | None = Field(default=None, foreign_key="app_user.id")
    region: str | None = None
    __table_args__ = (
        CheckConstraint(
            "role IN ('manager','head','director','accountant','warehouse','buyer','lawyer','admin')", name="role_known"
        ),
    )


class CalendarDayRow(SQLModel, table=True):
    """A day that the company moved by hand: a holiday to work, or a working day off."""

    __tablename__ = "calendar_day"
    country: str = Field(primary_key=True, max_length=2)
    day: date = Field(primary_key=True)
    working: bool


class PolicyRow(SQLModel, table=True):
    """One version of the business parameters, in force from `effective_from` once it is `published`.

    One person proposes it, another publishes it (D14); what is published never changes.
    """

    __tablename__ = "policy"
    version: int = Field(primary_key=True)
    effective_from: date = Field(index=True)
    body: dict[str, Any] = _json()
    created_by: str
    created_at: datetime = Field(sa_type=INSTANT)
    state: str = "published"
    comment: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("state IN ('proposed','published','rejected')", name="state_known"),
        CheckConstraint("decided_by <> created_by", name="four_eyes"),
    )


class CreditAccountRow(SQLModel, table=True):
    """The payer's account (D1-13): the row that every credit step locks first (D3-6).

    `suspended`: a legal case took the limit away until the director restores it (D5-8). The `stopped_…` columns tell
    who stopped trade by hand, when and why (`NO_TRADE`).
    """

    __tablename__ = "credit_account"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    currency: str = Field(max_length=3)
    base_limit: Decimal = Field(sa_type=AMOUNT)
    no_trade: bool = False
    suspended: bool = False
    stopped_by: str | None = None
    stopped_at: datetime | None = Field(default=None, sa_type=INSTANT)
    stop_reason: str | None = None
    __table_args__ = (
        CheckConstraint("base_limit >= 0", name="limit_not_negative"),
        CheckConstraint("no_trade = (stopped_at IS NOT NULL)", name="stop_has_a_time"),
    )


class CustomerRow(SQLModel, table=True):
    __tablename__ = "customer"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    name_key: str = Field(index=True)
    country: str = Field(max_length=2)
    tax_id: str
    kpp: str | None = None
    segment: str
    currency: str = Field(max_length=3)
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    deferral_days: int
    prepayment_percent: int
    manager_id: UUID | None = Field(default=None, foreign_key="app_user.id", index=True)
    region: str | None = None
    team: str | None = None
    reservation_days: int | None = None
    version: int = 1
    created_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        Index("customer_requisites", "country", "tax_id", text("coalesce(kpp, '')"), unique=True),
        CheckConstraint("segment IN ('standard','vip')", name="segment_known"),
        CheckConstraint("prepayment_percent BETWEEN 0 AND 100", name="prepayment_share"),
        CheckConstraint("deferral_days BETWEEN 0 AND 365", name="deferral_days"),
        CheckConstraint("reservation_days IN (3, 7, 14)", name="reservation_days"),
    )


class ContactRow(SQLModel, table=True):
    __tablename__ = "contact"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    role: str
    name: str
    email: str | None = None
    phone: str | None = None


class ContractRow(SQLModel, table=True):
    __tablename__ = "contract"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    customer_id: UUID = Field(foreign_key="customer.id")
    number: str
    signed_on: date
    valid_until: date | None = None
    deferral_days: int | None = None
    __table_args__ = (Unique("customer_id", "number"),)


class OrderRow(SQLModel, table=True):
    """An order: quote, then order. `wait` is the JSON of `domain.orders.Wait`.

    Terms and totals are those of the revision in force (`order_revision`). Goods are collected by the customer unless
    there is a `delivery_address`. `cleared_…`: the lawyer let this revision pass although a case is open (D2-8).
    """

    __tablename__ = "sales_order"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str = Field(unique=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    legal_entity_id: UUID = Field(foreign_key="legal_entity.id")
    manager_id: UUID = Field(foreign_key="app_user.id", index=True)
    created_by: UUID = Field(foreign_key="app_user.id")
    warehouse: str = "main"
    status: str = Field(index=True)
    revision: int = 1
    currency: str = Field(max_length=3)
    deferral_days: int
    prepayment_percent: int
    ship_complete: bool = False
    comment: str | None = None
    delivery_address: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    ship_on: date | None = None
    copied_from: UUID | None = Field(default=None, foreign_key="sales_order.id")
    cleared_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    cleared_revision: int | None = None
    net: Decimal = Field(sa_type=AMOUNT)
    vat: Decimal = Field(sa_type=AMOUNT)
    gross: Decimal = Field(sa_type=AMOUNT)
    quote_valid_until: datetime = Field(sa_type=INSTANT)
    policy_version: int = Field(foreign_key="policy.version")
    wait: dict[str, Any] | None = _json(nullable=True)
    placed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    confirmed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    end_reason: str | None = None
    version: int = 1
    created_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("gross = net + vat", name="gross_is_net_plus_vat"),
        CheckConstraint("gross > 0", name="gross_positive"),
        CheckConstraint("prepayment_percent BETWEEN 0 AND 100", name="prepayment_share"),
        CheckConstraint(
            "status IN ('quoted','checking','awaiting_approval','stopped','confirmed','reserved','part_reserved',"
            "'awaiting_payment','ready','picking','shipped','awaiting_final_payment','closed','rejected',"
            "'cancelled','expired')",
            name="status_known",
        ),
        CheckConstraint(
            "(status IN ('closed','rejected','cancelled','expired')) = (ended_at IS NOT NULL)", name="ended_has_a_time"
        ),
    )


class OrderLineRow(SQLModel, table=True):
    """A line of one revision; `price` per unit with VAT inside, amounts rounded once per line.

    A product keeps its `line_no` through all revisions. `list_price`: what the price list asked when it was added.
    `warehouse`: where the line is reserved and picked.
    """

    __tablename__ = "order_line"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    revision: int = Field(primary_key=True)
    line_no: int = Field(primary_key=True)
    sku: str = Field(foreign_key="product.sku")
    name: str
    unit: str
    quantity: Decimal = Field(sa_type=QUANTITY)
    price: Decimal = Field(sa_type=PRICE)
    vat_rate: Decimal = Field(sa_type=RATE)
    net: Decimal = Field(sa_type=AMOUNT)
    vat: Decimal = Field(sa_type=AMOUNT)
    gross: Decimal = Field(sa_type=AMOUNT)
    list_price: Decimal | None = Field(default=None, sa_type=PRICE)
    warehouse: str = "main"
    __table_args__ = (
        Unique("order_id", "revision", "sku"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )


class CommitmentRow(SQLModel, table=True):
    """What a confirmed order will still become (D1-5): its uninvoiced gross and required prepayment.

    The credit part is `max(0, uninvoiced - max(required_prepayment, money received for the order))`, in the order's
    currency; `rate`, that of the decision, turns it into the account's until it is invoiced (D2-18).
    """

    __tablename__ = "commitment"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    uninvoiced: Decimal = Field(sa_type=AMOUNT)
    required_prepayment: Decimal = Field(sa_type=AMOUNT)
    rate: Decimal = Field(default=Decimal(1), sa_type=EXCHANGE)
    __table_args__ = (
        CheckConstraint("rate > 0", name="rate_positive"),
        CheckConstraint("uninvoiced >= 0", name="uninvoiced_not_negative"),
        CheckConstraint("required_prepayment >= 0", name="prepayment_not_negative"),
    )


class CreditDecisionRow(SQLModel, table=True):
    """One decision, with every figure it was made on (D2-19); one per order, revision and occasion (D3-5).

    It re-computes bit for bit: `rule` (`credit` or `gate`) over `facts`, under `policy_version` with the customer's
    `overlay` (D5-6). `evidence`: the open invoices and committed orders that the sums are made of. `gate` holds what
    the shipment gate looked at besides.
    """

    __tablename__ = "credit_decision"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="sales_order.id")
    revision: int
    occasion: str
    credit_account_id: UUID = Field(foreign_key="credit_account.id", index=True)
    outcome: str
    reasons: list[dict[str, Any]] = _json()
    facts: dict[str, Any] = _json()
    exposure: Decimal = Field(sa_type=AMOUNT)
    credit_limit: Decimal = Field(sa_type=AMOUNT)
    policy_version: int = Field(foreign_key="policy.version")
    decided_at: datetime = Field(sa_type=INSTANT)
    rule: str = "credit"
    overlay: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    gate: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    evidence: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True))
    actor_id: UUID | None = None
    actor_name: str | None = None
    __table_args__ = (
        Unique("order_id", "revision", "occasion"),
        Index("credit_decision_by_time", "decided_at", "id"),
        CheckConstraint("outcome IN ('auto','approval','stop')", name="outcome_known"),
        CheckConstraint("rule IN ('credit','gate')", name="rule_known"),
    )


class ApprovalRow(SQLModel, table=True):
    """A request to approve one revision up to a ceiling (D4-6).

    `kind`: `price` (D4-15), `credit`, or `gate` for picked goods whose gate is closed (D12-2). `tier`: whose decision
    it is, `head` or `director` (D4-1). `rung`: how far it climbed unanswered (D4-3). `addressees`: who was asked, each
    with the person they stand in for. `decided_for`: whose decision it was when a deputy gave it (D4-4).
    """

    __tablename__ = "approval"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="sales_order.id", index=True)
    revision: int
    round: int
    ceiling: Decimal = Field(sa_type=AMOUNT)
    requested_by: UUID = Field(foreign_key="app_user.id")
    owner_id: UUID = Field(foreign_key="app_user.id")
    state: str
    opened_at: datetime = Field(sa_type=INSTANT)
    deadline: datetime = Field(sa_type=INSTANT)
    decided_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    comment: str | None = None
    kind: str = "credit"
    tier: str = "head"
    rung: int = 0
    addressees: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    reasons: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    decided_for: UUID | None = Field(default=None, foreign_key="app_user.id")
    __table_args__ = (
        Unique("order_id", "revision", "round"),
        CheckConstraint("kind IN ('price','credit','gate')", name="kind_known"),
        CheckConstraint("tier IN ('head','director')", name="tier_known"),
        Index("approval_one_open", "order_id", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint(
            "state IN ('open','approved','rejected','rework','expired','outdated','void')", name="state_known"
        ),
        CheckConstraint("decided_by <> requested_by AND decided_by <> owner_id", name="four_eyes"),
    )


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
    summary: dict[str, Any] | None = _json(nullable=True)


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
    details: dict[str, Any] = _json()
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
    package: dict[str, Any] = _json()
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
    data: dict[str, Any] = _json()
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
    result: Any = _json()
    at: datetime = Field(sa_type=INSTANT)


class IdempotencyRow(SQLModel, table=True):
    """The answer to one API call under the caller's `Idempotency-Key`."""

    __tablename__ = "idempotency_key"
    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int | None = None
    response: Any = _json(nullable=True)
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
