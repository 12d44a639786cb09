"""Reserve, release, pick, ship and invoice on real PostgreSQL (D7, D8-1, D12-4), each once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, pick, receipt, reserve, ship_picked, stock_of, tie_money
from support.money import an_invoice

from activities.credit import CreditActivities
from activities.fulfilment import FulfilmentActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence.events import events_of
from activities.persistence.money_tables import InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import CommitmentRow
from activities.persistence.receipts import receive
from activities.persistence.record_tables import TaskRow
from activities.persistence.stock_tables import ReservationLineRow
from activities.stock import StockActivities
from domain.credit_steps import CreditRequest
from domain.errors import ExtensionUsedError, ShipQuantityError, WrongStateError
from domain.invoicing import Invoiced
from domain.orders import (
    SYSTEM,
    Actor,
    CancelCommand,
    EndRequest,
    ExtendCommand,
    ExtendRequest,
    LineQuantity,
    OrderStatus,
    StepResult,
    WaitReason,
)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def pick_and_ship(engine: Engine, company: Company, order: str, lines: tuple[LineQuantity, ...] = ()) -> Invoiced:
    pick(engine, company, order)
    return ship_picked(engine, company, order, lines=lines)


def confirmed(engine: Engine, company: Company, customer, sku: str, **terms) -> str:
    now = terms.get("now", MONDAY)
    order = a_quote(engine, company.manager, customer, sku, **terms)
    CreditActivities(engine).decide_order_credit(CreditRequest(order, company.manager, "decision-1", now))
    return order


def test_v20_a_prepaid_reserve_lives_seven_days_and_reminds_on_the_third(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="500")
    order = confirmed(engine, company, customer, sku, quantity="100")

    state = reserve(engine, order).state

    assert state.status is OrderStatus.AWAITING_PAYMENT
    assert state.wait is not None
    assert state.wait.reminder_at == datetime(2026, 4, 9, 5, tzinfo=UTC)
    assert state.wait.until == datetime(2026, 4, 13, 5, tzinfo=UTC)
    assert stock_of(engine, sku) == (500, 100, 0)


@pytest.mark.parametrize(("days", "until"), [(3, 9), (7, 13), (14, 20)])
def test_d7_2_the_lifetime_is_the_customers_own(engine: Engine, company: Company, days: int, until: int) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="1")
    with engine.begin() as connection:
        connection.execute(text("UPDATE customer SET reservation_days = :days"), {"days": days})
    state = reserve(engine, confirmed(engine, company, customer, sku)).state

    assert state.wait is not None
    assert state.wait.until == datetime(2026, 4, until, 5, tzinfo=UTC)


def test_d7_5_an_order_on_deferral_is_ready_by_itself(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="5")
    state = reserve(engine, confirmed(engine, company, customer, sku)).state

    assert (state.status, state.wait and state.wait.reason) == (OrderStatus.READY, WaitReason.PICKING)
    assert state.wait is not None
    assert state.wait.reminder_at == datetime(2026, 4, 9, 7, tzinfo=UTC)
    assert state.wait.until == datetime(2026, 4, 16, 7, tzinfo=UTC)


def test_d7_12_a_part_is_reserved_and_a_receipt_serves_the_rest(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="7")
    order = confirmed(engine, company, customer, sku, quantity="10")
    assert reserve(engine, order).state.status is OrderStatus.PART_RESERVED

    with Session(engine) as session, session.begin():
        touched = receive(session, "main", [LineQuantity(sku, Decimal(5))], key="r1", as_of=MONDAY)
    assert [str(each) for each in touched] == [order]
    state = OrderActivities(engine).look_again(order, MONDAY).state

    assert state.status is OrderStatus.READY
    assert stock_of(engine, sku) == (12, 10, 0)


def test_a_receipt_counts_once_per_key(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    for _ in range(2):
        with Session(engine) as session, session.begin():
            receive(session, "main", [LineQuantity(sku, Decimal(5))], key="same", as_of=MONDAY)
    assert stock_of(engine, sku) == (5, 0, 0)


def test_d7_6_release_gives_goods_to_the_queue_in_the_same_step(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    first = confirmed(engine, company, customer, sku, quantity="10")
    second = confirmed(engine, company, customer, sku, quantity="4")
    assert reserve(engine, first).state.status is OrderStatus.AWAITING_PAYMENT
    assert reserve(engine, second).state.status is OrderStatus.CONFIRMED

    at = MONDAY + timedelta(days=7)
    released = LifetimeActivities(engine).release_order(a_step(first, 2, at=at))
    OrderActivities(engine).after_release(a_step(first, 3, at=at))

    assert released.served == (second,)
    assert released.state.wait is not None
    assert released.state.wait.reason is WaitReason.LATE_PAYMENT
    assert stock_of(engine, sku) == (10, 4, 0)
    with Session(engine) as session:
        assert [task.kind for task in session.exec(select(TaskRow).where(TaskRow.order_id == UUID(first)))] == [
            "call_unpaid"
        ]
        assert session.get(CommitmentRow, UUID(first)) is None


def test_d7_8_an_order_confirmed_anew_is_reserved_although_it_is_looked_at_before(
    engine: Engine, company: Company
) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    at = MONDAY + timedelta(days=7)
    LifetimeActivities(engine).release_order(a_step(order, 2, at=at))
    tie_money(engine, order, "10000")
    OrderActivities(engine).look_again(order, at)
    CreditActivities(engine).decide_order_credit(CreditRequest(order, company.manager, "decision-2", at))

    assert OrderActivities(engine).look_again(order, at).state.wait is None
    state = StockActivities(engine).reserve_order(a_step(order, 4, at=at)).state

    assert state.status is OrderStatus.READY
    assert stock_of(engine, sku) == (10, 10, 0)


def test_d7_12_an_order_that_waits_for_goods_is_not_queued_twice(engine: Engine, company: Company) -> None:
    """A workflow that is started anew numbers its steps anew."""
    customer, sku = a_customer(engine, company), a_product(engine)
    order = confirmed(engine, company, customer, sku, quantity="4")
    reserve(engine, order)
    StockActivities(engine).reserve_order(a_step(order, 7))

    with Session(engine) as session, session.begin():
        receive(session, "main", [LineQuantity(sku, Decimal(9))], key="r1", as_of=MONDAY)

    assert stock_of(engine, sku) == (9, 4, 0)


def test_d7_7_money_that_came_first_stops_the_release(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    tie_money(engine, order, "10000")

    result = LifetimeActivities(engine).release_order(a_step(order, 2, at=MONDAY + timedelta(days=7)))

    assert result.state.status is OrderStatus.READY
    assert stock_of(engine, sku) == (10, 10, 0)


@pytest.mark.parametrize(
    ("prepayment", "ends_at"), [(100, MONDAY + timedelta(days=7)), (0, datetime(2026, 4, 16, 7, tzinfo=UTC))]
)
def test_d7_6_a_release_before_its_time_does_nothing(
    engine: Engine, company: Company, prepayment: int, ends_at: datetime
) -> None:
    """Whoever set the timer may not know that the reserve was prolonged since, paid (D7-2) or not (D7-5)."""
    customer, sku = a_customer(engine, company, prepayment_percent=prepayment), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku)
    reserve(engine, order)

    LifetimeActivities(engine).release_order(a_step(order, 2, at=ends_at - timedelta(seconds=1)))
    assert stock_of(engine, sku) == (10, 1, 0)

    LifetimeActivities(engine).release_order(a_step(order, 3, at=ends_at))
    assert stock_of(engine, sku) == (10, 0, 0)


def told(engine: Engine, order: str) -> list[tuple[str, str]]:
    """What the journal says about an order, and who did it."""
    with Session(engine) as session:
        return [(event.event, event.actor_name) for event in events_of(session, "order", UUID(order))]


def test_u2_the_journal_tells_the_whole_way_of_an_order_and_who_took_each_step(
    engine: Engine, company: Company
) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="10")
    shipped, released = (confirmed(engine, company, customer, sku) for _ in range(2))
    for order in (shipped, released):
        reserve(engine, order)
    pick_and_ship(engine, company, shipped)
    LifetimeActivities(engine).release_order(a_step(released, 2, at=datetime(2026, 4, 16, 7, tzinfo=UTC)))

    begun = [("quoted", "Анна Ким"), ("credit_decided", "Анна Ким"), ("reserved", SYSTEM.name)]
    assert told(engine, shipped) == [
        *begun,
        ("picking_started", "Тимур Оспанов"),
        ("shipped", "Тимур Оспанов"),
        ("invoiced", SYSTEM.name),
    ]
    assert told(engine, released) == [*begun, ("reservation_released", SYSTEM.name)]


def moves(engine: Engine, order: str) -> list[str]:
    """Where the journal says that an order was moved, and what it waits for there."""
    with Session(engine) as session:
        moved = [event.data for event in events_of(session, "order", order) if event.event == "order_moved"]
    return [f"{data['status']}:{data['waits_for']}" for data in moved]


@pytest.mark.parametrize(("received", "then"), [("9499.99", []), ("9500", ["ready:picking"])])
def test_u2_money_that_moves_an_order_is_told_once(
    engine: Engine, company: Company, received: str, then: list[str]
) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    looked_at, at_its_end = (confirmed(engine, company, customer, sku, quantity="10") for _ in range(2))
    receipt(engine, sku, "10")
    for order in (looked_at, at_its_end):
        reserve(engine, order)
        tie_money(engine, order, received)
    for _ in range(2):
        OrderActivities(engine).look_again(looked_at, MONDAY)
    LifetimeActivities(engine).release_order(a_step(at_its_end, 2, at=MONDAY + timedelta(days=7)))

    assert moves(engine, looked_at) == moves(engine, at_its_end) == then


def test_u2_goods_that_move_an_order_are_told_at_each_step(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    order = confirmed(engine, company, a_customer(engine, company, prepayment_percent=100), sku, quantity="10")
    reserve(engine, order)
    for quantity in ("4", "6"):
        receipt(engine, sku, quantity)
        OrderActivities(engine).look_again(order, MONDAY)

    assert moves(engine, order) == ["part_reserved:payment", "awaiting_payment:payment"]


def test_u2_money_for_a_part_is_told_although_the_order_keeps_its_status(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="4")
    order = confirmed(engine, company, a_customer(engine, company, prepayment_percent=100), sku, quantity="10")
    assert reserve(engine, order).state.status is OrderStatus.PART_RESERVED
    tie_money(engine, order, "10000")
    OrderActivities(engine).look_again(order, MONDAY)

    assert moves(engine, order) == ["part_reserved:stock"]


def test_d7_10_the_manager_extends_once_the_head_further(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku)
    reserve(engine, order)

    def extend(number: int, actor: Actor) -> StepResult:
        request = ExtendRequest(order, number, ExtendCommand(actor, "платёжка"), MONDAY + timedelta(days=1))
        return LifetimeActivities(engine).extend_reservation(request)

    state = extend(2, company.manager).state
    assert state.wait is not None
    assert state.wait.until == datetime(2026, 4, 20, 5, tzinfo=UTC)
    with pytest.raises(ExtensionUsedError):
        extend(3, company.manager)
    longer = extend(4, company.head).state
    assert longer.wait is not None
    assert longer.wait.until == datetime(2026, 4, 27, 5, tzinfo=UTC)
    assert OrderActivities(engine).look_again(order, MONDAY + timedelta(days=2)).state == longer


@pytest.mark.parametrize(("received", "after"), [("9499.99", "awaiting_payment"), ("9500", "ready")])
def test_d9_7_a_shortfall_within_tolerance_releases_the_order(
    engine: Engine, company: Company, received: str, after: str
) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    tie_money(engine, order, received)

    assert OrderActivities(engine).look_again(order, MONDAY).state.status == after


def test_d12_4_receivables_rise_by_what_the_commitment_falls(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)

    invoiced = pick_and_ship(engine, company, order)

    assert invoiced.state.status is OrderStatus.AWAITING_FINAL_PAYMENT
    assert len(invoiced.watch) == 1
    assert stock_of(engine, sku) == (0, 0, 0)
    with Session(engine) as session:
        [line] = session.exec(select(ScheduleLineRow)).all()
        assert (line.residual, line.due_date.isoformat()) == (10_000, "2026-04-20")
        assert session.get(CommitmentRow, UUID(order)) is None


def test_an_invoice_passes_by_the_numbers_of_opening_balances(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="10")
    taken_over = [an_invoice(engine, customer, number, "1.00") for number in ("СФ-000001", "СФ-000002")]
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)

    [watched] = pick_and_ship(engine, company, order).watch

    assert watched.invoice_number == "СФ-000003"
    assert watched.schedule_line_id not in taken_over


def test_a_prepaid_order_closes_with_its_shipment(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    tie_money(engine, order, "10500")
    OrderActivities(engine).look_again(order, MONDAY)

    invoiced = pick_and_ship(engine, company, order)

    assert (invoiced.state.status, invoiced.watch) == (OrderStatus.CLOSED, ())
    with Session(engine) as session:
        assert session.exec(select(PaymentRow)).one().unallocated == 500


def test_d6_11_thirty_seventy_watches_the_deferred_part(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=30), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    tie_money(engine, order, "3000")
    assert OrderActivities(engine).look_again(order, MONDAY).state.status is OrderStatus.READY

    [watched] = pick_and_ship(engine, company, order).watch

    with Session(engine) as session:
        assert session.get_one(ScheduleLineRow, UUID(watched.schedule_line_id)).residual == 7_000


def test_d7_14_what_is_not_shipped_goes_back(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)

    pick_and_ship(engine, company, order, (LineQuantity(sku, Decimal(6)),))

    assert stock_of(engine, sku) == (4, 0, 0)
    with Session(engine) as session:
        assert session.exec(select(InvoiceRow)).one().gross == 6_000


@pytest.mark.parametrize("wanted", [("other", "1"), (None, "11")])
def test_more_than_was_picked_is_not_shipped(engine: Engine, company: Company, wanted) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="20")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)

    with pytest.raises(ShipQuantityError):
        pick_and_ship(engine, company, order, (LineQuantity(wanted[0] or sku, Decimal(wanted[1])),))
    assert stock_of(engine, sku) == (20, 0, 10)


def test_an_unpaid_order_is_not_picked(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku)
    reserve(engine, order)

    with pytest.raises(WrongStateError):
        FulfilmentActivities(engine).start_picking(a_step(order, 2, company.warehouse))


def end(engine: Engine, order: str, actor: Actor) -> StepResult:
    StockActivities(engine).free_order_stock(a_step(order, 8, actor))
    return OrderActivities(engine).end_order(
        EndRequest(order, OrderStatus.CANCELLED, actor, CancelCommand(actor, "передумал").reason, MONDAY)
    )


def test_d6_8_cancelling_gives_everything_back_once(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=30), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku, quantity="10")
    reserve(engine, order)
    tie_money(engine, order, "3000")

    for _ in range(2):
        assert end(engine, order, company.manager).state.status is OrderStatus.CANCELLED

    assert stock_of(engine, sku) == (10, 0, 0)
    with Session(engine) as session:
        assert session.get(CommitmentRow, UUID(order)) is None
        assert session.exec(select(PaymentRow)).one().unallocated == 3_000
        events = session.execute(text("SELECT event FROM journal WHERE subject_id = :order"), {"order": order})
        assert [row.event for row in events].count("cancelled") == 1


def test_d6_8_shipped_goods_are_not_cancelled(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="10")
    order = confirmed(engine, company, customer, sku)
    reserve(engine, order)
    pick_and_ship(engine, company, order)

    with pytest.raises(WrongStateError):
        end(engine, order, company.head)


def test_forty_orders_for_one_scarce_product_never_over_reserve(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, limit="100000000"), a_product(engine, on_hand="25")
    orders = [confirmed(engine, company, customer, sku) for _ in range(40)]

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda order: reserve(engine, order).state.status, orders))

    assert states.count(OrderStatus.READY) == 25
    assert stock_of(engine, sku) == (25, 25, 0)


def test_d3_9_more_is_never_promised_than_is_on_hand(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="5")
    with pytest.raises(IntegrityError, match="promised_within_on_hand"), engine.begin() as connection:
        connection.execute(text("UPDATE stock SET reserved = 6 WHERE sku = :sku"), {"sku": sku})


@pytest.mark.parametrize("state", ["reserved", "picking"])
def test_d3_9_a_promise_that_the_shelf_does_not_count_is_refused(engine: Engine, company: Company, state: str) -> None:
    sku = a_product(engine, on_hand="10")
    order = confirmed(engine, company, a_customer(engine, company), sku)
    promise = ReservationLineRow(
        order_id=UUID(order), line_no=1, warehouse="main", state=state, sku=sku, quantity=Decimal(1)
    )
    with pytest.raises(IntegrityError, match="do not add up"), Session(engine) as session, session.begin():
        session.add(promise)


def test_d9_10_allocations_that_do_not_add_up_are_refused_at_commit(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=30), a_product(engine, on_hand="5")
    order = confirmed(engine, company, customer, sku)
    tie_money(engine, order, "100")
    with pytest.raises(IntegrityError, match="do not add up"), engine.begin() as connection:
        connection.execute(text("UPDATE payment_allocation SET amount = amount + 1"))
