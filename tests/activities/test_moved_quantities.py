"""A quantity of a reserve moves from state to state in one statement, and the session hears of it; what a step that
moves goods costs."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import decide, pick, quote_of, receipt, reserve, ship_picked, stock_of
from support.statements import statements

from activities.persistence.reserves import fit_lines
from activities.persistence.stock import Shelves, enqueue, lock_shelves, move_quantity, reservation_lines
from activities.persistence.stock_tables import ReservationLineRow, StockAllocationRow
from domain.orders import LineQuantity

LATER = MONDAY + timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def order(engine: Engine, company: Company) -> str:
    """Five of eight are set aside, three waited for."""
    a_product(engine, sku="A", on_hand="5")
    order = confirmed(engine, company, ("A", "8"))
    reserve(engine, order)
    return order


@pytest.fixture
def session(engine: Engine, order: str) -> Iterator[Session]:
    with Session(engine) as session, session.begin():
        yield session


@pytest.fixture
def shelves(session: Session) -> Shelves:
    return lock_shelves(session, [("main", "A")])


def confirmed(engine: Engine, company: Company, *lines: tuple[str, ...]) -> str:
    order = quote_of(engine, company, a_customer(engine, company), list(lines))
    decide(engine, company, order)
    return order


def held(session: Session, order: str) -> dict[str, Decimal]:
    return {line.state: line.quantity for line in reservation_lines(session, UUID(order))}


def test_a_moved_part_goes_on_top_of_what_is_there(session: Session, shelves: Shelves, order: str) -> None:
    lines = reservation_lines(session, UUID(order))
    reserved, waiting = sorted(lines, key=lambda line: line.state)
    reserved.gathered = Decimal(4)

    move_quantity(session, shelves, reserved, "waiting", Decimal(2), since=LATER, displaced_at=LATER)

    assert (reserved.quantity, reserved.gathered) == (3, 2)
    assert (waiting.quantity, waiting.since, waiting.displaced_at) == (5, MONDAY, LATER)
    assert shelves["main", "A"].reserved == 3


def test_a_whole_line_is_gone_from_where_it_was(session: Session, shelves: Shelves, order: str) -> None:
    (reserved,) = reservation_lines(session, UUID(order), "reserved")

    move_quantity(session, shelves, reserved, "picking")

    assert (reserved.quantity, held(session, order)) == (5, {"picking": 5, "waiting": 3})
    assert session.get(ReservationLineRow, (UUID(order), 1, "main", "reserved")) is None
    assert (shelves["main", "A"].reserved, shelves["main", "A"].picking) == (0, 5)


def test_nothing_is_moved_that_is_not_there(session: Session, shelves: Shelves, order: str) -> None:
    (reserved,) = reservation_lines(session, UUID(order), "reserved")
    with pytest.raises(NoResultFound):
        move_quantity(session, shelves, reserved, "closed", Decimal(6))
    assert held(session, order) == {"reserved": 5, "waiting": 3}


def test_d7_12_what_joins_the_queue_again_keeps_its_place(session: Session, shelves: Shelves, order: str) -> None:
    (waiting,) = reservation_lines(session, UUID(order), "waiting")
    waiting.skips = 1

    enqueue(session, UUID(order), {1: (("main", "A"), Decimal(4))}, at=LATER)

    assert (waiting.quantity, waiting.since, waiting.skips) == (7, MONDAY, 1)


def test_d6_6_a_whole_order_that_waits_is_cut_here_and_raised_there_and_is_then_all_there(
    engine: Engine, company: Company
) -> None:
    a_product(engine, sku="F", on_hand="3")
    a_product(engine, sku="G", on_hand="10")
    order = quote_of(engine, company, a_customer(engine, company), [("F", "5"), ("G", "2")], ship_complete=True)
    decide(engine, company, order)
    reserve(engine, order)
    wanted = {1: (("main", "F"), Decimal(3)), 2: (("main", "G"), Decimal(4))}
    with Session(engine) as session, session.begin():
        fit_lines(session, UUID(order), wanted, at=LATER)

    with Session(engine) as session:
        lines = reservation_lines(session, UUID(order))
        assert [(line.sku, line.state, line.quantity) for line in lines] == [("F", "reserved", 3), ("G", "reserved", 4)]


def test_d7_14_the_last_goods_of_a_shelf_leave_without_one(engine: Engine, company: Company) -> None:
    a_product(engine, sku="H", on_hand="6")
    order = confirmed(engine, company, ("H", "6"))
    reserve(engine, order)
    pick(engine, company, order)

    ship_picked(engine, company, order, lines=(LineQuantity("H", Decimal(5)),))

    assert stock_of(engine, "H") == (1, 0, 0)
    with Session(engine) as session:
        assert held(session, order) == {"shipped": 5, "closed": 1}


def test_a_reserve_of_goods_that_are_there_costs_no_more_statements_than_it_has_to(
    engine: Engine, company: Company
) -> None:
    for sku in "BCDE":
        a_product(engine, sku=sku, on_hand="5")
    spent = {}
    for lines in ([("B", "1")], [("C", "1")], [("D", "1"), ("E", "1")]):
        order = confirmed(engine, company, *lines)
        with statements(engine) as spent[len(lines)]:
            reserve(engine, order)

    assert len(spent[1]) <= 23, spent[1]
    assert len(spent[2]) <= len(spent[1]) + 1, spent[2]


def test_u18_how_many_are_left_waiting_is_known_from_a_run_that_saw_them_all(
    engine: Engine, company: Company, order: str
) -> None:
    for _ in range(2):
        reserve(engine, confirmed(engine, company, ("A", "4")))

    with statements(engine) as sent:
        receipt(engine, "A", "5")

    assert stock_of(engine, "A") == (10, 10, 0)
    assert not any("count(*)" in statement for statement in sent), sent
    with Session(engine) as session:
        rows = session.exec(select(StockAllocationRow).order_by(col(StockAllocationRow.id))).all()
    assert [row.waiting for row in rows] == [1, 2, 3, 2]
