"""Orders over several warehouses: tasks, picking, shipping, unpicking, closing short (D7-14, D7-16, D12-1…D12-5)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked, stock_of, tie_money

from activities.fulfilment import FulfilmentActivities
from activities.invoicing import InvoicingActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence.credit import load_facts
from activities.persistence.events import events_of
from activities.persistence.money_tables import InvoiceRow
from activities.persistence.order_desk import copy_order
from activities.persistence.order_tables import OrderRow
from activities.persistence.orders import lines_of
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ReservationRow, StockAllocationRow
from activities.revisions import RevisionActivities
from activities.short_close import ShortCloseActivities
from activities.stock import StockActivities
from domain.errors import DomainError, ShipCompleteError, ShipQuantityError, WrongStateError
from domain.fulfilment import CloseShortCommand, CloseShortRequest, UnpickCommand, UnpickRequest
from domain.invoicing import InvoiceRequest
from domain.orders import (
    LineQuantity,
    OrderStatus,
    ShipCommand,
    ShipRequest,
    StepResult,
    WaitReason,
)
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest
from domain.stock_errors import (
    NothingPickedError,
    NothingToCloseError,
    NothingToPickError,
    NotShippedYetError,
    OverDeliveryNotFreeError,
    UnpickAtGateError,
    WarehouseNeededError,
    WarehouseNotFoundError,
)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def a_product_in(engine: Engine, warehouse: str, quantity: str, **terms: Any) -> str:
    sku = a_product(engine, **terms)
    receipt(engine, sku, quantity, warehouse)
    return sku


def reserved(engine: Engine, company: Company, lines: list[tuple[str, ...]], **terms: Any) -> str:
    customer = a_customer(engine, company, **{key: terms.pop(key) for key in ("prepayment_percent",) if key in terms})
    order = quote_of(engine, company, customer, lines, **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order


def two_warehouses(engine: Engine, company: Company, **terms: Any) -> tuple[str, str, str]:
    """Five of a product in `main` and three of another in `north`, reserved; the order and both products."""
    here, there = a_product(engine, on_hand="10"), a_product_in(engine, "north", "10")
    order = reserved(engine, company, [(here, "5"), (there, "3", "north")], **terms)
    return order, here, there


def call(engine: Engine, order: str, number: int = 2) -> None:
    FulfilmentActivities(engine).call_for_picking(a_step(order, number))


def picking_tasks(engine: Engine, order: str, state: str = "open") -> list[dict[str, Any]]:
    with Session(engine) as session:
        query = select(TaskRow).where(
            TaskRow.order_id == UUID(order), TaskRow.kind == "picking", TaskRow.state == state
        )
        return [row.details for row in session.exec(query.order_by(col(TaskRow.key)))]


def kinds(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        query = select(TaskRow.kind).where(TaskRow.order_id == UUID(order), TaskRow.state == "open")
        return sorted(session.exec(query))


def notices(engine: Engine, order: str) -> list[str]:
    with Session(engine) as session:
        return [row.template for row in session.exec(select(OutboundRow).where(OutboundRow.order_id == UUID(order)))]


def invoices(engine: Engine) -> list[Decimal]:
    with Session(engine) as session:
        return sorted(row.gross for row in session.exec(select(InvoiceRow)))


def exposure(engine: Engine) -> tuple[Decimal, Decimal]:
    """AR and COM of the only account."""
    with Session(engine) as session:
        account = session.exec(select(CreditAccountRow)).one()
        facts = load_facts(session, account, today=MONDAY.date())
        return facts.receivables, facts.commitments


def lines(sku: str, quantity: str) -> tuple[LineQuantity, ...]:
    return (LineQuantity(sku, Decimal(quantity)),)


def unpick(engine: Engine, company: Company, order: str, number: int = 9, warehouse: str | None = None) -> StepResult:
    command = UnpickCommand(company.warehouse, "машина не пришла", warehouse)
    return FulfilmentActivities(engine).unpick_goods(UnpickRequest(order, number, command, MONDAY))


def close_short(engine: Engine, company: Company, order: str, *skus: str, number: int = 20) -> StepResult:
    request = CloseShortRequest(order, number, CloseShortCommand(company.manager, "не нужно", skus), MONDAY)
    freed = ShortCloseActivities(engine).close_lines_short(request)
    settled = ShortCloseActivities(engine).settle_short_close(request)
    return StepResult(settled.state, served=freed.served, relieved=settled.relieved)


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each came to, started at one instant; a refusal is an answer too."""
    gate = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return work()
        except DomainError as refused:
            return refused

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


