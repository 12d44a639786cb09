"""Tables of goods: products, what lies where, who was promised what, what left and what is to come (D7, D8).

The conventions are those of `activities.persistence.columns`. Triggers in the migrations hold every stock row against
its reservation lines at commit (D3-9).
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, LargeBinary, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from activities.persistence.columns import INSTANT, PRICE, QUANTITY, RATE
from activities.persistence.identifiers import new_id


class ProductRow(SQLModel, table=True):
    """A product with its list price; `price` is per `unit`, VAT included, in `currency`.

    Without a currency the figure holds in whichever currency the order is in. A pack, where there is one, holds
    `pack_size` units and is what the warehouse counts in («поддон», 40 bags).
    """

    __tablename__ = "product"
    sku: str = Field(primary_key=True)
    name: str
    name_key: str = Field(index=True)
    unit: str
    price: Decimal = Field(sa_type=PRICE)
    currency: str | None = Field(default=None, max_length=3)
    vat_rate: Decimal = Field(sa_type=RATE)
    cost: Decimal | None = Field(default=None, sa_type=PRICE)
    item_group: str | None = Field(default=None, foreign_key="item_group.code", index=True)
    pack_name: str | None = None
    pack_size: Decimal | None = Field(default=None, sa_type=QUANTITY)
    version: int = 1
    __table_args__ = (
        CheckConstraint("pack_size > 0", name="pack_size_positive"),
        CheckConstraint("(pack_name IS NULL) = (pack_size IS NULL)", name="pack_whole"),
        CheckConstraint("price >= 0", name="price_not_negative"),
        CheckConstraint("vat_rate BETWEEN 0 AND 99", name="vat_rate"),
    )


class ItemGroupRow(SQLModel, table=True):
    """Products that are held back for key customers alike; without a share of its own, the policy's (D8-2)."""

    __tablename__ = "item_group"
    code: str = Field(primary_key=True)
    name: str
    hold_back_percent: Decimal | None = Field(default=None, sa_type=RATE)
    version: int = 1
    __table_args__ = (CheckConstraint("hold_back_percent BETWEEN 0 AND 100", name="hold_back_share"),)


class SubstituteRow(SQLModel, table=True):
    """A product that may be offered instead of another (D7-12); `rank` 1 is offered first."""

    __tablename__ = "product_substitute"
    sku: str = Field(primary_key=True, foreign_key="product.sku")
    substitute: str = Field(primary_key=True, foreign_key="product.sku", index=True)
    rank: int
    __table_args__ = (
        Unique("sku", "rank"),
        CheckConstraint("sku <> substitute", name="another_product"),
    )


class StockRow(SQLModel, table=True):
    """One product in one warehouse: on hand = free + reserved + picking (D3-9)."""

    __tablename__ = "stock"
    warehouse: str = Field(primary_key=True)
    sku: str = Field(primary_key=True, foreign_key="product.sku")
    on_hand: Decimal = Field(sa_type=QUANTITY)
    reserved: Decimal = Field(default=Decimal(0), sa_type=QUANTITY)
    picking: Decimal = Field(default=Decimal(0), sa_type=QUANTITY)
    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        CheckConstraint("picking >= 0", name="picking_not_negative"),
        CheckConstraint("reserved + picking <= on_hand", name="promised_within_on_hand"),
    )


class StockMovementRow(SQLModel, table=True):
    """What changed on hand, once per `key`."""

    __tablename__ = "stock_movement"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: str = Field(unique=True)
    warehouse: str
    sku: str = Field(foreign_key="product.sku", index=True)
    kind: str
    quantity: Decimal = Field(sa_type=QUANTITY)
    at: datetime = Field(sa_type=INSTANT)


class ReservationRow(SQLModel, table=True):
    """An order's reserve as a whole: its lifetime and whether it still stands.

    The `extended_…` flags tell which of the extensions that are given once this lifetime has had (D7-6, D7-10, D7-11).
    `paid_late`: it was asked for again because of money that came after the release (D7-8).
    """

    __tablename__ = "reservation"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    status: str
    round: int = 1
    reserved_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime | None = Field(default=None, sa_type=INSTANT)
    ttl_days: int
    extensions: int = 0
    extended_by_proof: bool = False
    extended_by_part_payment: bool = False
    extended_by_silence: bool = False
    paid_late: bool = False
    __table_args__ = (CheckConstraint("status IN ('active','paid','picking','released','done')", name="status_known"),)


