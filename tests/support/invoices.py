"""Invoices to chase, and whatever is read back about them."""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow
from domain.invoicing import InvoiceInput

DUE = date(2026, 4, 15)
"""A Wednesday, as in V22."""
SHIPPED = date(2026, 4, 1)

_serial = itertools.count(900_001)
"""Far from the numbers that the product gives."""
Row = TypeVar("Row", bound=SQLModel)


def an_invoice(
    engine: Engine, customer: CustomerRow, *, due: date = DUE, amount: str = "275000.00", issued: date = SHIPPED
) -> str:
    """An unpaid opening balance of one instalment; the id of its schedule line."""
    with Session(engine) as session, session.begin():
        invoice = InvoiceRow(
            number=f"СФ-{next(_serial):06d}",
            kind="opening",
            customer_id=customer.id,
            credit_account_id=customer.credit_account_id,
            legal_entity_id=session.exec(select(LegalEntityRow)).one().id,
            issued_on=issued,
            currency=customer.currency,
            gross=Decimal(amount),
            vat=Decimal(0),
        )
        session.add(invoice)
        session.flush()
        line = ScheduleLineRow(
            invoice_id=invoice.id,
            line_no=1,
            amount=Decimal(amount),
            residual=Decimal(amount),
            due_date=due,
            policy_version=1,
        )
        session.add(line)
        return str(line.id)


def pay(engine: Engine, schedule_line_id: str, residual: str = "0.00") -> None:
    """Lower the residue, as an applied payment does."""
    with Session(engine) as session, session.begin():
        line = session.get_one(ScheduleLineRow, UUID(schedule_line_id), with_for_update=True)
        line.residual = Decimal(residual)


def invoice_input(
    customer: CustomerRow, line: str, number: str = "СФ-1", *, as_of: datetime | None = None
) -> InvoiceInput:
    """What starts the process of a line."""
    return InvoiceInput(
        schedule_line_id=line,
        invoice_number=number,
        customer_id=str(customer.id),
        manager_id=str(customer.manager_id),
        order_id=None,
        as_of=as_of or datetime(2026, 4, 1, 5, tzinfo=UTC),
    )


def rows(engine: Engine, table: type[Row], **equal: object) -> list[Row]:
    """All rows of a table, or those whose columns equal what is given."""
    with Session(engine) as session:
        return list(session.exec(select(table).filter_by(**equal)))
