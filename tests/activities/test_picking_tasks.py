"""A picking task tells what is to be picked now, whatever changes before its warehouse begins (D7-15, D12-3)."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked
from support.statements import statements
from support.stock import count

from activities.fulfilment import FulfilmentActivities
from activities.orders import OrderActivities
from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import JournalRow, TaskRow
from activities.revisions import RevisionActivities
from domain.fulfilment import UnpickCommand, UnpickRequest
from domain.orders import OrderStatus, ShipCommand, ShipRequest
from domain.revisions import ReviseCommand, ReviseRequest


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def picking_while_another_waits(engine: Engine, company: Company, there: str) -> tuple[str, str]:
    """`main` picks five of one product, `north` has `there` of nine of another; the order and the other product."""
    here, other = a_product(engine, on_hand="5"), a_product(engine)
    receipt(engine, other, there, "north")
    order = quote_of(engine, company, a_customer(engine, company), [(here, "5"), (other, "9", "north")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order, warehouse="main")
    return order, other


def look(engine: Engine, order: str) -> OrderStatus:
    return OrderActivities(engine).look_again(order, MONDAY).state.status


def unpick(engine: Engine, company: Company, order: str) -> None:
    command = UnpickCommand(company.warehouse, "машина не пришла")
    FulfilmentActivities(engine).unpick_goods(UnpickRequest(order, 9, command, MONDAY))


def tasks(engine: Engine, order: str) -> list[tuple[str, dict[str, Any]]]:
    with Session(engine) as session:
        query = select(TaskRow).where(TaskRow.order_id == UUID(order), TaskRow.kind == "picking")
        return [(row.state, row.details) for row in session.exec(query.order_by(col(TaskRow.id)))]


def quantities(engine: Engine, order: str) -> list[tuple[str, str]]:
    """Each task of `north`, whatever became of it: its state and how much it asks for."""
    return [
        (state, told["lines"][0]["quantity"]) for state, told in tasks(engine, order) if told["warehouse"] == "north"
    ]


def test_d12_3_each_receipt_during_picking_renews_the_task(engine: Engine, company: Company) -> None:
    order, other = picking_while_another_waits(engine, company, "1")

    for quantity in ("2", "3"):
        receipt(engine, other, quantity, "north")
        assert look(engine, order) is OrderStatus.PICKING
        look(engine, order)

    assert quantities(engine, order) == [("cancelled", "1.000"), ("cancelled", "3.000"), ("open", "6.000")]
    with Session(engine) as session:
        called = session.exec(select(JournalRow).where(JournalRow.event == "picking_called")).all()
        assert [row.data["lines"][0]["quantity"] for row in called] == ["1.000", "3.000", "6.000"]


def test_d12_3_whoever_begins_before_anybody_looked_has_the_whole_task(engine: Engine, company: Company) -> None:
    order, other = picking_while_another_waits(engine, company, "1")
    receipt(engine, other, "2", "north")

    pick(engine, company, order, 6, warehouse="north")
    look(engine, order)

    assert quantities(engine, order) == [("cancelled", "1.000"), ("open", "3.000")]


def test_d12_3_what_comes_after_the_beginning_leaves_the_task_alone(engine: Engine, company: Company) -> None:
    order, other = picking_while_another_waits(engine, company, "1")
    pick(engine, company, order, 6, warehouse="north")
    receipt(engine, other, "2", "north")
    look(engine, order)

    assert quantities(engine, order) == [("open", "1.000")]
    ship_picked(engine, company, order, 7, warehouse="north")
    assert quantities(engine, order) == [("cancelled", "1.000"), ("open", "2.000")]


def test_d7_15_a_count_during_picking_renews_the_task_or_withdraws_it(engine: Engine, company: Company) -> None:
    order, other = picking_while_another_waits(engine, company, "4")

    count(engine, company, {other: "3"}, warehouse="north")
    look(engine, order)
    assert quantities(engine, order) == [("cancelled", "4.000"), ("open", "3.000")]

    count(engine, company, {other: "0"}, warehouse="north")
    assert look(engine, order) is OrderStatus.PICKING
    assert quantities(engine, order) == [("cancelled", "4.000"), ("cancelled", "3.000")]

    receipt(engine, other, "3", "north")
    look(engine, order)
    assert quantities(engine, order)[2:] == [("open", "3.000")]


def test_d7_15_a_count_that_nobody_looked_at_leaves_no_task_behind_the_shipment(
    engine: Engine, company: Company
) -> None:
    order, other = picking_while_another_waits(engine, company, "4")
    count(engine, company, {other: "0"}, warehouse="north")

    ship_picked(engine, company, order)

    assert quantities(engine, order) == [("cancelled", "4.000")]


def ready(engine: Engine, company: Company) -> str:
    order = quote_of(engine, company, a_customer(engine, company), [(a_product(engine, on_hand="5"), "5")])
    decide(engine, company, order)
    reserve(engine, order)
    return order


def revise(engine: Engine, company: Company, order: str, **changes: Any) -> None:
    command = ReviseCommand(company.manager, **changes)
    RevisionActivities(engine).revise_order(ReviseRequest(order, 9, command, MONDAY))


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"delivery_address": "Алматы, Абая 2"}, "delivery", "Алматы, Абая 2"),
        ({"contact_name": "Вера"}, "contact", {"name": "Вера", "phone": None}),
        ({"contact_phone": "+77012223344"}, "contact", {"name": None, "phone": "+77012223344"}),
        ({"comment": "после обеда"}, "comment", "после обеда"),
        ({"ship_on": date(2026, 4, 9)}, "ship_on", "2026-04-09"),
    ],
)
def test_d12_3_a_changed_detail_reaches_the_issued_task(
    engine: Engine, company: Company, changes: dict[str, Any], name: str, told: Any
) -> None:
    order = ready(engine, company)
    FulfilmentActivities(engine).call_for_picking(a_step(order, 2))

    revise(engine, company, order, **changes)

    (before, first), (after, second) = tasks(engine, order)
    assert (before, after, first["lines"]) == ("cancelled", "open", second["lines"])
    assert (second[name], second[name] != first[name]) == (told, True)


def test_d12_3_a_changed_detail_calls_nobody_who_was_not_called(engine: Engine, company: Company) -> None:
    order = ready(engine, company)
    revise(engine, company, order, comment="после обеда")
    assert tasks(engine, order) == []


def test_what_is_picked_is_read_only_under_the_lock_of_its_shelves(engine: Engine, company: Company) -> None:
    for leave in (lambda order: unpick(engine, company, order), lambda order: ship_picked(engine, company, order)):
        order, _ = picking_while_another_waits(engine, company, "4")
        with statements(engine) as asked:
            leave(order)
        read = next(place for place, sql in enumerate(asked) if "reservation_line.quantity" in sql)
        locked = next(place for place, sql in enumerate(asked) if "FROM stock" in sql and "FOR UPDATE" in sql)
        assert locked < read


def test_each_step_reads_the_goods_of_its_order_once(engine: Engine, company: Company) -> None:
    order, steps = ready(engine, company), FulfilmentActivities(engine)
    for step in (
        lambda: steps.call_for_picking(a_step(order, 2)),
        lambda: pick(engine, company, order),
        lambda: steps.ship_order(ShipRequest(order, 6, ShipCommand(company.warehouse, ()), MONDAY)),
    ):
        with statements(engine) as asked:
            step()
        assert sum(sql.startswith("SELECT") and "reservation_line.quantity" in sql for sql in asked) == 1


def test_d12_3_a_count_before_a_closed_gate_renews_the_task(engine: Engine, company: Company) -> None:
    order, other = picking_while_another_waits(engine, company, "4")
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.wait = {**row.wait, "reason": "gate"}
    count(engine, company, {other: "3"}, warehouse="north")

    look(engine, order)

    assert quantities(engine, order) == [("cancelled", "4.000"), ("open", "3.000")]
