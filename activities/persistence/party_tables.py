"""Tables of who deals with whom: the company, its people, calendar and policy; customers and what they agreed.

The conventions are those of `activities.persistence.columns`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field, SQLModel

from activities.persistence.columns import AMOUNT, INSTANT, json_field
from activities.persistence.identifiers import new_id


class LegalEntityRow(SQLModel, table=True):
    """One selling company. `bank_accounts`: its own account numbers, as statements name them."""

    __tablename__ = "legal_entity"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    country: str = Field(max_length=2)
    tax_id: str
    currency: str = Field(max_length=3)
    timezone: str
    bank_accounts: list[str] = json_field()


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
    body: dict[str, Any] = json_field()
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
