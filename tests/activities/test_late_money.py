"""Money against the end of a reserve: at the same instant (D7-7), after it (D7-8), and never (D7-9)."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, reserve, stock_of, tie_money

from activities.credit import CreditActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.payments import PaymentActivities
from activities.persistence.money_tables import PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.stock import StockActivities
from domain.credit_steps import CreditRequest
from domain.orders import SYSTEM, ExtendCommand, ExtendRequest, OrderStatus, StepResult, WaitReason
from domain.payments import ApplyRequest, PaymentDraft, RecordRequest

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
END = MONDAY + 7 * DAY
"""When the quote's prices and the reserve both end."""


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company, prepayment_percent=100, limit="100000000")


def reserved(engine: Engine, company: Company, customer: CustomerRow) -> tuple[str, str]:
    """An unpaid order of ten pieces for 10 000 and all that is there of them."""
    sku = a_product(engine, on_hand="10")
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    reserve(engine, order)
    return order, sku


def release(engine: Engine, order: str, number: int = 20) -> StepResult:
    released = LifetimeActivities(engine).release_order(a_step(order, number, at=END))
    if reason_of(released) is WaitReason.LATE_PAYMENT:
        OrderActivities(engine).after_release(a_step(order, number + 1, at=END))
    return released


def take_the_goods(engine: Engine, company: Company, customer: CustomerRow, sku: str, quantity: str) -> None:
    """Somebody else reserves what was released."""
    other = quote_of(engine, company, customer, [(sku, quantity)])
    decide(engine, company, other)
    reserve(engine, other, at=END)


def reason_of(result: StepResult) -> WaitReason | None:
    return result.state.wait.reason if result.state.wait else None


def look(engine: Engine, order: str, at=END + DAY) -> StepResult:
    return OrderActivities(engine).look_again(order, at)


def go_on(engine: Engine, order: str, at=END + DAY, number: int = 30) -> StepResult:
    """What the order's process does after its credit is to be decided again."""
    CreditActivities(engine).decide_order_credit(CreditRequest(order, SYSTEM, f"decision-{number}", at))
    found = StockActivities(engine).reserve_order(a_step(order, number, at=at))
    if reason_of(found) is WaitReason.STOCK:
        return OrderActivities(engine).settle_late_money(a_step(order, number + 1, at=at))
    return found