class ReservationLineRow(SQLModel, table=True):
    """A quantity of an order line at one warehouse in one state; `waiting` is the backorder, `closed` what will not be
    delivered any more (D7-14).

    Written only while the stock row is locked. The place of a waiting line in the queue: `since` when it has waited
    (D8-6), `displaced_at` when its goods were given to another (D8-4), `skips` how often others were served past it
    and `gathering_since` from when goods are gathered for it (D8-5). Of a reserved line `gathered` is the part that is
    no promise yet, and goes back when not everything comes; `served_at` is when a backorder last became a part of it.
    """

    __tablename__ = "reservation_line"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    line_no: int = Field(primary_key=True)
    warehouse: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    sku: str = Field(foreign_key="product.sku")
    quantity: Decimal = Field(sa_type=QUANTITY)
    since: datetime | None = Field(default=None, sa_type=INSTANT)
    displaced_at: datetime | None = Field(default=None, sa_type=INSTANT)
    skips: int = 0
    gathering_since: datetime | None = Field(default=None, sa_type=INSTANT)
    gathered: Decimal = Field(default=Decimal(0), sa_type=QUANTITY)
    served_at: datetime | None = Field(default=None, sa_type=INSTANT)
    __table_args__ = (
        CheckConstraint("gathered BETWEEN 0 AND quantity", name="gathered_is_a_part"),
        CheckConstraint("state = 'reserved' OR gathered = 0", name="gathered_is_reserved"),
        Index("reservation_line_queue", "warehouse", "sku", postgresql_where=text("state = 'waiting'")),
        Index("reservation_line_held", "warehouse", "sku", postgresql_where=text("state IN ('reserved','picking')")),
        CheckConstraint("(state = 'waiting') = (since IS NOT NULL)", name="waits_since"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("state IN ('waiting','reserved','picking','shipped','closed')", name="state_known"),
    )


class ShipmentRow(SQLModel, table=True):
    __tablename__ = "shipment"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str = Field(unique=True)
    order_id: UUID = Field(foreign_key="sales_order.id", index=True)
    round: int
    warehouse: str
    shipped_at: datetime = Field(sa_type=INSTANT)
    shipped_on: date
    shipped_by: UUID = Field(foreign_key="app_user.id")
    __table_args__ = (Unique("order_id", "round"),)


class ShipmentLineRow(SQLModel, table=True):
    __tablename__ = "shipment_line"
    shipment_id: UUID = Field(primary_key=True, foreign_key="shipment.id")
    line_no: int = Field(primary_key=True)
    sku: str = Field(foreign_key="product.sku")
    quantity: Decimal = Field(sa_type=QUANTITY)
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)


class StockAllocationRow(SQLModel, table=True):
    """What one run of the queue did on one shelf, with everything that decided it (U18); append-only.

    `run` joins the shelves that were decided together. `cause`: what freed or asked for the goods; `subject_id` names
    it. `claims`: who stood in the queue, in order, what each got and by which rule, down to the first few who got
    nothing; `waiting` is how many lines wait there after it. `losses`: whose reserve shrank in the same step, and by
    which rule. It re-computes: `domain.allocation.allocate` over what is stored gives every claim what it got.
    """

    __tablename__ = "stock_allocation"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    run: UUID
    at: datetime = Field(sa_type=INSTANT)
    warehouse: str
    sku: str = Field(foreign_key="product.sku")
    cause: str
    subject_id: str
    on_hand: Decimal = Field(sa_type=QUANTITY)
    free_before: Decimal = Field(sa_type=QUANTITY)
    free_after: Decimal = Field(sa_type=QUANTITY)
    hold_back_percent: Decimal = Field(sa_type=RATE)
    policy_version: int = Field(foreign_key="policy.version")
    waiting: int
    claims: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    losses: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    __table_args__ = (Index("stock_allocation_by_sku", "sku", "id"), Index("stock_allocation_by_run", "run"))


