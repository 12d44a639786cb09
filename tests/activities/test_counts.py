"""Stock-takes on real PostgreSQL: a surplus serves the queue, a shortage picks its victims (D7-15)."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, stock_of, tie_money
from support.stock import count, drifted, held

from activities.fulfilment import FulfilmentActivities
from activities.orders import OrderActivities
from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import JournalRow, OutboundRow, TaskRow
from activities.persistence.stock_tables import (
    ReservationLineRow,
    StockAllocationRow,
    StockMovementRow,
    StockRow,
)
from activities.sweeps import SweepActivities
from domain.errors import ProductNotFoundError
from domain.orders import OrderStatus, WaitReason
from domain.stock_errors import CountBelowPickingError, GoodsGoneError
from domain.sweeps import SweepPage

LATER = MONDAY + timedelta(hours=3)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


class Shelf:
    """One product, and orders for it that are confirmed an hour after one another."""

    def __init__(self, engine: Engine, company: Company, on_hand: str) -> None:
        self.engine, self.company, self.sku, self.orders = engine, company, a_product(engine, on_hand=on_hand), 0

    def order(self, quantity: str, *, segment: str = "standard", prepayment: int = 100, **terms) -> str:
        customer = a_customer(
            self.engine, self.company, segment=segment, prepayment_percent=prepayment, limit="100000000"
        )
        order = quote_of(self.engine, self.company, customer, [(self.sku, quantity)], **terms)
        decide(self.engine, self.company, order)
        self.orders += 1
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE sales_order SET confirmed_at = :at WHERE id = :id"),
                               {"at": MONDAY + timedelta(hours=self.orders), "id": order})  # fmt: skip
        reserve(self.engine, order)
        return order

    def paid(self, quantity: str, **terms) -> str:
        order = self.order(quantity, **terms)
        tie_money(self.engine, order, f"{quantity}000")
        OrderActivities(self.engine).look_again(order, MONDAY)
        return order


def rows(engine: Engine, model: type, **where) -> list:
    with Session(engine) as session:
        return list(session.exec(select(model).filter_by(**where)))


def test_more_than_before_goes_to_the_queue(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "5")
    holds, waits = shelf.order("5"), shelf.order("4")
    counted = count(engine, company, {shelf.sku: "8"})
    assert counted.served == (UUID(waits),)
    assert (held(engine, holds), held(engine, waits)) == ({"reserved": 5}, {"reserved": 3, "waiting": 1})
    assert stock_of(engine, shelf.sku) == (8, 8, 0)
    [movement] = rows(engine, StockMovementRow, kind="count")
    assert movement.quantity == 3


@pytest.mark.parametrize(("figure", "lost"), [("10", 0), ("9.999", 1), ("11", 0)])
def test_d7_15_enough_for_what_was_promised_takes_nothing(
    engine: Engine, company: Company, figure: str, lost: int
) -> None:
    shelf = Shelf(engine, company, "12")
    shelf.order("10")
    assert len(count(engine, company, {shelf.sku: figure}).losses) == lost
    with Session(engine) as session:
        assert session.get_one(StockRow, ("main", shelf.sku)).on_hand == Decimal(figure)


def test_d7_15_victims_in_their_order_and_picking_never(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "60")
    picked = shelf.order("10", prepayment=0)
    pick(engine, company, picked)
    older, newer = shelf.order("10"), shelf.order("10")
    vip, paid = shelf.order("10", segment="vip"), shelf.paid("10")

    counted = count(engine, company, {shelf.sku: "35"}, at=LATER)

    assert counted.losers == (UUID(newer), UUID(older))
    assert held(engine, newer) == {"waiting": 10}
    assert held(engine, older) == {"waiting": 5, "reserved": 5}
    assert held(engine, vip) == held(engine, paid) == {"reserved": 10}
    assert held(engine, picked) == {"picking": 10}
    assert stock_of(engine, shelf.sku) == (35, 25, 10)

    count(engine, company, {shelf.sku: "20"}, at=LATER)
    assert (held(engine, older), held(engine, vip)) == ({"waiting": 10}, {"waiting": 10})
    assert held(engine, paid) == {"reserved": 10}
    count(engine, company, {shelf.sku: "10"}, at=LATER)
    assert (held(engine, paid), held(engine, picked)) == ({"waiting": 10}, {"picking": 10})
    assert drifted(engine) == []


def test_d7_15_each_hears_of_it_and_the_head_too(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "10")
    order = shelf.order("10")
    count(engine, company, {shelf.sku: "4"}, at=LATER)
    with Session(engine) as session:
        line = session.get_one(ReservationLineRow, (UUID(order), 1, "main", "waiting"))
        assert (line.quantity, line.since, line.displaced_at) == (6, LATER, None)
        assert session.get_one(OrderRow, UUID(order)).confirmed_at == MONDAY + timedelta(hours=1)
    [task] = rows(engine, TaskRow, kind="count_shortage")
    assert (str(task.order_id), str(task.assignee_id), task.role) == (order, company.manager.id, "manager")
    assert task.details["lines"] == [{"sku": shelf.sku, "quantity": "6.000"}]
    [review] = rows(engine, TaskRow, kind="count_review")
    assert (review.role, review.assignee_id) == ("head", None)
    assert "не хватает обещанного товара (1 заказ)" in review.subject
    assert [row.order_id for row in rows(engine, OutboundRow, template="goods_counted_away")] == [UUID(order)]
    assert rows(engine, JournalRow, event="stock_counted")[0].data["lines"] == [
        {"sku": shelf.sku, "from": "10.000", "to": "4"}
    ]
    assert [row.subject_id for row in rows(engine, JournalRow, event="reserve_counted_away")] == [order]
    [run] = rows(engine, StockAllocationRow, cause="count")
    assert run.losses == [{"order_id": order, "line_no": 1, "quantity": "6.000", "rule": "D7-15"}]


def test_a_count_that_took_nothing_tells_nobody(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "10")
    shelf.order("4")
    count(engine, company, {shelf.sku: "4"})
    assert [row.kind for row in rows(engine, TaskRow)] == []


def test_fewer_than_are_being_picked_is_refused_and_nothing_is_written(engine: Engine, company: Company) -> None:
    shelf, other = Shelf(engine, company, "10"), a_product(engine, on_hand="3")
    order = shelf.order("10", prepayment=0)
    pick(engine, company, order)
    with pytest.raises(CountBelowPickingError):
        count(engine, company, {other: "1", shelf.sku: "9.999"})
    assert (stock_of(engine, other), stock_of(engine, shelf.sku)) == ((3, 0, 0), (10, 0, 10))
    assert rows(engine, StockMovementRow, kind="count") == []
    assert rows(engine, JournalRow, event="stock_counted") == []
    count(engine, company, {other: "1", shelf.sku: "10"})
    assert stock_of(engine, other) == (1, 0, 0)


def test_an_unknown_product_is_refused_whole(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="3")
    with pytest.raises(ProductNotFoundError):
        count(engine, company, {sku: "1", "NO-SUCH": "1"})
    assert stock_of(engine, sku) == (3, 0, 0)


def test_d7_15_a_paid_victim_waits_for_goods_again_and_is_not_asked_for_money(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "10")
    order = shelf.paid("10")
    FulfilmentActivities(engine).call_for_picking(a_step(order, 2))

    count(engine, company, {shelf.sku: "0"}, at=LATER)
    with pytest.raises(GoodsGoneError):
        pick(engine, company, order)
    state = OrderActivities(engine).look_again(order, LATER).state

    assert (state.status, state.wait and state.wait.reason) == (OrderStatus.CONFIRMED, WaitReason.STOCK)
    assert [row.state for row in rows(engine, TaskRow, kind="picking")] == ["cancelled"]
    receipt(engine, shelf.sku, "10")
    back = OrderActivities(engine).look_again(order, LATER).state
    assert (back.status, back.wait and back.wait.reason) == (OrderStatus.READY, WaitReason.PICKING)


def test_d8_5_what_a_count_leaves_to_a_whole_order_is_held_for_a_week(engine: Engine, company: Company) -> None:
    sku, other = a_product(engine, on_hand="5"), a_product(engine, on_hand="2")
    customer = a_customer(engine, company)
    order = quote_of(engine, company, customer, [(sku, "5"), (other, "2")], ship_complete=True)
    decide(engine, company, order)
    reserve(engine, order)
    count(engine, company, {sku: "4"}, at=LATER)
    assert held(engine, order) == {"waiting": 1, "reserved": 6}

    week = timedelta(days=7)
    for at, kept in (
        (LATER + week - timedelta(hours=1), {"waiting": 1, "reserved": 6}),
        (LATER + week, {"waiting": 7}),
    ):
        SweepActivities(engine).sweep_shelves(SweepPage(at))
        assert held(engine, order) == kept


def test_d7_15_an_order_that_ships_whole_is_not_picked_in_part(engine: Engine, company: Company) -> None:
    shelf = Shelf(engine, company, "10")
    order = shelf.order("10", prepayment=0, ship_complete=True)
    count(engine, company, {shelf.sku: "9"}, at=LATER)
    with pytest.raises(GoodsGoneError):
        pick(engine, company, order)
    state = OrderActivities(engine).look_again(order, LATER).state
    assert (state.status, held(engine, order)) == (OrderStatus.CONFIRMED, {"reserved": 9, "waiting": 1})
    receipt(engine, shelf.sku, "1")
    assert OrderActivities(engine).look_again(order, LATER).state.status is OrderStatus.READY


def test_d8_1_a_victim_keeps_its_place_in_the_queue(engine: Engine, company: Company) -> None:
    """D8-9: its time of confirmation stays, so it is served before an order confirmed after it."""
    shelf = Shelf(engine, company, "10")
    victim, later = shelf.order("10"), shelf.order("5")
    count(engine, company, {shelf.sku: "0"}, at=LATER)
    receipt(engine, shelf.sku, "10")
    assert (held(engine, victim), held(engine, later)) == ({"reserved": 10}, {"waiting": 5})


def test_a_figure_of_another_source_is_a_movement_of_its_own_kind(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="3")
    count(engine, company, {sku: "2"}, kind="1c")
    assert [row.quantity for row in rows(engine, StockMovementRow, kind="1c")] == [-1]
