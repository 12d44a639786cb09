"""Class moves a customer forward in the queue, not past the credit decision (D8-8)."""

import pytest
from sqlalchemy import Engine
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, receipt, reserve, stock_of
from support.stock import ask_goods, held

from activities.orders import OrderActivities
from activities.stock import StockActivities
from domain.orders import OrderStatus
from domain.stock_errors import NotNeededError


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.mark.parametrize(("limit", "status"), [("2500", OrderStatus.STOPPED), ("5000", OrderStatus.AWAITING_APPROVAL)])
def test_d8_8_a_key_customer_without_credit_gets_no_goods(
    engine: Engine, company: Company, limit: str, status: OrderStatus
) -> None:
    """Neither what lies there, nor what comes in, nor by a look again, nor by the head's word."""
    sku = a_product(engine, on_hand="8")
    ordinary = quote_of(engine, company, a_customer(engine, company), [(sku, "8")])
    decide(engine, company, ordinary)
    reserve(engine, ordinary)
    vip = quote_of(engine, company, a_customer(engine, company, segment="vip", limit=limit), [(sku, "8")])
    assert decide(engine, company, vip).state.status is status
    waits = quote_of(engine, company, a_customer(engine, company), [(sku, "3")])
    decide(engine, company, waits)
    reserve(engine, waits)

    receipt(engine, sku, "9")
    StockActivities(engine).reserve_order(a_step(vip))
    OrderActivities(engine).look_again(vip, MONDAY)

    assert (held(engine, vip), held(engine, waits)) == ({}, {"reserved": 3})
    assert stock_of(engine, sku) == (17, 11, 0)
    with pytest.raises(NotNeededError):
        ask_goods(engine, company.manager, sku, ordinary, vip, "1")


def test_d8_8_once_credit_lets_it_pass_it_gets_what_is_there(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="8")
    vip = quote_of(engine, company, a_customer(engine, company, segment="vip"), [(sku, "8")])
    decide(engine, company, vip)
    reserve(engine, vip)
    assert held(engine, vip) == {"reserved": 8}