# -- one order, several warehouses ------------------------------------------------------------------------------------


def test_d12_3_each_warehouse_gets_one_task_with_all_it_needs(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE product SET pack_name = 'поддон', pack_size = 2 WHERE sku = :sku"), {"sku": here}
        )
        connection.execute(text("UPDATE contact SET phone = '+77010000000'"))
        connection.execute(
            text("UPDATE sales_order SET delivery_address = 'Алматы, Абая 1', comment = 'днём', ship_on = '2026-04-08'")
        )

    call(engine, order)
    call(engine, order, 3)

    main, north = picking_tasks(engine, order)
    assert (main["warehouse"], north["warehouse"]) == ("main", "north")
    assert main["lines"] == [
        {"sku": here, "name": f"Цемент {here}", "unit": "меш", "quantity": "5.000",
         "packs": {"name": "поддон", "size": "2.000", "whole": 2, "loose": "1.000"}}
    ]  # fmt: skip
    assert [(line["sku"], line["quantity"], line["packs"]) for line in north["lines"]] == [(there, "3.000", None)]
    assert (main["delivery"], main["pickup"]) == ("Алматы, Абая 1", False)
    assert main["contact"] == {"name": "Александр", "phone": "+77010000000"}
    assert (main["customer"], main["comment"], main["ship_on"]) == ("ООО «Ромашка»", "днём", "2026-04-08")


def test_d12_3_the_orders_own_contact_comes_first_and_without_an_address_it_is_collected(
    engine: Engine, company: Company
) -> None:
    order, _, _ = two_warehouses(engine, company)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sales_order SET contact_name = 'Вера', contact_phone = '+77012223344'"))

    call(engine, order)

    main, _ = picking_tasks(engine, order)
    assert (main["delivery"], main["pickup"]) == (None, True)
    assert main["contact"] == {"name": "Вера", "phone": "+77012223344"}


def test_d7_16_a_second_warehouse_starts_while_the_first_is_picking(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)

    first = pick(engine, company, order, warehouse="north").state

    assert (first.status, first.wait.reason) == (OrderStatus.PICKING, WaitReason.SHIPMENT)
    assert (stock_of(engine, here), stock_of(engine, there, "north")) == ((10, 5, 0), (10, 0, 3))
    with Session(engine) as session:
        reservation = session.get_one(ReservationRow, UUID(order))
        assert (reservation.status, reservation.expires_at) == ("picking", None)
    with pytest.raises(NothingToPickError):
        pick(engine, company, order, 6, warehouse="north")
    assert pick(engine, company, order, 7).state == first
    assert stock_of(engine, here) == (10, 0, 5)
    with pytest.raises(WrongStateError):
        pick(engine, company, order, 8)


def test_d12_4_each_warehouse_ships_with_an_invoice_of_its_own(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)
    call(engine, order)
    pick(engine, company, order)
    with pytest.raises(WarehouseNeededError) as refused:
        ship_picked(engine, company, order)
    assert refused.value.facts["warehouses"] == "main, north"
    with pytest.raises(NothingPickedError):
        ship_picked(engine, company, order, warehouse="south")

    state = ship_picked(engine, company, order, warehouse="north").state

    assert (state.status, state.wait.reason) == (OrderStatus.PICKING, WaitReason.SHIPMENT)
    assert (stock_of(engine, here), stock_of(engine, there, "north")) == ((10, 0, 5), (7, 0, 0))
    assert exposure(engine) == (3_000, 5_000)
    assert [task["warehouse"] for task in picking_tasks(engine, order)] == ["main"]
    assert ship_picked(engine, company, order, 8).state.status is OrderStatus.AWAITING_FINAL_PAYMENT
    assert (invoices(engine), exposure(engine)) == ([3_000, 5_000], (8_000, 0))
    assert picking_tasks(engine, order) == []


def test_d12_4_what_another_warehouse_still_holds_is_ready(engine: Engine, company: Company) -> None:
    order, here, _ = two_warehouses(engine, company)
    pick(engine, company, order, warehouse="north")

    state = ship_picked(engine, company, order).state

    assert (state.status, stock_of(engine, here)) == (OrderStatus.READY, (10, 5, 0))


