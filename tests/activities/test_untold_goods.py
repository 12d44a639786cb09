"""Orders that nobody told what became of their goods: they are found, and their own round finds it out (D7-13)."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, receipt, reserve
from support.stock import count, held

from activities.orders import OrderActivities
from activities.persistence.catalogue import orders_served_untold
from activities.persistence.record_tables import OutboundRow, TaskRow
from domain.orders import OrderState, OrderStatus, WaitReason

WEEK = timedelta(days=7)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def waiting(engine: Engine, company: Company, *skus: str, **terms) -> str:
    """An order, to be paid before, for five of each."""
    customer = a_customer(engine, company, prepayment_percent=100)
    order = quote_of(engine, company, customer, [(sku, "5") for sku in skus], **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order


def untold(engine: Engine) -> list[str]:
    """Orders that are to be told; their post, which nobody delivers here, aside."""
    with Session(engine) as session, session.begin():
        session.execute(update(OutboundRow).values(state="done"))
        return [str(order) for order in orders_served_untold(session)]


def look(engine: Engine, order: str) -> OrderState:
    return OrderActivities(engine).look_again(order, MONDAY).state


@pytest.mark.parametrize("received", ["2", "5"])
def test_d7_13_an_order_that_waited_for_everything_and_got_some_is_untold(
    engine: Engine, company: Company, received: str
) -> None:
    sku = a_product(engine)
    order = waiting(engine, company, sku)
    assert untold(engine) == []
    receipt(engine, sku, received)
    assert untold(engine) == [order]
    assert (look(engine, order).status is OrderStatus.AWAITING_PAYMENT) is (received == "5")
    assert untold(engine) == []


def test_d8_5_an_order_for_which_goods_are_gathered_has_nothing_to_hear_until_all_is_there(
    engine: Engine, company: Company
) -> None:
    there, short = a_product(engine, on_hand="5"), a_product(engine)
    order = waiting(engine, company, there, short, ship_complete=True)
    for _ in range(2):  # skipped twice, then gathered for
        waiting(engine, company, there)
        receipt(engine, there, "5")
    receipt(engine, there, "1")
    assert "reserved" in held(engine, order)
    assert order not in untold(engine)
    receipt(engine, short, "5")
    assert order in untold(engine)


def test_d7_15_an_order_that_had_a_part_and_lost_it_all_is_untold(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="2")
    order = waiting(engine, company, sku)
    assert untold(engine) == []
    count(engine, company, {sku: "0"})
    assert untold(engine) == [order]
    assert look(engine, order).status is OrderStatus.CONFIRMED
    assert untold(engine) == []


def test_d7_13_the_weekly_question_about_goods_finds_them_there(engine: Engine, company: Company) -> None:
    """It was served and nobody told it: it waits for its money from now on, and nobody is asked about goods."""
    sku = a_product(engine)
    order = waiting(engine, company, sku)
    receipt(engine, sku, "5")

    state = OrderActivities(engine).remind(a_step(order, 30, at=MONDAY + WEEK)).state

    assert state.wait is not None
    assert (state.status, state.wait.reason) == (OrderStatus.AWAITING_PAYMENT, WaitReason.PAYMENT)
    assert state.wait.until == MONDAY + 2 * WEEK
    assert tasks(engine, order, "stock_late") == []


def test_d6_13_the_weekly_question_is_asked_while_nothing_came(engine: Engine, company: Company) -> None:
    order = waiting(engine, company, a_product(engine))
    state = OrderActivities(engine).remind(a_step(order, 30, at=MONDAY + WEEK)).state
    assert (state.status, state.wait and state.wait.reason) == (OrderStatus.CONFIRMED, WaitReason.STOCK)
    assert tasks(engine, order, "stock_late") == ["open"]


def tasks(engine: Engine, order: str, kind: str) -> list[str]:
    with Session(engine) as session:
        query = select(TaskRow.state).where(TaskRow.order_id == UUID(order), TaskRow.kind == kind)
        return list(session.exec(query))
