"""The hourly round: what time alone brings is handed out at its time, whether or not goods move (D8-2, D8-5, D8-6)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import decide, receipt, reserve, stock_of

from activities.persistence.reserves import fit_lines
from activities.persistence.stock_tables import ReservationLineRow, StockAllocationRow
from activities.sweeps import SweepActivities
from domain.sweeps import SweepPage, Swept

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def placed(engine: Engine, company: Company, sku: str, quantity: str, *, at: datetime = MONDAY, **terms: Any) -> str:
    order = a_quote(engine, company.manager, a_customer(engine, company), sku, quantity=quantity, **terms)
    decide(engine, company, order)
    reserve(engine, order, at)
    return order


def sweep(engine: Engine, at: datetime, *, after: tuple[str, ...] = (), size: int = 20) -> Swept:
    return SweepActivities(engine).sweep_shelves(SweepPage(at, after, size))


def lines(engine: Engine, order: str) -> dict[str, int]:
    with Session(engine) as session:
        found = session.exec(select(ReservationLineRow).where(ReservationLineRow.order_id == UUID(order)))
        return {line.state: int(line.quantity) for line in found}


def swept_runs(engine: Engine) -> list[StockAllocationRow]:
    with Session(engine) as session:
        query = select(StockAllocationRow).where(StockAllocationRow.cause == "sweep")
        return list(session.exec(query.order_by(col(StockAllocationRow.id))))


def test_d8_6_who_has_waited_a_week_gets_what_is_held_back_at_that_very_time(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="10", hold_back="100")
    order = placed(engine, company, sku, "4")
    assert stock_of(engine, sku) == (10, 0, 0)

    assert sweep(engine, MONDAY + 7 * DAY - SECOND) == Swept()
    assert (stock_of(engine, sku), swept_runs(engine)) == ((10, 0, 0), [])

    assert sweep(engine, MONDAY + 7 * DAY) == Swept((order,))
    assert (stock_of(engine, sku), lines(engine, order)) == ((10, 4, 0), {"reserved": 4})
    (run,) = swept_runs(engine)
    assert (run.claims[0]["rule"], run.subject_id, run.at) == ("lifted", "sweep", MONDAY + 7 * DAY)


def test_d8_5_goods_gathered_for_a_week_go_to_the_queue(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    whole = placed(engine, company, sku, "10", ship_complete=True)
    for _ in range(2):
        placed(engine, company, sku, "1")
        receipt(engine, sku, "1")
    receipt(engine, sku, "4")
    assert lines(engine, whole) == {"reserved": 4, "waiting": 6}
    small = placed(engine, company, sku, "3")

    assert sweep(engine, MONDAY + 7 * DAY - SECOND) == Swept()
    assert lines(engine, whole) == {"reserved": 4, "waiting": 6}

    assert set(sweep(engine, MONDAY + 7 * DAY).served) == {whole, small}
    assert (lines(engine, whole), lines(engine, small)) == ({"waiting": 10}, {"reserved": 3})
    assert stock_of(engine, sku) == (6, 5, 0)


def test_d8_3_what_was_promised_before_an_increase_does_not_go_back_with_what_was_gathered_for_it(
    engine: Engine, company: Company
) -> None:
    sku = a_product(engine, on_hand="5")
    whole = placed(engine, company, sku, "5", ship_complete=True)
    wants_more(engine, whole, sku, "15")
    for _ in range(2):
        placed(engine, company, sku, "1")
        receipt(engine, sku, "1")
    receipt(engine, sku, "4")
    assert lines(engine, whole) == {"reserved": 9, "waiting": 6}

    assert sweep(engine, MONDAY + 7 * DAY).served == (whole,)
    assert lines(engine, whole) == {"reserved": 5, "waiting": 10}


def test_d8_5_what_was_gathered_too_long_serves_those_who_stand_before(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="1")
    key = a_quote(engine, company.manager, a_customer(engine, company, segment="vip"), sku)
    decide(engine, company, key)
    reserve(engine, key, MONDAY - DAY)
    whole = placed(engine, company, sku, "10", ship_complete=True)
    for _ in range(2):
        placed(engine, company, sku, "1")
        receipt(engine, sku, "1")
    receipt(engine, sku, "4")
    wants_more(engine, key, sku, "5")
    assert (lines(engine, key), lines(engine, whole)) == ({"reserved": 1, "waiting": 4}, {"reserved": 4, "waiting": 6})

    sweep(engine, MONDAY + 7 * DAY)
    assert (lines(engine, key), lines(engine, whole)) == ({"reserved": 5}, {"waiting": 10})


def wants_more(engine: Engine, order: str, sku: str, quantity: str) -> None:
    with Session(engine) as session, session.begin():
        fit_lines(session, UUID(order), {1: (("main", sku), Decimal(quantity))}, at=MONDAY)


def test_d8_5_what_completes_a_whole_order_is_a_promise_like_any_other(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    whole = placed(engine, company, sku, "5", ship_complete=True)
    for _ in range(2):
        placed(engine, company, sku, "1")
        receipt(engine, sku, "1")
    receipt(engine, sku, "3")
    receipt(engine, sku, "2")
    assert lines(engine, whole) == {"reserved": 5}
    with Session(engine) as session:
        assert {line.gathered for line in session.exec(select(ReservationLineRow))} == {0}

    wants_more(engine, whole, sku, "6")
    sweep(engine, MONDAY + 30 * DAY)
    assert lines(engine, whole) == {"reserved": 5, "waiting": 1}


def test_d8_2_a_changed_share_takes_effect(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="10", hold_back="50")
    order = placed(engine, company, sku, "8")
    assert lines(engine, order) == {"reserved": 5, "waiting": 3}
    assert sweep(engine, MONDAY + DAY) == Swept()
    with engine.begin() as connection:
        connection.execute(text("UPDATE item_group SET hold_back_percent = 20"))
    assert sweep(engine, MONDAY + 2 * DAY) == Swept((order,))
    assert lines(engine, order) == {"reserved": 8}


def test_a_round_goes_page_by_page_over_every_shelf_once(engine: Engine, company: Company) -> None:
    skus = sorted(a_product(engine, on_hand="1", hold_back="100") for _ in range(5))
    orders = [placed(engine, company, sku, "1") for sku in skus]
    at, after, served = MONDAY + 7 * DAY, (), []
    for _ in range(3):
        page = sweep(engine, at, after=after, size=2)
        served.append(page.served)
        after = page.after
    assert after == ()
    assert served == [tuple(orders[:2]), tuple(orders[2:4]), tuple(orders[4:])]


def test_a_page_that_is_repeated_answers_the_same_and_moves_nothing(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="1", hold_back="100")
    placed(engine, company, sku, "1")
    first = sweep(engine, MONDAY + 7 * DAY)
    assert sweep(engine, MONDAY + 7 * DAY) == first
    assert sweep(engine, MONDAY + 8 * DAY) == Swept()
    assert len(swept_runs(engine)) == 1


def test_a_round_behind_the_clock_of_a_moved_order_takes_nothing_from_it(engine: Engine, company: Company) -> None:
    """A local stack moves the clock of one order ahead; the round keeps the real one."""
    ahead = MONDAY + 30 * DAY
    held, free = a_product(engine, on_hand="5", hold_back="100"), a_product(engine, on_hand="9", hold_back="50")
    waits = placed(engine, company, held, "5", at=ahead)
    served = placed(engine, company, free, "8", at=ahead)
    gathers = placed(engine, company, a_product(engine), "3", at=ahead, ship_complete=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE item_group SET hold_back_percent = 0 WHERE code = 'group-50'"))
        before = connection.execute(text("SELECT * FROM reservation ORDER BY order_id")).all()

    assert sweep(engine, MONDAY + 8 * DAY) == Swept((served,))
    assert [lines(engine, each) for each in (waits, served, gathers)] == [
        {"waiting": 5},
        {"reserved": 8},
        {"waiting": 3},
    ]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM reservation ORDER BY order_id")).all() == before