class ShortageRow(SQLModel, table=True):
    """The choice a customer has when goods are short: wait, take part, take another, cancel (D7-12).

    `lines`: what was missing when it was asked. Silence until `until` means waiting.
    """

    __tablename__ = "order_shortage"
    order_id: UUID = Field(primary_key=True, foreign_key="sales_order.id")
    round: int = Field(primary_key=True)
    state: str
    asked_at: datetime = Field(sa_type=INSTANT)
    until: datetime = Field(sa_type=INSTANT)
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    choice: str | None = None
    chosen_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    chosen_at: datetime | None = Field(default=None, sa_type=INSTANT)
    comment: str | None = None
    __table_args__ = (
        Index("order_shortage_one_open", "order_id", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open','chosen','lapsed','void')", name="state_known"),
        CheckConstraint("choice IN ('wait','part','alternative','cancel')", name="choice_known"),
        CheckConstraint("(state = 'chosen') = (chosen_by IS NOT NULL)", name="chosen_by_somebody"),
    )


class ReassignmentRow(SQLModel, table=True):
    """A request to take reserved goods from one order for another, and its answer (D8-4)."""

    __tablename__ = "reassignment"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    warehouse: str
    sku: str = Field(foreign_key="product.sku")
    quantity: Decimal = Field(sa_type=QUANTITY)
    from_order_id: UUID = Field(foreign_key="sales_order.id", index=True)
    to_order_id: UUID = Field(foreign_key="sales_order.id", index=True)
    reason: str
    state: str
    requested_by: UUID = Field(foreign_key="app_user.id")
    requested_at: datetime = Field(sa_type=INSTANT)
    decided_by: UUID | None = Field(default=None, foreign_key="app_user.id")
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    comment: str | None = None
    moved: Decimal | None = Field(default=None, sa_type=QUANTITY)
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("from_order_id <> to_order_id", name="two_orders"),
        CheckConstraint("state IN ('requested','approved','rejected','void')", name="state_known"),
        CheckConstraint("decided_by <> requested_by", name="four_eyes"),
    )


class PaymentProofRow(SQLModel, table=True):
    """A copy of a payment order that the customer sent; once per lifetime it prolongs the reserve (D7-10)."""

    __tablename__ = "payment_proof"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="sales_order.id", index=True)
    sha256: str
    content_type: str
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    uploaded_by: UUID = Field(foreign_key="app_user.id")
    uploaded_at: datetime = Field(sa_type=INSTANT)
    __table_args__ = (Unique("order_id", "sha256"),)


class ExpectedReceiptRow(SQLModel, table=True):
    """Goods ordered from a supplier and the day they are expected on."""

    __tablename__ = "expected_receipt"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: str = Field(unique=True)
    warehouse: str
    supplier: str
    expected_on: date = Field(index=True)
    state: str
    comment: str | None = None
    created_by: UUID = Field(foreign_key="app_user.id")
    created_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    version: int = 1
    __table_args__ = (
        CheckConstraint("state IN ('expected','received','cancelled')", name="state_known"),
        CheckConstraint("(state = 'expected') = (ended_at IS NULL)", name="ended_has_a_time"),
    )


class ExpectedLineRow(SQLModel, table=True):
    """One product of an expected receipt; more than was ordered may come."""

    __tablename__ = "expected_receipt_line"
    receipt_id: UUID = Field(primary_key=True, foreign_key="expected_receipt.id")
    sku: str = Field(primary_key=True, foreign_key="product.sku", index=True)
    quantity: Decimal = Field(sa_type=QUANTITY)
    received: Decimal = Field(default=Decimal(0), sa_type=QUANTITY)
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("received >= 0", name="received_not_negative"),
    )


class ControlDateRow(SQLModel, table=True):
    """A day on which the buyer makes sure that an expected receipt is on its way."""

    __tablename__ = "supply_control"
    receipt_id: UUID = Field(primary_key=True, foreign_key="expected_receipt.id")
    day: date = Field(primary_key=True)
    note: str
    asked_at: datetime | None = Field(default=None, sa_type=INSTANT)
