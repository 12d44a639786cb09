"""Goods change hands by the head's word, on real PostgreSQL: what the rule promises both orders (D8-3, D8-4)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, stock_of, tie_money
from support.stock import answer_request, ask_goods, drifted, held

from activities.fulfilment import FulfilmentActivities, _start_picking
from activities.letters import compose
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence import orders
from activities.persistence.allocations import recorded_run
from activities.persistence.events import events_of
from activities.persistence.money_tables import AllocationRow, PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.policies import policy_version
from activities.persistence.queueing import queue_terms
from activities.persistence.reassignment_requests import void_requests
from activities.persistence.reassignments import decide_request, find_request
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ReservationLineRow, StockAllocationRow
from activities.stock import StockActivities
from activities.sweeps import SweepActivities
from domain.allocation import allocate
from domain.credit_errors import NotYourApprovalError
from domain.errors import DomainError, WrongStateError
from domain.orders import EndRequest, OrderStatus, WaitReason
from domain.stock_errors import (
    NotNeededError,
    NotReservedError,
    OwnReassignmentError,
    ReassignmentDecidedError,
    ReassignmentExistsError,
    SameOrderError,
    TakenFromPaidError,
    TakenFromSameClassError,
)
from domain.sweeps import SweepPage

LATER = MONDAY + timedelta(days=2)
DAY = timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def ordinary(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company, prepayment_percent=100, limit="100000000")


@pytest.fixture
def key_customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company, name="АО «Ключевой»", segment="vip", limit="100000000", email="vip@x.example")


def placed(engine: Engine, company: Company, customer: CustomerRow, lines: list[tuple[str, str]], **terms) -> str:
    order = quote_of(engine, company, customer, lines, **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order


@pytest.fixture
def pair(engine: Engine, company: Company, ordinary: CustomerRow, key_customer: CustomerRow) -> tuple[str, str, str]:
    """An ordinary unpaid order that holds all ten, a key customer's that waits for six; and the product."""
    sku = a_product(engine, on_hand="10")
    giver = placed(engine, company, ordinary, [(sku, "10")])
    return giver, placed(engine, company, key_customer, [(sku, "6")]), sku


def rows(engine: Engine, model: type, **where) -> list:
    with Session(engine) as session:
        return list(session.exec(select(model).filter_by(**where)))


def status(engine: Engine, order: str) -> str:
    [row] = rows(engine, OrderRow, id=UUID(order))
    return row.status


def wait_reason(engine: Engine, order: str) -> str:
    [row] = rows(engine, OrderRow, id=UUID(order))
    return row.wait["reason"]


def test_d8_3_nothing_is_taken_before_the_head_says_so(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 10}, {"waiting": 6})
    [task] = rows(engine, TaskRow, kind="reassignment")
    assert (task.state, str(task.assignee_id), task.details["reassignment_id"]) == (
        "open", company.head.id, str(request),
    )  # fmt: skip

    answer_request(engine, company.head, request, approve=False)

    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 10}, {"waiting": 6})
    assert rows(engine, TaskRow, kind="reassignment")[0].state == "done"


def test_d8_4_the_goods_go_to_the_key_customer_and_the_other_hears_of_it(
    engine: Engine, company: Company, pair
) -> None:
    giver, taker, sku = pair
    found = answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "6"), at=LATER)

    assert [str(order) for order in found.told] == [giver, taker]
    assert held(engine, giver) == {"reserved": 4, "waiting": 6}
    assert held(engine, taker) == {"reserved": 6}
    assert stock_of(engine, sku) == (10, 10, 0)
    assert drifted(engine) == []
    with Session(engine) as session:
        line = session.get_one(ReservationLineRow, (UUID(giver), 1, "main", "waiting"))
        assert (line.displaced_at, line.since) == (LATER, LATER)
    letters = rows(engine, OutboundRow, order_id=UUID(giver), audience="customer", template="delivery_moved")
    assert [letter.recipient for letter in letters] == ["zakup@romashka.example"]
    assert "меняется срок поставки части товара. Когда товар поступит, мы зарезервируем его" in letters[0].body
    assert "Количество: 6 меш" in letters[0].body
    assert "Ключевой" not in letters[0].body
    told = {row.template for row in rows(engine, OutboundRow, audience="staff")}
    assert {"reassignment_asked", "reserve_taken", "reserve_given"} <= told
    assert [row.state for row in rows(engine, TaskRow, kind="reserve_taken")] == ["open"]
    look = OrderActivities(engine).look_again(giver, LATER)
    assert letters[0].key in look.messages


