"""Who waits for whom on a credit account: only steps on that account, only so long, always in one order
(D3-1, D3-3, D3-5, D3-6, U6)."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.locks import wait_for_waiters
from support.money import an_invoice
from support.storm import Storm, number_of

from activities.credit import CreditActivities
from activities.persistence import credit, decisions, orders, parties
from activities.persistence.engine import LOCK_WAIT_MS, make_engine
from activities.persistence.order_tables import CreditDecisionRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.reconsideration import reconsider_account
from activities.stock import StockActivities
from domain.credit import Outcome
from domain.credit_steps import CreditOutcome, CreditRequest, Verdict
from domain.errors import DomainError
from domain.orders import SYSTEM, Actor, OrderStep


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def impatient(database_url: str) -> Iterator[Engine]:
    """An engine that waits a fifth of a second for a lock."""
    engine = make_engine(database_url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("SET lock_timeout = '200ms'"))
    yield engine
    engine.dispose()


def decide(engine: Engine, order: str, actor: Actor, occasion: str = "decision-1") -> CreditOutcome:
    return CreditActivities(engine).decide_order_credit(CreditRequest(order, actor, occasion, MONDAY))


@contextmanager
def held(engine: Engine, customer: CustomerRow) -> Iterator[Session]:
    """Somebody works on the customer's account, and is not done."""
    with Session(engine) as session, session.begin():
        credit.lock_account(session, customer.credit_account_id)
        yield session


# -- other customers ----------------------------------------------------------------------------------------------


def test_u6_a_busy_account_holds_up_no_other_customer(impatient: Engine, engine: Engine, company: Company):
    busy, other = a_customer(engine, company), a_customer(engine, company)
    sku = a_product(engine, price="600000")
    order = a_quote(engine, company.manager, other, sku)

    with held(engine, busy):
        assert decide(impatient, order, company.manager).decision.outcome is Outcome.AUTO
        a_quote(impatient, company.manager, other, sku)


def test_u6_a_quote_of_the_busy_customer_waits_for_nothing(impatient: Engine, engine: Engine, company: Company):
    """It names the account and takes the next number, which everybody else waits for."""
    busy, sku = a_customer(engine, company), a_product(engine)

    with held(engine, busy):
        a_quote(impatient, company.manager, busy, sku)
    with Session(engine) as session, session.begin():
        parties.lock_customer(session, busy.id, company.head)
        a_quote(impatient, company.manager, busy, sku)


def test_freed_goods_go_to_an_order_that_another_step_works_on(impatient: Engine, engine: Engine, company: Company):
    """The reserve names the order; whoever frees goods holds the stock row that the other step may ask for next."""
    customer, sku = a_customer(engine, company, limit="9000000"), a_product(engine, price="1000", on_hand="5")
    has, waits = (a_quote(engine, company.manager, customer, sku, quantity="5") for _ in range(2))
    stock = StockActivities(impatient)
    for order in (has, waits):
        decide(engine, order, company.manager)
        stock.reserve_order(OrderStep(order, 1, SYSTEM, MONDAY))

    with Session(engine) as session, session.begin():
        orders.lock_order(session, waits)
        served = stock.free_order_stock(OrderStep(has, 2, company.manager, MONDAY)).served

    assert served == (waits,)


# -- waiting ------------------------------------------------------------------------------------------------------


def test_d3_3_whoever_waits_too_long_fails_and_is_tried_again(impatient: Engine, engine: Engine, company: Company):
    customer, sku = a_customer(engine, company), a_product(engine)
    order = a_quote(engine, company.manager, customer, sku)

    with held(engine, customer), pytest.raises(DBAPIError) as failure:
        decide(impatient, order, company.manager)

    assert failure.value.orig.sqlstate == "55P03"
    assert not isinstance(failure.value, DomainError), "a refusal would not be tried again"
    assert decide(impatient, order, company.manager).decision.outcome is Outcome.AUTO


def test_d3_3_the_wait_is_five_seconds(engine: Engine):
    with engine.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "5s"
    assert LOCK_WAIT_MS == 5_000


# -- the same decision twice --------------------------------------------------------------------------------------