def test_d12_3_goods_that_come_while_another_warehouse_picks_are_called_for(engine: Engine, company: Company) -> None:
    here, coming = a_product(engine, on_hand="5"), a_product_in(engine, "north", "1")
    order = reserved(engine, company, [(here, "5"), (coming, "3", "north")])
    pick(engine, company, order, warehouse="main")
    assert [task["lines"][0]["quantity"] for task in picking_tasks(engine, order)] == ["1.000"]
    pick(engine, company, order, 6, warehouse="north")
    ship_picked(engine, company, order, 7, warehouse="north")
    assert picking_tasks(engine, order) == []

    receipt(engine, coming, "2", "north")
    state = OrderActivities(engine).look_again(order, MONDAY).state
    OrderActivities(engine).look_again(order, MONDAY)

    assert state.status is OrderStatus.PICKING
    assert [task["lines"][0]["quantity"] for task in picking_tasks(engine, order)] == ["2.000"]


def test_d7_12_a_whole_order_leaves_each_warehouse_at_once(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company, ship_complete=True)
    pick(engine, company, order)
    with pytest.raises(ShipCompleteError):
        ship_picked(engine, company, order, lines=lines(there, "2"), warehouse="north")

    assert ship_picked(engine, company, order, lines=lines(there, "3"), warehouse="north").state.status == "picking"
    assert ship_picked(engine, company, order, 8, lines=lines(here, "5")).state.status == "awaiting_final_payment"


def test_a_warehouse_where_nothing_ever_lay_is_refused(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="5")
    with pytest.raises(WarehouseNotFoundError) as refused:
        quote_of(engine, company, customer, [(sku, "1", "nroth")])
    assert refused.value.facts["warehouse"] == "nroth"
    a_product_in(engine, "north", "1")
    assert quote_of(engine, company, customer, [(sku, "1", "north")])


def test_a_warehouse_where_goods_are_expected_is_known(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO expected_receipt (id, number, warehouse, supplier, expected_on, state, created_by,"
                " created_at, version) SELECT gen_random_uuid(), 'П-1', 'south', 'Завод', '2026-04-10', 'expected', id,"
                " now(), 1 FROM app_user LIMIT 1"
            )
        )
    assert quote_of(engine, company, customer, [(sku, "1", "south")])


def test_d6_4_a_copy_keeps_the_warehouses(engine: Engine, company: Company) -> None:
    order, _, _ = two_warehouses(engine, company)
    with Session(engine) as session, session.begin():
        source = session.get_one(OrderRow, UUID(order))
        customer = session.get_one(CustomerRow, source.customer_id)
        copied = copy_order(session, source, customer, company.manager, at=MONDAY)
        assert [line.warehouse for line in lines_of(session, copied)] == ["main", "north"]


def test_d6_6_a_line_moves_to_another_warehouse_with_its_reserve(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)
    receipt(engine, here, "2", "north")

    def revise(number: int, *wanted: RevisedLine) -> Any:
        command = ReviseCommand(company.manager, wanted)
        return RevisionActivities(engine).revise_order(ReviseRequest(order, number, command, MONDAY))

    kept = RevisedLine(there, Decimal(3))
    outcome = revise(30, RevisedLine(here, Decimal(5), warehouse="north"), kept)
    state = StockActivities(engine).fit_reserve(a_step(order, 31)).state

    assert (outcome.in_force, outcome.refit, state.status) == (True, True, OrderStatus.PART_RESERVED)
    assert (stock_of(engine, here), stock_of(engine, here, "north")) == ((10, 0, 0), (2, 2, 0))
    revise(32, RevisedLine(here, Decimal(4)), kept)
    StockActivities(engine).fit_reserve(a_step(order, 33))
    with Session(engine) as session:
        row = session.get_one(OrderRow, UUID(order))
        assert [(line.sku, line.warehouse) for line in lines_of(session, row)] == [(here, "north"), (there, "north")]
    assert (stock_of(engine, here), stock_of(engine, here, "north")) == ((10, 0, 0), (2, 2, 0))


# -- putting back -----------------------------------------------------------------------------------------------------


def test_d12_2_unpicked_goods_are_a_reserve_again(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)
    call(engine, order)
    pick(engine, company, order)

    one = unpick(engine, company, order, warehouse="north")

    assert one.state.status is OrderStatus.PICKING
    assert (stock_of(engine, here), stock_of(engine, there, "north")) == ((10, 0, 5), (10, 3, 0))
    assert kinds(engine, order) == ["picking", "picking", "unpick"]
    with pytest.raises(NothingPickedError):
        unpick(engine, company, order, 10, warehouse="north")
    state = unpick(engine, company, order, 11).state
    assert (state.status, state.wait.reason, stock_of(engine, here)) == (
        OrderStatus.READY, WaitReason.PICKING, (10, 5, 0))  # fmt: skip
    assert kinds(engine, order) == ["picking", "unpick", "unpick"]
    call(engine, order, 12)
    assert kinds(engine, order) == ["picking", "picking", "unpick", "unpick"]
    with Session(engine) as session:
        reservation = session.get_one(ReservationRow, UUID(order))
        assert (reservation.status, reservation.expires_at) == ("active", state.wait.until)
    assert notices(engine, order).count("unpick_asked") == 2
    with pytest.raises(WrongStateError):
        unpick(engine, company, order, 13)


