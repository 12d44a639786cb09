"""Who waits for whom on a shelf, and what a step finds once the shelf is its own (D3-6, D6-6, D7-12, D7-16)."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, stock_of
from support.locks import wait_for_waiters

from activities.persistence.receipts import receive
from activities.persistence.stock import enqueue, lock_shelves, lock_shelves_of, reservation_lines
from activities.revisions import RevisionActivities
from activities.stock import StockActivities
from domain.orders import LineQuantity, OrderStatus, StepResult
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@contextmanager
def coming_in(engine: Engine, sku: str, quantity: str) -> Iterator[None]:
    """Goods come in and serve the queue, in a transaction that is not over yet."""
    with Session(engine) as session, session.begin():
        receive(session, "main", [LineQuantity(sku, Decimal(quantity))], key="late", as_of=MONDAY)
        session.flush()
        yield


def confirmed(engine: Engine, company: Company, lines: list[tuple[str, str]], **terms: bool) -> str:
    order = quote_of(engine, company, a_customer(engine, company), lines, **terms)
    decide(engine, company, order)
    return order


def test_d6_6_a_reserve_is_fitted_to_what_the_queue_gave_it_meanwhile(
    engine: Engine, company: Company, pool: ThreadPoolExecutor
) -> None:
    sku = a_product(engine)
    order = confirmed(engine, company, [(sku, "5")])
    reserve(engine, order)
    more = ReviseCommand(company.manager, lines=(RevisedLine(sku, Decimal(7)),), reason="ещё")
    assert RevisionActivities(engine).revise_order(ReviseRequest(order, 2, more, MONDAY)).refit

    with coming_in(engine, sku, "5"):
        fitting: Future[StepResult] = pool.submit(StockActivities(engine).fit_reserve, a_step(order, 3))
        wait_for_waiters(engine, 1)

    assert fitting.result(10).state.status is OrderStatus.PART_RESERVED
    assert stock_of(engine, sku) == (5, 5, 0)
    receipt(engine, sku, "9")
    assert stock_of(engine, sku) == (14, 7, 0)


def test_d7_16_what_the_queue_gives_meanwhile_does_not_stop_the_picking(
    engine: Engine, company: Company, pool: ThreadPoolExecutor
) -> None:
    a_product(engine, sku="A", on_hand="5")
    a_product(engine, sku="B")
    order = confirmed(engine, company, [("A", "5"), ("B", "3")])
    reserve(engine, order)

    with at_work(engine, "A"):
        picking: Future[StepResult] = pool.submit(pick, engine, company, order)
        wait_for_waiters(engine, 1)
        receipt(engine, "B", "3")

    assert picking.result(10).state.status is OrderStatus.PICKING
    assert stock_of(engine, "A") == (5, 0, 5)
    on_hand, reserved, being_picked = stock_of(engine, "B")
    assert (on_hand, reserved + being_picked) == (3, 3)


def test_d3_6_a_line_that_was_read_before_its_shelf_was_locked_is_read_again(engine: Engine, company: Company) -> None:
    a_product(engine, sku="A", on_hand="5")
    order = confirmed(engine, company, [("A", "7")])
    reserve(engine, order)

    with Session(engine) as session, session.begin():
        (line,) = reservation_lines(session, UUID(order), "reserved")
        assert line.quantity == 5
        receipt(engine, "A", "1")
        lock_shelves(session, [("main", "A")])
        assert [line.quantity for line in reservation_lines(session, UUID(order), "reserved")] == [6]


def test_d3_6_the_shelves_of_an_order_are_found_and_locked_as_the_queue_left_them(
    engine: Engine, company: Company, pool: ThreadPoolExecutor
) -> None:
    for sku, on_hand in (("A", "5"), ("B", "1"), ("C", "1")):
        a_product(engine, sku=sku, on_hand=on_hand)
    order = confirmed(engine, company, [("A", "7"), ("B", "1")])
    reserve(engine, order)

    def seen() -> tuple[dict[str, Decimal], dict[tuple[str, str], Decimal]]:
        with Session(engine) as session, session.begin():
            shelves = lock_shelves_of(session, UUID(order), "waiting", "reserved")
            lines = reservation_lines(session, UUID(order), "waiting", "reserved")
            return {sku: row.reserved for (_, sku), row in shelves.items()}, {
                (e.sku, e.state): e.quantity for e in lines
            }

    assert seen() == ({"A": 5, "B": 1}, {("A", "reserved"): 5, ("A", "waiting"): 2, ("B", "reserved"): 1})
    with coming_in(engine, "A", "2"):
        other = pool.submit(seen)
        wait_for_waiters(engine, 1)
    assert other.result(10) == ({"A": 7, "B": 1}, {("A", "reserved"): 7, ("B", "reserved"): 1})


def test_d3_6_an_order_that_holds_nothing_locks_nothing(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="5")
    order = confirmed(engine, company, [(sku, "5")])
    with Session(engine) as session, session.begin():
        assert lock_shelves_of(session, UUID(order), "waiting", "reserved") == {}
        reserve(engine, order)
        assert lock_shelves_of(session, UUID(order), "reserved", warehouse="north") == {}
        assert lock_shelves_of(session, UUID(order), "reserved", warehouse="main").keys() == {("main", sku)}


def test_d3_6_shelves_are_locked_in_their_order_whatever_order_they_are_named_in(
    engine: Engine, company: Company, pool: ThreadPoolExecutor
) -> None:
    for sku in ("B", "A", "C"):
        a_product(engine, sku=sku, on_hand="1")

    with at_work(engine, "B"):
        other = pool.submit(work_on, engine, ["C", "B", "A"])
        wait_for_waiters(engine, 1)
        assert (is_free(engine, "A"), is_free(engine, "C")) == (False, True)

    other.result(10)


def test_d7_12_when_a_whole_order_joins_meanwhile_its_other_shelves_are_locked_too_in_their_order(
    engine: Engine, company: Company, pool: ThreadPoolExecutor
) -> None:
    """And until they are, nobody waits for the shelf that was there first."""
    a_product(engine, sku="A", on_hand="4")
    a_product(engine, sku="B")
    order = confirmed(engine, company, [("A", "4"), ("B", "2")], ship_complete=True)
    lines = [(1, "A", Decimal(4)), (2, "B", Decimal(2))]

    with at_work(engine, "A") as busy:
        with at_work(engine, "B") as joining:
            receiving = pool.submit(receipt, engine, "B", "2")
            wait_for_waiters(engine, 1)
            enqueue(joining, UUID(order), {n: (("main", sku), quantity) for n, sku, quantity in lines}, at=MONDAY)
        wait_for_waiters(engine, 1, on=busy)
        assert is_free(engine, "B")

    receiving.result(10)
    assert (stock_of(engine, "A"), stock_of(engine, "B")) == ((4, 4, 0), (2, 2, 0))


@contextmanager
def at_work(engine: Engine, sku: str) -> Iterator[Session]:
    """Somebody works on a shelf, and is not done."""
    with Session(engine) as session, session.begin():
        lock_shelves(session, [("main", sku)])
        yield session


def work_on(engine: Engine, skus: list[str]) -> None:
    with Session(engine) as session, session.begin():
        lock_shelves(session, [("main", sku) for sku in skus])


def is_free(engine: Engine, sku: str) -> bool:
    """Whether nobody holds the shelf."""
    query = text("SELECT FROM stock WHERE sku = :sku FOR UPDATE NOWAIT")
    try:
        with engine.begin() as connection:
            connection.execute(query, {"sku": sku})
    except DBAPIError:
        return False
    return True