def test_d8_4_without_an_address_the_manager_calls(engine: Engine, company: Company, key_customer) -> None:
    silent = a_customer(engine, company, prepayment_percent=100, email=None)
    sku = a_product(engine, on_hand="2")
    giver = placed(engine, company, silent, [(sku, "2")])
    taker = placed(engine, company, key_customer, [(sku, "2")])
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "2"))
    assert [row.kind for row in rows(engine, TaskRow, order_id=UUID(giver))] == ["reserve_taken", "no_email_order"]


def test_d8_4_the_run_names_who_lost_who_got_and_computes_again(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    answer_request(engine, company.head, request)
    [run] = rows(engine, StockAllocationRow, cause="reassignment")
    assert (run.subject_id, run.free_before, run.free_after) == (str(request), 0, 0)
    assert run.losses == [{"order_id": giver, "line_no": 1, "quantity": "6.000", "rule": "D8-4", "given_to": taker}]
    with Session(engine) as session:
        recorded = recorded_run([run])
        terms = queue_terms(policy_version(session, recorded.policy_version))
    again = allocate(recorded.shelves, recorded.claims, terms, recorded.at)
    assert {(part.order_id, part.line.line_no, part.line.shelf): part.given for part in again} == recorded.given


def test_d8_4_who_gave_comes_first_of_its_class_and_lives_anew(engine: Engine, company: Company, pair) -> None:
    """The older ordinary order waits behind it, a key customer before it; then all of it has a full lifetime."""
    giver, taker, sku = pair
    older = a_customer(engine, company, name="Старший", prepayment_percent=100)
    before = quote_of(engine, company, older, [(sku, "3")])
    decide(engine, company, before)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sales_order SET confirmed_at = :at WHERE id = :id"),
                           {"at": MONDAY - DAY, "id": before})  # fmt: skip
    reserve(engine, before)
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "6"), at=LATER)
    receipt(engine, sku, "6")
    assert (held(engine, giver), held(engine, before)) == ({"reserved": 10}, {"waiting": 3})

    back = LATER + DAY
    state = OrderActivities(engine).look_again(giver, back).state

    assert (state.status, state.wait and state.wait.reason) == (OrderStatus.AWAITING_PAYMENT, WaitReason.PAYMENT)
    assert state.wait is not None
    assert (state.wait.since, state.wait.until) == (back, back + 7 * DAY)
    again = OrderActivities(engine).look_again(giver, back + DAY).state
    assert again.wait == state.wait


def test_d8_4_who_gave_everything_waits_for_goods_without_a_lifetime(
    engine: Engine, company: Company, ordinary, key_customer
) -> None:
    sku = a_product(engine, on_hand="10")
    giver, taker = (placed(engine, company, customer, [(sku, "10")]) for customer in (ordinary, key_customer))
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "9"), at=LATER)
    assert (status(engine, giver), wait_reason(engine, giver)) == ("part_reserved", "payment")
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "1"), at=LATER)
    assert (status(engine, giver), wait_reason(engine, giver)) == ("confirmed", "stock")