def test_a_paid_reserve_lives_on_without_an_end_when_it_is_unpicked(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="5")
    order = reserved(engine, company, [(sku, "5")], prepayment_percent=100)
    tie_money(engine, order, "5000")
    OrderActivities(engine).look_again(order, MONDAY)
    pick(engine, company, order)

    wait = unpick(engine, company, order).state.wait

    assert (wait.reason, wait.on_expiry) == (WaitReason.PICKING, "task")
    LifetimeActivities(engine).release_order(a_step(order, 30, at=wait.until))
    assert stock_of(engine, sku) == (5, 5, 0)


def test_d6_8_nothing_is_unpicked_while_a_cancellation_is_acknowledged(engine: Engine, company: Company) -> None:
    order, here, _ = two_warehouses(engine, company)
    pick(engine, company, order)
    OrderActivities(engine).ask_cancel_acknowledgement(a_step(order, 8, company.head))

    with pytest.raises(WrongStateError) as refused:
        unpick(engine, company, order)

    assert (refused.value.facts["status"], stock_of(engine, here)) == ("cancelling", (10, 0, 5))


def test_d12_2_before_a_closed_gate_the_head_decides(engine: Engine, company: Company) -> None:
    order, _, _ = two_warehouses(engine, company)
    pick(engine, company, order)
    with engine.begin() as connection:
        connection.execute(text("""UPDATE sales_order SET wait = jsonb_set(wait, '{reason}', '"gate"')"""))

    with pytest.raises(UnpickAtGateError):
        unpick(engine, company, order)


# -- more than was ordered --------------------------------------------------------------------------------------------


def test_d12_5_a_little_more_leaves_from_what_is_free_and_is_invoiced(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="105")
    order = reserved(engine, company, [(sku, "100")])
    pick(engine, company, order)

    ship_picked(engine, company, order, lines=lines(sku, "105"))

    assert (stock_of(engine, sku), invoices(engine), exposure(engine)) == ((0, 0, 0), [105_000], (105_000, 0))
    assert notices(engine, order).count("over_delivered") == 1


@pytest.mark.parametrize(("quantity", "told"), [("101", 0), ("101.001", 1)])
def test_d12_5_the_manager_hears_only_of_more_than_one_per_cent(
    engine: Engine, company: Company, quantity: str, told: int
) -> None:
    sku = a_product(engine, on_hand="200", price="100")
    order = reserved(engine, company, [(sku, "100")])
    pick(engine, company, order)

    ship_picked(engine, company, order, lines=lines(sku, quantity))

    assert invoices(engine) == [Decimal(quantity) * 100]
    assert notices(engine, order).count("over_delivered") == told


def test_d12_5_more_than_five_per_cent_is_refused(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="200")
    order = reserved(engine, company, [(sku, "100")])
    pick(engine, company, order)

    with pytest.raises(ShipQuantityError):
        ship_picked(engine, company, order, lines=lines(sku, "105.001"))


def test_d12_5_what_others_were_promised_does_not_leave(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="104")
    order, other = reserved(engine, company, [(sku, "100")]), reserved(engine, company, [(sku, "2")])
    pick(engine, company, order)

    with pytest.raises(OverDeliveryNotFreeError) as refused:
        ship_picked(engine, company, order, lines=lines(sku, "103"))

    assert (refused.value.facts["free"], stock_of(engine, sku)) == ("2.000", (104, 2, 100))
    ship_picked(engine, company, order, 7, lines=lines(sku, "102"))
    assert (stock_of(engine, sku), other is None) == ((2, 2, 0), False)


def test_d12_5_while_a_part_is_to_come_nothing_is_over(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="40")
    order = reserved(engine, company, [(sku, "100")])
    pick(engine, company, order)
    receipt(engine, sku, "100")

    with pytest.raises(ShipQuantityError):
        ship_picked(engine, company, order, lines=lines(sku, "41"))