def open_tasks(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        query = select(TaskRow).where(TaskRow.order_id == UUID(order), TaskRow.state == "open").order_by(TaskRow.id)
        return [row.kind for row in session.exec(query)]


def events(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        query = text("SELECT event FROM journal WHERE subject_id = :order ORDER BY id")
        return [row.event for row in session.execute(query, {"order": order})]


def letters(engine: Engine, order: str) -> list[OutboundRow]:
    with Session(engine) as session:
        query = select(OutboundRow).where(OutboundRow.order_id == UUID(order), OutboundRow.audience == "customer")
        return list(session.exec(query))


def advance(engine: Engine) -> Decimal:
    with Session(engine) as session:
        return session.exec(select(PaymentRow)).one().unallocated


def test_d7_8_late_money_reserves_again_at_once_and_the_order_goes_on(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    order, sku = reserved(engine, company, customer)
    assert reason_of(release(engine, order)) is WaitReason.LATE_PAYMENT
    assert stock_of(engine, sku) == (10, 0, 0)
    tie_money(engine, order, "10000")

    assert look(engine, order).state.status is OrderStatus.CHECKING
    assert go_on(engine, order).state.status is OrderStatus.READY

    assert stock_of(engine, sku) == (10, 10, 0)
    assert (open_tasks(engine, order), letters(engine, order)) == ([], [])
    with Session(engine) as session:
        assert session.get_one(OrderRow, UUID(order)).gross == 10_000  # the price is kept


@pytest.mark.parametrize(("late", "goes_on"), [(5 * DAY, True), (5 * DAY + SECOND, False)])
def test_d7_8_after_its_prices_an_order_does_not_go_on_by_itself(
    engine: Engine, company: Company, customer: CustomerRow, late: timedelta, goes_on: bool
) -> None:
    order, sku = reserved(engine, company, customer)
    release(engine, order)
    tie_money(engine, order, "10000")

    found = look(engine, order, END + late)
    if goes_on:
        assert found.state.status is OrderStatus.CHECKING
        return

    assert reason_of(found) is WaitReason.LATE_PAYMENT
    assert found.state.wait.until == END + 14 * DAY
    look(engine, order, END + late + DAY)
    assert open_tasks(engine, order) == ["late_price"]
    assert events(engine, order).count("late_payment_price") == 1
    [letter] = letters(engine, order)
    assert letter.template == "late_price"
    assert {letter.key, f"order:{order}:late-price:1:manager"} <= set(found.messages)
    assert stock_of(engine, sku) == (10, 0, 0)

    extend = ExtendRequest(order, 40, ExtendCommand(company.manager, "цены те же"), END + 7 * DAY)
    LifetimeActivities(engine).extend_reservation(extend)
    assert go_on(engine, order, END + 7 * DAY).state.status is OrderStatus.READY
    assert open_tasks(engine, order) == []


@pytest.mark.parametrize(("taken", "got"), [("10", 0), ("4", 6)], ids=["none", "part"])
def test_d7_8_when_goods_are_short_the_money_is_an_advance_and_the_customer_is_asked(
    engine: Engine, company: Company, customer: CustomerRow, taken: str, got: int
) -> None:
    order, sku = reserved(engine, company, customer)
    release(engine, order)
    take_the_goods(engine, company, customer, sku, taken)
    tie_money(engine, order, "10000")
    assert look(engine, order).state.status is OrderStatus.CHECKING

    short = go_on(engine, order)

    assert reason_of(short) is (WaitReason.PAYMENT if got else WaitReason.STOCK)
    assert advance(engine) == 10_000
    assert stock_of(engine, sku) == (10, 10, 0)
    assert open_tasks(engine, order) == ["late_payment"]
    assert events(engine, order)[-2:] == ["reserved", "late_payment_short"]
    [letter] = letters(engine, order)
    assert short.messages == (letter.key,)
    assert letter.recipient == "zakup@romashka.example"
    for choice in ("подождать товар", "изменить заказ", "вернуть деньги", "10\u00a0000,00\u00a0₸"):
        assert choice in letter.body
    again = OrderActivities(engine).settle_late_money(a_step(order, 50, at=END + 2 * DAY))
    assert (again.messages, open_tasks(engine, order)) == ((), ["late_payment"])
    if got:  # whoever was asked what to do is not reminded to pay
        remind = OrderActivities(engine).remind(a_step(order, 51, at=END + 4 * DAY))
        assert (remind.messages, len(letters(engine, order))) == ((), 1)


def test_d7_8_a_customer_without_an_address_is_told_by_the_manager(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, prepayment_percent=100, email=None)
    order, sku = reserved(engine, company, customer)
    release(engine, order)
    take_the_goods(engine, company, customer, sku, "10")
    tie_money(engine, order, "10000")
    look(engine, order)
    go_on(engine, order)

    assert open_tasks(engine, order) == ["late_payment", "no_email_order"]
    assert letters(engine, order) == []


def test_d7_8_a_part_of_late_money_is_told_and_the_rest_is_awaited(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    order, _ = reserved(engine, company, customer)
    release(engine, order)
    tie_money(engine, order, "9499.99")

    for _ in range(2):
        assert reason_of(look(engine, order)) is WaitReason.LATE_PAYMENT
    assert open_tasks(engine, order) == ["call_unpaid", "part_payment"]
    assert events(engine, order).count("late_payment_part") == 1

    tie_money(engine, order, "0.01")
    assert look(engine, order).state.status is OrderStatus.CHECKING
    assert open_tasks(engine, order) == []


def test_d7_9_a_released_order_counts_no_more_and_may_be_reserved_again(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    order, sku = reserved(engine, company, customer)
    released = release(engine, order)
    assert released.state.wait.until == END + 14 * DAY
    with Session(engine) as session:
        assert session.execute(text("SELECT count(*) FROM commitment")).scalar_one() == 0

    again = END + 14 * DAY - SECOND
    extend = ExtendRequest(order, 40, ExtendCommand(company.manager, "клиент платит"), again)
    assert LifetimeActivities(engine).extend_reservation(extend).state.status is OrderStatus.CHECKING
    found = go_on(engine, order, again)

    assert reason_of(found) is WaitReason.PAYMENT
    assert found.state.wait.until >= again + 7 * DAY  # a whole lifetime anew
    assert stock_of(engine, sku) == (10, 10, 0)
    assert open_tasks(engine, order) == []


@pytest.mark.parametrize("batch", range(5))
def test_d7_7_payment_and_release_at_one_instant_never_both_and_never_neither(
    engine: Engine, company: Company, customer: CustomerRow, batch: int
) -> None:
    """Fifty orders, ten at a time, each paid and released by two transactions that start a few milliseconds apart."""
    payments = PaymentActivities(engine)
    rounds = []
    for number in range(10 * batch, 10 * batch + 10):
        order, sku = reserved(engine, company, customer)
        with Session(engine) as session:
            name = session.get_one(OrderRow, UUID(order)).number
        draft = PaymentDraft(f"race-{number}", "test", END.date(), Decimal(10_000), f"Оплата по заказу {name}",
                             payer_tax_id=customer.tax_id, currency="KZT")  # fmt: skip
        rounds.append((order, sku, payments.record_payment(RecordRequest(draft, SYSTEM, END))))

    def pay(payment: str) -> None:
        payments.apply_payment(ApplyRequest(payment, END))

    def let_end(order: str, after: float) -> None:
        time.sleep(after)
        LifetimeActivities(engine).release_order(a_step(order, 20, at=END))

    with ThreadPoolExecutor(2) as pool:
        for number, (order, _, payment) in enumerate(rounds):
            paying = pool.submit(pay, payment)
            if number == len(rounds) - 1:
                paying.result()  # at least one is paid first
            ending = pool.submit(let_end, order, number * 0.004)
            paying.result()
            ending.result()

    for order, sku, _ in rounds:
        found = look(engine, order, END)
        paid_first = found.state.status is OrderStatus.READY
        assert paid_first or found.state.status is OrderStatus.CHECKING
        assert stock_of(engine, sku) == (10, 10 if paid_first else 0, 0)
        told = events(engine, order)  # as they were written, each under the order's lock
        assert ("reservation_released" in told) is not paid_first
        assert paid_first or told.index("reservation_released") < told.index("payment_received")
    assert advance_left(engine) == 0


def advance_left(engine: Engine) -> Decimal:
    with Session(engine) as session:
        return sum((row.unallocated for row in session.exec(select(PaymentRow))), Decimal(0))
