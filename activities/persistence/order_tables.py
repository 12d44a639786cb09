"""Tables of orders: their lines, what they tie of the credit, how it was decided and who allowed it.

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

from activities.persistence.columns import AMOUNT, EXCHANGE, INSTANT, PRICE, QUANTITY, RATE, json_field
from activities.persistence.identifiers import new_id


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
    wait: dict[str, Any] | None = json_field(nullable=True)
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
    reasons: list[dict[str, Any]] = json_field()
    facts: dict[str, Any] = json_field()
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
