"""What is written down about goods adds up: movements by shelf, runs of the queue with all that decided them
(D3-9, D7-12, U18)."""

from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import decide, pick, quote_of, reserve, ship_picked

from activities.persistence.party_tables import CustomerRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import StockAllocationRow
from domain.orders import LineQuantity


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def test_d3_9_goods_are_written_off_at_the_warehouse_that_they_leave(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine)
    with Session(engine) as session, session.begin():
        receive(session, "north", [LineQuantity(sku, Decimal(5))], key="r", as_of=MONDAY)
        lines = [QuoteLine(sku, Decimal(3), None, warehouse="north")]
        draft = QuoteDraft(lines, None, None, ship_complete=False, comment=None)
        order = str(
            write_quote(session, session.get_one(CustomerRow, customer.id), draft, company.manager, now=MONDAY).id
        )
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)

    ship_picked(engine, company, order)

    with engine.connect() as connection:
        moved = connection.execute(text("SELECT warehouse, sum(quantity) FROM stock_movement GROUP BY 1")).all()
        on_hand = connection.execute(text("SELECT warehouse, on_hand FROM stock")).all()
    assert moved == on_hand == [("north", 2)]


def test_u18_a_run_is_recorded_with_every_shelf_that_a_whole_order_waits_on(engine: Engine, company: Company) -> None:
    """Of the first order, seen on one shelf alone, everything would be there."""
    customer = a_customer(engine, company)
    a_product(engine, sku="A", on_hand="4")
    a_product(engine, sku="B")
    first = quote_of(engine, company, customer, [("A", "4"), ("B", "2")], ship_complete=True)
    second = quote_of(engine, company, customer, [("A", "9")], ship_complete=True)
    for order in (first, second):
        decide(engine, company, order)
        reserve(engine, order)

    with Session(engine) as session:
        rows = session.exec(select(StockAllocationRow).where(StockAllocationRow.subject_id == second)).all()
    stood = {(row.sku, claim["order_id"], claim["given"]) for row in rows for claim in row.claims}
    assert stood == {("A", first, "0"), ("B", first, "0"), ("A", second, "0")}
