"""What is left of an order when its goods came, left, or were given up (D6-12, D7-5, D7-12…D7-14, D8-5)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked

from activities.fulfilment import FulfilmentActivities
from activities.orders import OrderActivities
from activities.persistence import credit
from activities.persistence.expiring import Filters, ending_reserves
from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import TaskRow
from activities.persistence.stock import lock_shelves, move_quantity
from activities.persistence.stock_tables import ReservationLineRow, ShortageRow
from activities.short_close import ShortCloseActivities
from activities.stock import StockActivities
from domain.fulfilment import CloseShortCommand, CloseShortRequest, UnpickCommand, UnpickRequest
from domain.orders import EndRequest, OrderStatus

DAY = timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def an_order(engine: Engine, company: Company, on_hand: str, *, prepaid: int = 0, **terms: Any) -> tuple[str, str]:
    """A reserved order of ten pieces for 10 000, and what it is of."""
    sku = a_product(engine, on_hand=on_hand)
    order = quote_of(engine, company, a_customer(engine, company, prepayment_percent=prepaid), [(sku, "10")], **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order, sku


def tasks(engine: Engine, order: str, kind: str) -> list[str]:
    with Session(engine) as session:
        rows = session.exec(select(TaskRow).where(TaskRow.order_id == UUID(order), TaskRow.kind == kind))
        return [row.state for row in rows]


def look(engine: Engine, order: str, at: Any = MONDAY) -> Any:
    return OrderActivities(engine).look_again(order, at).state


def remind(engine: Engine, order: str, number: int = 30) -> None:
    OrderActivities(engine).remind(a_step(order, number))


# -- questions that are answered ------------------------------------------------------------------------------------


def test_d6_13_nobody_asks_for_goods_that_have_come(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, "4")
    remind(engine, order)
    look(engine, order)
    assert tasks(engine, order, "stock_late") == ["open"]
    receipt(engine, sku, "6")

    assert look(engine, order).status is OrderStatus.READY
    assert tasks(engine, order, "stock_late") == ["cancelled"]


def test_d6_13_nobody_asks_for_goods_that_came_while_the_others_were_picked(engine: Engine, company: Company) -> None:
    order, sku = an_order(engine, company, "4")
    remind(engine, order)
    pick(engine, company, order)
    assert tasks(engine, order, "stock_late") == ["open"]
    receipt(engine, sku, "6")
    ship_picked(engine, company, order)

    assert tasks(engine, order, "stock_late") == ["cancelled"]


def test_d6_13_nobody_asks_for_goods_of_a_released_order(engine: Engine, company: Company) -> None:
    order, _ = an_order(engine, company, "4")
    remind(engine, order)
    OrderActivities(engine).after_release(a_step(order, 31))

    assert tasks(engine, order, "stock_late") == ["cancelled"]


def test_d7_5_a_late_shipment_is_asked_about_until_picking_starts_then_until_goods_leave(
    engine: Engine, company: Company
) -> None:
    order, _ = an_order(engine, company, "10")
    remind(engine, order)
    assert tasks(engine, order, "shipment_late") == ["open"]
    pick(engine, company, order)
    assert tasks(engine, order, "shipment_late") == ["cancelled"]

    remind(engine, order, 31)
    assert sorted(tasks(engine, order, "shipment_late")) == ["cancelled", "open"]
    ship_picked(engine, company, order)
    assert tasks(engine, order, "shipment_late") == ["cancelled"] * 2


# -- orders that end ------------------------------------------------------------------------------------------------


def test_d6_8_goods_of_a_cancelled_order_still_have_to_be_put_on_their_places(engine: Engine, company: Company) -> None:
    order, _ = an_order(engine, company, "10")
    FulfilmentActivities(engine).call_for_picking(a_step(order, 4))
    pick(engine, company, order)
    unpick = UnpickRequest(order, 6, UnpickCommand(company.head, "клиент просит"), MONDAY)
    FulfilmentActivities(engine).unpick_goods(unpick)
    FulfilmentActivities(engine).call_for_picking(a_step(order, 7))
    StockActivities(engine).free_order_stock(a_step(order, 8))
    OrderActivities(engine).end_order(EndRequest(order, OrderStatus.CANCELLED, company.head, "передумал", MONDAY))

    assert tasks(engine, order, "unpick") == ["open"]
    assert set(tasks(engine, order, "picking")) == {"cancelled"}


def close_short(engine: Engine, company: Company, order: str, *skus: str) -> None:
    request = CloseShortRequest(order, 7, CloseShortCommand(company.manager, "не нужно", skus), MONDAY)
    ShortCloseActivities(engine).close_lines_short(request)
    ShortCloseActivities(engine).settle_short_close(request)


def test_d7_12_nothing_is_to_be_chosen_about_a_rest_that_was_closed_short(engine: Engine, company: Company) -> None:
    order, _ = an_order(engine, company, "4")
    pick(engine, company, order)
    ship_picked(engine, company, order)
    close_short(engine, company, order)

    with Session(engine) as session:
        assert session.exec(select(ShortageRow)).one().state == "void"
    assert tasks(engine, order, "shortage_choice") in ([], ["cancelled"])


# -- what must be in ------------------------------------------------------------------------------------------------


def test_d7_14_what_was_closed_short_is_not_asked_for_before_shipment(engine: Engine, company: Company) -> None:
    """The list of ending reserves asks for what the order itself does."""
    first, second = a_product(engine, on_hand="15"), a_product(engine, on_hand="5")
    customer = a_customer(engine, company, prepayment_percent=100)
    order = quote_of(engine, company, customer, [(first, "10"), (second, "5")])
    decide(engine, company, order)
    reserve(engine, order)
    with Session(engine) as session, session.begin():
        for line in session.exec(select(ReservationLineRow).where(ReservationLineRow.sku == second)):
            move_quantity(session, lock_shelves(session, [("main", second)]), line, "closed")

    with Session(engine) as session:
        [found] = ending_reserves(session, Filters(MONDAY + 30 * DAY, MONDAY, 7 * DAY), after=None, limit=9)
        assert found.required == credit.required_prepayment(session, session.get_one(OrderRow, UUID(order))) == 10_000
