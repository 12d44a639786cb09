"""Deliveries in parts: nothing promised is forgotten, every tenge is counted once (D1-5, D6-9, D7-12…D7-17, D12-4)."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked, stock_of, tie_money

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.fulfilment import FulfilmentActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence.credit import load_facts
from activities.persistence.money_tables import InvoiceRow, PaymentRow
from activities.persistence.order_tables import CommitmentRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, LegalEntityRow
from activities.persistence.record_tables import TaskRow
from activities.stock import StockActivities
from domain.credit import Outcome
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditRequest, Verdict
from domain.errors import ShipCompleteError, WrongStateError
from domain.orders import SYSTEM, EndRequest, ExtendCommand, ExtendRequest, LineQuantity, OrderStatus, WaitReason

DAY = timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def tasks(engine: Engine, order: str) -> list[tuple[str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(TaskRow).where(TaskRow.order_id == UUID(order)).order_by(TaskRow.id))
        return [(row.kind, row.state) for row in rows]


def look(engine: Engine, order: str, at=MONDAY):
    return OrderActivities(engine).look_again(order, at).state


def exposure(engine: Engine) -> tuple[Decimal, Decimal, Decimal]:
    """AR, ADV, COM of the only account."""
    with Session(engine) as session:
        account = session.exec(select(CreditAccountRow)).one()
        facts = load_facts(session, account, today=MONDAY.date())
        return facts.receivables, facts.advances, facts.commitments


def test_a_backorder_served_while_picking_is_delivered_next(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    here, coming = a_product(engine, on_hand="5"), a_product(engine)
    order = quote_of(engine, company, customer, [(here, "5"), (coming, "3")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)
    receipt(engine, coming, "3")

    state = ship_picked(engine, company, order).state

    assert state.status is OrderStatus.READY
    assert exposure(engine) == (5_000, 0, 3_000)
    pick(engine, company, order, 7)
    assert ship_picked(engine, company, order, 8).state.status is OrderStatus.AWAITING_FINAL_PAYMENT
    assert stock_of(engine, coming) == (0, 0, 0)
    assert exposure(engine) == (8_000, 0, 0)


def test_goods_freed_by_a_short_shipment_serve_the_orders_own_backorder(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="6")
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)

    state = ship_picked(engine, company, order, lines=(LineQuantity(sku, Decimal(2)),)).state

    assert state.status is OrderStatus.READY
    assert stock_of(engine, sku) == (4, 4, 0)
    assert exposure(engine) == (2_000, 0, 4_000)
    assert ("short_shipped", "open") in tasks(engine, order)


def test_d7_13_a_prepaid_backorder_gets_a_full_lifetime_when_it_is_served(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine)
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    assert reserve(engine, order).state.wait.reason is WaitReason.STOCK
    receipt(engine, sku, "5")

    wait = look(engine, order, MONDAY + 10 * DAY).wait

    assert (wait.reason, wait.until, wait.reminder_at) == (
        WaitReason.PAYMENT, MONDAY + 17 * DAY, MONDAY + 13 * DAY)  # fmt: skip


@pytest.mark.parametrize("end", ["rejected", "expired"])
def test_d6_9_money_of_a_refused_order_becomes_an_advance(engine: Engine, company: Company, end: str) -> None:
    customer = a_customer(engine, company, prepayment_percent=30)
    sku = a_product(engine, price="2000000", on_hand="5")
    order = a_quote(engine, company.manager, customer, sku)
    assert decide(engine, company, order).decision.outcome is Outcome.APPROVAL
    tie_money(engine, order, "600000")

    if end == "rejected":
        command = ApprovalCommand(company.head, Verdict.REJECT, "нет")
        ApprovalActivities(engine).answer_approval(ApprovalRequest(order, command, MONDAY))
    else:
        ApprovalActivities(engine).expire_approval(order, MONDAY + 5 * DAY)

    assert exposure(engine) == (0, 600_000, 0)
    assert ("approval", "open") not in tasks(engine, order)


def test_goods_given_away_make_no_invoice(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    paid, gift = a_product(engine), a_product(engine, price="0", on_hand="3")
    order = quote_of(engine, company, customer, [(paid, "5"), (gift, "3")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)

    invoiced = ship_picked(engine, company, order)

    assert (invoiced.state.status, invoiced.watch) == (OrderStatus.CONFIRMED, ())
    assert exposure(engine) == (0, 0, 5_000)


def test_an_opening_invoice_does_not_take_the_number_of_a_new_one(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="5")
    with Session(engine) as session, session.begin():
        entity = session.exec(select(LegalEntityRow)).one()
        session.add(
            InvoiceRow(
                number="СФ-000001", kind="opening", customer_id=customer.id,
                credit_account_id=customer.credit_account_id, legal_entity_id=entity.id, issued_on=MONDAY.date(),
                currency="KZT", gross=Decimal(10), vat=Decimal(1),
            )
        )  # fmt: skip
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)

    assert [each.invoice_number for each in ship_picked(engine, company, order).watch] == ["СФ-000002"]


def test_d12_1_each_part_of_a_split_delivery_is_prepaid(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=50), a_product(engine, on_hand="5")
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    reserve(engine, order)
    tie_money(engine, order, "2500")
    assert look(engine, order).wait.reason is WaitReason.PAYMENT, "half of the whole order is to be prepaid"
    tie_money(engine, order, "2500")
    assert look(engine, order).wait.reason is WaitReason.STOCK
    pick(engine, company, order)

    ship_picked(engine, company, order)

    assert exposure(engine) == (2_500, 0, 2_500)
    receipt(engine, sku, "5")
    assert look(engine, order).status is OrderStatus.READY, "the other half of the money is still tied"


def test_d6_12_the_rest_of_a_partly_shipped_order_is_closed_short(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    sku = a_product(engine, on_hand="4")
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)
    assert ship_picked(engine, company, order).state.wait.reason is WaitReason.STOCK

    StockActivities(engine).free_order_stock(a_step(order, 9, company.manager))
    request = EndRequest(order, OrderStatus.CANCELLED, company.manager, "больше не нужно", MONDAY)
    state = OrderActivities(engine).end_order(request).state

    assert state.status is OrderStatus.AWAITING_FINAL_PAYMENT
    assert exposure(engine) == (4_000, 0, 0)


def test_d7_12_ship_complete_is_neither_picked_nor_shipped_in_parts(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company)
    first, second = a_product(engine), a_product(engine)
    order = quote_of(engine, company, customer, [(first, "5"), (second, "3")], ship_complete=True)
    decide(engine, company, order)
    reserve(engine, order)
    receipt(engine, first, "5")
    assert look(engine, order).wait.reason is WaitReason.STOCK
    with pytest.raises(WrongStateError):
        pick(engine, company, order)
    receipt(engine, second, "3")
    assert look(engine, order).status is OrderStatus.READY
    pick(engine, company, order, 7)

    with pytest.raises(ShipCompleteError):
        ship_picked(engine, company, order, lines=(LineQuantity(first, Decimal(5)),))


def test_parts_of_a_line_add_up_to_the_line(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="1", price="0.335")
    order = quote_of(engine, company, customer, [(sku, "2")])
    decide(engine, company, order)
    reserve(engine, order)
    for number in (6, 8):
        pick(engine, company, order, number + 10)
        ship_picked(engine, company, order, number)
        receipt(engine, sku, "1")
        look(engine, order)

    with Session(engine) as session:
        assert sorted(row.gross for row in session.exec(select(InvoiceRow))) == [Decimal("0.33"), Decimal("0.34")]
        assert session.get_one(OrderRow, UUID(order)).gross == Decimal("0.67")


def test_d7_5_a_released_deferral_order_asks_nobody_to_pay_or_to_pick(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, on_hand="5")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    until = reserve(engine, order).state.wait.until
    FulfilmentActivities(engine).call_for_picking(a_step(order, 2))

    LifetimeActivities(engine).release_order(a_step(order, 3, at=until))
    OrderActivities(engine).after_release(a_step(order, 4, at=until))

    assert tasks(engine, order) == [("picking", "cancelled"), ("shipment_late", "open")]


def test_d7_9_a_released_order_is_reserved_again_on_request(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="5")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    until = reserve(engine, order).state.wait.until
    LifetimeActivities(engine).release_order(a_step(order, 3, at=until))
    OrderActivities(engine).after_release(a_step(order, 4, at=until))

    command = ExtendCommand(company.manager, "клиент платит завтра")
    again = LifetimeActivities(engine).extend_reservation(ExtendRequest(order, 5, command, until + DAY))

    assert again.state.status is OrderStatus.CHECKING
    request = CreditRequest(order, company.manager, "decision-6", until + DAY)
    assert CreditActivities(engine).decide_order_credit(request).state.status is OrderStatus.CONFIRMED
    step = a_step(order, 7, at=until + DAY)
    assert StockActivities(engine).reserve_order(step).state.wait.until == until + 8 * DAY


def test_d2_13_an_order_that_fits_by_now_needs_no_approval(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="600000", on_hand="5")
    first = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, first)
    waiting = a_quote(engine, company.manager, customer, sku)
    assert decide(engine, company, waiting).decision.outcome is Outcome.APPROVAL

    ended = OrderActivities(engine).end_order(
        EndRequest(first, OrderStatus.CANCELLED, company.manager, "передумал", MONDAY)
    )
    again = CreditRequest(waiting, SYSTEM, "decision-2", MONDAY)

    assert ended.relieved == (waiting,)
    assert CreditActivities(engine).decide_order_credit(again).state.status is OrderStatus.CONFIRMED
    assert tasks(engine, waiting) == [("approval", "cancelled")]


def test_d4_7_an_approval_met_by_more_room_confirms(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1200000", on_hand="5")
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    with engine.begin() as connection:
        connection.execute(text("UPDATE credit_account SET base_limit = 5000000"))

    command = ApprovalCommand(company.head, Verdict.APPROVE, "")
    outcome = ApprovalActivities(engine).answer_approval(ApprovalRequest(order, command, MONDAY))

    assert (outcome.refusal, outcome.state.status) == (None, OrderStatus.CONFIRMED)


def test_d7_17_ended_orders_hold_nothing(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, prepayment_percent=100), a_product(engine, on_hand="5")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    reserve(engine, order)
    tie_money(engine, order, "5000")
    look(engine, order)
    pick(engine, company, order)

    assert ship_picked(engine, company, order).state.status is OrderStatus.CLOSED

    with Session(engine) as session:
        assert session.get(CommitmentRow, UUID(order)) is None
        assert session.exec(select(PaymentRow)).one().unallocated == 0
    assert stock_of(engine, sku) == (0, 0, 0)


def test_d2_13_what_is_closed_short_sets_a_waiting_order_free(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="100000", on_hand="20")
    first, waiting = (
        quote_of(engine, company, customer, [(sku, "8")]),
        quote_of(engine, company, customer, [(sku, "5")]),
    )
    decide(engine, company, first)
    assert decide(engine, company, waiting).decision.outcome is Outcome.APPROVAL
    reserve(engine, first)
    pick(engine, company, first)

    invoiced = ship_picked(engine, company, first, lines=(LineQuantity(sku, Decimal(5)),))

    assert invoiced.relieved == (waiting,)
    with Session(engine) as session:
        assert session.get_one(OrderRow, UUID(waiting)).status == OrderStatus.CONFIRMED
