"""Needs, promises and expected receipts on real PostgreSQL (D7-12, D8)."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import decide, quote_of, receipt, reserve
from support.supplies import came, cancelled, changed, ordered, state_of

from activities.persistence import expected_receipts, stock, supply
from activities.persistence.explaining import standing_of
from activities.persistence.order_tables import OrderRow
from activities.persistence.orders import lines_of
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import JournalRow, OutboundRow, TaskRow
from activities.persistence.supply import SupplyNeed
from activities.supply import SupplyActivities
from domain.business_calendar import BusinessCalendar
from domain.orders import OnExpiry, Role, WaitReason
from domain.stock_errors import (
    DayPassedError,
    DuplicateDayError,
    ExpectedElsewhereError,
    ExpectedReceiptEndedError,
    NotExpectedError,
)
from domain.supply_life import SupplyLook, SupplyOutlook

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


def day(number: int) -> date:
    """Of April 2026; MONDAY is the 6th."""
    return date(2026, 4, number)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company, limit="100000000")


def waiting(engine: Engine, company: Company, customer: CustomerRow, sku: str, quantity: str, **terms) -> str:
    """A confirmed order in the queue; its id."""
    order = a_quote(engine, company.manager, customer, sku, quantity=quantity, **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order


def needs(engine: Engine, **wanted) -> list[SupplyNeed]:
    with Session(engine) as session:
        return supply.needs(session, at=MONDAY, limit=50, **wanted)


def days_of(engine: Engine, order: str) -> dict[int, date | None]:
    with Session(engine) as session:
        shelves = stock.shelves_of(stock.reservation_lines(session, UUID(order), "waiting"))
        return supply.expected_days(session, UUID(order), shelves, at=MONDAY)


def notices(engine: Engine) -> list[tuple[str, str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(OutboundRow).where(OutboundRow.template.startswith("supply_")))  # type: ignore[attr-defined]
        return [(row.template, row.recipient, row.body) for row in rows]


def tasks(engine: Engine) -> list[tuple[str, str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(TaskRow).where(TaskRow.kind.startswith("supply_")).order_by(TaskRow.id))  # type: ignore[attr-defined]
        return [(row.kind, row.state, row.subject) for row in rows]


def look(engine: Engine, row, at) -> SupplyOutlook:
    return SupplyActivities(engine).look_at_supply(SupplyLook(str(row.id), at))


def test_what_cannot_be_reserved_is_a_need_with_its_queue(engine: Engine, company: Company, customer) -> None:
    key = a_customer(engine, company, segment="vip")
    sku = a_product(engine, on_hand="7")
    first = waiting(engine, company, customer, sku, "10")
    second = waiting(engine, company, key, sku, "5")
    with engine.begin() as connection:
        connection.execute(text("UPDATE sales_order SET ship_on = '2026-04-02' WHERE id = :id"), {"id": second})
    ordered(engine, company, {sku: "6"}, day(10), at=MONDAY)

    [found] = needs(engine)

    assert (found.need.shelf, found.need.waiting, found.need.expected) == (("main", sku), 8, 6)
    assert (found.need.covered, found.need.missing, found.need.to_order) == (6, 2, 2)
    assert (found.wanted_on, found.waiting) == (day(2), 2)
    assert [(str(each.id), each.quantity, each.wanted_on, each.expected_on) for each in found.orders] == [
        (second, 5, day(2), day(10)), (first, 3, day(6), None),
    ]  # fmt: skip


def test_needs_come_in_pages_and_by_warehouse_and_sku(engine: Engine, company: Company, customer) -> None:
    skus = sorted(a_product(engine) for _ in range(3))
    for sku in skus:
        waiting(engine, company, customer, sku, "1")
    with Session(engine) as session:
        page = supply.needs(session, at=MONDAY, limit=2)
        rest = supply.needs(session, at=MONDAY, limit=2, after=page[-1].need.shelf)
    assert [each.need.shelf[1] for each in [*page, *rest]] == skus
    assert [each.need.shelf[1] for each in needs(engine, sku=skus[1])] == [skus[1]]
    assert needs(engine, warehouse="east") == []


def test_a_page_of_needs_takes_as_many_queries_as_one_need(engine: Engine, company: Company, customer) -> None:
    def queries() -> int:
        seen: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
        assert needs(engine)
        return len(seen)

    waiting(engine, company, customer, a_product(engine), "1")
    one = queries()
    for _ in range(5):
        order = quote_of(engine, company, customer, [(a_product(engine), "1") for _ in range(3)], ship_complete=True)
        decide(engine, company, order)
        reserve(engine, order)
    # listeners add up, so the second count holds each query twice
    assert queries() == one
    assert one < 18


def test_d7_12_a_whole_order_waits_for_the_last_of_its_lines(engine: Engine, company: Company, customer) -> None:
    """Also when only one of its products is asked about: the others are looked at besides."""
    one, two = a_product(engine), a_product(engine)
    order = quote_of(engine, company, customer, [(one, "5"), (two, "5")], ship_complete=True)
    decide(engine, company, order)
    reserve(engine, order)
    ordered(engine, company, {one: "5"}, day(10), at=MONDAY)
    assert days_of(engine, order) == {1: None, 2: None}
    ordered(engine, company, {two: "5"}, day(20), at=MONDAY)
    assert days_of(engine, order) == {1: day(20), 2: day(20)}
    assert [each.orders[0].expected_on for each in needs(engine, sku=one)] == [day(20)]


def test_d8_2_a_quote_says_what_this_customer_can_have_and_when(engine: Engine, company: Company, customer) -> None:
    """10 % of what is on hand is kept for key customers: of 100 an ordinary one can have 90."""
    sku = a_product(engine, on_hand="100", hold_back="10")
    ordered(engine, company, {sku: "100"}, day(12), at=MONDAY)

    def told(buyer: CustomerRow, quantity: str) -> tuple[Decimal, date | None]:
        order = a_quote(engine, company.manager, buyer, sku, quantity=quantity)
        with Session(engine) as session:
            row = session.get_one(OrderRow, UUID(order))
            [line] = supply.availability(session, row, lines_of(session, row), at=MONDAY)
        return line.now, line.on

    assert told(customer, "90") == (90, day(6))
    assert told(customer, "91") == (90, day(12))
    assert told(customer, "180") == (90, day(12))
    assert told(customer, "181") == (90, None)
    assert told(a_customer(engine, company, segment="vip"), "100") == (100, day(6))


def test_a_quote_is_served_after_the_queue(engine: Engine, company: Company, customer) -> None:
    sku = a_product(engine)
    waiting(engine, company, customer, sku, "60")
    ordered(engine, company, {sku: "60"}, day(10), at=MONDAY)
    ordered(engine, company, {sku: "60"}, day(20), at=MONDAY)
    order = a_quote(engine, company.manager, customer, sku, quantity="10")
    with Session(engine) as session:
        row = session.get_one(OrderRow, UUID(order))
        [line] = supply.availability(session, row, lines_of(session, row), at=MONDAY)
    assert (line.now, line.on) == (0, day(20))


def test_u8_an_order_that_waits_knows_when_its_goods_come(engine: Engine, company: Company, customer) -> None:
    sku = a_product(engine)
    order = waiting(engine, company, customer, sku, "10")
    with Session(engine) as session:
        row = session.get_one(OrderRow, UUID(order))
        assert standing_of(session, row, at=MONDAY).expected_on is None
        ordered(engine, company, {sku: "10"}, day(15), at=MONDAY)
        session.rollback()
        assert standing_of(session, row, at=MONDAY).expected_on == day(15)


def test_what_comes_is_counted_until_every_line_is_in(engine: Engine, company: Company, customer) -> None:
    one, two, other = a_product(engine), a_product(engine), a_product(engine)
    order = waiting(engine, company, customer, one, "10")
    row = ordered(engine, company, {one: "10", two: "5"}, day(15), at=MONDAY)

    assert came(engine, company, row, {one: "4", other: "1"}, at=MONDAY) == [order]
    assert (state_of(engine, row), days_of(engine, order)) == ("expected", {1: day(15)})
    [found] = needs(engine)
    assert (found.need.waiting, found.need.expected, found.need.to_order) == (6, 6, 0)
    came(engine, company, row, {one: "7"}, at=MONDAY + timedelta(hours=1))
    assert state_of(engine, row) == "expected"
    came(engine, company, row, {two: "5"}, at=MONDAY + timedelta(hours=2))

    assert state_of(engine, row) == "received"
    with pytest.raises(ExpectedReceiptEndedError):
        came(engine, company, row, {two: "1"}, at=MONDAY)
    with Session(engine) as session:
        told = session.exec(select(JournalRow.event).where(JournalRow.subject == "expected_receipt")).all()
    assert told == ["supply_ordered", "supply_part_received", "supply_part_received", "supply_received"]


def test_goods_of_another_place_or_kind_are_refused(engine: Engine, company: Company) -> None:
    sku, other = a_product(engine), a_product(engine)
    row = ordered(engine, company, {sku: "10"}, day(15), at=MONDAY)
    with pytest.raises(ExpectedElsewhereError):
        came(engine, company, row, {sku: "10"}, at=MONDAY, warehouse="east")
    with pytest.raises(NotExpectedError):
        came(engine, company, row, {other: "10"}, at=MONDAY)
    cancelled(engine, company, row, at=MONDAY)
    with pytest.raises(ExpectedReceiptEndedError):
        came(engine, company, row, {sku: "10"}, at=MONDAY)


def test_days_are_today_or_later_and_named_once(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    for on, controls in ((day(5), {}), (day(15), {day(5): "Позвонить"})):
        with pytest.raises(DayPassedError):
            ordered(engine, company, {sku: "1"}, on, at=MONDAY, controls=controls)
    row = ordered(engine, company, {sku: "1"}, day(6), at=MONDAY, controls={day(6): "Позвонить"})
    later = MONDAY + timedelta(days=3)
    with pytest.raises(DayPassedError):
        changed(engine, company, row, at=later, expected_on=day(8))
    call = expected_receipts.Control(day(6), "Позвонить ещё раз")
    changed(engine, company, row, at=later, controls=[call])  # a day that was there may stay
    with pytest.raises(DuplicateDayError):
        changed(engine, company, row, at=later, controls=[call, call])


def test_a_later_day_is_told_to_the_managers_who_were_promised_an_earlier(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    mine = a_customer(engine, company, limit="100000000")
    theirs = a_customer(engine, company, limit="100000000", manager="manager2")
    orders = [waiting(engine, company, who, sku, "10") for who in (mine, mine, theirs, theirs)]
    row = ordered(engine, company, {sku: "30"}, day(10), at=MONDAY)
    with Session(engine) as session:
        numbers = [session.get_one(OrderRow, UUID(order)).number for order in orders]

    changed(engine, company, row, at=MONDAY, expected_on=day(8))
    assert notices(engine) == []
    changed(engine, company, row, at=MONDAY, expected_on=day(20))
    assert notices(engine) == [
        ("supply_moved", "manager@opora.local", f"Цемзавод: поставка {row.number} ожидается теперь 20.04.2026. "
         f"Товар будет позже, чем обещано, для заказов: {numbers[0]} (20.04.2026), {numbers[1]} (20.04.2026)"),
        ("supply_moved", "manager2@opora.local", f"Цемзавод: поставка {row.number} ожидается теперь 20.04.2026. "
         f"Товар будет позже, чем обещано, для заказов: {numbers[2]} (20.04.2026)"),
    ]  # fmt: skip

    cancelled(engine, company, row, at=MONDAY)
    assert [notice[0] for notice in notices(engine)] == ["supply_moved"] * 2 + ["supply_cancelled"] * 2
    assert notices(engine)[-1][2].endswith(f"для заказов: {numbers[2]} (срок пока неизвестен)")


def test_the_buyer_is_asked_on_control_dates_and_when_it_is_late(engine: Engine, company: Company, customer) -> None:
    """At the policy's hour, 10; every fifth working day about goods that are late."""
    sku = a_product(engine)
    order = waiting(engine, company, customer, sku, "10")
    row = ordered(engine, company, {sku: "10"}, day(15), at=MONDAY, controls={day(10): "Позвонить", day(14): "Машина"})

    wait = look(engine, row, MONDAY).wait
    assert wait is not None
    assert (wait.reason, wait.since, wait.until) == (WaitReason.SUPPLY, MONDAY, ALMATY.at(day(10), 10))
    assert (wait.who, wait.on_expiry) == (Role.WAREHOUSE, OnExpiry.TASK)
    assert look(engine, row, ALMATY.at(day(10), 9, 59)).wait == wait
    assert tasks(engine) == []

    for _ in range(2):
        assert look(engine, row, ALMATY.at(day(10), 10)).wait.until == ALMATY.at(day(14), 10)
    call = f"Поставка {row.number}, Цемзавод, ожидается 15.04.2026: "
    assert tasks(engine) == [("supply_control", "open", f"{call}Позвонить")]
    assert look(engine, row, ALMATY.at(day(14), 10)).wait.until == ALMATY.at(day(16), 10)

    late = look(engine, row, ALMATY.at(day(16), 10))
    assert late.wait is not None
    assert late.wait.until == ALMATY.at(day(23), 10)
    assert tasks(engine)[1:] == [
        ("supply_control", "open", f"{call}Машина"),
        (
            "supply_late",
            "open",
            f"Поставка {row.number}, Цемзавод, ожидалась 15.04.2026 и не пришла: узнать новый срок",
        ),
    ]
    with Session(engine) as session:
        number = session.get_one(OrderRow, UUID(order)).number
    [(template, recipient, body)] = notices(engine)
    assert (template, recipient) == ("supply_late", "manager@opora.local")
    assert body.endswith(f"Её ждут заказы: {number} (срок пока неизвестен)")
    assert len(late.notices) == 1

    with engine.begin() as connection:
        connection.execute(text("UPDATE task SET state = 'done' WHERE kind = 'supply_late'"))
    assert look(engine, row, ALMATY.at(day(23), 10)).wait.until == ALMATY.at(day(30), 10)
    assert [state for kind, state, _ in tasks(engine) if kind == "supply_late"] == ["done", "open"]
    assert len(notices(engine)) == 1

    changed(engine, company, row, at=ALMATY.at(day(23), 11), expected_on=day(28))
    assert look(engine, row, ALMATY.at(day(23), 11)).wait.until == ALMATY.at(day(29), 10)
    assert [state for kind, state, _ in tasks(engine) if kind == "supply_late"] == ["done", "done"]
    came(engine, company, row, {sku: "10"}, at=ALMATY.at(day(24), 10))
    over = look(engine, row, ALMATY.at(day(24), 10))
    assert (over.state, over.wait) == ("received", None)
    assert {state for _, state, _ in tasks(engine)} == {"done"}


def test_a_company_without_a_buyer_asks_its_heads(engine: Engine, company: Company) -> None:
    row = ordered(engine, company, {a_product(engine): "10"}, day(15), at=MONDAY)
    with engine.begin() as connection:
        connection.execute(text("UPDATE app_user SET role = 'accountant' WHERE role = 'buyer'"))
    look(engine, row, ALMATY.at(day(16), 10))
    with Session(engine) as session:
        task = session.exec(select(TaskRow)).one()
    assert (task.role, task.assignee_id) == ("head", None)


def test_goods_that_came_by_themselves_lower_the_need(engine: Engine, company: Company, customer) -> None:
    sku = a_product(engine)
    waiting(engine, company, customer, sku, "10")
    receipt(engine, sku, "4")
    assert needs(engine)[0].need.to_order == 6
    receipt(engine, sku, "6")
    assert needs(engine) == []
