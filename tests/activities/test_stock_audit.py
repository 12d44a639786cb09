"""Every run of the queue computes again from its record (U18), whatever raced; and what was tampered with is found."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from support.company import MONDAY, Company, a_company, a_customer, a_product
from support.goods import a_step, decide, quote_of, receipt, reserve
from support.stock import answer_request, ask_goods, count

from activities.lifetimes import LifetimeActivities
from activities.persistence.allocations import by_run, recorded_run
from activities.persistence.replay import snapshot
from activities.persistence.stock_audit import audit_runs
from activities.persistence.stock_tables import StockAllocationRow
from activities.stock import StockActivities
from activities.sweeps import SweepActivities
from cli.audit import days_of
from cli.doctor import _stock
from cli.stock_audit import StockReport, audit_stock, stock_command
from domain.sweeps import SweepPage

DAY = timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def audited(engine: Engine, at: Any = MONDAY) -> StockReport:
    return audit_stock(engine, since=None, until=None, as_of=at)


def confirmed(engine: Engine, company: Company, customer: Any, *lines: tuple[str, str], whole: bool = False) -> str:
    order = quote_of(engine, company, customer, list(lines), ship_complete=whole)
    decide(engine, company, order)
    return order


def rows(engine: Engine) -> list[StockAllocationRow]:
    with Session(engine) as session:
        return list(session.exec(select(StockAllocationRow).order_by(col(StockAllocationRow.id))))


def tamper(engine: Engine, change: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE stock_allocation DISABLE TRIGGER stock_allocation_append_only"))
        connection.execute(text(f"UPDATE stock_allocation SET {change}"))
        connection.execute(text("ALTER TABLE stock_allocation ENABLE TRIGGER stock_allocation_append_only"))


class Market:
    """Customers of both classes and a few scarce goods, with what happens to them picked at random."""

    def __init__(self, engine: Engine, company: Company, seed: int) -> None:
        self.engine, self.company, self.random = engine, company, random.Random(seed)
        people = [
            a_customer(engine, company, segment=segment, limit="90000000.00", prepayment_percent=share)
            for segment, share in (("vip", 0), ("standard", 0), ("standard", 100), ("standard", 0))
        ]
        self.skus = [a_product(engine, price="10.00", hold_back=share, on_hand="12") for share in ("0", "10", None)]
        self.orders = [
            confirmed(engine, company, self.random.choice(people), *self._lines(), whole=self.random.random() < 0.4)
            for _ in range(30)
        ]

    def _lines(self) -> list[tuple[str, str]]:
        some = self.random.sample(self.skus, self.random.randint(1, 3))
        return [(sku, self.random.choice(["2", "5", "9", "2.5"])) for sku in some]

    def happens(self, day: int) -> list[Any]:
        """Steps of one day, each a function: they may come in any order, and all at once."""
        at, stock, lifetimes = MONDAY + day * DAY, StockActivities(self.engine), LifetimeActivities(self.engine)
        steps: list[Any] = [
            partial(receipt, self.engine, sku, self.random.choice(["1", "2", "3.5", "6"])) for sku in self.skus
        ]
        for order in self.random.sample(self.orders, 10):
            steps += [
                partial(stock.reserve_order, a_step(order, 1, at=at)),
                partial(lifetimes.release_order, a_step(order, 10 + day, at=at)),
            ]
            if self.random.random() < 0.2:
                steps.append(partial(stock.free_order_stock, a_step(order, 100 + day, at=at)))
        steps.append(partial(SweepActivities(self.engine).sweep_shelves, SweepPage(at)))
        self.random.shuffle(steps)
        return steps


@pytest.mark.parametrize("seed", [1, 2])
def test_u18_what_raced_over_real_transactions_computes_again(engine: Engine, company: Company, seed: int) -> None:
    market = Market(engine, company, seed)
    with ThreadPoolExecutor(6) as threads:
        for day in range(0, 22, 2):
            for done in [threads.submit(step) for step in market.happens(day)]:
                done.result()

    report = audited(engine, MONDAY + 22 * DAY)
    assert report.runs > 40
    assert [run.differences for run in report.differing] == []
    assert report.sound == report.runs
    assert {finding.kind for finding in report.drift.findings} <= {"expired", "unserved"}  # nobody played the workflows
    rules = {claim["rule"] for row in rows(engine) for claim in row.claims}
    assert rules >= {"in_turn", "lifted", "ran_out", "held_back", "whole_only", "gathering"}


def test_u18_an_order_that_ships_whole_is_recorded_on_all_its_shelves(engine: Engine, company: Company) -> None:
    """Goods are there for it on the shelf that another asks of, and not on its other one: it still computes to none."""
    here, there = a_product(engine, on_hand="20"), a_product(engine)
    standard, vip = a_customer(engine, company), a_customer(engine, company, segment="vip")
    first = confirmed(engine, company, vip, (here, "10"), (there, "5"), whole=True)
    reserve(engine, first)
    second = confirmed(engine, company, standard, (here, "30"), whole=True)
    reserve(engine, second)

    recorded = by_run(rows(engine))[-1]
    assert {(row.sku, row.free_before) for row in recorded} == {(here, 20), (there, 0)}
    assert {claim.order_id for claim in recorded_run(recorded).claims} == {first, second}
    assert audited(engine).clean


def test_u18_how_many_wait_is_told_also_where_nothing_was_free(engine: Engine, company: Company) -> None:
    sku, standard = a_product(engine), a_customer(engine, company)
    for _ in range(3):
        reserve(engine, confirmed(engine, company, standard, (sku, "5")))
    assert [(len(row.claims), row.waiting) for row in rows(engine) if row.cause == "order"] == [(1, 1), (1, 2), (1, 3)]


def a_run(engine: Engine, company: Company) -> None:
    """A receipt that serves one of two who wait, held back by the policy."""
    sku, standard = a_product(engine, hold_back=None), a_customer(engine, company)
    for _ in range(2):
        reserve(engine, confirmed(engine, company, standard, (sku, "8")))
    receipt(engine, sku, "10")


@pytest.mark.parametrize(
    "change",
    [
        "claims = jsonb_set(claims, '{0,given}', '\"7\"')",
        "claims = jsonb_set(claims, '{1,vip}', 'true')",
        "claims = jsonb_set(claims, '{1,line,since}', '\"2026-03-30T05:00:00Z\"')",
        "hold_back_percent = 20",
        "free_before = 11",
        "free_after = free_after + 0.001",
        "claims = jsonb_set(claims, '{0,given}', '\"all\"')",
        "claims = '[{}]'",
    ],
)
def test_u18_a_tampered_run_is_found(engine: Engine, company: Company, change: str) -> None:
    a_run(engine, company)
    assert audited(engine).clean
    (last,) = [row for row in rows(engine) if any(Decimal(claim["given"]) for claim in row.claims)]
    tamper(engine, f"{change} WHERE id = {last.id}")

    report = audited(engine)
    assert (report.runs - report.sound, [run.run for run in report.differing]) == (1, [last.run])
    assert report.differing[0].differences or not report.differing[0].readable


def test_u18_goods_that_moved_by_the_heads_word_or_by_a_count_compute_too(engine: Engine, company: Company) -> None:
    """D8-4, D7-15: only the queue behind them is computed."""
    sku, vip = a_product(engine, on_hand="8"), a_customer(engine, company, segment="vip")
    ordinary = a_customer(engine, company, prepayment_percent=100)
    giver, taker = confirmed(engine, company, ordinary, (sku, "8")), confirmed(engine, company, vip, (sku, "6"))
    for order in (giver, taker):
        reserve(engine, order)
    answer_request(engine, company.head, ask_goods(engine, company.manager, sku, giver, taker, "5"))
    count(engine, company, {sku: "6"})
    assert {row.cause for row in rows(engine)} == {"order", "reassignment", "count"}
    assert audited(engine).clean


def test_pages_cut_runs_anywhere_and_days_choose(engine: Engine, company: Company) -> None:
    skus = [a_product(engine, on_hand="3") for _ in range(5)]
    for _ in range(3):
        reserve(engine, confirmed(engine, company, a_customer(engine, company), *((sku, "2") for sku in skus)))
    with snapshot(engine) as session:
        whole = [run.run for run in audit_runs(session, days_of(session, None, None))]
        cut = [run.run for run in audit_runs(session, days_of(session, None, None), size=2)]
    assert whole == cut
    assert len(whole) == len(set(whole)) == 3
    assert audit_stock(engine, since=MONDAY.date(), until=MONDAY.date(), as_of=MONDAY).runs == 3
    assert audit_stock(engine, since=MONDAY.date() + DAY, until=None, as_of=MONDAY).runs == 0


def test_the_command_says_what_differs_with_its_figures(
    engine: Engine, company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPORA_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    a_run(engine, company)
    SweepActivities(engine).sweep_shelves(SweepPage(datetime.now(UTC)))
    assert stock_command(None, since=None, until=None)
    assert capsys.readouterr().out.splitlines() == [
        "Распределений: 4, совпало: 4, расходится: 0.", "Остатков проверено: 1, расхождений: 0.",
    ]  # fmt: skip
    assert _stock(engine) == (True, "Остатки сходятся с движениями и резервами")

    (last,) = [row for row in rows(engine) if row.cause == "receipt" and row.claims]
    tamper(engine, f"claims = jsonb_set(claims, '{{0,given}}', '\"7\"') WHERE id = {last.id}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE stock SET on_hand = on_hand + 2.5"))
    assert not stock_command(None, since=None, until=None)
    said = capsys.readouterr().out
    sku = last.sku
    assert f"{sku}, склад main, 06.04.2026 05:00: заказу ЗК-000001, строка 1, записано 7, по расчёту 8." in said
    assert f"{sku}, склад main, 06.04.2026 05:00: свободным осталось 1, по расчёту 2." in said
    assert f"{sku}, склад main: на складе числится 12,5, по движениям 10." in said
    assert "Распределений: 4, совпало: 3, расходится: 1." in said
    assert _stock(engine)[0] is False
