"""What invoices per second, memory, starts and growth are shown as: ratios first, figures beside the machine."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from bench import growth_report, invoice_report, markdown, memory_report, start_report
from bench.cpu import CpuPerOrder
from bench.figures import MIB, Memory
from bench.filling import Side
from bench.growth import Grown
from bench.growth import Run as GrowthRun
from bench.history import History
from bench.invoices import Pace, owed_by, sheets
from bench.invoices import Run as InvoiceRun
from bench.machine import Machine
from bench.memory import Run as MemoryRun
from bench.orders import OrderCost
from bench.start import Run as StartRun
from bench.statements import Served

AT = datetime(2026, 4, 6, tzinfo=UTC)
MACHINE = Machine("Linux x86_64", 2, 24_000, "3.11", 0.1)


def shown(show: Any, run: Any) -> str:
    out = StringIO()
    show(run, Console(file=out, width=160))
    text = out.getvalue()
    assert text.index("×") < text.index("На этой машине")
    return text


def labels(picture: str) -> set[str | None]:
    return {element.text for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")}


def test_invoices_per_second_beside_the_engine() -> None:
    run = InvoiceRun(AT, MACHINE, 500, engine=Pace(100.0, 120.0), ours=Pace(30.0, 12.0))
    report = invoice_report.as_json(run)
    assert (report["started_ratio"], report["paid_ratio"]) == (0.3, 0.1)
    assert "0,30 ×" in shown(invoice_report.show, run)
    assert {"100,0 в секунду", "30,0 в секунду"} <= labels(invoice_report.as_picture(run))


def test_each_payer_of_a_workbook_stands_in_it_once() -> None:
    owed = owed_by(["210340000018", "210340000026"], 5, first=40)
    customers, _, _, invoices = (rows for _, rows in sheets(owed, AT.date()))
    assert [row[2] for row in customers] == ["210340000018", "210340000026"]
    assert len({row[2] for row in invoices}) == 5


def test_memory_at_each_size() -> None:
    idle = Memory(100 * MIB, 90 * MIB, 30 * MIB)
    engine = [Side(idle, Memory(10 * MIB, 10 * MIB, 0), timedelta(milliseconds=10))]
    ours = [Side(idle, Memory(15 * MIB, 10 * MIB, 5 * MIB), timedelta(milliseconds=50))]
    run = MemoryRun(AT, MACHINE, [1000], timedelta(minutes=3), engine, ours)
    report = memory_report.as_json(run)
    assert report["memory_ratio"] == [1.25]
    assert report["opened_per_second"] == {"engine": [100.0], "opora": [20.0]}
    assert "1,50 ×" in shown(memory_report.show, run)
    assert {"1000, движок", "20,0 МиБ", "25,0 МиБ"} <= labels(memory_report.as_picture(run))


def test_starts_and_recoveries() -> None:
    run = StartRun(AT, MACHINE, [2.0], [10.0], [6.0], {"worker": [3.5, 2.0, 3.0]})
    report = start_report.as_json(run)
    assert (report["empty_ratio"], report["again_ratio"]) == (5.0, 3.0)
    assert "воркер: заказ решён через 3,0 с (3,5 с)" in shown(start_report.show, run)
    assert {"kill -9, воркер: до решения", "3,0 с", "10,0 с"} <= labels(start_report.as_picture(run))


def grown(invoices: int, factor: float) -> Grown:
    cost = OrderCost({"place": CpuPerOrder({"api": 100.0 * factor})}, 5.0, History(80, 18_000), Served(320, 24))
    ahead = OrderCost({"pay": CpuPerOrder({"api": 200.0 * factor})}, 5.0, History(90, 20_000), Served(330, 30))
    placing, pages, recovery = {1: [0.1 * factor]}, {"customer_card": [0.01]}, {"worker": 3.0 * factor}
    return Grown(invoices, invoices // 200, 2.0, MIB, cost, ahead, placing, pages, 7.0, recovery)


def test_growth_is_told_beside_the_smallest_size() -> None:
    run = GrowthRun(AT, MACHINE, 10, [grown(10_000, 1.0), grown(1_000_000, 1.5)])
    report = growth_report.as_json(run)
    assert report["ratio_to_smallest"]["cpu_ms_per_order"] == [1.0, 1.5]
    assert report["ratio_to_smallest"]["placing_1_p95_ms"] == [1.0, pytest.approx(1.5)]
    assert report["ratio_to_smallest"]["statements_per_order"] == [1.0, 1.0]
    assert report["ratio_to_smallest"]["recovery_worker_seconds"] == [1.0, 1.5]
    assert report["figures"][1]["cpu_ms_per_prepaid_order"] == 300.0
    rows = {row.title: row.ratio for row in markdown.growth_rows(run)}
    assert rows["1,000,000 invoices / 10,000: CPU of a prepaid order"] == "1.50 ×"
    assert rows["1,000,000 invoices / 10,000: kill -9 of the worker: an order decided after"] == "1.50 ×"
    assert "1 000 000" in shown(growth_report.show, run)
    assert "1,50 ×" in labels(growth_report.as_picture(run))
