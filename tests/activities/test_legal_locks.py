"""Locks of legal cases on real PostgreSQL: the credit account first, for whoever comes (D3-6)."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import Company, a_company, a_customer
from support.invoices import DUE, an_invoice, pay, rows

from activities.dunning import DunningActivities
from activities.persistence.credit import lock_account
from activities.persistence.legal import close_if_paid
from activities.persistence.money_tables import LegalCaseRow
from domain.business_calendar import BusinessCalendar
from domain.dunning import DunningLook

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
WAITING = text("""
    SELECT count(*) FROM pg_locks JOIN pg_stat_activity activity USING (pid)
     WHERE NOT granted AND activity.datname = current_database()
""")


def test_d3_6_closing_a_case_waits_for_the_account_before_it_takes_the_case(engine: Engine) -> None:
    company: Company = a_company(engine)
    customer = a_customer(engine, company)
    line = an_invoice(engine, customer)
    for days in (14, 30):
        DunningActivities(engine).look_at_invoice(DunningLook(line, ALMATY.at(DUE + timedelta(days=days), 10)))
    pay(engine, line)
    later = ALMATY.at(DUE + timedelta(days=31), 10)
    DunningActivities(engine).look_at_invoice(DunningLook(line, later))

    def close() -> UUID | None:
        with Session(engine) as session, session.begin():
            return close_if_paid(session, UUID(line), company.accountant, at=later)

    with ThreadPoolExecutor(1) as pool:
        with Session(engine) as session, session.begin(), engine.connect() as watcher:
            watcher.execution_options(isolation_level="AUTOCOMMIT")
            lock_account(session, customer.credit_account_id)
            closing = pool.submit(close)
            while not watcher.execute(WAITING).scalar_one():
                assert not closing.done()
                time.sleep(0.01)
            case = session.exec(select(LegalCaseRow).with_for_update(nowait=True)).one()
            assert case.state == "paid", "nobody holds the case while he waits for the account"
        assert closing.result(timeout=10) == customer.credit_account_id
    assert rows(engine, LegalCaseRow)[0].state == "closed"
    assert close() is None
