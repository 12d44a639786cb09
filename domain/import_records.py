"""Rows of an import once they are read: what a file says about a company."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from domain.import_sheets import RowProblem


@dataclass(frozen=True, slots=True)
class ContactRecord:
    name: str | None
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A row of «Клиенты»; `None` is «not stated»: a new customer gets the default, a known one keeps its own."""

    line: int
    name: str
    country: str
    tax_id: str
    kpp: str | None
    segment: str | None
    currency: str | None
    credit_limit: Decimal | None
    deferral_days: int | None
    prepayment_percent: int | None
    manager: str | None
    region: str | None
    team: str | None
    contact: ContactRecord | None


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer that documents may name: stored already (`id`), or a row of the same file (`id` None)."""

    country: str
    tax_id: str
    kpp: str | None
    currency: str
    id: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        return self.country, self.tax_id, self.kpp


@dataclass(frozen=True, slots=True)
class ContractRecord:
    line: int
    customer: KnownCustomer
    number: str
    signed_on: date
    valid_until: date | None
    deferral_days: int | None


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A product with its list price per unit, VAT inside; `currency` None is «not stated»."""

    line: int
    sku: str
    name: str
    unit: str
    price: Decimal
    currency: str | None
    vat_rate: Decimal
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class StockRecord:
    """An opening balance of one product in one warehouse."""

    line: int
    warehouse: str
    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """An open invoice taken over as an opening balance."""

    line: int
    customer: KnownCustomer
    number: str
    issued_on: date
    due_date: date
    amount: Decimal
    residual: Decimal


@dataclass(slots=True)
class Company:
    """What a file says, row by row."""

    customers: list[CustomerRecord] = field(default_factory=list)
    contracts: list[ContractRecord] = field(default_factory=list)
    products: list[ProductRecord] = field(default_factory=list)
    stock: list[StockRecord] = field(default_factory=list)
    invoices: list[InvoiceRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules must know about the company: its country, its people, its customers, today."""

    country: str
    currency: str
    today: date
    logins: frozenset[str]
    customers: tuple[KnownCustomer, ...] = ()


@dataclass(frozen=True, slots=True)
class Requisites:
    """Checks of requisites; each answers the value as it is stored or raises a `DomainError`."""

    tax_id: Callable[[str, str], str]
    kpp: Callable[[str], str]


@dataclass(slots=True)
class Reading:
    """A file as read: the company it describes, the rows it is refused for, and what was left aside."""

    company: Company
    problems: list[RowProblem]
    notices: list[RowProblem]