def test_d12_5_the_last_part_carries_what_is_over_to_the_cent(engine: Engine, company: Company) -> None:
    sku = a_product(engine, on_hand="50", price="0.335")
    order = reserved(engine, company, [(sku, "99")])
    pick(engine, company, order)
    ship_picked(engine, company, order)
    receipt(engine, sku, "60")
    OrderActivities(engine).look_again(order, MONDAY)
    pick(engine, company, order, 15)

    ship_picked(engine, company, order, 16, lines=lines(sku, "50"))

    assert invoices(engine) == [Decimal("16.75"), Decimal("16.75")], "100 at 0.335 are 33.50"


# -- closing short ----------------------------------------------------------------------------------------------------


def partly_shipped(engine: Engine, company: Company) -> tuple[str, str, str]:
    """Five of a product in `main` are shipped; of another three are reserved in `north` and four wait there."""
    here, there = a_product(engine, on_hand="5"), a_product_in(engine, "north", "3")
    order = reserved(engine, company, [(here, "5"), (there, "7", "north")])
    pick(engine, company, order, warehouse="main")
    ship_picked(engine, company, order)
    return order, here, there


def test_d7_14_the_rest_is_free_the_moment_it_is_closed_and_serves_others(engine: Engine, company: Company) -> None:
    order, _, there = partly_shipped(engine, company)
    with Session(engine, expire_on_commit=False) as session:
        customer = session.exec(select(CustomerRow)).one()
    waiting = quote_of(engine, company, customer, [(there, "2", "north")])
    decide(engine, company, waiting)
    reserve(engine, waiting)
    assert exposure(engine) == (5_000, 9_000)

    closed = close_short(engine, company, order)

    assert closed.served == (waiting,)
    assert (closed.state.status, exposure(engine)) == (OrderStatus.AWAITING_FINAL_PAYMENT, (5_000, 2_000))
    assert stock_of(engine, there, "north") == (3, 2, 0)
    with Session(engine) as session:
        run = session.exec(select(StockAllocationRow).where(StockAllocationRow.cause == "closed_short")).one()
        assert [(loss["quantity"], loss["rule"]) for loss in run.losses] == [("3.000", "D7-14")]
        *_, moved = events_of(session, "order", order)
    assert (moved.event, moved.actor_name) == ("order_moved", company.manager.name)
    assert moved.data == {"status": "awaiting_final_payment", "waits_for": "final_payment"}


def test_d7_14_only_the_named_lines_are_closed(engine: Engine, company: Company) -> None:
    first, second, third = (a_product(engine, on_hand="5") for _ in range(3))
    order = reserved(engine, company, [(first, "5"), (second, "8"), (third, "5")])
    pick(engine, company, order)
    ship_picked(engine, company, order, lines=(*lines(first, "5"), *lines(second, "5"), *lines(third, "4")))
    receipt(engine, second, "2")
    assert exposure(engine) == (14_000, 3_000)
    with pytest.raises(NothingToCloseError):
        close_short(engine, company, order, third)

    state = close_short(engine, company, order, second, number=21).state

    assert (state.status, exposure(engine)) == (OrderStatus.AWAITING_FINAL_PAYMENT, (14_000, 0))


def test_d7_14_what_is_picked_stays_and_its_order_goes_on(engine: Engine, company: Company) -> None:
    order, _, there = partly_shipped(engine, company)
    pick(engine, company, order, 15)

    state = close_short(engine, company, order).state

    assert (state.status, stock_of(engine, there, "north")) == (OrderStatus.PICKING, (3, 0, 3))
    assert exposure(engine) == (5_000, 3_000)
    with pytest.raises(NothingToCloseError):
        close_short(engine, company, order, number=21)
    assert ship_picked(engine, company, order, 16).state.status is OrderStatus.AWAITING_FINAL_PAYMENT


def test_d7_14_a_closed_line_leaves_the_picking_task(engine: Engine, company: Company) -> None:
    here, first, second = a_product(engine, on_hand="5"), a_product(engine, on_hand="5"), a_product(engine, on_hand="5")
    receipt(engine, first, "5", "north")
    receipt(engine, second, "5", "north")
    order = reserved(engine, company, [(here, "5"), (first, "3", "north"), (second, "2", "north")])
    pick(engine, company, order, warehouse="main")
    before = ship_picked(engine, company, order).state
    call(engine, order)

    state = close_short(engine, company, order, second).state
    call(engine, order, 3)

    assert (state.status, state.wait.reason) == (before.status, WaitReason.PICKING)
    assert [[line["sku"] for line in task["lines"]] for task in picking_tasks(engine, order)] == [[first]]


