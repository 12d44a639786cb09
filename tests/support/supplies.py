"""Expected receipts for tests, made the way the doors make them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session
from support.company import Company

from activities.persistence import expected_receipts
from activities.persistence.expected_receipts import Control, NewReceipt
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import ExpectedReceiptRow
from domain.orders import LineQuantity


def ordered(
    engine: Engine,
    company: Company,
    lines: dict[str, str],
    on: date,
    *,
    at: datetime,
    controls: dict[date, str] | None = None,
    warehouse: str = "main",
) -> ExpectedReceiptRow:
    """What the buyer ordered: quantities by SKU, notes by control date."""
    new = NewReceipt(
        warehouse=warehouse,
        supplier="Цемзавод",
        expected_on=on,
        lines=[LineQuantity(sku, Decimal(quantity)) for sku, quantity in lines.items()],
        controls=[Control(day, note) for day, note in (controls or {}).items()],
    )
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return expected_receipts.create_receipt(session, new, company.buyer, at=at)


def changed(engine: Engine, company: Company, row: ExpectedReceiptRow, *, at: datetime, **fields: Any) -> None:
    with Session(engine) as session, session.begin():
        found = expected_receipts.find_receipt(session, row.id, lock=True)
        expected_receipts.change_receipt(session, found, fields, company.buyer, at=at)


def cancelled(engine: Engine, company: Company, row: ExpectedReceiptRow, *, at: datetime) -> None:
    with Session(engine) as session, session.begin():
        found = expected_receipts.find_receipt(session, row.id, lock=True)
        expected_receipts.cancel_receipt(session, found, "Завод встал", company.buyer, at=at)


def came(
    engine: Engine,
    company: Company,
    row: ExpectedReceiptRow,
    lines: dict[str, str],
    *,
    at: datetime,
    warehouse: str = "main",
) -> list[str]:
    """The warehouse receives them; the orders that were served."""  # fmt: skip
    brought = [LineQuantity(sku, Decimal(quantity)) for sku, quantity in lines.items()]
    with Session(engine) as session, session.begin():
        expected_receipts.count_in(session, row.id, warehouse, brought, company.warehouse, at=at)
        return [str(order) for order in receive(session, warehouse, brought, key=f"r:{row.id}:{at}", as_of=at)]


def state_of(engine: Engine, row: ExpectedReceiptRow) -> str:
    with Session(engine) as session:
        return session.get_one(ExpectedReceiptRow, row.id).state
