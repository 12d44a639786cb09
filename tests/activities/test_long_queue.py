"""A long queue costs a step no more statements than a short one."""

import time
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from support.company import Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, receipt, reserve, stock_of
from support.statements import statements

from activities.stock import StockActivities

_QUEUE_UP = text("""
    WITH twins AS (
        INSERT INTO sales_order
        SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'number', o.number || '-' || n,
                                                            'confirmed_at', o.confirmed_at - interval '1 hour'))).*
          FROM sales_order o, generate_series(1, :count) n WHERE o.id = :order
        RETURNING id)
    INSERT INTO reservation_line (order_id, line_no, warehouse, state, sku, quantity, since, skips, gathered)
    SELECT id, 1, 'main', 'waiting', :sku, 5, o.confirmed_at, 0, 0
      FROM twins CROSS JOIN (SELECT confirmed_at FROM sales_order WHERE id = :order) o
""")


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def costs(engine: Engine, company: Company, waiting: int, hold_back: str) -> dict[str, tuple[int, float]]:
    """Statements, and seconds of our own work, of three steps with so many orders in the queue."""
    customer = a_customer(engine, company, limit="900000000")
    sku = a_product(engine, hold_back=hold_back, on_hand="10")
    first, last = (a_quote(engine, company.manager, customer, sku, quantity="10") for _ in range(2))
    for order in (first, last):
        decide(engine, company, order)
    reserve(engine, first)
    with engine.begin() as connection:
        connection.execute(_QUEUE_UP, {"count": waiting, "order": UUID(first), "sku": sku})
        connection.execute(text("ANALYZE reservation_line"))
    spent = {}
    for name, step in {
        "reserve": lambda: reserve(engine, last),
        "receive": lambda: receipt(engine, sku, "5"),
        "free": lambda: StockActivities(engine).free_order_stock(a_step(first, 3)),
    }.items():
        with statements(engine) as sent:
            begun = time.process_time()
            step()
            spent[name] = (len(sent), time.process_time() - begun)
    assert stock_of(engine, sku)[0] == 15
    return spent


@pytest.mark.slow
@pytest.mark.parametrize("hold_back", ["0", "50"])
def test_a_queue_of_two_thousand_costs_no_more_statements_than_one_of_twenty(
    engine: Engine, company: Company, hold_back: str
) -> None:
    """With half of the goods held back something is free all the time, and the whole queue is decided each time."""
    short, long, longest = (costs(engine, company, waiting, hold_back) for waiting in (20, 200, 2000))

    print(f"hold-back {hold_back} %: {short}\n{long}\n{longest}")  # noqa: T201
    assert {name: sent for name, (sent, _) in longest.items()} == {name: sent for name, (sent, _) in short.items()}
