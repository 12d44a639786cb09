"""`./opora bench reserves` as a person runs it, in a small way: the same road, no promise about its figures."""

import json
import os
from pathlib import Path

import pytest
from support.stack import opora

from bench.reserves import SERVER_LIMIT, limited_server

SMALL = ("--orders", "7", "--expire", "4", "--remind", "3", "--window", "3s", "--settle", "1s")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_prints_a_table_and_writes_what_it_measured(tmp_path: Path) -> None:
    file = tmp_path / "reserves.json"
    run = opora("bench", "reserves", *SMALL, "--json", file, env={"COLUMNS": "200"}, timeout=380)
    assert run.returncode == 0, run.stderr
    assert "Открытых резервов: 7" in run.stdout
    assert "Снято позже 60 с после срока" in run.stdout
    assert run.stdout.index("резервы / пустые процессы") < run.stdout.index("На этой машине")
    report = json.loads(file.read_text())
    assert report["benchmark"] == "reserves"
    assert report["never_released"] == 0
    counts = {name: each["count"] for name, each in report["lateness"].items()}
    assert counts == {"released": 4, "journal": 4, "reminded": 3}
    assert min(report["lateness"]["journal"]["p50"], report["lateness"]["released"]["p50"]) > 0
    assert report["bytes"]["opora"]["idle"]["worker"] > report["bytes"]["opora"]["opened"]["worker"]


def test_only_servers_of_reserves_are_held_to_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    with limited_server():
        assert os.environ["GOMEMLIMIT"] == SERVER_LIMIT
    assert "GOMEMLIMIT" not in os.environ
    monkeypatch.setenv("GOMEMLIMIT", "1GiB")
    with limited_server():
        assert os.environ["GOMEMLIMIT"] == "1GiB"
    assert os.environ["GOMEMLIMIT"] == "1GiB"


def test_more_ends_than_orders_is_one_sentence() -> None:
    run = opora("bench", "reserves", "--orders", "5", "--expire", "6")
    assert run.returncode == 1
    assert run.stderr.strip() == "Сроков и напоминаний 6, а заказов 5: уменьшите --expire или --remind."


def test_the_bench_tells_what_it_can_measure() -> None:
    told = opora("bench", "--help").stdout
    assert all(name in told for name in ("orders", "reserves", "invoices", "memory", "start", "growth", "all"))