def test_d8_4_an_order_on_deferral_loses_its_picking_task(engine: Engine, company: Company, key_customer) -> None:
    """Shipped on credit, not paid, not picked: its goods may be taken, and nobody is sent to pick them."""
    sku = a_product(engine, on_hand="5")
    giver = placed(engine, company, a_customer(engine, company, name="На отсрочке"), [(sku, "5")])
    taker = placed(engine, company, key_customer, [(sku, "5")])

    FulfilmentActivities(engine).call_for_picking(a_step(giver, 2))
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "5"))
    assert [row.state for row in rows(engine, TaskRow, order_id=UUID(giver), kind="picking")] == ["cancelled"]
    assert (status(engine, giver), held(engine, giver)) == ("confirmed", {"waiting": 5})


def test_d8_5_goods_taken_for_a_whole_order_are_gathered_for_it(
    engine: Engine, company: Company, ordinary, key_customer
) -> None:
    sku, other = a_product(engine, on_hand="5"), a_product(engine)
    giver = placed(engine, company, ordinary, [(sku, "5")])
    taker = placed(engine, company, key_customer, [(sku, "5"), (other, "1")], ship_complete=True)
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "5"), at=LATER)
    with Session(engine) as session:
        line = session.get_one(ReservationLineRow, (UUID(taker), 2, "main", "waiting"))
        assert line.gathering_since == LATER
    receipt(engine, other, "1")
    assert held(engine, taker) == {"reserved": 6}


def test_d8_5_what_a_whole_order_keeps_after_it_gave_is_held_for_a_week(
    engine: Engine, company: Company, ordinary, key_customer
) -> None:
    sku, other = a_product(engine, on_hand="5"), a_product(engine, on_hand="2")
    giver = placed(engine, company, ordinary, [(sku, "5"), (other, "2")], ship_complete=True)
    taker = placed(engine, company, key_customer, [(sku, "3")])
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "3"), at=LATER)
    assert held(engine, giver) == {"waiting": 3, "reserved": 4}

    for at, kept in ((LATER + 7 * DAY - DAY / 9, {"waiting": 3, "reserved": 4}), (LATER + 7 * DAY, {"waiting": 7})):
        SweepActivities(engine).sweep_shelves(SweepPage(at))
        assert held(engine, giver) == kept


def refused(call: Callable[[], object]) -> type[DomainError] | None:
    try:
        call()
    except DomainError as error:
        return type(error)
    return None


def test_d8_4_what_may_not_be_asked_for(engine: Engine, company: Company, ordinary, key_customer, pair) -> None:
    giver, taker, sku = pair
    other = placed(engine, company, ordinary, [(sku, "1")])
    vip_holds = a_product(engine, on_hand="3")
    vip_giver = placed(engine, company, key_customer, [(vip_holds, "3")])

    def ask(quantity: str, giving: str = giver, getting: str = taker, product: str = sku) -> type[DomainError] | None:
        return refused(lambda: ask_goods(engine, company.manager, product, giving, getting, quantity))

    assert ask("10.001") is NotReservedError
    assert ask("6.001") is NotNeededError
    assert ask("1", getting=other) is TakenFromSameClassError
    assert ask("1", giving=vip_giver, product=vip_holds) is TakenFromSameClassError
    assert ask("1", getting=giver) is SameOrderError
    assert ask("6") is None
    assert ask("6") is ReassignmentExistsError
    tie_money(engine, giver, "0.01")
    assert ask("1", product=vip_holds) is TakenFromPaidError


def test_d8_6_a_lift_by_waiting_takes_nothing_from_anybody(engine: Engine, company: Company, ordinary, pair) -> None:
    giver, _, sku = pair
    old = placed(engine, company, ordinary, [(sku, "2")])
    at = MONDAY + 30 * DAY
    assert refused(lambda: ask_goods(engine, company.head, sku, giver, old, "2", at=at)) is TakenFromSameClassError


