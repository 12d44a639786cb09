"""A company taken over from tables, compared row by row with what is stored, in the caller's one transaction.

The natural key of each row decides between new and known: requisites, contract number, SKU, invoice number. An
empty cell of a known row changes nothing. Opening balances are taken over once; what has been moved or paid since
is never overwritten by a file, only said.
"""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.calendars import load_calendar
from activities.persistence.import_customers import write_contracts, write_customers
from activities.persistence.import_goods import write_products, write_stock
from activities.persistence.import_invoices import write_invoices
from activities.persistence.import_task import Import, NoCompanyError, Written
from activities.persistence.party_tables import CustomerRow, LegalEntityRow, UserRow
from domain.import_records import Company, Known, KnownCustomer


def begin_import(session: Session, sha256: str, *, as_of: datetime) -> Import:
    """Keep other imports out until commit, and name the company that takes over.

    Raises:
        NoCompanyError: none is set up.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('opora.import'))"))
    # A large file is judged for longer than a step may idle, and flushed in longer statements.
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    company = session.exec(select(LegalEntityRow).order_by(col(LegalEntityRow.id))).first()
    if company is None:
        raise NoCompanyError
    return Import(session, company, as_of, sha256, Written())


def known_company(task: Import) -> Known:
    """What the rules of an import must know about the company."""
    calendar = load_calendar(task.session, task.company.country, task.company.timezone)
    logins = task.session.exec(select(UserRow.login).where(col(UserRow.role).in_(["manager", "head"])))
    customers = task.session.exec(select(CustomerRow).order_by(col(CustomerRow.id)))
    return Known(
        country=task.company.country,
        currency=task.company.currency,
        today=calendar.day_of(task.as_of),
        logins=frozenset(logins),
        customers=tuple(
            KnownCustomer(row.country, row.tax_id, row.kpp, row.currency, id=str(row.id)) for row in customers
        ),
    )


def write_company(task: Import, company: Company, known: Known) -> Written:
    """Write every row. Credit accounts are locked first and stock rows last (D3-6).

    Raises:
        ImportRefusedError: a row contradicts what is stored.
    """
    customers = write_customers(task, company, known)
    write_contracts(task, company, customers)
    write_products(task, company.products)
    write_invoices(task, company.invoices, customers, known)
    write_stock(task, company.stock)
    return task.written