def test_d7_14_nothing_shipped_is_no_rest(engine: Engine, company: Company) -> None:
    order, _, _ = two_warehouses(engine, company)
    with pytest.raises(NotShippedYetError):
        close_short(engine, company, order)


def test_d7_9_a_rest_that_was_closed_is_not_reserved_again(engine: Engine, company: Company) -> None:
    """Closed short, then the other rest runs out unpaid and its money comes late."""
    first, second = a_product(engine, on_hand="4"), a_product(engine, on_hand="2")
    order = reserved(engine, company, [(first, "6"), (second, "5")], prepayment_percent=50)
    tie_money(engine, order, "5500")
    OrderActivities(engine).look_again(order, MONDAY)
    pick(engine, company, order)
    ship_picked(engine, company, order)
    close_short(engine, company, order, first)
    with Session(engine) as session, session.begin():
        session.get_one(ReservationRow, UUID(order)).status = "released"
        row = session.get_one(OrderRow, UUID(order))
        row.status, row.wait = OrderStatus.CONFIRMED, None
        session.execute(text("DELETE FROM reservation_line WHERE state = 'waiting'"))

    StockActivities(engine).reserve_order(a_step(order, 60))

    with Session(engine) as session:
        query = text("SELECT sku, quantity FROM reservation_line WHERE order_id = :order AND state = 'waiting'")
        waiting = [tuple(row) for row in session.execute(query, {"order": UUID(order)})]
    assert waiting == [(second, Decimal(3))]


# -- at the same time -------------------------------------------------------------------------------------------------


def ship_only(engine: Engine, company: Company, order: str, number: int, warehouse: str) -> Callable[[], Any]:
    request = ShipRequest(order, number, ShipCommand(company.warehouse, (), warehouse), MONDAY)
    return lambda: FulfilmentActivities(engine).ship_order(request)


def test_two_warehouses_ship_at_once(engine: Engine, company: Company) -> None:
    """Each shipment is invoiced before the next one: the order's process asks the second again."""
    order, here, there = two_warehouses(engine, company)
    pick(engine, company, order)

    answers = together(
        ship_only(engine, company, order, 30, "main"), ship_only(engine, company, order, 31, "north")
    )  # fmt: skip

    done = [number for number, answer in zip((30, 31), answers, strict=True) if isinstance(answer, StepResult)]
    assert len(done) == 1
    assert [type(answer) for answer in answers if not isinstance(answer, StepResult)] == [WrongStateError]
    left = "north" if done == [30] else "main"
    assert (
        InvoicingActivities(engine).invoice_shipment(InvoiceRequest(order, done[0], MONDAY)).state.status == "picking"
    )
    ship_picked(engine, company, order, 32, warehouse=left)
    assert (stock_of(engine, here), stock_of(engine, there, "north")) == ((5, 0, 0), (7, 0, 0))
    assert exposure(engine) == (8_000, 0)


def test_unpicking_meets_a_shipment(engine: Engine, company: Company) -> None:
    for turn in range(5):
        order, here, _ = two_warehouses(engine, company)
        pick(engine, company, order, warehouse="main")

        shipped, unpicked = together(
            ship_only(engine, company, order, 30 + turn, "main"),
            lambda order=order: unpick(engine, company, order, warehouse="main"),
        )

        won = isinstance(shipped, StepResult)
        assert won is not isinstance(unpicked, StepResult)
        assert stock_of(engine, here) == ((5, 0, 0) if won else (10, 5, 0))


def test_closing_short_meets_the_receipt_that_serves_the_line(engine: Engine, company: Company) -> None:
    for turn in range(5):
        order, _, there = partly_shipped(engine, company)

        closed, _ = together(
            lambda order=order, turn=turn: close_short(engine, company, order, number=40 + turn),
            lambda there=there: receipt(engine, there, "4", "north"),
        )

        assert closed.state.status is OrderStatus.AWAITING_FINAL_PAYMENT
        assert stock_of(engine, there, "north") == (7, 0, 0)


def test_d6_9_cancelling_what_two_warehouses_hold_frees_both(engine: Engine, company: Company) -> None:
    order, here, there = two_warehouses(engine, company)
    pick(engine, company, order, warehouse="north")

    StockActivities(engine).free_order_stock(a_step(order, 50))

    assert (stock_of(engine, here), stock_of(engine, there, "north")) == ((10, 0, 0), (10, 0, 0))