def test_d4_5_neither_the_asker_nor_the_owner_decides_and_the_first_answer_stands(
    engine: Engine, company: Company, pair
) -> None:
    giver, taker, sku = pair
    asked = ask_goods(engine, company.head, sku, giver, taker, "6")
    assert refused(lambda: answer_request(engine, company.head, asked)) is OwnReassignmentError
    assert refused(lambda: answer_request(engine, company.head, asked, approve=False)) is OwnReassignmentError
    with engine.begin() as connection:
        connection.execute(text("UPDATE sales_order SET manager_id = :who WHERE id = :id"),
                           {"who": company.director.id, "id": taker})  # fmt: skip
    assert refused(lambda: answer_request(engine, company.director, asked)) is OwnReassignmentError
    assert held(engine, giver) == {"reserved": 10}
    with engine.begin() as connection:
        connection.execute(text("UPDATE sales_order SET manager_id = :who WHERE id = :id"),
                           {"who": company.manager.id, "id": taker})  # fmt: skip
    answer_request(engine, company.director, asked)
    assert refused(lambda: answer_request(engine, company.director, asked)) is ReassignmentDecidedError


def test_d4_1_a_head_of_another_branch_decides_only_where_asked(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair

    def move_to(region: str) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE app_user SET region = :region WHERE login = 'head'"), {"region": region})

    with engine.begin() as connection:
        connection.execute(text("UPDATE customer SET region = 'Алматы' WHERE segment = 'vip'"))
    move_to("Астана")
    asked = ask_goods(engine, company.manager, sku, giver, taker, "6")
    assert refused(lambda: answer_request(engine, company.head, asked)) is NotYourApprovalError
    assert refused(lambda: answer_request(engine, company.head, asked, approve=False)) is NotYourApprovalError
    assert held(engine, giver) == {"reserved": 10}
    move_to("Алматы")
    answer_request(engine, company.head, asked)
    assert held(engine, taker) == {"reserved": 6}


def test_d4_5_the_task_goes_to_the_director_where_the_head_asked(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    ask_goods(engine, company.head, sku, giver, taker, "6")
    assert [str(row.assignee_id) for row in rows(engine, TaskRow, kind="reassignment")] == [company.director.id]


def test_a_request_is_void_once_there_is_nothing_to_give(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    tie_money(engine, giver, "10000")
    found = answer_request(engine, company.head, request)
    assert isinstance(found.refusal, TakenFromPaidError)
    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 10}, {"waiting": 6})
    with Session(engine) as session:
        assert find_request(session, request).state == "void"
    assert [row.state for row in rows(engine, TaskRow, kind="reassignment")] == ["cancelled"]
    assert refused(lambda: answer_request(engine, company.head, request)) is ReassignmentDecidedError


def test_a_request_is_void_once_the_goods_came_another_way(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    receipt(engine, sku, "6")
    assert isinstance(answer_request(engine, company.head, request).refusal, NotNeededError)
    assert held(engine, giver) == {"reserved": 10}


def test_d8_4_by_the_time_of_the_answer_a_part_is_enough(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    receipt(engine, sku, "2")
    found = answer_request(engine, company.head, request)
    assert found.row.moved == 4
    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 6, "waiting": 4}, {"reserved": 6})


# -- what nobody can grant any more is withdrawn when that happens --------------------------------------------------


def request_state(engine: Engine, request: UUID) -> tuple[str, str]:
    """Of a request, and of the head's task."""
    with Session(engine) as session:
        state = find_request(session, request).state
    tasks = rows(engine, TaskRow, kind="reassignment")
    [task] = [row.state for row in tasks if row.details["reassignment_id"] == str(request)]
    return state, task


OPEN, WITHDRAWN = ("requested", "open"), ("void", "cancelled")


def end(engine: Engine, company: Company, order: str) -> None:
    OrderActivities(engine).end_order(EndRequest(order, OrderStatus.CANCELLED, company.manager, "", MONDAY))


def free(engine: Engine, order: str) -> None:
    StockActivities(engine).free_order_stock(a_step(order, 21))


def test_d8_4_a_payment_withdraws_what_was_asked_of_the_order(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    OrderActivities(engine).look_again(giver, MONDAY)
    assert request_state(engine, request) == OPEN
    tie_money(engine, giver, "0.01")
    OrderActivities(engine).look_again(giver, MONDAY)
    assert request_state(engine, request) == WITHDRAWN
    with Session(engine) as session:
        events = [event.event for event in events_of(session, "reassignment", request)]
    assert sorted(events) == ["reassignment_requested", "reassignment_void"]


def test_d8_4_picking_withdraws_what_was_asked_of_the_order(engine: Engine, company: Company, key_customer) -> None:
    sku = a_product(engine, on_hand="5")
    giver = placed(engine, company, a_customer(engine, company, name="На отсрочке"), [(sku, "5")])
    taker = placed(engine, company, key_customer, [(sku, "5")])
    request = ask_goods(engine, company.manager, sku, giver, taker, "5")
    pick(engine, company, giver)
    assert request_state(engine, request) == WITHDRAWN


@pytest.mark.parametrize("whose", ["giver", "taker"])
@pytest.mark.parametrize("how", ["released", "freed", "ended"])
def test_d7_17_an_order_that_gives_everything_up_leaves_no_request(
    engine: Engine, company: Company, key_customer, how: str, whose: str
) -> None:
    sku, there = a_product(engine, on_hand="10"), a_product(engine, on_hand="1")
    prepaid = a_customer(engine, company, prepayment_percent=100)
    prepaid_key = a_customer(engine, company, segment="vip", prepayment_percent=100)
    giver, taker, other = (
        placed(engine, company, customer, [(sku, quantity), *more])
        for customer, quantity, more in (
            (prepaid, "10", []), (prepaid_key, "6", [(there, "1")]), (key_customer, "1", []),
        )
    )  # fmt: skip
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    beside = ask_goods(engine, company.manager, sku, giver, other, "1")
    order = {"giver": giver, "taker": taker}[whose]
    match how:
        case "released":
            LifetimeActivities(engine).release_order(a_step(order, 20, at=MONDAY + 8 * DAY))
        case "freed":
            free(engine, order)
        case "ended":
            end(engine, company, order)
    assert request_state(engine, request) == WITHDRAWN
    assert request_state(engine, beside) == (WITHDRAWN if whose == "giver" else OPEN)


def test_d8_4_an_order_that_was_served_on_the_shelf_needs_nobody_elses_goods(
    engine: Engine, company: Company, pair, key_customer
) -> None:
    giver, _, sku = pair
    other = a_product(engine)
    taker = placed(engine, company, key_customer, [(sku, "2"), (other, "1")])
    request = ask_goods(engine, company.manager, sku, giver, taker, "2")
    receipt(engine, sku, "7")
    OrderActivities(engine).look_again(taker, MONDAY)
    assert request_state(engine, request) == OPEN  # one is still missing
    receipt(engine, sku, "1")
    OrderActivities(engine).look_again(taker, MONDAY)
    assert held(engine, taker) == {"reserved": 2, "waiting": 1}
    assert request_state(engine, request) == WITHDRAWN


def test_d8_4_an_answer_meets_a_request_that_is_being_withdrawn(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    ends = race(lambda s: void_requests(s, UUID(taker), at=MONDAY),
                lambda: answer_request(engine, company.head, request), engine)  # fmt: skip
    assert isinstance(ends, ReassignmentDecidedError)
    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 10}, {"waiting": 6})


# -- races: two transactions, the second starts while the first still holds its locks --------------------------------


def race(first: Callable[[Session], object], second: Callable[[], object], engine: Engine) -> object:
    """Run `second` while a transaction that did `first` is open, then commit the first; what the second came to."""
    with ThreadPoolExecutor(1) as pool, Session(engine) as session:
        with session.begin():
            first(session)
            session.flush()
            begun = threading.Event()

            def run() -> object:
                begun.set()
                try:
                    return second()
                except DomainError as error:
                    return error

            other = pool.submit(run)
            begun.wait()
            with pytest.raises(TimeoutError):
                other.result(timeout=0.4)
        return other.result(timeout=20)


def test_d8_4_money_that_commits_first_wins(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")

    def pay(session: Session) -> None:
        order = orders.lock_order(session, giver)
        payment = PaymentRow(
            identity="p", source="test", posted_on=MONDAY.date(), amount=Decimal(10000), currency="KZT", purpose="",
            customer_id=order.customer_id, credit_account_id=order.credit_account_id, state="matched",
            unallocated=Decimal(0), recorded_at=MONDAY,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(AllocationRow(payment_id=payment.id, order_id=order.id, amount=Decimal(10000), at=MONDAY))

    found = race(pay, lambda: answer_request(engine, company.head, request), engine)
    assert isinstance(found.refusal, TakenFromPaidError)  # type: ignore[attr-defined]
    assert held(engine, giver) == {"reserved": 10}


def test_d8_4_picking_that_commits_first_wins_and_one_that_comes_later_finds_the_goods_gone(
    engine: Engine, company: Company, key_customer
) -> None:

    sku = a_product(engine, on_hand="5")
    giver = placed(engine, company, a_customer(engine, company, name="На отсрочке"), [(sku, "5")])
    taker = placed(engine, company, key_customer, [(sku, "5")])
    first = ask_goods(engine, company.manager, sku, giver, taker, "5")
    step = a_step(giver, 5, company.warehouse)
    found = race(lambda s: _start_picking(s, step), lambda: answer_request(engine, company.head, first), engine)
    assert isinstance(found, ReassignmentDecidedError)  # picking withdrew the request
    assert (held(engine, giver), held(engine, taker)) == ({"picking": 5}, {"waiting": 5})

    sku = a_product(engine, on_hand="5")
    giver = placed(engine, company, a_customer(engine, company, name="Ещё один"), [(sku, "5")])
    taker = placed(engine, company, key_customer, [(sku, "5")])
    second = ask_goods(engine, company.manager, sku, giver, taker, "5")

    def give(session: Session) -> None:
        decide_request(session, second, company.head, approve=True, comment=None, compose=compose, at=MONDAY)

    late = race(give, lambda: pick(engine, company, giver), engine)
    assert isinstance(late, WrongStateError)
    assert (held(engine, giver), held(engine, taker)) == ({"waiting": 5}, {"reserved": 5})
    assert status(engine, giver) == "confirmed"
    assert drifted(engine) == []


def test_d4_8_of_two_heads_at_once_one_decides(engine: Engine, company: Company, pair) -> None:
    giver, taker, sku = pair
    request = ask_goods(engine, company.manager, sku, giver, taker, "6")
    who = [company.head, company.director]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda actor: refused(lambda: answer_request(engine, actor, request)), who))
    assert sorted(map(str, answers)) == sorted(map(str, [None, ReassignmentDecidedError]))
    assert (held(engine, giver), held(engine, taker)) == ({"reserved": 4, "waiting": 6}, {"reserved": 6})


def test_many_answers_at_once_give_no_more_than_is_waited_for(
    engine: Engine, company: Company, ordinary, key_customer
) -> None:
    """Every order that holds goods is asked for every order that waits; the answers meet on one shelf."""
    sku = a_product(engine, on_hand="10")
    givers = [placed(engine, company, ordinary, [(sku, "5")]) for _ in range(2)]
    takers = [placed(engine, company, key_customer, [(sku, "4")]) for _ in range(2)]
    requests = [ask_goods(engine, company.manager, sku, giver, taker, "4") for giver in givers for taker in takers]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda request: answer_request(engine, company.head, request), requests))
    assert [held(engine, taker) for taker in takers] == [{"reserved": 4}] * 2
    assert stock_of(engine, sku) == (10, 10, 0)
    assert drifted(engine) == []