def test_d3_5_two_attempts_at_one_decision_at_once_are_one_decision(engine: Engine, company: Company):
    customer, sku = a_customer(engine, company), a_product(engine)
    order = a_quote(engine, company.manager, customer, sku)

    with ThreadPoolExecutor(4) as pool:
        with held(engine, customer):
            attempts: list[Future[CreditOutcome]] = [
                pool.submit(decide, engine, order, company.manager) for _ in range(4)
            ]
            wait_for_waiters(engine, 4)
        outcomes = [attempt.result() for attempt in attempts]

    assert outcomes[1:] == outcomes[:-1]
    with Session(engine) as session:
        assert len(session.exec(select(CreditDecisionRow)).all()) == 1


def test_the_newest_decision_is_the_one_made_last_whatever_its_clock(engine: Engine, company: Company):
    """Clocks of processes differ, and a step may wait: a later decision may bear an earlier business time."""
    customer, sku = a_customer(engine, company), a_product(engine, price="600000")
    first, second = (a_quote(engine, company.manager, customer, sku) for _ in range(2))
    decide(engine, first, company.manager)
    decide(engine, second, company.manager)
    with Session(engine) as session, session.begin():
        account = session.get_one(CreditAccountRow, customer.credit_account_id)
        account.base_limit = Decimal(2_000_000)

    with Session(engine) as session, session.begin():
        reconsider_account(session, account_of(customer), at=MONDAY - timedelta(seconds=1))

    with Session(engine) as session:
        newest = decisions.last_decision(session, UUID(second))
        assert session.get_one(OrderRow, UUID(second)).status == "confirmed"
        assert newest is not None
        assert newest.outcome == Outcome.AUTO


def account_of(customer: CustomerRow) -> UUID:
    return customer.credit_account_id


# -- the order of locks -------------------------------------------------------------------------------------------

RANKS = {"credit_account": 1, "customer": 2, "payment": 3, "sales_order": 4, "schedule_line": 5, "approval": 5}
STOCK = {"stock"}


class LockWatch:
    """Which tables each transaction locks rows of, in its order."""

    def __init__(self, engine: Engine) -> None:
        self.finished: list[list[str]] = []
        self._open: dict[object, list[str]] = defaultdict(list)
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def _statement(self, connection, cursor, statement, *_) -> None:
        if re.search(r"FOR (NO KEY )?UPDATE", statement):
            table = re.search(r"FROM (\w+)", statement)
            assert table is not None
            self._open[connection].append(table[1])

    def _end(self, connection) -> None:
        taken = self._open.pop(connection, None)
        if taken:
            self.finished.append(taken)


def test_d3_6_every_step_locks_the_account_first(engine: Engine, company: Company):
    customer, sku = a_customer(engine, company), a_product(engine, price="400000", on_hand="3")
    an_invoice(engine, customer, "СФ-1", "1000")
    made = [a_quote(engine, company.manager, customer, sku) for _ in range(8)]
    watch = LockWatch(engine)
    storm = Storm(engine, company, random.Random(7))
    for order in made:
        storm.run(storm.place(order))
    for step in [
        storm.answer(made[2], Verdict.APPROVE),
        storm.answer(made[3], Verdict.REJECT),
        storm.answer(made[4], Verdict.REWORK),
        storm.revise(made[0], sku),
        storm.revise(made[2], sku),
        storm.cancel(made[1]),
        storm.pay(customer, 5_000, f"Оплата заказа {number_of(engine, made[0])}"),
        storm.pay(customer, 1_000),
        storm.limit(customer, 3_000_000),
        storm.expire(made[5]),
        lambda: StockActivities(engine).reserve_order(OrderStep(made[0], 1, SYSTEM, MONDAY)),
        lambda: StockActivities(engine).free_order_stock(OrderStep(made[0], 2, SYSTEM, MONDAY)),
    ]:
        storm.run(step)

    assert storm.broken == []
    assert len(watch.finished) > 15
    for taken in watch.finished:
        first = list(dict.fromkeys(taken))
        if "credit_account" in first:
            assert first[0] == "credit_account", first
            assert not STOCK & set(first), "credit and stock in one transaction"
        else:
            assert set(first) <= {"sales_order", "approval", *STOCK}, first
        ranked = [RANKS[table] for table in first if table in RANKS]
        assert ranked == sorted(ranked), first
