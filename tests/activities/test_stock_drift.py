"""The drift monitor finds every figure that does not add up, says so once, and changes nothing (D3-10)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, receipt, reserve, ship_picked

from activities.lifetimes import LifetimeActivities
from activities.persistence.record_tables import JournalRow, TaskRow
from activities.persistence.replay import snapshot
from activities.persistence.stock_drift import DriftReport, check_stock
from activities.persistence.tasks import complete_task
from activities.stock import StockActivities
from activities.sweeps import SweepActivities
from cli.stock_audit import audit_stock, finding_lines
from domain.orders import LineQuantity
from domain.stock_drift import Drift
from domain.sweeps import StockCheck, StockChecked, SweepPage
from domain.wording import event_text

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def placed(engine: Engine, company: Company, sku: str, quantity: str, **terms: Any) -> str:
    customer = a_customer(engine, company, prepayment_percent=terms.pop("prepaid", 0))
    order = a_quote(engine, company.manager, customer, sku, quantity=quantity, **terms)
    decide(engine, company, order)
    reserve(engine, order)
    return order


def found(engine: Engine, at: datetime = MONDAY) -> DriftReport:
    with snapshot(engine) as session:
        return check_stock(session, as_of=at)


def kinds(engine: Engine, at: datetime = MONDAY) -> list[str]:
    return [str(finding.kind) for finding in found(engine, at).findings]


def check(engine: Engine, at: datetime) -> StockChecked:
    return SweepActivities(engine).check_stock(StockCheck(at))


def spoil(engine: Engine, change: str, **values: Any) -> None:
    """Change rows behind the back of every rule."""
    with engine.begin() as connection:
        for table in ("stock", "reservation_line"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_adds_up"))
        connection.execute(text(change), values)
        for table in ("stock", "reservation_line"):
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_adds_up"))


def everything(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [
            connection.execute(text(f"SELECT * FROM {table} t ORDER BY t")).all()
            for table in (
                "stock",
                "reservation",
                "reservation_line",
                "stock_movement",
                "stock_allocation",
                "sales_order",
            )
        ]


def a_day_of_trade(engine: Engine, company: Company) -> dict[str, str]:
    """Reserved, picked, shipped short, released, ended and waiting orders of one product; orders by what became of
    them."""
    sku = a_product(engine, sku="CEM", on_hand="50")
    orders = {name: placed(engine, company, sku, "10") for name in ("held", "picked", "shipped", "ended")}
    orders["unpaid"] = placed(engine, company, sku, "10", prepaid=100)
    orders["waiting"] = placed(engine, company, sku, "40")
    pick(engine, company, orders["picked"])
    pick(engine, company, orders["shipped"])
    ship_picked(engine, company, orders["shipped"], lines=(LineQuantity(sku, Decimal(7)),))
    StockActivities(engine).free_order_stock(a_step(orders["ended"], 2))
    LifetimeActivities(engine).release_order(a_step(orders["unpaid"], 2, at=MONDAY + 7 * DAY))
    receipt(engine, sku, "2")
    return orders


def test_d3_10_a_day_of_trade_adds_up(engine: Engine, company: Company) -> None:
    a_day_of_trade(engine, company)
    report = found(engine)
    assert (report.shelves, report.count) == (1, 0)
    assert audit_stock(engine, since=None, until=None, as_of=MONDAY).clean


def test_d3_10_every_figure_is_held_against_its_rows(engine: Engine, company: Company) -> None:
    a_day_of_trade(engine, company)
    for change, expected in (
        ("UPDATE stock SET on_hand = on_hand + 1", [(Drift.ON_HAND, "46.000", "45.000"), (Drift.UNSERVED, "0", "1")]),
        ("UPDATE stock SET on_hand = on_hand + 0.001, reserved = reserved + 0.001",
         [(Drift.ON_HAND, "45.001", "45.000"), (Drift.RESERVED, "35.001", "35.000")]),
        ("UPDATE stock SET picking = picking - 1, reserved = reserved + 1",
         [(Drift.RESERVED, "36.000", "35.000"), (Drift.PICKING, "9.000", "10.000")]),
        ("UPDATE reservation_line SET quantity = 11 WHERE state = 'picking'",
         [(Drift.PICKING, "10.000", "11.000"), (Drift.OVER_PROMISED, "46.000", "45.000")]),
        ("UPDATE stock_movement SET quantity = -6 WHERE kind = 'shipment'",
         [(Drift.ON_HAND, "45.000", "46.000"), (Drift.SHIPPED, "7.000", "6.000")]),
        ("DELETE FROM stock_movement WHERE kind = 'shipment'",
         [(Drift.ON_HAND, "45.000", "52.000"), (Drift.SHIPPED, "7.000", "0")]),
        ("UPDATE shipment_line SET quantity = 8", [(Drift.SHIPPED, "8.000", "7.000")]),
        ("DELETE FROM stock", [(Drift.ON_HAND, "0", "45.000"), (Drift.OVER_PROMISED, "45.000", "0")]),
    ):  # fmt: skip
        with Session(engine) as session:
            for table in ("stock", "reservation_line", "stock_movement"):
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            session.execute(text(change))
            findings = check_stock(session, as_of=MONDAY).findings
            session.rollback()
        assert [(each.kind, str(each.recorded), str(each.counted)) for each in findings] == expected, change
        assert {(each.warehouse or "main", each.sku) for each in findings} == {("main", "CEM")}


def test_d3_10_it_reports_and_never_repairs(engine: Engine, company: Company) -> None:
    a_day_of_trade(engine, company)
    spoil(engine, "UPDATE stock SET on_hand = on_hand + 1, picking = picking - 1")
    before = everything(engine)
    assert check(engine, MONDAY).found == 3
    assert everything(engine) == before
    report = audit_stock(engine, since=None, until=None, as_of=MONDAY)
    assert (report.clean, report.sound, report.drift.count) == (False, report.runs, 3)
    assert everything(engine) == before


def test_d7_17_an_ended_order_that_holds_or_waits_is_found(engine: Engine, company: Company) -> None:
    orders = a_day_of_trade(engine, company)
    for name in ("held", "waiting"):
        spoil(
            engine,
            "UPDATE sales_order SET status = 'cancelled', ended_at = confirmed_at WHERE id = :id",
            id=UUID(orders[name]),
        )
    findings = found(engine).findings
    assert {(each.kind, each.order_id) for each in findings} == {
        (Drift.ENDED_HOLDS, orders["held"]), (Drift.ENDED_HOLDS, orders["waiting"]),
    }  # fmt: skip
    (line, _) = finding_lines(findings, {orders["held"]: "ЗК-000001", orders["waiting"]: "ЗК-000006"})
    assert line == "CEM, склад main: завершённый заказ ЗК-000001 всё ещё держит или ждёт 10."


@pytest.mark.parametrize(("late", "expected"), [(60 * SECOND, []), (61 * SECOND, ["expired"])])
def test_d7_6_a_reserve_that_stands_a_minute_past_its_end_is_found(
    engine: Engine, company: Company, late: timedelta, expected: list[str]
) -> None:
    order = placed(engine, company, a_product(engine, on_hand="5"), "5", prepaid=100)
    assert kinds(engine, MONDAY + 7 * DAY + late) == expected
    LifetimeActivities(engine).release_order(a_step(order, 2, at=MONDAY + 7 * DAY))
    assert kinds(engine, MONDAY + 7 * DAY + late) == []


def test_a_wait_for_goods_that_only_asks_is_no_late_release(engine: Engine, company: Company) -> None:
    placed(engine, company, a_product(engine), "9")
    assert kinds(engine, MONDAY + 60 * DAY) == []


@pytest.mark.parametrize(("hours", "expected"), [(1, []), (2, ["unserved"])])
def test_d8_6_whoever_was_lifted_and_not_served_is_found_when_two_rounds_are_missed(
    engine: Engine, company: Company, hours: int, expected: list[str]
) -> None:
    placed(engine, company, a_product(engine, on_hand="10", hold_back="100"), "4")
    assert kinds(engine, MONDAY + 7 * DAY + hours * HOUR) == expected


def test_d8_5_goods_that_will_be_gathered_at_the_next_round_are_no_drift(engine: Engine, company: Company) -> None:
    sku = a_product(engine)
    whole = placed(engine, company, sku, "10", ship_complete=True)
    for quantity in ("1", "3"):
        placed(engine, company, sku, "1")
        receipt(engine, sku, quantity)
    assert kinds(engine) == []
    assert SweepActivities(engine).sweep_shelves(SweepPage(MONDAY)).served == (whole,)


def test_d3_10_it_is_told_once_a_day_in_one_task(engine: Engine, company: Company) -> None:
    a_day_of_trade(engine, company)
    spoil(engine, "UPDATE stock SET picking = picking - 1, reserved = reserved + 1")
    assert check(engine, MONDAY) == StockChecked(2, 2)
    assert check(engine, MONDAY) == StockChecked(2, 2), "a repeat answers the same"
    assert check(engine, MONDAY + HOUR) == StockChecked(2, 0)
    spoil(engine, "UPDATE stock SET on_hand = on_hand + 1")
    assert check(engine, MONDAY + 2 * HOUR) == StockChecked(4, 2)

    with Session(engine) as session, session.begin():
        (task,) = session.exec(select(TaskRow).where(TaskRow.kind == "stock_drift"))
        assert (task.role, task.state, task.subject) == (
            "admin", "open", "Остатки не сходятся, расхождений: 4. Найти причину",
        )  # fmt: skip
        assert [each["kind"] for each in task.details["findings"]] == ["reserved", "picking", "on_hand", "unserved"]
        assert task.details["findings"][0] | {"recorded": "36.000", "counted": "35.000"} == task.details["findings"][0]
        told = session.exec(select(JournalRow).where(JournalRow.event == "stock_drift").order_by(col(JournalRow.id)))
        assert [event_text(row.event, subject=row.subject, **row.data) for row in told] == [
            "Количество в комплектации не совпадает с заказами, таких мест: 1.",
            "Резерв на складе не равен резервам заказов, таких мест: 1.",
            "Остаток не равен сумме движений, таких мест: 1.",
            "Свободный товар не распределён по очереди, таких мест: 1.",
        ]
        complete_task(session, task.id, company.admin, None, "Разбираемся", at=MONDAY + 3 * HOUR)

    assert check(engine, MONDAY + 4 * HOUR) == StockChecked(4, 0), "closed by hand: not again on this day"
    assert check(engine, MONDAY + DAY) == StockChecked(4, 4), "what is still wrong the next day is told anew"


def test_an_empty_company_and_an_empty_base_add_up(engine: Engine) -> None:
    assert check(engine, MONDAY) == StockChecked()
    a_company(engine)
    assert check(engine, MONDAY + HOUR) == StockChecked()
