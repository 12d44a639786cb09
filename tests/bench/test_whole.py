"""`./opora bench all`: every part in one report, whatever comes of the next."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.benchmarks import a_run
from support.stack import opora

from bench.invoices import Pace
from bench.invoices import Run as InvoiceRun
from bench.machine import Machine
from bench.markdown import Row, cpu_table, invoice_rows, order_rows, page, start_rows
from bench.parts import NAMES, Sizes, chosen
from bench.start import Run as StartRun
from bench.whole import Part, run_all
from cli.local.problems import StackError

MACHINE = Machine("Linux x86_64", 2, 24_000, "3.11", 0.1, "0123456789ab")
AT = datetime(2026, 4, 6, tzinfo=UTC)
SMALL = Sizes(1, (1,), 1, 1, 1, (10,), 10, (10,), timedelta(seconds=1))


def a_part(name: str, figure: int) -> Part[int]:
    return Part(
        name,
        measure=lambda _: figure,
        show=lambda outcome, console: console.print(f"{name} {outcome}"),
        as_json=lambda outcome: {"figure": outcome},
        rows=lambda outcome: [Row(name, f"{outcome} ×")],
        as_picture=lambda outcome: f"<svg>{outcome}</svg>",
        as_table=lambda outcome: f"table {outcome}",
    )


def failing(_: object) -> int:
    raise StackError("Нет места.")


def breaking(_: object) -> int:
    raise TimeoutError("late")


def test_each_part_is_in_the_report_with_how_long_it_took(tmp_path: Path) -> None:
    out = StringIO()
    run_all([a_part("one", 1), a_part("two", 2)], tmp_path / "new", print, Console(file=out, width=120))
    report = json.loads((tmp_path / "new/bench.json").read_text())
    assert report["parts"] == {"one": {"figure": 1}, "two": {"figure": 2}}
    assert list(report["took_seconds"]) == ["one", "two"]
    assert report["machine"]["cores"] > 0
    table = (tmp_path / "new/bench.md").read_text()
    assert "| one | 1 × |" in table
    assert "| two | 2 × |" in table
    assert "Took: one 0:00:00; two 0:00:00." in table
    assert (tmp_path / "new/two.svg").read_text() == "<svg>2</svg>"
    assert out.getvalue().count("one: Заняло 0:00:00.") == 2


def test_a_part_that_fails_takes_nothing_with_it(tmp_path: Path) -> None:
    bad = Part("bad", failing, print, dict, list)
    broken = Part("broken", breaking, print, dict, list)
    with pytest.raises(StackError, match=r"bad: Нет места\.\nbroken: TimeoutError\('late'\)"):
        run_all([a_part("one", 1), bad, broken, a_part("two", 2)], tmp_path, print, Console(file=StringIO()))
    assert list(json.loads((tmp_path / "bench.json").read_text())["parts"]) == ["one", "two"]
    assert "| one | 1 × |" in (tmp_path / "bench.md").read_text()


def test_parts_are_chosen_by_name_and_run_in_one_order() -> None:
    assert tuple(part.name for part in chosen(",".join(NAMES), SMALL)) == NAMES
    assert [part.name for part in chosen("memory, orders", SMALL)] == ["orders", "memory"]
    with pytest.raises(StackError, match="orders, invoices"):
        chosen("orders,all", SMALL)


def test_all_without_a_choice_is_all() -> None:
    from bench.__main__ import everything

    assert everything.__defaults__ is not None
    assert ",".join(NAMES) in everything.__defaults__


def rows_of(text: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [each.strip() for each in row[1:]] for row in cells}


def test_the_table_of_orders_has_ratios_before_figures() -> None:
    rows = rows_of(page(MACHINE, order_rows(a_run()), [cpu_table(a_run())], ["orders 0:01:00"]))
    assert rows["CPU: whole order on credit / the engine's reference order"] == [
        "1.50 ×", "≤ 1.50 ×", "150 ms", "100 ms"
    ]  # fmt: skip
    assert rows["CPU: order on credit / the engine on its road, a transaction in each step"][0] == "0.75 ×"
    title = "placing with decision / update-with-start, open loop, both at half of our rate, 1 caller: p50, p95, p99"
    assert rows[title] == [
        "8.00 ×, 8.00 ×, 8.00 ×",
        "≤ 2.00 ×",
        "40, 80, 80 ms at 11.1/s",
        "5, 10, 10 ms at 11.1/s",
    ]
    assert rows["whole orders a second, prepaid / reference orders"] == ["0.20 ×", "", "4.0/s", "20.0/s"]
    assert rows["CPU milliseconds per order"] == ["server", "worker", "API", "PostgreSQL", "caller", "all"]
    assert rows["order on credit"] == ["50", "60", "25", "15", "", "150"]


def test_the_table_names_machine_commit_and_the_rest() -> None:
    invoices = InvoiceRun(AT, MACHINE, 500, engine=Pace(100.0, 120.0), ours=Pace(30.0, 12.0))
    start = StartRun(AT, MACHINE, [2.0], [10.0], [6.0], {"worker": [3.5, 2.0, 3.0]})
    text = page(MACHINE, invoice_rows(invoices) + start_rows(start), [], ["start 0:01:00"])
    assert text.index("commit `0123456789ab`") < text.index("Linux x86_64, 2 cores") < text.index("| Ratio |")
    rows = rows_of(text)
    assert rows["invoices paid / empty workflows ended"] == ["0.10 ×", "", "12.0/s", "120.0/s"]
    assert rows["start-up, empty directory / the engine's server and worker"][0] == "5.00 ×"
    assert "3.0, 3.5 s" in rows["kill -9 of worker: an order decided after, median, most"]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_person_runs_one_part_of_all(tmp_path: Path) -> None:
    run = opora("bench", "all", "--parts", "invoices", "--invoices", "5", "--into", tmp_path, timeout=180)
    assert run.returncode == 0, run.stderr
    assert run.stdout.index("invoices: Заняло") < run.stdout.index("Отчёт:")
    assert json.loads((tmp_path / "bench.json").read_text())["parts"]["invoices"]["invoices"] == 5
    assert "invoices put under watch" in (tmp_path / "bench.md").read_text()
    assert ET.parse(tmp_path / "invoices.svg").getroot().tag.endswith("svg")
