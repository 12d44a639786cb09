"""What `./opora bench orders` counts and shows; measuring itself takes a quiet machine and minutes."""

from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.benchmarks import a_run

from bench.cpu import CpuPerOrder, per_order
from bench.history import History
from bench.order_report import as_json, as_picture, show
from bench.orders import EngineCost


def test_cost_is_what_came_between_two_readings_for_each_order() -> None:
    cost = per_order({"api": 1.0, "worker": 2.0}, {"api": 1.5, "worker": 2.0}, orders=100)
    assert cost.by_process == {"api": 5.0, "worker": 0.0}
    assert cost.total == 5.0


def test_phases_add_up_by_process() -> None:
    assert a_run().credit.whole.by_process == {"temporal": 50.0, "worker": 60.0, "api": 25.0, "postgres": 15.0}


def test_ratios_come_first() -> None:
    report = as_json(a_run())
    assert list(report)[2] == "credit_ratio"
    assert report["credit_ratio"] == pytest.approx(1.5)
    assert report["prepaid_ratio"] == pytest.approx(1.8)
    assert report["course_ratio"] == pytest.approx(1.3)
    assert report["noting_course_ratio"] == pytest.approx(2.0)
    assert report["credit_to_course_ratio"] == pytest.approx(150 / 130)
    assert report["credit_to_noting_course_ratio"] == pytest.approx(0.75)
    assert report["placing"][0]["ratio"] == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert report["placing"][0]["loop"] == "closed"
    assert report["placing"][1]["loop"] == "open"
    assert report["placing"][1]["offered_per_second"] == {"engine": 33.3, "opora": 11.1}
    assert report["placing"][2]["loop"] == "open_equal_rates"
    assert report["placing"][2]["ratio"]["p50"] == 8.0
    assert report["machine"]["commit"] == "0123456789ab"
    assert report["cpu_ms"]["credit"]["place"]["worker"] == 50.0
    assert report["per_second_ratio"] == {"credit": 0.25, "prepaid": 0.2}
    assert report["history_ratio"]["credit"] == {"events": 2.0, "bytes": 5.0}
    assert report["served"]["prepaid"] == {"statements": 520, "transactions": 72}


def test_people_see_the_ratio_its_norm_and_the_machine() -> None:
    out = StringIO()
    show(a_run(), Console(file=out, width=160))
    text = out.getvalue()
    assert "1,50 ×" in text
    assert "≤ 1,75 ×" in text
    assert "0,25 ×" in text
    assert "заказ с отсрочкой / тот же путь, в шаге транзакция" in text
    assert "каждому половина его скорости" in text
    assert "обоим половина нашей скорости" in text
    assert "запросов 450, транзакций 60" in text
    assert text.index("образец движка") < text.index("На этой машине")


def test_the_picture_is_one_bar_for_each_kind_of_order() -> None:
    picture = ET.fromstring(as_picture(a_run()))
    labels = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"100", "130", "200", "150", "180"} <= set(labels)
    assert any("0123456789ab" in str(label) for label in labels)


def test_the_engine_before_and_after_ours_counts_alike() -> None:
    fast, slow = (
        EngineCost(CpuPerOrder({"temporal": cpu}), per_second, History(50, 8_192))
        for cpu, per_second in ((40.0, 30.0), (80.0, 15.0))
    )
    mean = EngineCost.mean([fast, slow])
    assert mean.cpu.by_process == {"temporal": 60.0}
    assert mean.per_second == pytest.approx(20.0)
